//! `cargo book serve`, as a reader and an author meet it.

mod common;

use common::{DEADLINE, Scratch, Server, one_line, output};
use std::fs;
use std::net::TcpListener;
use std::time::Instant;

#[test]
fn the_first_line_is_the_address_and_the_book_is_there() {
    let book = Scratch::new();
    let server = book.serve();
    assert!(server.address.ip().is_loopback());
    let home = server.get("/");
    assert_eq!(home.status(), "200");
    assert!(
        home.head.contains("content-type: text/html; charset=utf-8"),
        "{}",
        home.head
    );
    assert!(home.body.contains("The first words."));
    assert!(server.get("/two.html").body.contains("fn main() {}"));
    assert_eq!(server.get("/nowhere.html").status(), "404");
}

#[test]
fn what_is_sent_is_compressed_where_the_browser_can_read_it() {
    let book = Scratch::new();
    let server = book.serve();
    let plain = server.get("/");
    assert!(!plain.head.contains("content-encoding"), "{}", plain.head);
    for (accepted, sent) in [("gzip", "gzip"), ("gzip, deflate, br", "br")] {
        let headers = format!("Host: {}\r\nAccept-Encoding: {accepted}\r\n", server.address);
        let packed = server.get_with("/", &headers);
        assert!(
            packed.head.contains(&format!("content-encoding: {sent}")),
            "{}",
            packed.head
        );
        assert!(packed.body.len() < plain.body.len() / 2, "{sent}");
    }
}

#[test]
fn every_page_says_what_a_browser_may_do_with_it() {
    let book = Scratch::new();
    let server = book.serve();
    for path in ["/", "/two.html", "/print.html", "/nowhere.html"] {
        let head = server.get(path).head;
        assert!(
            head.contains("content-security-policy: default-src 'none'; script-src 'self' 'sha256-"),
            "{head}"
        );
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
        assert!(head.contains("cache-control: no-cache"), "{head}");
    }
}

#[test]
fn whatever_the_book_is_made_of_reloads_the_page_when_it_is_saved() {
    let book = Scratch::new();
    let server = book.serve();

    let mut tab = server.page_open_at("/one.html");
    book.save("src/one.md", "# One\n\nOther words.\n");
    assert_eq!(tab.message(), "reload");
    assert!(server.get("/one.html").body.contains("Other words."));

    let mut tab = server.page_open_at("/two.html");
    book.write(
        "listings/two/main.rs",
        "// ANCHOR: all\nfn other() {}\n// ANCHOR_END: all\n",
    );
    assert_eq!(tab.message(), "reload");
    assert!(server.get("/two.html").body.contains("fn other() {}"));

    let mut tab = server.page_open_at("/one.html");
    book.save("theme/book.css", "main { color: teal }\n");
    assert_eq!(tab.message(), "reload");
    let page = server.get("/one.html").body;
    let start = page.find("theme/book-").expect("the style's name carries a hash");
    let style = &page[start..start + page[start..].find('"').unwrap()];
    assert!(server.get(&format!("/{style}")).body.contains("teal"));

    let mut tab = server.page_open_at("/one.html");
    let settings = fs::read_to_string(book.root().join("book.toml")).unwrap();
    book.save("book.toml", &settings.replace("Scratch", "Itch"));
    assert_eq!(tab.message(), "reload");
    assert!(server.get("/one.html").body.contains("<title>One - Itch</title>"));
}

#[test]
fn a_file_the_book_does_not_have_yet_is_followed_when_it_comes() {
    let book = Scratch::new();
    let server = book.serve();
    let mut tab = server.page_open_at("/");
    book.write("src/deep/three.md", "# Three\n");
    book.save(
        "src/SUMMARY.md",
        "# Summary\n\n- [One](one.md)\n- [Three](deep/three.md)\n",
    );
    assert_eq!(tab.message(), "reload");
    let mut tab = server.page_open_at("/deep/three.html");
    book.save("src/deep/three.md", "# Three\n\nThird words.\n");
    assert_eq!(tab.message(), "reload");
    assert!(server.get("/deep/three.html").body.contains("Third words."));

    // The watch of a folder dies with the folder.
    let mut tab = server.page_open_at("/");
    fs::rename(book.root().join("theme"), book.root().join("aside")).unwrap();
    server.says("not built");
    fs::rename(book.root().join("aside"), book.root().join("theme")).unwrap();
    assert_eq!(tab.message(), "reload");
    let mut tab = server.page_open_at("/");
    book.save("theme/book.css", "main { color: red }\n");
    assert_eq!(tab.message(), "reload");
}

#[test]
fn a_change_of_the_tools_asks_for_a_new_start() {
    let book = Scratch::new();
    let settings = fs::read_to_string(book.root().join("book.toml")).unwrap();
    book.write(
        "book.toml",
        &settings.replace("[\"listings\"]", "[\"listings\", \"tools\"]"),
    );
    book.write("tools/figures/src/lib.rs", "");
    let server = book.serve();
    book.save("tools/figures/src/lib.rs", "// other\n");
    let said = server.says("tools/figures");
    assert_eq!(
        said,
        "tools/figures/src/lib.rs: start `cargo book serve` again to see what it does"
    );
}

#[test]
fn a_page_from_before_the_last_change_learns_so_on_arrival() {
    let book = Scratch::new();
    let server = book.serve();
    let mut first = server.tab("/__livereload/1");
    book.save("src/one.md", "# One\n\nNew.\n");
    assert_eq!(first.message(), "reload");
    assert_eq!(server.tab("/__livereload/1").message(), "reload");
}

#[test]
fn every_open_page_is_told() {
    let book = Scratch::new();
    let server = book.serve();
    let mut tabs: Vec<_> = (0..20).map(|_| server.page_open_at("/two.html")).collect();
    tabs.remove(7);
    book.save("src/one.md", "# One\n\nFor all.\n");
    for tab in &mut tabs {
        assert_eq!(tab.message(), "reload");
    }
}

#[test]
fn a_broken_chapter_names_its_line_and_the_last_good_book_stays() {
    let book = Scratch::new();
    let server = book.serve();
    let mut tab = server.page_open_at("/one.html");

    book.save("src/one.md", "# One\n\nLost words.\n\n{{#include nowhere.rs}}\n");
    let said = server.says("error:");
    assert!(
        said.contains("src/one.md:5: ") && said.contains("nowhere.rs"),
        "{said}"
    );
    server.says("the last good book stays up");
    assert!(server.get("/one.html").body.contains("The first words."));

    fs::remove_file(book.root().join("src/two.md")).unwrap();
    let said = server.says("SUMMARY.md");
    assert!(
        said.contains("src/SUMMARY.md:4: failed to read chapter `two.md`"),
        "{said}"
    );

    book.write("src/two.md", "# Two\n");
    book.save("src/one.md", "# One\n\nMended words.\n");
    assert_eq!(tab.message(), "reload");
    assert!(server.get("/one.html").body.contains("Mended words."));
}

#[test]
fn a_setting_that_mdbook_does_not_know_is_an_error() {
    let book = Scratch::new();
    let server = book.serve();
    let settings = fs::read_to_string(book.root().join("book.toml")).unwrap();
    // mdBook itself logs this one, and builds without any of the table's settings.
    book.save("book.toml", &format!("{settings}no-such-setting = true\n"));
    let said = server.says("error:");
    assert!(
        said.contains("book.toml") && said.contains("output.html"),
        "{said}"
    );
}

#[test]
fn a_book_broken_from_the_start_appears_when_it_is_mended() {
    let book = Scratch::new();
    book.write("src/one.md", "{{#include nowhere.rs}}\n");
    let server = book.serve();
    let page = server.get("/two.html");
    assert_eq!(page.status(), "500");
    assert!(page.body.contains("src/one.md:1: "), "{}", page.body);
    let mut tab = server.page_open_at("/two.html");
    book.save("src/one.md", "# One\n");
    assert_eq!(tab.message(), "reload");
    assert_eq!(server.get("/two.html").status(), "200");
}

#[test]
fn a_host_that_is_not_this_machine_is_refused() {
    let book = Scratch::new();
    let server = book.serve();
    let port = server.address.port();
    for host in [
        "evil.example",
        &format!("evil.example:{port}"),
        &format!("127.0.0.1.evil.example:{port}"),
    ] {
        let answer = server.get_with("/", &format!("Host: {host}\r\n"));
        assert_eq!(answer.status(), "403", "{host}");
        assert!(!answer.body.contains("The first words."), "{host}");
    }
    assert_eq!(server.get_with("/", "").status(), "403", "no host at all");
    assert_eq!(
        server
            .get_with("/", &format!("Host: localhost:{port}\r\n"))
            .status(),
        "200"
    );
}

#[test]
fn another_site_s_script_cannot_open_the_web_socket() {
    let book = Scratch::new();
    let server = book.serve();
    let handshake = format!(
        "Host: {}\r\nOrigin: http://evil.example\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nConnection: Upgrade\r\n",
        server.address
    );
    assert_eq!(server.get_with("/__livereload/1", &handshake).status(), "403");
}

#[test]
fn a_taken_port_is_one_line_that_says_what_to_do() {
    let book = Scratch::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = book.run(&["serve", "--port", &port]);
    let said = one_line(&output);
    assert!(
        said.contains(&format!("port {port} is taken")) && said.contains("--port"),
        "{said}"
    );
}

#[test]
fn a_folder_without_a_book_is_one_line_that_says_what_to_do() {
    let book = Scratch::new();
    fs::remove_file(book.root().join("book.toml")).unwrap();
    for verb in ["serve", "build"] {
        let said = one_line(&book.run(&[verb]));
        assert!(
            said.contains("no book.toml in ") && said.contains("git restore book.toml"),
            "{said}"
        );
    }
}

#[test]
fn no_place_to_build_in_is_one_line_that_says_what_to_do() {
    let book = Scratch::new();
    let mut command = book.command(&["serve", "--port", "0"]);
    // A file where the folder should be keeps out root as well.
    command.env("TMPDIR", book.root().join("book.toml"));
    let said = one_line(&output(command));
    assert!(
        said.contains("no folder to build in") && said.contains("TMPDIR"),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_with_zero_and_nothing_is_left() {
    for signal in ["TERM", "INT", "HUP"] {
        let book = Scratch::new();
        let server = book.serve();
        let _waits = server.page_open_at("/");
        let id = server.id();
        let asked = Instant::now();
        let status = server.end(signal);
        assert_eq!(status.code(), Some(0), "{signal}");
        assert!(asked.elapsed() < DEADLINE);
        assert_eq!(book.leftovers(), 0, "{signal}");
        assert_eq!(group(id), Vec::<String>::new(), "{signal}");
    }
}

#[cfg(unix)]
#[test]
fn a_signal_in_the_middle_of_a_build_leaves_nothing_either() {
    let book = Scratch::new();
    let server = book.serve();
    book.save(
        "src/one.md",
        &"# One\n\nA build that takes its time.\n\n".repeat(2000),
    );
    let deadline = Instant::now() + DEADLINE;
    while !fs::read_dir(book.temporary.path())
        .unwrap()
        .flatten()
        .any(|folder| fs::read_dir(folder.path()).is_ok_and(|mut builds| builds.next().is_some()))
    {
        assert!(Instant::now() < deadline, "no build began");
        std::thread::yield_now();
    }
    assert_eq!(server.end("TERM").code(), Some(0));
    assert_eq!(book.leftovers(), 0);
}

/// The processes of a group, from `/proc`; elsewhere nobody looks.
fn group(id: u32) -> Vec<String> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .flatten()
        .filter_map(|process| fs::read_to_string(process.path().join("stat")).ok())
        .filter(|stat| {
            // pid (name) state parent group: the name may hold anything, so the last parenthesis counts.
            let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
            rest.split(' ').nth(2) == Some(&id.to_string())
        })
        .collect()
}

#[cfg(target_os = "linux")]
#[test]
fn open_hands_the_address_to_the_desktop() {
    use std::os::unix::fs::PermissionsExt;
    let book = Scratch::new();
    let desktop = tempfile::tempdir().unwrap();
    let opener = desktop.path().join("xdg-open");
    let (told, heard) = (desktop.path().join("told"), desktop.path().join("heard"));
    // Moved into place, so that whoever sees the file sees all of it.
    let script = format!(
        "#!/bin/sh\necho \"$1\" > {0}\nmv {0} {1}\n",
        told.display(),
        heard.display()
    );
    fs::write(&opener, script).unwrap();
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = book.command(&["serve", "--port", "0", "--open"]);
    command.env(
        "PATH",
        format!("{}:{}", desktop.path().display(), std::env::var("PATH").unwrap()),
    );
    let server = Server::start(command);
    let deadline = Instant::now() + DEADLINE;
    while !heard.exists() {
        assert!(Instant::now() < deadline, "no browser was asked for");
        std::thread::yield_now();
    }
    assert_eq!(fs::read_to_string(heard).unwrap().trim(), server.url);
}
