//! A Chromium of our own, without a window, driven over its DevTools protocol: for the tests of the pages and for the
//! pictures of them.
//!
//! It has a profile folder of its own, and ends with the program that started it, however that ends.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::iter;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

/// Longer than anything a page does, also on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The variable that names another browser than the one found.
pub const BROWSER: &str = "BOOK_BROWSER";

/// What went wrong with the browser.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// There is none.
    #[error(
        "no Chromium is installed: install Debian's package `chromium`, or name one (or a Chrome) in {BROWSER}=/path/to/it"
    )]
    Missing,
    /// It did not start.
    #[error("{} does not start: {said}; try another with {BROWSER}=/path/to/it", .program.display())]
    NotStarted {
        /// The program.
        program: PathBuf,
        /// What is known of the reason.
        said: String,
    },
    /// The connection to it broke, or it did not answer in time.
    #[error("the browser no longer answers: {0}")]
    Lost(String),
    /// It refused a command.
    #[error("the browser refuses {method}: {said}")]
    Refused {
        /// The command.
        method: String,
        /// What it said.
        said: String,
    },
    /// A script of ours threw.
    #[error("a script on the page failed: {0}")]
    Script(String),
}

impl From<tungstenite::Error> for BrowserError {
    fn from(error: tungstenite::Error) -> Self {
        BrowserError::Lost(error.to_string())
    }
}

impl From<io::Error> for BrowserError {
    fn from(error: io::Error) -> Self {
        BrowserError::Lost(error.to_string())
    }
}

/// The browser's program: what `BOOK_BROWSER` names, or the first that is installed.
pub fn find() -> Result<PathBuf, BrowserError> {
    if let Some(named) = std::env::var_os(BROWSER) {
        return Ok(named.into());
    }
    const NAMES: [&str; 4] = [
        "chromium",
        "chromium-browser",
        "google-chrome-stable",
        "google-chrome",
    ];
    const PLACES: [&str; 2] = [
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .chain(PLACES.iter().map(PathBuf::from))
        .find(|program| program.is_file())
        .ok_or(BrowserError::Missing)
}

/// A running browser.
#[derive(Debug)]
pub struct Browser {
    /// A shell that waits for the end of its standard input, and then ends the browser: it closes however we end.
    guard: Child,
    whole: Mutex<Talk>,
    port: u16,
    /// Deleted when the browser is gone.
    _profile: TempDir,
}

impl Browser {
    /// Starts the browser.
    pub fn start() -> Result<Self, BrowserError> {
        let program = find()?;
        let failed = |said: String| BrowserError::NotStarted {
            program: program.clone(),
            said,
        };
        let profile = tempfile::Builder::new().prefix("book-browser-").tempdir()?;
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                "\"$@\" & browser=$!; read -r _; kill $browser; wait $browser 2>/dev/null",
                "sh",
            ])
            .arg(&program)
            .args([
                "--headless",
                "--remote-debugging-port=0",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-default-apps",
                "--disable-extensions",
                "--disable-sync",
                // In a container the shared memory is often too small.
                "--disable-dev-shm-usage",
                // Pictures look the same on every screen.
                "--force-color-profile=srgb",
                "--hide-scrollbars",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()));
        if is_root() {
            // Its sandbox refuses to run as root. It only ever sees our own pages.
            command.arg("--no-sandbox");
        }
        let mut guard = command
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let Some(errors) = guard.stderr.take() else {
            return Err(failed("it has no standard error".into()));
        };
        let address = devtools(errors);
        let connected = address
            .recv_timeout(DEADLINE)
            .map_err(|_| failed(format!("it said no address within {DEADLINE:?}")))
            .and_then(|address| address.map_err(failed))
            .and_then(|address| Ok((Talk::to(&address)?, port_of(&address))));
        match connected {
            Ok((whole, Some(port))) => Ok(Browser {
                guard,
                whole: Mutex::new(whole),
                port,
                _profile: profile,
            }),
            Ok((_, None)) => {
                end(&mut guard);
                Err(failed("its address has no port".into()))
            }
            Err(error) => {
                end(&mut guard);
                Err(error)
            }
        }
    }

    /// Opens a tab that shares nothing with any other: neither storage nor cache.
    pub fn tab(&self) -> Result<Tab<'_>, BrowserError> {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        let context = whole.call("Target.createBrowserContext", json!({ "disposeOnDetach": true }))?;
        let context = text(&context["browserContextId"]);
        let made = whole.call(
            "Target.createTarget",
            json!({ "url": "about:blank", "browserContextId": context, "width": 1280, "height": 900 }),
        )?;
        drop(whole);
        let address = format!(
            "ws://127.0.0.1:{}/devtools/page/{}",
            self.port,
            text(&made["targetId"])
        );
        let mut tab = Tab {
            browser: self,
            context,
            talk: Talk::to(&address)?,
        };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            tab.call(&format!("{domain}.enable"), json!({}))?;
        }
        // `print.html` asks to be printed when it is loaded, and while it is, nobody else can print it.
        tab.call(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({ "source": "window.print = () => {}" }),
        )?;
        // A page in the background has no focus, and its keys go nowhere.
        tab.call("Emulation.setFocusEmulationEnabled", json!({ "enabled": true }))?;
        Ok(tab)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        end(&mut self.guard);
    }
}

/// Closes the guard's standard input and waits until it and the browser are gone.
fn end(guard: &mut Child) {
    drop(guard.stdin.take());
    guard.wait().ok();
}

/// Reads what the browser says until it names the address of its DevTools; goes on reading, so that it never waits.
fn devtools(errors: impl io::Read + Send + 'static) -> mpsc::Receiver<Result<String, String>> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut last = String::new();
        for line in BufReader::new(errors).lines().map_while(Result::ok) {
            if let Some((_, address)) = line.split_once("DevTools listening on ") {
                tell.send(Ok(address.trim().to_owned())).ok();
            }
            last = line;
        }
        tell.send(Err(if last.is_empty() { "it ended".into() } else { last }))
            .ok();
    });
    told
}

fn port_of(address: &str) -> Option<u16> {
    address
        .strip_prefix("ws://")?
        .split('/')
        .next()?
        .rsplit(':')
        .next()?
        .parse()
        .ok()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Whether this program runs as root.
fn is_root() -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0)
    }
    #[cfg(not(unix))]
    false
}

/// Something the browser told without being asked: `Network.requestWillBeSent` and the like.
#[derive(Clone, Debug)]
pub struct Told {
    /// What happened.
    pub method: String,
    /// Its particulars.
    pub params: Value,
}

/// One web socket of the DevTools protocol.
#[derive(Debug)]
struct Talk {
    socket: WebSocket<TcpStream>,
    next: u64,
    told: Vec<Told>,
}

impl Talk {
    fn to(address: &str) -> Result<Self, BrowserError> {
        let port = port_of(address).ok_or_else(|| BrowserError::Lost(format!("no port in {address}")))?;
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        // A picture of a whole page comes in one message.
        let config = tungstenite::protocol::WebSocketConfig::default()
            .max_message_size(None)
            .max_frame_size(None);
        let (socket, _) = tungstenite::client::client_with_config(address, stream, Some(config))
            .map_err(|error| BrowserError::Lost(error.to_string()))?;
        Ok(Talk {
            socket,
            next: 0,
            told: Vec::new(),
        })
    }

    fn call(&mut self, method: &str, params: Value) -> Result<Value, BrowserError> {
        let mut results = self.calls(method, [params])?;
        Ok(results.pop().unwrap_or_default())
    }

    /// Calls it once for each of these, without waiting for the answers in between.
    fn calls(
        &mut self,
        method: &str,
        each: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<Value>, BrowserError> {
        let first = self.next + 1;
        for params in each {
            self.next += 1;
            let said = json!({ "id": self.next, "method": method, "params": params });
            self.socket.send(Message::text(said.to_string()))?;
        }
        let asked = first..=self.next;
        let mut results = BTreeMap::new();
        while results.len() < asked.clone().count() {
            let mut answer = self.read()?;
            match answer["id"].as_u64() {
                Some(id) if asked.contains(&id) => {
                    if let Some(error) = answer.get("error") {
                        return Err(BrowserError::Refused {
                            method: method.to_owned(),
                            said: text(&error["message"]),
                        });
                    }
                    results.insert(id, answer["result"].take());
                }
                _ => self.note(answer),
            }
        }
        Ok(results.into_values().collect())
    }

    fn note(&mut self, mut answer: Value) {
        if let Some(method) = answer["method"].as_str().map(str::to_owned) {
            let params = answer["params"].take();
            self.told.push(Told { method, params });
        }
    }

    fn read(&mut self) -> Result<Value, BrowserError> {
        loop {
            if let Message::Text(text) = self.socket.read()? {
                return serde_json::from_str(&text).map_err(|error| BrowserError::Lost(error.to_string()));
            }
        }
    }
}

/// An open page.
#[derive(Debug)]
pub struct Tab<'a> {
    browser: &'a Browser,
    context: String,
    talk: Talk,
}

impl Tab<'_> {
    /// Says a command of the DevTools protocol and returns its result.
    pub fn call(&mut self, method: &str, params: Value) -> Result<Value, BrowserError> {
        self.talk.call(method, params)
    }

    /// The same for a command that may take longer than any other.
    pub fn call_within(
        &mut self,
        patience: Duration,
        method: &str,
        params: Value,
    ) -> Result<Value, BrowserError> {
        self.talk.socket.get_ref().set_read_timeout(Some(patience))?;
        let result = self.call(method, params);
        self.talk.socket.get_ref().set_read_timeout(Some(DEADLINE))?;
        result
    }

    /// Shows a page that stands nowhere: it brings with it all that it needs.
    pub fn show(&mut self, html: &str) -> Result<(), BrowserError> {
        let tree = self.call("Page.getFrameTree", json!({}))?;
        let frame = &tree["frameTree"]["frame"]["id"];
        self.call(
            "Page.setDocumentContent",
            json!({ "frameId": frame, "html": html }),
        )?;
        self.eval("document.fonts.ready.then(() => true)")?;
        Ok(())
    }

    /// Goes to an address and waits until everything on it is loaded.
    pub fn go(&mut self, url: &str) -> Result<(), BrowserError> {
        self.talk.told.retain(|told| told.method != "Page.loadEventFired");
        let went = self.call("Page.navigate", json!({ "url": url }))?;
        if let Some(error) = went["errorText"].as_str() {
            return Err(BrowserError::Lost(format!("{url}: {error}")));
        }
        self.loaded()
    }

    /// Waits until a page is loaded that was not before: since [`Self::go`] or the last look.
    pub fn loaded(&mut self) -> Result<(), BrowserError> {
        let begun = Instant::now();
        loop {
            let before = self.talk.told.len();
            self.talk.told.retain(|told| told.method != "Page.loadEventFired");
            if self.talk.told.len() < before {
                // Fonts are a part of the look, and are asked for late.
                self.eval("document.fonts.ready.then(() => true)")?;
                return Ok(());
            }
            if begun.elapsed() > DEADLINE {
                return Err(BrowserError::Lost(format!(
                    "no page was loaded within {DEADLINE:?}"
                )));
            }
            let answer = self.talk.read()?;
            self.talk.note(answer);
        }
    }

    /// What a script returns, promises waited for. It is ours, so no policy of the page keeps it from running.
    pub fn eval(&mut self, script: &str) -> Result<Value, BrowserError> {
        let params = json!({
            "expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true,
            "timeout": 1000 * DEADLINE.as_secs(),
        });
        let mut result = self.call("Runtime.evaluate", params)?;
        if let Some(thrown) = result.get("exceptionDetails") {
            let said = thrown["exception"]["description"]
                .as_str()
                .or(thrown["text"].as_str());
            return Err(BrowserError::Script(said.unwrap_or("?").to_owned()));
        }
        Ok(result["result"]["value"].take())
    }

    /// Waits until a condition holds on the page, looking at every frame it draws.
    pub fn until(&mut self, condition: &str) -> Result<(), BrowserError> {
        let milliseconds = 10_000;
        let held = self.eval(&format!(
            "new Promise((done) => {{ const end = performance.now() + {milliseconds}; const look = () => \
             ({condition}) ? done(true) : performance.now() > end ? done(false) : requestAnimationFrame(look); look(); }})"
        ))?;
        if held == true {
            Ok(())
        } else {
            Err(BrowserError::Script(format!(
                "within {milliseconds} ms it never held that {condition}"
            )))
        }
    }

    /// Presses and lets go a key, named as in JavaScript: `Tab`, `Enter`, `ArrowDown`, `a`.
    pub fn key(&mut self, key: &str) -> Result<(), BrowserError> {
        self.keys(key, 1)
    }

    /// The same so many times, as fast as the page takes it.
    pub fn keys(&mut self, key: &str, times: usize) -> Result<(), BrowserError> {
        let (code, number, typed) = match key {
            "Tab" => ("Tab", 9, ""),
            "Enter" => ("Enter", 13, "\r"),
            "Escape" => ("Escape", 27, ""),
            " " => ("Space", 32, " "),
            "End" => ("End", 35, ""),
            "Home" => ("Home", 36, ""),
            "ArrowLeft" => ("ArrowLeft", 37, ""),
            "ArrowUp" => ("ArrowUp", 38, ""),
            "ArrowRight" => ("ArrowRight", 39, ""),
            "ArrowDown" => ("ArrowDown", 40, ""),
            "/" => ("Slash", 191, "/"),
            letter => (
                "",
                u32::from(letter.chars().next().unwrap_or(' ').to_ascii_uppercase()),
                letter,
            ),
        };
        let mut down =
            json!({ "type": "rawKeyDown", "key": key, "code": code, "windowsVirtualKeyCode": number });
        if !typed.is_empty() {
            down["type"] = "keyDown".into();
            down["text"] = typed.into();
        }
        let up = json!({ "type": "keyUp", "key": key, "code": code, "windowsVirtualKeyCode": number });
        let pressed = iter::repeat_n([down, up], times).flatten();
        self.talk.calls("Input.dispatchKeyEvent", pressed)?;
        Ok(())
    }

    /// Gives the page a size in CSS pixels, on a screen with so many pixels to each.
    pub fn size(&mut self, width: u32, height: u32, scale: f64) -> Result<(), BrowserError> {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", size)?;
        Ok(())
    }

    /// Sets what the reader's system asks for: `("prefers-color-scheme", "dark")`.
    pub fn media(&mut self, features: &[(&str, &str)]) -> Result<(), BrowserError> {
        let features: Vec<Value> = features
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }))?;
        Ok(())
    }

    /// A PNG of what is seen, or of a part of the page: left, top, width and height in CSS pixels.
    pub fn picture(&mut self, part: Option<[f64; 4]>) -> Result<Vec<u8>, BrowserError> {
        let mut params = json!({ "format": "png", "captureBeyondViewport": part.is_some() });
        if let Some([x, y, width, height]) = part {
            params["clip"] = json!({ "x": x, "y": y, "width": width, "height": height, "scale": 1 });
        }
        let made = self.call("Page.captureScreenshot", params)?;
        BASE64_STANDARD
            .decode(text(&made["data"]))
            .map_err(|error| BrowserError::Lost(format!("a picture that is none: {error}")))
    }

    /// Lets the page read what was copied.
    pub fn allow_clipboard(&mut self) -> Result<(), BrowserError> {
        let mut whole = self.browser.whole.lock().unwrap_or_else(PoisonError::into_inner);
        let permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"];
        let granted = json!({ "permissions": permissions, "browserContextId": self.context });
        whole.call("Browser.grantPermissions", granted)?;
        Ok(())
    }

    /// What the browser told since the last look.
    pub fn told(&mut self) -> Result<Vec<Told>, BrowserError> {
        // An answer comes behind everything that was told before it.
        self.call("Page.getNavigationHistory", json!({}))?;
        Ok(std::mem::take(&mut self.talk.told))
    }
}

impl Drop for Tab<'_> {
    fn drop(&mut self) {
        let mut whole = self.browser.whole.lock().unwrap_or_else(PoisonError::into_inner);
        let context = json!({ "browserContextId": self.context });
        whole.call("Target.disposeBrowserContext", context).ok();
    }
}
