//! Serves the book to the browser on this machine, and tells its pages when there is a newer one.
//!
//! Only this machine: the listener is bound to 127.0.0.1, a request must name this machine as its host (a page from
//! elsewhere whose name was pointed at 127.0.0.1 names its own), and a web socket must be asked for by a page from
//! here.

use crate::http::{Request, RequestError, Requests, Response};
use crate::site::{Found, Page, RELOAD, Site};
use crate::websocket::{self, opcode};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

/// A connection that asks nothing for this long is closed; the browser opens another when it needs one.
const IDLE: Duration = Duration::from_secs(60);

/// A peer that takes no byte for this long is given up.
const STUCK: Duration = Duration::from_secs(10);

/// One browser opens six connections for pages and one a tab for reloading.
const MOST_CONNECTIONS: usize = 256;

/// With no descriptor left, a connection stays in the queue and asking again at once would spin.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Why the server cannot stand where it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program listens there.
    #[error(
        "port {0} is taken by another program: end that one, or choose another port with --port N \
         (--port 0 takes any free one)"
    )]
    Taken(u16),
    /// Ports below 1024 belong to the system on many machines.
    #[error("port {0} needs rights this user does not have: choose one above 1023 with --port N")]
    Forbidden(u16),
    /// Anything else.
    #[error("cannot listen on 127.0.0.1:{port}: {cause}; choose another port with --port N")]
    Other {
        /// The port asked for.
        port: u16,
        /// What the system said.
        cause: io::Error,
    },
}

/// Takes `port` of 127.0.0.1; 0 takes any free one.
pub fn bind(port: u16) -> Result<TcpListener, BindError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|cause| match cause.kind() {
        io::ErrorKind::AddrInUse => BindError::Taken(port),
        io::ErrorKind::PermissionDenied => BindError::Forbidden(port),
        _ => BindError::Other { port, cause },
    })
}

/// Where the book lies that is served now, and who is to be told of the next one.
#[derive(Debug)]
pub struct Shelf {
    site: RwLock<Arc<Site>>,
    /// One a page that waits; its number tells it from the others.
    waiting: Mutex<Vec<(usize, TcpStream)>>,
    next_number: AtomicUsize,
}

impl Shelf {
    /// A shelf with its first book.
    pub fn new(site: Site) -> Self {
        Shelf {
            site: RwLock::new(Arc::new(site)),
            waiting: Mutex::default(),
            next_number: AtomicUsize::default(),
        }
    }

    /// The book now served.
    pub fn site(&self) -> Arc<Site> {
        Arc::clone(&self.site.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts a newer book in the old one's place and tells every page that waits.
    pub fn put(&self, site: Site) {
        *self.site.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(site);
        for (_, mut stream) in self.waiting().drain(..) {
            tell_reload(&mut stream);
        }
    }

    /// Lets a page of `generation` wait for a newer one. Returns a number to [`Self::forget`] it by.
    fn wait(&self, mut stream: TcpStream, generation: u64) -> usize {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        // Looked up with the list held: a book put after this look finds the page in the list.
        let mut waiting = self.waiting();
        if self.site().generation() == generation {
            waiting.push((number, stream));
        } else {
            tell_reload(&mut stream);
        }
        number
    }

    fn forget(&self, number: usize) {
        self.waiting().retain(|(it, _)| *it != number);
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<(usize, TcpStream)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A page that is gone needs no reload, so a failed write is no error.
fn tell_reload(stream: &mut TcpStream) {
    stream.write_all(&websocket::frame(opcode::TEXT, b"reload")).ok();
}

/// Answers connections, each in a thread of its own, for as long as the program runs.
pub fn serve(listener: TcpListener, shelf: Arc<Shelf>) {
    let open = Arc::new(());
    for stream in listener.incoming() {
        let stream = match stream {
            Ok(stream) => stream,
            Err(_) => {
                thread::sleep(BACK_OFF);
                continue;
            }
        };
        // Every connection's thread holds a share; dropping the stream closes one too many.
        if Arc::strong_count(&open) > MOST_CONNECTIONS {
            continue;
        }
        let share = Arc::clone(&open);
        let shelf = Arc::clone(&shelf);
        let spawned = thread::Builder::new().name("reader".into()).spawn(move || {
            let _share = share;
            // The peer's going away ends its thread and concerns nobody else.
            answer_all(stream, &shelf).ok();
        });
        if spawned.is_err() {
            thread::sleep(BACK_OFF);
        }
    }
}

fn answer_all(stream: TcpStream, shelf: &Shelf) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_write_timeout(Some(STUCK))?;
    let mut requests = Requests::new(&stream);
    loop {
        let request = match requests.read() {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(RequestError::Io(error)) => return Err(error),
            Err(error @ RequestError::TooLong) => {
                let said = error.to_string();
                return Response::text("431 Request Header Fields Too Large", &said)
                    .write(&stream, false, false);
            }
            Err(error @ RequestError::Malformed(_)) => {
                return Response::text("400 Bad Request", &error.to_string()).write(&stream, false, false);
            }
        };
        let site = shelf.site();
        match answer(&request, &site) {
            Answer::Page(response) => {
                response.write(&stream, request.method == "HEAD", request.keep_alive)?;
                if !request.keep_alive {
                    return Ok(());
                }
            }
            Answer::Reload { accept, generation } => {
                // A page waits for hours; this thread must not keep its book in memory.
                drop(site);
                return reload(&stream, shelf, &accept, generation);
            }
        }
    }
}

/// What is done about a request.
#[derive(Debug, PartialEq, Eq)]
enum Answer<'a> {
    Page(Response<'a>),
    Reload { accept: String, generation: u64 },
}

fn answer<'a>(request: &Request, site: &'a Site) -> Answer<'a> {
    let Some(host) = request.host.as_deref().filter(|host| names_this_machine(host)) else {
        let said = "This book is served to this machine only: ask for it as 127.0.0.1 or localhost.";
        return Answer::Page(Response::text("403 Forbidden", said));
    };
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        let response = Response::text("405 Method Not Allowed", "A book can only be read.");
        return Answer::Page(response.with("Allow", "GET, HEAD"));
    }
    if let Some(rest) = request
        .path
        .strip_prefix('/')
        .and_then(|path| path.strip_prefix(RELOAD))
    {
        return answer_reload(request, host, rest);
    }
    Answer::Page(answer_page(request, site))
}

fn answer_reload<'a>(request: &Request, host: &str, rest: &str) -> Answer<'a> {
    // A browser names the origin of the page that asks; a program that is none may ask.
    let foreign = request
        .origin
        .as_ref()
        .is_some_and(|origin| *origin != format!("http://{host}"));
    if foreign {
        return Answer::Page(Response::text(
            "403 Forbidden",
            "Only the book's own pages wait here.",
        ));
    }
    match &request.websocket_key {
        Some(key) => Answer::Reload {
            accept: websocket::accept(key),
            generation: rest.trim_start_matches('/').parse().unwrap_or(0),
        },
        None => {
            let response = Response::text("426 Upgrade Required", "This is a web socket for live reload.");
            Answer::Page(
                response
                    .with("Upgrade", "websocket")
                    .with("Sec-WebSocket-Version", "13"),
            )
        }
    }
}

fn answer_page<'a>(request: &Request, site: &'a Site) -> Response<'a> {
    let (status, page) = match site.find(&request.path) {
        Found::Page(page) => ("200 OK", page),
        Found::Nothing(Some(page)) => ("404 Not Found", page),
        Found::Unbuilt(page) => ("500 Internal Server Error", page),
        Found::Nothing(None) => return Response::text("404 Not Found", "There is no such page."),
        Found::Folder => {
            return Response::text("308 Permanent Redirect", "It is a folder.")
                .with("Location", format!("{}/", encode(&request.path)));
        }
    };
    let has_it = status == "200 OK"
        && request
            .if_none_match
            .as_ref()
            .is_some_and(|tags| tags.contains(&page.tag));
    let (status, body) = if has_it {
        ("304 Not Modified", &[][..])
    } else {
        (status, &page.body[..])
    };
    Response {
        status,
        headers: headers(page),
        body: body.into(),
    }
}

/// The headers of every page: how it may be kept, and what a browser may do with it.
fn headers(page: &Page) -> Vec<(&'static str, String)> {
    vec![
        ("Content-Type", page.kind.into()),
        ("ETag", page.tag.clone()),
        // Kept, and asked for again each time: an author must never see yesterday's page.
        ("Cache-Control", "no-cache".into()),
        ("X-Content-Type-Options", "nosniff".into()),
        ("Referrer-Policy", "no-referrer".into()),
    ]
}

/// Whether a `Host` is this machine by a name that no other machine can have. Any port will do: the port seen from
/// the browser differs from ours where one is forwarded.
fn names_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) => return false,
        None => host,
    };
    name == "127.0.0.1" || name.eq_ignore_ascii_case("localhost")
}

fn encode(path: &str) -> String {
    path.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).into()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Keeps a page's web socket until the page goes.
fn reload(mut stream: &TcpStream, shelf: &Shelf, accept: &str, generation: u64) -> io::Result<()> {
    let response = Response {
        status: "101 Switching Protocols",
        headers: Vec::new(),
        body: (&[][..]).into(),
    }
    .with("Connection", "Upgrade")
    .with("Upgrade", "websocket")
    .with("Sec-WebSocket-Accept", accept);
    response.write(stream, false, true)?;
    stream.set_read_timeout(None)?;
    let number = shelf.wait(stream.try_clone()?, generation);
    loop {
        match websocket::read(stream) {
            Ok(frame) if frame.opcode == opcode::PING && frame.content.len() <= 125 => {
                stream
                    .write_all(&websocket::frame(opcode::PONG, &frame.content))
                    .ok();
            }
            Ok(frame) if frame.opcode == opcode::CLOSE => {
                stream.write_all(&websocket::frame(opcode::CLOSE, &[])).ok();
                break;
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    shelf.forget(number);
    Ok(())
}

/// The address as a browser wants it.
pub fn url(address: SocketAddr) -> String {
    format!("http://{address}/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problem;

    fn site() -> Site {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("index.html"), "home").unwrap();
        std::fs::create_dir(folder.path().join("é")).unwrap();
        std::fs::write(folder.path().join("é/index.html"), "sub").unwrap();
        Site::read(folder.path(), 3).unwrap()
    }

    fn get(path: &str) -> Request {
        Request {
            method: "GET".into(),
            path: path.into(),
            host: Some("127.0.0.1:3000".into()),
            ..Request::default()
        }
    }

    fn status(request: &Request) -> &'static str {
        match answer(request, &site()) {
            Answer::Page(response) => response.status,
            Answer::Reload { .. } => "101",
        }
    }

    #[test]
    fn only_names_of_this_machine_are_served() {
        for host in [
            "127.0.0.1:3000",
            "localhost:3000",
            "LOCALHOST",
            "127.0.0.1",
            "localhost:8080",
        ] {
            assert_eq!(
                status(&Request {
                    host: Some(host.into()),
                    ..get("/")
                }),
                "200 OK",
                "{host}"
            );
        }
        for host in [
            "evil.example",
            "evil.example:3000",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            "localhost:x",
        ] {
            assert_eq!(
                status(&Request {
                    host: Some(host.into()),
                    ..get("/")
                }),
                "403 Forbidden",
                "{host}"
            );
        }
        assert_eq!(
            status(&Request {
                host: None,
                ..get("/")
            }),
            "403 Forbidden"
        );
    }

    #[test]
    fn a_web_socket_is_opened_by_the_book_s_own_pages_only() {
        let asked = |origin: Option<&str>| Request {
            websocket_key: Some("abc".into()),
            origin: origin.map(str::to_owned),
            ..get("/__livereload/3")
        };
        assert_eq!(status(&asked(Some("http://127.0.0.1:3000"))), "101");
        assert_eq!(status(&asked(None)), "101");
        for origin in [
            "http://evil.example",
            "http://127.0.0.1:4000",
            "null",
            "https://127.0.0.1:3000",
        ] {
            assert_eq!(status(&asked(Some(origin))), "403 Forbidden", "{origin}");
        }
        assert_eq!(status(&get("/__livereload/3")), "426 Upgrade Required");
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        let site = site();
        let Answer::Page(first) = answer(&get("/"), &site) else {
            panic!()
        };
        let tag = first
            .headers
            .iter()
            .find(|(name, _)| *name == "ETag")
            .unwrap()
            .1
            .clone();
        let Answer::Page(second) = answer(
            &Request {
                if_none_match: Some(tag),
                ..get("/")
            },
            &site,
        ) else {
            panic!()
        };
        assert_eq!(second.status, "304 Not Modified");
        assert!(second.body.is_empty());
    }

    #[test]
    fn a_folder_without_its_slash_is_sent_to_it() {
        let site = site();
        let Answer::Page(response) = answer(&get("/é"), &site) else {
            panic!()
        };
        assert_eq!(response.status, "308 Permanent Redirect");
        assert!(
            response.headers.contains(&("Location", "/%C3%A9/".into())),
            "{:?}",
            response.headers
        );
    }

    #[test]
    fn a_book_can_only_be_read() {
        assert_eq!(
            status(&Request {
                method: "POST".into(),
                ..get("/")
            }),
            "405 Method Not Allowed"
        );
        assert_eq!(status(&get("/nowhere")), "404 Not Found");
    }

    #[test]
    fn without_a_book_the_page_says_why_and_is_not_taken_for_one() {
        let site = Site::unbuilt(&[Problem::new("no cheese")], 1);
        let Answer::Page(response) = answer(&get("/"), &site) else {
            panic!()
        };
        assert_eq!(response.status, "500 Internal Server Error");
    }

    #[test]
    fn a_taken_port_says_what_to_do() {
        let first = bind(0).unwrap();
        let port = first.local_addr().unwrap().port();
        let said = bind(port).unwrap_err().to_string();
        assert!(
            said.contains(&format!("port {port} is taken")) && said.contains("--port"),
            "{said}"
        );
    }
}
