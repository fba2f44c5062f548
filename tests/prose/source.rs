//! The prose as it stands in `src`.

use std::{fs, path::Path};

use figures::{
    page::{Fence, Page},
    problem::Problem,
};

/// A page's file.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its path in the workspace: `src/ch01-echo.md`.
    pub file: String,
    /// What it holds.
    pub text: String,
}

impl Source {
    /// Every Markdown file of `src`, SUMMARY.md among them.
    pub fn all(root: &Path) -> Vec<Source> {
        let mut pages = Vec::new();
        find(root, "src", &mut pages);
        pages.sort_by(|a: &Source, b| a.file.cmp(&b.file));
        pages
    }

    /// A chapter with this text, to try a check on.
    pub fn sample(text: &str) -> Source {
        Source {
            file: "src/ch01-echo.md".into(),
            text: text.into(),
        }
    }

    /// Its name without folder and ending: `ch01-echo`.
    pub fn stem(&self) -> &str {
        let name = self.file.rsplit('/').next().unwrap_or_default();
        name.strip_suffix(".md").unwrap_or(name)
    }

    /// Its folder: `src`.
    pub fn folder(&self) -> &str {
        self.file.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Its path below `src`, the way SUMMARY.md writes it.
    pub fn below(&self) -> &str {
        self.file.strip_prefix("src/").unwrap_or(&self.file)
    }

    /// Whether it is a numbered chapter.
    pub fn is_chapter(&self) -> bool {
        use figures::chapter::Label;
        matches!(Label::of(self.stem()), Some(Label::Chapter(_)))
    }

    /// The page, parsed.
    pub fn page(&self) -> Page<'_> {
        Page::parse(&self.text)
    }

    /// Its fences of one kind.
    pub fn fences(&self, kind: &str) -> Vec<Fence> {
        self.page()
            .fences
            .into_iter()
            .filter(|fence| fence.kind() == kind)
            .collect()
    }

    /// Something that is wrong on this page.
    pub fn problem(&self, line: usize, message: impl Into<String>) -> Problem {
        Problem {
            file: self.file.clone(),
            line,
            message: message.into(),
        }
    }
}

fn find(root: &Path, folder: &str, pages: &mut Vec<Source>) {
    for entry in fs::read_dir(root.join(folder)).expect("the prose can be listed") {
        let entry = entry.expect("a file of the prose");
        let file = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            find(root, &file, pages);
        } else if file.ends_with(".md") {
            let text = fs::read_to_string(entry.path()).expect("a page is UTF-8");
            pages.push(Source { file, text });
        }
    }
}
