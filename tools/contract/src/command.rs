//! The command that starts the server, with a place for the address.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    net::SocketAddr,
    path::PathBuf,
    process::Command,
};

/// How to start the server: a program and its arguments, in which `{address}` stands for `127.0.0.1:PORT`, `{host}`
/// and `{port}` for its halves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerCommand {
    program: PathBuf,
    arguments: Vec<OsString>,
}

/// A command that cannot start a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No word at all.
    #[error("there is no command: write one after `--`, as in -- ./my-server {{address}}")]
    Empty,
    /// The suite could not tell the server where to listen.
    #[error(
        "the command has no place for the address: write {{address}} where the server takes it (or {{port}}, or {{host}} and {{port}}), as in -- ./my-server {{address}}"
    )]
    NoAddress,
}

impl ServerCommand {
    /// A program that takes the address as its only argument, as every server of this book does.
    pub fn program(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: vec!["{address}".into()],
        }
    }

    /// A command as it stands on the command line, the program first.
    ///
    /// # Errors
    /// No word, or no place for the address.
    pub fn from_words<S: AsRef<OsStr>>(words: impl IntoIterator<Item = S>) -> Result<Self, CommandError> {
        let mut words = words.into_iter();
        let program = words.next().ok_or(CommandError::Empty)?.as_ref().into();
        let arguments: Vec<OsString> = words.map(|word| word.as_ref().to_owned()).collect();
        let told = |place: &str| {
            arguments
                .iter()
                .any(|word| word.to_string_lossy().contains(place))
        };
        if !told("{address}") && !told("{port}") {
            return Err(CommandError::NoAddress);
        }
        Ok(Self { program, arguments })
    }

    /// Whether the server is told the whole address and not the port alone.
    pub(crate) fn tells_host(&self) -> bool {
        let told = |place: &str| {
            self.arguments
                .iter()
                .any(|word| word.to_string_lossy().contains(place))
        };
        told("{address}") || told("{host}")
    }

    pub(crate) fn at(&self, address: &Place) -> Command {
        let mut command = Command::new(&self.program);
        for word in &self.arguments {
            match word.to_str() {
                Some(word) => command.arg(
                    word.replace("{address}", &address.whole)
                        .replace("{host}", &address.host)
                        .replace("{port}", &address.port),
                ),
                None => command.arg(word),
            };
        }
        command
    }
}

impl fmt::Display for ServerCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.program.display())?;
        for word in &self.arguments {
            write!(f, " {}", word.to_string_lossy())?;
        }
        Ok(())
    }
}

/// An address as text, right or wrong: what a server is told.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) whole: String,
    host: String,
    pub(crate) port: String,
}

impl Place {
    pub(crate) fn loopback(port: u16) -> Self {
        Self::halves("127.0.0.1", &port.to_string())
    }

    pub(crate) fn halves(host: &str, port: &str) -> Self {
        Self {
            whole: format!("{host}:{port}"),
            host: host.into(),
            port: port.into(),
        }
    }

    /// A word that is no address, wherever the server looks.
    pub(crate) fn nonsense(word: &str) -> Self {
        Self {
            whole: word.into(),
            host: word.into(),
            port: word.into(),
        }
    }
}

impl From<SocketAddr> for Place {
    fn from(address: SocketAddr) -> Self {
        Self::halves(&address.ip().to_string(), &address.port().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(words: &[&str], place: &Place) -> Vec<String> {
        let command = ServerCommand::from_words(words).unwrap().at(place);
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn the_address_stands_where_the_command_says() {
        let place = Place::loopback(8000);
        assert_eq!(started(&["./s", "{address}"], &place), ["127.0.0.1:8000"]);
        assert_eq!(
            started(&["./s", "-p", "{port}", "--on={host}"], &place),
            ["-p", "8000", "--on=127.0.0.1"]
        );
    }

    #[test]
    fn a_command_without_a_place_for_the_address_is_told_where_to_write_it() {
        let error = ServerCommand::from_words(["./s", "127.0.0.1:8000"]).unwrap_err();
        assert_eq!(error, CommandError::NoAddress);
        assert!(
            error
                .to_string()
                .contains("write {address} where the server takes it"),
            "{error}"
        );
        assert_eq!(
            ServerCommand::from_words([""; 0]).unwrap_err(),
            CommandError::Empty
        );
    }

    #[test]
    fn a_command_is_shown_as_it_was_typed() {
        let command = ServerCommand::from_words(["./s", "-v", "{address}"]).unwrap();
        assert_eq!(command.to_string(), "./s -v {address}");
    }
}
