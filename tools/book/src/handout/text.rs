//! A page's Markdown on paper: no link can be followed there, and what is quoted of a page stands without the rest of it.

use figures::{excerpt, html::escape, page};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html::push_html};

/// Markdown, its directives already replaced, as HTML without links.
pub fn html(markdown: &str) -> String {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_SMART_PUNCTUATION
        | Options::ENABLE_GFM;
    let events = Parser::new_ext(markdown, options)
        .filter(|event| !matches!(event, Event::Start(Tag::Link { .. }) | Event::End(TagEnd::Link)));
    let mut out = String::new();
    push_html(&mut out, events);
    out.trim_end().to_owned()
}

/// The same of what is a paragraph, to stand in a line of ours.
pub fn inline(html: &str) -> &str {
    html.strip_prefix("<p>")
        .and_then(|rest| rest.strip_suffix("</p>"))
        .filter(|rest| !rest.contains("<p>"))
        .unwrap_or(html)
}

/// A scenario's title, as HTML: what stands in backticks is code.
pub fn title(title: &str) -> String {
    inline(&html(title)).to_owned()
}

/// Marks of excerpts as a digit in a square: circles number the segments of figures.
pub fn with_callouts(markdown: &str) -> String {
    let mut out = String::new();
    for c in markdown.chars() {
        match excerpt::mark_number(c) {
            Some(mark) => out.push_str(&callout(mark)),
            None => out.push(c),
        }
    }
    out
}

/// One such mark.
pub fn callout(mark: usize) -> String {
    format!("<b class=\"callout\">{mark}</b>")
}

/// The words of an HTML text, for counting them: no tags, and single spaces.
pub fn words(html: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The sentences of a paragraph of Markdown. What stands in brackets or in code belongs to the sentence around it.
pub fn sentences(paragraph: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let (mut begin, mut depth, mut code) = (0, 0_usize, false);
    for (at, c) in paragraph.char_indices() {
        match c {
            '`' => code = !code,
            '(' | '[' if !code => depth += 1,
            ')' | ']' if !code => depth = depth.saturating_sub(1),
            _ => {}
        }
        let ends = if code || depth > 0 {
            false
        } else {
            // A bracket may end a sentence that stands in it.
            matches!(c, '.' | '?' | '!') || c == ')' && paragraph[..at].ends_with(['.', '?', '!'])
        };
        if !ends {
            continue;
        }
        let rest = &paragraph[at + c.len_utf8()..];
        let behind = rest.trim_start_matches(['*', '_', '"', '”']);
        let next = behind.trim_start();
        let begins = next
            .chars()
            .next()
            .is_none_or(|c| c.is_uppercase() || "`*_([".contains(c));
        if behind.len() != next.len() && begins || next.is_empty() {
            let end = paragraph.len() - behind.len();
            sentences.push(paragraph[begin..end].trim());
            begin = end;
        }
    }
    sentences.push(paragraph[begin..].trim());
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

/// The block quote that holds the place `at`, without its quote marks.
pub fn quote(page: &page::Page<'_>, at: usize) -> (String, usize) {
    let start = at - page.before_on_line(at).len();
    let mut text = String::new();
    let mut end = start;
    for line in page.text[start..].split_inclusive('\n') {
        let Some(quoted) = line.strip_prefix('>') else {
            break;
        };
        text.push_str(quoted.strip_prefix(' ').unwrap_or(quoted));
        end += line.len();
    }
    (text, end)
}

/// Lines of code, each an element of its own, so that one that is too long goes on below itself.
pub fn code(lines: &[excerpt::Line]) -> String {
    let mut out = String::from("<pre>");
    for line in lines {
        let indent = line.text.len() - line.text.trim_start().len();
        let marks: String = line.marks.iter().map(|&mark| callout(mark)).collect();
        out.push_str(&format!(
            "<span class=\"line\" style=\"--in:{indent}\">{}{}\n</span>",
            if marks.is_empty() {
                marks
            } else {
                format!("<span class=\"margin\">{marks}</span>")
            },
            escape(&line.text)
        ));
    }
    out.push_str("</pre>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_the_next_begins_and_not_in_code_or_brackets() {
        let told = |text| sentences(text);
        assert_eq!(
            told("**Does not work.** `read` fills ❶, 11 here. The last\nline ❷ writes."),
            [
                "**Does not work.**",
                "`read` fills ❶, 11 here.",
                "The last\nline ❷ writes."
            ]
        );
        assert_eq!(
            told("See `a. B` and so. (One. Two.) Then 0.5 ms. It ends"),
            ["See `a. B` and so.", "(One. Two.)", "Then 0.5 ms.", "It ends"]
        );
    }

    #[test]
    fn on_paper_there_is_no_link_and_a_mark_is_a_digit_in_a_square() {
        assert_eq!(
            html(&with_callouts("A [*stream*](appendix-f.md#x) ❷")),
            "<p>A <em>stream</em> <b class=\"callout\">2</b></p>"
        );
        assert_eq!(inline("<p>a <b>c</b></p>"), "a <b>c</b>");
        assert_eq!(inline("<p>a</p>\n<p>b</p>"), "<p>a</p>\n<p>b</p>");
        assert_eq!(words("<p>a\n<b>c</b>d</p>"), "a cd");
    }

    #[test]
    fn a_quote_comes_without_its_marks() {
        let page = page::Page::parse("x\n\n> [!TIP]\n> **Predict.** One?\n>\n> Two?\n\nbehind\n");
        let at = page.text.find("**Predict").unwrap();
        let (text, end) = quote(&page, at);
        assert_eq!(text, "**Predict.** One?\n\nTwo?\n");
        assert_eq!(&page.text[end..], "\nbehind\n");
    }
}
