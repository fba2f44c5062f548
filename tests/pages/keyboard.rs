//! The book without a mouse.

use libtest_mimic::Failed;

use crate::world::{World, none, strings};

/// What can be operated, and is not put out of the tab order because another key reaches it.
const OPERABLE: &str = "[...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')]\
    .filter((it) => it.tabIndex >= 0 && !it.disabled && it.checkVisibility({ visibilityProperty: true }) && !it.closest('[aria-hidden=true]'))";

pub fn reaches_everything(world: &World) -> Result<(), Failed> {
    let mut found = Vec::new();
    for page in &world.pages {
        let mut tab = world.open(page)?;
        let count = tab
            .eval(&format!(
                "window.reached = new Set(); window.unseen = []; \
                 addEventListener('focusin', ({{ target }}) => {{ reached.add(target); const style = getComputedStyle(target); \
                   if (style.outlineStyle === 'none' && style.boxShadow === 'none' && !(target instanceof SVGElement)) unseen.push(target); }}); \
                 {OPERABLE}.length"
            ))?
            .as_u64()
            .and_then(|count| usize::try_from(count).ok())
            .unwrap_or_default();
        if count < 5 {
            return Err(format!("{page}: only {count} things can be operated: this test is blind").into());
        }
        tab.keys("Tab", count + 10)?;
        let names = ".map((it) => `${it.localName}#${it.id}.${it.getAttribute('class')} ${it.textContent.trim().slice(0, 30)}`)";
        let missed = tab.eval(&format!("{OPERABLE}.filter((it) => !reached.has(it)){names}"))?;
        found.extend(
            strings(&missed)
                .iter()
                .map(|it| format!("{page}: the tab key never reaches {it}")),
        );
        let unseen = tab.eval(&format!("unseen{names}"))?;
        found.extend(
            strings(&unseen)
                .iter()
                .map(|it| format!("{page}: nothing shows that the focus is at {it}")),
        );
    }
    none(found)
}

pub fn contents(world: &World) -> Result<(), Failed> {
    let mut tab = world.open("index.html")?;
    let open = "document.querySelector('#mdbook-sidebar').getBoundingClientRect().right > 100";
    tab.until(open)?;
    for key in ["Enter", " "] {
        tab.eval("document.querySelector('#mdbook-sidebar-toggle').focus()")?;
        let before = tab.eval(open)?;
        tab.key(key)?;
        tab.until(&format!("({open}) !== {before}"))?;
    }
    Ok(())
}

pub fn theme(world: &World) -> Result<(), Failed> {
    let mut tab = world.open("index.html")?;
    tab.eval("document.querySelector('#mdbook-theme-toggle').focus()")?;
    tab.key("Enter")?;
    tab.until("document.activeElement.closest('#mdbook-theme-list')")?;
    tab.key("End")?;
    tab.until("document.activeElement.textContent === 'Dark'")?;
    tab.key("Enter")?;
    tab.until("document.documentElement.classList.contains('navy')")?;
    // And it stays, on the next page.
    tab.go(&world.url("ch01-echo.html"))?;
    tab.until("document.documentElement.classList.contains('navy')")?;
    Ok(())
}

pub fn answer(world: &World) -> Result<(), Failed> {
    let mut tab = world.open("ch01-echo.html")?;
    tab.eval("document.querySelector('main > details > summary').focus()")?;
    let open = "document.querySelector('main > details').open";
    for (key, state) in [("Enter", true), (" ", false)] {
        tab.key(key)?;
        tab.until(&format!("{open} === {state}"))?;
    }
    Ok(())
}

pub fn search(world: &World) -> Result<(), Failed> {
    let mut tab = world.open("index.html")?;
    tab.key("/")?;
    tab.until("document.activeElement.id === 'mdbook-searchbar'")?;
    for letter in "ferris".chars() {
        tab.key(&letter.to_string())?;
    }
    tab.until("document.querySelector('#mdbook-searchresults li a')")?;
    tab.key("ArrowDown")?;
    tab.told()?;
    tab.key("Enter")?;
    tab.loaded()?;
    tab.until("location.pathname.startsWith('/ch') && document.querySelector('main mark')")?;
    Ok(())
}
