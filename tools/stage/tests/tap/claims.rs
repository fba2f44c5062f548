//! What is claimed of the tap.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use stage::tap_log::Log;
use stage::tap_log::place::Ours;
use wire::call::{Call, Descriptor, Holders, Record};

use crate::run::{self, Run, run};

pub fn main() -> ExitCode {
    let unavailable = run::tap().err();
    if let Some(reason) = &unavailable {
        eprintln!("the tap cannot be tried: {reason}");
    }
    let ignored = unavailable.is_some() && std::env::var("BOOK_REQUIRE_LIVE").as_deref() != Ok("1");
    let claim = |name: &str, claim: fn()| {
        Trial::test(name, move || {
            claim();
            Ok::<(), Failed>(())
        })
        .with_ignored_flag(ignored)
    };
    let claims = vec![
        claim("std_calls_are_placed_on_the_very_lines_that_make_them", || {
            every_line_is_right(&run("blocking"))
        }),
        claim("a_readers_own_program_is_placed_as_well", || {
            every_line_is_right(&run::run_where("blocking", Ours::NotDownloaded))
        }),
        claim("a_task_on_one_thread_is_placed_on_its_await", || {
            every_line_is_right(&run("current_thread"))
        }),
        claim("tasks_on_several_threads_are_placed_on_their_await", || {
            every_line_is_right(&run("multi_thread"))
        }),
        claim(
            "what_a_program_says_of_its_tasks_is_noted_before_it_leaves",
            tasks,
        ),
        claim(
            "descriptors_that_are_copied_stay_one_socket",
            descriptors_that_are_copied_stay_one_socket,
        ),
        claim(
            "poll_select_and_epoll_tell_what_was_ready",
            poll_select_and_epoll_tell_what_was_ready,
        ),
        claim(
            "a_forked_child_goes_on_under_its_own_number",
            a_forked_child_goes_on_under_its_own_number,
        ),
        claim("a_program_that_is_executed_tells_what_it_was_born_with", executed),
        claim("a_call_that_never_returned_is_there_without_an_end", abandoned),
        claim(
            "addresses_are_told_where_they_become_known",
            addresses_are_told_where_they_become_known,
        ),
        claim(
            "options_and_flags_bear_the_words_of_their_manual_pages",
            options_and_flags,
        ),
        claim(
            "functions_are_named_as_their_source_names_them",
            functions_are_named,
        ),
        claim(
            "the_runtimes_own_calls_have_no_line",
            the_runtimes_own_calls_have_no_line,
        ),
        claim(
            "times_enclose_the_call_and_threads_are_told_apart",
            times_and_threads,
        ),
        claim("a_hostile_program_does_the_same_with_the_tap", hostile),
        claim("a_log_that_is_full_is_told_and_holds_up_nobody", full),
        claim("a_log_that_cannot_be_written_changes_nothing", unwritable),
        claim("without_its_variable_the_tap_does_nothing", without_its_variable),
        claim(
            "unix_sockets_and_files_are_left_alone",
            unix_sockets_and_files_are_left_alone,
        ),
        Trial::test("what_a_call_costs", || {
            what_a_call_costs();
            Ok(())
        })
        .with_ignored_flag(true),
    ];
    libtest_mimic::run(&Arguments::from_args(), claims).exit_code()
}

/// The calls on each line are exactly those that the line says it makes, and each closing brace drops what it says.
fn every_line_is_right(run: &Run) {
    run.ended_well();
    assert_eq!(run.tapped.lost, 0);
    assert!(run.tapped.unnamed.is_empty(), "{:?}", run.tapped.unnamed);
    assert!(run.tapped.strangers.is_empty(), "{:?}", run.tapped.strangers);
    let (seen, marked) = (run.seen(), run.marked());
    let difference =
        |left: &BTreeSet<_>, right: &BTreeSet<_>| left.difference(right).cloned().collect::<Vec<_>>();
    assert!(
        seen == marked,
        "seen, but not said: {:?}\nsaid, but not seen: {:?}",
        difference(&seen, &marked),
        difference(&marked, &seen)
    );
    for (line, drops) in run.marked_drops() {
        let dropped: Vec<_> = run
            .calls()
            .filter_map(|call| call.place.as_ref())
            .filter(|place| place.line == line)
            .map(|place| place.dropped.as_deref())
            .collect();
        assert!(
            dropped.iter().all(|dropped| *dropped == Some(&drops)),
            "line {line}: {dropped:?}"
        );
    }
}

fn tasks() {
    let run = run("tasks");
    run.ended_well();
    assert_eq!(run.tapped.lost, 0);
    let said: Vec<(u64, String)> = run
        .tapped
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Task(task) => {
                let by = task.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
                Some((task.time, format!("{} {}{by}", task.task, task.did)))
            }
            _ => None,
        })
        .collect();
    // Each after the one before; what stands between them depends on how often the runtime asks.
    let mut rest = said.iter();
    let story = [
        "idle made",
        "echo made",
        "idle polled",
        "idle pending",
        "echo polled",
        "echo pending",
        "echo woken",
        "echo polled",
        "idle woken by echo",
        "echo ready",
        "idle dropped",
    ];
    let times: Vec<u64> = story
        .iter()
        .map(|wanted| match rest.find(|(_, words)| words == wanted) {
            Some((time, _)) => *time,
            None => panic!("no `{wanted}` in its place: {said:?}"),
        })
        .collect();
    let echo = run.named("recv").into_iter().find(|call| {
        call.place
            .as_ref()
            .is_some_and(|place| place.text.contains("&mut buffer"))
            && call.moved() == 5
    });
    let echo = echo.expect("the echo reads");
    assert!(
        echo.start > times[7] && echo.end < Some(times[8]),
        "{echo:?} {said:?}"
    );
    // The tap notes and takes nothing away; and the pipe is no socket.
    let written = String::from_utf8_lossy(&run.output.stderr);
    assert!(
        written.contains("task idle dropped\n") && written.ends_with("task echo is over\n"),
        "{written}"
    );
    assert!(!said.iter().any(|(_, words)| words.contains("over")), "{said:?}");
    assert!(run.named("write").is_empty());
}

fn descriptors_that_are_copied_stay_one_socket() {
    let run = run("descriptors");
    every_line_is_right(&run);
    let one = |name: &str| run.named(name)[0].clone();
    let client = one("connect").socket;
    let server = one("accept4").made.and_then(|made| made.socket);
    assert_ne!(client, server);
    let made = |call: Call| call.made.map(|made| (made.fd, made.socket));
    assert_eq!(one("dup").socket, client);
    assert_eq!(made(one("dup")).map(|made| made.1), Some(client));
    assert_eq!(made(one("dup2")), Some((50, client)));
    assert_eq!(made(one("dup3")), Some((50, server)));
    assert_eq!(made(one("fcntl")), Some((60, client)));
    assert_eq!((one("write").socket, one("write").result), (client, Some(9)));
    assert_eq!((one("read").socket, one("read").fd), (server, Some(50)));
    // Last of all a file was put over the server's copy.
    let over = run.named("dup2").pop().expect("there are two");
    assert_eq!(over.made, Some(Descriptor { fd: 50, socket: None }));
    assert!(still_held(&run).is_empty());
}

/// The sockets that nobody has closed when the record ends.
fn still_held(run: &Run) -> Vec<u32> {
    let mut holders = Holders::new();
    for record in &run.tapped.records {
        holders.note(record);
    }
    let processes: BTreeSet<u32> = run.tapped.records.iter().map(Record::pid).collect();
    processes.iter().flat_map(|pid| holders.held_by(*pid)).collect()
}

fn poll_select_and_epoll_tell_what_was_ready() {
    let run = run("multiplex");
    every_line_is_right(&run);
    let listener = run.named("listen")[0].socket;
    let client = run.named("connect")[0].socket;
    let server = run.named("accept4")[0].made.and_then(|made| made.socket);
    let ready = |name: &str| {
        let ready = &run.named(name)[0].ready;
        assert_eq!(ready.len(), 1, "{name}: {ready:?}");
        (ready[0].socket, ready[0].events.clone())
    };
    assert_eq!(ready("poll"), (listener, "POLLIN".into()));
    assert_eq!(ready("ppoll"), (server, "POLLIN|POLLOUT".into()));
    assert_eq!(ready("select"), (server, "read".into()));
    assert_eq!(ready("pselect"), (client, "write".into()));
    // The program's token says nothing; what it was given for does.
    assert_eq!(ready("epoll_wait"), (server, "EPOLLIN".into()));
    assert_eq!(run.named("epoll_ctl")[0].socket, server);
    assert_eq!(run.named("epoll_ctl")[0].detail, "EPOLL_CTL_ADD EPOLLIN|EPOLLET");
    assert!(
        run.named("poll")[0].detail.ends_with(" POLLIN; at most 5000 ms"),
        "{}",
        run.named("poll")[0].detail
    );
}

fn a_forked_child_goes_on_under_its_own_number() {
    let run = run("forking");
    every_line_is_right(&run);
    let forks: Vec<_> = run
        .tapped
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Fork(fork) => Some(fork),
            _ => None,
        })
        .collect();
    assert_eq!(forks.len(), 1, "{forks:?}");
    let (parent, child) = (forks[0].pid, forks[0].child);
    assert_ne!(parent, child);
    let of = |name: &str, pid| {
        run.named(name)
            .into_iter()
            .filter(|call| call.pid == pid)
            .collect::<Vec<_>>()
    };
    let answer = of("send", child);
    assert_eq!(answer.len(), 1);
    assert_eq!(answer[0].program, "forking");
    assert_eq!(answer[0].thread, child);
    // The stream was accepted by the parent: the child's socket is the same one.
    assert_eq!(
        answer[0].socket,
        run.named("accept4")[0].made.and_then(|made| made.socket)
    );
    assert!(
        of("send", parent)
            .iter()
            .all(|call| call.socket != answer[0].socket)
    );
    // What the child still held is what its end closes.
    let mut holders = Holders::new();
    run.tapped
        .records
        .iter()
        .for_each(|record| drop(holders.note(record)));
    assert_eq!(
        holders.held_by(child),
        answer[0].socket.into_iter().collect::<Vec<_>>()
    );
    assert!(holders.held_by(parent).is_empty());
}

fn executed() {
    let run = run("executed");
    every_line_is_right(&run);
    let starts: Vec<_> = run
        .tapped
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Start(start) => Some(start),
            _ => None,
        })
        .collect();
    assert_eq!(starts.len(), 2);
    assert!(starts[0].held.is_empty());
    // The grandchild has its parent's name, and exactly the one socket that was left open for it.
    assert_eq!(starts[1].program, "executed");
    let socket = run.named("connect")[0].socket;
    assert_eq!(
        starts[1].held.iter().map(|held| held.socket).collect::<Vec<_>>(),
        [socket]
    );
    let send = run.named("send")[0];
    assert_eq!((send.pid, send.socket), (starts[1].pid, socket));
}

fn abandoned() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = Log::create(&folder.path().join("tap.log")).expect("a log can be made");
    let mut child = run::start("abandoned", &log);
    let mut first = String::new();
    let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
    output.read_line(&mut first).expect("it says where it listens");
    // It may not have got as far as `accept` when its line is here: the log tells.
    let begun = || {
        let written = log.read().expect("it was made above");
        String::from_utf8_lossy(&written.lines).contains(r#"{"begin":"accept4""#)
    };
    while !begun() {
        assert!(
            child.try_wait().expect("a child can be asked").is_none(),
            "it ended by itself"
        );
        std::thread::yield_now();
    }
    child.kill().expect("it can be killed");
    let run = run::finish("abandoned", child, &log, Ours::NotDownloaded);
    assert_eq!(run.seen(), run.marked());
    let accept = run.named("accept4")[0];
    assert_eq!((accept.end, accept.result, accept.socket), (None, None, Some(1)));
    assert_eq!(still_held(&run), [1]);
}

fn addresses_are_told_where_they_become_known() {
    let run = run("blocking");
    let bind = run.named("bind")[0];
    let address = bind.local.expect("the kernel chose a port");
    assert_ne!(address.port(), 0);
    let connect = run.named("connect")[0];
    assert_eq!((connect.peer, connect.result), (Some(address), Some(0)));
    let accept = run.named("accept4")[0];
    assert_eq!((accept.local, accept.peer), (Some(address), connect.local));
    // `connect_timeout` does not wait inside `connect`, and the port is known all the same.
    let hurried = run.named("connect")[1];
    assert_eq!(hurried.errno.as_deref(), Some("EINPROGRESS"));
    assert_eq!(hurried.local, run.named("accept4")[1].peer);
    // Refused, the kernel takes the address back; the port stays to be seen.
    let refused = run.named("connect")[2];
    assert_eq!(
        (refused.errno.as_deref(), refused.peer),
        (Some("ECONNREFUSED"), Some(address))
    );
    assert_ne!(refused.local.map_or(0, |local| local.port()), 0);
}

fn options_and_flags() {
    let run = run("blocking");
    let details = |name: &str| {
        run.named(name)
            .iter()
            .map(|call| call.detail.clone())
            .collect::<BTreeSet<_>>()
    };
    let all = |words: &[&str]| words.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(details("socket"), all(&["AF_INET SOCK_STREAM|SOCK_CLOEXEC"]));
    assert_eq!(
        details("setsockopt"),
        all(&["SO_REUSEADDR 1", "TCP_NODELAY 1", "SO_RCVTIMEO 5.000000s"])
    );
    assert_eq!(details("send"), all(&["MSG_NOSIGNAL"]));
    assert_eq!(details("recv"), all(&["", "MSG_PEEK"]));
    assert_eq!(details("shutdown"), all(&["SHUT_WR"]));
    assert_eq!(details("fcntl"), all(&["F_DUPFD_CLOEXEC"]));
    assert_eq!(details("listen"), all(&["backlog 128"]));
    assert_eq!(details("accept4"), all(&["SOCK_CLOEXEC"]));
    let vector = run.named("writev")[0];
    assert_eq!((vector.requested, vector.result), (Some(4), Some(4)));
    let file = run.named("sendfile")[0];
    assert_eq!(file.result, Some(11));
    let early = run
        .named("recv")
        .into_iter()
        .find(|call| call.result == Some(-1))
        .expect("one came too early");
    assert_eq!(early.errno.as_deref(), Some("EAGAIN"));
}

fn functions_are_named() {
    let blocking = run("blocking");
    let names = |run: &Run| {
        run.calls()
            .filter_map(|call| call.place.as_ref())
            .map(|place| place.function.clone())
            .collect::<BTreeSet<_>>()
    };
    let all = |words: &[&str]| words.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(names(&blocking), all(&["main", "refused", "serve", "speak"]));
    assert_eq!(
        names(&run("multi_thread")),
        all(&["main", "Server::run", "echo", "speak"])
    );
    let send = blocking.named("send")[0].place.as_ref().expect("it has a line");
    assert!(send.text.starts_with("stream.write_all("), "{}", send.text);
}

fn the_runtimes_own_calls_have_no_line() {
    for name in ["current_thread", "multi_thread"] {
        let run = run(name);
        for call in run.calls() {
            let ours = call.socket.is_some() || call.call.as_str() == "socket";
            assert_eq!(call.place.is_some(), ours, "{name}: {call:?}");
        }
        assert!(
            run.named("epoll_wait")
                .iter()
                .any(|call| call.ready.iter().any(|ready| ready.socket.is_some()))
        );
        assert!(still_held(&run).is_empty());
    }
}

fn times_and_threads() {
    let run = run("blocking");
    for call in run.calls() {
        assert!(call.end.expect("all returned") >= call.start, "{call:?}");
    }
    let accept = run.named("accept4")[0];
    let connect = run.named("connect")[0];
    assert_eq!(accept.pid, connect.pid);
    assert_ne!(accept.thread, connect.thread);
    assert!(
        accept.end > Some(connect.start),
        "nothing is accepted before somebody connects"
    );
    let mut records = run.tapped.records.clone();
    records.sort_by_key(Record::time);
    assert_eq!(records, run.tapped.records);
}

fn hostile() {
    let without = run::command("hostile", None).output().expect("it starts");
    let with = run("hostile");
    assert!(
        String::from_utf8_lossy(&without.stdout).contains("Some(24)"),
        "{without:?}"
    );
    assert_eq!(
        String::from_utf8_lossy(&with.output.stdout),
        String::from_utf8_lossy(&without.stdout)
    );
    assert_eq!(
        String::from_utf8_lossy(&with.output.stderr),
        String::from_utf8_lossy(&without.stderr)
    );
    assert_eq!(
        (with.output.status.code(), without.status.code()),
        (Some(0), Some(0))
    );
    // The log went on after every descriptor was closed.
    let marked = with.marked();
    assert!(marked.is_subset(&with.seen()), "{marked:?}");
}

fn full() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let room = 1 << 13;
    let log = Log::create_with_room(&folder.path().join("tap.log"), room).expect("a log can be made");
    let run = run::finish(
        "blocking",
        run::start("blocking", &log),
        &log,
        Ours::NotDownloaded,
    );
    run.ended_well();
    assert!(run.tapped.lost > 0, "it cannot have had room");
    assert!(!run.named("socket").is_empty(), "the first calls had room");
}

fn unwritable() {
    let said = |log: Option<&Log>| {
        let output = run::command("hostile", log).output().expect("it starts");
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let without = said(None);
    for log in ["/dev/full", "/nowhere/at/all/tap.log"] {
        assert_eq!(said(Some(&Log::at(Path::new(log)))), without, "{log}");
    }
}

fn without_its_variable() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = Log::create(&folder.path().join("tap.log")).expect("a log can be made");
    let output = run::command("multiplex", Some(&log))
        .env_remove("BOOK_TAP_LOG")
        .output()
        .expect("it starts");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(log.read().expect("it is there").lines, b"");
}

fn unix_sockets_and_files_are_left_alone() {
    // Every program writes to its standard output and tokio's reads files and event counters, yet each call that is
    // noted belongs to a socket of the network or to an epoll instance.
    let run = run("multi_thread");
    for call in run
        .calls()
        .filter(|call| ["read", "write", "close"].contains(&call.call.as_str()))
    {
        let epoll = run
            .named("epoll_create1")
            .iter()
            .any(|made| made.made.map(|made| made.fd) == call.fd)
            || run
                .named("fcntl")
                .iter()
                .any(|made| made.made.map(|made| made.fd) == call.fd);
        assert!(call.socket.is_some() || epoll, "{call:?}");
    }
}

fn what_a_call_costs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = Log::create(&folder.path().join("tap.log")).expect("a log can be made");
    let measure = |log: Option<&Log>| {
        let output = run::command("cost", log).output().expect("it starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = text.lines().filter_map(|line| {
            let (name, cost) = line.split_once('\t')?;
            Some((name.to_string(), cost.parse::<f64>().ok()?))
        });
        lines.collect::<Vec<_>>()
    };
    println!(
        "{:<32} {:>10} {:>10} {:>10} {:>7}",
        "", "without", "with", "more", "ratio"
    );
    for ((name, without), (_, with)) in measure(None).into_iter().zip(measure(Some(&log))) {
        let more = with - without;
        println!(
            "{name:<32} {without:>7.2} µs {with:>7.2} µs {more:>7.2} µs {:>6.1}x",
            with / without
        );
    }
}
