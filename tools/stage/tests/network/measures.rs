//! What an author measures on an idle machine; nobody else has to wait for it:
//!
//! ```console
//! $ cargo test -p stage --test network -- --ignored --nocapture as_tcpdump     # as an ordinary user, with tcpdump
//! $ cargo test -p stage --test network -- --ignored --nocapture costs
//! $ cargo test -p stage --test network -- --ignored --nocapture tracepoint     # as root
//! ```

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use wire::{
    capture::Capture,
    conversation::{Side, Sides},
    state::{State, states},
};

use crate::{
    claims::{ECHO, HELLO, SINK, UPLOAD, scenario},
    workspace::Workspace,
};

/// Each with what it measures.
pub const MEASURES: &[(&str, fn())] = &[
    (
        "a_thousand_conversations_are_seen_as_tcpdump_sees_them",
        as_tcpdump,
    ),
    ("what_a_live_scenario_costs_beyond_its_waits", costs),
    ("the_states_are_those_of_the_kernel_s_tracepoint", tracepoint),
];

/// Packets of our sniffer and of the real tcpdump, on the same run.
fn as_tcpdump() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("tcpdump.pcap");
    let workspace = Workspace::with(&format!(
        r#"
        title = "A thousand conversations"
        pins = {{ ip_local_port_range = "40000 49999" }}
        within = "60s"
        [[program]]
        name = "tcpdump"
        run = ["tcpdump", "-i", "lo", "-nn", "-S", "-U", "--immediate-mode", "-B", "65536", "--time-stamp-precision=nano", "-w", {file:?}, "tcp"]
        ready = "listening on"
        caps = ["net_raw"]
        [[program]]
        name = "server"
        run = ["fixture", "fixture", "echo", "{{server}}:8000"]
        ready = "listening on"
        [[program]]
        name = "client"
        run = ["fixture", "fixture", "many", "{{server}}:8000", "1000"]
        [expect]
        {HELLO}
        seen = ["1000 connections"]
        output = {{ tcpdump = ["…"] }}
        exit = {{ tcpdump = 0 }}
        "#
    ));
    let recording = workspace.show();
    let (ours, theirs) = (
        Capture::parse(&recording.capture).expect("our capture"),
        Capture::parse(&fs::read(&file).expect("tcpdump's file")).expect("tcpdump's capture"),
    );
    let said: Vec<&str> = recording
        .output
        .of("tcpdump")
        .map(|line| line.text.as_str())
        .collect();
    println!(
        "ours {} packets, tcpdump's {}; it says {said:?}",
        ours.packets.len(),
        theirs.packets.len()
    );
    assert!(
        said.iter().any(|line| line.starts_with("0 packets dropped")),
        "{said:?}"
    );
    let bytes = |capture: &Capture| {
        let packets = capture.packets.iter();
        packets.map(|packet| packet.bytes.clone()).collect::<Vec<_>>()
    };
    let differ = bytes(&ours)
        .iter()
        .zip(bytes(&theirs))
        .filter(|(one, two)| **one != *two)
        .count();
    assert_eq!((differ, ours.packets.len()), (0, theirs.packets.len()));
    assert!(
        ours.packets.len() >= 9_000,
        "a conversation has nine packets or more"
    );
    assert!(ours.packets.is_sorted_by_key(|packet| packet.time));
}

/// The time of a performance beyond what its programs wait for: one after another, and six at once.
fn costs() {
    const WAIT: Duration = Duration::from_millis(200);
    let perform = || {
        let workspace = scenario("", ECHO, "say {server}:8000 200", HELLO);
        let started = Instant::now();
        workspace.show();
        started.elapsed().saturating_sub(WAIT)
    };
    let told = |what: &str, mut all: Vec<Duration>| {
        all.sort_unstable();
        let (median, longest) = (all[all.len() / 2], all[all.len() - 1]);
        println!(
            "{what}: median {median:.0?}, longest {longest:.0?} of {}",
            all.len()
        );
        median
    };
    let alone = told("one after another", (0..30).map(|_| perform()).collect());
    let together = || {
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..6).map(|_| scope.spawn(perform)).collect();
            all.into_iter()
                .map(|one| one.join().expect("it performs"))
                .collect::<Vec<_>>()
        })
    };
    told("six at once", (0..5).flat_map(|_| together()).collect());
    assert!(alone < Duration::from_millis(150), "{alone:?}");
}

/// The states derived from the packets, and those the kernel tells (root alone may ask it), in five conversations and one
/// over a link.
fn tracepoint() {
    let killed = r#"skeleton = ["client SYN", "server SYN", "client 5 bytes", "server 5 bytes", "server FIN", "client FIN"]"#;
    let rude = r#"skeleton = ["client SYN", "server SYN", "client 5 bytes", "server 5 bytes", "client RST"]"#;
    let refused = r#"skeleton = ["client SYN", "server RST"]"#;
    let link = r#"link = { hosts = 2, delay = "5ms", gap = "1ms", drop = ["client data 3"] }"#;
    let kill = "[[then]]\nwhen = \"server data\"\ndo = \"kill server\"\n";
    for (name, workspace) in [
        (
            "the client closes first",
            scenario("", ECHO, "say {server}:8000 0", HELLO),
        ),
        (
            "the server is killed",
            scenario(kill, ECHO, "say {server}:8000 400", killed),
        ),
        (
            "half-close",
            scenario("", SINK, "send {server}:8000 10", &UPLOAD.replace("14600", "10")),
        ),
        ("a reset", scenario("", ECHO, "rude {server}:8000", rude)),
        ("refused", scenario("", ECHO, "knock {server}:8001", refused)),
        (
            "a link that loses",
            scenario(link, SINK, "send {server}:8000 14600", UPLOAD),
        ),
    ] {
        let trace = Trace::start();
        let recording = workspace.show();
        let told = trace.end();
        let conversations = Capture::parse(&recording.capture)
            .expect("a capture")
            .conversations()
            .expect("segments");
        let [conversation] = &conversations[..] else {
            panic!("{name}: one conversation")
        };
        let changes = states(conversation).changes;
        let derived = |side| {
            changes
                .iter()
                .filter(|change| change.side == side)
                .map(|change| change.to)
                .collect::<Vec<_>>()
        };
        for side in Side::BOTH {
            // The kernel replaces a socket in TIME-WAIT, and says that it closed.
            let ours: Vec<State> = derived(side)
                .into_iter()
                .map(|state| {
                    if state == State::TimeWait {
                        State::Closed
                    } else {
                        state
                    }
                })
                .collect();
            // A port where nobody listens has no socket whose state could change.
            if name == "refused" && side == Side::Server {
                continue;
            }
            println!(
                "{name}, {side}: {}",
                ours.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            );
            assert_eq!(ours, told[side], "{name}, {side}");
        }
    }
}

/// An instance of the kernel's tracer, which tells every change of a socket's state while it lives.
struct Trace {
    mount: tempfile::TempDir,
}

impl Trace {
    fn start() -> Trace {
        let mount = tempfile::tempdir().expect("a temporary folder");
        let done = Command::new("mount")
            .args(["-t", "tracefs", "none"])
            .arg(mount.path())
            .status();
        assert!(
            done.is_ok_and(|status| status.success()),
            "mounting tracefs needs root"
        );
        let trace = Trace { mount };
        fs::create_dir(trace.instance()).expect("an instance of the tracer");
        trace.put("events/sock/inet_sock_set_state/enable", "1");
        trace
    }

    fn instance(&self) -> std::path::PathBuf {
        self.mount
            .path()
            .join(format!("instances/book-{}", std::process::id()))
    }

    fn put(&self, file: &str, value: &str) {
        let path = self.instance().join(file);
        fs::write(&path, value).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// The states that the one conversation's ends went to.
    fn end(self) -> Sides<Vec<State>> {
        let text = fs::read_to_string(self.instance().join("trace")).expect("a trace");
        let mut told: Sides<Vec<State>> = Sides::default();
        for line in text.lines().filter(|line| line.contains("IPPROTO_TCP")) {
            let field = |name: &str| {
                line.split_whitespace()
                    .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
            };
            let (from, to) = (field("oldstate"), field("newstate"));
            let (source, destination) = (field("sport"), field("dport"));
            // A connection's socket is born of the listener's, before it knows its peer; the listener itself is not asked.
            let side = match (source, destination, to) {
                (Some("40000"), ..) => Side::Client,
                (Some("8000"), Some("40000"), _) | (Some("8000"), _, Some("TCP_SYN_RECV")) => Side::Server,
                // Connecting begins before the port is chosen.
                (Some("0"), Some("8000" | "8001"), Some("TCP_SYN_SENT")) => Side::Client,
                _ => continue,
            };
            let state = to
                .and_then(state)
                .unwrap_or_else(|| panic!("{from:?} to {to:?}: {line}"));
            told[side].push(state);
        }
        told
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.put("events/sock/inet_sock_set_state/enable", "0");
        fs::remove_dir(self.instance()).ok();
        Command::new("umount")
            .arg(self.mount.path() as &Path)
            .status()
            .ok();
    }
}

/// RFC 9293's name for a name of the kernel's.
fn state(name: &str) -> Option<State> {
    Some(match name {
        "TCP_LISTEN" => State::Listen,
        "TCP_SYN_SENT" => State::SynSent,
        "TCP_SYN_RECV" => State::SynReceived,
        "TCP_ESTABLISHED" => State::Established,
        "TCP_FIN_WAIT1" => State::FinWait1,
        "TCP_FIN_WAIT2" => State::FinWait2,
        "TCP_CLOSE_WAIT" => State::CloseWait,
        "TCP_CLOSING" => State::Closing,
        "TCP_LAST_ACK" => State::LastAck,
        "TCP_TIME_WAIT" => State::TimeWait,
        "TCP_CLOSE" => State::Closed,
        _ => return None,
    })
}
