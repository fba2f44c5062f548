//! The servers a crate declares: `[package.metadata.book.server.NAME]` in its `Cargo.toml`.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use crate::{
    claims::{ClaimError, Claims},
    suite::Suite,
};

/// A binary whose name ends so is a server, and says what it claims.
const SERVER: &str = "-server";

/// One server of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The binary's name.
    pub name: String,
    /// What it claims.
    pub claims: Claims,
}

/// A declaration that cannot be understood; the message begins with the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeclarationError {
    /// A claim of one server.
    #[error("{file}: package.metadata.book.server.{name}: {source}", file = file.display())]
    Claim {
        /// The `Cargo.toml`.
        file: PathBuf,
        /// The server.
        name: String,
        /// What is wrong with the claim.
        source: ClaimError,
    },
    /// A declaration that is not a table.
    #[error("{file}: {key} is a table of claims, as in {key} = {{ concurrency = \"many\" }}", file = file.display())]
    NoTable {
        /// The `Cargo.toml`.
        file: PathBuf,
        /// The key.
        key: String,
    },
    /// A declared server that is no binary of the crate.
    #[error("{file}: package.metadata.book.server.{name} declares a server that is no binary here: the servers are {choices}", file = file.display())]
    NoBinary {
        /// The `Cargo.toml`.
        file: PathBuf,
        /// The name.
        name: String,
        /// The binaries that are servers.
        choices: String,
    },
    /// A binary that is a server by its name and is not declared.
    #[error("{file}: the server {name} does not say what it claims: add [package.metadata.book.server.{name}] (empty, it claims to echo for many clients)", file = file.display())]
    NotDeclared {
        /// The `Cargo.toml`.
        file: PathBuf,
        /// The binary.
        name: String,
    },
}

/// Reads the servers a crate declares, in the order of their names. `metadata` is its `[package.metadata]`, `binaries`
/// the names of those of its binaries that need no feature. All that is wrong is told, not the first alone.
///
/// # Errors
/// A claim or case that does not exist, a declaration without its binary, a server's binary without its declaration.
pub fn declared(
    file: &Path,
    metadata: &Table,
    binaries: &BTreeSet<String>,
) -> Result<Vec<Declared>, Vec<DeclarationError>> {
    let empty = Table::new();
    let (mut servers, mut errors) = (Vec::new(), Vec::new());
    let book = metadata.get("book").and_then(Value::as_table).unwrap_or(&empty);
    let table = match book.get("server") {
        None => &empty,
        Some(Value::Table(table)) => table,
        Some(_) => {
            return Err(vec![DeclarationError::NoTable {
                file: file.to_owned(),
                key: "package.metadata.book.server".into(),
            }]);
        }
    };
    let named: BTreeSet<&String> = table.keys().collect();
    for &name in &named {
        match read(file, name, &table[name], binaries) {
            Ok(server) => servers.push(server),
            Err(error) => errors.push(error),
        }
    }
    for binary in binaries
        .iter()
        .filter(|binary| binary.ends_with(SERVER) && !named.contains(binary))
    {
        errors.push(DeclarationError::NotDeclared {
            file: file.to_owned(),
            name: binary.clone(),
        });
    }
    if errors.is_empty() {
        Ok(servers)
    } else {
        Err(errors)
    }
}

fn read(
    file: &Path,
    name: &str,
    value: &Value,
    binaries: &BTreeSet<String>,
) -> Result<Declared, DeclarationError> {
    let file = || file.to_owned();
    let Some(table) = value.as_table() else {
        return Err(DeclarationError::NoTable {
            file: file(),
            key: format!("package.metadata.book.server.{name}"),
        });
    };
    if !binaries.contains(name) {
        let servers: Vec<&str> = binaries
            .iter()
            .map(String::as_str)
            .filter(|binary| binary.ends_with(SERVER))
            .collect();
        return Err(DeclarationError::NoBinary {
            file: file(),
            name: name.to_owned(),
            choices: servers.join(", "),
        });
    }
    let claims = Claims::from_toml(table).and_then(|claims| Suite::of(&claims).map(|_| claims));
    match claims {
        Ok(claims) => Ok(Declared {
            name: name.to_owned(),
            claims,
        }),
        Err(source) => Err(DeclarationError::Claim {
            file: file(),
            name: name.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Concurrency;

    fn of(metadata: &str, binaries: &[&str]) -> Result<Vec<Declared>, String> {
        let binaries = binaries.iter().map(|&name| name.to_owned()).collect();
        declared(
            Path::new("listings/ch01-echo/Cargo.toml"),
            &metadata.parse().unwrap(),
            &binaries,
        )
        .map_err(|errors| {
            errors
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        })
    }

    #[test]
    fn a_declared_server_has_its_claims() {
        let servers = of(
            "[book.server.a-server]\nconcurrency = 'one'",
            &["a-server", "a-client"],
        )
        .unwrap();
        assert_eq!(servers.len(), 1);
        assert_eq!(servers[0].name, "a-server");
        assert_eq!(servers[0].claims.concurrency, Concurrency::AtMost(1));
    }

    #[test]
    fn a_crate_without_servers_declares_none() {
        assert_eq!(of("", &["a-client"]), Ok(Vec::new()));
    }

    #[test]
    fn a_server_without_a_declaration_is_told_what_to_write() {
        assert_eq!(
            of("", &["a-server"]).unwrap_err(),
            "listings/ch01-echo/Cargo.toml: the server a-server does not say what it claims: add [package.metadata.book.server.a-server] (empty, it claims to echo for many clients)"
        );
    }

    #[test]
    fn a_declaration_without_its_binary_is_told_with_the_choices() {
        assert_eq!(
            of("[book.server.a-sever]", &["a-server"]).unwrap_err(),
            "listings/ch01-echo/Cargo.toml: package.metadata.book.server.a-sever declares a server that is no binary here: the servers are a-server\n\
             listings/ch01-echo/Cargo.toml: the server a-server does not say what it claims: add [package.metadata.book.server.a-server] (empty, it claims to echo for many clients)"
        );
    }

    #[test]
    fn an_unknown_claim_or_case_is_told_with_file_and_server() {
        let error = of("book.server.a-server.concurency = 1", &["a-server"]).unwrap_err();
        assert!(error.starts_with("listings/ch01-echo/Cargo.toml: package.metadata.book.server.a-server: no claim is called `concurency`: the claims are service,"), "{error}");
        let error = of("book.server.a-server.fails = ['no-such-case']", &["a-server"]).unwrap_err();
        assert!(
            error.contains(
                "a-server: `fails` names the case `no-such-case`, which does not exist: the cases are"
            ),
            "{error}"
        );
    }

    #[test]
    fn a_declaration_that_is_no_table_is_told_what_it_is() {
        assert_eq!(
            of("book.server.a-server = 'echo'", &["a-server"]).unwrap_err(),
            "listings/ch01-echo/Cargo.toml: package.metadata.book.server.a-server is a table of claims, as in package.metadata.book.server.a-server = { concurrency = \"many\" }"
        );
    }
}
