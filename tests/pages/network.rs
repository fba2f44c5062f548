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

pub fn silent(world: &World) -> Result<(), Failed> {
    let mut found = Vec::new();
    for page in world
        .pages
        .iter()
        .map(String::as_str)
        .chain(["print.html", "toc.html"])
    {
        let mut tab = world.open(page)?;
        if !["toc.html", "print.html"].contains(&page) {
            use_it(&mut tab)?;
        }
        for told in tab.told()? {
            let said = match told.method.as_str() {
                "Runtime.consoleAPICalled" => &told.params["args"],
                "Runtime.exceptionThrown" => &told.params["exceptionDetails"]["exception"]["description"],
                "Log.entryAdded" => &told.params["entry"]["text"],
                _ => continue,
            };
            found.push(format!("{page}: {said}"));
        }
    }
    none(found)
}

pub fn at_home(world: &World) -> Result<(), Failed> {
    let mut found = Vec::new();
    let mut asked = 0;
    for page in &world.pages {
        let mut tab = world.open(page)?;
        use_it(&mut tab)?;
        for told in tab.told()? {
            let url = match told.method.as_str() {
                "Network.requestWillBeSent" => told.params["request"]["url"].as_str(),
                "Network.webSocketCreated" => told.params["url"].as_str(),
                _ => continue,
            };
            let url = url.unwrap_or_default();
            asked += 1;
            let socket = world.origin.replace("http:", "ws:");
            if ![world.origin.as_str(), &socket, "data:"]
                .iter()
                .any(|home| url.starts_with(home))
            {
                found.push(format!("{page} asks for {url}"));
            }
        }
    }
    if asked < world.pages.len() {
        return Err("fewer requests than pages were seen: this test is blind".into());
    }
    none(found)
}

/// The bytes that came over the wire, heads included, for what was asked for since the last look: what the page before
/// asked for may come late.
fn weight(tab: &mut Tab<'_>) -> Result<f64, Failed> {
    let told = tab.told()?;
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
    Ok(bytes.sum())
}

pub fn first_load(world: &World) -> Result<(), Failed> {
    let mut found = Vec::new();
    for page in &world.pages {
        let mut tab = world.open(page)?;
        let bytes = weight(&mut tab)?;
        println!("{page}: {bytes} bytes at first");
        if !(10e3..=FIRST_LOAD).contains(&bytes) {
            found.push(format!(
                "{page} costs {bytes} bytes to one who has nothing; at most {FIRST_LOAD}"
            ));
        }
    }
    none(found)
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
        weight(&mut tab)?;
        tab.go(&world.url(page))?;
        let bytes = weight(&mut tab)?;
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
