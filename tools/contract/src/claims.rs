//! What a server claims of itself: which cases it is asked, and how large they are.
//!
//! A claim is written in a listing's `Cargo.toml` (`[package.metadata.book.server.NAME]`) or on the command line
//! (`--claim concurrency=one`); both are read here, by the same rules and with the same messages.

use std::{fmt, time::Duration};

use toml::{Table, Value};

/// Every claim's key, in the order messages list them.
pub const CLAIMS: [&str; 10] = [
    "service",
    "concurrency",
    "half-close",
    "bounded",
    "idle",
    "first-byte-deadline",
    "idle-deadline",
    "graceful",
    "reuseport",
    "fails",
];

/// What a server does with the bytes it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Service {
    /// The bytes come back as they were sent.
    #[default]
    Echo,
    /// As [`Service::Echo`], but what travels is frames: a length (four bytes, big-endian), then that many bytes.
    Frames,
    /// Anything else: it is asked to start, to survive, to leave nothing behind and to end.
    Other,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Echo => "echo",
            Self::Frames => "frames",
            Self::Other => "other",
        })
    }
}

/// How many clients are served at the same time; whoever comes beyond it waits and is not refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concurrency {
    /// So many and no more; at least 1.
    AtMost(usize),
    /// As many as the system allows.
    #[default]
    Many,
}

impl fmt::Display for Concurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(1) => f.write_str("one"),
            Self::AtMost(clients) => clients.fmt(f),
            Self::Many => f.write_str("many"),
        }
    }
}

/// What a server claims. [`Claims::default`] is an echo server for many clients that answers after the client's FIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// What it does with the bytes.
    pub service: Service,
    /// How many clients it serves at the same time.
    pub concurrency: Concurrency,
    /// Whether it answers what came before the client's FIN, then ends the stream.
    pub half_close: bool,
    /// The most connections it has accepted at any time, where it claims such a bound.
    pub bounded: Option<usize>,
    /// How many connections that say nothing it bears beside those that do; 200 where it claims none.
    pub idle: Option<usize>,
    /// How long a client may keep silent before its first byte, where the server ends one that does so longer.
    pub first_byte_deadline: Option<Duration>,
    /// How long a client may keep silent after that.
    pub idle_deadline: Option<Duration>,
    /// Whether it finishes the requests begun when SIGTERM comes, and ends without an RST.
    pub graceful: bool,
    /// Whether a second start on the same port succeeds.
    pub reuseport: bool,
    /// The cases it fails: exactly these, and all others pass.
    pub fails: Vec<String>,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            service: Service::Echo,
            concurrency: Concurrency::Many,
            half_close: true,
            bounded: None,
            idle: None,
            first_byte_deadline: None,
            idle_deadline: None,
            graceful: false,
            reuseport: false,
            fails: Vec::new(),
        }
    }
}

/// A claim that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// No claim has this key.
    #[error("no claim is called `{0}`: the claims are {list}", list = CLAIMS.join(", "))]
    UnknownKey(String),
    /// The key is known, the value is none it can have.
    #[error("`{key}` cannot be {value}: it is {choices}")]
    BadValue {
        /// The claim's key.
        key: String,
        /// The value, as it was written.
        value: String,
        /// The values it can have.
        choices: &'static str,
    },
    /// On the command line, no `=`.
    #[error("`{0}` is not a claim: write key=value, as in concurrency=one")]
    NoValue(String),
    /// `fails` names a case that does not exist.
    #[error("`fails` names the case `{name}`, which does not exist: the cases are\n  {choices}")]
    UnknownCase {
        /// The name.
        name: String,
        /// All cases there are, one a line.
        choices: String,
    },
    /// `fails` names a case that is not asked of a server with these claims.
    #[error(
        "`fails` names the case `{name}`, which is not asked of this server ({reason}): take it out of `fails`"
    )]
    CaseNotAsked {
        /// The name.
        name: String,
        /// The claim that keeps it away.
        reason: String,
    },
}

impl Claims {
    /// Reads the claims of one server from its table of metadata. What is not named keeps its default.
    ///
    /// # Errors
    /// The first claim with an unknown key or with a value it cannot have.
    pub fn from_toml(table: &Table) -> Result<Self, ClaimError> {
        let mut claims = Self::default();
        for (key, value) in table {
            claims.put(key, value)?;
        }
        Ok(claims)
    }

    /// Adds one claim as it is written on the command line: `concurrency=one`, `graceful=true`,
    /// `fails=one-byte-at-a-time,two-clients-at-once`.
    ///
    /// # Errors
    /// No `=`, an unknown key, or a value the key cannot have.
    pub fn set(&mut self, claim: &str) -> Result<(), ClaimError> {
        let (key, text) = claim
            .split_once('=')
            .ok_or_else(|| ClaimError::NoValue(claim.to_owned()))?;
        let (key, text) = (key.trim(), text.trim());
        let value = match text {
            _ if key == "fails" => Value::Array(
                text.split(',')
                    .map(str::trim)
                    .filter(|name| !name.is_empty())
                    .map(Value::from)
                    .collect(),
            ),
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            _ => (text.parse().map(Value::Integer))
                .or_else(|_| text.parse().map(Value::Float))
                .unwrap_or_else(|_| Value::from(text)),
        };
        self.put(key, &value)
    }

    fn put(&mut self, key: &str, value: &Value) -> Result<(), ClaimError> {
        let bad = |choices| ClaimError::BadValue {
            key: key.to_owned(),
            value: value.to_string(),
            choices,
        };
        let yes_or_no = || value.as_bool().ok_or_else(|| bad("true or false"));
        match key {
            "service" => {
                self.service = match value.as_str() {
                    Some("echo") => Service::Echo,
                    Some("frames") => Service::Frames,
                    Some("other") => Service::Other,
                    _ => return Err(bad("echo, frames or other")),
                }
            }
            "concurrency" => {
                self.concurrency = match (value.as_str(), at_least_one(value)) {
                    (Some("one"), _) => Concurrency::AtMost(1),
                    (Some("many"), _) => Concurrency::Many,
                    (_, Some(clients)) => Concurrency::AtMost(clients),
                    _ => return Err(bad("one, many or a number of clients from 1")),
                }
            }
            "half-close" => self.half_close = yes_or_no()?,
            "bounded" => {
                self.bounded = Some(at_least_one(value).ok_or_else(|| bad("a number of connections from 1"))?)
            }
            "idle" => {
                self.idle = Some(at_least_one(value).ok_or_else(|| bad("a number of connections from 1"))?)
            }
            "first-byte-deadline" => {
                self.first_byte_deadline = Some(seconds(value).ok_or_else(|| bad(SECONDS))?)
            }
            "idle-deadline" => self.idle_deadline = Some(seconds(value).ok_or_else(|| bad(SECONDS))?),
            "graceful" => self.graceful = yes_or_no()?,
            "reuseport" => self.reuseport = yes_or_no()?,
            "fails" => {
                let names = value.as_array().ok_or_else(|| bad("a list of cases' names"))?;
                for name in names {
                    let name = name.as_str().ok_or_else(|| bad("a list of cases' names"))?;
                    if !self.fails.iter().any(|known| known == name) {
                        self.fails.push(name.to_owned());
                    }
                }
            }
            _ => return Err(ClaimError::UnknownKey(key.to_owned())),
        }
        Ok(())
    }

    /// How many clients are served at the same time, by both claims that bound it; `None` where none does.
    pub fn served_at_once(&self) -> Option<usize> {
        let by_concurrency = match self.concurrency {
            Concurrency::AtMost(clients) => Some(clients),
            Concurrency::Many => None,
        };
        by_concurrency.into_iter().chain(self.bounded).min()
    }
}

/// The claims as a reader would write them, those at their default left out except `service` and `concurrency`.
impl fmt::Display for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service={} concurrency={}", self.service, self.concurrency)?;
        if !self.half_close {
            f.write_str(" half-close=false")?;
        }
        if let Some(connections) = self.bounded {
            write!(f, " bounded={connections}")?;
        }
        if let Some(connections) = self.idle {
            write!(f, " idle={connections}")?;
        }
        for (deadline, key) in [
            (self.first_byte_deadline, "first-byte-deadline"),
            (self.idle_deadline, "idle-deadline"),
        ] {
            if let Some(deadline) = deadline {
                write!(f, " {key}={}", deadline.as_secs_f64())?;
            }
        }
        for (claimed, key) in [(self.graceful, "graceful"), (self.reuseport, "reuseport")] {
            if claimed {
                write!(f, " {key}=true")?;
            }
        }
        if !self.fails.is_empty() {
            write!(f, " fails={}", self.fails.join(","))?;
        }
        Ok(())
    }
}

/// What a deadline can be: longer than a busy machine may keep a client waiting, shorter than a case lasts.
const SECONDS: &str = "a number of seconds from 0.2 to 20";

fn seconds(value: &Value) -> Option<Duration> {
    let whole = || u32::try_from(value.as_integer()?).ok().map(f64::from);
    let seconds = value.as_float().or_else(whole)?;
    (0.2..=20.0)
        .contains(&seconds)
        .then(|| Duration::from_secs_f64(seconds))
}

fn at_least_one(value: &Value) -> Option<usize> {
    usize::try_from(value.as_integer()?)
        .ok()
        .filter(|&number| number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(toml: &str) -> Result<Claims, ClaimError> {
        Claims::from_toml(&toml.parse::<Table>().unwrap())
    }

    #[test]
    fn an_empty_table_claims_an_echo_server_for_many_that_answers_after_the_fin() {
        let claims = claims("").unwrap();
        assert_eq!(claims, Claims::default());
        assert_eq!(claims.to_string(), "service=echo concurrency=many");
        assert!(claims.half_close);
        assert_eq!(claims.served_at_once(), None);
    }

    #[test]
    fn metadata_and_command_line_say_the_same() {
        let written = claims(
            "service = 'frames'\nconcurrency = 4\nhalf-close = false\nbounded = 3\nidle = 5000\nfirst-byte-deadline = 0.5\nidle-deadline = 2\ngraceful = true\nreuseport = true\nfails = ['a', 'b']",
        )
        .unwrap();
        let mut typed = Claims::default();
        for claim in [
            "service=frames",
            "concurrency=4",
            "half-close=false",
            "bounded=3",
            "idle=5000",
            "first-byte-deadline=0.5",
            "idle-deadline=2",
            "graceful=true",
            "reuseport=true",
            "fails=a,b",
        ] {
            typed.set(claim).unwrap();
        }
        assert_eq!(written, typed);
        let shown = typed.to_string();
        let mut again = Claims::default();
        for claim in shown.split(' ') {
            again.set(claim).unwrap();
        }
        assert_eq!(again, typed, "{shown}");
    }

    #[test]
    fn one_is_a_number_of_clients() {
        assert_eq!(claims("concurrency = 'one'").unwrap().served_at_once(), Some(1));
        assert_eq!(claims("concurrency = 1").unwrap().concurrency.to_string(), "one");
    }

    #[test]
    fn the_smaller_of_concurrency_and_bounded_counts() {
        assert_eq!(
            claims("concurrency = 8\nbounded = 3").unwrap().served_at_once(),
            Some(3)
        );
        assert_eq!(
            claims("concurrency = 2\nbounded = 3").unwrap().served_at_once(),
            Some(2)
        );
    }

    #[test]
    fn fails_given_twice_is_one_list() {
        let mut claims = Claims::default();
        claims.set("fails=a").unwrap();
        claims.set("fails=b, a").unwrap();
        assert_eq!(claims.fails, ["a", "b"]);
    }

    #[test]
    fn an_unknown_claim_is_told_with_the_choices() {
        assert_eq!(
            claims("concurency = 'one'").unwrap_err().to_string(),
            "no claim is called `concurency`: the claims are service, concurrency, half-close, bounded, idle, first-byte-deadline, idle-deadline, graceful, reuseport, fails"
        );
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_told_with_the_choices() {
        assert_eq!(
            claims("concurrency = 0").unwrap_err().to_string(),
            "`concurrency` cannot be 0: it is one, many or a number of clients from 1"
        );
        assert_eq!(
            Claims::default().set("graceful=perhaps").unwrap_err().to_string(),
            "`graceful` cannot be \"perhaps\": it is true or false"
        );
        assert!(claims("bounded = -1").is_err());
        assert!(claims("idle = 0").is_err());
        for deadline in ["0", "0.1", "21", "-1", "nan", "'soon'"] {
            assert!(
                claims(&format!("idle-deadline = {deadline}")).is_err(),
                "{deadline}"
            );
        }
        assert!(claims("service = 'ech'").is_err());
        assert!(claims("fails = 'a'").is_err());
    }

    #[test]
    fn a_claim_without_a_value_is_told_how_to_write_it() {
        assert_eq!(
            Claims::default().set("graceful").unwrap_err().to_string(),
            "`graceful` is not a claim: write key=value, as in concurrency=one"
        );
    }
}
