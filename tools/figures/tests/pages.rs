//! Whole pages through the preprocessor, with a real recording: `workspace` holds one that was made on Linux 6.18.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use figures::Figures;
use mdbook_preprocessor::{
    Preprocessor, PreprocessorContext,
    book::{Book, Chapter},
    config::Config,
};
use stage::{
    recording::{Elsewhere, Recording},
    scenario::Link,
};
use tempfile::TempDir;

const BOOK: &str = "[preprocessor.figures]\nbefore = [\"links\"]\n[output.html]\nno-section-label = true\n";

/// The pages of a small book, made in the stored workspace.
fn make(pages: &[(&str, &str)]) -> Result<Vec<String>, String> {
    make_in(&workspace(), BOOK, pages)
}

fn make_in(root: &Path, config: &str, pages: &[(&str, &str)]) -> Result<Vec<String>, String> {
    let context = PreprocessorContext::new(root.to_owned(), config.parse::<Config>().unwrap(), "html".into());
    let items = pages
        .iter()
        .map(|(path, text)| Chapter::new("Title", (*text).to_owned(), *path, vec![]).into());
    let made = Figures.run(&context, Book::new_with_items(items.collect()));
    match made {
        Ok(book) => Ok(book.chapters().map(|chapter| chapter.content.clone()).collect()),
        Err(error) => Err(error.to_string()),
    }
}

fn page(text: &str) -> Result<String, String> {
    make(&[("ch01-echo.md", text)]).map(|mut pages| pages.remove(0))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workspace")
}

/// A copy of the stored workspace, to be broken.
fn copy() -> TempDir {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let to = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy(&entry.path(), &to);
            } else {
                fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    copy(&workspace(), folder.path());
    folder
}

fn number(what: &str) -> Result<String, String> {
    page(&format!("{{{{#number echo/one-echo {what}}}}}")).map(|text| text.replace('\u{a0}', " "))
}

#[test]
fn a_page_without_anything_of_ours_is_not_touched() {
    let text =
        "# Title\r\n\ntext  \n```rust\nfn main() {}\n```\n\n{{#include a.md}} \\{{#number x}} {{ x }}\n";
    assert_eq!(page(text).unwrap(), text);
}

/// The text below the drawing, of the stored recording with another's packets.
fn text_of(change: impl FnOnce(&mut Recording)) -> String {
    let root = copy();
    let folder = root
        .path()
        .join("listings/ch01-echo/recordings/one-echo.blocking");
    let mut recording = Recording::read(&folder).unwrap();
    change(&mut recording);
    fs::remove_dir_all(&folder).unwrap();
    recording.write(&folder).unwrap();
    let page = "```recording\nshow = \"echo/one-echo\"\n```\n";
    let made = make_in(root.path(), BOOK, &[("ch01-echo.md", page)]).unwrap();
    made[0]
        .split_once("<details class=\"tcpdump\"")
        .unwrap()
        .1
        .to_owned()
}

#[test]
fn where_tcpdump_counts_otherwise_the_page_says_so() {
    let with = |name: &'static str| {
        text_of(move |recording| {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../wire/tests/calls/{name}.pcap"));
            recording.capture = fs::read(file).unwrap();
        })
    };
    let text = with("fast-open");
    assert!(
        text.contains(
            "the client's numbers from 11 bytes further on than this book: it begins with what the SYN-ACK"
        ),
        "{text}"
    );
    assert_eq!(text.matches("<p>").count(), 1, "once for all segments: {text}");
    assert!(
        !with("data-on-syn").contains("<p>"),
        "the SYN's bytes were not acknowledged"
    );
    assert!(!with("blocking").contains("<p>"));
}

#[test]
fn of_two_hosts_it_is_said_whose_times_tcpdump_prints() {
    let text = text_of(|recording| {
        recording.link = Some(Elsewhere {
            server: recording.capture.clone(),
            link: recording.capture.clone(),
        });
        recording.manifest.act.link = Some(Link::default());
    });
    assert!(
        text.contains("<summary>The segments as the client's host saw them and as <code>tcpdump"),
        "{text}"
    );
    assert!(text_of(|_| ()).contains("<summary>The segments as <code>tcpdump"));
}

#[test]
fn a_recording_becomes_its_numbered_segments_and_the_notes_point_at_them() {
    let made = page(
        "before\n\n```recording\nshow = \"echo/one-echo\"\n[notes]\n\"client FIN\" = \"The *end*.\"\n\
         \"server accept\" = \"It waited.\"\n\"client SYN\" = \"Port {{#number echo/one-echo port client}}.\"\n```\n\nafter\n",
    )
    .unwrap();
    assert!(
        made.starts_with(
            "before\n\n<figure class=\"recording\" id=\"ch01-echo-recording-1\" data-recording=\"echo/one-echo\">\n<figcaption>\
             <strong>One echo; the client closes first</strong> <small><code>echo/one-echo</code>, Linux 6.18.44, 2026-11-22</small>\
             </figcaption>\n<div class=\"ladder-figure\" id=\"ch01-echo-recording-1-ladder\">\n"
        ),
        "{made}"
    );
    let (ladder, rest) = made.split_once("<ul class=\"notes\">").unwrap();
    assert_eq!(
        ladder.matches("<svg").count(),
        2,
        "for a wide page and for a narrow one"
    );
    assert!(
        ladder.contains("data-file=\"listings/ch01-echo/src/bin/echo-blocking-client.rs\""),
        "{ladder}"
    );
    assert!(
        !ladder[ladder.find("<figure").unwrap()..].contains("\n\n"),
        "an empty line ends the HTML"
    );
    let (notes, text) = rest.split_once("</ul>").unwrap();
    // In the order of time, not of the fence.
    assert_eq!(
        notes,
        "\n<li data-segment=\"1\">\n\n<a class=\"mark\" href=\"#ch01-echo-recording-1-1\">①</a> Port 40000.\n\n</li>\n\
         <li data-segment=\"a\">\n\n<span class=\"mark\">a</span> It waited.\n\n</li>\n\
         <li data-segment=\"8\">\n\n<a class=\"mark\" href=\"#ch01-echo-recording-1-8\">⑧</a> The *end*.\n\n</li>\n"
    );
    assert!(
        text.starts_with("\n<details class=\"tcpdump\" open>\n<summary>"),
        "{text}"
    );
    assert!(
        text.contains(
            "<li id=\"ch01-echo-recording-1-2\" class=\"server\" data-segment=\"2\"><span class=\"mark\">②</span> \
             <span class=\"side\">server</span> <pre>00:00:00.000020 IP 127.0.0.1.8000 &gt; 127.0.0.1.40000: Flags [S.], seq "
        ),
        "{text}"
    );
    assert_eq!(text.matches("<li id=").count(), 10);
    assert!(
        text.ends_with("</ol>\n</details>\n</figure>\n\n\nafter\n"),
        "{text}"
    );
}

#[test]
fn a_recording_is_printed_as_tcpdump_is_told_to() {
    let made = page("```recording\nshow = \"echo/one-echo\"\nnumbers = \"absolute\"\nverbose = true\ntime = \"clock\"\n```\n").unwrap();
    assert!(
        made.contains("<pre>19:51:04.551055 IP (tos 0x0, ttl 64, "),
        "{made}"
    );
    assert!(made.contains("cksum 0x"), "{made}");
    assert!(made.contains("tcpdump -nn -S -vvv"), "{made}");
}

#[test]
fn an_unnamed_recording_does_not_say_which_it_is() {
    let made =
        page("```recording\nshow = \"echo/one-echo\"\nunnamed = true\ntime = \"none\"\n```\n").unwrap();
    for telling in [
        "one-echo", "One echo", "blocking", "accept", "listings", "1003", "1.00", " ms", "µs", "time,",
    ] {
        assert!(!made.contains(telling), "{telling}: {made}");
    }
    assert!(
        made.contains("Linux 6.18.44") && made.contains("nothing for a while"),
        "{made}"
    );
}

/// The figure of a fence with these options, from the stored recording.
fn figure(options: &str) -> Result<String, String> {
    page(&format!(
        "```recording\nshow = \"echo/one-echo\"\n{options}\n```\n"
    ))
}

/// The numbers of the segments that tcpdump's text shows, and the words of the rows that count what is left out.
fn shown(figure: &str) -> (Vec<&str>, Vec<&str>) {
    let (ladder, text) = figure.split_once("<details").unwrap();
    let (wide, _) = ladder.split_once("</svg>").unwrap();
    let cut = |part: &str, to: &str| part.find(to).unwrap_or(part.len());
    let numbers = text
        .split("data-segment=\"")
        .skip(1)
        .map(|part| &part[..cut(part, "\"")]);
    let counted = wide
        .split('⋮')
        .skip(1)
        .map(|part| part[..cut(part, "</text>")].trim());
    (numbers.collect(), counted.collect())
}

#[test]
fn a_span_shows_what_is_between_two_events_and_counts_the_rest() {
    let made = figure("span = \"client FIN -> last client ACK\"").unwrap();
    assert_eq!(
        shown(&made),
        (vec!["8", "9", "10"], vec!["7 segments, 9.54 ms"]),
        "{made}"
    );
    // What went before left both ends in these states; times and numbers count from the beginning all the same.
    let (before, _) = made.split_once("FIN-WAIT-1").unwrap();
    assert_eq!(before.matches(">ESTABLISHED</text>").count(), 2, "{before}");
    assert!(made.contains("00:00:01.01") && made.contains("ack 13"), "{made}");
    let made = figure("span = \"server accept -> first server data\"").unwrap();
    assert_eq!(shown(&made).0, ["6"], "{made}");
}

#[test]
fn the_calls_that_are_drawn_are_those_that_are_asked_for() {
    let calls = |options: &str| figure(options).unwrap().matches("class=\"row calls").count();
    assert!(calls("detail = \"all\"") > calls("") && calls("detail = \"waits\"") == calls(""));
}

#[test]
fn a_figure_to_predict_says_so() {
    assert!(
        figure("mode = \"predict\"")
            .unwrap()
            .contains(" data-mode=\"predict\"")
    );
    assert!(!figure("mode = \"explore\"").unwrap().contains("data-mode"));
}

#[test]
fn two_recordings_stand_side_by_side_each_with_its_text() {
    let folder = copy();
    let recordings = folder.path().join("listings/ch01-echo/recordings");
    fs::create_dir(recordings.join("one-echo.async")).unwrap();
    copy_files(
        &recordings.join("one-echo.blocking"),
        &recordings.join("one-echo.async"),
    );
    let page = (
        "ch01-echo.md",
        "```recording\nshow = \"echo/one-echo\"\ncompare = \"echo/one-echo.async\"\n```\n",
    );
    let made = make_in(folder.path(), BOOK, &[page]).unwrap().remove(0);
    assert!(made.contains("class=\"ladder-figure ladder-pair\""), "{made}");
    assert!(made.contains("10 segments, the same in both"), "{made}");
    for name in ["echo/one-echo", "echo/one-echo.async"] {
        assert!(
            made.contains(&format!("<details class=\"tcpdump\" data-recording=\"{name}\">")),
            "{made}"
        );
    }
    assert!(
        made.contains("id=\"ch01-echo-recording-1-10\"")
            && made.contains("id=\"ch01-echo-recording-1-beside-10\"")
    );
}

/// The stored workspace with another conversation in its recording: one of those whose causes `wire` is held to.
fn with_calls(name: &str) -> TempDir {
    let folder = copy();
    let recording = folder
        .path()
        .join("listings/ch01-echo/recordings/one-echo.blocking");
    let calls = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wire/tests/calls");
    fs::copy(calls.join(format!("{name}.pcap")), recording.join("capture.pcap")).unwrap();
    fs::copy(calls.join(format!("{name}.jsonl")), recording.join("calls.jsonl")).unwrap();
    folder
}

#[test]
fn connections_that_are_not_asked_for_are_counted_and_their_segments_not_printed() {
    let folder = with_calls("two-clients");
    let figure = |options: &str| {
        let fence = format!("```recording\nshow = \"echo/one-echo\"\n{options}\n```\n");
        make_in(folder.path(), BOOK, &[("p.md", &fence)]).map(|mut pages| pages.remove(0))
    };
    let both = figure("").unwrap();
    assert_eq!(shown(&both).0.len(), 20, "every segment of either");
    assert_eq!(
        both.matches("class=\"life ").count(),
        8,
        "two clients, two servers, drawn twice"
    );
    let first = figure("connections = [1]").unwrap();
    let (numbers, counted) = shown(&first);
    assert_eq!(
        numbers,
        ["1", "2", "3", "7", "8", "13", "14", "16", "17", "18"],
        "they keep their numbers"
    );
    assert_eq!(counted.len(), 5, "{counted:?}");
    assert!(first.contains("1 other connection"), "{first}");
    let error = figure("connections = [1]\n[notes]\n\"connection 2: client SYN\" = \"\"").unwrap_err();
    assert!(error.contains("is not drawn: it is in connection 2"), "{error}");
    let error = figure("[notes]\n\"client SYN\" = \"\"").unwrap_err();
    assert!(error.contains("matches something in 2 connections"), "{error}");
}

#[test]
fn a_long_conversation_is_folded_and_its_text_folded_away() {
    let folder = with_calls("write-write-read");
    let fence = "```recording\nshow = \"echo/one-echo\"\n```\n";
    let made = make_in(folder.path(), BOOK, &[("p.md", fence)])
        .unwrap()
        .remove(0);
    assert_eq!(shown(&made).0.len(), 17, "the text shows them all");
    assert!(
        made.contains("<details class=\"tcpdump\">"),
        "more than twelve: {made}"
    );
    assert!(made.contains("nothing for 45.0 ms"), "{made}");
}

#[test]
fn a_recording_older_than_its_programs_is_shown_and_says_so() {
    let fence = ("p.md", "```recording\nshow = \"echo/one-echo\"\n```\n");
    let banner = |folder: &Path| {
        let made = make_in(folder, BOOK, &[fence]).unwrap().remove(0);
        let (_, rest) = made.split_once("<div class=\"stale\" role=\"note\">")?;
        Some(rest.split_once("</div>")?.0.to_owned())
    };
    assert_eq!(
        banner(&workspace()),
        None,
        "the stored recording belongs to its programs"
    );
    let folder = copy();
    let client = folder
        .path()
        .join("listings/ch01-echo/src/bin/echo-blocking-client.rs");
    let text = fs::read_to_string(&client).unwrap();
    fs::write(&client, format!("// A line more.\n{text}")).unwrap();
    assert_eq!(
        banner(folder.path()),
        None,
        "a line that only moved is the same line"
    );
    let made = make_in(folder.path(), BOOK, &[fence]).unwrap().remove(0);
    let here = |made: &str, line: u32| {
        made.contains(&format!("write_all(MESSAGE).with_context(|| format!(&quot;writing to {{address}}&quot;))?;\" data-line=\"{line}\""))
    };
    let then = page(fence.1).unwrap();
    let line = (1..60).find(|&line| here(&then, line)).unwrap();
    assert!(
        here(&made, line + 1),
        "the figure points at where the line is today"
    );
    fs::write(&client, text.replace("write_all(MESSAGE)", "write_all(b\"Hi\")")).unwrap();
    let said = banner(folder.path()).unwrap();
    assert!(
        said.contains("is no longer there") && said.contains("cargo book record echo/one-echo"),
        "{said}"
    );
    let made = make_in(folder.path(), BOOK, &[fence]).unwrap().remove(0);
    assert!(
        !here(&made, line) && made.contains("stream.write_all(MESSAGE)"),
        "a line that is gone is said and not pointed at"
    );
}

/// Copies the files of a recording, and makes its manifest say `async`.
fn copy_files(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&to).unwrap();
            copy_files(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn two_recordings_on_one_page_have_ids_of_their_own() {
    let fence = "```recording\nshow = \"echo/one-echo\"\n```\n";
    let made = page(&format!("{fence}\n{fence}")).unwrap();
    assert!(
        made.contains("id=\"ch01-echo-recording-1-10\"") && made.contains("id=\"ch01-echo-recording-2-10\"")
    );
}

#[test]
fn every_number_is_taken_from_the_recording() {
    for (what, text) in [
        ("segments", "10"),
        ("header bytes", "424"),
        ("connection 1: segments", "10"),
        ("bytes from client", "11"),
        ("bytes from server", "11"),
        ("connection 1: bytes from server", "11"),
        ("duration", "1.014 s"),
        ("gap client SYN -> server SYN", "20 µs"),
        ("gap first client data -> first server data", "9.42 ms"),
        ("time client FIN", "1.013 s"),
        ("mark client FIN", "⑧"),
        ("flags server SYN", "S."),
        ("length first client data", "11"),
        ("seq first client data", "1"),
        ("next seq first client data", "12"),
        ("ack first server data", "12"),
        ("seq client SYN", "0"),
        ("window client SYN", "65,495"),
        ("option mss of client SYN", "65495"),
        ("option wscale of server SYN", "7"),
        ("port client", "40000"),
        ("port server", "8000"),
        ("address server", "127.0.0.1"),
        ("kernel", "Linux 6.18.44"),
        ("date", "2026-11-22"),
    ] {
        assert_eq!(number(what).as_deref(), Ok(text), "{what}");
    }
    let absolute = |what: &str| {
        number(&format!("absolute {what}"))
            .unwrap()
            .parse::<u32>()
            .unwrap()
    };
    assert_eq!(
        absolute("seq client SYN").wrapping_add(1),
        absolute("seq first client data")
    );
    assert_eq!(absolute("next seq client SYN"), absolute("ack server SYN"));
}

#[test]
fn a_number_that_cannot_be_given_is_told_with_its_line_and_the_choices() {
    for (what, words) in [
        ("segmets", "`bytes from SIDE`"),
        ("", "`segments`"),
        ("bytes from nobody", "`client` and `server`"),
        ("gap client SYN", "two ends"),
        ("gap server SYN -> client SYN", "turn them round"),
        ("gap client SYM -> server SYN", "`SYN`, `FIN`"),
        ("option mss", "`option mss of client SYN`"),
        ("option TS of client SYN", "`mss`, `wscale`"),
        ("option mss of client FIN", "none"),
        ("connection 2: segments", "has 1"),
        ("connection 0: segments", "counted from 1"),
        ("seq client ACK", "first"),
    ] {
        let error = page(&format!("# T\n\ntext {{{{#number echo/one-echo {what}}}}}\n")).unwrap_err();
        assert!(
            error.starts_with("src/ch01-echo.md:3: ") && error.contains(words),
            "{what}: {error}"
        );
    }
}

#[test]
fn a_number_fits_the_place_it_stands_in() {
    let made = page(
        "**{{#number echo/one-echo flags server SYN}}** `{{#number echo/one-echo duration}}`\n\n<b>{{#number echo/one-echo segments}}</b>\n",
    )
    .unwrap();
    assert_eq!(made, "**S.** `1.014 s`\n\n<b>10</b>\n");
}

#[test]
fn output_becomes_a_block_and_within_a_block_bare_lines() {
    let server = "listening on 127.0.0.1:8000\n127.0.0.1:40000 came\n127.0.0.1:40000 said 11 bytes: Hi, ferris?\n127.0.0.1:40000 gone: end of stream\n";
    assert_eq!(
        page("a\n\n{{#output echo/one-echo server}}\n\nb\n").unwrap(),
        format!("a\n\n```text\n{server}```\n\n\nb\n")
    );
    assert_eq!(
        page("```console\n$ run\n{{#output echo/one-echo server}}\n```\n").unwrap(),
        format!("```console\n$ run\n{server}```\n")
    );
}

#[test]
fn output_that_holds_a_fence_stands_in_a_longer_one() {
    let folder = copy();
    let output = folder
        .path()
        .join("listings/ch01-echo/recordings/one-echo.blocking/output.txt");
    fs::write(output, "client   0.000001  ````\n").unwrap();
    let made = make_in(
        folder.path(),
        BOOK,
        &[("p.md", "{{#output echo/one-echo client}}\n")],
    )
    .unwrap();
    assert_eq!(made[0], "`````text\n````\n`````\n\n");
}

#[test]
fn output_that_cannot_be_given_is_an_error() {
    for (text, words) in [
        (
            "{{#output echo/one-echo proxy}}",
            "the choices are `client`, `server`",
        ),
        ("{{#output echo/one-echo}}", "needs a recording and a program"),
        ("see {{#output echo/one-echo server}}", "a line of its own"),
        ("{{#output echo/one-echo server}} here", "a line of its own"),
        ("- {{#output echo/one-echo server}}", "at the margin"),
        (
            "{{#output echo/two-echo server}}",
            "the choices are echo/one-echo.blocking",
        ),
    ] {
        let error = page(text).unwrap_err();
        assert!(
            error.starts_with("src/ch01-echo.md:1: ") && error.contains(words),
            "{text}: {error}"
        );
    }
}

#[test]
fn a_recording_that_cannot_be_shown_is_told_with_its_line_and_the_choices() {
    for (body, line, words) in [
        ("show = \"echo/two-echo\"", 4, "echo/one-echo.blocking"),
        (
            "\nshow = \"echo/one-echo.async\"",
            5,
            "is not recorded; record it with `cargo book record echo/one-echo.async`",
        ),
        (
            "show = \"echo/one-echo\"\nflags = \"-S\"",
            5,
            "expected one of `show`, `compare`",
        ),
        (
            "show = \"echo/one-echo\"\n[notes]\n\"client ACK\" = \"\"",
            6,
            "first",
        ),
        (
            "show = \"echo/one-echo\"\n[notes]\n\"client RST\" = \"\"",
            6,
            "client SYN",
        ),
        (
            "show = \"echo/one-echo\"\n[notes]\n\"client recvmsg\" = \"\"",
            6,
            "matches nothing; there are: ",
        ),
        (
            "show = \"echo/one-echo\"\ncompare = \"echo/two-echo\"",
            5,
            "the choices are",
        ),
        (
            "show = \"echo/one-echo\"\nconnections = [1, 2]",
            5,
            "there is no connection 2; `echo/one-echo` has 1",
        ),
        (
            "show = \"echo/one-echo\"\n\nspan = \"client FIN\"",
            6,
            "a span has two ends",
        ),
        (
            "show = \"echo/one-echo\"\nspan = \"client FIN -> client RST\"",
            5,
            "there are: ",
        ),
        (
            "show = \"echo/one-echo\"\nspan = \"server FIN -> client FIN\"",
            5,
            "turn them round",
        ),
        (
            "show = \"echo/one-echo\"\nspan = \"client FIN -> server FIN\"\n[notes]\n\"client SYN\" = \"\"",
            7,
            "`client SYN` is not drawn: it is outside of the span",
        ),
        (
            "show = \"echo/one-echo\"\nmode = \"guess\"",
            5,
            "expected `explore` or `predict`",
        ),
        (
            "show = \"echo/one-echo\"\ndetail = \"some\"",
            5,
            "`story`, `waits`, `all`",
        ),
        (
            "show = \"echo/one-echo\"\nunnamed = true\ncompare = \"echo/one-echo\"",
            6,
            "nothing to compare",
        ),
        (
            "show = \"echo/one-echo\"\n[notes]\n\"client SYN\" = \"{{#number echo/one-echo x}}\"",
            6,
            "asks for no number",
        ),
        (
            "show = \"echo/one-echo\"\n[notes]\n\"client SYN\" = \"{{#output echo/one-echo client}}\"",
            6,
            "does not stand in a note",
        ),
        (
            "show = \"echo/one-echo\"\n[notes]\n\"client SYN\" = \"{{#numbr x}}\"",
            6,
            "there is no directive",
        ),
    ] {
        let error = page(&format!("# T\n\n```recording\n{body}\n```\n")).unwrap_err();
        assert!(
            error.starts_with(&format!("src/ch01-echo.md:{line}: ")) && error.contains(words),
            "{body}: {error}"
        );
    }
}

#[test]
fn a_recording_that_cannot_be_read_is_told_with_what_to_do() {
    let recording = "listings/ch01-echo/recordings/one-echo.blocking";
    for (file, bytes, words) in [
        ("capture.pcap", &b"no capture"[..], "this is no capture"),
        ("manifest.toml", b"kernel = 1", "manifest.toml: "),
        ("output.txt", b"no output\n", "output.txt:1"),
    ] {
        let folder = copy();
        fs::write(folder.path().join(recording).join(file), bytes).unwrap();
        let page = ("ch01-echo.md", "\n```recording\nshow = \"echo/one-echo\"\n```\n");
        let error = make_in(folder.path(), BOOK, &[page]).unwrap_err();
        assert!(
            error.starts_with("src/ch01-echo.md:3: ") && error.contains(words) && error.contains("again"),
            "{file}: {error}"
        );
    }
}

#[test]
fn a_scenario_that_is_wrong_is_told_once_and_in_its_own_place() {
    let folder = copy();
    let scenario = folder.path().join("listings/ch01-echo/scenarios/one-echo.toml");
    fs::write(&scenario, "\ntitel = \"x\"\n").unwrap();
    let page = "{{#number echo/one-echo segments}} {{#number echo/one-echo duration}} {{#chapter x}}";
    let error = make_in(folder.path(), BOOK, &[("p.md", page)]).unwrap_err();
    let lines: Vec<&str> = error.lines().collect();
    assert!(
        lines[0].starts_with("listings/ch01-echo/scenarios/one-echo.toml:2: "),
        "{error}"
    );
    assert!(
        lines[1].starts_with("src/p.md:1: no page is called `x`"),
        "{error}"
    );
    assert_eq!(lines.len(), 2, "{error}");
}

const DECLARATION: &str =
    "```declaration\nable = [\"a\", \"b\", \"c\"]\nminutes = { teach = 1, lab = 2, home = 3 }\n";

#[test]
fn a_declaration_becomes_at_a_glance_with_the_chapters_programs() {
    let made = page(&format!(
        "# T\n\nA question.\n\n{DECLARATION}needs = [\"ch02-capture\"]\n```\n\n## S\n"
    ))
    .unwrap();
    assert!(made.contains("\n- a\n- b\n- c\n"), "{made}");
    assert!(
        made.contains("<dd>1 to teach, 2 in the lab, 3 at home</dd>"),
        "{made}"
    );
    assert!(
        made.contains("<dd><code>echo-blocking-server</code>, <code>echo-blocking-client</code></dd>"),
        "{made}"
    );
    assert!(made.contains("<dt>Read first</dt><dd>chapter 2</dd>"), "{made}");
}

#[test]
fn a_declaration_that_stands_wrong_or_says_wrong_is_told() {
    for (path, text, line, words) in [
        (
            "ch01-echo.md",
            format!("# T\n\n## S\n\n{DECLARATION}```\n"),
            5,
            "below a section's heading",
        ),
        (
            "ch01-echo.md",
            format!("{DECLARATION}```\n\n{DECLARATION}```\n"),
            6,
            "on line 1 already",
        ),
        ("preface.md", format!("{DECLARATION}```\n"), 1, "only a chapter"),
        (
            "ch01-echo.md",
            format!("{DECLARATION}needs = [\"nowhere\"]\n```\n"),
            1,
            "no page is called `nowhere`",
        ),
        (
            "ch01-echo.md",
            format!("{DECLARATION}abel = 1\n```\n"),
            4,
            "unknown field `abel`",
        ),
        (
            "ch01-echo.md",
            "- x\n\n  ```declaration\n  able = []\n  ```\n".into(),
            3,
            "move it to the margin",
        ),
    ] {
        let error = make(&[(path, &text)]).unwrap_err();
        assert!(
            error.contains(&format!("src/{path}:{line}: ")) && error.contains(words),
            "{text}: {error}"
        );
    }
}

#[test]
fn an_excerpt_says_what_it_shows_and_unfolds_its_program_once() {
    let fence = "```rust\n{{#include ../listings/ch01-echo/src/bin/echo-blocking-server.rs:echo}}\n```\n\nAt ❶ it waits.\n";
    let root = marked();
    let made = make_in(
        root.path(),
        BOOK,
        &[("ch01-echo.md", &format!("{fence}\n{fence}"))],
    )
    .unwrap()
    .remove(0);
    assert!(
        made.starts_with(
            "<figure class=\"excerpt marked\" id=\"ch01-echo-excerpt-1\" data-file=\"listings/ch01-echo/src/bin/echo-blocking-server.rs\" \
             data-lines=\"3\">\n<figcaption><code>listings/ch01-echo/src/bin/echo-blocking-server.rs</code>, part <em>echo</em></figcaption>\n\n\
             <pre><code class=\"language-rust\"><span class=\"callout\" id=\"ch01-echo-excerpt-1-1\" data-mark=\"1\"></span>read();\n</code></pre>\n\
             <details class=\"whole\" "
        ),
        "{made}"
    );
    assert!(made.contains("<summary>All of <code>echo-blocking-server.rs</code></summary>\n\n<pre><code class=\"language-rust\">fn main() {\n"), "{made}");
    assert!(
        made.contains("\n\nAt <a class=\"callout\" href=\"#ch01-echo-excerpt-2-1\" aria-label=\"mark 1 in the excerpt\">1</a> it waits.\n"),
        "{made}"
    );
    assert_eq!(made.matches("<details").count(), 1);
    let error = page("- x\n\n  ```rust\n  {{#include a.rs}}\n  ```\n").unwrap_err();
    assert!(error.contains("src/ch01-echo.md:3: an excerpt"), "{error}");
}

#[test]
fn an_excerpt_that_cannot_be_made_is_told_with_its_line() {
    let root = marked();
    for (info, body, prose, told) in [
        (
            "rust",
            "echo-blocking-server.rs:echo",
            "",
            "1: the excerpt marks a line ❶ and no sentence behind it speaks of ❶",
        ),
        (
            "rust",
            "echo-blocking-server.rs:echo",
            "❶ and ❷",
            "5: the excerpt before this has no ❷, it has `❶`",
        ),
        (
            "rust",
            "echo-blocking-client.rs",
            "❶",
            "5: no excerpt before this has marks",
        ),
        (
            "rust",
            "echo-blocking-server.rs:ehco",
            "",
            "2: `listings/ch01-echo/src/bin/echo-blocking-server.rs`: nothing stands at `ANCHOR: ehco`; there are `echo`",
        ),
        (
            "rust",
            "echo.rs",
            "",
            "2: there is no file `listings/ch01-echo/src/bin/echo.rs`",
        ),
        (
            "rust,against=echo",
            "echo-blocking-client.rs",
            "",
            "1: no listing has a program `echo`",
        ),
        (
            "rust,editable",
            "echo-blocking-client.rs",
            "",
            "1: `editable` means nothing behind an excerpt",
        ),
        (
            "rust",
            "echo-blocking-client.rs}}\n{{#include ../listings/ch01-echo/src/bin/echo-blocking-server.rs",
            "",
            "3: an excerpt shows one file",
        ),
    ] {
        let text =
            format!("```{info}\n{{{{#include ../listings/ch01-echo/src/bin/{body}}}}}\n```\n\n{prose}\n");
        let error = make_in(root.path(), BOOK, &[("ch01-echo.md", &text)]).unwrap_err();
        assert!(error.starts_with(&format!("src/ch01-echo.md:{told}")), "{error}");
    }
}

#[test]
fn an_excerpt_is_compared_with_the_same_part_of_another_listing() {
    let root = marked();
    let text = "```rust,against=echo-blocking-client\n{{#include ../listings/ch01-echo/src/bin/echo-blocking-server.rs:echo}}\n```\n❶\n";
    let made = make_in(root.path(), BOOK, &[("ch01-echo.md", text)])
        .unwrap()
        .remove(0);
    assert!(made.contains("<span class=\"changed\">read();</span>"), "{made}");
    assert!(
        made.contains("changed against <code>echo-blocking-client</code>"),
        "{made}"
    );
}

/// The workspace with a listing that has an anchor and a mark.
fn marked() -> TempDir {
    let root = copy();
    let server = root
        .path()
        .join("listings/ch01-echo/src/bin/echo-blocking-server.rs");
    fs::write(
        server,
        "fn main() {\n// ANCHOR: echo\n    read(); // ❶\n// ANCHOR_END: echo\n}\n",
    )
    .unwrap();
    root
}

#[test]
fn what_is_shown_as_an_example_is_left_alone() {
    let text = "````text\n```recording\nshow = \"nothing\"\n```\n```rust\n{{#include a.rs}}\n```\n\\{{#number x}}\n````\n";
    assert_eq!(page(text).unwrap(), text);
}

#[test]
fn chapters_are_referred_to_by_their_files() {
    let made = make(&[
        (
            "ch01-echo.md",
            "See {{#chapter ch02-capture}} and {{#chapter ch14-nonblocking}}. {{#chapter ch03-open}} waits.",
        ),
        ("ch02-capture.md", "# T\n\n{{#chapter ch01-echo}} came first.\n"),
    ])
    .unwrap();
    assert_eq!(
        made[0],
        "See [chapter 2](ch02-capture.md) and chapter 14. Chapter 3 waits."
    );
    assert_eq!(made[1], "# T\n\n[Chapter 1](ch01-echo.md) came first.\n");
    let error = page("a\nb {{#chapter 14}}\n").unwrap_err();
    assert!(
        error.starts_with("src/ch01-echo.md:2: no page is called `14`"),
        "{error}"
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once_in_order() {
    let error = make(&[
        (
            "ch01-echo.md",
            "{{#number x segments}}\n\n```recording\nshow = 1\n```\n",
        ),
        ("ch02-capture.md", "{{#chapter x}}\n"),
    ])
    .unwrap_err();
    let places: Vec<&str> = error
        .lines()
        .map(|line| line.split(": ").next().unwrap())
        .collect();
    assert_eq!(
        places,
        [
            "src/ch01-echo.md:1",
            "src/ch01-echo.md:4",
            "src/ch02-capture.md:1"
        ],
        "{error}"
    );
}

#[test]
fn two_pages_with_one_number_are_told() {
    let error = make(&[("ch01-echo.md", ""), ("ch01-ecco.md", "")]).unwrap_err();
    assert_eq!(
        error,
        "src/ch01-ecco.md:1: chapter 1 is `ch01-echo` already; rename one of the two"
    );
}

#[test]
fn a_book_that_runs_it_behind_links_is_told() {
    let error = make_in(
        &workspace(),
        "[preprocessor.figures]\nafter = [\"links\"]\n",
        &[("p.md", "")],
    )
    .unwrap_err();
    assert!(
        error.starts_with("book.toml:1: ") && error.contains("before = [\"links\"]"),
        "{error}"
    );
}

#[test]
fn pages_carry_the_number_of_their_file() {
    let context = PreprocessorContext::new(workspace(), BOOK.parse().unwrap(), "html".into());
    let book = Book::new_with_items(vec![
        Chapter::new("Bye", String::new(), "ch09-close.md", vec![]).into(),
    ]);
    let book = Figures.run(&context, book).unwrap();
    assert_eq!(book.chapters().next().unwrap().name, "9. Bye");
}

const DECLARED: &str = "```declaration\nable = [\"a\", \"b\", \"c\"]\nminutes = { teach = 5, lab = 0, home = 9 }\nmeets = [7]\n```\n";

#[test]
fn a_question_is_a_box_and_the_letters_stand_below_the_last() {
    let question = |name: &str| {
        format!(
            "```check\nname = \"{name}\"\nask = \"How many, {{{{#number echo/one-echo segments}}}}?\"\nexit = true\n[[answer]]\nsays = \"x\"\nbelief = 7\n\
             why = \"see {{{{#chapter ch09-close}}}}\"\n[[answer]]\nsays = \"x\"\nright = true\nwhy = \"y\"\n```\n"
        )
    };
    let three = ["a", "b", "c"].map(question).concat();
    let made = page(&format!("{DECLARED}{three}")).unwrap();
    assert!(
        made.contains("<section class=\"check exit\" id=\"ch01-echo-check-a\" aria-label=\"Question 1\">"),
        "{made}"
    );
    assert!(
        made.contains("\n\nHow many, 10?\n\n") && made.contains("*a:* see chapter 9\n\n"),
        "{made}"
    );
    assert_eq!(made.matches("check-key").count(), 1);
    assert!(
        made.trim_end()
            .ends_with("<p class=\"check-key\">Right are 1 b, 2 b, 3 b.</p>"),
        "{made}"
    );
    let error =
        page(&format!("{DECLARED}{three}").replace("one-echo segments", "one-echo segemnts")).unwrap_err();
    assert!(
        error.contains("src/ch01-echo.md:8: `segemnts` asks for no number"),
        "{error}"
    );
    let error = page(&format!("{DECLARED}{}", question("a"))).unwrap_err();
    assert!(
        error.contains("src/ch01-echo.md:6: three questions end the lesson; here 1"),
        "{error}"
    );
}

#[test]
fn an_exercise_names_its_program_and_one_without_is_an_error() {
    let fence = |kind: &str, more: &str| {
        format!(
            "{DECLARED}```exercise\nname = \"x\"\ntitle = \"X\"\ntype = \"{kind}\"\nminutes = 5\ndifficulty = 1\nplace = \"home\"\ndo = \"Do.\"\n{more}```\n"
        )
    };
    let root = copy();
    let make =
        |text: &str| make_in(root.path(), BOOK, &[("ch01-echo.md", text)]).map(|mut pages| pages.remove(0));
    let error = make(&fence("modify", "")).unwrap_err();
    assert!(
        error.starts_with("src/ch01-echo.md:6: an exercise to modify needs its program; write `listings/ch01-echo/exercises/x.rs`"),
        "{error}"
    );
    assert!(
        make(&fence("run", "command = \"ls\"\n"))
            .unwrap()
            .contains("$ ls\n")
    );
    fs::create_dir_all(root.path().join("listings/ch01-echo/exercises")).unwrap();
    fs::write(root.path().join("listings/ch01-echo/exercises/x.rs"), "").unwrap();
    assert!(
        make(&fence("modify", ""))
            .unwrap()
            .contains("$ cargo book exercise echo/x\n")
    );
    let error = make(&fence("run", "command = \"ls\"\n")).unwrap_err();
    assert!(
        error.contains(":6: `command` is what to type where there is no program"),
        "{error}"
    );
}

#[test]
fn the_teachers_notes_are_not_on_the_page_and_are_checked() {
    let notes =
        "```teacher\n[[note]]\nat = \"top\"\nminutes = 5\nask = \"?\"\nexpect = \"!\"\nright = \"!\"\n```\n";
    let made = page(&format!("# T {{#top}}\n\n{DECLARED}{notes}after\n")).unwrap();
    assert!(made.ends_with("</aside>\n\n\nafter\n"), "{made}");
    let error = page(&format!("# T {{#pot}}\n\n{DECLARED}{notes}")).unwrap_err();
    assert!(
        error.contains("src/ch01-echo.md:10: no heading of this page says `{#top}`; there are `pot`"),
        "{error}"
    );
    let error = page(&format!("# T {{#top}}\n\n{DECLARED}{notes}{notes}")).unwrap_err();
    assert!(
        error.contains("src/ch01-echo.md:16: the teacher's notes stand on line 8 already"),
        "{error}"
    );
}

#[test]
fn a_measured_result_stands_in_the_prose_with_its_unit() {
    let root = copy();
    let results = root.path().join("listings/ch01-echo/results");
    fs::create_dir_all(&results).unwrap();
    let stored = "title = \"t\"\ncommand = \"c\"\nmachine = \"m\"\nkernel = \"6.18\"\ndate = \"d\"\n[values]\nthread = { value = 9.4, unit = \"KB\" }\n";
    fs::write(results.join("waiting.toml"), stored).unwrap();
    let make =
        |text: &str| make_in(root.path(), BOOK, &[("ch01-echo.md", text)]).map(|mut pages| pages.remove(0));
    assert_eq!(
        make("{{#number result echo/waiting thread}}").unwrap(),
        "9.4\u{a0}KB"
    );
    let error = make("\n{{#number result echo/wating thread}}").unwrap_err();
    assert!(
        error.starts_with("src/ch01-echo.md:2: no result is called `echo/wating`"),
        "{error}"
    );
    assert!(
        make("{{#number result echo/waiting}}")
            .unwrap_err()
            .contains("a result has a name and a number")
    );
}

/// A workspace whose chapters 1 and 2 declare a priced server each; the second was not measured.
fn priced() -> TempDir {
    let root = copy();
    for (package, server) in [
        ("ch01-echo", "echo-blocking-server"),
        ("ch02-more", "more-blocking-server"),
    ] {
        let folder = root.path().join("listings").join(package);
        fs::create_dir_all(&folder).unwrap();
        let manifest = format!(
            "[package]\nname = \"{package}\"\n[package.metadata.book.server]\n{server} = {{}}\n\
             [package.metadata.book.price]\n{server} = {{ model = \"a thread each\", breaks = \"`clone` says EAGAIN\" }}\n"
        );
        fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    }
    price(&root, "ch01-echo", "echo-blocking-server");
    root
}

fn price(root: &TempDir, package: &str, server: &str) {
    let results = root.path().join("listings").join(package).join("results");
    fs::create_dir_all(&results).unwrap();
    let stored = format!(
        "title = \"t\"\ncommand = \"c\"\nmachine = \"2 cores\"\nkernel = \"6.18.44\"\ndate = \"2026-11-22\"\n[values]\n\
         control-100 = {{ value = 1.0, least = 0.97, most = 1.04 }}\n\
         \"{server}.active\" = {{ value = 100 }}\n\"{server}.calls\" = {{ value = 2.0 }}\n\
         \"{server}.cpu-ratio\" = {{ value = 1.9, least = 1.8, most = 2.1 }}\n\
         \"{server}.kernel-stacks\" = {{ value = 16384, unit = \"B\" }}\n\"{server}.memory\" = {{ value = 34816, unit = \"B\" }}\n\
         \"{server}.page-tables\" = {{ value = 4096, unit = \"B\" }}\n\"{server}.switches\" = {{ value = 1.05 }}\n\
         \"{server}.user-memory\" = {{ value = 14336, unit = \"B\" }}\n"
    );
    fs::write(results.join("prices.toml"), stored).unwrap();
}

#[test]
fn the_table_of_prices_has_the_rows_so_far_and_marks_the_chapters_own() {
    let root = priced();
    let page = "Before.\n\n{{#prices}}\n\nAfter.\n";
    let made = make_in(root.path(), BOOK, &[("ch01-echo.md", page)])
        .unwrap()
        .remove(0);
    for part in [
        "Before.\n\n<figure class=\"prices\">\n",
        "<tr class=\"own\" role=\"row\"><th scope=\"row\" role=\"rowheader\">a thread each <em>this chapter</em> \
         <small><code>echo-blocking-server</code></small></th>",
        "data-head=\"Memory an idle connection\">34\u{a0}KiB <small>user 14\u{a0}KiB, page tables 4.0\u{a0}KiB, kernel stack 16\u{a0}KiB</small></td>",
        "<td role=\"cell\" data-head=\"Calls a request\">2</td>",
        "×\u{a0}1.90 <small>1.80 to 2.10, 100 clients</small>",
        "<code>clone</code> says EAGAIN</td>",
        "2 cores, Linux 6.18.44, 2026-11-22",
        "itself: 0.97 to 1.04",
        "<code>cargo book measure prices echo</code>",
        "</figure>\n\n\nAfter.\n",
    ] {
        assert!(made.contains(part), "{part}\nis not in\n{made}");
    }
    let table = &made[made.find("<figure").unwrap()..made.find("</figure>").unwrap()];
    assert!(!table.contains("\n\n"), "an empty line ends the HTML");
}

#[test]
fn an_appendix_shows_the_rows_of_all_chapters_and_its_own_behind_them_and_no_chapter_shows_its() {
    let root = priced();
    let listing = root.path().join("listings/appendix-e-go");
    fs::create_dir_all(&listing).unwrap();
    fs::write(
        listing.join("Cargo.toml"),
        "[package]\nname = \"appendix-e-go\"\n[package.metadata.book.server]\ngo-server = {}\n\
         [package.metadata.book.price]\ngo-server = { model = \"a goroutine each\", breaks = \"one core\" }\n",
    )
    .unwrap();
    price(&root, "appendix-e-go", "go-server");
    price(&root, "ch02-more", "more-blocking-server");
    let make = |page| {
        make_in(root.path(), BOOK, &[(page, "{{#prices}}\n")])
            .unwrap()
            .remove(0)
    };
    let table = make("appendix-e-go.md");
    let at = |server: &str| table.find(&format!("<code>{server}</code></small>")).unwrap();
    assert!(at("echo-blocking-server") < at("more-blocking-server"), "{table}");
    assert!(at("more-blocking-server") < at("go-server"), "{table}");
    assert!(
        table.contains("a goroutine each <em>this appendix</em>"),
        "{table}"
    );
    assert!(
        table.contains("cargo book measure prices echo more go<"),
        "{table}"
    );
    assert!(!make("ch02-more.md").contains("goroutine"));
}

#[test]
fn a_priced_server_that_was_not_measured_fails_the_build_with_the_command_that_measures_it() {
    let root = priced();
    let make =
        |page: &str| make_in(root.path(), BOOK, &[("ch02-more.md", page)]).map(|mut made| made.remove(0));
    let told = "src/ch02-more.md:3: `more-blocking-server` has a row in listings/ch02-more/Cargo.toml and was not \
                measured; measure it with `cargo book measure prices more`";
    assert!(make("a\n\n{{#prices}}\n").unwrap_err().starts_with(told));
    // Measured, and then one more was declared.
    price(&root, "ch02-more", "other-server");
    assert!(make("a\n\n{{#prices}}\n").unwrap_err().starts_with(told));
    let before = make("{{#prices before}}\n").unwrap();
    assert!(
        before.contains("echo-blocking-server") && !before.contains("this chapter"),
        "{before}"
    );
    price(&root, "ch02-more", "more-blocking-server");
    let both = make("{{#prices}}\n").unwrap();
    assert_eq!(
        (both.matches("<tr").count(), both.matches("class=\"own\"").count()),
        (3, 1),
        "{both}"
    );
    assert!(
        both.contains("<code>cargo book measure prices echo more</code>"),
        "{both}"
    );
}

#[test]
fn a_table_of_prices_is_a_block_and_its_servers_are_declared() {
    let root = priced();
    let make = |page: &str| make_in(root.path(), BOOK, &[("ch01-echo.md", page)]).unwrap_err();
    for (page, told) in [
        (
            "Here: {{#prices}}\n",
            "src/ch01-echo.md:1: `{{#prices` makes a block",
        ),
        (
            "```text\n{{#prices}}\n```\n",
            "src/ch01-echo.md:2: `{{#prices` is no text",
        ),
        (
            "{{#prices echo-server}}\n",
            "there are `echo-blocking-server`, `more-blocking-server`",
        ),
        ("{{#prices before}}\n", "no chapter up to here declares a price"),
    ] {
        let error = make(page);
        assert!(error.contains(told), "{page}: {error}");
    }
    let manifest = root.path().join("listings/ch01-echo/Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("breaks", "brakes")).unwrap();
    let error = make("{{#prices}}\n");
    assert!(
        error.contains("`listings/ch01-echo/Cargo.toml`: `echo-blocking-server`: unknown field `brakes`"),
        "{error}"
    );
}

#[test]
fn a_chart_is_its_stored_drawing_with_its_numbers_below() {
    let root = copy();
    let make =
        |page: &str| make_in(root.path(), BOOK, &[("ch01-echo.md", page)]).map(|mut made| made.remove(0));
    let error = make("a\n\n{{#chart echo/idle}}\n").unwrap_err();
    assert!(
        error.contains("src/ch01-echo.md:3: no result is called `echo/idle`"),
        "{error}"
    );
    let results = root.path().join("listings/ch01-echo/results");
    fs::create_dir_all(&results).unwrap();
    let stored = "title = \"CPU\"\ncommand = \"cargo book measure echo/idle\"\nmachine = \"m\"\nkernel = \"6.18\"\ndate = \"d\"\n[values]\n\
                  \"a.0\" = { value = 7.5, unit = \"µs\", least = 7.0, most = 8.0 }\n\"a.5000\" = { value = 139.0, unit = \"µs\" }\n\
                  [chart]\nx = \"idle\"\ny = \"CPU\"\nat = [0, 5000]\nlines = [{ name = \"a\", label = \"`poll`\" }]\n";
    fs::write(results.join("idle.toml"), stored).unwrap();
    let error = make("a\n\n{{#chart echo/idle}}\n").unwrap_err();
    assert!(
        error.contains("`listings/ch01-echo/results/idle.svg`")
            && error.contains("`cargo book measure echo/idle`"),
        "{error}"
    );
    fs::write(results.join("idle.svg"), "<svg>\n<path/>\n</svg>\n").unwrap();
    let made = make("a\n\n{{#chart echo/idle}}\n").unwrap();
    for part in [
        "<svg>\n<path/>\n</svg>",
        "<th scope=\"col\">idle</th><th scope=\"col\"><code>poll</code></th>",
        "<tr><th scope=\"row\">5000</th><td>139\u{a0}µs</td></tr>",
        "<td>7.5\u{a0}µs <small>7 to 8</small></td>",
        "m, Linux 6.18, d",
    ] {
        assert!(made.contains(part), "{part}\nis not in\n{made}");
    }
}
