//! `cargo book serve`.

use anyhow::Context;
use book::debounce::Debounce;
use book::problem::Problem;
use book::render::{self, Rendered, Unbuilt};
use book::server::{self, Shelf};
use book::site::{Site, reload_endpoint};
use book::watch::{Sources, Watch};
use book::{browser, root};
use clap::Args;
use mdbook_driver::config::Config;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// A build under way when the end is asked for gets this long to finish, so that its folder can be deleted.
const LAST_BUILD: Duration = Duration::from_secs(2);

/// Build the book, show it at http://127.0.0.1:3000, follow every change
#[derive(Debug, Args)]
#[command(
    long_about = "\
Build the book, show it at http://127.0.0.1:3000, and follow every change.

For readers, who leave it running while they read and change programs; and for authors, who leave it running while
they write. Whenever prose, a listing, a recording, the theme or book.toml is saved, the book is built again and the
page in the browser loads itself anew. If something is wrong, the error is shown here with file and line, and the
last good book stays up. Ctrl-C ends it.

Only this machine can see the book. The first line of output is its address.",
    after_long_help = "\
Examples:
  cargo book serve               then open http://127.0.0.1:3000
  cargo book serve --open        opens it for you
  cargo book serve --port 8080   where 3000 is taken

Needs: Rust, nothing else. A change in tools/ takes effect when you start it again."
)]
pub struct Serve {
    /// The port on 127.0.0.1; 0 takes any free one
    #[arg(long, value_name = "N", default_value_t = 3000)]
    port: u16,
    /// Open the book in the browser
    #[arg(long)]
    open: bool,
}

/// What the main thread waits for.
enum Event {
    File(notify::Event),
    Built(Box<Result<(Site, Rendered), Unbuilt>>),
    Stop,
}

impl Serve {
    /// Serves until ctrl-C or SIGTERM.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let root = root::here()?;
        let listener = server::bind(self.port)?;
        let url = server::url(listener.local_addr()?);
        let workshop = tempfile::Builder::new()
            .prefix("book-")
            .tempdir()
            .with_context(|| {
                let place = std::env::temp_dir();
                format!(
                    "no folder to build in: make {} writable, or set TMPDIR to one that is",
                    place.display()
                )
            })?;

        let (tell, events) = mpsc::channel();
        let stop = tell.clone();
        ctrlc::set_handler(move || drop(stop.send(Event::Stop))).context("cannot listen for ctrl-C")?;
        let files = tell.clone();
        // Watched before it is read the first time, so that no change falls between.
        let watch = Watch::new(
            sources(&root).unwrap_or_else(|| Sources::new(&root, &Config::default())),
            move |event| {
                files.send(Event::File(event)).ok();
            },
        )
        .context("cannot watch the book's files")?;
        let builds = builder(root.clone(), workshop.path().to_path_buf(), tell);
        let desk = Desk {
            root,
            watch,
            builds,
            events,
            generation: 0,
            building: None,
            shelf: None,
        };
        desk.work(|shelf| {
            let mut out = io::stdout();
            // A reader that is gone, as `| head -1` is, is no reason to end.
            writeln!(out, "{url}").and_then(|()| out.flush()).ok();
            thread::spawn(move || {
                if let Err(error) = server::serve(listener, shelf) {
                    eprintln!("error: the server has ended: {error}; start `cargo book serve` again");
                }
            });
            if self.open
                && let Err(error) = browser::open(&url)
            {
                eprintln!("cannot open a browser here ({error}): open {url} in yours");
            }
        });
        // Explicitly, since errors of a drop are lost: a folder of ours should not stay in the way.
        let place = workshop.path().to_path_buf();
        if let Err(error) = workshop.close() {
            eprintln!("cannot delete {}: {error}; it can go", place.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Starts the thread that builds: it takes the numbers of generations and answers each with a site.
fn builder(root: PathBuf, workshop: PathBuf, tell: Sender<Event>) -> Sender<u64> {
    let (order, orders) = mpsc::channel();
    thread::spawn(move || {
        for generation in orders {
            let built = build(&root, &workshop, generation);
            if tell.send(Event::Built(Box::new(built))).is_err() {
                return;
            }
        }
    });
    order
}

/// Builds in a folder of its own and takes the pages into memory; the folder is then deleted.
fn build(root: &Path, workshop: &Path, generation: u64) -> Result<(Site, Rendered), Unbuilt> {
    let folder = workshop.join(generation.to_string());
    let built = render::render(root, &folder, Some(&reload_endpoint(generation))).and_then(|rendered| {
        let site = Site::read(&rendered.folder, generation)
            .map_err(|error| Unbuilt(vec![Problem::new(format!("cannot read the built book: {error}"))]))?;
        Ok((site, rendered))
    });
    fs::remove_dir_all(&folder).ok();
    built
}

fn sources(root: &Path) -> Option<Sources> {
    render::settings(root)
        .ok()
        .map(|config| Sources::new(root, &config))
}

/// A build under way.
struct Building {
    since: Instant,
    /// What it was started for, to be named when it is done.
    changes: BTreeSet<PathBuf>,
}

/// Where changes come in, builds are ordered and books put on the shelf.
struct Desk {
    root: PathBuf,
    watch: Watch,
    builds: Sender<u64>,
    events: Receiver<Event>,
    generation: u64,
    building: Option<Building>,
    /// There from the first build on, be it good or not.
    shelf: Option<Arc<Shelf>>,
}

impl Desk {
    /// Works until told to stop. `ready` is called once, when there is something to serve.
    fn work(mut self, ready: impl FnOnce(Arc<Shelf>)) {
        let mut ready = Some(ready);
        let mut debounce = Debounce::default();
        let mut changes: BTreeSet<PathBuf> = BTreeSet::new();
        self.order(BTreeSet::new());
        loop {
            let wait = if self.building.is_some() {
                None
            } else {
                debounce.wait(Instant::now())
            };
            if wait == Some(Duration::ZERO) {
                debounce.clear();
                let changes = std::mem::take(&mut changes);
                if changes.iter().all(|path| is_ours(path)) {
                    eprintln!(
                        "{}start `cargo book serve` again to see what it does",
                        name(&changes)
                    );
                } else {
                    self.order(changes);
                }
                continue;
            }
            match self.next(wait) {
                Ok(Event::File(event)) => {
                    if let Some(path) = self.watch.changed(&event) {
                        debounce.note(Instant::now());
                        changes.insert(path);
                    }
                }
                Ok(Event::Built(built)) => {
                    let shelf = self.put(*built);
                    if let Some(ready) = ready.take() {
                        ready(shelf);
                    }
                }
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        self.finish();
    }

    fn next(&self, wait: Option<Duration>) -> Result<Event, RecvTimeoutError> {
        match wait {
            Some(wait) => self.events.recv_timeout(wait),
            None => self.events.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn order(&mut self, changes: BTreeSet<PathBuf>) {
        // Before the build reads them: a change after this look is seen, one before it is read.
        let watched = match sources(&self.root) {
            Some(sources) => self.watch.follow(sources),
            None => self.watch.refresh(),
        };
        if let Err(error) = watched {
            eprintln!("warning: not every change will be noticed: {error}");
        }
        self.generation += 1;
        self.building = Some(Building {
            since: Instant::now(),
            changes,
        });
        self.builds.send(self.generation).ok();
    }

    /// Says how the build went and puts its book, or the reasons why there is none, on the shelf.
    fn put(&mut self, built: Result<(Site, Rendered), Unbuilt>) -> Arc<Shelf> {
        let generation = self.generation;
        let building = self.building.take();
        let what = building.as_ref().map(|it| name(&it.changes)).unwrap_or_default();
        let took = building
            .map(|it| it.since.elapsed())
            .unwrap_or_default()
            .as_millis();
        let site = match built {
            Ok((site, rendered)) => {
                for warning in &rendered.warnings {
                    eprintln!("warning: {warning}");
                }
                eprintln!("{what}{} chapters built in {took} ms", rendered.chapters);
                site
            }
            Err(Unbuilt(problems)) => {
                for problem in &problems {
                    eprintln!("error: {problem}");
                }
                match &self.shelf {
                    Some(shelf) if shelf.site().is_built() => {
                        eprintln!("{what}not built; the last good book stays up");
                        return Arc::clone(shelf);
                    }
                    _ => eprintln!("{what}not built; mend it and save, and the book appears"),
                }
                Site::unbuilt(&problems, generation)
            }
        };
        match &self.shelf {
            Some(shelf) => {
                shelf.put(site);
                Arc::clone(shelf)
            }
            None => Arc::clone(self.shelf.insert(Arc::new(Shelf::new(site)))),
        }
    }

    /// Lets a build under way come to its end.
    fn finish(self) {
        let deadline = Instant::now() + LAST_BUILD;
        while self.building.is_some() {
            let wait = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(wait) {
                Ok(Event::Built(_)) | Err(_) => return,
                Ok(Event::File(_) | Event::Stop) => {}
            }
        }
    }
}

/// Whether a file is a part of this very program, which a build of the book does not renew.
fn is_ours(path: &Path) -> bool {
    path.starts_with("tools") && path.extension().is_some_and(|extension| extension == "rs")
}

/// The changes in a few words, followed by a colon and a space; nothing for none.
fn name(changes: &BTreeSet<PathBuf>) -> String {
    match changes.first() {
        None => String::new(),
        Some(first) if changes.len() == 1 => format!("{}: ", first.display()),
        Some(first) => format!("{} and {} more: ", first.display(), changes.len() - 1),
    }
}
