//! The book as an EPUB 3: its built pages made XHTML, its drawings files of their own, a table of contents, an index of all of it.
//!
//! The pages are taken as mdBook built them, so that nothing is rendered twice in two ways. What only a browser can use
//! (scripts, buttons, the tables that repeat a drawing for screen readers, which here is the drawing's text alternative) is left out.

mod page;
mod style;

use crate::archive::Archive;
use page::Converted;
use scraper::{ElementRef, Html, Selector};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

/// Why there is no e-book.
#[derive(Debug, thiserror::Error)]
pub enum EpubError {
    /// A file of the built book cannot be read.
    #[error("{file}: {source}")]
    File {
        /// The file.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// The built book is not as mdBook builds one.
    #[error("{0}; the e-book is made from mdBook's pages, and these are of another form")]
    Form(String),
    /// The archive is too large.
    #[error(transparent)]
    Archive(#[from] io::Error),
}

/// What is said of the book as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Its title.
    pub title: String,
    /// One line about it.
    pub description: String,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// `en`
    pub language: String,
    /// `version 0.1.0, commit 2223382`
    pub edition: String,
    /// When it was changed last, UTC: `2026-11-22T10:00:00Z`.
    pub modified: String,
}

/// A line of the table of contents.
enum Entry {
    Part(String),
    Page { file: String, title: String },
}

/// The e-book of a built book: `folder` is the one that `index.html` is in.
///
/// # Errors
/// A page that is not there or not of mdBook's form.
pub fn epub(folder: &Path, about: &About) -> Result<Vec<u8>, EpubError> {
    let contents = contents(&read(folder, "toc.html")?)?;
    let files: BTreeSet<String> = contents
        .iter()
        .filter_map(|entry| match entry {
            Entry::Page { file, .. } => Some(file.clone()),
            Entry::Part(_) => None,
        })
        .collect();
    let mut book: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for entry in &contents {
        let Entry::Page { file, title } = entry else {
            continue;
        };
        let html = read(folder, file)?;
        let Converted {
            text,
            drawings,
            images,
        } = page::convert(&html, file, title, &about.language, &files)
            .ok_or_else(|| EpubError::Form(format!("`{file}` has no <main>")))?;
        book.insert(page::renamed(file), text.into_bytes());
        for (name, svg) in drawings {
            book.insert(name, svg.into_bytes());
        }
        for image in images {
            let content = fs::read(folder.join(&image)).map_err(|source| EpubError::File {
                file: image.clone(),
                source,
            })?;
            book.insert(image, content);
        }
    }
    book.insert("style.css".into(), style::STYLE.as_bytes().to_vec());
    book.insert("nav.xhtml".into(), navigation(&contents, about).into_bytes());
    let package = package(&contents, &book, about);

    let mut archive = Archive::default();
    // A reader knows the form by this file, which must be the first and not compressed: EPUB OCF 3.3, section 4.3.
    archive.store("mimetype", b"application/epub+zip")?;
    archive.add("META-INF/container.xml", CONTAINER.as_bytes())?;
    archive.add("EPUB/package.opf", package.as_bytes())?;
    for (name, content) in &book {
        archive.add(&format!("EPUB/{name}"), content)?;
    }
    Ok(archive.finish()?)
}

const CONTAINER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
    <container version=\"1.0\" xmlns=\"urn:oasis:names:tc:opendocument:xmlns:container\">\n<rootfiles>\n\
    <rootfile full-path=\"EPUB/package.opf\" media-type=\"application/oebps-package+xml\"/>\n</rootfiles>\n</container>\n";

fn read(folder: &Path, file: &str) -> Result<String, EpubError> {
    fs::read_to_string(folder.join(file)).map_err(|source| EpubError::File {
        file: file.to_owned(),
        source,
    })
}

/// The pages in their order, with the parts they belong to, from mdBook's sidebar.
fn contents(toc: &str) -> Result<Vec<Entry>, EpubError> {
    let html = Html::parse_document(toc);
    let lines =
        Selector::parse("li.part-title, a[href]").map_err(|error| EpubError::Form(error.to_string()))?;
    let text = |element: ElementRef<'_>| {
        let text: String = element.text().collect();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let mut entries = Vec::new();
    for line in html.select(&lines) {
        match line.attr("href") {
            None => entries.push(Entry::Part(text(line))),
            Some(file) if file.ends_with(".html") => entries.push(Entry::Page {
                file: file.to_owned(),
                title: text(line),
            }),
            Some(_) => {}
        }
    }
    if !entries.iter().any(|entry| matches!(entry, Entry::Page { .. })) {
        return Err(EpubError::Form("`toc.html` names no page".into()));
    }
    Ok(entries)
}

fn navigation(contents: &[Entry], about: &About) -> String {
    let mut out = page::head("Contents", &about.language, "");
    let _ = write!(
        out,
        "<body>\n<nav epub:type=\"toc\" role=\"doc-toc\" aria-labelledby=\"contents\">\n<h1 id=\"contents\">{}</h1>\n<ol>\n",
        page::escape(&about.title)
    );
    let mut in_part = false;
    for (index, entry) in contents.iter().enumerate() {
        match entry {
            Entry::Part(title) => {
                if in_part {
                    out.push_str("</ol></li>\n");
                    in_part = false;
                }
                // A part without a page would be an empty list, which is none.
                if matches!(contents.get(index + 1), Some(Entry::Page { .. })) {
                    let _ = writeln!(out, "<li><span>{}</span><ol>", page::escape(title));
                    in_part = true;
                }
            }
            Entry::Page { file, title } => {
                let _ = writeln!(
                    out,
                    "<li><a href=\"{}\">{}</a></li>",
                    page::renamed(file),
                    page::escape(title)
                );
            }
        }
    }
    if in_part {
        out.push_str("</ol></li>\n");
    }
    let _ = write!(
        out,
        "</ol>\n</nav>\n<p class=\"edition\">{}</p>\n</body>\n</html>\n",
        page::escape(&about.edition)
    );
    out
}

fn package(contents: &[Entry], book: &BTreeMap<String, Vec<u8>>, about: &About) -> String {
    let escape = page::escape;
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <package xmlns=\"http://www.idpf.org/2007/opf\" version=\"3.0\" unique-identifier=\"id\" xml:lang=\"{language}\">\n\
         <metadata xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\n<dc:identifier id=\"id\">{}</dc:identifier>\n\
         <dc:title>{}</dc:title>\n<dc:language>{language}</dc:language>\n<dc:description>{}</dc:description>\n",
        identifier(about),
        escape(&about.title),
        escape(&about.description),
        language = escape(&about.language)
    );
    for author in &about.authors {
        let _ = writeln!(out, "<dc:creator>{}</dc:creator>", escape(author));
    }
    let _ = write!(
        out,
        "<dc:source>{}</dc:source>\n<dc:rights>CC BY 4.0</dc:rights>\n<meta property=\"dcterms:modified\">{}</meta>\n\
         <meta property=\"schema:accessMode\">textual</meta>\n<meta property=\"schema:accessMode\">visual</meta>\n\
         <meta property=\"schema:accessModeSufficient\">textual</meta>\n\
         <meta property=\"schema:accessibilityFeature\">alternativeText</meta>\n\
         <meta property=\"schema:accessibilityFeature\">structuralNavigation</meta>\n\
         <meta property=\"schema:accessibilityFeature\">tableOfContents</meta>\n\
         <meta property=\"schema:accessibilityHazard\">none</meta>\n\
         <meta property=\"schema:accessibilitySummary\">Every drawing has a text that says the same.</meta>\n</metadata>\n<manifest>\n",
        escape(&about.edition),
        escape(&about.modified)
    );
    let ids: BTreeMap<&str, String> = book
        .keys()
        .enumerate()
        .map(|(number, name)| (name.as_str(), format!("f{number}")))
        .collect();
    for name in book.keys() {
        let properties = if name == "nav.xhtml" {
            " properties=\"nav\""
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "<item id=\"{}\" href=\"{}\" media-type=\"{}\"{properties}/>",
            ids[name.as_str()],
            escape(name),
            media_type(name)
        );
    }
    out.push_str("</manifest>\n<spine>\n");
    for entry in contents {
        if let Entry::Page { file, .. } = entry
            && let Some(id) = ids.get(page::renamed(file).as_str())
        {
            let _ = writeln!(out, "<itemref idref=\"{id}\"/>");
        }
    }
    out.push_str("</spine>\n</package>\n");
    out
}

/// Always the same for the same edition: a UUID of version 8 from its hash (RFC 9562, section 5.8).
fn identifier(about: &About) -> String {
    let hash = Sha256::digest(format!("{}\n{}", about.title, about.edition));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "xhtml" => "application/xhtml+xml",
        "css" => "text/css",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOC: &str = "<ol class=\"chapter\"><li><a href=\"title.html\">The book</a></li><li class=\"part-title\">Part I</li>\
        <li><a href=\"one.html\"><strong>1.</strong> One</a></li></ol>";

    fn about() -> About {
        About {
            title: "A & B".into(),
            description: "d".into(),
            authors: vec!["N".into()],
            language: "en".into(),
            edition: "version 1".into(),
            modified: "2026-11-22T10:00:00Z".into(),
        }
    }

    #[test]
    fn an_e_book_has_its_mark_first_its_pages_in_order_and_every_file_in_its_manifest() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("toc.html", TOC),
            (
                "title.html",
                "<main><h1>The book</h1><p>See <a href=\"one.html#x\">one</a>.</p></main>",
            ),
            ("one.html", "<main><h1 id=\"x\">One</h1></main>"),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let files = crate::archive::read(&epub(folder.path(), &about()).unwrap()).unwrap();
        assert_eq!((files[0].0.as_str(), files[0].1), ("mimetype", false));
        let text = |name: &str| {
            let file = files.iter().find(|(path, ..)| path == name).expect(name);
            String::from_utf8(file.2.clone()).unwrap()
        };
        let package = text("EPUB/package.opf");
        assert!(package.contains("<dc:title>A &amp; B</dc:title>"), "{package}");
        assert!(text("EPUB/title.xhtml").contains("<a href=\"one.xhtml#x\">one</a>"));
        let id = |name: &str| {
            let item = package
                .lines()
                .find(|line| line.contains(&format!("href=\"{name}\"")))
                .expect(name);
            item.split('"').nth(1).unwrap().to_owned()
        };
        let spine = format!(
            "<itemref idref=\"{}\"/>\n<itemref idref=\"{}\"/>\n",
            id("title.xhtml"),
            id("one.xhtml")
        );
        assert!(package.contains(&spine), "{package}");
        assert!(
            text("EPUB/nav.xhtml").contains(
                "<li><span>Part I</span><ol>\n<li><a href=\"one.xhtml\">1. One</a></li>\n</ol></li>"
            )
        );
    }

    #[test]
    fn an_edition_has_one_identifier_and_another_has_another() {
        let one = identifier(&about());
        assert_eq!(one, identifier(&about()));
        assert_eq!((one.len(), &one[..9], &one[23..24]), (45, "urn:uuid:", "8"));
        let other = About {
            edition: "version 2".into(),
            ..about()
        };
        assert_ne!(one, identifier(&other));
    }
}
