//! Two labels that a page's look is in need of: a part's name over its first chapter, and how wrong a listing is.

use mdbook_preprocessor::book::{Book, BookItem};

/// How the label of a listing that is wrong on purpose begins, by strength, and its class.
const STRENGTHS: [(&str, &str); 3] = [
    ("**Does not work.**", "wrong"),
    ("**Works, and wastes.**", "wastes"),
    ("**Works until ", "until"),
];

/// Writes each part's name over its first chapter.
pub fn name_the_parts(book: &mut Book) {
    let mut part = None;
    for item in &mut book.items {
        match item {
            BookItem::PartTitle(title) => part = Some(title.clone()),
            BookItem::Chapter(chapter) if !chapter.is_draft_chapter() => {
                if let Some(part) = part.take() {
                    let part = crate::html::escape(&part);
                    chapter.content = format!("<p class=\"part\">{part}</p>\n\n{}", chapter.content);
                }
            }
            _ => {}
        }
    }
}

/// Gives the label at the beginning of a paragraph, outside fences, a class that tells its strength.
pub fn mark_the_wrong(page: &str) -> String {
    let mut out = String::with_capacity(page.len());
    let mut fence: Option<&str> = None;
    let mut begins = true;
    for line in page.split_inclusive('\n') {
        let marker = ["```", "~~~"]
            .into_iter()
            .find(|marker| line.trim_start().starts_with(marker));
        match fence {
            Some(open) if marker == Some(open) => fence = None,
            Some(_) => {}
            None => fence = marker,
        }
        let label = if begins && fence.is_none() {
            labelled(line)
        } else {
            None
        };
        match label {
            Some(label) => out.push_str(&label),
            None => out.push_str(line),
        }
        begins = line.trim().is_empty();
    }
    out
}

fn labelled(line: &str) -> Option<String> {
    let (_, class) = STRENGTHS.into_iter().find(|(begin, _)| line.starts_with(begin))?;
    let (label, rest) = line.strip_prefix("**")?.split_once("**")?;
    Some(format!(
        "<strong class=\"strength {class}\">{label}</strong>{rest}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_strength_has_its_class() {
        for (line, made) in [
            (
                "**Does not work.** `n`\n",
                "<strong class=\"strength wrong\">Does not work.</strong> `n`\n",
            ),
            (
                "**Works, and wastes.** A\n",
                "<strong class=\"strength wastes\">Works, and wastes.</strong> A\n",
            ),
            (
                "**Works until 1024.** A\n",
                "<strong class=\"strength until\">Works until 1024.</strong> A\n",
            ),
        ] {
            assert_eq!(mark_the_wrong(line), made);
        }
    }

    #[test]
    fn within_a_paragraph_or_a_fence_the_words_are_words() {
        for page in [
            "It says\n**Does not work.** there.\n",
            "```text\n\n**Does not work.**\n```\n",
            "A **works until N** b\n",
        ] {
            assert_eq!(mark_the_wrong(page), page);
        }
    }

    #[test]
    fn a_part_is_named_over_its_first_chapter_alone() {
        let chapter = |name: &str| {
            BookItem::Chapter(mdbook_preprocessor::book::Chapter::new(
                name,
                format!("# {name}"),
                format!("{name}.md"),
                Vec::new(),
            ))
        };
        let mut book = Book::new_with_items(vec![
            chapter("a"),
            BookItem::PartTitle("Part <I>".into()),
            chapter("b"),
            chapter("c"),
        ]);
        name_the_parts(&mut book);
        let pages: Vec<&str> = book
            .items
            .iter()
            .filter_map(|item| match item {
                BookItem::Chapter(chapter) => Some(chapter.content.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(
            pages,
            ["# a", "<p class=\"part\">Part &lt;I&gt;</p>\n\n# b", "# c"]
        );
    }
}
