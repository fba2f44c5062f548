//! The director's hand: what is done to the performance while it runs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::time::Span;

/// On an event, deeds: one `[[then]]` of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Then {
    /// The event, in the language of [`wire::event`]: `client FIN`. It counts when its segment leaves its sender.
    pub when: String,
    /// What is done then, one after another.
    #[serde(rename = "do")]
    pub deeds: Vec<Deed>,
}

/// One thing the director does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Deed {
    /// Asks `ss` for the sockets, on every host; its answer stands in the output under the name `ss`.
    Ss,
    /// Asks a program to end, with SIGTERM.
    End(String),
    /// Ends a program with SIGKILL.
    Kill(String),
    /// Stops a program with SIGSTOP.
    Stop(String),
    /// Lets a stopped program go on.
    Continue(String),
    /// From here on nothing comes through the link.
    Cut,
    /// From here on packets come through the link again.
    Mend,
    /// Waits before the next deed.
    Wait(Span),
}

/// A text that is no deed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is nothing the director does; the choices are ss, end NAME, kill NAME, stop NAME, continue NAME, cut, mend, wait TIME (`wait 60ms`)"
)]
pub struct NoDeed(String);

impl Deed {
    /// The program it is done to.
    pub fn program(&self) -> Option<&str> {
        match self {
            Deed::End(name) | Deed::Kill(name) | Deed::Stop(name) | Deed::Continue(name) => Some(name),
            Deed::Ss | Deed::Cut | Deed::Mend | Deed::Wait(_) => None,
        }
    }
}

impl std::str::FromStr for Deed {
    type Err = NoDeed;

    fn from_str(text: &str) -> Result<Deed, NoDeed> {
        match *text.split(' ').collect::<Vec<_>>() {
            ["ss"] => Ok(Deed::Ss),
            ["cut"] => Ok(Deed::Cut),
            ["mend"] => Ok(Deed::Mend),
            ["end", name] => Ok(Deed::End(name.into())),
            ["kill", name] => Ok(Deed::Kill(name.into())),
            ["stop", name] => Ok(Deed::Stop(name.into())),
            ["continue", name] => Ok(Deed::Continue(name.into())),
            ["wait", span] => span.parse().map(Deed::Wait).map_err(|_| NoDeed(text.into())),
            _ => Err(NoDeed(text.into())),
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Deed::Ss => f.write_str("ss"),
            Deed::End(name) => write!(f, "end {name}"),
            Deed::Kill(name) => write!(f, "kill {name}"),
            Deed::Stop(name) => write!(f, "stop {name}"),
            Deed::Continue(name) => write!(f, "continue {name}"),
            Deed::Cut => f.write_str("cut"),
            Deed::Mend => f.write_str("mend"),
            Deed::Wait(span) => write!(f, "wait {span}"),
        }
    }
}

impl TryFrom<String> for Deed {
    type Error = NoDeed;

    fn try_from(text: String) -> Result<Deed, NoDeed> {
        text.parse()
    }
}

impl From<Deed> for String {
    fn from(deed: Deed) -> String {
        deed.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_deed_is_read_as_it_is_written() {
        for text in [
            "ss",
            "end server",
            "kill server",
            "stop client-2",
            "continue server",
            "cut",
            "mend",
            "wait 60ms",
        ] {
            assert_eq!(text.parse::<Deed>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_deed_is_told_the_choices() {
        for text in ["kill", "ss now", "wait", "wait long", "sleep 1s", ""] {
            let error = text.parse::<Deed>().unwrap_err().to_string();
            assert!(
                error.contains("the choices are ss, end NAME, kill NAME"),
                "{error}"
            );
        }
    }
}
