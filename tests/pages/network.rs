//! What a page asks for, what that weighs, and what it says about it.

use std::collections::HashSet;

use book::chromium::{Tab, Told};
use libtest_mimic::Failed;

use crate::world::{World, none};

const FIRST_LOAD: f64 = 200e3;
const SECOND_LOAD: f64 = 60e3;

/// Lets a page do all it does: reads it to its end, and starts a search.
fn use_it(tab: &mut Tab<'_>) -> Result<(), Failed> {
    tab.eval("scrollTo(0, document.body.scrollHeight)")?;
    tab.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))")?;
    tab.key("/")?;
    tab.until("window.elasticlunr && document.activeElement.id === 'mdbook-searchbar'")?;
    Ok(())
}

/// What is said on the console, with the page.
fn said(page: &str, told: &Told) -> Option<String> {
    let said = match told.method.as_str() {
        "Runtime.consoleAPICalled" => &told.params["args"],
        "Runtime.exceptionThrown" => &told.params["exceptionDetails"]["exception"]["description"],
        "Log.entryAdded" => &told.params["entry"]["text"],
        _ => return None,
    };
    Some(format!("{page}: {said}"))
}

/// What is asked for.
fn asked(told: &Told) -> Option<&str> {
    match told.method.as_str() {
        "Network.requestWillBeSent" => told.params["request"]["url"].as_str(),
        "Network.webSocketCreated" => told.params["url"].as_str(),
        _ => None,
    }
}

/// Every page, by one who has nothing yet: it is light, says nothing on the console, and asks nobody else for anything.
pub fn first_visit(world: &World) -> Result<(), Failed> {
    let mut found = Vec::new();
    let mut requests = 0;
    let socket = world.origin.replace("http:", "ws:");
    let home = [world.origin.as_str(), &socket, "data:"];
    for page in &world.pages {
        let mut tab = world.open(page)?;
        let mut told = tab.told()?;
        let bytes = weight(&told);
        println!("{page}: {bytes} bytes at first");
        if !(10e3..=FIRST_LOAD).contains(&bytes) {
            found.push(format!(
                "{page} costs {bytes} bytes to one who has nothing; at most {FIRST_LOAD}"
            ));
        }
        use_it(&mut tab)?;
        told.extend(tab.told()?);
        found.extend(told.iter().filter_map(|told| said(page, told)));
        for url in told.iter().filter_map(asked) {
            requests += 1;
            if !home.iter().any(|home| url.starts_with(home)) {
                found.push(format!("{page} asks for {url}"));
            }
        }
    }
    for page in ["print.html", "toc.html"] {
        let told = world.open(page)?.told()?;
        found.extend(told.iter().filter_map(|told| said(page, told)));
    }
    if requests < world.pages.len() {
        return Err("fewer requests than pages were seen: this test is blind".into());
    }
    none(found)
}

/// The bytes that came over the wire, heads included, for what was asked for meanwhile: what the page before asked for may
/// come late.
fn weight(told: &[Told]) -> f64 {
    let id = |it: &Told| it.params["requestId"].as_str().map(str::to_owned);
    let asked: HashSet<_> = told
        .iter()
        .filter(|it| it.method == "Network.requestWillBeSent")
        .filter_map(id)
        .collect();
    let bytes = told
        .iter()
        .filter(|it| it.method == "Network.loadingFinished")
        .filter(|it| id(it).is_some_and(|id| asked.contains(&id)))
        .filter_map(|it| it.params["encodedDataLength"].as_f64());
    bytes.sum()
}

pub fn second_load(world: &World) -> Result<(), Failed> {
    let mut found = Vec::new();
    for page in &world.pages {
        // From the lightest page, so that a style or a script that only this one has would count.
        let before = if page == "index.html" {
            "404.html"
        } else {
            "index.html"
        };
        let mut tab = world.open(before)?;
        tab.told()?;
        tab.go(&world.url(page))?;
        let bytes = weight(&tab.told()?);
        println!("{page}: {bytes} bytes after another");
        if !(1e3..=SECOND_LOAD).contains(&bytes) {
            found.push(format!(
                "{page} costs {bytes} bytes to one who comes from another; at most {SECOND_LOAD}"
            ));
        }
    }
    none(found)
}

pub fn reloads(world: &World) -> Result<(), Failed> {
    let (origin, shelf) = world.apart()?;
    let mut tab = world.tab()?;
    tab.go(&format!("{origin}/index.html"))?;
    tab.until("socket.readyState === WebSocket.OPEN")?;
    tab.eval("window.before = true")?;
    shelf.put(world.again(2)?);
    tab.loaded()?;
    if tab.eval("window.before === undefined")? != true {
        return Err("the page that was told is still there".into());
    }
    Ok(())
}
