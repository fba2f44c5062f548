//! The whole book on paper, as `cargo book pdf` prints it.

use book::print::{Paper, print};
use libtest_mimic::Failed;

use crate::world::World;

/// What a PDF holds, as this browser writes it, that only a tagged one with an outline holds: its structure, its outline, its
/// language.
const MARKS: [&str; 4] = ["/StructTreeRoot", "/MarkInfo", "/Outlines", "/Lang"];

pub fn whole(world: &World) -> Result<(), Failed> {
    let mut tab = world.open("print.html")?;
    let headings = tab.eval("document.querySelectorAll('main h1, main h2, main h3').length")?;
    if tab.eval("String(window.print).includes('[native code]')")? == true {
        return Err("the page can print itself, and then nobody else prints it".into());
    }
    let pdf = print(&mut tab, &Paper::a4("a mark of this test"))?;
    let holds = |mark: &str| {
        pdf.bytes
            .windows(mark.len())
            .any(|bytes| bytes == mark.as_bytes())
    };
    let missing: Vec<&str> = MARKS.into_iter().filter(|mark| !holds(mark)).collect();
    if !missing.is_empty() {
        return Err(format!("the PDF has no {}", missing.join(", no ")).into());
    }
    // Every heading is a line of the outline, and begins with its title.
    const LINE: &[u8] = b"/Title";
    let lines = pdf
        .bytes
        .windows(LINE.len())
        .filter(|bytes| *bytes == LINE)
        .count();
    let headings = headings
        .as_u64()
        .and_then(|it| usize::try_from(it).ok())
        .unwrap_or(usize::MAX);
    if lines < headings {
        return Err(format!("{headings} headings, and {lines} lines in the outline").into());
    }
    if pdf.pages < 2 * world.pages.len() {
        return Err(format!("{} chapters on {} pages", world.pages.len(), pdf.pages).into());
    }
    Ok(())
}
