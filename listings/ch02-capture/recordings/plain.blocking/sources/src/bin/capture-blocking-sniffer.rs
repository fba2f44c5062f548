//! Prints every TCP segment that passes on this machine, as `tcpdump -S -nn` does.
//!
//! It needs the right to open packet sockets: root's, or anybody's in a private network.
//!
//! `cargo run --bin capture-blocking-sniffer`

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> anyhow::Result<()> {
    anyhow::bail!("packet sockets are Linux's own; use tcpdump on this system")
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        io::{self, IoSliceMut, Write},
        os::fd::{AsRawFd, OwnedFd},
        time::Duration,
    };

    use anyhow::{Context, Result};
    use ch02_capture::{clock, describe};
    use nix::{
        cmsg_space, libc,
        sys::{
            socket::{
                AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag,
                SockProtocol, SockType, recvmsg, setsockopt, socket, sockopt,
            },
            time::TimeSpec,
        },
    };

    pub fn main() -> Result<()> {
        // ANCHOR: socket
        let socket = socket(
            AddressFamily::Packet,
            SockType::Datagram, // the packet alone, without the header of its link
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::EthAll,
        )
        .context("opening a packet socket")?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        // ANCHOR_END: socket
        writeln!(io::stdout(), "listening on every interface").ok();
        // ANCHOR: loop
        let mut buffer = vec![0; 65_536];
        loop {
            let (length, stamp, copy) = receive(&socket, &mut buffer)?;
            if let Some(line) = describe(&buffer[..length])
                && !copy
            {
                writeln!(io::stdout(), "{} {line}", clock(stamp)).ok();
            }
        }
        // ANCHOR_END: loop
    }

    // ANCHOR: receive
    /// Waits for a packet: its length, when the kernel stamped it, and whether it is the
    /// leaving one of the two that loopback shows of each.
    fn receive(
        socket: &OwnedFd,
        buffer: &mut [u8],
    ) -> io::Result<(usize, Duration, bool)> {
        let mut notes = cmsg_space!(TimeSpec);
        let mut parts = [IoSliceMut::new(buffer)];
        let packet = recvmsg::<LinkAddr>(
            socket.as_raw_fd(),
            &mut parts,
            Some(&mut notes),
            MsgFlags::empty(),
        )?;
        let stamp = packet.cmsgs()?.find_map(|note| match note {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(stamp),
            _ => None,
        });
        let stamp =
            stamp.ok_or_else(|| io::Error::other("a packet without a stamp"))?;
        let copy = packet.address.is_some_and(|link| {
            link.hatype() == libc::ARPHRD_LOOPBACK
                && link.pkttype() == libc::PACKET_OUTGOING
        });
        Ok((packet.bytes, Duration::from(stamp), copy))
    }
    // ANCHOR_END: receive
}
