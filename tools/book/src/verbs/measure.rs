//! `cargo book measure`.

use anyhow::{Context, bail};
use bench::{Effort, Stored};
use clap::Args;
use figures::result;
use std::fs;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Measure what the servers cost, and store it for the pages
#[derive(Debug, Args)]
#[command(
    long_about = "\
Measure what the servers cost, and store it for the pages.

For authors, and for readers who want the numbers of their own machine: the pages show what is stored, so that a reader
who measures has them in the book with `cargo book serve`; `git restore listings` brings ours back.

prices [SLUG…]   the table of prices: memory an idle connection, calls, context switches and CPU time a request, of every
                 server that a listing names below [package.metadata.book.price], or of these chapters' alone. Written to
                 listings/chNN-SLUG/results/prices.toml.
SLUG/NAME        a chart that a listing declares below [package.metadata.book.chart.NAME]: CPU time a request beside
                 idle connections. Written to results/NAME.toml and results/NAME.svg. Or a pause, below
                 [package.metadata.book.stall.NAME]: the latencies that a closed and an open load tell of a server that
                 is stopped for 200 ms.

Each round starts every server afresh, in an order that changes, on a processor of its own. A server that claims to
serve one client, or N, is measured with as many at work, all others with 100. Idle connections are 1000, or what
getrlimit and the server allow.

Told is what one can trust on a machine that does other things, too: memory, calls, context switches and CPU time. The
last is a ratio to a plain C server of ours, measured twice in every round; how far it differs from itself is what a
difference must exceed to mean something. Requests a second are not told: they would measure the load generator.",
    after_long_help = "\
Examples:
  cargo book measure prices                    all chapters, in one run
  cargo book measure prices process thread     these two
  cargo book measure prices process --rounds 2 --seconds 0.2   quick, and rough
  cargo book measure multiplex/idle            the chart of chapter 15
  cargo book measure multiplex/idle --draw     draws it again from the stored numbers

Takes a second a server and round, and a few more for memory and calls.

Needs: Linux, a C compiler; no root. Nothing else should run meanwhile."
)]
pub struct Measure {
    /// `prices`, or what a listing declares: SLUG/NAME
    what: String,
    /// The chapters whose prices are measured, by their short names; all that declare some if not given
    #[arg(value_name = "SLUG")]
    slugs: Vec<String>,
    /// How often each server is measured
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// How long each time, in seconds
    #[arg(long, default_value_t = 0.5, value_parser = seconds)]
    seconds: f64,
    /// Draw a chart from the numbers that are stored, and measure nothing
    #[arg(long)]
    draw: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if (0.05..=60.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("from 0.05 to 60".into())
    }
}

impl Measure {
    /// Measures, and stores.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        // Whoever presses ctrl-C leaves no server behind.
        ctrlc::set_handler(|| {
            bench::end_all();
            std::process::exit(130);
        })
        .context("cannot listen for ctrl-C")?;
        let root = book::root::here()?;
        let effort = Effort {
            rounds: self.rounds.into(),
            window: Duration::from_secs_f64(self.seconds),
        };
        let all = match self.what.as_str() {
            "prices" if self.draw => bail!("prices are a table, and drawn by the page; --draw is for charts"),
            "prices" => bench::prices(&root, &self.slugs, effort, &mut progress)?,
            chart if chart.contains('/') && self.slugs.is_empty() => vec![if self.draw {
                drawn(&root, chart)?
            } else {
                bench::named(&root, chart, effort, &mut progress)?
            }],
            other => {
                bail!("`{other}` is nothing to measure; there are `prices [SLUG…]` and charts, `SLUG/NAME`")
            }
        };
        progress("");
        for stored in all {
            store(&root, &stored)?;
            rows(&stored);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A chart, drawn again.
fn drawn(root: &Path, name: &str) -> anyhow::Result<Stored> {
    let measured = result::read(root, name).map_err(anyhow::Error::msg)?;
    let Some(chart) = &measured.chart else {
        bail!("`{name}` is no chart");
    };
    Ok(Stored {
        file: result::file(root, name).map_err(anyhow::Error::msg)?,
        svg: Some(bench::chart::svg(name, &measured, chart)),
        measured,
    })
}

fn store(root: &Path, stored: &Stored) -> anyhow::Result<()> {
    let file = root.join(&stored.file);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::write(&file, stored.measured.to_toml()).with_context(|| file.display().to_string())?;
    println!("{}", stored.file.display());
    if let Some(svg) = &stored.svg {
        let file = file.with_extension("svg");
        fs::write(&file, svg).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

/// What was measured, for eyes.
fn rows(stored: &Stored) {
    if let Some(conditions) = &stored.measured.conditions {
        println!("  {conditions}");
    }
    for (key, value) in &stored.measured.values {
        let between = match (value.least, value.most) {
            (Some(least), Some(most)) => format!("   {least} to {most}"),
            _ => String::new(),
        };
        println!("  {key:<48} {:>10}{between}", value.text());
    }
}

/// One line that the next one overwrites where somebody looks on; elsewhere a line each.
fn progress(text: &str) {
    let mut err = std::io::stderr();
    if err.is_terminal() {
        write!(err, "\r\x1b[K{text}").ok();
    } else if !text.is_empty() {
        writeln!(err, "{text}").ok();
    }
}
