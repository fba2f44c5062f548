//! Serves the book to the browser on this machine, and tells its pages when there is a newer one.
//!
//! Only this machine: the listener is bound to 127.0.0.1, a request must name this machine as its host (a page from
//! elsewhere whose name was pointed at 127.0.0.1 names its own), and a web socket must be asked for by a page from
//! here.

use crate::site::{Found, Page, RELOAD, Site};
use axum::Router;
use axum::body::Body;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{self, HeaderMap, HeaderName};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use tokio::sync::watch;
use tower_http::compression::{CompressionLayer, CompressionLevel};

/// Brotli's: beyond it pages get little smaller and much slower. It sees that a figure's two drawings are nearly the same,
/// which gzip, whose window is 32 KB, does not.
const QUALITY: CompressionLevel = CompressionLevel::Precise(5);

/// What a path keeps as it is when it is written into a header.
const IN_A_PATH: AsciiSet = NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

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
pub struct Shelf(watch::Sender<Arc<Site>>);

impl Shelf {
    /// A shelf with its first book.
    pub fn new(site: Site) -> Self {
        Shelf(watch::Sender::new(Arc::new(site)))
    }

    /// The book now served.
    pub fn site(&self) -> Arc<Site> {
        Arc::clone(&self.0.borrow())
    }

    /// Puts a newer book in the old one's place and tells every page that waits.
    pub fn put(&self, site: Site) {
        self.0.send_replace(Arc::new(site));
    }
}

/// Answers requests for as long as the program runs.
///
/// One thread does: the readers are the tabs of one browser, and the book lies in memory.
///
/// # Errors
/// The system gives no event queue for the listener.
pub fn serve(listener: TcpListener, shelf: Arc<Shelf>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    runtime.block_on(async {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        axum::serve(listener, router(shelf)).await
    })
}

fn router(shelf: Arc<Shelf>) -> Router {
    Router::new()
        .fallback(answer)
        .layer(CompressionLayer::new().quality(QUALITY))
        .with_state(shelf)
}

async fn answer(State(shelf): State<Arc<Shelf>>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let Some(host) = this_machine(&parts.headers).map(str::to_owned) else {
        let said = "This book is served to this machine only: ask for it as 127.0.0.1 or localhost.\n";
        return (StatusCode::FORBIDDEN, said).into_response();
    };
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        let allowed = [(header::ALLOW, "GET, HEAD")];
        return (
            StatusCode::METHOD_NOT_ALLOWED,
            allowed,
            "A book can only be read.\n",
        )
            .into_response();
    }
    let reload = parts
        .uri
        .path()
        .strip_prefix('/')
        .and_then(|path| path.strip_prefix(RELOAD));
    match reload.map(|rest| rest.trim_start_matches('/').parse().unwrap_or(0)) {
        Some(generation) => answer_reload(&mut parts, &host, generation, &shelf).await,
        None => answer_page(&parts, &shelf.site()),
    }
}

async fn answer_reload(parts: &mut Parts, host: &str, generation: u64, shelf: &Shelf) -> Response {
    // A browser names the origin of the page that asks; a program that is none may ask.
    let origin = parts.headers.get(header::ORIGIN);
    if origin.is_some_and(|origin| origin.as_bytes() != format!("http://{host}").as_bytes()) {
        return (StatusCode::FORBIDDEN, "Only the book's own pages wait here.\n").into_response();
    }
    match WebSocketUpgrade::from_request_parts(parts, &()).await {
        Ok(upgrade) => {
            let site = shelf.0.subscribe();
            upgrade.on_upgrade(move |socket| wait(socket, site, generation))
        }
        Err(_) => {
            let asked = [
                (header::UPGRADE, "websocket"),
                (header::SEC_WEBSOCKET_VERSION, "13"),
            ];
            let said = "This is a web socket for live reload.\n";
            (StatusCode::UPGRADE_REQUIRED, asked, said).into_response()
        }
    }
}

/// Lets a page of `generation` wait for a newer one, until it is told of one or goes.
async fn wait(mut socket: WebSocket, mut site: watch::Receiver<Arc<Site>>, generation: u64) {
    while site.borrow_and_update().generation() == generation {
        tokio::select! {
            changed = site.changed() => if changed.is_err() { return },
            // Pings are answered inside; a page has nothing else to say than that it goes.
            said = socket.recv() => if !matches!(said, Some(Ok(message)) if !matches!(message, Message::Close(_))) { return },
        }
    }
    // A page that is gone needs no reload, so a failed write is no error.
    socket.send(Message::Text("reload".into())).await.ok();
    socket.send(Message::Close(None)).await.ok();
}

fn answer_page(parts: &Parts, site: &Site) -> Response {
    let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
    let (status, page) = match site.find(&path) {
        Found::Page(page) => (StatusCode::OK, page),
        Found::Nothing(Some(page)) => (StatusCode::NOT_FOUND, page),
        Found::Unbuilt(page) => (StatusCode::INTERNAL_SERVER_ERROR, page),
        Found::Nothing(None) => return (StatusCode::NOT_FOUND, "There is no such page.\n").into_response(),
        Found::Folder => {
            let place = format!("{}/", utf8_percent_encode(&path, &IN_A_PATH));
            let place = [(header::LOCATION, place)];
            return (StatusCode::PERMANENT_REDIRECT, place, "It is a folder.\n").into_response();
        }
    };
    let known = parts
        .headers
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok());
    if status == StatusCode::OK && known.is_some_and(|tags| tags.contains(&page.tag)) {
        return (StatusCode::NOT_MODIFIED, headers(page)).into_response();
    }
    (status, headers(page), Body::from(page.body.clone())).into_response()
}

/// The headers of every page: how it may be kept, and what a browser may do with it.
fn headers(page: &Page) -> [(HeaderName, &str); 7] {
    let kept = if page.is_named_by_content {
        "public, max-age=31536000, immutable"
    } else {
        // Kept, and asked for again each time: an author must never see yesterday's page.
        "no-cache"
    };
    [
        (header::CONTENT_TYPE, page.kind),
        (header::ETAG, &page.tag),
        (header::CACHE_CONTROL, kept),
        (header::CONTENT_SECURITY_POLICY, &page.policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ]
}

/// The one `Host` of a request, if it is this machine by a name that no other machine can have. Any port will do: the
/// port seen from the browser differs from ours where one is forwarded.
fn this_machine(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return None;
    };
    let host = host.to_str().ok()?;
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) => return None,
        None => host,
    };
    (name == "127.0.0.1" || name.eq_ignore_ascii_case("localhost")).then_some(host)
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
        std::fs::write(folder.path().join("book-0123abcd.css"), "style").unwrap();
        std::fs::create_dir(folder.path().join("é")).unwrap();
        std::fs::write(folder.path().join("é/index.html"), "sub").unwrap();
        Site::read(folder.path(), 3).unwrap()
    }

    /// Asks a server of one book for `path` and returns what it answers.
    fn ask(method: &str, path: &str, headers: &[(&str, &str)], site: Site) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let shelf = State(Arc::new(Shelf::new(site)));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(answer(shelf, request))
    }

    fn get(path: &str) -> Response {
        ask("GET", path, &[("host", "127.0.0.1:3000")], site())
    }

    fn header(response: &Response, name: &str) -> String {
        let value = response.headers().get(name);
        value
            .unwrap_or_else(|| panic!("no {name}"))
            .to_str()
            .unwrap()
            .to_owned()
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
            assert_eq!(ask("GET", "/", &[("host", host)], site()).status(), 200, "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:3000",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            "localhost:x",
        ] {
            assert_eq!(ask("GET", "/", &[("host", host)], site()).status(), 403, "{host}");
        }
        assert_eq!(ask("GET", "/", &[], site()).status(), 403);
        let two = [("host", "localhost"), ("host", "evil.example")];
        assert_eq!(
            ask("GET", "/", &two, site()).status(),
            403,
            "two hosts are no host"
        );
    }

    #[test]
    fn a_web_socket_is_opened_by_the_book_s_own_pages_only() {
        let status = |origin: &str| {
            let asked = [("host", "127.0.0.1:3000"), ("origin", origin)];
            ask("GET", "/__livereload/3", &asked, site()).status()
        };
        // No connection stands behind this request that could become a web socket.
        assert_eq!(status("http://127.0.0.1:3000"), 426);
        assert_eq!(get("/__livereload/3").status(), 426);
        for origin in [
            "http://evil.example",
            "http://127.0.0.1:4000",
            "null",
            "https://127.0.0.1:3000",
        ] {
            assert_eq!(status(origin), 403, "{origin}");
        }
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        let tag = header(&get("/"), "etag");
        let asked = [("host", "localhost"), ("if-none-match", tag.as_str())];
        assert_eq!(ask("GET", "/", &asked, site()).status(), 304);
        let other = [("host", "localhost"), ("if-none-match", "\"other\"")];
        assert_eq!(ask("GET", "/", &other, site()).status(), 200);
    }

    #[test]
    fn a_file_named_by_its_content_is_kept_and_a_page_is_asked_for_again() {
        assert_eq!(header(&get("/"), "cache-control"), "no-cache");
        let kept = header(&get("/book-0123abcd.css"), "cache-control");
        assert!(kept.contains("immutable"), "{kept}");
    }

    #[test]
    fn a_folder_without_its_slash_is_sent_to_it() {
        let response = get("/%C3%A9");
        assert_eq!(response.status(), 308);
        assert_eq!(header(&response, "location"), "/%C3%A9/");
    }

    #[test]
    fn a_book_can_only_be_read() {
        let host = [("host", "localhost")];
        assert_eq!(ask("POST", "/", &host, site()).status(), 405);
        assert_eq!(get("/nowhere").status(), 404);
    }

    #[test]
    fn without_a_book_the_page_says_why_and_is_not_taken_for_one() {
        let site = Site::unbuilt(&[Problem::new("no cheese")], 1);
        assert_eq!(ask("GET", "/", &[("host", "localhost")], site).status(), 500);
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
