//! As much of HTTP/1.1 (RFC 9112) as a browser needs to read a book: requests without a body, answers with a known
//! length, connections that stay open.

use std::io::{self, Read, Write};

/// A request's line and headers may be this long, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;

/// A request may have this many headers.
const MOST_HEADERS: usize = 64;

/// What is of interest in a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `HEAD` or what else was asked.
    pub method: String,
    /// The path with `%XX` decoded and without the query.
    pub path: String,
    /// The one `Host`, if there was exactly one.
    pub host: Option<String>,
    /// Where the page comes from whose script asks.
    pub origin: Option<String>,
    /// The tags of what the browser has already.
    pub if_none_match: Option<String>,
    /// The key of a web socket's handshake, if that is what was asked for in version 13.
    pub websocket_key: Option<String>,
    /// Whether another request may follow on this connection.
    pub keep_alive: bool,
}

/// Why a request cannot be answered as it stands.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The connection broke, or was idle for too long.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// These bytes are not HTTP/1.
    #[error("not a request this server understands: {0}")]
    Malformed(String),
    /// The head does not end.
    #[error("the request's head is longer than {LONGEST_HEAD} bytes")]
    TooLong,
}

/// Reads requests from one connection, one after the other.
#[derive(Debug)]
pub struct Requests<R> {
    stream: R,
    unread: Vec<u8>,
}

impl<R: Read> Requests<R> {
    /// Reads from `stream`.
    pub fn new(stream: R) -> Self {
        Requests {
            stream,
            unread: Vec::new(),
        }
    }

    /// The next request, or `None` when the peer has ended the connection between two.
    pub fn read(&mut self) -> Result<Option<Request>, RequestError> {
        loop {
            if let Some((request, length)) = parse(&self.unread)? {
                self.unread.drain(..length);
                return Ok(Some(request));
            }
            if self.unread.len() > LONGEST_HEAD {
                return Err(RequestError::TooLong);
            }
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) if self.unread.is_empty() => return Ok(None),
                Ok(0) => return Err(RequestError::Malformed("it ends in its middle".into())),
                Ok(count) => self.unread.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The request at the start of `bytes` and its length, or `None` if it is not complete.
fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>, RequestError> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = match parsed
        .parse(bytes)
        .map_err(|error| RequestError::Malformed(error.to_string()))?
    {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Ok(None),
    };
    let all = |name: &str| -> Vec<String> {
        parsed
            .headers
            .iter()
            .filter(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| String::from_utf8_lossy(header.value).trim().to_owned())
            .collect()
    };
    let one = |name: &str| <[String; 1]>::try_from(all(name)).ok().map(|[value]| value);
    let lists = |name: &str, word: &str| {
        all(name)
            .iter()
            .flat_map(|value| value.split(','))
            .any(|it| it.trim().eq_ignore_ascii_case(word))
    };

    let target = parsed.path.unwrap_or_default();
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let has_body = !all("transfer-encoding").is_empty()
        || all("content-length")
            .iter()
            .any(|length| !length.trim_start_matches('0').is_empty());
    let upgrade = lists("connection", "upgrade")
        && lists("upgrade", "websocket")
        && one("sec-websocket-version").as_deref() == Some("13");
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: decode(path),
        host: one("host"),
        origin: one("origin"),
        if_none_match: one("if-none-match"),
        websocket_key: one("sec-websocket-key").filter(|_| upgrade),
        // A body is not read, so what follows it cannot be told from it.
        keep_alive: parsed.version == Some(1) && !lists("connection", "close") && !has_body,
    };
    Ok(Some((request, length)))
}

/// Turns `%C3%A9` into `é`; what is not such a code stays as it is.
fn decode(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let code = path.get(index + 1..index + 3).filter(|_| bytes[index] == b'%');
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                index += 3;
            }
            None => {
                decoded.push(bytes[index]);
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// An answer: its status, its headers but for the length, its content.
#[derive(Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// The code and its words, as `404 Not Found`.
    pub status: &'static str,
    /// Name and value.
    pub headers: Vec<(&'static str, String)>,
    /// The content.
    pub body: std::borrow::Cow<'a, [u8]>,
}

impl<'a> Response<'a> {
    /// An answer in a few words for people.
    pub fn text(status: &'static str, said: &str) -> Self {
        Response {
            status,
            headers: vec![("Content-Type", "text/plain; charset=utf-8".into())],
            body: format!("{said}\n").into_bytes().into(),
        }
    }

    /// Adds a header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Writes the answer, without its content if only the head was asked for.
    pub fn write(&self, mut stream: impl Write, head_only: bool, keep_alive: bool) -> io::Result<()> {
        let mut bytes = format!("HTTP/1.1 {}\r\n", self.status).into_bytes();
        for (name, value) in &self.headers {
            write!(bytes, "{name}: {value}\r\n")?;
        }
        // Neither of these two may carry a length (RFC 9110, section 8.6).
        if !self.status.starts_with("304") && !self.status.starts_with("101") {
            write!(bytes, "Content-Length: {}\r\n", self.body.len())?;
        }
        if !keep_alive {
            bytes.extend_from_slice(b"Connection: close\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        if !head_only {
            bytes.extend_from_slice(&self.body);
        }
        stream.write_all(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Request {
        Requests::new(bytes).read().unwrap().unwrap()
    }

    #[test]
    fn a_request_gives_its_path_decoded_and_without_the_query() {
        let request = read(b"GET /caf%C3%A9%zz/a.html?highlight=x HTTP/1.1\r\nHost: localhost:3000\r\n\r\n");
        assert_eq!(request.method, "GET");
        assert_eq!(request.path, "/café%zz/a.html");
        assert_eq!(request.host.as_deref(), Some("localhost:3000"));
        assert!(request.keep_alive);
    }

    #[test]
    fn two_requests_in_one_segment_are_two() {
        let mut requests = Requests::new(&b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n"[..]);
        assert_eq!(requests.read().unwrap().unwrap().path, "/a");
        assert_eq!(requests.read().unwrap().unwrap().path, "/b");
        assert_eq!(requests.read().unwrap(), None);
    }

    #[test]
    fn a_request_that_comes_byte_by_byte_is_one() {
        struct ByteByByte<'a>(&'a [u8]);
        impl Read for ByteByByte<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let Some((first, rest)) = self.0.split_first() else {
                    return Ok(0);
                };
                buffer[0] = *first;
                self.0 = rest;
                Ok(1)
            }
        }
        let mut requests = Requests::new(ByteByByte(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!(requests.read().unwrap().unwrap().host.as_deref(), Some("x"));
    }

    #[test]
    fn two_hosts_are_no_host() {
        assert_eq!(
            read(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n").host,
            None
        );
    }

    #[test]
    fn a_handshake_is_known_by_all_of_its_headers() {
        let head = "GET /s HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                    Sec-WebSocket-Key: abc\r\n";
        assert_eq!(read(format!("{head}\r\n").as_bytes()).websocket_key, None);
        let complete = format!("{head}Sec-WebSocket-Version: 13\r\n\r\n");
        assert_eq!(read(complete.as_bytes()).websocket_key.as_deref(), Some("abc"));
    }

    #[test]
    fn a_request_with_a_body_is_the_last_of_its_connection() {
        assert!(!read(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello").keep_alive);
        assert!(!read(b"GET / HTTP/1.0\r\n\r\n").keep_alive);
        assert!(!read(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").keep_alive);
    }

    #[test]
    fn a_head_without_end_is_refused() {
        let endless = [b"GET / HTTP/1.1\r\nX: ".to_vec(), vec![b'a'; 2 * LONGEST_HEAD]].concat();
        assert!(matches!(
            Requests::new(&endless[..]).read(),
            Err(RequestError::TooLong)
        ));
        assert!(matches!(
            Requests::new(&b"\x16\x03\x01 TLS"[..]).read(),
            Err(RequestError::Malformed(_))
        ));
        assert!(matches!(
            Requests::new(&b"GET / HT"[..]).read(),
            Err(RequestError::Malformed(_))
        ));
    }

    #[test]
    fn an_answer_has_its_length_and_a_head_alone_has_it_too() {
        let response = Response::text("404 Not Found", "no");
        let mut bytes = Vec::new();
        response.write(&mut bytes, false, true).unwrap();
        let said = String::from_utf8(bytes).unwrap();
        assert!(said.starts_with("HTTP/1.1 404 Not Found\r\n"), "{said}");
        assert!(said.ends_with("Content-Length: 3\r\n\r\nno\n"), "{said}");
        let mut bytes = Vec::new();
        response.write(&mut bytes, true, false).unwrap();
        let said = String::from_utf8(bytes).unwrap();
        assert!(
            said.ends_with("Content-Length: 3\r\nConnection: close\r\n\r\n"),
            "{said}"
        );
    }
}
