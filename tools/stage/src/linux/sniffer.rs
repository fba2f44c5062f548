//! Our own sniffer: a packet socket, read by a thread of its own.
//!
//! The kernel stamps packets at their arrival only once somebody has asked for stamps, and switching that on takes it
//! some milliseconds; packets before that are stamped when they are read, which is wrong. So a sniffer is not ready
//! before a packet of its own came back with a stamp between its sending and its reading (see [`Ears::prove`]).

use std::{
    ffi::CStr,
    io,
    net::UdpSocket,
    os::fd::{AsRawFd, OwnedFd},
    sync::mpsc::Sender,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use wire::capture::{Link, Packet};

use super::{
    enter::refused,
    play::{Happening, Spot},
    system,
};
use crate::{
    refusal::{Refusal, Step},
    script::Failure,
};

/// The most that is kept of a packet. Loopback hands over segments of up to 64 KiB and their headers.
const LONGEST: usize = 128 * 1024;

/// How far the stamps of two packets may lie apart that two processors handled at the same time.
const AT_ONCE: u64 = 1_000_000;

/// A packet socket that hears one interface, not yet read.
pub struct Ears {
    socket: OwnedFd,
}

/// A packet socket being read.
pub struct Sniffer {
    thread: JoinHandle<io::Result<(u32, u32)>>,
    /// The reader stops when this is dropped.
    stop: io::PipeWriter,
}

impl Ears {
    /// Opens a packet socket on an interface of this thread's network.
    ///
    /// # Errors
    /// What the machine refuses.
    pub fn open(interface: &CStr, link: Link) -> Result<Ears, Refusal> {
        let open = || {
            let socket = system::packet_socket()?;
            // As much room as we may have: an ordinary user's wish is cut to net.core.rmem_max without an error.
            let room = 64 << 20;
            system::set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, room)
                .or_else(|_| system::set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, room))?;
            system::set_option(&socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)?;
            // On loopback every packet passes twice, going out and coming in; one is enough.
            let once = (link == Link::Ethernet).into();
            system::set_option(&socket, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, once)?;
            system::listen_to(&socket, system::interface_index(interface)?)?;
            Ok(Ears { socket })
        };
        open().map_err(|error: io::Error| refused(Step::PacketSocket, &error))
    }

    /// Sends packets through `lo` until one comes back with a true stamp, then forgets them.
    ///
    /// # Errors
    /// The system's, or no true stamp within two seconds.
    pub fn prove(&self) -> io::Result<()> {
        let probe = UdpSocket::bind("127.0.0.1:0")?;
        probe.connect(probe.local_addr()?)?;
        let mut buffer = vec![0; LONGEST];
        let deadline = Instant::now() + Duration::from_secs(2);
        while Instant::now() < deadline {
            let before = system::now();
            probe.send(b"probe")?;
            let after = system::now();
            // Reading late is the test: a stamp made by the reading lies behind `after`.
            thread::sleep(Duration::from_micros(500));
            let mut stamps = Vec::new();
            while let Some(packet) = system::receive(&self.socket, &mut buffer)? {
                stamps.push(packet.time);
            }
            if stamps
                .last()
                .is_some_and(|stamp| (before..=after).contains(stamp))
            {
                system::packet_statistics(&self.socket)?;
                return Ok(());
            }
        }
        Err(io::Error::other(
            "the kernel gave no packet a true time stamp within two seconds; run it again on a less busy machine",
        ))
    }

    /// Starts to read; every packet is told to `ear` at once, as seen at this spot.
    ///
    /// # Errors
    /// No pipe or thread to be had.
    pub fn read(self, spot: Spot, ear: Sender<Happening>) -> io::Result<Sniffer> {
        let (stopped, stop) = io::pipe()?;
        let thread = thread::Builder::new().name("sniffer".into()).spawn(move || {
            let mut buffer = vec![0; LONGEST];
            loop {
                let [_, last] = system::poll([self.socket.as_raw_fd(), stopped.as_raw_fd()], None)?;
                while let Some(packet) = system::receive(&self.socket, &mut buffer)? {
                    let packet = Packet {
                        time: packet.time,
                        original_len: packet.length as u32,
                        bytes: buffer[..packet.kept].to_vec(),
                    };
                    ear.send(Happening::Packet { spot, packet }).ok();
                }
                if last {
                    return system::packet_statistics(&self.socket);
                }
            }
        })?;
        Ok(Sniffer { thread, stop })
    }
}

impl Sniffer {
    /// Stops reading, after the last packet that is there.
    ///
    /// # Errors
    /// A packet was lost, or reading failed.
    pub fn stop(self) -> Result<(), Failure> {
        drop(self.stop);
        let system = |error: String| Failure::System {
            doing: "reading packets".into(),
            error,
        };
        let counted = self
            .thread
            .join()
            .map_err(|_| system("the sniffer's thread panicked".into()))?;
        match counted.map_err(|error| system(error.to_string()))? {
            (_, 0) => Ok(()),
            (seen, dropped) => Err(Failure::Lossy { seen, dropped }),
        }
    }
}

/// Puts packets into the order of their stamps. Two processors stamp and queue at the same time, so that a packet may
/// be read before one that passed some microseconds earlier. A stamp that lies further back is no true one: it stays
/// where it is, and [`check`](crate::check::check) finds it.
pub fn in_order(packets: &mut [Packet]) {
    for end in 1..packets.len() {
        let mut at = end;
        while at > 0 {
            let back = packets[at - 1].time.saturating_sub(packets[at].time);
            if back == 0 || back > AT_ONCE {
                break;
            }
            packets.swap(at - 1, at);
            at -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(times: &[u64]) -> Vec<u64> {
        let packet = |&time: &u64| Packet {
            time,
            original_len: 0,
            bytes: Vec::new(),
        };
        let mut packets: Vec<Packet> = times.iter().map(packet).collect();
        in_order(&mut packets);
        packets.iter().map(|packet| packet.time).collect()
    }

    #[test]
    fn packets_of_two_processors_stand_by_their_stamps() {
        assert_eq!(ordered(&[10, 40, 30, 20, 50]), [10, 20, 30, 40, 50]);
    }

    #[test]
    fn a_stamp_that_lies_far_back_is_left_to_be_found() {
        assert_eq!(
            ordered(&[5_000_000, 9_000_000, 3_000_000]),
            [5_000_000, 9_000_000, 3_000_000]
        );
    }
}
