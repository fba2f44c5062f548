//! The book built and served, and the one browser that looks at it.

use std::{path::Path, sync::Arc, thread};

use book::{
    chromium::{Browser, BrowserError, Tab},
    render::{self, Unbuilt},
    server::{self, Shelf},
    site::{Site, reload_endpoint},
};
use tempfile::TempDir;

/// The book, its server and the browser.
pub struct World {
    browser: Browser,
    /// `http://127.0.0.1:PORT`
    pub origin: String,
    /// Every page people read, by its path: `ch01-echo.html`. Not the print page, which is all of them again.
    pub pages: Vec<String>,
    folder: TempDir,
}

/// Why there is nothing to look at, or to look with.
#[derive(Debug, thiserror::Error)]
pub enum NoWorld {
    #[error(transparent)]
    Browser(#[from] BrowserError),
    #[error("the book cannot be built, so no page can be looked at:\n{0}")]
    Book(#[from] Unbuilt),
    #[error(transparent)]
    Server(#[from] server::BindError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl World {
    /// Builds and serves the book, and starts the browser.
    pub fn start(root: &Path) -> Result<World, NoWorld> {
        let browser = Browser::start()?;
        let folder = tempfile::tempdir()?;
        render::render(root, &folder.path().join("book"), Some(&reload_endpoint(1)))?;
        let mut pages = Vec::new();
        for entry in folder.path().join("book").read_dir()? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".html") && !["toc.html", "print.html", "404.html"].contains(&name.as_str()) {
                pages.push(name);
            }
        }
        pages.sort();
        let site = Site::read(&folder.path().join("book"), 1)?;
        let (origin, _) = serve(site)?;
        Ok(World {
            browser,
            origin,
            pages,
            folder,
        })
    }

    /// A tab at a page.
    pub fn open(&self, page: &str) -> Result<Tab<'_>, BrowserError> {
        let mut tab = self.browser.tab()?;
        tab.go(&self.url(page))?;
        Ok(tab)
    }

    /// A tab at no page yet.
    pub fn tab(&self) -> Result<Tab<'_>, BrowserError> {
        self.browser.tab()
    }

    /// Where a page is.
    pub fn url(&self, page: &str) -> String {
        format!("{}/{page}", self.origin)
    }

    /// A second server of the same book, whose book can be replaced without the other pages hearing of it.
    pub fn apart(&self) -> Result<(String, Arc<Shelf>), NoWorld> {
        serve(self.again(1)?)
    }

    /// The same book, as if built once more.
    pub fn again(&self, generation: u64) -> Result<Site, std::io::Error> {
        Site::read(&self.folder.path().join("book"), generation)
    }
}

fn serve(site: Site) -> Result<(String, Arc<Shelf>), NoWorld> {
    let shelf = Arc::new(Shelf::new(site));
    let listener = server::bind(0)?;
    let origin = format!("http://{}", listener.local_addr()?);
    let served = Arc::clone(&shelf);
    thread::spawn(move || server::serve(listener, served));
    Ok((origin, shelf))
}

/// Fails with everything that was found, if anything was.
pub fn none(found: Vec<String>) -> Result<(), libtest_mimic::Failed> {
    if found.is_empty() {
        Ok(())
    } else {
        Err(found.join("\n").into())
    }
}

/// The strings of a JSON list.
pub fn strings(value: &serde_json::Value) -> Vec<String> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter()
        .map(|it| it.as_str().unwrap_or_default().to_owned())
        .collect()
}
