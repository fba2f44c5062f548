//! What a whole suite found, as a table.

use std::{fmt, time::Duration};

use crate::{
    case::Case,
    claims::Claims,
    suite::{Held, Verdict},
};

/// What holding a server to its claims has shown. Shown as a table, then every failure in full.
#[derive(Clone, Debug)]
pub struct Report {
    /// The server's command.
    pub server: String,
    /// What it claims.
    pub claims: Claims,
    /// Every case that was asked, in the suite's order.
    pub held: Vec<Held>,
    /// Every case that was not, with the claim that kept it away.
    pub left_out: Vec<(&'static Case, String)>,
    /// How long all of it took.
    pub took: Duration,
}

impl Report {
    /// Whether the server is what it claims to be.
    pub fn is_good(&self) -> bool {
        self.held.iter().all(|held| held.verdict.is_good())
    }

    /// The cases the server failed, claimed or not.
    pub fn failed(&self) -> Vec<&'static str> {
        let failed = |held: &&Held| matches!(held.verdict, Verdict::Broken(_) | Verdict::FailsAsClaimed(_));
        self.held
            .iter()
            .filter(failed)
            .map(|held| held.case.name)
            .collect()
    }

    fn count(&self, counted: impl Fn(&Verdict) -> bool) -> usize {
        self.held.iter().filter(|held| counted(&held.verdict)).count()
    }
}

/// One case in one line: how it went, how long it took, its name.
impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, remark) = match &self.verdict {
            Verdict::Kept => ("ok", String::new()),
            Verdict::Broken(_) => ("FAILED", String::new()),
            Verdict::FailsAsClaimed(_) => ("fails", " (as claimed)".into()),
            Verdict::PassesAgainstClaim => ("PASSES", " (though it claims to fail)".into()),
            Verdict::NotHere(reason) => ("skipped", format!(" ({reason})")),
            Verdict::KeptSmaller(how) => ("ok", format!(" ({how})")),
            Verdict::DoesNotApply(reason) => ("-", format!(" (does not apply: {reason})")),
        };
        write!(
            f,
            "{word:<8}{:>5.2} s  {}{remark}",
            self.took.as_secs_f64(),
            self.case.name
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.server)?;
        writeln!(f, "claims {}\n", self.claims)?;
        for held in &self.held {
            writeln!(f, "  {held}")?;
        }
        for held in &self.held {
            match &held.verdict {
                Verdict::Broken(failure) | Verdict::FailsAsClaimed(failure) => {
                    let claimed = if held.verdict.is_good() {
                        " (as claimed)"
                    } else {
                        ""
                    };
                    write!(f, "\n{} fails{claimed}\n  {}\n", held.case.name, held.case.proves)?;
                    for line in failure.to_string().lines() {
                        writeln!(f, "  {line}")?;
                    }
                }
                Verdict::PassesAgainstClaim => {
                    write!(
                        f,
                        "\n{} passes\n  The server claims to fail it: take it out of `fails`.\n",
                        held.case.name
                    )?;
                }
                Verdict::Kept | Verdict::KeptSmaller(_) | Verdict::NotHere(_) | Verdict::DoesNotApply(_) => {}
            }
        }
        if !self.left_out.is_empty() {
            writeln!(f, "\nnot asked:")?;
            for (case, reason) in &self.left_out {
                writeln!(f, "  {}: {reason}", case.name)?;
            }
        }
        let good = self.count(|verdict| matches!(verdict, Verdict::Kept | Verdict::KeptSmaller(_)));
        let nothing_to_ask = self.count(|verdict| matches!(verdict, Verdict::DoesNotApply(_)));
        let skipped = self.count(|verdict| matches!(verdict, Verdict::NotHere(_)));
        let as_claimed = self.count(|verdict| matches!(verdict, Verdict::FailsAsClaimed(_)));
        let bad = self.count(|verdict| !verdict.is_good());
        write!(
            f,
            "\n{} cases in {:.1} s: {good} passed",
            self.held.len(),
            self.took.as_secs_f64()
        )?;
        for (number, what) in [
            (as_claimed, "failed as claimed"),
            (nothing_to_ask, "did not apply"),
            (skipped, "skipped"),
            (bad, "not as claimed"),
        ] {
            if number > 0 {
                write!(f, ", {number} {what}")?;
            }
        }
        writeln!(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{failure::Failure, suite::all};

    fn report(verdicts: Vec<Verdict>) -> Report {
        let took = Duration::from_millis(120);
        let held = all()
            .zip(verdicts)
            .map(|(case, verdict)| Held { case, verdict, took })
            .collect();
        Report {
            server: "./server {address}".into(),
            claims: Claims::default(),
            held,
            left_out: Vec::new(),
            took,
        }
    }

    fn failure() -> Failure {
        let mut failure = Failure::new("the same 11 bytes back", "got 100", "what `read` returned");
        failure
            .notes
            .push("the server had ended by itself: exit status: 101".into());
        failure
    }

    #[test]
    fn a_failure_is_one_line_in_the_table_and_sentences_below() {
        let report = report(vec![
            Verdict::Kept,
            Verdict::Broken(failure()),
            Verdict::NotHere("no /proc".into()),
        ]);
        assert!(!report.is_good());
        assert_eq!(
            report.to_string(),
            "./server {address}
claims service=echo concurrency=many

  ok       0.12 s  first-line-says-where-it-listens
  FAILED   0.12 s  an-address-in-use-is-an-error
  skipped  0.12 s  a-bad-address-is-an-error (no /proc)

an-address-in-use-is-an-error fails
  A second server at the same address ends with an error that names the address; the first goes on.
  expected the same 11 bytes back, got 100: look at what `read` returned
  the server had ended by itself: exit status: 101

3 cases in 0.1 s: 1 passed, 1 skipped, 1 not as claimed
"
        );
    }

    #[test]
    fn a_server_that_fails_what_it_claims_to_fail_is_good() {
        let report = report(vec![Verdict::Kept, Verdict::FailsAsClaimed(failure())]);
        assert!(report.is_good());
        assert_eq!(report.failed(), ["an-address-in-use-is-an-error"]);
    }

    #[test]
    fn a_server_that_passes_what_it_claims_to_fail_is_not() {
        assert!(!report(vec![Verdict::PassesAgainstClaim]).is_good());
    }
}
