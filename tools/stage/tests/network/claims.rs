//! What a performance promises, each promise a test.

use std::{
    env, fs,
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use stage::{
    perform::{PerformError, link_possible, possible},
    refusal::Refusal,
    script::{Failure, Limits, Ready, Report, Script},
};
use wire::call::Status;

use crate::{
    measures,
    workspace::{Workspace, programs, stage},
};

/// What a test needs of the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Network,
    Link,
}

const CLAIMS: &[(&str, Needs, fn())] = &[
    (
        "the_third_data_lost_on_the_link_is_sent_again_at_once_and_both_ends_see_it",
        Needs::Link,
        the_third_data_lost,
    ),
    (
        "a_segment_held_back_is_overtaken_and_not_sent_again",
        Needs::Link,
        a_segment_held_back,
    ),
    (
        "a_segment_that_the_link_doubles_arrives_twice",
        Needs::Link,
        a_doubled_segment,
    ),
    ("a_lost_syn_is_sent_again_after_a_second", Needs::Link, a_lost_syn),
    (
        "a_cut_link_carries_nothing_until_it_is_mended",
        Needs::Link,
        a_cut_link,
    ),
    ("ss_is_asked_on_both_hosts", Needs::Link, ss_on_both_hosts),
    (
        "what_is_put_on_the_link_is_in_its_own_capture",
        Needs::Link,
        the_links_capture,
    ),
    (
        "the_director_stops_a_server_and_lets_it_go_on",
        Needs::Network,
        stop_and_continue,
    ),
    (
        "the_director_kills_a_server_and_that_is_its_expected_end",
        Needs::Network,
        a_killed_server,
    ),
    (
        "ss_shows_the_sockets_of_the_private_network_and_no_others",
        Needs::Network,
        ss_on_one_host,
    ),
    ("three_clients_get_three_ports", Needs::Network, three_clients),
    (
        "an_event_that_never_comes_is_told_with_those_that_came",
        Needs::Network,
        an_event_that_never_comes,
    ),
    (
        "a_client_that_hangs_is_killed_and_named",
        Needs::Network,
        a_client_that_hangs,
    ),
    (
        "a_server_that_ignores_sigterm_is_killed_and_named",
        Needs::Network,
        a_deaf_server,
    ),
    (
        "a_server_that_is_never_ready_is_killed_and_named",
        Needs::Network,
        a_server_never_ready,
    ),
    (
        "a_server_that_ends_before_it_is_ready_is_told_with_its_output",
        Needs::Network,
        a_server_that_ends,
    ),
    (
        "a_program_that_prints_without_end_is_killed_and_named",
        Needs::Network,
        a_flood,
    ),
    (
        "a_process_that_outlives_its_program_is_killed",
        Needs::Network,
        a_process_left_behind,
    ),
    (
        "nothing_is_left_when_the_stage_itself_is_killed",
        Needs::Network,
        the_stage_is_killed,
    ),
    (
        "nothing_is_left_when_whoever_performs_is_gone",
        Needs::Network,
        whoever_performs_is_gone,
    ),
    (
        "programs_run_as_the_user_and_may_nothing_special",
        Needs::Network,
        no_capabilities,
    ),
    (
        "a_program_that_asks_for_a_capability_gets_that_and_no_other",
        Needs::Network,
        one_capability,
    ),
    ("a_pin_of_the_scenario_is_set_on_the_wire", Needs::Network, a_pin),
    (
        "where_user_namespaces_are_forbidden_the_step_the_error_and_the_remedy_are_told",
        Needs::Network,
        refused,
    ),
    (
        "root_without_user_namespaces_makes_the_network_and_the_programs_run_as_the_user",
        Needs::Network,
        through_root,
    ),
];

pub fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They wait more than they work.
    arguments.test_threads = arguments.test_threads.or(Some(6));
    let reason = |possible: Result<(), PerformError>| possible.err()?.refusal().map(Refusal::reason);
    let (network, link) = match arguments.list {
        true => (None, None),
        false => (reason(possible(&programs())), reason(link_possible(&programs()))),
    };
    let trials = CLAIMS.iter().map(|(name, needs, claim)| {
        let reason = if *needs == Needs::Link {
            link.clone()
        } else {
            network.clone()
        };
        Trial::ignorable_test(*name, move || match reason {
            Some(reason) => Ok(Completion::ignored_with(reason)),
            None => std::panic::catch_unwind(claim)
                .map(|()| Completion::Completed)
                .map_err(|panic| {
                    let text = panic.downcast_ref::<String>().cloned();
                    Failed::from(
                        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).into()))
                            .unwrap_or_default(),
                    )
                }),
        })
    });
    let measures = measures::MEASURES.iter().map(|(name, measure)| {
        let measure = *measure;
        Trial::test(*name, move || {
            measure();
            Ok(())
        })
        .with_ignored_flag(true)
    });
    let asked = measures_passed_over(&arguments);
    let conclusion = libtest_mimic::run(&arguments, trials.chain(measures).collect());
    let required = env::var("BOOK_REQUIRE_LIVE").as_deref() == Ok("1");
    let refused = conclusion.num_ignored.saturating_sub(asked);
    if required && refused > 0 {
        eprintln!("{refused} could not be tried here, and BOOK_REQUIRE_LIVE=1 asks for them");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

/// How many measures are passed over because nobody asked for them.
fn measures_passed_over(arguments: &Arguments) -> u64 {
    let filtered = |name: &str| {
        let wanted = |filter: &String| match arguments.exact {
            true => name == filter,
            false => name.contains(filter.as_str()),
        };
        arguments.filter.as_ref().is_none_or(wanted) && !arguments.skip.iter().any(wanted)
    };
    match arguments.ignored || arguments.include_ignored {
        true => 0,
        false => measures::MEASURES
            .iter()
            .filter(|(name, _)| filtered(name))
            .count() as u64,
    }
}

/// A scenario: what stands before the programs, the server's words and the client's, and what is expected.
pub fn scenario(before: &str, server: &str, client: &str, expect: &str) -> Workspace {
    let words = |program: &str| {
        let quoted: Vec<String> = program.split(' ').map(|word| format!("{word:?}")).collect();
        format!("[\"fixture\", \"fixture\", {}]", quoted.join(", "))
    };
    Workspace::with(&format!(
        "title = \"A fixture\"\n{before}\n\
         [[program]]\nname = \"server\"\nrun = {}\nready = \"listening on\"\n\
         [[program]]\nname = \"client\"\nrun = {}\n\
         [expect]\n{expect}\n",
        words(server),
        words(client)
    ))
}

pub const ECHO: &str = "echo {server}:8000";
pub const SINK: &str = "sink {server}:8000";
pub const HELLO: &str = r#"skeleton = ["client SYN", "server SYN", "client 5 bytes", "server 5 bytes", "client FIN", "server FIN"]"#;
pub const UPLOAD: &str =
    r#"skeleton = ["client SYN", "server SYN", "client 14600 bytes", "client FIN", "server FIN"]"#;
/// Nothing is seen on the wire, or it does not come to that.
const NOTHING: &str = "skeleton = []";

fn lines(recording: &stage::recording::Recording, program: &str) -> Vec<String> {
    recording
        .output
        .of(program)
        .map(|line| line.text.clone())
        .collect()
}

// The link.

fn the_third_data_lost() {
    let seen = r#"
        states = { client = "TIME-WAIT", server = "CLOSED" }
        seen = [
            "third client data: twice at client, once at server",
            "second client data: once at client, once at server",
            "server repeats its ACK 3 times before second copy of third client data",
            "gap from third client data to second copy of third client data < 150ms",
        ]"#;
    let link = r#"link = { hosts = 2, delay = "5ms", gap = "1ms", drop = ["client data 3"] }"#;
    let recording = scenario(link, SINK, "send {server}:8000 14600", &format!("{UPLOAD}{seen}")).show();
    assert_eq!(lines(&recording, "link"), ["dropped client data 3, 1460 bytes"]);
    assert_eq!(
        lines(&recording, "server").last().map(String::as_str),
        Some("got 14600 bytes")
    );
}

fn a_segment_held_back() {
    let seen = r#"
        seen = ["third client data: once at client, once at server"]"#;
    let link = r#"link = { hosts = 2, delay = "5ms", gap = "1ms", late = { "client data 3" = "1500us" } }"#;
    let recording = scenario(link, SINK, "send {server}:8000 14600", &format!("{UPLOAD}{seen}")).show();
    assert_eq!(lines(&recording, "link"), ["held client data 3 back, 1460 bytes"]);
}

fn a_doubled_segment() {
    let seen = r#"
        seen = ["first client data: once at client, twice at server"]"#;
    let link = r#"link = { hosts = 2, delay = "5ms", gap = "1ms", twice = ["client data 1"] }"#;
    let recording = scenario(link, ECHO, "say {server}:8000 20", &format!("{HELLO}{seen}")).show();
    assert_eq!(lines(&recording, "link"), ["doubled client data 1, 5 bytes"]);
}

fn a_lost_syn() {
    let seen = r#"
        seen = ["client SYN: twice at client, once at server", "gap from client SYN to second copy of client SYN >= 900ms"]"#;
    let link = r#"link = { hosts = 2, delay = "5ms", gap = "1ms", drop = ["client SYN 1"] }"#;
    scenario(link, ECHO, "say {server}:8000 0", &format!("{HELLO}{seen}")).show();
}

fn a_cut_link() {
    let seen = r#"
        seen = ["gap from client data to server data >= 150ms"]"#;
    let before = concat!(
        r#"link = { hosts = 2, delay = "5ms", gap = "1ms" }"#,
        "\n[[then]]\nwhen = \"client data\"\ndo = [\"cut\", \"wait 150ms\", \"mend\"]\n"
    );
    let recording = scenario(before, ECHO, "say {server}:8000 0", &format!("{HELLO}{seen}")).show();
    assert_eq!(lines(&recording, "director"), ["cut", "wait 150ms", "mend"]);
}

fn ss_on_both_hosts() {
    let output = r#"
        output = { client-ss = ["State …", "ESTAB … 10.0.0.1:40000 … 10.0.0.2:8000…"], server-ss = ["LISTEN … 10.0.0.2:8000 …"] }"#;
    let before = concat!(
        r#"link = { hosts = 2, delay = "1ms", gap = "1ms" }"#,
        "\n[[then]]\nwhen = \"server data\"\ndo = [\"wait 20ms\", \"ss\"]\n"
    );
    scenario(before, ECHO, "say {server}:8000 400", &format!("{HELLO}{output}")).show();
}

fn the_links_capture() {
    let link = r#"link = { hosts = 2, delay = "2ms", gap = "1ms", drop = ["client data 1"] }"#;
    let recording = scenario(link, ECHO, "say {server}:8000 0", HELLO).show();
    let count = |file: &[u8]| {
        wire::capture::Capture::parse(file)
            .expect("a capture")
            .packets
            .len()
    };
    let elsewhere = recording.link.as_ref().expect("two hosts");
    // What leaves a host passes its sniffer; of what is put on the link all but the lost one arrives.
    assert_eq!(count(&recording.capture), count(&elsewhere.link));
    assert_eq!(count(&elsewhere.server) + 1, count(&elsewhere.link));
}

// The director.

fn stop_and_continue() {
    let seen = r#"
        seen = ["gap from client data to server data >= 100ms"]"#;
    let then =
        "[[then]]\nwhen = \"client SYN\"\ndo = [\"stop server\", \"wait 500ms\", \"continue server\"]\n";
    // The client speaks long after the director has seen it come, and long before the server goes on.
    let client = "ponder {server}:8000 250";
    let recording = scenario(then, ECHO, client, &format!("{HELLO}{seen}")).show();
    assert_eq!(
        lines(&recording, "director"),
        ["stop server", "wait 500ms", "continue server"]
    );
}

fn a_killed_server() {
    let expect = r#"skeleton = ["client SYN", "server SYN", "client 5 bytes", "server 5 bytes", "server FIN", "client FIN"]"#;
    let then = "[[then]]\nwhen = \"server data\"\ndo = \"kill server\"\n";
    let recording = scenario(then, ECHO, "say {server}:8000 400", expect).show();
    assert_eq!(
        Status::from(recording.manifest.exits["server"].clone()),
        Status::Signaled("SIGKILL".into())
    );
}

fn ss_on_one_host() {
    let then = "[[then]]\nwhen = \"server data\"\ndo = \"ss\"\n";
    let recording = scenario(then, ECHO, "say {server}:8000 400", HELLO).show();
    // The listener, and both ends of the one connection.
    assert_eq!(lines(&recording, "ss").len(), 4, "{:?}", lines(&recording, "ss"));
}

fn three_clients() {
    let workspace = Workspace::with(
        r#"
        title = "Three"
        [[program]]
        name = "server"
        run = ["fixture", "fixture", "echo", "{server}:8000"]
        ready = "listening on"
        [[program]]
        name = "client"
        run = ["fixture", "fixture", "say", "{server}:8000", "0"]
        count = 3
        [expect]
        skeleton = ["client SYN", "server SYN", "client 5 bytes", "server 5 bytes", "client FIN", "server FIN"]
        output = { client = ["heard hello"] }
        seen = ["3 connections"]
        "#,
    );
    let recording = workspace.show();
    assert_eq!(recording.manifest.exits.len(), 4);
    assert_eq!(recording.manifest.pins["ip_local_port_range"], "40000 40003");
}

fn an_event_that_never_comes() {
    let then = "[[then]]\nwhen = \"client RST\"\ndo = \"ss\"\n";
    match scenario(then, ECHO, "say {server}:8000 0", HELLO).fail() {
        Failure::NeverCame { when, seen } => {
            assert_eq!(when, "client RST");
            assert!(
                seen.contains("client SYN") && seen.contains("server FIN"),
                "{seen}"
            );
        }
        other => panic!("{other}"),
    }
}

// What goes wrong.

fn a_client_that_hangs() {
    let failure = scenario("within = \"300ms\"", ECHO, "hang {server}:8000", NOTHING).fail();
    assert_eq!(
        failure,
        Failure::Hang {
            program: "client".into(),
            millis: 300
        }
    );
}

fn a_deaf_server() {
    match scenario("", "deaf {server}:8000", "send {server}:8000 10", NOTHING).fail() {
        Failure::NotEnding { program, .. } => assert_eq!(program, "server"),
        other => panic!("{other}"),
    }
}

fn a_server_never_ready() {
    let workspace = Workspace::with(
        r#"
        title = "Never ready"
        within = "300ms"
        [[program]]
        name = "server"
        run = ["fixture", "fixture", "sink", "{server}:8000"]
        ready = "ready to serve"
        [[program]]
        name = "client"
        run = ["fixture", "fixture", "status"]
        [expect]
        skeleton = []
        "#,
    );
    match workspace.fail() {
        Failure::NotReady { program, ready, .. } => {
            assert_eq!(
                (program.as_str(), ready),
                ("server", Ready::Says("ready to serve".into()))
            )
        }
        other => panic!("{other}"),
    }
}

fn a_server_that_ends() {
    let error = scenario("", "fail", "status", NOTHING)
        .perform()
        .expect_err("it must fail");
    let text = error.to_string();
    assert!(
        text.contains("`server` ended (exit 1) before it printed a line with `listening on`"),
        "{text}"
    );
    assert!(text.contains("on purpose"), "{text}");
}

fn a_flood() {
    match scenario("", SINK, "flood", NOTHING).fail() {
        Failure::Flood { program, .. } => assert_eq!(program, "client"),
        other => panic!("{other}"),
    }
}

/// The processes whose arguments hold this word.
fn processes_with(word: &str) -> Vec<String> {
    let all = fs::read_dir("/proc").expect("/proc").flatten();
    let command = |entry: fs::DirEntry| fs::read(entry.path().join("cmdline")).ok();
    all.filter_map(command)
        .map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "))
        .filter(|line| line.split(' ').any(|other| other == word))
        .collect()
}

/// Waits until no process has this word among its arguments, for five seconds at most.
fn all_gone(word: &str) -> bool {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !processes_with(word).is_empty() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

fn a_process_left_behind() {
    // No other test sleeps so long.
    let recording = scenario("", SINK, "spawn 86421.5", NOTHING).show();
    assert!(lines(&recording, "client")[0].starts_with("left "));
    assert!(all_gone("86421.5"), "{:?}", processes_with("86421.5"));
}

/// A script whose server and client would live for ever, in a folder.
fn endless(folder: &Path, port: &str) {
    let part = |name: &str, words: [&str; 2], ready: Option<&str>| stage::script::Part {
        name: name.into(),
        program: name.into(),
        path: env::current_exe().expect("a program knows where it is"),
        arguments: vec!["fixture".into(), words[0].into(), words[1].into()],
        ready: ready.map(|words| Ready::Says(words.into())),
        asked_to_end: ready.is_some(),
        host: stage::scenario::Host::Client,
        caps: Vec::new(),
        tapped: false,
        at_home: false,
        busy: false,
    };
    let address = format!("127.0.0.1:{port}");
    let script = Script {
        programs: vec![
            part("server", ["sink", &address], Some("listening on")),
            part("client", ["hang", &address], None),
        ],
        limits: Limits {
            whole: 60_000,
            ..Limits::default()
        },
        ..Script::default()
    };
    fs::write(
        folder.join("script.json"),
        serde_json::to_vec(&script).expect("plain data"),
    )
    .expect("a script");
    fs::create_dir(folder.join("work")).expect("a folder");
}

/// Starts the stage with [`endless`] and waits until the client runs.
fn start_endless(folder: &Path, port: &str) -> std::process::Child {
    endless(folder, port);
    let child = Command::new(stage())
        .arg("perform")
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the stage starts");
    let deadline = Instant::now() + Duration::from_secs(20);
    while processes_with(&format!("127.0.0.1:{port}")).len() < 2 {
        assert!(Instant::now() < deadline, "the programs did not start");
        std::thread::yield_now();
    }
    child
}

fn the_stage_is_killed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut child = start_endless(folder.path(), "18001");
    child.kill().expect("it lives");
    child.wait().expect("it ends");
    assert!(
        all_gone("127.0.0.1:18001"),
        "{:?}",
        processes_with("127.0.0.1:18001")
    );
}

fn whoever_performs_is_gone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut child = start_endless(folder.path(), "18002");
    drop(child.stdin.take());
    assert!(
        all_gone("127.0.0.1:18002"),
        "{:?}",
        processes_with("127.0.0.1:18002")
    );
    child.wait().expect("it ends");
}

// What programs may.

fn capabilities(caps: &str) -> Vec<String> {
    let workspace = Workspace::with(&format!(
        "title = \"Who am I\"\n[[program]]\nname = \"client\"\nrun = [\"fixture\", \"fixture\", \"status\"]\n{caps}\n[expect]\n{NOTHING}\n"
    ));
    lines(&workspace.show(), "client")
}

fn no_capabilities() {
    let lines = capabilities("");
    for key in ["CapPrm:", "CapEff:", "CapAmb:"] {
        let line = lines
            .iter()
            .find(|line| line.starts_with(key))
            .expect("the kernel tells");
        assert!(line.ends_with("\t0000000000000000"), "{line}");
    }
}

fn one_capability() {
    let lines = capabilities("caps = [\"net_raw\"]");
    // CAP_NET_RAW is number 13.
    let line = lines
        .iter()
        .find(|line| line.starts_with("CapEff:"))
        .expect("the kernel tells");
    assert!(line.ends_with("\t0000000000002000"), "{line}");
}

fn a_pin() {
    let recording = scenario(
        "pins = { tcp_timestamps = 1 }",
        ECHO,
        "say {server}:8000 0",
        HELLO,
    )
    .show();
    let capture = wire::capture::Capture::parse(&recording.capture).expect("a capture");
    let segments = capture.segments().expect("of segments");
    let stamped = |segment: &wire::segment::Segment| {
        segment
            .options()
            .iter()
            .any(|option| matches!(option, wire::segment::TcpOption::Timestamps { .. }))
    };
    assert!(segments.iter().all(stamped));
}

// The ladder.

/// Writes a script with one program that says who it is.
fn say_who(folder: &Path) {
    let part = stage::script::Part {
        name: "client".into(),
        program: "client".into(),
        path: env::current_exe().expect("a program knows where it is"),
        arguments: vec!["fixture".into(), "status".into()],
        ready: None,
        asked_to_end: false,
        host: stage::scenario::Host::Client,
        caps: Vec::new(),
        tapped: false,
        at_home: false,
        busy: false,
    };
    let script = Script {
        programs: vec![part],
        ..Script::default()
    };
    fs::write(
        folder.join("script.json"),
        serde_json::to_vec(&script).expect("plain data"),
    )
    .expect("a script");
    fs::create_dir(folder.join("work")).expect("a folder");
}

/// Performs a script with one program that says who it is, after `shell` in a user namespace of its own where no other
/// may be made.
fn after(shell: &str) -> Report {
    let folder = tempfile::tempdir().expect("a temporary folder");
    say_who(folder.path());
    let stage = stage();
    let ended = Command::new("unshare")
        .args(["--user", "--map-root-user", "sh", "-c"])
        .arg(format!("echo 0 > /proc/sys/user/max_user_namespaces && {shell}"))
        .env("STAGE", stage)
        .env("FOLDER", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .and_then(|child| {
            let mut child = child;
            let _presence = child.stdin.take();
            child.wait_with_output()
        });
    let said = ended
        .expect("unshare and setpriv, of util-linux, are on every Linux")
        .stderr;
    let report = fs::read(folder.path().join("report.json"));
    let report = report.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&said)));
    serde_json::from_slice(&report).expect("a report")
}

fn refused() {
    let report = after("exec setpriv --bounding-set=-all \"$STAGE\" perform \"$FOLDER\"");
    let Some(Failure::Refused(refusal)) = report.failure else {
        panic!("not refused: {report:?}");
    };
    let text = refusal.to_string();
    assert!(text.starts_with("no private network here: unshare(CLONE_NEWUSER | CLONE_NEWNET): No space left on device (errno 28)"), "{text}");
    assert!(text.contains("sudo sysctl -w user.max_user_namespaces"), "{text}");
    assert!(text.contains("cargo book show NAME"), "{text}");
}

fn through_root() {
    // In the namespace we are root, and the only user there is: 0.
    let report = after("exec \"$STAGE\" perform --as 0:0 \"$FOLDER\"");
    assert_eq!(report.failure, None);
    let says = |report: &Report, line: &str| report.lines.iter().any(|one| one.text == line);
    assert!(says(&report, "CapEff:\t0000000000000000"), "{:?}", report.lines);
    if !is_root() {
        return;
    }
    // Root itself makes the network for somebody else, who is nobody in it but themselves.
    let report = as_user(65_534);
    assert_eq!(report.failure, None);
    for line in [
        "Uid:\t65534\t65534\t65534\t65534",
        "Gid:\t65534\t65534\t65534\t65534",
        "Groups:\t65534 ",
        "CapPrm:\t0000000000000000",
        "CapEff:\t0000000000000000",
        "CapAmb:\t0000000000000000",
    ] {
        assert!(says(&report, line), "{line}: {:?}", report.lines);
    }
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("the kernel tells");
    status.lines().any(|line| line.starts_with("Uid:\t0\t0\t"))
}

/// Has the stage, as root, perform a program that says who it is, for a user who owns the folder.
fn as_user(user: u32) -> Report {
    let folder = tempfile::tempdir().expect("a temporary folder");
    say_who(folder.path());
    for path in [folder.path().to_path_buf(), folder.path().join("work")] {
        std::os::unix::fs::chown(path, Some(user), Some(user)).expect("root may");
    }
    let child = Command::new(stage())
        .args(["perform", "--as", &format!("{user}:{user}")])
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn();
    let mut child = child.expect("the stage starts");
    let presence = child.stdin.take();
    child.wait().expect("it ends");
    drop(presence);
    let report = folder.path().join("report.json");
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(&report).expect("a report"));
    assert_eq!(owner, user, "the report belongs to the user");
    serde_json::from_slice(&fs::read(report).expect("a report")).expect("a report")
}
