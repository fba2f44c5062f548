//! Watches what the book is made of: the prose, the theme, the settings, the listings and their recordings.

use crate::root::SETTINGS;
use mdbook_driver::config::Config;
use notify::event::{EventKind, ModifyKind};
use notify::{Event, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the system cannot tell of changes, the files are looked at this often.
const POLL: Duration = Duration::from_millis(500);

/// The folders and single files that a change in makes the book anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    root: PathBuf,
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Sources {
    /// What `book.toml` speaks of: `src`, the theme, additional styles and scripts, `extra-watch-dirs`; besides them
    /// the file itself and the table of beliefs.
    pub fn new(root: &Path, config: &Config) -> Self {
        let html = config.html_config().unwrap_or_default();
        let mut folders = vec![root.join(&config.book.src), html.theme_dir(root)];
        let mut files = vec![root.join(SETTINGS), root.join("beliefs.toml")];
        for extra in &config.build.extra_watch_dirs {
            let path = root.join(extra);
            if path.is_file() {
                files.push(path)
            } else {
                folders.push(path)
            }
        }
        files.extend(
            html.additional_css
                .iter()
                .chain(&html.additional_js)
                .map(|file| root.join(file)),
        );
        Sources {
            root: root.to_path_buf(),
            folders,
            files,
        }
    }

    /// What to watch: every folder that is there with all below it, and the folder of every single file.
    fn watches(&self) -> BTreeMap<PathBuf, RecursiveMode> {
        // A folder of the book that is made later, or deleted and made again, shows in the root.
        let single = self
            .files
            .iter()
            .filter_map(|file| file.parent())
            .chain([self.root.as_path()]);
        let mut watches: BTreeMap<_, _> = single
            .map(|folder| (folder.to_path_buf(), RecursiveMode::NonRecursive))
            .collect();
        for folder in &self.folders {
            watches.insert(folder.clone(), RecursiveMode::Recursive);
        }
        watches.retain(|folder, _| folder.is_dir());
        watches
    }

    /// The path whose change makes the book anew, if this event is one: neither a look into a file, nor something
    /// hidden or an editor's own.
    fn changed<'a>(&'a self, event: &'a Event) -> Option<&'a Path> {
        if matches!(event.kind, EventKind::Access(_)) {
            return None;
        }
        if event.need_rescan() {
            return Some(&self.root);
        }
        event
            .paths
            .iter()
            .map(PathBuf::as_path)
            .find(|path| self.holds(path))
    }

    fn holds(&self, path: &Path) -> bool {
        let visible = |below: &Path| {
            below.components().all(|part| {
                let part = part.as_os_str().to_string_lossy();
                !part.starts_with('.') && !part.ends_with('~')
            })
        };
        self.files.iter().any(|file| file == path)
            || self
                .folders
                .iter()
                .any(|folder| path.strip_prefix(folder).is_ok_and(visible))
    }
}

/// A watch that runs until it is dropped.
pub struct Watch {
    watcher: Box<dyn Watcher + Send>,
    watched: BTreeMap<PathBuf, RecursiveMode>,
    sources: Sources,
}

impl Watch {
    /// Watches `sources` and hands every event to `tell`, on a thread of its own; [`Self::changed`] says which of
    /// them matter.
    ///
    /// # Errors
    /// The system gives no more watches.
    pub fn new(sources: Sources, tell: impl Fn(Event) + Send + Clone + 'static) -> notify::Result<Self> {
        let other = tell.clone();
        let config = notify::Config::default().with_poll_interval(POLL);
        let mut watch = Watch {
            watcher: Box::new(RecommendedWatcher::new(forward(tell), config)?),
            watched: BTreeMap::new(),
            sources,
        };
        if watch.refresh().is_err() {
            // As when the user's inotify watches are used up: slower, and it works.
            watch.watcher = Box::new(PollWatcher::new(forward(other), config)?);
            watch.watched.clear();
            watch.refresh()?;
        }
        Ok(watch)
    }

    /// Watches what the settings speak of now.
    pub fn follow(&mut self, sources: Sources) -> notify::Result<()> {
        self.sources = sources;
        self.refresh()
    }

    /// Watches what came into being since the last time.
    pub fn refresh(&mut self) -> notify::Result<()> {
        for (folder, mode) in self.sources.watches() {
            if self.watched.get(&folder) != Some(&mode) {
                self.watcher.watch(&folder, mode)?;
                self.watched.insert(folder, mode);
            }
        }
        Ok(())
    }

    /// The path whose change makes the book anew, as seen from the root, if this event is one.
    pub fn changed(&mut self, event: &Event) -> Option<PathBuf> {
        // A watch stays with a folder that is moved or deleted; its name then needs a new one.
        if matches!(
            event.kind,
            EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
        ) {
            for path in &event.paths {
                if self.watched.remove(path).is_some() {
                    self.watcher.unwatch(path).ok();
                }
            }
        }
        let path = self.sources.changed(event)?;
        Some(
            path.strip_prefix(&self.sources.root)
                .unwrap_or(path)
                .to_path_buf(),
        )
    }
}

fn forward(tell: impl Fn(Event) + Send + 'static) -> impl Fn(notify::Result<Event>) + Send + 'static {
    move |event| {
        if let Ok(event) = event {
            tell(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{AccessKind, CreateKind, DataChange};
    use std::str::FromStr;

    fn sources() -> Sources {
        let config = Config::from_str(
            "[build]\nextra-watch-dirs = [\"listings\"]\n[output.html]\nadditional-css = [\"style/book.css\"]",
        )
        .unwrap();
        Sources::new(Path::new("/book"), &config)
    }

    fn change(path: &str) -> Event {
        Event::new(EventKind::Modify(ModifyKind::Data(DataChange::Any))).add_path(path.into())
    }

    #[test]
    fn prose_theme_listings_and_settings_matter() {
        for path in [
            "/book/src/ch01-echo.md",
            "/book/theme/book.css",
            "/book/theme",
            "/book/style/book.css",
            "/book/listings/ch01-echo/recordings/one-echo.blocking/capture.pcap",
            "/book/book.toml",
            "/book/beliefs.toml",
        ] {
            assert!(sources().changed(&change(path)).is_some(), "{path}");
        }
    }

    #[test]
    fn what_is_built_hidden_or_an_editor_s_own_does_not() {
        for path in [
            "/book/book/index.html",
            "/book/target/debug/book",
            "/book/Cargo.lock",
            "/book/style/other.css",
            "/book/src/.ch01-echo.md.swp",
            "/book/src/ch01-echo.md~",
            "/book/src/.git/index",
        ] {
            assert_eq!(sources().changed(&change(path)), None, "{path}");
        }
    }

    #[test]
    fn reading_a_file_is_no_change() {
        let read = Event::new(EventKind::Access(AccessKind::Read)).add_path("/book/src/a.md".into());
        assert_eq!(sources().changed(&read), None);
    }

    #[test]
    fn a_rename_into_place_is_a_change() {
        let moved = Event::new(EventKind::Create(CreateKind::File))
            .add_path("/book/src/.a.md.tmp".into())
            .add_path("/book/src/a.md".into());
        assert_eq!(sources().changed(&moved), Some(Path::new("/book/src/a.md")));
    }
}
