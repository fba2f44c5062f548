//! Ladders made by hand, for looking at what is drawn.

use figures::ladder::{
    Call, Cause, Did, Event, Fate, Field, Flags, Ladder, Lifeline, Mark, Row, Segment, Side, Source, State,
    Task,
};

/// A ladder that is being written down, event by event.
#[derive(Default)]
pub struct Writer {
    pub ladder: Ladder,
    numbers: u32,
    /// For each lifeline: the next number it will send.
    next: Vec<u64>,
    /// Rows that await their segment's arrival: number and row.
    under_way: Vec<(u32, usize)>,
}

pub const CLIENT: usize = 0;
pub const SERVER: usize = 1;

impl Writer {
    pub fn new(recording: &str, title: &str, lifelines: &[(Side, &str, &str)]) -> Writer {
        let lifelines: Vec<Lifeline> = lifelines
            .iter()
            .map(|&(side, name, program)| Lifeline {
                side,
                name: name.into(),
                program: program.into(),
                untapped: None,
            })
            .collect();
        Writer {
            next: vec![0; lifelines.len()],
            ladder: Ladder {
                recording: recording.into(),
                title: title.into(),
                lifelines,
                ..Ladder::default()
            },
            ..Writer::default()
        }
    }

    pub fn echo(recording: &str, title: &str) -> Writer {
        Writer::new(
            recording,
            title,
            &[
                (Side::Client, "client", "echo-blocking-client"),
                (Side::Server, "server", "echo-blocking-server"),
            ],
        )
    }

    pub fn call(&self, at: usize, text: &str, source: Option<(&str, u32, &str)>) -> Call {
        Call {
            at,
            text: text.into(),
            source: source.map(|(file, line, text)| Source {
                file: file.into(),
                line,
                text: text.into(),
            }),
            shared: false,
            since: None,
            until: None,
            fields: vec![field("thread", "4711", None)],
        }
    }

    pub fn row(&mut self, micros: f64, event: Event) -> &mut Row {
        self.ladder.rows.push(Row {
            time: (micros * 1000.0) as i64,
            notes: vec![],
            event,
            states: vec![],
        });
        self.last()
    }

    pub fn last(&mut self) -> &mut Row {
        self.ladder.rows.last_mut().unwrap()
    }

    pub fn rows(&self) -> usize {
        self.ladder.rows.len()
    }

    pub fn states(&mut self, states: &[(usize, &str)]) -> &mut Writer {
        self.last().states = states
            .iter()
            .map(|&(at, name)| State {
                at,
                name: name.into(),
            })
            .collect();
        self
    }

    pub fn note(&mut self, note: &str) -> &mut Writer {
        let mark = match &self.last().event {
            Event::Segment(segment) => segment.number.to_string(),
            _ => note.to_owned(),
        };
        self.last().notes.push(mark);
        self
    }

    /// `what`: `S`, `S.`, `.`, `F.`, `R`, `R.` or a number of bytes.
    pub fn segment(&mut self, micros: f64, from: usize, to: usize, what: &str, cause: Cause) -> &mut Segment {
        self.numbers += 1;
        let bytes = what.parse().unwrap_or(0);
        let flags = Flags {
            syn: what.contains('S'),
            ack: what != "S" && what != "R",
            fin: what.contains('F'),
            rst: what.contains('R'),
        };
        let seq = self.next[from];
        self.next[from] += bytes + u64::from(flags.syn) + u64::from(flags.fin);
        let ack = flags.ack.then_some(self.next[to]);
        let segment = Segment {
            number: self.numbers,
            from,
            to,
            flags,
            bytes,
            seq,
            ack,
            cause,
            mark: None,
            fate: Fate::Arrives,
            remark: None,
            fields: vec![
                field(
                    "from",
                    if from == 0 {
                        "127.0.0.1:41234"
                    } else {
                        "127.0.0.1:8000"
                    },
                    None,
                ),
                field("seq", &seq.to_string(), Some(&(2_735_928_559 + seq).to_string())),
                field("ack", &ack.map_or("–".into(), |a| a.to_string()), None),
                field("flags", what, None),
                field("window", "65536", Some("512")),
                field("length", &bytes.to_string(), None),
            ],
        };
        match &mut self.row(micros, Event::Segment(segment)).event {
            Event::Segment(segment) => segment,
            _ => unreachable!(),
        }
    }

    /// The segment before goes under way and arrives when [`Writer::arrive`] says so.
    pub fn on_its_way(&mut self) {
        let number = self.numbers;
        let row = self.rows() - 1;
        self.under_way.push((number, row));
    }

    pub fn arrive(&mut self, micros: f64, number: u32, at: usize) -> &mut Writer {
        let to = self.rows();
        let index = self.under_way.iter().position(|(n, _)| *n == number).unwrap();
        let (_, row) = self.under_way.remove(index);
        if let Event::Segment(segment) = &mut self.ladder.rows[row].event {
            segment.fate = Fate::ArrivesIn(to);
        }
        self.row(micros, Event::Arrival { at, number });
        self
    }

    /// Forgets that bytes were sent: what is sent next repeats them.
    pub fn rewind(&mut self, at: usize, seq: u64) -> u64 {
        std::mem::replace(&mut self.next[at], seq)
    }

    pub fn resume(&mut self, at: usize, seq: u64) {
        self.next[at] = seq;
    }

    pub fn silence(&mut self, micros: f64, lasts: u64) {
        self.row(micros, Event::Silence { lasts, asked: false });
    }

    pub fn finish(mut self) -> Ladder {
        self.ladder.description = figures::ladder::describe(&self.ladder);
        self.ladder
    }
}

pub fn field(name: &str, value: &str, raw: Option<&str>) -> Field {
    Field {
        name: name.into(),
        value: value.into(),
        raw: raw.map(Into::into),
    }
}

pub fn answer() -> Cause {
    Cause::Kernel("the kernel answers".into())
}

const C: &str = "listings/ch01-echo/src/bin/echo-blocking-client.rs";
const S: &str = "listings/ch01-echo/src/bin/echo-blocking-server.rs";

/// One echo over the loopback; the client closes first, after a second.
pub fn one_echo() -> Ladder {
    let mut w = Writer::echo("echo/one-echo.blocking", "One echo; the client closes first");
    let call = w.call(SERVER, "listen = 0", Some((S, 22, "let listener = TcpListener::bind(&address).with_context(|| format!(\"listening on {address}\"))?;")));
    w.row(-1540.0, Event::Call(call));
    w.states(&[(SERVER, "LISTEN")]);
    let call = w.call(CLIENT, "connect = 0", Some((C, 20, "let mut stream = TcpStream::connect(&address).with_context(|| format!(\"connecting to {address}\"))?;")));
    w.segment(0.0, CLIENT, SERVER, "S", Cause::Call(call));
    w.states(&[(CLIENT, "SYN-SENT"), (SERVER, "SYN-RECEIVED")])
        .note("a");
    w.segment(11.0, SERVER, CLIENT, "S.", answer());
    w.states(&[(CLIENT, "ESTABLISHED")]);
    w.segment(21.0, CLIENT, SERVER, ".", answer());
    w.states(&[(SERVER, "ESTABLISHED")]);
    let mut call = w.call(SERVER, "accept4 = 4", Some((S, 28, "match listener.accept() {")));
    call.since = Some(0);
    w.row(90.0, Event::Call(call));
    w.note("b");
    let call = w.call(CLIENT, "send = 11", Some((C, 26, ".write_all(MESSAGE)")));
    w.segment(160.0, CLIENT, SERVER, "11", Cause::Call(call));
    w.note("c");
    w.segment(170.0, SERVER, CLIENT, ".", answer());
    let mut call = w.call(
        SERVER,
        "recv = 11",
        Some((S, 60, "let n = stream.read(&mut buffer)?;")),
    );
    call.since = Some(4);
    w.row(220.0, Event::Call(call));
    let call = w.call(SERVER, "send = 11", Some((S, 71, "stream.write_all(message)?;")));
    w.segment(268.0, SERVER, CLIENT, "11", Cause::Call(call));
    w.segment(277.0, CLIENT, SERVER, ".", answer());
    let mut call = w.call(
        CLIENT,
        "recv = 11",
        Some((C, 48, "match stream.read(&mut answer[got..])? {")),
    );
    call.since = Some(6);
    w.row(301.0, Event::Call(call));
    w.silence(301.0, 1_000_108_000);
    let call = w.call(CLIENT, "close = 0", Some((C, 39, "} drops stream")));
    w.segment(1_000_409.0, CLIENT, SERVER, "F.", Cause::Call(call));
    w.states(&[(CLIENT, "FIN-WAIT-1"), (SERVER, "CLOSE-WAIT")])
        .note("d");
    let mut call = w.call(
        SERVER,
        "recv = 0",
        Some((S, 60, "let n = stream.read(&mut buffer)?;")),
    );
    call.since = Some(8);
    w.row(1_000_430.0, Event::Call(call));
    let call = w.call(SERVER, "close = 0", Some((S, 73, "} drops stream")));
    w.segment(1_000_461.0, SERVER, CLIENT, "F.", Cause::Call(call));
    w.states(&[(SERVER, "LAST-ACK"), (CLIENT, "TIME-WAIT")]).note("e");
    w.segment(1_000_470.0, CLIENT, SERVER, ".", answer());
    w.states(&[(SERVER, "CLOSED")]);
    w.finish()
}

/// The same echo by a pair of async programs: the wire is equal, the calls are not.
pub fn one_echo_async() -> Ladder {
    let blocking = one_echo();
    let mut ladder = blocking.clone();
    ladder.recording = "echo/one-echo.async".into();
    ladder.title = "One echo, async; the client closes first".into();
    for line in &mut ladder.lifelines {
        line.program = line.program.replace("blocking", "async");
    }
    ladder.rows.clear();
    for mut row in blocking.rows {
        row.time += row.time.signum() * 17_000;
        row.notes.clear();
        if let Event::Call(call) = &mut row.event {
            call.since = None;
            let at = call.at;
            if call.text.starts_with("recv = 11") || call.text.starts_with("accept") {
                let mut again = row.clone();
                again.states.clear();
                if let Event::Call(call) = &mut again.event {
                    call.text = "epoll_wait = 1".into();
                    call.source = None;
                    call.at = at;
                }
                ladder.rows.push(again);
            }
        }
        ladder.rows.push(row);
    }
    ladder.description = figures::ladder::describe(&ladder);
    ladder
}

/// The same echo, with what the server says of two tasks: one polls through the answer, the other is given up. The client
/// says something of a third.
pub fn tasks() -> Ladder {
    let mut ladder = one_echo();
    ladder.recording = "tokio/tasks.blocking".into();
    let task = |at, name: &str, did: &[Did], by: Option<&str>| {
        Event::Task(Task {
            at,
            name: name.into(),
            did: did.into(),
            by: by.map(Into::into),
        })
    };
    let mut add = |before: &str, event: Event| {
        let index = ladder.rows.iter().position(|row| match row.event.call() {
            Some(call) => call.text.starts_with(before) && ladder.side(call.at) == Side::Server,
            None => false,
        });
        let index = index.unwrap();
        let row = &ladder.rows[index];
        let time = row.time;
        ladder.rows.insert(
            index,
            Row {
                time,
                notes: vec![],
                event,
                states: vec![],
            },
        );
        for row in &mut ladder.rows {
            if let Event::Call(call) = &mut row.event {
                call.since = None;
            }
        }
    };
    use Did::{Dropped, Made, Pending, Polled, Ready, Woken};
    add("accept4", task(CLIENT, "waiter", &[Polled, Pending], None));
    add("recv = 11", task(SERVER, "reader", &[Made], None));
    add(
        "recv = 11",
        task(SERVER, "a-second-task-with-a-long-name", &[Made], None),
    );
    add(
        "recv = 11",
        task(SERVER, "a-second-task-with-a-long-name", &[Polled, Pending], None),
    );
    add(
        "recv = 11",
        task(SERVER, "reader", &[Woken], Some("a-second-task-with-a-long-name")),
    );
    add("recv = 11", task(SERVER, "reader", &[Polled], None));
    add("recv = 0", task(SERVER, "reader", &[Ready], None));
    add(
        "close",
        task(SERVER, "a-second-task-with-a-long-name", &[Dropped], None),
    );
    ladder.description = figures::ladder::describe(&ladder);
    ladder
}

/// Three segments: a closed port.
pub fn refused() -> Ladder {
    let mut w = Writer::echo("refused/closed-port", "Nobody listens there");
    let call = w.call(
        CLIENT,
        "connect = ECONNREFUSED",
        Some((C, 20, "let mut stream = TcpStream::connect(&address)?;")),
    );
    w.segment(0.0, CLIENT, SERVER, "S", Cause::Call(call));
    w.states(&[(CLIENT, "SYN-SENT")]);
    w.segment(9.0, SERVER, CLIENT, "R.", answer());
    w.states(&[(CLIENT, "CLOSED")]).note("a");
    w.ladder.lifelines[1].untapped = Some("no program".into());
    w.finish()
}

/// A long transfer, and a data segment lost on a link of five milliseconds, sent again by its timer.
pub fn loss() -> Ladder {
    let mut w = Writer::new(
        "loss/third-lost",
        "The third data segment is lost; three duplicate ACKs bring it back",
        &[
            (Side::Client, "client", "loss-blocking-client"),
            (Side::Server, "server", "loss-blocking-server"),
        ],
    );
    let f = "listings/ch08-loss/src/bin/loss-blocking-client.rs";
    let call = w.call(
        CLIENT,
        "connect = 0",
        Some((f, 12, "let mut stream = TcpStream::connect(&address)?;")),
    );
    w.segment(0.0, CLIENT, SERVER, "S", Cause::Call(call));
    w.on_its_way();
    w.states(&[(CLIENT, "SYN-SENT")]);
    w.arrive(5021.0, 1, SERVER).states(&[(SERVER, "SYN-RECEIVED")]);
    w.segment(5040.0, SERVER, CLIENT, "S.", answer());
    w.on_its_way();
    w.arrive(10061.0, 2, CLIENT).states(&[(CLIENT, "ESTABLISHED")]);
    w.segment(10070.0, CLIENT, SERVER, ".", answer());
    w.on_its_way();
    let call = w.call(CLIENT, "send = 7240", Some((f, 14, "stream.write_all(&block)?;")));
    w.segment(10170.0, CLIENT, SERVER, "1448", Cause::Call(call));
    w.on_its_way();
    for i in 0..4 {
        let fate = if i == 1 { Fate::Lost } else { Fate::Arrives };
        w.segment(10172.0 + f64::from(i), CLIENT, SERVER, "1448", answer())
            .fate = fate;
        if i == 1 {
            w.note("a");
        } else {
            w.on_its_way();
        }
    }
    w.arrive(15080.0, 3, SERVER).states(&[(SERVER, "ESTABLISHED")]);
    w.arrive(15180.0, 4, SERVER);
    w.arrive(15181.0, 5, SERVER);
    let sent = w.rewind(CLIENT, 2897);
    w.segment(15183.0, SERVER, CLIENT, ".", answer());
    w.on_its_way();
    for (number, time) in [(7, 15190.0), (8, 15200.0)] {
        w.arrive(time, number, SERVER);
        w.segment(time + 4.0, SERVER, CLIENT, ".", answer()).remark = Some("duplicate".into());
        w.on_its_way();
    }
    w.note("b");
    w.arrive(20204.0, 9, CLIENT);
    w.arrive(20211.0, 10, CLIENT);
    w.arrive(20222.0, 11, CLIENT);
    w.segment(
        20230.0,
        CLIENT,
        SERVER,
        "1448",
        Cause::Timer("fast retransmit".into()),
    )
    .mark = Some(Mark::Again);
    w.note("c");
    w.on_its_way();
    w.resume(CLIENT, sent);
    w.arrive(25240.0, 12, SERVER);
    w.segment(25250.0, SERVER, CLIENT, ".", answer());
    w.on_its_way();
    w.arrive(30270.0, 13, CLIENT);
    w.finish()
}

/// Sixty segments: a stream of data and its ACKs.
pub fn stream() -> Ladder {
    let mut w = Writer::echo("stream/sixty", "Forty kilobytes in one write");
    let call = w.call(
        CLIENT,
        "connect = 0",
        Some((C, 20, "let mut stream = TcpStream::connect(&address)?;")),
    );
    w.segment(0.0, CLIENT, SERVER, "S", Cause::Call(call));
    w.states(&[(CLIENT, "SYN-SENT"), (SERVER, "SYN-RECEIVED")]);
    w.segment(11.0, SERVER, CLIENT, "S.", answer());
    w.states(&[(CLIENT, "ESTABLISHED")]);
    w.segment(21.0, CLIENT, SERVER, ".", answer());
    w.states(&[(SERVER, "ESTABLISHED")]);
    let mut time = 40.0;
    for i in 0..27 {
        let call = w.call(CLIENT, "send = 1448", Some((C, 26, "stream.write_all(&block)?;")));
        w.segment(time, CLIENT, SERVER, "1448", Cause::Call(call));
        if i == 20 {
            w.note("a");
        }
        w.segment(time + 8.0, SERVER, CLIENT, ".", answer());
        let mut call = w.call(
            SERVER,
            "recv = 1448",
            Some((S, 60, "let n = stream.read(&mut buffer)?;")),
        );
        call.since = Some(w.rows() - 2);
        w.row(time + 15.0, Event::Call(call));
        time += 30.0;
    }
    let call = w.call(CLIENT, "close = 0", Some((C, 39, "} drops stream")));
    w.segment(time, CLIENT, SERVER, "F.", Cause::Call(call));
    w.states(&[(CLIENT, "FIN-WAIT-1"), (SERVER, "CLOSE-WAIT")]);
    w.segment(
        time + 40_100.0,
        SERVER,
        CLIENT,
        ".",
        Cause::Timer("delayed-ACK timer".into()),
    );
    w.states(&[(CLIENT, "FIN-WAIT-2")]);
    w.segment(
        time + 60_000.0,
        SERVER,
        CLIENT,
        "R.",
        Cause::End("process killed".into()),
    )
    .remark = Some("window 0".into());
    w.states(&[(CLIENT, "CLOSED"), (SERVER, "CLOSED")]);
    w.finish()
}

/// Three clients at once, one server that serves one at a time.
pub fn three_clients() -> Ladder {
    let mut w = Writer::new(
        "process/one-at-a-time",
        "Three clients, one server that serves one at a time",
        &[
            (Side::Client, "client 1", "process-blocking-client"),
            (Side::Client, "client 2", "process-blocking-client"),
            (Side::Client, "client 3", "process-blocking-client"),
            (Side::Server, "server 1", "one-at-a-time-server"),
            (Side::Server, "server 2", "one-at-a-time-server"),
            (Side::Server, "server 3", "one-at-a-time-server"),
        ],
    );
    let mut time = 0.0;
    for i in 0..3 {
        let call = w.call(
            i,
            "connect = 0",
            Some((C, 20, "let mut stream = TcpStream::connect(&address)?;")),
        );
        w.segment(time, i, i + 3, "S", Cause::Call(call));
        w.states(&[(i, "SYN-SENT"), (i + 3, "SYN-RECEIVED")]);
        w.segment(time + 10.0, i + 3, i, "S.", answer());
        w.states(&[(i, "ESTABLISHED")]);
        w.segment(time + 20.0, i, i + 3, ".", answer());
        w.states(&[(i + 3, "ESTABLISHED")]);
        let call = w.call(i, "send = 11", Some((C, 26, ".write_all(MESSAGE)")));
        w.segment(time + 50.0, i, i + 3, "11", Cause::Call(call));
        w.segment(time + 57.0, i + 3, i, ".", answer());
        time += 100.0;
    }
    w.note("a");
    let call = w.call(3, "accept4 = 4", Some((S, 28, "match listener.accept() {")));
    w.row(time, Event::Call(call));
    let call = w.call(3, "send = 11", Some((S, 71, "stream.write_all(message)?;")));
    w.segment(time + 30.0, 3, 0, "11", Cause::Call(call));
    w.segment(time + 40.0, 0, 3, ".", answer());
    w.finish()
}
