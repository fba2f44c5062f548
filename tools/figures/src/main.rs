//! The preprocessor as a program, for `mdbook`: `figures supports RENDERER`, or a book on standard input, in JSON, and
//! the made one on standard output.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use figures::Figures;
use mdbook_preprocessor::{Preprocessor, errors::Result, parse_input};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["supports", renderer] => Figures.supports_renderer(renderer).map(|supported| {
            if supported {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }),
        [] => make().map(|()| ExitCode::SUCCESS),
        _ => {
            writeln!(
                io::stderr(),
                "`mdbook` starts this program; to build the book, run `cargo book build` or `mdbook build`"
            )
            .ok();
            return ExitCode::from(2);
        }
    };
    outcome.unwrap_or_else(|error| {
        writeln!(io::stderr(), "{error:#}").ok();
        ExitCode::FAILURE
    })
}

fn make() -> Result<()> {
    let (context, book) = parse_input(io::stdin().lock())?;
    let book = Figures.run(&context, book)?;
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &book)?;
    out.flush()?;
    Ok(())
}
