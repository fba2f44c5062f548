//! Holding a program to the cases of an exercise.

use std::{fmt, path::Path};

use contract::{Arena, Claims, ServerCommand, Suite};
use stage::{catalogue::Catalogue, check::check, perform::perform, programs::Programs};

use crate::{
    Exercise,
    cases::{Case, Subject},
    talk,
};

/// Why a case does not hold. Shown as `expected EXPECTED, SEEN; look at LOOK`, then what else is known, a line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// What the program should have done.
    pub expected: String,
    /// What was seen instead.
    pub seen: String,
    /// Where the cause is to be looked for.
    pub look: String,
    /// What else is known: how it ended, what it wrote on standard error.
    pub notes: Vec<String>,
    /// In which way it failed, as far as that can be told.
    pub way: Way,
}

/// In which way a program fails a case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// It did something else.
    #[default]
    Wrong,
    /// It was waited for until the time was up.
    TimeUp,
    /// A signal ended it, or a panic.
    Crash,
}

impl Complaint {
    pub(crate) fn new(
        expected: impl Into<String>,
        seen: impl Into<String>,
        look: impl Into<String>,
    ) -> Complaint {
        Complaint {
            expected: expected.into(),
            seen: seen.into(),
            look: look.into(),
            notes: Vec::new(),
            way: Way::Wrong,
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected {}, {}; look at {}",
            self.expected, self.seen, self.look
        )?;
        for note in &self.notes {
            write!(f, "\n    {note}")?;
        }
        Ok(())
    }
}

/// What a case says of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It does not.
    Fails(Complaint),
    /// It cannot be asked on this machine; the reason.
    NotHere(String),
}

/// One case's verdict.
#[derive(Clone, Debug)]
pub struct Held {
    /// What is so if the case holds.
    pub proves: String,
    /// What it says.
    pub verdict: Verdict,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::Holds => write!(f, "holds     {}", self.proves),
            Verdict::Fails(complaint) => write!(f, "fails     {}\n    {complaint}", self.proves),
            Verdict::NotHere(reason) => write!(f, "not asked {}\n    {reason}", self.proves),
        }
    }
}

/// Holds a program to the cases of an exercise, one after another; each starts it afresh. `programs` are those of the
/// workspace, for cases that perform a scenario; without them such cases are not asked.
pub fn judge<'a>(
    exercise: &'a Exercise,
    program: &'a Path,
    programs: Option<&'a Programs>,
) -> impl Iterator<Item = Held> + 'a {
    exercise.cases.cases.iter().map(move |case| Held {
        proves: case.proves.clone(),
        verdict: hold(exercise, case, program, programs),
    })
}

fn hold(exercise: &Exercise, case: &Case, program: &Path, programs: Option<&Programs>) -> Verdict {
    if let (Some(scenario), Some(role)) = (&case.scenario, &case.role) {
        return match programs {
            Some(programs) => performed(exercise, scenario, role, program, programs),
            None => Verdict::NotHere("it performs a scenario, and the book's programs were not built".into()),
        };
    }
    if !case.contract.is_empty() {
        return contracted(case, program);
    }
    match talk::hold(case, exercise.cases.subject, program) {
        Ok(()) => Verdict::Holds,
        Err(complaint) => Verdict::Fails(complaint),
    }
}

/// Cases of the contract, up to the first that fails.
fn contracted(case: &Case, program: &Path) -> Verdict {
    let wrong = |message: String| {
        Verdict::Fails(Complaint::new(
            "cases of `cargo book contract`",
            message,
            "the exercise's own file: it asks for what there is not",
        ))
    };
    let mut claims = Claims::default();
    for claim in &case.claims {
        if let Err(error) = claims.set(claim) {
            return wrong(error.to_string());
        }
    }
    let suite = match Suite::of(&claims) {
        Ok(suite) => suite,
        Err(error) => return wrong(error.to_string()),
    };
    let arena = Arena::new(ServerCommand::program(program), claims);
    for name in &case.contract {
        let Some(asked) = suite.cases().iter().find(|asked| asked.case.name == name) else {
            return wrong(format!("`{name}` is none that is asked of such a server"));
        };
        match asked.hold(&arena).0 {
            contract::Verdict::Broken(failure) => {
                return Verdict::Fails(Complaint {
                    expected: failure.expected,
                    seen: failure.seen,
                    look: failure.look,
                    notes: failure.notes,
                    way: Way::Wrong,
                });
            }
            contract::Verdict::NotHere(reason) => return Verdict::NotHere(reason),
            _ => {}
        }
    }
    Verdict::Holds
}

/// A scenario with the program in the role of one of its own: what must be seen is seen.
fn performed(
    exercise: &Exercise,
    scenario: &str,
    role: &str,
    program: &Path,
    programs: &Programs,
) -> Verdict {
    let wrong = |message: String| {
        Verdict::Fails(Complaint::new(
            format!("the scenario `{scenario}`"),
            message,
            "the exercise's own file",
        ))
    };
    let catalogue = match Catalogue::open(exercise.root()) {
        Ok(catalogue) => catalogue,
        Err(error) => return wrong(error.to_string()),
    };
    let mut entry = match catalogue.one(scenario) {
        Ok(entry) => entry,
        Err(error) => return wrong(error.to_string()),
    };
    let mut variant = entry.variant.clone();
    let Some(replaced) = variant
        .act
        .programs
        .iter_mut()
        .find(|program| program.name == role)
    else {
        return wrong(format!("has no program `{role}`"));
    };
    let own = exercise.binary();
    if let Some(binary) = replaced.run.first_mut() {
        binary.clone_from(&own);
    }
    entry.variant = &variant;
    let programs = programs.clone().with(&own, program);
    let performance = match perform(&catalogue, entry, &programs) {
        Ok(performance) => performance,
        Err(error) => match error.refusal() {
            Some(refusal) => return Verdict::NotHere(refusal.reason()),
            None => {
                return Verdict::Fails(Complaint::new(
                    "the scenario to be performed",
                    error.to_string(),
                    "what the program does when it starts",
                ));
            }
        },
    };
    let told: Vec<String> = check(entry, &performance.recording)
        .iter()
        .map(ToString::to_string)
        .collect();
    if told.is_empty() {
        return Verdict::Holds;
    }
    let mut complaint = Complaint::new(
        format!("what `{scenario}` says must be seen"),
        "it was not",
        format!("the packets: `cargo book show {scenario}` has those of the book"),
    );
    complaint.notes = told;
    Verdict::Fails(complaint)
}

impl Subject {
    /// What such a program is called in a sentence.
    pub fn word(self) -> &'static str {
        match self {
            Subject::Server => "server",
            Subject::Client => "client",
            Subject::Program => "program",
        }
    }
}

/// `1 line`, `2 lines`.
pub fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
