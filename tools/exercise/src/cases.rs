//! What an exercise's program is held to: the file `exercises/NAME.toml`.
//!
//! ```toml
//! subject = "server"          # or "client", which meets a listener of ours; or "program", which meets nobody
//! as-shipped = "expected the same 11 bytes back, got 100"   # what the first failing case says of the exercise as it is shipped
//!
//! [[case]]
//! proves = "What was said comes back, and nothing behind it."
//! steps = [{ say = "Hi, ferris?" }, { hear = "Hi, ferris?" }, { hear-nothing = 100 }, "finish", "end"]
//! look = "what `read` returned"
//! ```
//!
//! A case starts the program afresh, goes through its `steps`, then asks for the end, if any.
//!
//! | key | says | unless given |
//! |---|---|---|
//! | `proves` | what is so if the case holds, a sentence | needed |
//! | `look` | where the cause of a failure is to be looked for | needed where there are steps or an end |
//! | `arguments` | of the program; `{address}` is ours (client) or to be chosen (server: `127.0.0.1:0`) | `["{address}"]` |
//! | `input` | what the program reads on standard input | nothing |
//! | `ready` | the line with which a server says where it is | `listening on {address}` |
//! | `listen` | who is at a client's `{address}`: `peer`, who goes through the steps; `asleep`, who never accepts; `nobody` | `peer` |
//! | `steps` | what our side does, in order | none |
//! | `exit` | the exit code it ends with | 0 for a client or a program, not asked of a server |
//! | `output` | all lines it prints, up to its end; `…` at the end of one matches the rest | not asked |
//! | `within` | the seconds it may take up to its end | 5 |
//! | `contract`, `claims` | cases of `cargo book contract` and claims, `concurrency=one`, in place of steps | |
//! | `scenario`, `role` | a scenario of the book, performed with the program in the role of one of its own, in place of steps | |
//!
//! | step | our side |
//! |---|---|
//! | `{ say = "Hi" }` | writes these bytes |
//! | `{ hear = "Hi" }` | must read these bytes next |
//! | `{ hear-nothing = 100 }` | must read nothing for so many milliseconds |
//! | `{ echo = "pieces" }` | says back what comes until its end: `whole`, in `pieces` of three bytes, `slowly` (a byte every 400 ms), or as many `other` bytes |
//! | `"end"` | must read the end of the stream |
//! | `"finish"` | finishes writing: FIN |
//! | `"close"`, `"reset"` | closes the connection, with FIN or with RST |
//! | `{ client = "second" }` | goes on as another connection, opened (or, by a listener, accepted) when it first needs it |
//! | `{ pause = 100 }` | does nothing for so many milliseconds |
//! | `{ line = "ready on …" }` | waits until the program prints this as its next line |
//! | `"refused"` | must be refused by the program's address |
//! | `"taken"`, `"free"` | must find the address taken, or free for a server, which sets SO_REUSEADDR |
//! | `"gone"` | waits until the program has ended |
//!
//! Nothing waits longer than 5 seconds for any one thing.

use serde::Deserialize;

/// What an exercise's program is held to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cases {
    /// What the program is.
    pub subject: Subject,
    /// What the first failing case says of the exercise as it is shipped: a part of the sentence.
    pub as_shipped: String,
    /// The cases, in order.
    #[serde(rename = "case")]
    pub cases: Vec<Case>,
}

/// What a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// It listens, and says where.
    Server,
    /// It connects to a listener of ours.
    Client,
    /// It meets nobody.
    Program,
}

/// One case.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// What is so if it holds.
    pub proves: String,
    /// Where the cause of a failure is to be looked for.
    #[serde(default)]
    pub look: String,
    /// The program's arguments.
    pub arguments: Option<Vec<String>>,
    /// What it reads on standard input.
    #[serde(default)]
    pub input: String,
    /// The line with which a server says where it is.
    pub ready: Option<String>,
    /// Who is at a client's address.
    #[serde(default)]
    pub listen: Listen,
    /// What our side does.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// The exit code.
    pub exit: Option<i32>,
    /// All lines of output.
    pub output: Option<Vec<String>>,
    /// How long it may take up to its end, in seconds.
    #[serde(default = "five")]
    pub within: f64,
    /// Cases of the contract.
    #[serde(default)]
    pub contract: Vec<String>,
    /// Claims for the contract.
    #[serde(default)]
    pub claims: Vec<String>,
    /// A scenario to be performed.
    pub scenario: Option<String>,
    /// Which of its programs is replaced.
    pub role: Option<String>,
}

fn five() -> f64 {
    5.0
}

/// Who is at a client's address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Listen {
    /// Who goes through the steps.
    #[default]
    Peer,
    /// A listener that never accepts.
    Asleep,
    /// Nobody.
    Nobody,
}

/// What our side does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Writes.
    Say(String),
    /// Must read these bytes next.
    Hear(String),
    /// Must read nothing for so many milliseconds.
    HearNothing(u64),
    /// Says back what comes, until its end.
    Echo(Echo),
    /// Must read the end of the stream.
    End,
    /// Finishes writing.
    Finish,
    /// Closes.
    Close,
    /// Resets.
    Reset,
    /// Goes on as another connection.
    Client(String),
    /// Does nothing for so many milliseconds.
    Pause(u64),
    /// Waits for the next line of output.
    Line(String),
    /// Must be refused by the address.
    Refused,
    /// Must find the address taken.
    Taken,
    /// Must find the address free.
    Free,
    /// Waits until the program has ended.
    Gone,
}

/// How our side says back what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Echo {
    /// As it came.
    Whole,
    /// Three bytes at a time, 10 ms apart.
    Pieces,
    /// A byte every 400 ms.
    Slowly,
    /// As many bytes, and none of them the same.
    Other,
}

impl Cases {
    /// Reads a file of cases.
    ///
    /// # Errors
    /// What is wrong, with its line, counted from 1.
    pub fn parse(text: &str) -> Result<Cases, (usize, String)> {
        let cases: Cases = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            (text[..at].matches('\n').count() + 1, error.message().to_owned())
        })?;
        // The n-th case begins on the line of the n-th header.
        let headers = text
            .lines()
            .enumerate()
            .filter(|(_, line)| line.trim() == "[[case]]");
        for (case, (line, _)) in cases.cases.iter().zip(headers) {
            if let Some(message) = case.fault() {
                return Err((line + 1, message.to_owned()));
            }
        }
        if cases.as_shipped.trim().is_empty() {
            return Err((1, "`as-shipped` is empty; say what the first failing case says of the exercise as it is shipped".into()));
        }
        Ok(cases)
    }
}

impl Case {
    fn fault(&self) -> Option<&'static str> {
        let talks = !self.steps.is_empty() || self.exit.is_some() || self.output.is_some();
        let kinds = [talks, !self.contract.is_empty(), self.scenario.is_some()];
        match kinds.iter().filter(|kind| **kind).count() {
            0 => {
                return Some(
                    "the case asks nothing; give it `steps`, an `exit`, an `output`, `contract` or `scenario`",
                );
            }
            1 => {}
            _ => {
                return Some("a case has steps and an end, or a `contract`, or a `scenario`; make two of it");
            }
        }
        if !self.proves.trim().ends_with('.') {
            return Some("`proves` is a sentence: what is so if the case holds");
        }
        if talks && self.look.trim().is_empty() {
            return Some("`look` is missing; say where the cause of a failure is to be looked for");
        }
        if self.scenario.is_some() != self.role.is_some() {
            return Some("`scenario` and `role` belong together: whose part the program plays");
        }
        (!(0.0..=60.0).contains(&self.within)).then_some("`within` is a number of seconds, up to 60")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "subject = \"server\"\nas-shipped = \"x\"\n\n[[case]]\nproves = \"It is.\"\nsteps = [{ say = \"Hi\" }, \"end\"]\nlook = \"y\"\n";

    #[test]
    fn cases_are_read_with_their_steps() {
        let cases = Cases::parse(GOOD).unwrap();
        assert_eq!(cases.cases[0].steps, [Step::Say("Hi".into()), Step::End]);
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        for (text, line, words) in [
            (GOOD.replace("\"end\"", "\"edn\""), 6, "unknown variant `edn`"),
            (GOOD.replace("say", "shout"), 6, "unknown variant `shout`"),
            (GOOD.replace("look = \"y\"\n", ""), 4, "`look` is missing"),
            (GOOD.replace("It is.", "it"), 4, "is a sentence"),
            (
                GOOD.replace("steps", "contract = [\"x\"]\nsteps"),
                4,
                "make two of it",
            ),
            (
                GOOD.replace("steps = [{ say = \"Hi\" }, \"end\"]\n", ""),
                4,
                "asks nothing",
            ),
            (
                GOOD.replace("as-shipped = \"x\"", "as-shipped = \"\""),
                1,
                "`as-shipped` is empty",
            ),
            (GOOD.replace("proves", "within = 90\nproves"), 4, "up to 60"),
            (GOOD.replace("server", "sever"), 1, "unknown variant `sever`"),
        ] {
            let (told, message) = Cases::parse(&text).unwrap_err();
            assert!(message.contains(words), "{text}: {message}");
            assert_eq!(told, line, "{text}: {message}");
        }
    }
}
