//! The e-book's style sheet: what the pages need to be understood. The rest is the reader's own choice, and the device's.

/// The style sheet.
pub(super) const STYLE: &str = "\
body { line-height: 1.5; }\n\
h1, h2, h3 { line-height: 1.2; page-break-after: avoid; break-after: avoid; }\n\
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 0.8em; line-height: 1.35; border-left: 2px solid #8a929e; padding-left: 0.6em; }\n\
code { font-size: 0.9em; }\n\
pre code { font-size: 1em; }\n\
figure { margin: 1em 0; }\n\
figcaption { font-size: 0.85em; }\n\
table { border-collapse: collapse; font-size: 0.85em; }\n\
td, th { border: 1px solid #8a929e; padding: 0.2em 0.4em; text-align: left; vertical-align: top; }\n\
blockquote { margin: 1em 0; padding-left: 0.8em; border-left: 4px solid #5a626e; }\n\
aside.glance, section.check, section.exercise { border: 1px solid #8a929e; padding: 0.2em 0.9em; margin: 1em 0; }\n\
.glance-title, .check-title, .exercise-title, .blockquote-tag-title, summary { font-weight: bold; }\n\
.exercise-facts, small { font-size: 0.85em; }\n\
details { margin: 0.6em 0; }\n\
img { max-width: 100%; }\n\
img.drawing { display: block; width: 100%; height: auto; }\n\
img.narrow { display: none; }\n\
@media (max-width: 480px) { img.wide, img.half { display: none; } img.narrow { display: block; } }\n\
b.callout, a.callout { font-family: monospace; font-size: 0.8em; border: 1px solid; padding: 0 0.25em; text-decoration: none; }\n\
.changed { font-weight: bold; }\n\
.changed::before { content: '+ '; }\n\
ol.segments { list-style: none; padding-left: 0; }\n\
ol.segments pre { margin: 0 0 0.4em 0; }\n\
.edition { font-size: 0.85em; }\n\
";
