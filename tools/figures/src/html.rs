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

/// The mark of the n-th segment, counted from 1: `①` to `㊿`, then `(51)`.
///
/// ```
/// use figures::html::mark;
/// assert_eq!((mark(1), mark(20), mark(21), mark(35), mark(36), mark(50)), ("①".into(), "⑳".into(), "㉑".into(), "㉟".into(), "㊱".into(), "㊿".into()));
/// assert_eq!(mark(51), "(51)");
/// ```
pub fn mark(n: usize) -> String {
    let circled = u32::try_from(n).ok().and_then(|n| match n {
        1..=20 => char::from_u32(0x2460 + n - 1),
        21..=35 => char::from_u32(0x3251 + n - 21),
        36..=50 => char::from_u32(0x32b1 + n - 36),
        _ => None,
    });
    circled.map_or_else(|| format!("({n})"), String::from)
}
