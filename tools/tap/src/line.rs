//! One line of the log, built on the stack: nothing here allocates, so that a tapped call never waits for the allocator.

/// Room for a line with its longest lists; what does not fit makes the line a lost one.
const ROOM: usize = 4096;

/// A JSON object being written.
pub struct Line {
    bytes: [u8; ROOM],
    used: usize,
    fits: bool,
}

impl Line {
    /// An empty object.
    pub fn new() -> Line {
        Line {
            bytes: [0; ROOM],
            used: 0,
            fits: true,
        }
    }

    /// The finished line with its line break, or nothing where it did not fit.
    pub fn finish(&mut self) -> Option<&[u8]> {
        self.raw("}\n");
        self.fits.then(|| self.bytes.get(..self.used)).flatten()
    }

    /// `"key":number`
    pub fn number(&mut self, key: &str, value: impl Into<i128>) {
        self.key(key);
        self.digits(value.into());
    }

    /// `"key":true`
    pub fn flag(&mut self, key: &str, value: bool) {
        self.key(key);
        self.raw(if value { "true" } else { "false" });
    }

    /// `"key":"text"`, the text written by `fill`.
    pub fn text(&mut self, key: &str, fill: impl FnOnce(&mut Text)) {
        self.key(key);
        self.quoted(fill);
    }

    /// `"key":[...]`, the items written by `fill`.
    pub fn list(&mut self, key: &str, fill: impl FnOnce(&mut List)) {
        self.key(key);
        self.raw("[");
        fill(&mut List {
            line: self,
            empty: true,
        });
        self.raw("]");
    }

    fn key(&mut self, key: &str) {
        self.raw(if self.used == 0 { "{\"" } else { ",\"" });
        self.raw(key);
        self.raw("\":");
    }

    fn quoted(&mut self, fill: impl FnOnce(&mut Text)) {
        self.raw("\"");
        fill(&mut Text {
            line: self,
            empty: true,
        });
        self.raw("\"");
    }

    fn raw(&mut self, text: &str) {
        self.push(text.as_bytes());
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.used.saturating_add(bytes.len());
        match self.bytes.get_mut(self.used..end) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.used = end;
            }
            None => self.fits = false,
        }
    }

    fn digits(&mut self, value: i128) {
        if value < 0 {
            self.raw("-");
        }
        // 64 bits hold everything that is noted; dividing 128 of them costs ten times as much.
        let mut digits = [0_u8; 20];
        self.push(decimal(value.unsigned_abs() as u64, &mut digits));
    }
}

/// The number's digits, at the end of the room given.
pub fn decimal(value: u64, room: &mut [u8; 20]) -> &[u8] {
    let mut rest = value;
    let mut start = room.len();
    for (at, digit) in room.iter_mut().enumerate().rev() {
        *digit = b'0' + (rest % 10) as u8;
        start = at;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    room.get(start..).unwrap_or_default()
}

/// The inside of a list.
pub struct List<'line> {
    line: &'line mut Line,
    empty: bool,
}

impl List<'_> {
    /// A number.
    pub fn number(&mut self, value: impl Into<i128>) {
        self.comma();
        self.line.digits(value.into());
    }

    /// `null`
    pub fn null(&mut self) {
        self.comma();
        self.line.raw("null");
    }

    /// A string, written by `fill`.
    pub fn text(&mut self, fill: impl FnOnce(&mut Text)) {
        self.comma();
        self.line.quoted(fill);
    }

    /// A list in the list.
    pub fn list(&mut self, fill: impl FnOnce(&mut List)) {
        self.comma();
        self.line.raw("[");
        fill(&mut List {
            line: self.line,
            empty: true,
        });
        self.line.raw("]");
    }

    fn comma(&mut self) {
        if !self.empty {
            self.line.raw(",");
        }
        self.empty = false;
    }
}

/// The inside of a string: words, made safe for JSON.
pub struct Text<'line> {
    line: &'line mut Line,
    empty: bool,
}

impl Text<'_> {
    /// Text; what JSON needs escaped is escaped, control characters become `?`.
    pub fn word(&mut self, word: &[u8]) -> &mut Self {
        self.empty &= word.is_empty();
        for byte in word {
            match byte {
                b'"' | b'\\' => self.line.push(&[b'\\', *byte]),
                0..=31 => self.line.raw("?"),
                _ => self.line.push(&[*byte]),
            }
        }
        self
    }

    /// A number.
    pub fn number(&mut self, value: impl Into<i128>) -> &mut Self {
        self.empty = false;
        self.line.digits(value.into());
        self
    }

    /// `separator`, unless nothing stands before it yet.
    pub fn between(&mut self, separator: &str) -> &mut Self {
        if !self.empty {
            self.line.raw(separator);
        }
        self
    }
}
