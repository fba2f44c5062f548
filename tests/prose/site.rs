//! The built book: every link leads somewhere, every id is there once, and nothing is fetched from the network.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use figures::problem::Problem;
use mdbook_driver::{MDBook, config::Config};
use scraper::{Html, Selector};

use crate::source::Source;

/// The files of a built book.
#[derive(Debug, Default)]
pub struct Site {
    /// Every file, by its path: `ch01-echo.html`.
    pub files: BTreeSet<String>,
    /// The text of the pages.
    pub pages: BTreeMap<String, String>,
    /// The text of the style sheets.
    pub styles: BTreeMap<String, String>,
}

impl Site {
    /// Builds the book at `root` as `cargo book build` does, and reads it.
    ///
    /// # Errors
    /// What keeps it from being built.
    pub fn build(root: &Path) -> Result<Site, String> {
        let out = tempfile::tempdir().map_err(|error| error.to_string())?;
        let build = || {
            let mut book = MDBook::load_with_config(root, Config::from_disk(root.join("book.toml"))?)?;
            book.config.build.build_dir = out.path().to_owned();
            book.with_preprocessor(figures::Figures);
            book.build()
        };
        build().map_err(|error| format!("{error:#}"))?;
        let mut site = Site::default();
        site.read(out.path(), "");
        Ok(site)
    }

    fn read(&mut self, folder: &Path, prefix: &str) {
        for entry in fs::read_dir(folder).expect("the built book can be listed") {
            let path = entry.expect("a file of the built book").path();
            let name = format!(
                "{prefix}{}",
                path.file_name().unwrap_or_default().to_string_lossy()
            );
            if path.is_dir() {
                self.read(&path, &format!("{name}/"));
                continue;
            }
            let text = || fs::read_to_string(&path).expect("a page is UTF-8");
            if name.ends_with(".html") {
                self.pages.insert(name.clone(), text());
            } else if name.ends_with(".css") {
                self.styles.insert(name.clone(), text());
            }
            self.files.insert(name);
        }
    }
}

/// What is wrong with a page: which page, and what.
type Found = (String, String);

/// Every link within the book leads to a file that is there, and to an id on it.
pub fn links(site: &Site) -> Vec<Found> {
    let ids: BTreeMap<&str, BTreeSet<String>> = site
        .pages
        .iter()
        .map(|(page, text)| {
            (
                page.as_str(),
                ids(&Html::parse_document(text)).into_iter().collect(),
            )
        })
        .collect();
    let mut found = Vec::new();
    for (page, text) in &site.pages {
        let html = Html::parse_document(text);
        // The page for what is not found is shown at any path, and says where its links begin.
        let base = if attributes(&html, "base", "href").is_empty() {
            page.as_str()
        } else {
            ""
        };
        for target in attributes(&html, "a", "href")
            .into_iter()
            .chain(attributes(&html, "area", "href"))
        {
            if target.contains(':') || target.starts_with("//") {
                continue;
            }
            let (path, fragment) = target.split_once('#').unwrap_or((&target, ""));
            let path = path.split('?').next().unwrap_or_default();
            let from = if path.is_empty() { page } else { base };
            let Some(path) = resolve(from, &decode(path)) else {
                found.push((page.clone(), format!("`{target}` leads out of the book")));
                continue;
            };
            if !site.files.contains(&path) {
                found.push((
                    page.clone(),
                    format!("`{target}` leads nowhere: there is no `{path}`"),
                ));
            } else if !fragment.is_empty()
                && ids
                    .get(path.as_str())
                    .is_some_and(|ids| !ids.contains(&decode(fragment)))
            {
                found.push((
                    page.clone(),
                    format!("`{target}` leads nowhere: nothing on `{path}` has the id `{fragment}`"),
                ));
            }
        }
    }
    found
}

/// No id stands twice on a page.
pub fn doubles(site: &Site) -> Vec<Found> {
    let mut found = Vec::new();
    for (page, text) in &site.pages {
        let mut seen = BTreeSet::new();
        for id in ids(&Html::parse_document(text)) {
            if !seen.insert(id.clone()) {
                found.push((page.clone(), format!("the id `{id}` stands twice")));
            }
        }
    }
    found
}

/// Nothing that a page loads comes from the network, and what it loads is there.
pub fn loads(site: &Site) -> Vec<Found> {
    const LOADED: &[(&str, &str)] = &[
        ("script", "src"),
        ("img", "src"),
        ("iframe", "src"),
        ("source", "src"),
        ("video", "src"),
        ("video", "poster"),
        ("audio", "src"),
        ("track", "src"),
        ("embed", "src"),
        ("object", "data"),
        ("use", "href"),
        ("image", "href"),
    ];
    let mut found = Vec::new();
    for (page, text) in &site.pages {
        let html = Html::parse_document(text);
        let mut targets: Vec<String> = LOADED
            .iter()
            .flat_map(|(tag, name)| attributes(&html, tag, name))
            .collect();
        for link in html.select(&selector("link[href]")) {
            // A canonical address or an author is named, not loaded.
            let named = ["canonical", "author", "license", "alternate", "next", "prev"];
            if !link.attr("rel").is_some_and(|rel| named.contains(&rel)) {
                targets.extend(link.attr("href").map(str::to_owned));
            }
        }
        let base = if attributes(&html, "base", "href").is_empty() {
            page.as_str()
        } else {
            ""
        };
        for target in targets {
            if target.starts_with("data:") || target.starts_with('#') {
                continue;
            }
            if target.contains("//") {
                found.push((
                    page.clone(),
                    format!("`{target}` is loaded from the network; keep a copy in the book"),
                ));
                continue;
            }
            let path = target.split(['?', '#']).next().unwrap_or_default();
            if !resolve(base, &decode(path)).is_some_and(|path| site.files.contains(&path)) {
                found.push((page.clone(), format!("`{target}` is loaded and is not there")));
            }
        }
        let (sheets, inline) = (selector("style"), selector("[style]"));
        let styles = html.select(&sheets).flat_map(|style| style.text());
        let inline = html.select(&inline).filter_map(|element| element.attr("style"));
        for style in styles.chain(inline) {
            found.extend(fetched(style).map(|message| (page.clone(), message)));
        }
    }
    for (file, style) in &site.styles {
        found.extend(fetched(style).map(|message| (file.clone(), message)));
    }
    found
}

/// What a style sheet loads from the network.
fn fetched(style: &str) -> Option<String> {
    let from_network = |rest: &str| {
        let target = rest.trim_start_matches(['(', '"', '\'', ' ']);
        ["http:", "https:", "//"]
            .iter()
            .any(|scheme| target.starts_with(scheme))
    };
    ["url(", "@import"]
        .iter()
        .any(|loads| {
            style
                .match_indices(loads)
                .any(|(at, _)| from_network(&style[at + loads.len()..].replacen("url", "", 1)))
        })
        .then(|| "a style loads from the network; keep a copy in the book".to_owned())
}

/// Nothing of ours is left on a page as it was written: that would be a page that the preprocessor never saw.
pub fn leftovers(site: &Site) -> Vec<Found> {
    let mut found = Vec::new();
    for (page, text) in &site.pages {
        let html = Html::parse_document(text);
        for kind in [figures::declaration::FENCE, figures::recording::FENCE] {
            if html
                .select(&selector(&format!("code.language-{kind}")))
                .next()
                .is_some()
            {
                found.push((
                    page.clone(),
                    format!("a `{kind}` fence stands on the page as it was written; `figures` did not run"),
                ));
            }
        }
        for element in html.select(&selector("main p, main li, main td, main h1, main h2, main h3")) {
            if element.text().any(|text| text.contains("{{#")) {
                found.push((
                    page.clone(),
                    "a directive stands on the page as it was written".into(),
                ));
            }
        }
    }
    found
}

/// Every heading that another page links to carries an id of its own: one that mdBook makes from the words changes with
/// them.
pub fn headings(pages: &[Source]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for page in pages {
        for link in page.page().links {
            let Some((path, fragment)) = link.target.split_once(".md#") else {
                continue;
            };
            if link.target.contains("://") {
                continue;
            }
            let Some(target) = pages
                .iter()
                .find(|page| page.stem() == path.rsplit('/').next().unwrap_or_default())
            else {
                continue;
            };
            let own = target
                .page()
                .headings
                .iter()
                .any(|heading| heading.id.as_deref() == Some(fragment));
            // A term's id is the term, which is what is meant.
            let term = target.page().terms.iter().any(|term| term.id() == fragment);
            let figure = fragment.starts_with(&format!("{}-recording-", target.stem()));
            if !own && !term && !figure {
                problems.push(page.problem(
                    link.line,
                    format!(
                        "no heading of {} says `{{#{fragment}}}`; give the one that is meant this id",
                        target.file
                    ),
                ));
            }
        }
    }
    problems
}

/// Every word of the glossary is linked from a chapter: from the sentence that introduces it.
pub fn glossary(pages: &[Source]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for page in pages.iter().filter(|page| page.stem() == GLOSSARY) {
        for term in page.page().terms {
            let target = format!("{GLOSSARY}.md#{}", term.id());
            // In the text as it stands: a note in a fence introduces words as well.
            let linked = |page: &Source| page.text.contains(&format!("({target})"));
            if !pages.iter().any(linked) {
                let message = format!(
                    "no chapter links to `{}`; make the sentence that introduces it say `[*{}*]({target})`",
                    term.text, term.text
                );
                problems.push(page.problem(term.line, message));
            }
        }
    }
    problems
}

/// The page that holds the glossary.
const GLOSSARY: &str = "appendix-f-glossary";

/// The source of a page and the line where what was found is written, as far as that can be told.
pub fn located(pages: &[Source], found: Vec<Found>) -> Vec<Problem> {
    let problems = found.into_iter().map(|(file, message)| {
        let source = pages
            .iter()
            .find(|page| page.below().strip_suffix(".md") == file.strip_suffix(".html"));
        let Some(source) = source else {
            return Problem {
                file: format!("book/{file}"),
                line: 1,
                message,
            };
        };
        let quoted = message.split('`').nth(1).unwrap_or_default();
        let written = [quoted.replace(".html", ".md"), quoted.to_owned()];
        let line = written.iter().find_map(|target| {
            let at = source.text.find(target.as_str()).filter(|_| !target.is_empty())?;
            Some(source.page().line(at))
        });
        source.problem(line.unwrap_or(1), message)
    });
    problems.collect()
}

fn ids(html: &Html) -> Vec<String> {
    let with_id = selector("[id]");
    html.select(&with_id)
        .filter_map(|element| element.attr("id"))
        .map(str::to_owned)
        .collect()
}

fn attributes(html: &Html, tag: &str, name: &str) -> Vec<String> {
    let tagged = selector(tag);
    let found = html
        .select(&tagged)
        .filter_map(|element| element.attr(name))
        .map(str::to_owned);
    found.collect()
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).expect("the selector is one")
}

/// The file that a target names, seen from a page.
fn resolve(page: &str, target: &str) -> Option<String> {
    if target.is_empty() {
        return Some(page.to_owned());
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    if target.starts_with('/') {
        parts.clear();
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    if target.ends_with('/') || parts.is_empty() {
        parts.push("index.html");
    }
    Some(parts.join("/"))
}

/// `%C3%A9` is é.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let hex = more.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            .filter(|_| *first == b'%');
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &more[2..] } else { more };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
fn sample(pages: &[(&str, &str)]) -> Site {
    let mut site = Site::default();
    for (name, text) in pages {
        site.pages.insert((*name).to_owned(), (*text).to_owned());
        site.files.insert((*name).to_owned());
    }
    site
}

#[cfg(test)]
fn told(found: &[Found], words: Option<&str>, sample: &str) {
    match words {
        None => assert_eq!(found, [], "{sample}"),
        Some(words) => assert!(
            found.iter().any(|(_, message)| message.contains(words)),
            "{sample}: {found:?}"
        ),
    }
}

#[test]
fn a_link_that_leads_nowhere_is_told() {
    for (link, words) in [
        ("b.html#here", None),
        ("part/c.html", None),
        ("./part/../b.html", None),
        ("#own", None),
        ("", None),
        ("https://example.org/x.html", None),
        ("mailto:a@b", None),
        ("b.html#%C3%A9", None),
        ("b.html#there", Some("has the id `there`")),
        ("#there", Some("has the id `there`")),
        ("c.html", Some("there is no `c.html`")),
        ("b.md", Some("there is no `b.md`")),
        ("../b.html", Some("leads out of the book")),
    ] {
        let page = format!("<a id=own href=\"{link}\">x</a>");
        let site = sample(&[
            ("a.html", &page),
            ("b.html", "<p id=here></p><p id=é></p>"),
            ("part/c.html", ""),
        ]);
        told(&links(&site), words, link);
    }
    let lost = sample(&[
        (
            "404.html",
            "<base href=\"/\"><a id=x href=\"#x\">x</a><a href=\"b.html\">x</a>",
        ),
        ("b.html", ""),
    ]);
    told(&links(&lost), None, "a base");
    let nested = sample(&[("part/c.html", "<a href=\"../b.html\">x</a>"), ("b.html", "")]);
    told(&links(&nested), None, "upwards");
}

#[test]
fn an_id_that_stands_twice_is_told() {
    told(
        &doubles(&sample(&[("a.html", "<p id=x></p><p id=y></p>")])),
        None,
        "once",
    );
    told(
        &doubles(&sample(&[("a.html", "<p id=x></p><b id=x></b>")])),
        Some("`x` stands twice"),
        "twice",
    );
}

#[test]
fn what_is_loaded_from_the_network_or_is_not_there_is_told() {
    for (html, words) in [
        (
            "<script src=\"a.html\"></script><img src=\"data:image/png;base64,//x\">",
            None,
        ),
        (
            "<link rel=canonical href=\"https://example.org\"><a href=\"https://example.org\">x</a>",
            None,
        ),
        (
            "<script src=\"https://example.org/x.js\"></script>",
            Some("loaded from the network"),
        ),
        (
            "<script src=\"//example.org/x.js\"></script>",
            Some("loaded from the network"),
        ),
        (
            "<link rel=stylesheet href=\"https://example.org/x.css\">",
            Some("loaded from the network"),
        ),
        ("<img src=\"x.png\">", Some("is not there")),
        (
            "<style>@import url(https://example.org/x.css)</style>",
            Some("a style loads"),
        ),
        (
            "<style>@import \"https://example.org/x.css\"</style>",
            Some("a style loads"),
        ),
        (
            "<p style=\"background: url('//example.org/x.png')\">",
            Some("a style loads"),
        ),
        ("<style>p { background: url(x.png) }</style>", None),
    ] {
        told(&loads(&sample(&[("a.html", html)])), words, html);
    }
    let mut site = Site::default();
    site.styles.insert(
        "x.css".into(),
        "@font-face { src: url(\"https://example.org/x.woff2\") }".into(),
    );
    told(&loads(&site), Some("a style loads"), "style sheet");
}

#[test]
fn what_the_preprocessor_never_saw_is_told() {
    for (html, words) in [
        (
            "<main><pre><code class=language-text>{{#number}}</code></pre></main>",
            None,
        ),
        (
            "<main><code class=language-recording>x</code></main>",
            Some("`figures` did not run"),
        ),
        (
            "<main><p>see {{#chapter x}}</p></main>",
            Some("as it was written"),
        ),
    ] {
        told(&leftovers(&sample(&[("a.html", html)])), words, html);
    }
}

#[test]
fn a_heading_that_another_page_links_to_without_an_id_of_its_own_is_told() {
    let target = Source {
        file: "src/ch02-capture.md".into(),
        text: "# T\n\n## Own {#own}\n\n## Made by mdBook\n".into(),
    };
    for (link, words) in [
        ("ch02-capture.md#own", None),
        ("ch02-capture.md#ch02-capture-recording-1-3", None),
        ("ch02-capture.md", None),
        ("ch02-capture.md#made-by-mdbook", Some("says `{#made-by-mdbook}`")),
    ] {
        let page = Source::sample(&format!("# T\n\n[x]({link})\n"));
        crate::assert_told(&headings(&[page, target.clone()]), 3, words, link);
    }
}

#[test]
fn a_word_of_the_glossary_that_no_chapter_introduces_is_told() {
    let glossary_page = Source {
        file: "src/appendix-f-glossary.md".into(),
        text: "# T\n\nend of stream\n: x\n".into(),
    };
    for (link, words) in [
        ("appendix-f-glossary.md#end-of-stream", None),
        (
            "appendix-f-glossary.md#stream",
            Some("no chapter links to `end of stream`"),
        ),
    ] {
        let page = Source::sample(&format!("# T\n\n[x]({link})\n"));
        crate::assert_told(&glossary(&[page, glossary_page.clone()]), 3, words, link);
    }
}

#[test]
fn what_is_found_in_the_built_book_is_told_with_the_line_of_its_source() {
    let page = Source::sample("# T\n\nsee [x](ch02-capture.md#there)\n");
    let found = vec![
        (
            "ch01-echo.html".to_owned(),
            "`ch02-capture.html#there` leads nowhere".to_owned(),
        ),
        ("print.html".to_owned(), "`x` leads nowhere".to_owned()),
    ];
    let places: Vec<(String, usize)> = located(&[page], found)
        .into_iter()
        .map(|problem| (problem.file, problem.line))
        .collect();
    assert_eq!(
        places,
        [
            ("src/ch01-echo.md".to_owned(), 3),
            ("book/print.html".to_owned(), 1)
        ]
    );
}
