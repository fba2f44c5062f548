//! The directives that stand in the prose: `{{#chapter …}}`, `{{#output …}}`, `{{#number …}}`,
//! `{{#prices …}}`, `{{#chart …}}`, `{{#minutes}}`, `{{#notes}}`, `{{#answers}}`.
//!
//! They follow mdBook's own rule: a directive is replaced wherever it stands, in a code block as well, and a backslash
//! in front (`\{{#number …}}`) shows it as it is written. mdBook leaves a name that it does not know in the page
//! without a word; here it is an error.

use std::ops::Range;

/// A directive, found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// Where it stands, braces included.
    pub range: Range<usize>,
    /// Which one it is.
    pub name: Name,
    /// What stands behind the name, its words separated by one space.
    pub argument: String,
}

/// The directives of this book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// `{{#chapter ch14-nonblocking}}`
    Chapter,
    /// `{{#output echo/one-echo server}}`
    Output,
    /// `{{#number echo/one-echo segments}}`
    Number,
    /// `{{#chart multiplex/idle}}`
    Chart,
    /// `{{#prices}}`, `{{#prices before}}`
    Prices,
    /// `{{#minutes}}`
    Minutes,
    /// `{{#notes}}`
    Notes,
    /// `{{#answers}}`
    Answers,
}

/// A directive that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misspelt {
    /// Where it begins.
    pub at: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// The directives that mdBook itself replaces, after us.
const MDBOOK: &[&str] = &["include", "rustdoc_include", "playground", "playpen", "title"];

/// Finds the directives of a text, in order.
pub fn directives(text: &str) -> impl Iterator<Item = Result<Directive, Misspelt>> {
    text.match_indices("{{#")
        .filter(|(at, _)| !text[..*at].ends_with('\\'))
        .filter_map(|(at, open)| {
            let rest = &text[at + open.len()..];
            let name_length = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            let name = match &rest[..name_length] {
                "" => return None,
                "answers" => Name::Answers,
                "chapter" => Name::Chapter,
                "chart" => Name::Chart,
                "minutes" => Name::Minutes,
                "notes" => Name::Notes,
                "output" => Name::Output,
                "number" => Name::Number,
                "prices" => Name::Prices,
                name if MDBOOK.contains(&name) => return None,
                name => {
                    return Some(Err(Misspelt {
                        at,
                        message: format!(
                            "there is no directive `{{{{#{name}`; there are `answers`, `chapter`, `chart`, `minutes`, `notes`, `number`, `output`, `prices` and mdBook's \
                             `include`; write `\\{{{{#` to show braces as they are"
                        ),
                    }));
                }
            };
            let end = rest
                .find("}}")
                .filter(|&end| !rest[..end].contains("{{") && !rest[..end].contains("\n\n"));
            let Some(end) = end else {
                return Some(Err(Misspelt {
                    at,
                    message: format!("`{{{{#{}` has no end; close it with `}}}}`", &rest[..name_length]),
                }));
            };
            let argument = rest[name_length..end].split_whitespace().collect::<Vec<_>>().join(" ");
            Some(Ok(Directive {
                range: at..at + open.len() + end + 2,
                name,
                argument,
            }))
        })
}

/// Replaces places of a text. The places must not overlap; their order does not matter.
pub fn splice(text: &str, mut changes: Vec<(Range<usize>, String)>) -> String {
    changes.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (range, new) in changes {
        out.push_str(&text[done..range.start]);
        out.push_str(&new);
        done = range.end;
    }
    out.push_str(&text[done..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(Name, String)> {
        directives(text)
            .map(|directive| {
                let directive = directive.expect("a directive");
                (directive.name, directive.argument)
            })
            .collect()
    }

    #[test]
    fn a_directive_is_found_with_its_argument_also_across_a_line_break() {
        assert_eq!(
            found("see {{#chapter ch03-open}}, {{#number echo/one-echo\n  gap client SYN -> server SYN}}"),
            [
                (Name::Chapter, "ch03-open".into()),
                (Name::Number, "echo/one-echo gap client SYN -> server SYN".into())
            ]
        );
    }

    #[test]
    fn a_backslash_keeps_a_directive_and_mdbooks_own_are_left_to_it() {
        assert_eq!(
            found(r"\{{#number x y}} {{#include a.rs:b}} {{# not one }}").len(),
            0
        );
    }

    #[test]
    fn a_misspelt_or_unended_directive_is_an_error() {
        for (text, words) in [
            ("{{#nubmer x}}", "no directive"),
            ("{{#number x", "no end"),
            ("{{#number x\n\ny}}", "no end"),
            ("{{#number {{#number x}}", "no end"),
        ] {
            let error = directives(text).next().expect("one").expect_err(text);
            assert!(error.message.contains(words), "{text}: {}", error.message);
        }
    }

    #[test]
    fn splicing_replaces_by_place_and_keeps_the_rest() {
        let changes = vec![(4..5, "four".into()), (0..1, String::new())];
        assert_eq!(splice("0 2 4 6", changes), " 2 four 6");
    }
}
