//! What a figure does: a row that is pointed at lights what caused it and opens its header; rows wait for a guess.

use libtest_mimic::Failed;
use serde_json::Value;

use crate::world::{World, none, strings};

/// What stands on the page for the row that has the focus: whether each part of the page says so.
const LIT: &str = "(() => { \
    const key = document.activeElement, g = key.closest('.row'), figure = key.closest('.ladder-figure'); \
    if (!g) return { faults: [`the focus is at ${key.localName}.${key.className}`] }; \
    const row = figure.querySelectorAll('tbody tr')[+g.dataset.row], faults = []; \
    const lit = [...new Set([...figure.querySelectorAll('.row.lit')].map((it) => it.dataset.row))]; \
    if (lit.join() !== g.dataset.row) faults.push(`rows ${lit} are lit, not ${g.dataset.row}`); \
    const panel = figure.querySelector('.ladder-panel'); \
    const cells = [...row.cells].map((it) => it.textContent); \
    if (!panel.checkVisibility()) faults.push('no panel'); \
    if (!panel.textContent.includes(cells[3] || cells[2] || cells[4])) faults.push(`the panel says ${panel.textContent}`); \
    for (const [name, value] of JSON.parse(row.dataset.fields || '[]')) \
      if (![...panel.querySelectorAll('div')].some((it) => it.querySelector('dt').textContent === name && \
        it.querySelector('dd').textContent.startsWith(value))) faults.push(`the panel lacks ${name} ${value}`); \
    const recording = figure.querySelector('.ladder-one').dataset.recording; \
    const told = [...document.querySelectorAll('[data-segment]')].filter((it) => !it.closest('.ladder-one') && \
      it.closest('[data-recording]')?.dataset.recording === recording); \
    for (const it of told) if (it.classList.contains('lit') !== (it.dataset.segment === row.dataset.segment)) \
      faults.push(`segment ${it.dataset.segment} in the text is ${it.classList.contains('lit') ? '' : 'not '}lit`); \
    const shows = (it) => it.dataset.lines.split(',').some((range) => { const [a, b = a] = range.split('-').map(Number); \
      return a <= +row.dataset.line && +row.dataset.line <= b; }); \
    const due = row.dataset.line ? [...document.querySelectorAll('.excerpt[data-lines]')].filter((it) => it.dataset.file === row.dataset.file && shows(it)) : []; \
    const bars = [...document.querySelectorAll('.ladder-line')]; \
    for (const excerpt of due) { const bar = bars.find((it) => excerpt.contains(it)); \
      if (!bar) { faults.push(`line ${row.dataset.line} is not lit in its listing`); continue; } \
      const box = bar.getBoundingClientRect(), code = excerpt.querySelector('pre code'), range = document.createRange(); \
      range.selectNodeContents(code); const height = range.getBoundingClientRect().height / code.textContent.replace(/\\n$/, '').split('\\n').length; \
      const line = code.textContent.split('\\n')[Math.floor((box.top + box.height / 2 - range.getBoundingClientRect().top) / height)]; \
      if (!line?.includes(row.dataset.code.split(' ')[0])) \
        faults.push(`the bar lies on \"${line}\", not on ${row.dataset.code}`); } \
    if (!due.length && bars.length) faults.push('a line is lit that belongs to no listing'); \
    return { faults, segments: told.filter((it) => it.classList.contains('lit')).length, lines: due.length }; })()";

/// Texts that lie on each other. Those along falling arrows are turned, and no more than kept apart as far as there is room.
const COVERED: &str = "(() => { const found = []; let seen = 0; \
    document.querySelectorAll('details').forEach((it) => { it.open = true; }); \
    for (const svg of document.querySelectorAll('svg.ladder')) { \
      if (!svg.checkVisibility()) continue; \
      seen += 1; \
      const texts = [...svg.querySelectorAll('text')].filter((it) => it.textContent.trim() && !it.closest('[transform*=rotate]')) \
        .map((it) => [it.textContent, it.getBoundingClientRect()]); \
      texts.forEach(([a, one], index) => { for (const [b, other] of texts.slice(index + 1)) { \
        const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left); \
        const high = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top); \
        if (wide > 3 && high > 4) found.push(`${svg.closest('[data-recording]')?.dataset.recording}: “${a}” and “${b}” lie on each other`); } }); } \
    return { found, seen }; })()";

pub fn readable(world: &World) -> Result<(), Failed> {
    let (mut found, mut seen) = (Vec::new(), 0);
    let mut tab = world.tab()?;
    for page in &world.pages {
        tab.go(&world.url(page))?;
        for width in [360, 1280] {
            tab.size(width, 900, 1.0)?;
            let covered = tab.eval(COVERED)?;
            seen += covered["seen"].as_u64().unwrap_or_default();
            found.extend(
                strings(&covered["found"])
                    .iter()
                    .map(|it| format!("{page}, {width} wide: {it}")),
            );
        }
    }
    if seen == 0 {
        return Err("no figure was seen: this test is blind".into());
    }
    none(found)
}

pub fn steps(world: &World) -> Result<(), Failed> {
    let mut tab = world.open("ch01-echo.html")?;
    tab.eval("document.querySelectorAll('.recording details').forEach((it) => { it.open = true; })")?;
    let rows = "[...document.querySelectorAll('.ladder-figure')].map((it) => it.querySelectorAll('tbody')[0].rows.length)";
    let rows: Vec<u64> = tab
        .eval(rows)?
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_u64)
        .collect();
    let (mut found, mut segments, mut lines) = (Vec::new(), 0, 0);
    for (figure, &rows) in rows.iter().enumerate() {
        tab.eval(&format!(
            "[...document.querySelectorAll('.ladder-figure')][{figure}].querySelector('.wide .hit, .half .hit').focus()"
        ))?;
        for row in 0..rows {
            if row > 0 {
                tab.key("ArrowDown")?;
            }
            let lit = tab.eval(LIT)?;
            found.extend(
                strings(&lit["faults"])
                    .iter()
                    .map(|it| format!("figure {}, row {row}: {it}", figure + 1)),
            );
            segments += lit["segments"].as_u64().unwrap_or_default();
            lines += lit["lines"].as_u64().unwrap_or_default();
        }
        tab.key("Escape")?;
        if tab
            .eval("document.querySelector('.row.lit, .ladder-line, .ladder-panel:not([hidden])') === null")?
            != true
        {
            found.push(format!("figure {}: something is lit after Escape", figure + 1));
        }
    }
    if rows.is_empty() || segments == 0 || lines == 0 {
        return Err(format!(
            "{rows:?} rows, {segments} segments, {lines} lines were lit: this test is blind"
        )
        .into());
    }
    none(found)
}

pub fn predicts(world: &World) -> Result<(), Failed> {
    let mut tab = world.open("ch01-echo.html")?;
    let seen = "[...new Set([...document.querySelector('.ladder-figure').querySelectorAll('.row')].filter((it) => \
                getComputedStyle(it).visibility === 'visible' && it.checkVisibility()).map((it) => it.dataset.row))].length";
    let all = tab.eval(seen)?.as_u64().unwrap_or_default();
    if all < 5 {
        return Err(format!("{all} rows are seen: this test is blind").into());
    }
    tab.eval("[...document.querySelectorAll('.ladder-figure button')].find((it) => it.textContent === 'Predict').focus()")?;
    tab.key("Enter")?;
    tab.until(&format!(
        "document.activeElement.type === 'number' && ({seen}) === 0"
    ))?;
    tab.key("7")?;
    tab.key("Enter")?;
    for row in 1..=all {
        tab.until(&format!("({seen}) === {row}"))?;
        tab.key("ArrowDown")?;
    }
    tab.until("document.querySelector('.ladder-status').textContent.startsWith('You said 7; there are ')")?;
    Ok(())
}
