//! Return addresses to lines of source.
//!
//! Of a call's frames the nearest one that is *ours* is its place: the frames of std, tokio and mio between it and libc
//! say how the call was made, not who wanted it. Line tables are all that is needed of the debug information, and for our
//! own code alone: std's frames and the dependencies' need no line to be passed over. Inlined frames are in the line
//! tables too, so an optimised build gives the same lines.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use addr2line::Loader;
use wire::call::Place;

use super::source::Source;

/// A file loaded into a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The file.
    pub path: PathBuf,
    /// What its own addresses are shifted by.
    pub base: u64,
    /// The address behind its last.
    pub limit: u64,
}

/// Whose lines count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ours {
    /// Files in this folder of the workspace: `listings`.
    Under(PathBuf),
    /// A reader's own program: every file but those of the standard library and of downloaded crates.
    NotDownloaded,
}

/// Finds lines, and keeps what was read of executables and sources.
pub struct Places {
    root: PathBuf,
    ours: Ours,
    executables: HashMap<PathBuf, Option<Loader>>,
    sources: HashMap<PathBuf, Option<Source>>,
    frames: HashMap<(PathBuf, u64), Rc<[Frame]>>,
}

/// One frame of a stack, as the debug information tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Frame {
    function: String,
    line: Option<(PathBuf, u32)>,
}

impl Places {
    /// A finder for files below `root`, the workspace's or the reader's folder.
    pub fn new(root: impl Into<PathBuf>, ours: Ours) -> Places {
        Places {
            root: root.into(),
            ours,
            executables: HashMap::new(),
            sources: HashMap::new(),
            frames: HashMap::new(),
        }
    }

    /// The nearest place of ours among these return addresses, innermost first.
    ///
    /// Only the program itself is looked into, which is the first of `objects`: a line of ours is never in a library.
    /// Of a reader's own program that tells no lines, the nearest function of its own is the place, on line 0. None where no
    /// frame is ours, or where the executable says nothing (it is gone, or was stripped).
    pub fn find(&mut self, objects: &[Object], stack: &[u64]) -> Option<Place> {
        let program = objects.first()?;
        let mut callee = String::new();
        let mut nearest = None;
        for address in stack
            .iter()
            .filter(|address| (program.base..program.limit).contains(address))
        {
            // A return address is the instruction after the call: the call's line is one byte before it.
            let frames = self.frames(&program.path, (address - program.base).checked_sub(1)?);
            for frame in frames.iter() {
                if let Some((file, line)) = &frame.line
                    && self.is_ours(file)
                    && let Some(place) = self.place(file, *line, frame, &callee)
                {
                    return Some(place);
                }
                if self.ours == Ours::NotDownloaded
                    && nearest.is_none()
                    && frame.line.is_none()
                    && is_own(&frame.function)
                {
                    nearest = Some(Place {
                        file: program.path.to_string_lossy().into_owned(),
                        line: 0,
                        function: last_name(&frame.function),
                        text: String::new(),
                        dropped: None,
                    });
                }
                callee.clone_from(&frame.function);
            }
        }
        nearest
    }

    fn frames(&mut self, executable: &Path, address: u64) -> Rc<[Frame]> {
        let key = (executable.to_path_buf(), address);
        if let Some(frames) = self.frames.get(&key) {
            return frames.clone();
        }
        let loader = self
            .executables
            .entry(executable.to_path_buf())
            .or_insert_with(|| Loader::new(executable).ok());
        let frames: Rc<[Frame]> = loader
            .as_ref()
            .map(|loader| look_up(loader, address))
            .unwrap_or_default()
            .into();
        self.frames.insert(key, frames.clone());
        frames
    }

    fn is_ours(&self, file: &Path) -> bool {
        match &self.ours {
            Ours::Under(folder) => file.starts_with(self.root.join(folder)),
            Ours::NotDownloaded => {
                let file = file.to_string_lossy().replace('\\', "/");
                ![
                    "/rustc/",
                    "/lib/rustlib/src/",
                    "/registry/src/",
                    "/git/checkouts/",
                ]
                .iter()
                .any(|downloaded| file.contains(downloaded))
            }
        }
    }

    /// The place of a frame of ours; none where nobody wrote the line.
    fn place(&mut self, file: &Path, line: u32, frame: &Frame, callee: &str) -> Option<Place> {
        let source = self
            .sources
            .entry(file.to_path_buf())
            .or_insert_with(|| std::fs::read_to_string(file).ok().map(Source::new));
        let relative = file.strip_prefix(&self.root).unwrap_or(file);
        let mut place = Place {
            file: relative.to_string_lossy().replace('\\', "/"),
            line,
            function: last_name(&frame.function),
            text: String::new(),
            dropped: None,
        };
        let Some(source) = source else { return Some(place) };
        place.text = source.line(line).to_string();
        if let Some(function) = source.function_at(line) {
            // `#[tokio::main]` makes of `async fn main` a plain one that builds the runtime and blocks on ours. What that
            // one calls is the runtime's business, whatever line the macro gives it.
            if function.is_async && !frame.function.contains('{') {
                return None;
            }
            place.function = function.name;
        }
        if source.is_closing(line) {
            let dropped = source.dropped_at(line, dropped_type(callee).as_deref());
            place.dropped = dropped.or_else(|| Some(format!("end of scope of {}", place.function)));
        }
        Some(place)
    }
}

fn look_up(loader: &Loader, address: u64) -> Vec<Frame> {
    let mut found = Vec::new();
    if let Ok(mut frames) = loader.find_frames(address) {
        while let Ok(Some(frame)) = frames.next() {
            let function = frame.function.as_ref().and_then(|name| name.demangle().ok());
            let line = frame
                .location
                .and_then(|location| Some((location.file?.into(), location.line?)));
            found.push(Frame {
                function: function.map(String::from).unwrap_or_default(),
                line,
            });
        }
    }
    // Without debug information the symbol table still knows what is being dropped.
    if found.iter().all(|frame| frame.function.is_empty()) {
        let symbol = loader.find_symbol(address).unwrap_or_default();
        let function = addr2line::demangle_auto(symbol.into(), None).into_owned();
        match found.last_mut() {
            Some(frame) => frame.function = function,
            None => found.push(Frame { function, line: None }),
        }
    }
    found
}

/// Whether a function's name is one that somebody gave to a function of the program itself: not of the libraries that
/// Rust programs carry within them, and not of what starts a program.
fn is_own(function: &str) -> bool {
    let path = function.trim_start_matches(['<', '&']);
    let foreign = [
        "std::",
        "core::",
        "alloc::",
        "tokio::",
        "mio::",
        "socket2::",
        "futures_",
        "async_std::",
        "smol::",
        "_",
        "async_io::",
    ];
    !function.is_empty() && !foreign.iter().any(|prefix| path.starts_with(prefix))
}

/// What drop glue drops: `TcpStream` of `core::ptr::drop_in_place<std::net::tcp::TcpStream>`.
fn dropped_type(function: &str) -> Option<String> {
    let (_, of) = function.split_once("drop_in_place")?;
    let of = of.trim_start_matches("::").strip_prefix('<')?;
    Some(last_name(of.strip_suffix('>').unwrap_or(of)))
}

/// `echo` of `echo_server::echo<T>`.
fn last_name(path: &str) -> String {
    let plain = path.split('<').next().unwrap_or(path);
    plain
        .rsplit("::")
        .find(|part| !part.starts_with('{'))
        .unwrap_or(plain)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_dropped_is_read_off_the_glue() {
        let of = |function| dropped_type(function);
        assert_eq!(
            of("core::ptr::drop_in_place<std::net::tcp::TcpStream>").as_deref(),
            Some("TcpStream")
        );
        assert_eq!(
            of("core::ptr::drop_in_place::<std::net::tcp::TcpStream>").as_deref(),
            Some("TcpStream")
        );
        assert_eq!(
            of("drop_in_place<core::option::Option<std::net::tcp::TcpStream>>").as_deref(),
            Some("Option")
        );
        assert_eq!(of("core::mem::drop"), None);
    }

    #[test]
    fn only_files_of_the_folder_are_ours() {
        let listings = Places::new("/book", Ours::Under("listings".into()));
        assert!(listings.is_ours(Path::new("/book/listings/ch01-echo/src/bin/a.rs")));
        assert!(!listings.is_ours(Path::new("/book/tools/stage/src/lib.rs")));
        let readers = Places::new("/home/reader", Ours::NotDownloaded);
        assert!(readers.is_ours(Path::new("/home/reader/src/main.rs")));
        for file in [
            "/rustc/59807616e1fa/library/std/src/net/tcp.rs",
            "/root/.rustup/toolchains/stable/lib/rustlib/src/rust/library/std/src/net/tcp.rs",
            "/root/.cargo/registry/src/index-1949cf8c6b5b557f/tokio-1.54.1/src/task.rs",
        ] {
            assert!(!readers.is_ours(Path::new(file)), "{file}");
        }
    }

    #[test]
    fn a_function_of_the_program_is_told_from_those_it_carries() {
        for own in ["main", "echo_server::serve", "serve_client", "my_std::main"] {
            assert!(is_own(own), "{own}");
        }
        for foreign in [
            "std::net::tcp::TcpStream::connect",
            "<std::net::tcp::TcpStream as std::io::Write>::write",
            "<&std::net::tcp::TcpStream as std::io::Read>::read",
            "core::ptr::drop_in_place<std::net::tcp::TcpStream>",
            "tokio::runtime::task::raw::poll",
            "_start",
            "__libc_start_main",
            "",
        ] {
            assert!(!is_own(foreign), "{foreign}");
        }
    }

    #[test]
    fn an_executable_that_is_gone_gives_no_place() {
        let mut places = Places::new("/", Ours::NotDownloaded);
        let objects = [Object {
            path: "/nowhere/at/all".into(),
            base: 0,
            limit: 100,
        }];
        assert_eq!(places.find(&objects, &[50]), None);
    }
}
