//! What a chapter declares about itself, once, and the *At a glance* that the page makes of it.
//!
//! ````text
//! ```declaration
//! able = [                       # what the reader will be able to do: three, each beginning with a verb
//!   "name the line that caused each segment",
//!   "find a bug in a capture",
//!   "predict what a rewrite changes on the wire",
//! ]
//! minutes = { teach = 25, lab = 20, home = 30 }
//! settles = [1, 9]               # beliefs of beliefs.toml that this chapter settles; may be left out
//! meets = [24]                   # beliefs that it meets without settling them; may be left out
//! needs = ["ch02-capture"]       # what to read first; may be left out
//!
//! [handout]                      # what of the page goes on the handout, besides the exit questions; may be left out
//! figures = ["close/client-first"]
//! excerpts = ["close-blocking-server:echo"]   # FILE:ANCHOR
//! ```
//! ````

use std::{collections::BTreeSet, fs, path::Path};

use serde::Deserialize;

use crate::{
    html::escape,
    toml_at::{self, Fault},
};

/// The kind of fence that holds a declaration.
pub const FENCE: &str = "declaration";

/// What a chapter declares about itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// What the reader will be able to do: three sentences without subject, each beginning with a verb.
    pub able: Vec<String>,
    /// How long it takes.
    pub minutes: Minutes,
    /// The numbers of the beliefs that this chapter settles.
    #[serde(default)]
    pub settles: Vec<u32>,
    /// The numbers of the beliefs that it meets and another chapter settles.
    #[serde(default)]
    pub meets: Vec<u32>,
    /// The chapters to read first, by their files: `ch02-capture`.
    #[serde(default)]
    pub needs: Vec<String>,
    /// What of the page goes on the handout.
    #[serde(default)]
    pub handout: Handout,
}

/// What of a chapter goes on its handout, in this order. The exit questions go there besides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handout {
    /// Recordings that the page shows, by their names on it: `echo/one-echo`.
    #[serde(default)]
    pub figures: Vec<String>,
    /// Excerpts of the page, by file and anchor: `echo-blocking-server:echo`.
    #[serde(default)]
    pub excerpts: Vec<String>,
}

/// How long a chapter takes, in minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Minutes {
    /// To teach.
    pub teach: u32,
    /// In the lab.
    pub lab: u32,
    /// At home.
    pub home: u32,
}

impl Declaration {
    /// Reads the body of a declaration fence.
    ///
    /// # Errors
    /// What is wrong, with the line of the body: an unknown or missing key, not three objectives, a belief that is both
    /// settled and met.
    pub fn parse(body: &str) -> Result<Declaration, Fault> {
        let declaration: Declaration = toml_at::read(body)?;
        match declaration.fault() {
            Some((key, message)) => Err(Fault {
                line: body
                    .lines()
                    .position(|line| line.trim_start().starts_with(key))
                    .unwrap_or(0),
                message,
            }),
            None => Ok(declaration),
        }
    }

    fn fault(&self) -> Option<(&'static str, String)> {
        if self.able.len() != 3 || self.able.iter().any(|able| able.trim().is_empty()) {
            let message = format!(
                "`able` holds what the reader will be able to do, three of them; here are {}",
                self.able.len()
            );
            return Some(("able", message));
        }
        if self.minutes.teach == 0 {
            return Some((
                "minutes",
                "`minutes.teach` is 0; say how long the chapter takes to teach".into(),
            ));
        }
        let mut seen = BTreeSet::new();
        for (key, numbers) in [("settles", &self.settles), ("meets", &self.meets)] {
            for number in numbers {
                if !seen.insert(number) {
                    return Some((
                        key,
                        format!("belief {number} stands here twice; a chapter settles it or meets it"),
                    ));
                }
            }
        }
        None
    }

    /// *At a glance*, as it stands on the page. `needs` are the links to the chapters to read first.
    pub fn at_a_glance(&self, programs: &[String], needs: &[String]) -> String {
        let Minutes { teach, lab, home } = self.minutes;
        let mut out = String::from(
            "<aside class=\"glance\" aria-label=\"At a glance\">\n<p class=\"glance-title\">At a glance</p>\n\
             <p>You will be able to</p>\n\n",
        );
        for able in &self.able {
            out.push_str(&format!(
                "- {}\n",
                able.split_whitespace().collect::<Vec<_>>().join(" ")
            ));
        }
        out.push_str("\n<dl>\n");
        let times: Vec<String> = [(teach, "to teach"), (lab, "in the lab"), (home, "at home")]
            .into_iter()
            .filter(|(minutes, _)| *minutes > 0)
            .map(|(minutes, what)| format!("{minutes} {what}"))
            .collect();
        out.push_str(&format!("<dt>Minutes</dt><dd>{}</dd>\n", times.join(", ")));
        if !programs.is_empty() {
            let programs: Vec<String> = programs
                .iter()
                .map(|name| format!("<code>{}</code>", escape(name)))
                .collect();
            out.push_str(&format!("<dt>Programs</dt><dd>{}</dd>\n", programs.join(", ")));
        }
        if !needs.is_empty() {
            out.push_str(&format!("<dt>Read first</dt><dd>{}</dd>\n", needs.join(", ")));
        }
        out.push_str("</dl>\n</aside>\n");
        out
    }
}

/// The programs of a chapter's crate, by name: `src/bin/NAME.rs` and `src/bin/NAME/main.rs`. Exercises and their
/// solutions stand elsewhere. Nothing where there is no such crate.
pub fn programs(listing: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(listing.join("src/bin")) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let program =
                path.extension().is_some_and(|ending| ending == "rs") || path.join("main.rs").is_file();
            program.then(|| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()))?
        })
        .collect();
    // Blocking before async, as every chapter tells them; within each, the server first.
    names.sort_by_key(|name| {
        let kind = [
            name.contains("-async"),
            !name.contains("-blocking") && !name.contains("-async"),
        ];
        (kind[1], kind[0], name.ends_with("-client"), name.clone())
    });
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "able = [\"a\", \"b\", \"c\"]\nminutes = { teach = 25, lab = 20, home = 0 }\n";

    #[test]
    fn a_declaration_is_read() {
        let declaration = Declaration::parse(&format!(
            "{GOOD}settles = [1]\nmeets = [2]\nneeds = [\"ch01-echo\"]\n"
        ))
        .unwrap();
        assert_eq!(declaration.minutes.teach, 25);
        assert_eq!((declaration.settles, declaration.meets), (vec![1], vec![2]));
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        for (body, line, words) in [
            (format!("{GOOD}setles = [1]\n"), 2, "unknown field `setles`"),
            (
                "able = [\"a\", \"b\"]\nminutes = { teach = 1, lab = 1, home = 1 }\n".into(),
                0,
                "three of them; here are 2",
            ),
            (
                "able = [\"a\", \"b\", \" \"]\nminutes = { teach = 1, lab = 1, home = 1 }\n".into(),
                0,
                "three of them",
            ),
            (
                "able = [\"a\", \"b\", \"c\"]\n".into(),
                0,
                "missing field `minutes`",
            ),
            (
                "able = [\"a\", \"b\", \"c\"]\nminutes = { teach = 1, lab = 1 }\n".into(),
                1,
                "missing field `home`",
            ),
            (
                "able = [\"a\", \"b\", \"c\"]\nminutes = { teach = 0, lab = 1, home = 1 }\n".into(),
                1,
                "`minutes.teach` is 0",
            ),
            (
                format!("{GOOD}settles = [7, 8]\nmeets = [9, 7]\n"),
                3,
                "belief 7 stands here twice",
            ),
            (
                format!("{GOOD}settles = [7, 7]\n"),
                2,
                "belief 7 stands here twice",
            ),
            (format!("{GOOD}settles = [\n"), 2, ""),
        ] {
            let fault = Declaration::parse(&body).unwrap_err();
            assert!(fault.message.contains(words), "{body}: {}", fault.message);
            assert_eq!(fault.line, line, "{body}: {}", fault.message);
        }
    }

    #[test]
    fn the_box_holds_no_empty_line_within_its_html_and_leaves_out_what_is_nothing() {
        let text = Declaration::parse(GOOD)
            .unwrap()
            .at_a_glance(&["echo-server".into()], &[]);
        assert_eq!(
            text,
            "<aside class=\"glance\" aria-label=\"At a glance\">\n<p class=\"glance-title\">At a glance</p>\n\
             <p>You will be able to</p>\n\n- a\n- b\n- c\n\n<dl>\n\
             <dt>Minutes</dt><dd>25 to teach, 20 in the lab</dd>\n\
             <dt>Programs</dt><dd><code>echo-server</code></dd>\n</dl>\n</aside>\n"
        );
    }

    #[test]
    fn a_crates_programs_are_its_binaries_blocking_first() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("src/bin");
        fs::create_dir_all(bin.join("echo-sniffer")).unwrap();
        for file in [
            "echo-async-server.rs",
            "echo-blocking-client.rs",
            "echo-blocking-server.rs",
            "notes.txt",
            "echo-sniffer/main.rs",
        ] {
            fs::write(bin.join(file), "").unwrap();
        }
        assert_eq!(
            programs(folder.path()),
            [
                "echo-blocking-server",
                "echo-blocking-client",
                "echo-async-server",
                "echo-sniffer"
            ]
        );
        assert!(programs(&folder.path().join("nowhere")).is_empty());
    }
}
