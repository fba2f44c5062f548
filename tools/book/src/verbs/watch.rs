//! `cargo book watch`.

use super::{catalogue, print, programs};
use anyhow::bail;
use book::recordings;
use clap::Args;
use stage::perform::{Own, Watched, watch};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Record your own server and client, and see which line caused which packet
#[derive(Debug, Args)]
#[command(
    long_about = "\
Record your own server and client, and see which line caused which packet.

For readers, with programs in any language. The server is started first, in a private network of its own, and the client
as soon as a TCP socket of the server listens (or, with --ready, when the server prints a line with these words). When
the client has ended and the line is silent, the server is asked to end with SIGTERM. Both run in this folder, with your
environment.

{address} stands for the address the server shall listen on, 127.0.0.1:8000, and {server} for its IP address alone, so that
a port can be chosen: {server}:9000. They see nobody but each other: there is no way out of the private network.

It shows five lanes: the client's line of source, its call, the segment, the server's call and line. Lines need debug
information (Rust's debug builds and `cc -g` have it); without it a lane names the function, or nothing. A program that is
linked statically or makes raw system calls, as Go's do, shows no calls, and what a C program writes through stdio is not
seen either; their segments are shown all the same.",
    after_long_help = "\
Examples:
  cargo book watch -- ./server {address} -- ./client {address}
  cargo book watch --keep /tmp/mine -- python3 server.py {server} 8000 -- nc -N {server} 8000
                                           keeps capture.pcap, for Wireshark; `cargo book show /tmp/mine`
  cargo book watch --ready 'up and running' --seconds 60 -- ./server {address} -- ./client {address}

Needs: Linux. No root: where the machine refuses a private network, it says what to do."
)]
pub struct Watch {
    /// Keep the recording in this folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Words of the line that says the server is ready; if not given, it is when it listens
    #[arg(long, value_name = "WORDS")]
    ready: Option<String>,
    /// The longest your client may take
    #[arg(long, value_name = "N", default_value_t = 30)]
    seconds: u64,
    /// Print every packet, too, as `tcpdump -S -nn -vvv` does
    #[arg(long)]
    tcpdump: bool,
    /// Your server and its arguments, `--`, your client and its arguments
    #[arg(last = true, required = true, value_name = "SERVER … -- CLIENT …")]
    commands: Vec<String>,
}

impl Watch {
    /// Records, shows; 0 if both programs did what programs do.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (server, client) = two(&self.commands)?;
        let own = Own {
            server,
            client,
            ready: self.ready,
            within: Duration::from_secs(self.seconds),
        };
        let watched = watch(&own, &programs(&catalogue()?)?)?;
        if let Some(folder) = &self.keep {
            watched.recording.write(folder)?;
        }
        let title = format!("{} ⇄ {}", own.client.join(" "), own.server.join(" "));
        print(&recordings::body(&title, &watched.recording, self.tcpdump)?)?;
        let notes = notes(&watched);
        if !notes.is_empty() {
            print(&format!("\n{notes}"))?;
        }
        Ok(match watched.failure {
            None => ExitCode::SUCCESS,
            Some(_) => ExitCode::FAILURE,
        })
    }
}

/// The two commands: the first `--` that is a word by itself parts them.
fn two(words: &[String]) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let mut commands = words.splitn(2, |word| word == "--").map(<[String]>::to_vec);
    match (commands.next(), commands.next()) {
        (Some(server), Some(client)) if !server.is_empty() && !client.is_empty() => Ok((server, client)),
        _ => bail!("name two programs: cargo book watch -- ./server {{address}} -- ./client {{address}}"),
    }
}

/// What is to say besides the lanes.
fn notes(watched: &Watched) -> String {
    let silent = watched.silent.iter().map(|name| {
        format!("{name}: no calls seen: static, or raw system calls, or it makes none; its lanes hold segments and states alone\n")
    });
    let failure = watched
        .failure
        .iter()
        .map(|failure| format!("before its time: {failure}\n"));
    silent.chain(failure).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_first_two_dashes_part_server_and_client() {
        let (server, client) = two(&words("./server {address} -- ./client -- x")).unwrap();
        assert_eq!(server, words("./server {address}"));
        assert_eq!(client, words("./client -- x"));
        for wrong in ["", "./server", "./server --", "-- ./client"] {
            let error = two(&words(wrong)).unwrap_err().to_string();
            assert!(
                error.contains("cargo book watch -- ./server {address} -- ./client"),
                "{error}"
            );
        }
    }
}
