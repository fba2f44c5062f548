//! What a server writes, followed by a thread of its own so that the server never waits for a reader.

use std::{
    collections::VecDeque,
    io::{self, Read},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use crate::closing::Closing;

/// How much of the beginning, and how much of the end, is kept.
const KEPT: usize = 8 * 1024;

/// A stream of the server's, as far as it has been read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    beginning: Vec<u8>,
    end: VecDeque<u8>,
    closed: bool,
}

impl Output {
    /// Reads the stream to its end, or until that is `enough`, and then closes our end of it.
    pub(crate) fn follow(stream: impl Read + Send + 'static, enough: fn(&Self) -> bool) -> io::Result<Self> {
        let mut stream = Closing::new(stream);
        let output = Self::default();
        let follower = output.clone();
        thread::Builder::new().name("output".into()).spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                match stream.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(n) => {
                        follower.keep(&buffer[..n]);
                        if enough(&follower) {
                            break;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            drop(stream);
            follower.kept().closed = true;
        })?;
        Ok(output)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, bytes: &[u8]) {
        let mut kept = self.kept();
        let room = KEPT - kept.beginning.len();
        let (first, rest) = bytes.split_at(room.min(bytes.len()));
        kept.beginning.extend_from_slice(first);
        kept.end.extend(rest);
        let surplus = kept.end.len().saturating_sub(KEPT);
        kept.end.drain(..surplus);
    }

    /// Whether no more is read: the server has closed it, or we have.
    pub(crate) fn is_closed(&self) -> bool {
        self.kept().closed
    }

    /// The first line, once it is complete (or all there is, once the stream has ended).
    pub(crate) fn first_line(&self) -> Option<String> {
        self.line(|_| true)
    }

    /// The first complete line that fits.
    pub(crate) fn line(&self, fits: impl Fn(&str) -> bool) -> Option<String> {
        let kept = self.kept();
        let text = String::from_utf8_lossy(&kept.beginning);
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n') || kept.closed)
            .map(|line| line.trim_end_matches(['\n', '\r']))
            .find(|line| fits(line))
            .map(str::to_owned)
    }

    /// All that is kept, as text.
    pub(crate) fn text(&self) -> String {
        let kept = self.kept();
        let mut bytes = kept.beginning.clone();
        bytes.extend(&kept.end);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The last few lines.
    pub(crate) fn last_lines(&self, count: usize) -> Vec<String> {
        let text = self.text();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(count)..]
            .iter()
            .map(|&line| shortened(line))
            .collect()
    }
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(100) {
        Some((place, _)) => format!("{} …", &line[..place]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::until;

    fn followed(bytes: Vec<u8>) -> Output {
        let output = Output::follow(io::Cursor::new(bytes), |_| false).unwrap();
        until(Duration::from_secs(5), || output.is_closed().then_some(())).unwrap();
        output
    }

    #[test]
    fn the_first_line_and_a_later_one_are_found() {
        let output = followed(b"one\nlistening on 127.0.0.1:1\n".to_vec());
        assert_eq!(output.first_line().as_deref(), Some("one"));
        assert_eq!(
            output.line(|line| line.starts_with("listening")).as_deref(),
            Some("listening on 127.0.0.1:1")
        );
        assert_eq!(output.last_lines(1), ["listening on 127.0.0.1:1"]);
    }

    #[test]
    fn a_flood_keeps_its_beginning_and_its_end() {
        let mut flood = b"listening on 127.0.0.1:1\n".to_vec();
        for line in 0..100_000 {
            flood.extend(format!("line {line}\n").bytes());
        }
        let output = followed(flood);
        assert!(output.text().len() <= 2 * KEPT);
        assert_eq!(output.first_line().as_deref(), Some("listening on 127.0.0.1:1"));
        assert_eq!(output.last_lines(2), ["line 99998", "line 99999"]);
    }

    #[test]
    fn our_end_is_closed_after_the_first_line_when_that_is_asked() {
        let (reader, mut writer) = io::pipe().unwrap();
        let output = Output::follow(reader, |output| output.first_line().is_some()).unwrap();
        io::Write::write_all(&mut writer, b"one\n").unwrap();
        until(Duration::from_secs(5), || output.is_closed().then_some(())).unwrap();
        assert!(io::Write::write_all(&mut writer, b"two\n").is_err());
    }
}
