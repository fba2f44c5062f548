//! Excerpts: a fence that holds nothing but mdBook's `{{#include …}}`, with the caption that names its file.

use crate::{html::escape, page::Fence};

/// One `{{#include …}}` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// The file, as written, relative to the page.
    pub path: String,
    /// What stands behind the colon: the anchor.
    pub anchor: Option<String>,
    /// The line in the page's file, counted from 1.
    pub line: usize,
}

/// The includes of a fence that holds nothing else; `None` where it holds anything else, or nothing.
pub fn includes(fence: &Fence) -> Option<Vec<Include>> {
    let mut includes = Vec::new();
    for (index, line) in fence.body.lines().enumerate() {
        if !line.trim().is_empty() {
            includes.push(include(line, fence.line + 1 + index)?);
        }
    }
    (!includes.is_empty()).then_some(includes)
}

/// Reads one line that is an include, and nothing else.
pub fn include(line: &str, number: usize) -> Option<Include> {
    let inner = line.trim().strip_prefix("{{#include")?.strip_suffix("}}")?;
    if !inner.starts_with(char::is_whitespace) || inner.contains("}}") {
        return None;
    }
    let mut words = inner.split_whitespace();
    let (target, more) = (words.next()?, words.next());
    if more.is_some() {
        return None;
    }
    let (path, anchor) = match target.split_once(':') {
        Some((path, anchor)) => (path, Some(anchor.to_owned())),
        None => (target, None),
    };
    Some(Include {
        path: path.to_owned(),
        anchor,
        line: number,
    })
}

/// The file of an include, relative to the workspace: `listings/ch01-echo/src/bin/x.rs` of `../listings/…` on a page in
/// `src`. `None` where it leaves the workspace.
pub fn in_workspace(page_folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in page_folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The excerpt with its caption, ready to stand in the page. `repository` is where the files can be read, if anywhere:
/// `https://…/blob/main/`.
pub fn captioned(
    fence_text: &str,
    includes: &[Include],
    page_folder: &str,
    repository: Option<&str>,
) -> String {
    let mut files: Vec<(String, Vec<&str>)> = Vec::new();
    for include in includes {
        let file = in_workspace(page_folder, &include.path).unwrap_or_else(|| include.path.clone());
        let anchor = include.anchor.as_deref();
        match files.iter_mut().find(|(name, _)| *name == file) {
            Some((_, anchors)) => anchors.extend(anchor),
            None => files.push((file, anchor.into_iter().collect())),
        }
    }
    let captions: Vec<String> = files
        .iter()
        .map(|(file, anchors)| {
            let name = format!("<code>{}</code>", escape(file));
            let name = match repository {
                Some(repository) => format!("<a href=\"{}{}\">{name}</a>", escape(repository), escape(file)),
                None => name,
            };
            let parts: Vec<String> = anchors
                .iter()
                .map(|anchor| format!("<em>{}</em>", escape(anchor)))
                .collect();
            match parts.as_slice() {
                [] => name,
                [one] => format!("{name}, part {one}"),
                more => format!("{name}, parts {}", more.join(" and ")),
            }
        })
        .collect();
    format!(
        "<figure class=\"excerpt\">\n<figcaption>{}</figcaption>\n\n{fence_text}\n\n</figure>\n",
        captions.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Page;

    fn of(text: &str) -> Option<Vec<Include>> {
        includes(&Page::parse(text).fences[0])
    }

    #[test]
    fn a_fence_of_includes_is_an_excerpt_and_keeps_their_lines() {
        let found = of("text\n\n```rust\n{{#include ../a.rs:one}}\n\n{{#include ../b.rs}}\n```\n").unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|i| (i.line, i.path.as_str(), i.anchor.as_deref()))
            .collect();
        assert_eq!(found, [(4, "../a.rs", Some("one")), (6, "../b.rs", None)]);
    }

    #[test]
    fn a_fence_with_anything_else_is_none() {
        for body in [
            "fn main() {}",
            "{{#include a.rs}}\nfn main() {}",
            "",
            "{{#include a.rs}} {{#include b.rs}}",
            "{{#includes a.rs}}",
            r"\{{#include a.rs}}",
        ] {
            assert_eq!(of(&format!("```rust\n{body}\n```\n")), None, "{body}");
        }
    }

    #[test]
    fn the_caption_names_file_and_parts_and_links_where_the_file_can_be_read() {
        let fence = "```rust\n{{#include ../listings/ch01-echo/src/bin/a.rs:x}}\n```";
        let found = of(fence).unwrap();
        assert_eq!(
            captioned(fence, &found, "src", None),
            format!(
                "<figure class=\"excerpt\">\n<figcaption><code>listings/ch01-echo/src/bin/a.rs</code>, part <em>x</em>\
                 </figcaption>\n\n{fence}\n\n</figure>\n"
            )
        );
        let linked = captioned(fence, &found, "src", Some("https://example.org/blob/main/"));
        assert!(
            linked.contains("href=\"https://example.org/blob/main/listings/ch01-echo/src/bin/a.rs\""),
            "{linked}"
        );
    }

    #[test]
    fn parts_of_one_file_share_its_name() {
        let fence = "```rust\n{{#include ../a.rs:x}}\n{{#include ../a.rs:y}}\n{{#include ../b.rs}}\n```";
        let caption = captioned(fence, &of(fence).unwrap(), "src", None);
        assert!(
            caption.contains("<code>a.rs</code>, parts <em>x</em> and <em>y</em>; <code>b.rs</code>"),
            "{caption}"
        );
    }

    #[test]
    fn a_path_that_leaves_the_workspace_is_told_from_one_that_does_not() {
        assert_eq!(
            in_workspace("src", "../listings/a.rs").as_deref(),
            Some("listings/a.rs")
        );
        assert_eq!(in_workspace("src/part", "./../../x").as_deref(), Some("x"));
        assert_eq!(in_workspace("src", "../../x"), None);
    }
}
