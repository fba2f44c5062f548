//! From a recording's conversations to the ladder that shows them.

use std::collections::{HashMap, VecDeque};

use wire::{
    conversation::{Conversation, Mark as Repetition, Sides, Turn},
    segment::{Flags as WireFlags, Ip, TcpOption},
    state::{State as TcpState, states},
};

use super::{
    Cause, Event, Fate, Field, Flags, Folded, Ladder, Lifeline, Mark, Row, Segment, Side, State, describe,
    text::counted,
};

/// A silence longer than this is said, not drawn: 20 ms, half of what Linux waits at least before it pays an
/// acknowledgment it owes.
const SILENCE: u64 = 20_000_000;

/// What a ladder is drawn from.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// The recording's name: `echo/one-echo.blocking`.
    pub name: &'a str,
    /// What is seen, in one line.
    pub title: &'a str,
    /// The conversations, as captured at the client's host or at the only one.
    pub conversations: &'a [Conversation],
    /// The same conversations as captured at the server's host, where there are two: then every segment leaves at one
    /// time and arrives at another.
    pub far: Option<&'a [Conversation]>,
    /// The programs at either end.
    pub programs: Sides<&'a str>,
    /// The conversations to draw, by number; all where it is empty. The others are counted.
    pub connections: &'a [usize],
    /// What annotations speak of.
    pub notes: &'a [Note],
}

/// An annotation's place: the segment it speaks of and the mark it bears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The conversation, as an index into [`Recorded::conversations`].
    pub conversation: usize,
    /// The segment, as an index into its turns.
    pub turn: usize,
    /// The mark: the segment's number, unless the annotation is called otherwise.
    pub mark: String,
}

/// Something that happens at one end.
struct Happening<'a> {
    time: u64,
    /// The conversation, as an index into [`Recorded::conversations`].
    conversation: usize,
    turn: &'a Turn,
    /// Its index in the conversation; none where only the server's host saw it.
    number: Option<usize>,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// The sender's host sees the segment leave.
    Leaves(Way),
    /// The receiver's host sees it arrive.
    Arrives,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// One capture saw it: it arrives as it leaves.
    AtOnce,
    /// It arrives later.
    Slow,
    /// The other end never saw it.
    Lost,
    /// The other end saw what this end never sent: the link made a copy.
    Copied,
}

/// The ladder of a recording: every segment of the chosen conversations in the order of time, the states where they are
/// entered, silences said and not drawn. Times count from the first segment drawn.
pub fn ladder(recorded: &Recorded<'_>) -> Ladder {
    let chosen: Vec<usize> = (0..recorded.conversations.len())
        .filter(|&index| {
            recorded.connections.is_empty()
                || recorded
                    .connections
                    .contains(&recorded.conversations[index].number)
        })
        .collect();
    let mut ladder = Ladder {
        recording: recorded.name.into(),
        title: recorded.title.into(),
        lifelines: lifelines(recorded, &chosen),
        ..Ladder::default()
    };
    rows(&mut ladder, recorded, &chosen);
    ladder.description = describe(&ladder);
    ladder
}

fn lifelines(recorded: &Recorded<'_>, chosen: &[usize]) -> Vec<Lifeline> {
    let line = |side: Side, index: usize| Lifeline {
        side,
        name: match chosen.len() {
            1 => side.to_string(),
            _ => format!("{side} {}", index + 1),
        },
        program: recorded.programs[side].into(),
        untapped: None,
    };
    Side::BOTH
        .into_iter()
        .flat_map(|side| (0..chosen.len()).map(move |index| (side, index)))
        .map(|(side, index)| line(side, index))
        .collect()
}

/// The lifeline of one end of the n-th chosen conversation.
fn lifeline(chosen: usize, index: usize, side: Side) -> usize {
    match side {
        Side::Client => index,
        Side::Server => chosen + index,
    }
}

fn rows(ladder: &mut Ladder, recorded: &Recorded<'_>, chosen: &[usize]) {
    let happenings = happenings(recorded);
    let drawn = |happening: &Happening<'_>| chosen.contains(&happening.conversation);
    let Some(first) = happenings.iter().find(|it| drawn(it)).map(|it| it.time) else {
        return;
    };
    let numbers = numbers(recorded.conversations);
    let changes: Vec<_> = recorded.conversations.iter().map(states).collect();
    let mut left: HashMap<(usize, usize), usize> = HashMap::new();
    let mut last = first;
    for run in happenings.chunk_by(|a, b| drawn(a) == drawn(b)) {
        let (Some(begin), Some(end)) = (run.first(), run.last()) else {
            continue;
        };
        if !drawn(begin) {
            ladder.rows.push(others(run, first));
            last = last.max(end.time);
            continue;
        }
        for happening in run {
            if happening.time.saturating_sub(last) >= SILENCE {
                ladder.rows.push(Row {
                    time: since(last, first),
                    notes: Vec::new(),
                    event: Event::Silence {
                        lasts: happening.time - last,
                    },
                    states: Vec::new(),
                });
            }
            last = happening.time;
            let at = chosen
                .iter()
                .position(|other| *other == happening.conversation)
                .unwrap_or(0);
            let end = |side| lifeline(chosen.len(), at, side);
            let turn = happening.turn;
            let key = (happening.conversation, happening.number.unwrap_or(usize::MAX));
            let sides: &[Side] = match happening.what {
                What::Leaves(Way::AtOnce) => &Side::BOTH,
                What::Leaves(_) => &[turn.side],
                What::Arrives => &[turn.side.peer()],
            };
            let row = ladder.rows.len();
            let number = match happening.number {
                Some(_) => numbers.get(&turn.segment.number).copied().unwrap_or(0),
                None => 0,
            };
            let event = match happening.what {
                What::Leaves(way) => {
                    left.insert(key, row);
                    let mut segment = segment(
                        &recorded.conversations[happening.conversation],
                        turn,
                        end(turn.side),
                        end(turn.side.peer()),
                    );
                    segment.number = number;
                    if way == Way::Lost {
                        segment.fate = Fate::Lost;
                    }
                    if way == Way::Copied {
                        segment.mark = Some(Mark::Copy);
                    }
                    Event::Segment(segment)
                }
                What::Arrives => {
                    if let Some(Row {
                        event: Event::Segment(segment),
                        ..
                    }) = left.get(&key).and_then(|left| ladder.rows.get_mut(*left))
                    {
                        segment.fate = Fate::ArrivesIn(row);
                    }
                    Event::Arrival {
                        at: end(turn.side.peer()),
                        number,
                    }
                }
            };
            let states = happening
                .number
                .map_or(&[][..], |number| changes[key.0].at(number));
            ladder.rows.push(Row {
                time: since(happening.time, first),
                notes: match happening.what {
                    What::Leaves(_) => notes(recorded, key),
                    What::Arrives => Vec::new(),
                },
                states: states
                    .iter()
                    .filter(|change| sides.contains(&change.side))
                    .map(|change| State {
                        at: end(change.side),
                        name: name(change.to),
                    })
                    .collect(),
                event,
            });
        }
    }
}

fn notes(recorded: &Recorded<'_>, (conversation, turn): (usize, usize)) -> Vec<String> {
    recorded
        .notes
        .iter()
        .filter(|note| (note.conversation, note.turn) == (conversation, turn))
        .map(|note| note.mark.clone())
        .collect()
}

/// Segments of conversations that are not drawn, in one row that counts them.
fn others(run: &[Happening<'_>], first: u64) -> Row {
    let mut connections: Vec<usize> = run.iter().map(|other| other.conversation).collect();
    connections.sort_unstable();
    connections.dedup();
    let segments = run
        .iter()
        .filter(|other| matches!(other.what, What::Leaves(_)))
        .count();
    let (begin, end) = (
        run.first().map_or(first, |it| it.time),
        run.last().map_or(first, |it| it.time),
    );
    Row {
        time: since(begin, first),
        notes: Vec::new(),
        states: Vec::new(),
        event: Event::Folded(Folded {
            segments,
            text: counted(connections.len() as u64, "other connection", "other connections"),
            client: String::new(),
            server: String::new(),
            lasts: end.saturating_sub(begin),
        }),
    }
}

/// Everything that happens, in the order of time. At equal times what leaves comes before what arrives.
fn happenings<'a>(recorded: &Recorded<'a>) -> Vec<Happening<'a>> {
    let mut happenings = Vec::new();
    for (conversation, near) in recorded.conversations.iter().enumerate() {
        let mut add = |time, turn, number, what| {
            happenings.push(Happening {
                time,
                conversation,
                turn,
                number,
                what,
            });
        };
        let Some(far) = recorded.far else {
            for (number, turn) in near.turns.iter().enumerate() {
                add(turn.segment.time, turn, Some(number), What::Leaves(Way::AtOnce));
            }
            continue;
        };
        let far: &[Turn] = far
            .iter()
            .find(|other| other.is_also(near))
            .map_or(&[], |other| &other.turns);
        let there = matched(&near.turns, far);
        for (number, turn) in near.turns.iter().enumerate() {
            let here = turn.segment.time;
            let there = there.get(&number).map(|far_number| far[*far_number].segment.time);
            let mut add = |time, what| add(time, turn, Some(number), what);
            match (turn.side, there) {
                (Side::Client, Some(there)) => {
                    add(here, What::Leaves(Way::Slow));
                    add(there, What::Arrives);
                }
                (Side::Client, None) => add(here, What::Leaves(Way::Lost)),
                (Side::Server, Some(there)) => {
                    add(there, What::Leaves(Way::Slow));
                    add(here, What::Arrives);
                }
                (Side::Server, None) => add(here, What::Leaves(Way::Copied)),
            }
        }
        let seen_here: Vec<usize> = there.into_values().collect();
        for (far_number, turn) in far.iter().enumerate() {
            if !seen_here.contains(&far_number) {
                let way = if turn.side == Side::Client {
                    Way::Copied
                } else {
                    Way::Lost
                };
                add(turn.segment.time, turn, None, What::Leaves(way));
            }
        }
    }
    happenings.sort_by_key(|happening| (happening.time, happening.what == What::Arrives));
    happenings
}

/// Which segment of the other capture each segment of this one is: by what its headers say, the n-th of equal ones the
/// n-th.
fn matched(near: &[Turn], far: &[Turn]) -> HashMap<usize, usize> {
    let key = |turn: &Turn| {
        let segment = &turn.segment;
        let id = match &segment.ip {
            Ip::V4(ip) => ip.id,
            Ip::V6(_) => 0,
        };
        (
            turn.side,
            segment.sequence,
            segment.acknowledgment,
            segment.flags,
            segment.length,
            id,
        )
    };
    let mut there: HashMap<_, VecDeque<usize>> = HashMap::new();
    for (number, turn) in far.iter().enumerate() {
        there.entry(key(turn)).or_default().push_back(number);
    }
    near.iter()
        .enumerate()
        .filter_map(|(number, turn)| Some((number, there.get_mut(&key(turn))?.pop_front()?)))
        .collect()
}

/// The number each packet's segment bears in the figure and in tcpdump's text: its place among the segments, from 1.
fn numbers(conversations: &[Conversation]) -> HashMap<usize, u32> {
    let mut packets: Vec<usize> = conversations
        .iter()
        .flat_map(|conversation| conversation.turns.iter().map(|turn| turn.segment.number))
        .collect();
    packets.sort_unstable();
    packets.into_iter().zip(1..).collect()
}

fn since(time: u64, first: u64) -> i64 {
    i64::try_from(i128::from(time) - i128::from(first)).unwrap_or(i64::MAX)
}

fn name(state: TcpState) -> String {
    state.as_str().to_owned()
}

fn segment(conversation: &Conversation, turn: &Turn, from: usize, to: usize) -> Segment {
    let has = |flags| turn.has(flags);
    let relative = |number: i64| u64::try_from(number).unwrap_or(0);
    let closed = turn.window == Some(0) && !has(WireFlags::RST) && !has(WireFlags::SYN);
    let probe = turn.mark == Repetition::Probe;
    Segment {
        number: 0,
        from,
        to,
        flags: Flags {
            syn: has(WireFlags::SYN),
            ack: has(WireFlags::ACK),
            fin: has(WireFlags::FIN),
            rst: has(WireFlags::RST),
        },
        bytes: u64::from(turn.segment.length),
        seq: relative(turn.sequence),
        ack: turn.acknowledgment.map(relative),
        cause: Cause::Unknown(String::new()),
        mark: match turn.mark {
            Repetition::Repeat { .. } | Repetition::Overlap { .. } => Some(Mark::Again),
            Repetition::Late => Some(Mark::Again),
            Repetition::Next | Repetition::Ahead | Repetition::Probe => None,
        },
        fate: Fate::Arrives,
        remark: match (closed, probe) {
            (true, true) => Some("probe, window 0".into()),
            (true, false) => Some("window 0".into()),
            (false, true) => Some("probe".into()),
            (false, false) => None,
        },
        fields: fields(conversation, turn),
    }
}

/// Every field of a segment's headers, TCP first: relative or in words, and as it stands in the packet.
fn fields(conversation: &Conversation, turn: &Turn) -> Vec<Field> {
    let segment = &turn.segment;
    let mut fields = Vec::new();
    let mut add = |name: &str, value: String, raw: Option<String>| {
        let raw = raw.filter(|raw| *raw != value);
        fields.push(Field {
            name: name.into(),
            value,
            raw,
        });
    };
    add("from", conversation.ends[turn.side].to_string(), None);
    add("to", conversation.ends[turn.side.peer()].to_string(), None);
    let numbers = match segment.length {
        0 => turn.sequence.to_string(),
        length => format!("{}:{}", turn.sequence, turn.sequence + i64::from(length)),
    };
    add("seq", numbers, Some(segment.sequence.to_string()));
    if let Some(acknowledgment) = turn.acknowledgment {
        add(
            "ack",
            acknowledgment.to_string(),
            Some(segment.acknowledgment.to_string()),
        );
    }
    add(
        "flags",
        words(segment.flags),
        Some(format!("{:#05x}", segment.flags.0)),
    );
    let window = turn
        .window
        .map_or_else(|| "scale not known".into(), |window| window.to_string());
    add("window", window, Some(segment.window.to_string()));
    add("length", segment.length.to_string(), None);
    add(
        "header",
        format!("{} bytes", 20 + segment.option_bytes.len()),
        None,
    );
    let checksum = format!("{:#06x}", segment.checksum);
    match segment.right_checksum {
        Some(right) if right == segment.checksum => add("checksum", "right".into(), Some(checksum)),
        Some(right) => add("checksum", format!("not {right:#06x}"), Some(checksum)),
        None => add("checksum", checksum, None),
    }
    if segment.urgent != 0 {
        add("urgent", segment.urgent.to_string(), None);
    }
    for option in segment.options() {
        match option {
            TcpOption::EndOfList | TcpOption::NoOperation => {}
            TcpOption::MaximumSegmentSize(size) => add("mss", size.to_string(), None),
            TcpOption::WindowScale(scale) => {
                let factor = 1u64.checked_shl(scale.into()).unwrap_or(0);
                add("window scale", format!("× {factor}"), Some(scale.to_string()));
            }
            TcpOption::SackPermitted => add("sack", "permitted".into(), None),
            TcpOption::Sack(blocks) => {
                let origin = conversation.origins[turn.side.peer()].unwrap_or(0);
                let relative = |number: u32| number.wrapping_sub(origin);
                let list = |shown: &dyn Fn(u32) -> u32| {
                    let blocks = blocks
                        .iter()
                        .map(|(begin, end)| format!("{}:{}", shown(*begin), shown(*end)));
                    blocks.collect::<Vec<_>>().join(" ")
                };
                add("sack", list(&relative), Some(list(&|number| number)));
            }
            TcpOption::Timestamps { value, echo } => add("timestamps", format!("{value}, echo {echo}"), None),
            TcpOption::Unknown { kind, data } => {
                add("option", format!("{kind}, {} bytes", data.len() + 2), None)
            }
            TcpOption::Malformed(data) => add("option", format!("{} bytes, unreadable", data.len()), None),
        }
    }
    match &segment.ip {
        Ip::V4(ip) => {
            add("ip", "version 4".into(), None);
            add("ttl", ip.ttl.to_string(), None);
            add("id", ip.id.to_string(), None);
            add("tos", format!("{:#04x}", ip.tos), None);
            add(
                "fragment",
                if ip.dont_fragment {
                    "not allowed"
                } else {
                    "allowed"
                }
                .into(),
                None,
            );
            add("ip length", ip.total_length.to_string(), None);
        }
        Ip::V6(ip) => {
            add("ip", "version 6".into(), None);
            add("hop limit", ip.hop_limit.to_string(), None);
            add("class", format!("{:#04x}", ip.traffic_class), None);
            add("flow label", format!("{:#07x}", ip.flow_label), None);
            add("ip length", ip.payload_length.to_string(), None);
        }
    }
    fields
}

/// The flags by name: `ACK PSH`.
fn words(flags: WireFlags) -> String {
    let names = [
        (WireFlags::SYN, "SYN"),
        (WireFlags::FIN, "FIN"),
        (WireFlags::RST, "RST"),
        (WireFlags::ACK, "ACK"),
        (WireFlags::PSH, "PSH"),
        (WireFlags::URG, "URG"),
        (WireFlags::ECE, "ECE"),
        (WireFlags::CWR, "CWR"),
        (WireFlags::AE, "AE"),
    ];
    let set: Vec<&str> = names
        .into_iter()
        .filter(|(flag, _)| flags.has(*flag))
        .map(|(_, name)| name)
        .collect();
    if set.is_empty() {
        "none".into()
    } else {
        set.join(" ")
    }
}
