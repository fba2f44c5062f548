//! From the tap's raw log to the records of `calls.jsonl`.
//!
//! The tap writes down what costs no time: addresses, inodes, two lines a call. Here the lines become
//! [`Record`]s: the beginnings find their ends, inodes become the recording's small socket numbers, processes get the
//! names of the scenario's programs, and return addresses become lines of source ([`place::Places`]).
//!
//! Resolving addresses needs the very executables that ran, so it is done right after the run, on the machine that
//! recorded. It works on every system; only the tap itself is Linux's.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use wire::call::{Call, Descriptor, Fork, Name, Place, Ready, Record, Start, Task};

use place::{Object, Places};
use raw::Line;

mod again;
pub mod place;
mod raw;
mod source;

/// Room for some 600,000 calls. What comes after them is lost, and counted.
const ROOM: u64 = 256 << 20;

/// The file that the tap writes into: as large as it may become from the start, since programs write into their memory
/// and the kernel keeps both the same.
pub struct Log {
    path: PathBuf,
}

impl Log {
    /// Makes the file.
    ///
    /// # Errors
    /// It exists, or there is no room for it on the disk.
    pub fn create(path: &Path) -> io::Result<Log> {
        Log::create_with_room(path, ROOM)
    }

    /// As [`Log::create`], for so many bytes.
    ///
    /// # Errors
    /// As there.
    pub fn create_with_room(path: &Path, room: u64) -> io::Result<Log> {
        let file = File::create_new(path)?;
        // A program must not find out by SIGBUS that the disk is full.
        #[cfg(target_os = "linux")]
        crate::linux::reserve(&file, room)?;
        #[cfg(not(target_os = "linux"))]
        file.set_len(room)?;
        Ok(Log::at(path))
    }

    /// A log that exists.
    pub fn at(path: &Path) -> Log {
        Log { path: path.into() }
    }

    /// What a program's environment needs so that its calls are noted: the tap before every other library, and where it
    /// writes.
    pub fn environment(&self, tap: &Path) -> [(&'static str, OsString); 2] {
        [
            ("LD_PRELOAD", tap.into()),
            ("BOOK_TAP_LOG", self.path.clone().into()),
        ]
    }

    /// What has been written so far, for [`records`].
    ///
    /// # Errors
    /// The file cannot be read, or was not made by [`Log::create`].
    pub fn read(&self) -> io::Result<Written> {
        let mut file = File::open(&self.path)?;
        let room = (file.metadata()?.len() & !7).saturating_sub(8);
        let mut next = [0; 8];
        file.seek(SeekFrom::Start(room))?;
        file.read_exact(&mut next)?;
        let next = u64::from_ne_bytes(next);
        file.rewind()?;
        let mut lines = Vec::new();
        file.take(next.min(room)).read_to_end(&mut lines)?;
        Ok(Written {
            lines,
            full: next > room,
        })
    }
}

/// What stands in a log.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// The lines; where a process was killed in the middle of one, zeros for the rest of it.
    pub lines: Vec<u8>,
    /// Whether there was more to say than there was room for.
    pub full: bool,
}

/// What the tap's log says.
#[derive(Debug, Default)]
pub struct Tapped {
    /// Starts, calls and forks, by time. The ends of processes are not the tap's to know.
    pub records: Vec<Record>,
    /// How many lines are missing, as far as it is known: the log was full, or a signal's handler called while the tap was
    /// at work. Where it is not zero, the records do not say everything.
    pub lost: u64,
    /// How many lines stop in the middle. A process that is killed leaves one where it was writing at that moment: of a
    /// call that it did not make any more, or whose end it did not live to see. More than there are killed processes say
    /// that something else went wrong.
    pub cut: u64,
    /// Calls that the recording's format has no name for; they are left out.
    pub unnamed: BTreeSet<String>,
    /// Processes that wrote to the log but belong to no program, and what they ran.
    pub strangers: BTreeMap<u32, String>,
    /// The processes of each program that were tapped at all. A program that is missing here was linked statically, or
    /// cleared its environment; one that is here and made no call goes round libc, or never used the network.
    pub tapped: BTreeSet<u32>,
}

/// Reads the tap's log.
///
/// `programs` names the processes that were started for the scenario; what they fork or spawn bears their name. `places`
/// finds the lines; it may be kept for the next log.
pub fn records(log: &Written, programs: &BTreeMap<u32, String>, places: &mut Places) -> Tapped {
    let mut reader = Reader {
        names: programs.clone(),
        places,
        processes: HashMap::new(),
        open: BTreeMap::new(),
        sockets: HashMap::new(),
        forked: BTreeSet::new(),
        tapped: Tapped::default(),
    };
    reader.tapped.lost += u64::from(log.full);
    for text in String::from_utf8_lossy(&log.lines)
        .split(['\n', '\0'])
        .filter(|text| !text.is_empty())
    {
        match Line::read(text) {
            Some(line) => {
                reader.tapped.lost += line.lost();
                reader.take(line);
            }
            None => reader.tapped.cut += 1,
        }
    }
    let open = std::mem::take(&mut reader.open);
    for begin in open.into_values().flatten() {
        reader.call(begin, None);
    }
    let mut tapped = reader.tapped;
    tapped.records.sort_by_key(Record::time);
    tapped.records = again::folded(tapped.records);
    tapped
}

/// A process, as far as its calls need it.
#[derive(Clone, Default)]
struct Process {
    objects: Rc<Vec<Object>>,
    /// Which epoll instance a descriptor is, where it is a copy: the descriptor of the first.
    instances: HashMap<i32, i32>,
    /// What a token of an instance stands for.
    tokens: HashMap<(i32, u64), Descriptor>,
}

impl Process {
    fn instance(&self, fd: i32) -> i32 {
        self.instances.get(&fd).copied().unwrap_or(fd)
    }
}

struct Reader<'places> {
    names: BTreeMap<u32, String>,
    places: &'places mut Places,
    processes: HashMap<u32, Process>,
    /// Calls that have begun, by process and thread; a signal's handler may call inside a call.
    open: BTreeMap<(u32, u32), Vec<raw::Begin>>,
    /// The numbers of the sockets, by inode.
    sockets: HashMap<u64, u32>,
    /// Children whose fork is told.
    forked: BTreeSet<u32>,
    tapped: Tapped,
}

impl Reader<'_> {
    fn take(&mut self, line: Line) {
        match line {
            Line::Process(line) if line.exec => self.start(line),
            // A child that borrows its parent's memory (`vfork`) makes the parent look new when it is gone.
            Line::Process(line) if self.processes.contains_key(&line.process) => {}
            Line::Process(line) => self.copy(line),
            Line::Object(line) => {
                if !self.names.contains_key(&line.process) {
                    self.tapped
                        .strangers
                        .entry(line.process)
                        .or_insert_with(|| line.object.clone());
                }
                let objects = &mut self.processes.entry(line.process).or_default().objects;
                Rc::make_mut(objects).push(Object {
                    path: line.object.into(),
                    base: line.base,
                    limit: line.limit,
                });
            }
            Line::Begin(line) => {
                // Sockets are numbered as they are met.
                let socket = line.socket.map(|inode| self.socket(inode));
                // Another thread may be told of an event before `epoll_ctl` has returned in this one.
                if let (Some((epoll, token)), Some(fd)) = (line.target, line.fd) {
                    let process = self.processes.entry(line.process).or_default();
                    process
                        .tokens
                        .insert((process.instance(epoll), token), Descriptor { fd, socket });
                }
                self.open
                    .entry((line.process, line.thread))
                    .or_default()
                    .push(line);
            }
            Line::End(line) => self.end(line),
            Line::Task(line) => self.task(&line),
        }
    }

    fn start(&mut self, line: raw::Process) {
        let pid = line.process;
        self.inherit_name(&line);
        // After an `exec` the calls of what ran there before never return.
        let threads: Vec<_> = self
            .open
            .keys()
            .filter(|(process, _)| *process == pid)
            .copied()
            .collect();
        for thread in threads {
            for begin in self.open.remove(&thread).unwrap_or_default() {
                self.call(begin, None);
            }
        }
        self.processes.insert(pid, Process::default());
        let held = line.sockets.iter().map(|(fd, inode)| Descriptor {
            fd: *fd,
            socket: Some(self.socket(*inode)),
        });
        let held = held.collect();
        if let Some(program) = self.names.get(&pid).cloned() {
            self.tapped.records.push(Record::Start(Start {
                time: line.at,
                program,
                pid,
                held,
            }));
        }
    }

    fn copy(&mut self, line: raw::Process) {
        self.inherit_name(&line);
        let copy = self.processes.get(&line.parent).cloned().unwrap_or_default();
        self.processes.insert(line.process, copy);
        // The child may be heard of before its parent's `fork` has returned.
        let begin = self
            .open
            .range((line.parent, 0)..=(line.parent, u32::MAX))
            .find_map(|(_, open)| open.last().filter(|begin| begin.begin == "fork"));
        let (time, stack) = begin.map_or((line.at, Vec::new()), |begin| (begin.at, begin.stack.clone()));
        self.fork(line.parent, line.process, time, &stack);
    }

    fn inherit_name(&mut self, line: &raw::Process) {
        if let Some(name) = self.names.get(&line.parent).cloned() {
            self.names.entry(line.process).or_insert(name);
        }
        if self.names.contains_key(&line.process) {
            self.tapped.tapped.insert(line.process);
        }
    }

    fn fork(&mut self, pid: u32, child: u32, time: u64, stack: &[u64]) {
        if let Some(program) = self.names.get(&pid).cloned()
            && self.forked.insert(child)
        {
            self.names.entry(child).or_insert_with(|| program.clone());
            let place = self.place(pid, stack);
            self.tapped.records.push(Record::Fork(Fork {
                time,
                program,
                pid,
                child,
                place,
            }));
        }
    }

    fn end(&mut self, line: raw::End) {
        let mut open = self.open.remove(&(line.process, line.thread)).unwrap_or_default();
        let Some(at) = open.iter().rposition(|begin| begin.begin == line.end) else {
            // Its beginning is among the lost.
            self.open.insert((line.process, line.thread), open);
            return;
        };
        // What began inside it and did not end was left by a jump.
        for begin in open.split_off(at + 1) {
            self.call(begin, None);
        }
        let begin = open.pop();
        if !open.is_empty() {
            self.open.insert((line.process, line.thread), open);
        }
        if let Some(begin) = begin {
            if begin.begin != "fork" {
                self.call(begin, Some(line));
            } else if let Some(child) = u32::try_from(line.result).ok().filter(|child| *child > 0) {
                self.fork(line.process, child, begin.at, &begin.stack);
            }
        }
    }

    fn call(&mut self, begin: raw::Begin, end: Option<raw::End>) {
        let Some(program) = self.names.get(&begin.process).cloned() else {
            return;
        };
        let Ok(name) = begin.begin.parse::<Name>() else {
            // A fork that did not return made no child.
            if begin.begin != "fork" {
                self.tapped.unnamed.insert(begin.begin);
            }
            return;
        };
        let socket = begin.socket.map(|inode| self.socket(inode));
        let fd = begin.fd.map(|fd| Descriptor { fd, socket });
        let place = self.place(begin.process, &begin.stack);
        let mut call = Call {
            start: begin.at,
            end: None,
            program,
            pid: begin.process,
            thread: begin.thread,
            call: name,
            fd: begin.fd,
            socket,
            made: None,
            local: address(begin.local.as_deref()),
            peer: address(begin.peer.as_deref()),
            requested: begin.requested,
            result: None,
            errno: None,
            detail: begin.detail,
            ready: Vec::new(),
            times: None,
            place,
        };
        // Bytes that come in by `splice` are not counted as sent.
        if name == Name::Splice && call.detail.starts_with("from socket") {
            call.socket = None;
        }
        if let Some(end) = end {
            call.start = end.from;
            call.end = Some(end.to);
            call.result = Some(end.result);
            call.errno = end.errno;
            call.made = end.fd.map(|fd| Descriptor {
                fd,
                socket: end.socket.map(|inode| self.socket(inode)),
            });
            call.local = address(end.local.as_deref()).or(call.local);
            call.peer = address(end.peer.as_deref()).or(call.peer);
            call.detail = end.detail.unwrap_or(call.detail);
            for (fd, inode, events) in end.ready {
                let socket = inode.map(|inode| self.socket(inode));
                call.ready.push(Ready {
                    fd: Some(fd),
                    socket,
                    events,
                });
            }
            let process = self.processes.entry(begin.process).or_default();
            if let (Some(fd), Some(made)) = (fd, call.made)
                && made.socket.is_none()
            {
                process.instances.insert(made.fd, process.instance(fd.fd));
            }
            for (token, events) in end.tokens {
                let known = fd.and_then(|fd| process.tokens.get(&(process.instance(fd.fd), token)));
                call.ready.push(Ready {
                    fd: known.map(|known| known.fd),
                    socket: known.and_then(|known| known.socket),
                    events,
                });
            }
        }
        self.tapped.records.push(Record::Call(call));
    }

    /// A line that is of another form is output like any other.
    fn task(&mut self, line: &raw::Task) {
        let said = format!("task {}", line.task);
        if let (Some((task, did, by)), Some(program)) = (Task::said(&said), self.names.get(&line.process)) {
            self.tapped.records.push(Record::Task(Task {
                time: line.at,
                program: program.clone(),
                pid: line.process,
                thread: line.thread,
                task: task.into(),
                did,
                by: by.map(str::to_owned),
            }));
        }
    }

    fn socket(&mut self, inode: u64) -> u32 {
        let next = self.sockets.len() as u32 + 1;
        *self.sockets.entry(inode).or_insert(next)
    }

    fn place(&mut self, pid: u32, stack: &[u64]) -> Option<Place> {
        let objects = self.processes.get(&pid)?.objects.clone();
        self.places.find(&objects, stack)
    }
}

fn address(text: Option<&str>) -> Option<std::net::SocketAddr> {
    text?.parse().ok()
}

#[cfg(test)]
mod tests {
    use wire::call::{Did, Status};

    use super::*;
    use crate::tap_log::place::Ours;

    fn read(log: &str) -> Tapped {
        let programs = BTreeMap::from([(7, "server".to_string())]);
        let log = Written {
            lines: log.into(),
            full: false,
        };
        records(&log, &programs, &mut Places::new("/", Ours::NotDownloaded))
    }

    fn calls(tapped: &Tapped) -> Vec<&Call> {
        let calls = tapped.records.iter().filter_map(|record| match record {
            Record::Call(call) => Some(call),
            _ => None,
        });
        calls.collect()
    }

    const BORN: &str = r#"{"process":7,"parent":1,"at":10,"exec":true,"sockets":[[3,900]]}
"#;
    const ACCEPT: &str = r#"{"begin":"accept4","at":20,"process":7,"thread":7,"fd":3,"socket":900,"detail":"SOCK_CLOEXEC","stack":[1,2]}
"#;
    const ACCEPTED: &str = r#"{"end":"accept4","process":7,"thread":7,"from":21,"to":30,"result":4,"fd":4,"socket":901,"local":"127.0.0.1:80","peer":"127.0.0.1:4000"}
"#;

    #[test]
    fn a_beginning_and_its_end_become_one_call() {
        let tapped = read(&[BORN, ACCEPT, ACCEPTED].concat());
        assert_eq!(tapped.lost, 0);
        let held = vec![Descriptor {
            fd: 3,
            socket: Some(1),
        }];
        let start = Start {
            time: 10,
            program: "server".into(),
            pid: 7,
            held,
        };
        assert_eq!(tapped.records[0], Record::Start(start));
        let [call] = calls(&tapped)[..] else {
            panic!("{tapped:?}")
        };
        assert_eq!((call.start, call.end, call.result), (21, Some(30), Some(4)));
        assert_eq!(
            call.made,
            Some(Descriptor {
                fd: 4,
                socket: Some(2)
            })
        );
        assert_eq!(call.peer, Some("127.0.0.1:4000".parse().unwrap()));
        assert_eq!(call.detail, "SOCK_CLOEXEC");
    }

    #[test]
    fn calls_of_two_threads_find_their_own_ends() {
        let other = |line: &str| {
            line.replace(r#""thread":7"#, r#""thread":8"#)
                .replace(":20,", ":15,")
        };
        let tapped = read(&[BORN, ACCEPT, &other(ACCEPT), ACCEPTED, &other(ACCEPTED)].concat());
        let threads: Vec<_> = calls(&tapped)
            .iter()
            .map(|call| (call.thread, call.end))
            .collect();
        assert_eq!(threads, [(7, Some(30)), (8, Some(30))]);
    }

    #[test]
    fn a_call_that_has_no_name_here_is_told_and_left_out() {
        let tapped = read(&[BORN, &ACCEPT.replace("accept4", "accept5")].concat());
        assert!(calls(&tapped).is_empty());
        assert_eq!(tapped.unnamed.into_iter().collect::<Vec<_>>(), ["accept5"]);
        let tapped = read(&[BORN, &ACCEPT.replace("accept4", "fork")].concat());
        assert!(tapped.unnamed.is_empty());
    }

    #[test]
    fn a_call_without_an_end_is_one_that_never_returned() {
        let tapped = read(&[BORN, ACCEPT].concat());
        let [call] = calls(&tapped)[..] else {
            panic!("{tapped:?}")
        };
        assert_eq!((call.start, call.end, call.result), (20, None, None));
    }

    #[test]
    fn a_call_cut_short_by_exec_never_returns_and_the_new_program_starts() {
        let tapped = read(&[BORN, ACCEPT, BORN, ACCEPTED].concat());
        assert_eq!(
            calls(&tapped).iter().map(|call| call.end).collect::<Vec<_>>(),
            [None]
        );
        assert_eq!(tapped.records.len(), 3);
    }

    #[test]
    fn what_is_missing_or_broken_is_counted() {
        let lost = ACCEPT.replace("\"fd\"", "\"lost\":5,\"fd\"");
        let cut = format!("{}{}", &ACCEPT[..40], "\0".repeat(30));
        let tapped = read(&[BORN, &cut, &lost, ACCEPTED].concat());
        assert_eq!((tapped.lost, tapped.cut), (5, 1));
        assert_eq!(calls(&tapped).len(), 1);
    }

    #[test]
    fn a_log_is_read_as_far_as_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = Log::create_with_room(&path, 64).unwrap();
        assert_eq!(log.read().unwrap().lines, b"");
        assert!(Log::create(&path).is_err(), "another log would be lost");
        let write = |at: u64, bytes: &[u8]| {
            let mut file = File::options().write(true).open(&path).unwrap();
            file.seek(SeekFrom::Start(at)).unwrap();
            io::Write::write_all(&mut file, bytes).unwrap();
        };
        write(0, b"{}\n");
        write(56, &3_u64.to_ne_bytes());
        let written = log.read().unwrap();
        assert_eq!((written.lines.as_slice(), written.full), (&b"{}\n"[..], false));
        write(56, &70_u64.to_ne_bytes());
        let written = log.read().unwrap();
        assert_eq!((written.lines.len(), written.full), (56, true));
    }

    #[test]
    fn a_child_bears_its_parents_name_whichever_is_heard_first() {
        let fork = r#"{"begin":"fork","at":40,"process":7,"thread":7,"stack":[]}
"#;
        let child = r#"{"process":8,"parent":7,"at":50,"exec":false}
"#;
        let parent = r#"{"end":"fork","process":7,"thread":7,"from":41,"to":60,"result":8}
"#;
        let close = r#"{"begin":"close","at":55,"process":8,"thread":8,"fd":3,"socket":900,"stack":[]}
"#;
        for order in [
            [fork, child, close, parent],
            [fork, child, parent, close],
            [fork, parent, child, close],
        ] {
            let tapped = read(&[BORN, &order.concat()].concat());
            let forks: Vec<_> = tapped
                .records
                .iter()
                .filter_map(|record| match record {
                    Record::Fork(fork) => Some((fork.time, fork.pid, fork.child)),
                    _ => None,
                })
                .collect();
            assert_eq!(forks, [(40, 7, 8)], "{order:?}");
            assert_eq!(calls(&tapped)[0].program, "server");
            assert_eq!(tapped.tapped, BTreeSet::from([7, 8]));
        }
    }

    #[test]
    fn a_process_that_nobody_named_is_a_stranger() {
        let object = r#"{"process":9,"object":"/bin/sh","base":0,"limit":10}
"#;
        let stranger = BORN.replace("\"process\":7", "\"process\":9");
        let call = ACCEPT.replace("\"process\":7", "\"process\":9");
        let tapped = read(&[&stranger, object, &call].concat());
        assert_eq!(tapped.strangers, BTreeMap::from([(9, "/bin/sh".to_string())]));
        assert!(tapped.records.is_empty());
    }

    #[test]
    fn an_epoll_token_is_told_by_what_it_was_given_for_through_copies_too() {
        let log = [
            BORN,
            r#"{"begin":"epoll_create1","at":20,"process":7,"thread":7,"stack":[]}"#,
            r#"{"end":"epoll_create1","process":7,"thread":7,"from":20,"to":21,"result":5,"fd":5}"#,
            r#"{"begin":"fcntl","at":22,"process":7,"thread":7,"fd":5,"detail":"F_DUPFD_CLOEXEC","stack":[]}"#,
            r#"{"end":"fcntl","process":7,"thread":7,"from":22,"to":23,"result":6,"fd":6}"#,
            // The event is told before the thread that asked for it is back.
            r#"{"begin":"epoll_wait","at":24,"process":7,"thread":8,"fd":5,"stack":[]}"#,
            r#"{"begin":"epoll_ctl","at":25,"process":7,"thread":7,"fd":3,"socket":900,"target":[6,77],"stack":[]}"#,
            r#"{"end":"epoll_wait","process":7,"thread":8,"from":24,"to":26,"result":2,"tokens":[[77,"EPOLLIN"],[1,"EPOLLHUP"]]}"#,
            r#"{"end":"epoll_ctl","process":7,"thread":7,"from":25,"to":27,"result":0}"#,
        ];
        let tapped = read(&log.join("\n"));
        let wait = calls(&tapped)
            .into_iter()
            .find(|call| call.call == Name::EpollWait)
            .unwrap();
        let ready = |fd, socket, events: &str| Ready {
            fd,
            socket,
            events: events.into(),
        };
        assert_eq!(
            wait.ready,
            [ready(Some(3), Some(1), "EPOLLIN"), ready(None, None, "EPOLLHUP")]
        );
    }

    #[test]
    fn what_a_program_says_of_its_tasks_is_a_record_and_what_it_says_else_is_not() {
        let said = |words: &str, at: u64| {
            format!("{{\"task\":\"{words}\",\"at\":{at},\"process\":7,\"thread\":9}}\n")
        };
        let log = [
            BORN,
            ACCEPT,
            &said("reader polled", 25),
            ACCEPTED,
            &said("reader woken by writer", 40),
            &said("force: 3 more", 41),
        ];
        let tapped = read(&log.concat());
        assert_eq!(tapped.lost, 0);
        let tasks: Vec<_> = tapped
            .records
            .iter()
            .filter_map(|record| match record {
                Record::Task(task) => Some((
                    task.time,
                    task.thread,
                    task.task.as_str(),
                    task.did,
                    task.by.as_deref(),
                )),
                _ => None,
            })
            .collect();
        assert_eq!(
            tasks,
            [
                (25, 9, "reader", Did::Polled, None),
                (40, 9, "reader", Did::Woken, Some("writer"))
            ]
        );
        let [call] = calls(&tapped)[..] else {
            panic!("{tapped:?}")
        };
        assert_eq!(call.result, Some(4), "the line stood within the call");
    }

    #[test]
    fn what_is_read_can_be_written_and_read_again() {
        let tapped = read(&[BORN, ACCEPT, ACCEPTED].concat());
        let end = Record::End(wire::call::End {
            time: 99,
            program: "server".into(),
            pid: 7,
            status: Status::Exited(0),
            held: vec![1],
        });
        let all = [tapped.records, vec![end]].concat();
        assert_eq!(wire::call::read(&wire::call::write(&all)).unwrap(), all);
    }

    #[test]
    fn no_log_can_make_the_reader_fail() {
        let log = [BORN, ACCEPT, ACCEPTED].concat();
        for end in 0..log.len() {
            read(&log[..end]);
            read(&log[end..]);
        }
        records(
            &Written {
                lines: b"\xff\xfe{\n\x01".into(),
                full: false,
            },
            &BTreeMap::new(),
            &mut Places::new("/", Ours::NotDownloaded),
        );
    }
}
