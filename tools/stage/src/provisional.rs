//! A skeleton of one IPv4 conversation, until `wire` gives it.

use std::collections::HashSet;

use wire::capture::{Capture, Link};

pub(crate) fn skeleton(capture: &Capture) -> Vec<String> {
    let skip = if capture.link == Link::Ethernet { 14 } else { 0 };
    let mut client = None;
    let mut seen = HashSet::new();
    let mut steps: Vec<(&str, Option<&str>, u32)> = Vec::new();
    for packet in &capture.packets {
        let ip = &packet.bytes[skip..];
        if ip.len() < 40 || ip[9] != 6 {
            continue;
        }
        let head = usize::from(ip[0] & 15) * 4;
        let total = u32::from(u16::from_be_bytes([ip[2], ip[3]]));
        let tcp = &ip[head..];
        let port = u16::from_be_bytes([tcp[0], tcp[1]]);
        let seq = u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]);
        let flags = tcp[13];
        let length = total - head as u32 - u32::from(tcp[12] >> 4) * 4;
        let side = if *client.get_or_insert(port) == port {
            "client"
        } else {
            "server"
        };
        if (length == 0 && flags & 7 == 0) || !seen.insert((side, flags & 7, seq, length)) {
            continue;
        }
        if length > 0 {
            match steps.last_mut() {
                Some((last, None, sum)) if *last == side => *sum += length,
                _ => steps.push((side, None, length)),
            }
        }
        for (bit, name) in [(2, "SYN"), (1, "FIN"), (4, "RST")] {
            if flags & bit != 0 {
                steps.push((side, Some(name), 0));
            }
        }
    }
    steps
        .into_iter()
        .map(|(side, control, bytes)| match control {
            Some(name) => format!("{side} {name}"),
            None => format!("{side} {bytes} bytes"),
        })
        .collect()
}
