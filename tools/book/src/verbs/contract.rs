//! `cargo book contract`.

use super::print;
use clap::Args;
use contract::{Arena, Claims, JOBS, ServerCommand, Suite, hold};
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

/// Hold your own server to the suite every server of this book passes
#[derive(Debug, Args)]
#[command(
    long_about = "\
Hold your own server to the suite every server of this book passes: bytes come back exactly, clients that reset, stall
or say nothing trouble nobody else, nothing leaks, SIGTERM ends it.

For readers and students, with a server in any language. It is started afresh for every case with a free address in
the place of {address}; it should print `listening on ADDRESS` as its first line, and is asked to end with SIGTERM.
Each failure says what was expected, what was seen and where to look.

Say with --claim what your server does not try to do; the cases follow.

  service=echo|frames|other   what it does with the bytes (echo)
  concurrency=one|N|many      clients served at the same time (many)
  half-close=true|false       answers after the client's FIN (true)
  bounded=N                   connections it accepts at most
  idle=N                      idle connections it bears beside busy ones (200)
  first-byte-deadline=S       lets go, after S seconds, whoever has not said a word
  idle-deadline=S             lets go, after S seconds, whoever has fallen silent
  graceful=true               finishes what was begun when SIGTERM comes
  reuseport=true              a second start on the same port succeeds
  fails=CASE[,CASE]           fails these cases and no others",
    after_long_help = "\
Examples:
  cargo book contract -- ./my-server {address}
  cargo book contract --claim concurrency=one -- python3 server.py {host} {port}
  cargo book contract -- target/debug/echo-blocking-server {address}

Needs: nothing but your server. Linux asks the most; elsewhere some cases are skipped and say so."
)]
pub struct Contract {
    /// What your server claims, besides being an echo server for many clients; may be repeated
    #[arg(long = "claim", value_name = "KEY=VALUE")]
    claims: Vec<String>,
    /// How many cases run at the same time
    #[arg(long, value_name = "N", default_value_t = JOBS)]
    jobs: usize,
    /// Your server and its arguments; {address}, or {host} and {port}, where it takes them
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Contract {
    /// Runs the suite; 0 if the server is what it claims to be.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut claims = Claims::default();
        for claim in &self.claims {
            claims.set(claim)?;
        }
        let arena = Arena::new(ServerCommand::from_words(&self.command)?, claims);
        let all = Suite::of(arena.claims())?.cases().len();
        // One line that changes, where somebody looks on; the report says everything at the end.
        let watched = io::stderr().is_terminal();
        let mut done = 0;
        let report = hold(&arena, self.jobs, |held| {
            done += 1;
            if watched {
                eprint!("\r\x1b[K{done} of {all}  {held}");
            }
        })?;
        if watched {
            eprint!("\r\x1b[K");
        }
        print(&report.to_string())?;
        Ok(if report.is_good() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}
