//! A small book in a folder of its own, the command run on it, and a reader of its pages.
//!
//! Every wait has a deadline, and a process that a failed test leaves is ended when its guard is dropped.
#![allow(dead_code, reason = "each test target uses its part")]
#![allow(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

use stage::catalogue::Catalogue;
use stage::recording::Recording;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Far more than anything here takes, also on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A book of two chapters, a listing and a theme.
pub struct Scratch {
    folder: TempDir,
    /// For what the command makes on its way: must be empty when it has ended.
    pub temporary: TempDir,
}

impl Scratch {
    pub fn new() -> Self {
        let book = Scratch {
            folder: tempfile::tempdir().unwrap(),
            temporary: tempfile::tempdir().unwrap(),
        };
        book.write(
            "book.toml",
            "[book]\ntitle = \"Scratch\"\n\n[build]\ncreate-missing = false\nextra-watch-dirs = [\"listings\"]\n\n\
             [preprocessor.figures]\nbefore = [\"links\"]\n\n[output.html]\nadditional-css = [\"theme/book.css\"]\n",
        );
        book.write(
            "src/SUMMARY.md",
            "# Summary\n\n- [One](one.md)\n- [Two](two.md)\n",
        );
        book.write("src/one.md", "# One\n\nThe first words.\n");
        book.write(
            "src/two.md",
            "# Two\n\n```rust\n{{#include ../listings/two/main.rs:all}}\n```\n",
        );
        book.write(
            "listings/two/main.rs",
            "// ANCHOR: all\nfn main() {}\n// ANCHOR_END: all\n",
        );
        book.write("theme/book.css", "main { color: black }\n");
        book
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Adds the first chapter's listing with its recordings, and every cited source as it was when they were made:
    /// whether the repository's own have changed since is another test's question.
    pub fn with_echo(self) -> Self {
        let echo = "listings/ch01-echo";
        copy(&repository().join(echo), &self.root().join(echo));
        let catalogue = Catalogue::open(self.root()).unwrap();
        for entry in catalogue.entries() {
            let mut recording = Recording::read(&entry.folder()).unwrap();
            for (path, text) in &recording.sources {
                self.write(path, text);
            }
            recording.manifest.act = entry.variant.act.clone();
            recording.manifest.pins = entry.variant.act.all_pins();
            recording.write(&entry.folder()).unwrap();
        }
        self
    }

    pub fn write(&self, name: &str, content: &str) {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// As editors save: a new file beside, moved into place.
    pub fn save(&self, name: &str, content: &str) {
        let beside = format!("{name}.saving~");
        self.write(&beside, content);
        fs::rename(self.root().join(beside), self.root().join(name)).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_book"));
        command
            .args(arguments)
            .current_dir(self.root())
            .env("TMPDIR", self.temporary.path())
            // Cargo tells tests where this package is; the scratch book is not found that way.
            .env_remove("CARGO_MANIFEST_DIR");
        command
    }

    /// Runs a command that ends by itself.
    pub fn run(&self, arguments: &[&str]) -> Output {
        output(self.command(arguments))
    }

    /// Starts `serve` on a free port and waits for its address.
    pub fn serve(&self) -> Server {
        Server::start(self.command(&["serve", "--port", "0"]))
    }

    /// What the command left in its folder for temporary files.
    pub fn leftovers(&self) -> usize {
        fs::read_dir(self.temporary.path()).unwrap().count()
    }
}

/// The repository this package lies in.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Every file below a folder, by its path there, with its content.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(
                files(&path)
                    .into_iter()
                    .map(|(below, content)| (format!("{name}/{below}"), content)),
            );
        } else {
            found.insert(name, fs::read(path).unwrap());
        }
    }
    found
}

/// What a command printed on its standard output, which has to have gone well.
pub fn good(output: Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// What a command said on both outputs, which has to have failed.
pub fn bad(output: Output) -> String {
    let said = [output.stdout, output.stderr]
        .map(|said| String::from_utf8_lossy(&said).into_owned())
        .concat();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

/// Runs a command that ends by itself, or fails at the deadline.
pub fn output(mut command: Command) -> Output {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let id = child.id();
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(child.wait_with_output()));
    match receive.recv_timeout(DEADLINE) {
        Ok(output) => output.unwrap(),
        Err(_) => {
            signal(id, "KILL");
            panic!("{command:?} did not end within {DEADLINE:?}");
        }
    }
}

/// What a command that failed says: one line, and nothing on its standard output.
pub fn one_line(output: &Output) -> String {
    assert!(!output.status.success());
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

/// A running `cargo book serve`.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    pub url: String,
    errors: Receiver<String>,
}

impl Server {
    pub fn start(mut command: Command) -> Self {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = follow(child.stdout.take().unwrap());
        let errors = follow(child.stderr.take().unwrap());
        let Ok(url) = lines.recv_timeout(DEADLINE) else {
            child.kill().ok();
            child.wait().ok();
            panic!("no address; it said: {:?}", errors.iter().collect::<Vec<_>>());
        };
        let address = url.trim_start_matches("http://").trim_end_matches('/').parse();
        let address = address.unwrap_or_else(|_| panic!("the first line is no address: {url}"));
        Server {
            child,
            address,
            url,
            errors,
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the command says a line with `text` in it on its standard error; returns the line.
    pub fn says(&self, text: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        let mut heard = Vec::new();
        loop {
            match self
                .errors
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => heard.push(line),
                Err(_) => panic!("it never said {text:?}, but {heard:#?}"),
            }
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.get_with(path, &format!("Host: {}\r\n", self.address))
    }

    /// Asks with these headers and nothing else.
    pub fn get_with(&self, path: &str, headers: &str) -> Answer {
        let mut stream = self.connect();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n"
        )
        .unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer: {text}"));
        Answer {
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// Waits for a reload as the page at `path` does, with the web socket that the page names.
    pub fn page_open_at(&self, path: &str) -> Tab {
        let page = self.get(path).body;
        let start = page
            .find("__livereload")
            .expect("a page that is served reloads itself");
        let length = page[start..].find(['"', '`']).unwrap();
        self.tab(&format!("/{}", &page[start..start + length]))
    }

    /// Opens the web socket at `path`.
    pub fn tab(&self, path: &str) -> Tab {
        let mut stream = self.connect();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {0}\r\nOrigin: http://{0}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.address
        )
        .unwrap();
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).unwrap(), 0, "no handshake: {head}");
        }
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        // RFC 6455, section 1.3, gives this answer for this key.
        assert!(
            head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
            "{head}"
        );
        Tab { reader }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect_timeout(&self.address, DEADLINE).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// Sends a signal and waits for the end.
    pub fn end(mut self, name: &str) -> ExitStatus {
        signal(self.id(), name);
        self.wait()
    }

    fn wait(&mut self) -> ExitStatus {
        // The pipe closes when the process is gone; then waiting for it takes no time.
        let deadline = Instant::now() + DEADLINE;
        while self
            .errors
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            .is_ok()
        {}
        assert!(Instant::now() < deadline, "it did not end within {DEADLINE:?}");
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn follow(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    receive
}

/// An answer, its head and its content apart.
pub struct Answer {
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }
}

/// A page that is open in a browser.
pub struct Tab {
    reader: BufReader<TcpStream>,
}

impl Tab {
    /// The next message.
    pub fn message(&mut self) -> String {
        let mut head = [0; 2];
        self.reader.read_exact(&mut head).unwrap();
        assert_eq!(head[0], 0x81, "one whole text");
        let mut content = vec![0; usize::from(head[1])];
        self.reader.read_exact(&mut content).unwrap();
        String::from_utf8(content).unwrap()
    }
}

#[cfg(unix)]
pub fn signal(id: u32, name: &str) {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    let signal: Signal = format!("SIG{name}").parse().unwrap();
    kill(Pid::from_raw(i32::try_from(id).unwrap()), signal).unwrap();
}

#[cfg(not(unix))]
pub fn signal(_: u32, _: &str) {
    panic!("there are no signals here");
}
