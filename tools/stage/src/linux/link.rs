//! The link between two hosts: packets read from one host's TUN device and written to the other's, after the time they
//! take, unless they are lost on the way.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    fs::File,
    io::{self, Read, Write},
    os::fd::AsRawFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use wire::{
    capture::{Link as Header, Packet},
    conversation::Side,
    segment::Segment,
};

use super::{
    play::{Happening, Spot},
    system,
};
use crate::scenario::{Kind, Link, Nth};

/// What becomes of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// It goes its way.
    Pass,
    /// It is lost; which one it is.
    Drop(Nth),
    /// It is so much longer on its way.
    Late(Nth, Duration),
    /// It arrives twice.
    Twice(Nth),
}

/// Counts what passes and says what becomes of it. Pure: the same packets have the same fates.
struct Policy {
    link: Link,
    passed: BTreeMap<(Side, Kind), u32>,
}

impl Policy {
    fn fate(&mut self, side: Side, segment: &Segment) -> Fate {
        let mut fate = Fate::Pass;
        for kind in Kind::ALL.into_iter().filter(|kind| kind.is(segment)) {
            let number = self.passed.entry((side, kind)).or_default();
            *number += 1;
            let nth = Nth {
                side,
                kind,
                number: *number,
            };
            if self.link.drop.contains(&nth) {
                fate = Fate::Drop(nth);
            } else if let Some(span) = self.link.late.get(&nth) {
                fate = Fate::Late(nth, span.0);
            } else if self.link.twice.contains(&nth) {
                fate = Fate::Twice(nth);
            }
        }
        fate
    }
}

/// A link in operation.
pub struct Operated {
    thread: JoinHandle<io::Result<()>>,
    stop: io::PipeWriter,
    cut: Arc<AtomicBool>,
}

impl Operated {
    /// Begins to carry packets between the two devices. Every packet that is put on the link is told to `ear`, and
    /// everything unusual that happens to one.
    ///
    /// # Errors
    /// No pipe or thread to be had.
    pub fn start(link: Link, client: File, server: File, ear: Sender<Happening>) -> io::Result<Operated> {
        let (stopped, stop) = io::pipe()?;
        let cut = Arc::new(AtomicBool::new(false));
        let carrier = Carrier {
            ends: [client, server],
            way: Way {
                delay: link.delay.0,
                gap: link.gap.0,
                free: [Instant::now(); 2],
            },
            policy: Policy {
                link,
                passed: BTreeMap::new(),
            },
            under_way: BinaryHeap::new(),
            sent: 0,
            cut: Arc::clone(&cut),
            ear,
        };
        let thread = thread::Builder::new()
            .name("link".into())
            .spawn(move || carrier.carry(&stopped))?;
        Ok(Operated { thread, stop, cut })
    }

    /// Lets nothing through, or everything again.
    pub fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }

    /// Stops. What is under way is lost.
    ///
    /// # Errors
    /// Why it had stopped before.
    pub fn stop(self) -> io::Result<()> {
        drop(self.stop);
        self.thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("its thread panicked")))
    }
}

/// When packets arrive.
struct Way {
    delay: Duration,
    gap: Duration,
    /// When the next packet of each direction can be put on the way.
    free: [Instant; 2],
}

impl Way {
    /// When a packet arrives that goes in this direction now.
    fn arrival(&mut self, direction: usize, now: Instant) -> Instant {
        let departure = self.free[direction].max(now);
        self.free[direction] = departure + self.gap;
        departure + self.delay
    }
}

/// A packet under way: by arrival, then in the order of departure.
type UnderWay = Reverse<(Instant, u64, usize, Vec<u8>)>;

struct Carrier {
    ends: [File; 2],
    way: Way,
    policy: Policy,
    under_way: BinaryHeap<UnderWay>,
    sent: u64,
    cut: Arc<AtomicBool>,
    ear: Sender<Happening>,
}

impl Carrier {
    fn carry(mut self, stopped: &io::PipeReader) -> io::Result<()> {
        system::exact_timers();
        let mut buffer = vec![0; 65_536];
        loop {
            let next = self.under_way.peek().map(|Reverse((arrival, ..))| *arrival);
            let wait = next.map(|arrival| arrival.saturating_duration_since(Instant::now()));
            let fds = [
                self.ends[0].as_raw_fd(),
                self.ends[1].as_raw_fd(),
                stopped.as_raw_fd(),
            ];
            let [.., last] = system::poll(fds, wait)?;
            if last {
                return Ok(());
            }
            for direction in [0, 1] {
                while let Some(length) = read(&mut self.ends[direction], &mut buffer)? {
                    self.take(direction, &buffer[..length]);
                }
            }
            while let Some(Reverse((arrival, ..))) = self.under_way.peek()
                && *arrival <= Instant::now()
                && let Some(Reverse((_, _, direction, bytes))) = self.under_way.pop()
            {
                // A host that takes no more loses the packet, as hosts do.
                self.ends[1 - direction].write_all(&bytes).ok();
            }
        }
    }

    /// Takes a packet that a host puts on the link.
    fn take(&mut self, direction: usize, bytes: &[u8]) {
        let packet = Packet {
            time: system::now(),
            original_len: bytes.len() as u32,
            bytes: bytes.to_vec(),
        };
        let side = if direction == 0 {
            Side::Client
        } else {
            Side::Server
        };
        let segment = Segment::decode(Header::Raw, &packet, 1).ok().flatten();
        let time = packet.time;
        self.ear
            .send(Happening::Packet {
                spot: Spot::Link,
                packet,
            })
            .ok();
        let fate = segment
            .as_ref()
            .map_or(Fate::Pass, |segment| self.policy.fate(side, segment));
        let size = segment.map_or(bytes.len() as u32, |segment| segment.length);
        let arrival = self.way.arrival(direction, Instant::now());
        let tell = |text: String| {
            self.ear.send(Happening::Link { time, text }).ok();
        };
        let mut send = |arrival| {
            self.sent += 1;
            self.under_way
                .push(Reverse((arrival, self.sent, direction, bytes.to_vec())));
        };
        if self.cut.load(Ordering::SeqCst) {
            return tell(format!("lost {side}'s segment of {size} bytes: the link is cut"));
        }
        match fate {
            Fate::Pass => send(arrival),
            Fate::Drop(nth) => tell(format!("dropped {nth}, {size} bytes")),
            Fate::Late(nth, span) => {
                send(arrival + span);
                tell(format!("held {nth} back, {size} bytes"));
            }
            Fate::Twice(nth) => {
                send(arrival);
                let again = self.way.arrival(direction, Instant::now());
                send(again);
                tell(format!("doubled {nth}, {size} bytes"));
            }
        }
    }
}

/// Reads one packet; none where there is none.
fn read(device: &mut File, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match device.read(buffer) {
        Ok(length) => Ok(Some(length)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(flags: u8, data: usize) -> Segment {
        let mut bytes = vec![
            0x45,
            0,
            0,
            40 + data as u8,
            0,
            0,
            0,
            0,
            64,
            6,
            0,
            0,
            10,
            0,
            0,
            1,
            10,
            0,
            0,
            2,
        ];
        bytes.extend([
            0x9c, 0x40, 0x1f, 0x40, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0, 9, 0, 0, 0, 0,
        ]);
        bytes.resize(40 + data, 7);
        let packet = Packet {
            time: 0,
            original_len: bytes.len() as u32,
            bytes,
        };
        Segment::decode(Header::Raw, &packet, 1).unwrap().unwrap()
    }

    fn policy(change: impl FnOnce(&mut Link)) -> Policy {
        let mut link = Link::default();
        change(&mut link);
        Policy {
            link,
            passed: BTreeMap::new(),
        }
    }

    const ACK: u8 = 0x10;
    const FIN: u8 = 0x11;

    #[test]
    fn the_third_data_of_one_side_is_lost_and_nothing_else() {
        let third: Nth = "server data 3".parse().unwrap();
        let mut policy = policy(|link| link.drop.push(third));
        let fates: Vec<Fate> = [
            (Side::Server, 5),
            (Side::Client, 5),
            (Side::Server, 0),
            (Side::Server, 5),
            (Side::Server, 5),
            (Side::Server, 5),
        ]
        .map(|(side, data)| policy.fate(side, &segment(ACK, data)))
        .into();
        let mut expected = vec![Fate::Pass; 6];
        expected[4] = Fate::Drop(third);
        assert_eq!(fates, expected);
    }

    #[test]
    fn a_fin_with_data_counts_as_both() {
        let fin: Nth = "client FIN 1".parse().unwrap();
        let mut policy = policy(|link| {
            link.twice.push(fin);
        });
        assert_eq!(policy.fate(Side::Client, &segment(FIN, 3)), Fate::Twice(fin));
        assert_eq!(policy.passed[&(Side::Client, Kind::Data)], 1);
    }

    #[test]
    fn packets_of_one_direction_keep_their_distance_and_the_other_is_free() {
        let start = Instant::now();
        let millis = Duration::from_millis;
        let mut way = Way {
            delay: millis(5),
            gap: millis(1),
            free: [start; 2],
        };
        assert_eq!(way.arrival(0, start), start + millis(5));
        assert_eq!(way.arrival(0, start), start + millis(6));
        assert_eq!(way.arrival(1, start), start + millis(5));
        assert_eq!(way.arrival(0, start + millis(10)), start + millis(15));
    }
}
