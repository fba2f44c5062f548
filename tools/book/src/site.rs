//! A built book in memory: one generation of pages, replaced as a whole.

use crate::policy;
use crate::problem::Problem;
use axum::body::Bytes;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::Path;

/// The web socket a page listens on for the word to load itself again. The generation of the page follows it, so
/// that a page built before the last change learns so on arrival.
pub const RELOAD: &str = "__livereload";

/// The web socket's path for the pages of one generation, as mdBook wants it: without the first slash.
pub fn reload_endpoint(generation: u64) -> String {
    format!("{RELOAD}/{generation}")
}

/// One file of the book, ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// The value of `Content-Type`.
    pub kind: &'static str,
    /// The value of `ETag`, quotes included: the same content has the same tag. It is a weak one, since the content is
    /// sent compressed or not.
    pub tag: String,
    /// The value of `Content-Security-Policy`.
    pub policy: String,
    /// Whether the name holds a hash of the content, so that what stands under it never changes.
    pub is_named_by_content: bool,
    /// The content.
    pub body: Bytes,
}

impl Page {
    fn new(name: &str, body: Vec<u8>) -> Self {
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let kind = kind_of(name);
        let policy = if kind.starts_with("text/html") {
            policy::of_page(&String::from_utf8_lossy(&body))
        } else {
            policy::OF_A_FILE.to_owned()
        };
        Page {
            kind,
            tag: format!("W/\"{:016x}\"", hasher.finish()),
            policy,
            is_named_by_content: is_named_by_content(name),
            body: body.into(),
        }
    }
}

/// What stands at a path.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// The page itself.
    Page(&'a Page),
    /// A folder, which is asked for with a slash at its end so that links in its page lead to the right place.
    Folder,
    /// Nothing; the page, if the book has one, says so to people.
    Nothing(Option<&'a Page>),
    /// There is no book yet, since it could not be built; the page says why.
    Unbuilt(&'a Page),
}

/// All pages of one build.
#[derive(Debug)]
pub struct Site {
    generation: u64,
    pages: Pages,
}

#[derive(Debug)]
enum Pages {
    Built(HashMap<String, Page>),
    Unbuilt(Page),
}

impl Site {
    /// Reads every file below `folder`, with paths as a URL writes them (`sub/page.html`).
    pub fn read(folder: &Path, generation: u64) -> io::Result<Self> {
        let mut pages = HashMap::new();
        read_into(&mut pages, folder, "")?;
        Ok(Site {
            generation,
            pages: Pages::Built(pages),
        })
    }

    /// A site that shows, at every path, why there is no book, until there is one.
    pub fn unbuilt(problems: &[Problem], generation: u64) -> Self {
        let said: String = problems
            .iter()
            .map(|problem| format!("<pre>{}</pre>\n", escape(problem)))
            .collect();
        let endpoint = reload_endpoint(generation);
        let page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>The book is not built</title>\n\
             <main>\n<h1>The book is not built</h1>\n\
             <p>Mend what follows and save: this page then becomes the book.</p>\n{said}</main>\n\
             <script>new WebSocket(`ws://${{location.host}}/{endpoint}`).onmessage = () => location.reload();</script>\n\
             </html>\n"
        );
        Site {
            generation,
            pages: Pages::Unbuilt(Page::new("index.html", page.into_bytes())),
        }
    }

    /// Which build this is, counted from 1.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether there is a book in it.
    pub fn is_built(&self) -> bool {
        matches!(self.pages, Pages::Built(_))
    }

    /// Looks up a decoded path that starts with a slash.
    pub fn find(&self, path: &str) -> Found<'_> {
        let pages = match &self.pages {
            Pages::Built(pages) => pages,
            Pages::Unbuilt(page) => return Found::Unbuilt(page),
        };
        let name = path.strip_prefix('/').unwrap_or(path);
        let page = if name.is_empty() || name.ends_with('/') {
            pages.get(&format!("{name}index.html"))
        } else {
            pages.get(name)
        };
        match page {
            Some(page) => Found::Page(page),
            None if pages.contains_key(&format!("{name}/index.html")) => Found::Folder,
            None => Found::Nothing(pages.get("404.html")),
        }
    }
}

fn read_into(pages: &mut HashMap<String, Page>, folder: &Path, prefix: &str) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            read_into(pages, &entry.path(), &format!("{name}/"))?;
        } else {
            let page = Page::new(&name, fs::read(entry.path())?);
            pages.insert(name, page);
        }
    }
    Ok(())
}

fn escape(problem: &Problem) -> String {
    problem
        .to_string()
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// mdBook puts eight digits of a file's hash before the first dot of its name: `book-1626706a.js`.
fn is_named_by_content(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    let stem = file.split('.').next().unwrap_or_default();
    stem.rsplit_once('-').is_some_and(|(_, hash)| {
        hash.len() == 8 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// The content type a file's name stands for.
fn kind_of(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "pdf" => "application/pdf",
        "pcap" | "pcapng" => "application/vnd.tcpdump.pcap",
        "txt" | "toml" | "rs" | "md" | "jsonl" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [
            ("index.html", "home"),
            ("404.html", "lost"),
            ("sub/index.html", "sub"),
            ("sub/a.css", "a"),
        ] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Site::read(folder.path(), 3).unwrap()
    }

    fn body(found: Found<'_>) -> String {
        match found {
            Found::Page(page) | Found::Unbuilt(page) | Found::Nothing(Some(page)) => {
                String::from_utf8(page.body.to_vec()).unwrap()
            }
            other => panic!("no page: {other:?}"),
        }
    }

    #[test]
    fn a_folder_s_page_is_its_index() {
        let site = site();
        assert_eq!(body(site.find("/")), "home");
        assert_eq!(body(site.find("/sub/")), "sub");
        assert_eq!(site.find("/sub"), Found::Folder);
    }

    #[test]
    fn a_file_carries_its_type_and_a_tag_of_its_content() {
        let site = site();
        let Found::Page(page) = site.find("/sub/a.css") else {
            panic!()
        };
        assert_eq!(page.kind, "text/css; charset=utf-8");
        let Found::Page(other) = site.find("/index.html") else {
            panic!()
        };
        assert_ne!(page.tag, other.tag);
    }

    #[test]
    fn a_name_with_a_hash_is_known_from_one_without() {
        for name in [
            "book-1626706a.js",
            "css/general-2459343d.css",
            "clipboard-1626706a.min.js",
        ] {
            assert!(is_named_by_content(name), "{name}");
        }
        for name in [
            "ch01-echo.html",
            "index.html",
            "a-1626706a/index.html",
            "book-1626706A.js",
            "b-1626706.js",
        ] {
            assert!(!is_named_by_content(name), "{name}");
        }
    }

    #[test]
    fn a_path_that_is_not_there_gets_the_book_s_own_page_for_it() {
        let site = site();
        let found = site.find("/../sub/a.css");
        assert!(matches!(found, Found::Nothing(_)));
        assert_eq!(body(found), "lost");
    }

    #[test]
    fn without_a_book_every_path_says_what_is_wrong() {
        let site = Site::unbuilt(&[Problem::new("no <div> in a & b")], 5);
        let said = body(site.find("/any/where.html"));
        assert!(said.contains("no &lt;div&gt; in a &amp; b"), "{said}");
        assert!(said.contains("/__livereload/5`"), "{said}");
        assert!(!site.is_built());
    }
}
