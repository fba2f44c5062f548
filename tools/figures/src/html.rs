//! Text for HTML.

/// Escapes what means something to HTML, in text and in quoted attributes.
///
/// ```
/// assert_eq!(figures::html::escape("a < b & \"c\""), "a &lt; b &amp; &quot;c&quot;");
/// ```
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// Escapes what means something to Markdown within a line.
pub fn escape_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '|' | '#'
        ) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The mark of the n-th segment, counted from 1: `①` to `⑩`, then `(11)`. Fonts that are on most machines end at `⑩`.
///
/// ```
/// use figures::html::mark;
/// assert_eq!((mark(1), mark(10), mark(11)), ("①".into(), "⑩".into(), "(11)".into()));
/// ```
pub fn mark(n: usize) -> String {
    let circled = u32::try_from(n).ok().filter(|n| (1..=10).contains(n));
    let circled = circled.and_then(|n| char::from_u32(0x2460 + n - 1));
    circled.map_or_else(|| format!("({n})"), String::from)
}
