//! One page: mdBook's HTML in, XHTML out, with its drawings as files beside it.

use scraper::{ElementRef, Html, Node, Selector};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// A page of the e-book.
#[derive(Debug, Default)]
pub(super) struct Converted {
    /// The whole XHTML file.
    pub(super) text: String,
    /// Its drawings, by the names of their files.
    pub(super) drawings: Vec<(String, String)>,
    /// The images it shows, by their paths in the built book.
    pub(super) images: BTreeSet<String>,
}

/// `ch09-close.xhtml` of `ch09-close.html`.
pub(super) fn renamed(file: &str) -> String {
    format!("{}.xhtml", file.strip_suffix(".html").unwrap_or(file))
}

/// The first lines of an XHTML file, up to its body.
pub(super) fn head(title: &str, language: &str, back: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE html>\n\
         <html xmlns=\"http://www.w3.org/1999/xhtml\" xmlns:epub=\"http://www.idpf.org/2007/ops\" lang=\"{language}\" xml:lang=\"{language}\">\n\
         <head>\n<meta charset=\"UTF-8\"/>\n<title>{}</title>\n<link rel=\"stylesheet\" type=\"text/css\" href=\"{back}style.css\"/>\n</head>\n",
        escape(title)
    )
}

/// Text and attributes as XML wants them; characters that it cannot hold are left out.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

/// The page `file` of the built book, whose pages are `pages`. Nothing where it has no `<main>`.
pub(super) fn convert(
    html: &str,
    file: &str,
    title: &str,
    language: &str,
    pages: &BTreeSet<String>,
) -> Option<Converted> {
    let html = Html::parse_document(html);
    let main = html.select(&Selector::parse("main").ok()?).next()?;
    let mut page = Writer {
        pages,
        stem: file.strip_suffix(".html").unwrap_or(file).replace('/', "-"),
        out: head(title, language, &"../".repeat(file.matches('/').count())),
        alternatives: BTreeMap::new(),
        made: Converted::default(),
    };
    page.out.push_str("<body>\n");
    for child in main.children() {
        page.node(&child);
    }
    page.out.push_str("\n</body>\n</html>\n");
    let mut made = page.made;
    made.text = page.out;
    Some(made)
}

/// Left out with all that is in them.
const LEFT_OUT: [&str; 8] = [
    "script", "noscript", "style", "template", "button", "iframe", "input", "nav",
];
/// Left out by class: what JavaScript needs, what repeats the drawing, what stands on paper in the place of folded answers.
const LEFT_OUT_CLASSES: [&str; 4] = ["boring", "ladder-table", "check-key", "ladder-tools"];
/// Elements without content.
const VOID: [&str; 5] = ["br", "hr", "img", "col", "wbr"];
/// The attributes that mean something in an e-book.
const KEPT: [&str; 15] = [
    "id", "class", "title", "lang", "dir", "colspan", "rowspan", "scope", "start", "type", "open", "alt",
    "width", "height", "value",
];

struct Writer<'a> {
    pages: &'a BTreeSet<String>,
    stem: String,
    out: String,
    /// What drawings say in words, by the id of the words.
    alternatives: BTreeMap<String, String>,
    made: Converted,
}

type Child<'a> = ego_tree::NodeRef<'a, Node>;

impl Writer<'_> {
    fn node(&mut self, node: &Child<'_>) {
        match node.value() {
            Node::Text(text) => self.out.push_str(&escape(text)),
            Node::Element(_) => {
                if let Some(element) = ElementRef::wrap(*node) {
                    self.element(element);
                }
            }
            _ => {}
        }
    }

    fn children(&mut self, element: ElementRef<'_>) {
        for child in element.children() {
            self.node(&child);
        }
    }

    fn element(&mut self, element: ElementRef<'_>) {
        let name = element.value().name();
        let has = |class: &str| element.value().classes().any(|own| own == class);
        if LEFT_OUT.contains(&name) || LEFT_OUT_CLASSES.iter().any(|class| has(class)) {
            return;
        }
        match name {
            "svg" => return self.drawing(element),
            "a" => return self.link(element),
            // The mark of a line, which the page draws from an attribute.
            "span" if has("callout") => {
                if let Some(mark) = element.attr("data-mark") {
                    let id = element
                        .attr("id")
                        .map_or_else(String::new, |id| format!(" id=\"{}\"", escape(id)));
                    let _ = write!(self.out, "<b class=\"callout\"{id}>{}</b>", escape(mark));
                }
                return;
            }
            "img" => {
                let source = element.attr("src").unwrap_or_default();
                if source.contains(':') {
                    return;
                }
                self.made.images.insert(source.to_owned());
            }
            _ => {}
        }
        let _ = write!(self.out, "<{name}");
        for (key, value) in element.value().attrs() {
            if KEPT.contains(&key) && !(key == "id" && value.is_empty()) {
                let value = if key == "open" { "open" } else { value };
                let _ = write!(self.out, " {key}=\"{}\"", escape(value));
            }
        }
        if name == "img" {
            let source = element.attr("src").unwrap_or_default();
            let _ = write!(self.out, " src=\"{}\"", escape(source));
            if element.attr("alt").is_none() {
                self.out.push_str(" alt=\"\"");
            }
        }
        if let Some(align) = element
            .attr("style")
            .filter(|style| style.starts_with("text-align"))
        {
            let _ = write!(self.out, " style=\"{}\"", escape(align));
        }
        if VOID.contains(&name) {
            self.out.push_str("/>");
            return;
        }
        self.out.push('>');
        self.children(element);
        let _ = write!(self.out, "</{name}>");
    }

    /// A link within the book leads to the page's new name; one that leads nowhere in an e-book is text.
    fn link(&mut self, element: ElementRef<'_>) {
        let target = element.attr("href").unwrap_or_default();
        let is_header = element.value().classes().any(|class| class == "header");
        let target = if target.contains(':') {
            Some(target.to_owned())
        } else {
            let (path, fragment) = target
                .split_once('#')
                .map_or((target, String::new()), |(path, id)| (path, format!("#{id}")));
            match path {
                "" => Some(fragment),
                path if self.pages.contains(path) => Some(format!("{}{fragment}", renamed(path))),
                _ => None,
            }
        };
        match target.filter(|target| !is_header && !target.is_empty()) {
            Some(target) => {
                let _ = write!(self.out, "<a href=\"{}\"", escape(&target));
                for key in ["id", "class"] {
                    if let Some(value) = element.attr(key) {
                        let _ = write!(self.out, " {key}=\"{}\"", escape(value));
                    }
                }
                self.out.push('>');
                self.children(element);
                self.out.push_str("</a>");
            }
            None => self.children(element),
        }
    }

    /// A drawing becomes a file of its own, with the colours inside: readers of e-books show pictures well, and know few styles.
    fn drawing(&mut self, element: ElementRef<'_>) {
        let classes: Vec<&str> = element.value().classes().collect();
        let style = if classes.contains(&"ladder") {
            figures::ladder::plain_style()
        } else if classes.contains(&"chart") {
            String::new()
        } else {
            // An icon.
            return;
        };
        // Its words stand in it, or in the drawing of the same that came before.
        let told = |tag: &str| {
            let mut found = element.descendants().filter_map(ElementRef::wrap);
            found
                .find(|child| child.value().name() == tag)
                .map(|child| child.text().collect::<String>())
        };
        let key = element.attr("aria-labelledby").unwrap_or_default().to_owned();
        let words = match (told("title"), told("desc")) {
            (Some(title), Some(words)) => {
                let words = format!("{title}. {words}");
                self.alternatives.insert(key, words.clone());
                words
            }
            _ => self.alternatives.get(&key).cloned().unwrap_or_default(),
        };
        let name = format!("figures/{}-{}.svg", self.stem, self.made.drawings.len() + 1);
        let mut svg = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        serialize(element, &style, true, &mut svg);
        svg.push('\n');
        self.made.drawings.push((name.clone(), plain(&svg)));
        let class: Vec<&str> = classes
            .into_iter()
            .filter(|class| ["wide", "narrow", "half", "chart"].contains(class))
            .collect();
        let _ = write!(
            self.out,
            "<img class=\"drawing {}\" src=\"{name}\" alt=\"{}\"/>",
            class.join(" "),
            escape(words.split_whitespace().collect::<Vec<_>>().join(" ").as_str())
        );
    }
}

/// An SVG element as XML, without what only the page's scripts and readers of its HTML use.
fn serialize(element: ElementRef<'_>, style: &str, outermost: bool, out: &mut String) {
    let name = element.value().name();
    if !outermost && ["title", "desc"].contains(&name) {
        return;
    }
    let _ = write!(out, "<{name}");
    if outermost {
        out.push_str(" xmlns=\"http://www.w3.org/2000/svg\"");
        // A picture has a size of its own; the page's had the page's.
        if let Some(view) = element.attr("viewBox") {
            let sides: Vec<&str> = view.split_whitespace().collect();
            if let [_, _, width, height] = sides[..] {
                let _ = write!(out, " width=\"{width}\" height=\"{height}\"");
            }
        }
    }
    for (key, value) in element.value().attrs() {
        let for_the_page = ["role", "id", "tabindex", "xmlns", "width", "height"].contains(&key)
            || key.starts_with("data-")
            || key.starts_with("aria-");
        if !for_the_page || (!outermost && ["width", "height"].contains(&key)) {
            let _ = write!(out, " {key}=\"{}\"", escape(value));
        }
    }
    out.push('>');
    if outermost && !style.is_empty() {
        let _ = write!(out, "<style>{}</style>", escape(style));
    }
    for child in element.children() {
        match child.value() {
            Node::Text(text) => out.push_str(&escape(text)),
            Node::Element(_) => {
                if let Some(child) = ElementRef::wrap(child) {
                    serialize(child, style, false, out);
                }
            }
            _ => {}
        }
    }
    let _ = write!(out, "</{name}>");
}

/// Every `var(--name, value)` as its value: a chart takes its colours from the page, and says what to take where there are none.
fn plain(svg: &str) -> String {
    let mut out = String::with_capacity(svg.len());
    let mut rest = svg;
    while let Some((before, after)) = rest.split_once("var(--") {
        out.push_str(before);
        let (inner, behind) = after.split_once(')').unwrap_or((after, ""));
        out.push_str(
            inner
                .split_once(',')
                .map_or("currentcolor", |(_, value)| value.trim()),
        );
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(html: &str) -> (String, Converted) {
        let pages = BTreeSet::from(["one.html".to_owned(), "two.html".to_owned()]);
        let made = convert(&format!("<main>{html}</main>"), "one.html", "One", "en", &pages).unwrap();
        let text = made.text.split_once("<body>\n").unwrap().1;
        (
            text.strip_suffix("\n</body>\n</html>\n").unwrap().to_owned(),
            made,
        )
    }

    #[test]
    fn html_becomes_xhtml_and_what_only_a_browser_uses_is_left_out() {
        for (html, xhtml) in [
            ("<p>a<br>b &amp; c &lt; d", "<p>a<br/>b &amp; c &lt; d</p>"),
            (
                "<details open><summary>s</summary>x</details>",
                "<details open=\"open\"><summary>s</summary>x</details>",
            ),
            (
                "<p data-row=\"1\" aria-label=\"x\" onclick=\"y\" id=\"i\">t</p>",
                "<p id=\"i\">t</p>",
            ),
            (
                "<script>x</script><button>y</button><span class=\"boring\"># z\n</span>w",
                "w",
            ),
            (
                "<h2 id=\"a\"><a class=\"header\" href=\"#a\">A</a></h2>",
                "<h2 id=\"a\">A</h2>",
            ),
            (
                "<a href=\"two.html#x\">t</a> <a href=\"#y\">u</a> <a href=\"https://e.org/\">v</a> <a href=\"print.html\">w</a>",
                "<a href=\"two.xhtml#x\">t</a> <a href=\"#y\">u</a> <a href=\"https://e.org/\">v</a> w",
            ),
            ("<td style=\"text-align: right\">1</td>", "1"),
            (
                "<span class=\"callout\" data-mark=\"❶\"></span>",
                "<b class=\"callout\">❶</b>",
            ),
            ("<pre>a\n  b\u{1b}[0m</pre>", "<pre>a\n  b[0m</pre>"),
        ] {
            assert_eq!(body(html).0, xhtml, "{html}");
        }
    }

    #[test]
    fn a_drawing_becomes_a_picture_with_its_words_and_its_colours() {
        let drawn = "<svg class=\"ladder wide\" viewbox=\"0 0 750 60\" aria-labelledby=\"t\"><title id=\"t\">One</title><desc>Two</desc><path class=\"fin\" data-row=\"1\" d=\"M0 0\"/></svg>";
        let narrow = "<svg class=\"ladder narrow\" viewbox=\"0 0 280 60\" aria-labelledby=\"t\"><path d=\"M0 0\"/></svg>";
        let (text, made) = body(&format!("{drawn}{narrow}"));
        assert_eq!(
            text,
            "<img class=\"drawing wide\" src=\"figures/one-1.svg\" alt=\"One. Two\"/><img class=\"drawing narrow\" src=\"figures/one-2.svg\" alt=\"One. Two\"/>"
        );
        let svg = &made.drawings[0].1;
        assert!(
            svg.contains("width=\"750\" height=\"60\"") && svg.contains("viewBox=\"0 0 750 60\""),
            "{svg}"
        );
        assert!(svg.contains("<path class=\"fin\" d=\"M0 0\"></path>"), "{svg}");
        assert!(svg.contains(".fin") && !svg.contains("var("), "{svg}");
    }

    #[test]
    fn a_chart_has_the_colours_it_names_for_no_page() {
        assert_eq!(
            plain("style=\"fill:var(--fg,#000);stroke:var(--x)\""),
            "style=\"fill:#000;stroke:currentcolor\""
        );
    }
}
