//! A page's Markdown, read the way mdBook reads it: where its fences, its code, its headings and its links stand.
//!
//! Nothing here looks at lines to find Markdown. A fence inside a longer fence, in a list or in a quote is told from a
//! real one by the parser, and what is replaced is replaced by its place in the text.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A page that has been parsed.
#[derive(Debug)]
pub struct Page<'a> {
    /// The page as it stands in the file.
    pub text: &'a str,
    /// Its fenced code blocks.
    pub fences: Vec<Fence>,
    /// The lines, counted from 1, of the code blocks that are indented instead of fenced.
    pub indented: Vec<usize>,
    /// Its headings.
    pub headings: Vec<Heading>,
    /// The targets of its links and images.
    pub links: Vec<Link>,
    /// The terms of its definition lists.
    pub terms: Vec<Term>,
    verbatim: Vec<(Range<usize>, Place)>,
    line_starts: Vec<usize>,
}

/// A fenced code block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// Where it stands in the page's text, both fences included.
    pub range: Range<usize>,
    /// The line of its opening fence, counted from 1. Line k of the body is k lines further down.
    pub line: usize,
    /// What stands behind the opening fence: `rust,no_run`.
    pub info: String,
    /// Its lines, without the quote marks or the indentation of what it stands in.
    pub body: String,
    /// Whether it stands at the margin: in no list, quote or footnote, and not indented.
    pub at_margin: bool,
}

impl Fence {
    /// The kind of fence, the first word behind the opening fence: `rust`. Empty where there is none.
    pub fn kind(&self) -> &str {
        self.info.split([' ', ',', '\t']).next().unwrap_or_default()
    }
}

/// A heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// Its line, counted from 1.
    pub line: usize,
    /// 1 for the page's title.
    pub level: usize,
    /// Its text, without markup.
    pub text: String,
    /// The id it is given in the text: `{#wire}`.
    pub id: Option<String>,
}

/// A term of a definition list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Its line, counted from 1.
    pub line: usize,
    /// Its text, without markup.
    pub text: String,
}

impl Term {
    /// The id that mdBook gives it: `end-of-stream`.
    pub fn id(&self) -> String {
        self.text.to_lowercase().replace(' ', "-")
    }
}

/// A link's or an image's target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its line, counted from 1.
    pub line: usize,
    /// What it points to, as written.
    pub target: String,
}

/// What the text at a place is to Markdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Prose: Markdown is read here.
    Prose,
    /// A code span or a code block: everything stands for itself.
    Code,
    /// Raw HTML.
    Html,
}

impl<'a> Page<'a> {
    /// Parses a page with the extensions that mdBook switches on.
    pub fn parse(text: &'a str) -> Page<'a> {
        let mut page = Page {
            text,
            fences: Vec::new(),
            indented: Vec::new(),
            headings: Vec::new(),
            links: Vec::new(),
            terms: Vec::new(),
            verbatim: Vec::new(),
            line_starts: std::iter::once(0)
                .chain(text.match_indices('\n').map(|(at, _)| at + 1))
                .collect(),
        };
        page.read();
        page
    }

    /// The line a place in the text is on, counted from 1.
    pub fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= at)
    }

    /// What the text at a place is to Markdown.
    pub fn place(&self, at: usize) -> Place {
        self.verbatim
            .iter()
            .find(|(range, _)| range.contains(&at))
            .map_or(Place::Prose, |(_, place)| *place)
    }

    /// The fence that a place in the text belongs to.
    pub fn fence_at(&self, at: usize) -> Option<&Fence> {
        self.fences.iter().find(|fence| fence.range.contains(&at))
    }

    /// The text of the line that a place is on, up to that place.
    pub fn before_on_line(&self, at: usize) -> &'a str {
        &self.text[self.line_starts[self.line(at) - 1]..at]
    }

    fn read(&mut self) {
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_FOOTNOTES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_HEADING_ATTRIBUTES
            | Options::ENABLE_DEFINITION_LIST
            | Options::ENABLE_GFM;
        // How many lists, quotes and the like are open.
        let mut containers = 0;
        let mut fence: Option<Fence> = None;
        let mut heading: Option<Heading> = None;
        let mut term: Option<Term> = None;
        for (event, range) in Parser::new_ext(self.text, options).into_offset_iter() {
            match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    self.verbatim.push((range.clone(), Place::Code));
                    match kind {
                        CodeBlockKind::Fenced(info) => {
                            fence = Some(Fence {
                                line: self.line(range.start),
                                info: info.trim().to_owned(),
                                body: String::new(),
                                at_margin: containers == 0 && self.before_on_line(range.start).is_empty(),
                                range,
                            });
                        }
                        CodeBlockKind::Indented => self.indented.push(self.line(range.start)),
                    }
                }
                Event::End(TagEnd::CodeBlock) => self.fences.extend(fence.take()),
                Event::Start(Tag::Heading { level, id, .. }) => {
                    heading = Some(Heading {
                        line: self.line(range.start),
                        level: level as usize,
                        text: String::new(),
                        id: id.map(|id| id.to_string()),
                    });
                }
                Event::End(TagEnd::Heading(_)) => self.headings.extend(heading.take()),
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    self.links.push(Link {
                        line: self.line(range.start),
                        target: dest_url.to_string(),
                    });
                }
                Event::Start(Tag::DefinitionListTitle) => {
                    term = Some(Term {
                        line: self.line(range.start),
                        text: String::new(),
                    });
                }
                Event::End(TagEnd::DefinitionListTitle) => self.terms.extend(term.take()),
                Event::Text(text) => {
                    let fence = fence.as_mut().map(|fence| &mut fence.body);
                    let heading = heading.as_mut().map(|heading| &mut heading.text);
                    let term = term.as_mut().map(|term| &mut term.text);
                    if let Some(open) = fence.or(heading).or(term) {
                        open.push_str(&text);
                    }
                }
                Event::Code(code) => {
                    self.verbatim.push((range, Place::Code));
                    if let Some(heading) = &mut heading {
                        heading.text.push_str(&code);
                    }
                }
                Event::Html(_) | Event::InlineHtml(_) => self.verbatim.push((range, Place::Html)),
                Event::Start(tag) if is_container(&tag) => containers += 1,
                Event::End(
                    TagEnd::Item
                    | TagEnd::BlockQuote(_)
                    | TagEnd::FootnoteDefinition
                    | TagEnd::DefinitionListDefinition,
                ) => {
                    containers -= 1;
                }
                _ => {}
            }
        }
    }
}

fn is_container(tag: &Tag<'_>) -> bool {
    matches!(
        tag,
        Tag::Item | Tag::BlockQuote(_) | Tag::FootnoteDefinition(_) | Tag::DefinitionListDefinition
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_found_with_its_line_its_kind_and_its_body() {
        let page = Page::parse("# Title\n\ntext\n\n```rust,no_run\nfn main() {}\n```\nmore\n");
        let [fence] = &page.fences[..] else {
            panic!("{:?}", page.fences)
        };
        assert_eq!(
            (fence.line, fence.kind(), fence.info.as_str()),
            (5, "rust", "rust,no_run")
        );
        assert_eq!(fence.body, "fn main() {}\n");
        assert_eq!(
            &page.text[fence.range.clone()],
            "```rust,no_run\nfn main() {}\n```"
        );
        assert!(fence.at_margin);
    }

    #[test]
    fn a_fence_shown_inside_a_longer_fence_is_text() {
        let page = Page::parse("````text\n```recording\nshow = \"x\"\n```\n````\n");
        let kinds: Vec<&str> = page.fences.iter().map(Fence::kind).collect();
        assert_eq!(kinds, ["text"]);
    }

    #[test]
    fn a_fence_in_a_list_or_a_quote_is_not_at_the_margin_and_loses_its_marks() {
        for text in [
            "- item\n\n  ```text\n  one\n  two\n  ```\n",
            "> ```text\n> one\n> two\n> ```\n",
        ] {
            let page = Page::parse(text);
            assert_eq!(page.fences[0].body, "one\ntwo\n", "{text}");
            assert!(!page.fences[0].at_margin, "{text}");
        }
    }

    #[test]
    fn places_are_told_apart() {
        let text = "prose `code` <b>html</b>\n\n    indented\n\n```text\nfenced\n```\n";
        let page = Page::parse(text);
        let place = |word: &str| page.place(text.find(word).expect("the word is there"));
        assert_eq!(place("prose"), Place::Prose);
        assert_eq!(place("code"), Place::Code);
        assert_eq!(place("<b>"), Place::Html);
        assert_eq!(place("indented"), Place::Code);
        assert_eq!(place("fenced"), Place::Code);
        assert_eq!(page.indented, [3]);
    }

    #[test]
    fn a_heading_keeps_the_id_it_was_given() {
        let page = Page::parse("# One\n\n## On the `wire` {#wire}\n");
        assert_eq!(page.headings[0].id, None);
        assert_eq!(
            page.headings[1],
            Heading {
                line: 3,
                level: 2,
                text: "On the wire".into(),
                id: Some("wire".into())
            }
        );
    }

    #[test]
    fn links_and_images_are_found_with_their_lines() {
        let page = Page::parse("[a](b.md#c)\n\n![d](e.png)\n\n`[f](g)`\n");
        let found: Vec<(usize, &str)> = page
            .links
            .iter()
            .map(|link| (link.line, link.target.as_str()))
            .collect();
        assert_eq!(found, [(1, "b.md#c"), (3, "e.png")]);
    }
}
