//! Numbers of the interface as the words its manual pages use.

use libc::c_int;

use crate::line::Text;

macro_rules! table {
    ($name:ident: $($word:ident),* $(,)?) => {
        const $name: &[(&str, c_int)] = &[$((stringify!($word), libc::$word as c_int)),*];
    };
}

table!(ERRORS: E2BIG, EACCES, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EAGAIN, EALREADY, EBADF, EBADMSG, EBUSY, ECANCELED,
    ECONNABORTED, ECONNREFUSED, ECONNRESET, EDESTADDRREQ, EEXIST, EFAULT, EHOSTDOWN, EHOSTUNREACH, EINPROGRESS, EINTR,
    EINVAL, EIO, EISCONN, ELOOP, EMFILE, EMSGSIZE, ENETDOWN, ENETRESET, ENETUNREACH, ENFILE, ENOBUFS, ENODEV, ENOENT,
    ENOMEM, ENOPROTOOPT, ENOSPC, ENOSYS, ENOTCONN, ENOTSOCK, EOPNOTSUPP, EPERM, EPIPE, EPROTO, EPROTONOSUPPORT,
    EPROTOTYPE, ESHUTDOWN, ESPIPE, ETIMEDOUT, ETOOMANYREFS);

table!(FAMILIES: AF_INET, AF_INET6, AF_PACKET, AF_NETLINK);
table!(KINDS: SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET);
table!(SOCKET_FLAGS: SOCK_NONBLOCK, SOCK_CLOEXEC);
table!(MESSAGE_FLAGS: MSG_OOB, MSG_PEEK, MSG_DONTROUTE, MSG_CTRUNC, MSG_TRUNC, MSG_DONTWAIT, MSG_EOR, MSG_WAITALL,
    MSG_CONFIRM, MSG_ERRQUEUE, MSG_NOSIGNAL, MSG_MORE, MSG_WAITFORONE, MSG_FASTOPEN, MSG_CMSG_CLOEXEC);
table!(HOWS: SHUT_RD, SHUT_WR, SHUT_RDWR);
table!(SOCKET_OPTIONS: SO_REUSEADDR, SO_TYPE, SO_ERROR, SO_DONTROUTE, SO_BROADCAST, SO_SNDBUF, SO_RCVBUF, SO_SNDBUFFORCE,
    SO_RCVBUFFORCE, SO_KEEPALIVE, SO_OOBINLINE, SO_PRIORITY, SO_LINGER, SO_REUSEPORT, SO_RCVLOWAT, SO_SNDLOWAT,
    SO_RCVTIMEO, SO_SNDTIMEO, SO_BINDTODEVICE, SO_TIMESTAMP, SO_TIMESTAMPNS, SO_ACCEPTCONN, SO_PROTOCOL, SO_DOMAIN,
    SO_BUSY_POLL, SO_INCOMING_CPU, SO_ATTACH_FILTER, SO_ATTACH_REUSEPORT_CBPF, SO_ZEROCOPY, SO_MARK);
table!(TCP_OPTIONS: TCP_NODELAY, TCP_MAXSEG, TCP_CORK, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT, TCP_LINGER2,
    TCP_DEFER_ACCEPT, TCP_WINDOW_CLAMP, TCP_INFO, TCP_QUICKACK, TCP_CONGESTION, TCP_USER_TIMEOUT, TCP_FASTOPEN,
    TCP_FASTOPEN_CONNECT, TCP_NOTSENT_LOWAT, TCP_REPAIR);
table!(IP_OPTIONS: IP_TOS, IP_TTL, IP_MTU_DISCOVER, IP_MTU, IP_RECVERR, IP_FREEBIND, IP_TRANSPARENT, IP_BIND_ADDRESS_NO_PORT);
table!(IPV6_OPTIONS: IPV6_V6ONLY, IPV6_UNICAST_HOPS, IPV6_TCLASS);
table!(COMMANDS: F_DUPFD, F_DUPFD_CLOEXEC, F_SETFL);
table!(FILE_FLAGS: O_NONBLOCK, O_APPEND, O_ASYNC, O_RDWR);
table!(CLOSE_FLAGS: O_CLOEXEC);
table!(OPERATIONS: EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL);
table!(EPOLL_EVENTS: EPOLLIN, EPOLLPRI, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDHUP, EPOLLEXCLUSIVE, EPOLLWAKEUP,
    EPOLLONESHOT, EPOLLET);
table!(EPOLL_FLAGS: EPOLL_CLOEXEC);
table!(POLL_EVENTS: POLLIN, POLLPRI, POLLOUT, POLLERR, POLLHUP, POLLNVAL, POLLRDHUP);
table!(SPLICE_FLAGS: SPLICE_F_MOVE, SPLICE_F_NONBLOCK, SPLICE_F_MORE);

/// An error's name.
pub fn errno(text: &mut Text, number: c_int) {
    one(text, ERRORS, number);
}

/// `AF_INET SOCK_STREAM|SOCK_CLOEXEC`
pub fn socket(text: &mut Text, domain: c_int, kind: c_int) {
    one(text, FAMILIES, domain);
    text.between(" ");
    one(text, KINDS, kind & !(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC));
    for (word, bit) in SOCKET_FLAGS {
        if kind & bit != 0 {
            text.between("|").word(word.as_bytes());
        }
    }
}

/// Flags of `accept4`.
pub fn socket_flags(text: &mut Text, flags: c_int) {
    several(text, SOCKET_FLAGS, flags);
}

/// Flags of `send`, `recv` and their kin.
pub fn message_flags(text: &mut Text, flags: c_int) {
    several(text, MESSAGE_FLAGS, flags);
}

/// Which direction `shutdown` ends.
pub fn how(text: &mut Text, how: c_int) {
    one(text, HOWS, how);
}

/// A command of `fcntl`.
pub fn command(text: &mut Text, command: c_int) {
    one(text, COMMANDS, command);
}

/// Flags of an open file.
pub fn file_flags(text: &mut Text, flags: c_int) {
    several(text, FILE_FLAGS, flags);
}

/// Flags of `dup3`.
pub fn close_flags(text: &mut Text, flags: c_int) {
    several(text, CLOSE_FLAGS, flags);
}

/// Flags of `epoll_create1`.
pub fn epoll_flags(text: &mut Text, flags: c_int) {
    several(text, EPOLL_FLAGS, flags);
}

/// An operation of `epoll_ctl`.
pub fn operation(text: &mut Text, operation: c_int) {
    one(text, OPERATIONS, operation);
}

/// Events of an epoll instance.
pub fn epoll_events(text: &mut Text, events: u32) {
    several(text, EPOLL_EVENTS, events.cast_signed());
}

/// Events of `poll`.
pub fn poll_events(text: &mut Text, events: i16) {
    several(text, POLL_EVENTS, c_int::from(events));
}

/// Flags of `splice`.
pub fn splice_flags(text: &mut Text, flags: libc::c_uint) {
    several(text, SPLICE_FLAGS, flags.cast_signed());
}

/// An option's name and value: `TCP_NODELAY 1`, `SO_LINGER on 0s`, `SO_RCVTIMEO 0.200000s`, `TCP_CONGESTION reno`.
pub fn option(text: &mut Text, level: c_int, name: c_int, value: &[u8]) {
    let table = match level {
        libc::SOL_SOCKET => SOCKET_OPTIONS,
        libc::IPPROTO_TCP => TCP_OPTIONS,
        libc::IPPROTO_IP => IP_OPTIONS,
        libc::IPPROTO_IPV6 => IPV6_OPTIONS,
        _ => {
            text.word(b"level ").number(level).word(b" ");
            &[]
        }
    };
    one(text, table, name);
    let int = |at: usize| {
        value
            .get(at..at.wrapping_add(4))?
            .try_into()
            .ok()
            .map(c_int::from_ne_bytes)
    };
    let long = |at: usize| {
        value
            .get(at..at.wrapping_add(8))?
            .try_into()
            .ok()
            .map(i64::from_ne_bytes)
    };
    match (level, name, value.len()) {
        (libc::SOL_SOCKET, libc::SO_LINGER, 8) => {
            let on = int(0).unwrap_or_default() != 0;
            text.word(if on { b" on " } else { b" off " });
            text.number(int(4).unwrap_or_default()).word(b"s");
        }
        (libc::SOL_SOCKET, libc::SO_RCVTIMEO | libc::SO_SNDTIMEO, 16) => {
            let seconds = long(0).unwrap_or_default() as f64 + long(8).unwrap_or_default() as f64 / 1e6;
            let _ = std::fmt::Write::write_fmt(text, format_args!(" {seconds:.6}s"));
        }
        (libc::SOL_SOCKET, libc::SO_ERROR, 4) => {
            text.word(b" ");
            match int(0).unwrap_or_default() {
                0 => text.word(b"0"),
                number => one(text, ERRORS, number),
            };
        }
        (libc::IPPROTO_TCP, libc::TCP_CONGESTION, _) | (libc::SOL_SOCKET, libc::SO_BINDTODEVICE, _) => {
            text.word(b" ");
            text.word(value.split(|byte| *byte == 0).next().unwrap_or_default());
        }
        (_, _, 4) => {
            text.word(b" ").number(int(0).unwrap_or_default());
        }
        (_, _, 1) => {
            text.word(b" ").number(value.first().copied().unwrap_or_default());
        }
        (_, _, length) => {
            text.word(b" ").number(length as u64).word(b" bytes");
        }
    }
}

/// The word for one number, or the number.
fn one<'text, 'line>(
    text: &'text mut Text<'line>,
    table: &[(&str, c_int)],
    number: c_int,
) -> &'text mut Text<'line> {
    match table.iter().find(|(_, value)| *value == number) {
        Some((word, _)) => text.word(word.as_bytes()),
        None => text.number(number),
    }
}

/// The words for the bits of a number; what has no word stays a number.
fn several(text: &mut Text, table: &[(&str, c_int)], bits: c_int) {
    let mut rest = bits;
    let mut first = true;
    for (word, bit) in table {
        if rest & bit == *bit {
            rest &= !bit;
            if !first {
                text.word(b"|");
            }
            text.word(word.as_bytes());
            first = false;
        }
    }
    if rest != 0 {
        if !first {
            text.word(b"|");
        }
        text.number(rest);
    }
}
