//! Pages on paper: what a browser shows, as a PDF that is tagged (a screen reader knows headings, lists and tables in it)
//! and has an outline made of its headings.
//!
//! ```no_run
//! use book::chromium::Browser;
//! use book::print::{Paper, print};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let browser = Browser::start()?;
//! let mut tab = browser.tab()?;
//! tab.go("http://127.0.0.1:3000/print.html")?;       // or tab.show("<!DOCTYPE html>…")
//! let pdf = print(&mut tab, &Paper::a4("From fork to await"))?;
//! std::fs::write("book.pdf", &pdf.bytes)?;
//! println!("{} pages", pdf.pages);
//! # Ok(())
//! # }
//! ```

use crate::chromium::{BrowserError, Tab};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use figures::html::escape;
use serde_json::json;
use std::time::Duration;

/// A whole book takes longer than a page.
const PATIENCE: Duration = Duration::from_secs(300);

/// The sheet that is printed on, in millimetres.
#[derive(Clone, Debug, PartialEq)]
pub struct Paper {
    /// Its width and its height.
    pub size: [f64; 2],
    /// What stays white at the top, on the right, at the bottom and on the left; header and footer stand in it.
    pub margins: [f64; 4],
    /// The header, as HTML with its style in it; empty for none.
    pub header: String,
    /// The footer, likewise. `<span class="pageNumber"></span>` and `<span class="totalPages"></span>` are filled in.
    pub footer: String,
}

impl Paper {
    /// A sheet of A4. Its footer says these words on the left, and the page's number on the right.
    pub fn a4(words: &str) -> Paper {
        Paper {
            size: [210.0, 297.0],
            margins: [13.0, 15.0, 17.0, 15.0],
            header: String::new(),
            footer: format!(
                "<div style=\"box-sizing:border-box;width:100%;padding:0 15mm;display:flex;justify-content:space-between;\
                 gap:5mm;white-space:nowrap;color:#000;font:10pt Literata,'Liberation Serif',Georgia,serif\">\
                 <span style=\"overflow:hidden;text-overflow:ellipsis\">{}</span><span><span class=\"pageNumber\"></span> of <span class=\"totalPages\"></span></span></div>",
                escape(words)
            ),
        }
    }
}

/// A printed document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdf {
    /// The file.
    pub bytes: Vec<u8>,
    /// How many pages it has.
    pub pages: usize,
}

/// Prints what a tab shows.
///
/// # Errors
/// The browser does not print, or prints something that is no PDF.
pub fn print(tab: &mut Tab<'_>, paper: &Paper) -> Result<Pdf, BrowserError> {
    let inches = |millimetres: f64| millimetres / 25.4;
    let [width, height] = paper.size.map(inches);
    let [top, right, bottom, left] = paper.margins.map(inches);
    let or_nothing = |html: &str| match html {
        // Without a template of ours the browser takes its own: date, title and address.
        "" => "<span></span>".to_owned(),
        html => html.to_owned(),
    };
    let params = json!({
        "paperWidth": width, "paperHeight": height,
        "marginTop": top, "marginRight": right, "marginBottom": bottom, "marginLeft": left,
        "displayHeaderFooter": !(paper.header.is_empty() && paper.footer.is_empty()),
        "headerTemplate": or_nothing(&paper.header),
        "footerTemplate": or_nothing(&paper.footer),
        "printBackground": true,
        "generateTaggedPDF": true,
        "generateDocumentOutline": true,
    });
    let printed = tab.call_within(PATIENCE, "Page.printToPDF", params)?;
    let bytes = BASE64_STANDARD
        .decode(printed["data"].as_str().unwrap_or_default())
        .map_err(|error| BrowserError::Lost(format!("a PDF that is none: {error}")))?;
    match pages(&bytes) {
        0 => Err(BrowserError::Lost("a PDF without a page".into())),
        pages => Ok(Pdf { bytes, pages }),
    }
}

/// How many pages a PDF has, as this browser writes it: an object of type `Page` for each, none of them packed.
pub fn pages(pdf: &[u8]) -> usize {
    const TYPE: &[u8] = b"/Type /Page";
    pdf.windows(TYPE.len() + 1)
        .filter(|bytes| bytes.starts_with(TYPE) && !bytes[TYPE.len()].is_ascii_alphanumeric())
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_counted_and_their_tree_is_none() {
        let pdf = b"1 0 obj\n<</Type /Pages\n/Count 2>>\n2 0 obj\n<</Type /Page\n/Parent 1 0 R>>\n3 0 obj <</Type /Page>>";
        assert_eq!(pages(pdf), 2);
        assert_eq!(pages(b"%PDF-1.4"), 0);
    }

    #[test]
    fn what_the_footer_says_is_text_and_no_html() {
        assert!(Paper::a4("a < b").footer.contains(">a &lt; b</span>"));
    }
}
