//! `theme/index.hbs` is mdBook's own template with the changes named here, and nothing else.

use std::{fs, path::Path};

use mdbook_driver::MDBook;

/// What is changed: why, mdBook's text, ours. Each of mdBook's texts stands in its template exactly once.
const CHANGES: &[(&str, &str, &str)] = &[
    (
        "the browser's own bars have the page's colour, light or dark",
        r##"<meta name="theme-color" content="#ffffff">"##,
        r##"<meta name="theme-color" content="#fdfcf9" media="(prefers-color-scheme: light)">
        <meta name="theme-color" content="#14171d" media="(prefers-color-scheme: dark)">"##,
    ),
    (
        "by keyboard one gets past the table of contents",
        r##"    <body>
"##,
        r##"    <body>
    <a class="skip" href="#page-text">Skip to the text</a>
"##,
    ),
    (
        "the same",
        r##"<main>"##,
        r##"<main id="page-text" tabindex="-1">"##,
    ),
    (
        "two themes are designed; another book at the same address may have stored one of the others",
        r##"if (theme === null || theme === undefined) { theme = default_theme; }"##,
        r##"if (theme !== default_light_theme && theme !== default_dark_theme) { theme = default_theme; }"##,
    ),
    (
        "the same",
        r##"id="mdbook-theme-light">Light</button></li>
                            <li role="none"><button role="menuitem" class="theme" id="mdbook-theme-rust">Rust</button></li>
                            <li role="none"><button role="menuitem" class="theme" id="mdbook-theme-coal">Coal</button></li>
                            <li role="none"><button role="menuitem" class="theme" id="mdbook-theme-navy">Navy</button></li>
                            <li role="none"><button role="menuitem" class="theme" id="mdbook-theme-ayu">Ayu</button></li>
"##,
        r##"id="mdbook-theme-light">Light</button></li>
                            <li role="none"><button role="menuitem" class="theme" id="mdbook-theme-navy">Dark</button></li>
"##,
    ),
    (
        "the bar is a landmark",
        r##"<div id="mdbook-menu-bar" class="menu-bar sticky">"##,
        r##"<header id="mdbook-menu-bar" class="menu-bar sticky">"##,
    ),
    (
        "the same",
        r##"
                    </div>
                </div>

                {{#if search_enabled}}"##,
        r##"
                    </div>
                </header>

                {{#if search_enabled}}"##,
    ),
    (
        "what opens the table of contents is a button (page.js joins it to the box); the label does it without scripts",
        r##"<label id="mdbook-sidebar-toggle" class="icon-button" for="mdbook-sidebar-toggle-anchor" title="Toggle Table of Contents" aria-label="Toggle Table of Contents" aria-controls="mdbook-sidebar">
                            {{fa "solid" "bars"}}
                        </label>"##,
        r##"<noscript><label class="icon-button" for="mdbook-sidebar-toggle-anchor" title="Table of contents">{{fa "solid" "bars"}}</label></noscript>
                        <button id="mdbook-sidebar-toggle" class="icon-button" type="button" title="Toggle Table of Contents" aria-label="Toggle Table of Contents" aria-controls="mdbook-sidebar">
                            {{fa "solid" "bars"}}
                        </button>"##,
    ),
    (
        "one first heading a page: the chapter's",
        r##"<h1 class="menu-title">{{ book_title }}</h1>"##,
        r##"<div class="menu-title">{{ book_title }}</div>"##,
    ),
    (
        "the search is a landmark, its field has a name, and its description is there",
        r##"<div id="mdbook-search-wrapper" class="hidden">"##,
        r##"<div id="mdbook-search-wrapper" class="hidden" role="search">"##,
    ),
    (
        "the same",
        r##"placeholder="Search this book ..." aria-controls="mdbook-searchresults-outer" aria-describedby="searchresults-header">"##,
        r##"placeholder="Search this book ..." aria-label="Search this book" aria-controls="mdbook-searchresults-outer" aria-describedby="mdbook-searchresults-header">"##,
    ),
    (
        "no page is fetched that was not asked for",
        r##"rel="next prefetch" href="{{ path_to_root }}{{next.link}}" class="mobile"##,
        r##"rel="next" href="{{ path_to_root }}{{next.link}}" class="mobile"##,
    ),
    (
        "the same",
        r##"rel="next prefetch" href="{{ path_to_root }}{{next.link}}" class="nav"##,
        r##"rel="next" href="{{ path_to_root }}{{next.link}}" class="nav"##,
    ),
    (
        "two landmarks of one kind have two names",
        r##"<nav class="nav-wide-wrapper" aria-label="Page navigation">"##,
        r##"<nav class="nav-wide-wrapper" aria-label="Page navigation at the sides">"##,
    ),
    (
        "the frame that stands for the table of contents without JavaScript has a name",
        r##"<iframe class="sidebar-iframe-outer""##,
        r##"<iframe class="sidebar-iframe-outer" title="Table of contents""##,
    ),
];

/// A file of the theme that the mdBook this is linked with carries.
fn stock(name: &str) -> Result<String, String> {
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    MDBook::init(scratch.path())
        .copy_theme(true)
        .build()
        .map_err(|error| format!("mdBook does not hand out its theme: {error:#}"))?;
    fs::read_to_string(scratch.path().join("theme").join(name))
        .map_err(|error| format!("mdBook's {name}: {error}"))
}

/// `theme/highlight.js` has fewer languages than mdBook's, and is of the same version.
pub fn the_highlighter_is_of_mdbook_s_version(root: &Path) -> Result<(), String> {
    let version = |text: &str| {
        let words: Vec<&str> = text.split_whitespace().take(3).collect();
        words[1..].join(" ").to_lowercase().replace(',', "")
    };
    let theirs = version(&stock("highlight.js")?);
    let ours =
        version(&fs::read_to_string(root.join("theme/highlight.js")).map_err(|error| error.to_string())?);
    if ours == theirs {
        return Ok(());
    }
    Err(format!(
        "mdBook carries {theirs} and theme/highlight.js is {ours}: make it anew, as its first lines say"
    ))
}

/// Applies [`CHANGES`] to mdBook's template.
fn ours() -> Result<String, String> {
    let mut text = stock("index.hbs")?;
    for (why, theirs, ours) in CHANGES {
        let found = text.matches(theirs).count();
        if found != 1 {
            return Err(format!(
                "mdBook's template has moved: what was changed so that {why} stands in it {found} times, not once. \
                 Look at what mdBook does now and mend CHANGES in tests/pages/stock.rs:\n{theirs}"
            ));
        }
        text = text.replace(theirs, ours);
    }
    Ok(text)
}

/// The template in `theme/` is today's mdBook's with our changes. `BOOK_WRITE_THEME=1` writes it anew.
pub fn the_template_is_mdbook_s_own_with_the_changes_named_here(root: &Path) -> Result<(), String> {
    let ours = ours()?;
    let file = root.join("theme/index.hbs");
    if std::env::var_os("BOOK_WRITE_THEME").is_some_and(|it| it == "1") {
        fs::write(&file, &ours).map_err(|error| error.to_string())?;
    }
    let stored = fs::read_to_string(&file).map_err(|error| error.to_string())?;
    let differs = ours
        .lines()
        .zip(stored.lines())
        .position(|(ours, stored)| ours != stored);
    if ours == stored {
        return Ok(());
    }
    Err(format!(
        "theme/index.hbs is not mdBook's template with our changes: line {} differs. If mdBook was updated, read what \
         it changed and run `BOOK_WRITE_THEME=1 cargo test -p book-tests --test pages template`",
        differs.unwrap_or_else(|| ours.lines().count().min(stored.lines().count())) + 1
    ))
}
