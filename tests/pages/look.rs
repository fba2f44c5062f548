//! How pages look, to eyes, to small screens, on paper and to programs that read aloud.

use std::{fs, path::Path};

use libtest_mimic::Failed;
use serde_json::json;

use crate::world::{World, none, strings};

/// axe-core 4.14.1, by Deque Systems, under the MPL 2.0 (`axe/LICENSE`); not a part of the book.
const AXE: &str = include_str!("axe/axe.min.js");

/// What our own in `theme/` may weigh, in bytes, uncompressed: not mdBook's template, the fonts, and the highlighter.
const MOST_BYTES: u64 = 40 * 1024;

/// Our styles and scripts stay small.
pub fn small(root: &Path) -> Result<(), String> {
    let folder = fs::read_dir(root.join("theme")).map_err(|error| error.to_string())?;
    let files: Vec<_> = folder
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension().is_some_and(|it| it == "css" || it == "js") && !path.ends_with("highlight.js")
        })
        .collect();
    let bytes: u64 = files
        .iter()
        .filter_map(|path| fs::metadata(path).ok())
        .map(|it| it.len())
        .sum();
    if files.is_empty() || bytes > MOST_BYTES {
        return Err(format!(
            "{} files of theme/ hold {bytes} bytes; at most {MOST_BYTES}",
            files.len()
        ));
    }
    Ok(())
}

pub fn axe_in_light(world: &World) -> Result<(), Failed> {
    axe(world, "light", "rules: { 'target-size': { enabled: true } }")
}

pub fn axe_in_dark(world: &World) -> Result<(), Failed> {
    // Nothing but colours differs from the light page.
    axe(world, "dark", "runOnly: ['color-contrast']")
}

fn axe(world: &World, scheme: &str, what: &str) -> Result<(), Failed> {
    let mut found = Vec::new();
    let mut tab = world.tab()?;
    // Calm, so that nothing is measured on its way from one colour to another.
    tab.media(&[
        ("prefers-color-scheme", scheme),
        ("prefers-reduced-motion", "reduce"),
    ])?;
    for page in world.pages.iter().map(String::as_str).chain(["404.html"]) {
        tab.go(&world.url(page))?;
        tab.eval(AXE)?;
        let faults = tab.eval(&format!(
            "document.querySelectorAll('details').forEach((it) => {{ it.open = true; }}); \
             axe.run({{ resultTypes: ['violations'], {what} }}).then((all) => all.violations.flatMap((it) => it.nodes.map((node) => \
             `${{it.id}} (${{it.impact}}): ${{node.target.join(' ')}}\\n    ${{node.failureSummary.split('\\n').slice(1).join('; ')}}`)))",
        ))?;
        found.extend(
            strings(&faults)
                .iter()
                .map(|it| format!("{page} in {scheme}: {it}")),
        );
    }
    none(found)
}

pub fn narrow(world: &World) -> Result<(), Failed> {
    cut_off(world, 320, 700, 2.0)
}

/// At 200 % a window of 1280 pixels has room for 640.
pub fn zoomed(world: &World) -> Result<(), Failed> {
    cut_off(world, 640, 450, 2.0)
}

fn cut_off(world: &World, width: u32, height: u32, scale: f64) -> Result<(), Failed> {
    let mut found = Vec::new();
    let mut tab = world.tab()?;
    tab.size(width, height, scale)?;
    for page in world
        .pages
        .iter()
        .map(String::as_str)
        .chain(["404.html", "print.html"])
    {
        tab.go(&world.url(page))?;
        let wide = tab.eval(
            "(() => { \
               document.querySelectorAll('details').forEach((it) => { it.open = true; }); \
               const main = document.querySelector('main'); \
               const scrolls = (it) => { for (; it !== main; it = it.parentElement) { \
                 if (getComputedStyle(it).overflowX !== 'visible') return true; } return false; }; \
               const found = [...main.querySelectorAll(':not(svg *)')].filter((it) => it.checkVisibility() && \
                 it.getBoundingClientRect().right > innerWidth + 1 && !scrolls(it.parentElement)) \
                 .map((it) => `${it.localName}.${it.className} ends at ${Math.round(it.getBoundingClientRect().right)}: ${it.textContent.trim().slice(0, 40)}`); \
               for (const box of [document.documentElement, document.body, document.querySelector('.content')]) { \
                 if (box.scrollWidth > box.clientWidth + 1) found.push(`${box.localName} is ${box.scrollWidth} wide`); } \
               return found; })()",
        )?;
        found.extend(
            strings(&wide)
                .iter()
                .map(|it| format!("{page}, {width} wide: {it}")),
        );
    }
    none(found)
}

pub fn calm(world: &World) -> Result<(), Failed> {
    let moving = "[...document.querySelectorAll('*')].filter((it) => { const style = getComputedStyle(it); \
                  return style.animationName !== 'none' || style.transitionDuration.split(', ').some((it) => it !== '0s') || \
                  style.scrollBehavior === 'smooth'; }).map((it) => `${it.localName}#${it.id}.${it.getAttribute('class')}`)";
    let mut found = Vec::new();
    let mut tab = world.tab()?;
    tab.media(&[("prefers-reduced-motion", "reduce")])?;
    for page in &world.pages {
        tab.go(&world.url(page))?;
        found.extend(
            strings(&tab.eval(moving)?)
                .iter()
                .map(|it| format!("{page}: {it} moves")),
        );
    }
    none(found)
}

pub fn follows_the_system(world: &World) -> Result<(), Failed> {
    let mut tab = world.tab()?;
    let mut grounds = Vec::new();
    for scheme in ["light", "dark"] {
        tab.media(&[("prefers-color-scheme", scheme)])?;
        for scripts in [true, false] {
            tab.call(
                "Emulation.setScriptExecutionDisabled",
                json!({ "value": !scripts }),
            )?;
            tab.go(&world.url("index.html"))?;
            let ground = tab.eval("getComputedStyle(document.documentElement).backgroundColor")?;
            grounds.push(ground.as_str().unwrap_or_default().to_owned());
        }
    }
    if grounds[0] == grounds[2] || grounds[0] != grounds[1] || grounds[2] != grounds[3] {
        return Err(format!("light, light without scripts, dark, dark without scripts: {grounds:?}").into());
    }
    Ok(())
}

pub fn without_scripts(world: &World) -> Result<(), Failed> {
    let mut found = Vec::new();
    let mut tab = world.tab()?;
    tab.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }))?;
    for page in &world.pages {
        tab.go(&world.url(page))?;
        if tab.eval("document.documentElement.classList.contains('js')")? == true {
            return Err("scripts ran, so nothing is known about a page without them".into());
        }
        let faults = tab.eval(
            "(() => { const main = document.querySelector('main'); const found = []; \
             for (const it of main.querySelectorAll('p, li, pre, table, figure, summary, h1, h2, h3')) { \
               if (it.closest('details') && it.localName !== 'summary' || it.matches('.blockquote-tag-title, .check-key')) continue; \
               if (!it.checkVisibility({ opacityProperty: true, visibilityProperty: true })) \
                 found.push(`cannot be seen: ${it.textContent.trim().slice(0, 60)}`); } \
             if (!document.querySelector('main').innerText.trim()) found.push('there is no text'); \
             if (![...document.querySelectorAll('a[rel=next], a[rel=prev]')].some((it) => it.checkVisibility())) \
               found.push('no way to the next page'); \
             return found; })()",
        )?;
        found.extend(strings(&faults).iter().map(|it| format!("{page}: {it}")));
    }
    none(found)
}

pub fn on_paper(world: &World) -> Result<(), Failed> {
    let mut found = Vec::new();
    let mut tab = world.tab()?;
    tab.media(&[("prefers-color-scheme", "dark")])?;
    for page in &world.pages {
        tab.go(&world.url(page))?;
        tab.call(
            "Emulation.setEmulatedMedia",
            json!({ "media": "print", "features": [{ "name": "prefers-color-scheme", "value": "dark" }] }),
        )?;
        let faults = tab.eval(
            "(() => { dispatchEvent(new Event('beforeprint')); const found = []; \
             const [r, g, b] = getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number); \
             if (r + g + b < 700) found.push('the paper is dark'); \
             const ink = getComputedStyle(document.querySelector('main > p:not(.lead, .part)')).color.match(/\\d+/g).map(Number); \
             if (ink[0] + ink[1] + ink[2] > 200) found.push(`the ink is pale: ${ink}`); \
             for (const it of document.querySelectorAll('main details:not(.whole, .answer)')) if (!it.open) found.push('something is folded'); \
             for (const it of document.querySelectorAll('#mdbook-menu-bar, #mdbook-sidebar, .nav-wrapper, .nav-wide-wrapper a, pre > .buttons, .skip')) \
               if (it.checkVisibility()) found.push(`${it.id || it.className} is printed`); \
             dispatchEvent(new Event('afterprint')); return found; })()",
        )?;
        found.extend(strings(&faults).iter().map(|it| format!("{page}: {it}")));
    }
    none(found)
}

/// The highlighter has the languages of this book and no other, so a new one must be told it.
pub fn languages(world: &World) -> Result<(), Failed> {
    let mut found = Vec::new();
    let mut coloured = 0;
    let mut tab = world.tab()?;
    for page in &world.pages {
        tab.go(&world.url(page))?;
        let unknown = tab.eval(
            "[...document.querySelectorAll('code[class*=language-]')].map((it) => it.className.match(/language-([^ ]+)/)[1]) \
             .filter((it) => !hljs.getLanguage(it)).map((it) => `the highlighter does not know ${it}: add it to theme/highlight.js`)",
        )?;
        found.extend(strings(&unknown).iter().map(|it| format!("{page}: {it}")));
        let keywords = tab.eval("document.querySelectorAll('code.language-rust .hljs-keyword').length")?;
        coloured += keywords.as_u64().unwrap_or_default();
    }
    if coloured == 0 {
        found.push("no keyword of Rust is coloured anywhere".into());
    }
    none(found)
}
