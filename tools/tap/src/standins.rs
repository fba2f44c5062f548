//! The functions that stand in for libc's: each notes its call and calls on, with the arguments it was given.
//!
//! Every `unsafe` block here either hands on to libc what the caller handed to it, or reads what the caller lent to libc
//! for the same call: the caller's promise to libc covers both.
#![allow(clippy::unnecessary_cast)] // `msg_iovlen` has another type with musl.

use std::slice;

use libc::{c_int, c_uint, c_ulong, c_void, iovec, off_t, size_t, sockaddr, socklen_t, ssize_t};

use crate::call::{self, Call, Subject, subject, wide};
use crate::line::{Line, Text};
use crate::{names, next};

/// How many descriptors of `poll`, or events of `epoll_wait`, are written out; a line has room for no more.
const LISTED: usize = 48;

// The life of a socket.

#[unsafe(no_mangle)]
unsafe extern "C" fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int {
    let call = Call::begin_where("socket", |line| {
        line.text("detail", |text| names::socket(text, domain, kind));
        domain != libc::AF_UNIX
    });
    // SAFETY: handed on.
    let result = unsafe { next::socket(domain, kind, protocol) };
    call.end(result, call::made);
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bind(fd: c_int, address: *const sockaddr, length: socklen_t) -> c_int {
    // SAFETY: the caller lends the address.
    let call = Call::on("bind", fd, |line| unsafe {
        call::address(line, "local", address, length)
    });
    // SAFETY: handed on.
    let result = unsafe { next::bind(fd, address, length) };
    call.end(result, |line, result| {
        if result == 0 {
            call::local(line, fd);
        }
    });
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn listen(fd: c_int, backlog: c_int) -> c_int {
    let call = Call::on("listen", fd, |line| {
        detail(line, |text| {
            text.word(b"backlog ").number(backlog);
        });
    });
    // SAFETY: handed on.
    let result = unsafe { next::listen(fd, backlog) };
    // A socket that was never bound gets its port here.
    call.end(result, |line, _| call::local(line, fd));
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn accept(fd: c_int, address: *mut sockaddr, length: *mut socklen_t) -> c_int {
    let call = Call::on("accept", fd, |_| {});
    // SAFETY: handed on.
    let result = unsafe { next::accept(fd, address, length) };
    call.end(result, accepted);
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn accept4(
    fd: c_int,
    address: *mut sockaddr,
    length: *mut socklen_t,
    flags: c_int,
) -> c_int {
    let call = Call::on("accept4", fd, |line| {
        detail(line, |text| names::socket_flags(text, flags))
    });
    // SAFETY: handed on.
    let result = unsafe { next::accept4(fd, address, length, flags) };
    call.end(result, accepted);
    result
}

fn accepted(line: &mut Line, result: i64) {
    call::made(line, result);
    if let Ok(fd) = c_int::try_from(result)
        && fd >= 0
    {
        call::local(line, fd);
        call::peer(line, fd);
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn connect(fd: c_int, address: *const sockaddr, length: socklen_t) -> c_int {
    // SAFETY: the caller lends the address.
    let call = Call::on("connect", fd, |line| unsafe {
        call::address(line, "peer", address, length)
    });
    // SAFETY: handed on.
    let result = unsafe { next::connect(fd, address, length) };
    // Under way (EINPROGRESS) or done, the socket has its port; refused or timed out, the kernel has taken it back.
    call.end(result, |line, _| call::local(line, fd));
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn shutdown(fd: c_int, how: c_int) -> c_int {
    let call = Call::on("shutdown", fd, |line| detail(line, |text| names::how(text, how)));
    // SAFETY: handed on.
    let result = unsafe { next::shutdown(fd, how) };
    call.end(result, |_, _| {});
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn setsockopt(
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *const c_void,
    length: socklen_t,
) -> c_int {
    let call = Call::on("setsockopt", fd, |line| {
        // SAFETY: the caller lends the value.
        let value = unsafe { bytes(value, length as usize) };
        detail(line, |text| names::option(text, level, name, value));
    });
    // SAFETY: handed on.
    let result = unsafe { next::setsockopt(fd, level, name, value, length) };
    call.end(result, |_, _| {});
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getsockopt(
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *mut c_void,
    length: *mut socklen_t,
) -> c_int {
    let call = Call::on("getsockopt", fd, |line| {
        detail(line, |text| names::option(text, level, name, &[]))
    });
    // SAFETY: handed on.
    let result = unsafe { next::getsockopt(fd, level, name, value, length) };
    call.end(result, |line, result| {
        if result == 0 && !length.is_null() {
            // SAFETY: the kernel has said how much of the caller's room it filled.
            let value = unsafe { bytes(value, *length as usize) };
            detail(line, |text| names::option(text, level, name, value));
        }
    });
    result
}

// Bytes out.

#[unsafe(no_mangle)]
unsafe extern "C" fn send(fd: c_int, buffer: *const c_void, length: size_t, flags: c_int) -> ssize_t {
    let call = Call::on("send", fd, |line| transfer(line, length, flags));
    // SAFETY: handed on.
    let result = unsafe { next::send(fd, buffer, length, flags) };
    call.end(wide(result), |_, _| {});
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sendto(
    fd: c_int,
    buffer: *const c_void,
    length: size_t,
    flags: c_int,
    to: *const sockaddr,
    to_length: socklen_t,
) -> ssize_t {
    let call = Call::on("sendto", fd, |line| {
        transfer(line, length, flags);
        // SAFETY: the caller lends the address.
        unsafe { call::address(line, "peer", to, to_length) };
    });
    // SAFETY: handed on.
    let result = unsafe { next::sendto(fd, buffer, length, flags, to, to_length) };
    call.end(wide(result), |_, _| {});
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sendmsg(fd: c_int, message: *const libc::msghdr, flags: c_int) -> ssize_t {
    let call = Call::on("sendmsg", fd, |line| {
        // SAFETY: the caller lends the message.
        let length = unsafe {
            message
                .as_ref()
                .map_or(0, |message| sum(message.msg_iov, message.msg_iovlen as usize))
        };
        transfer(line, length, flags);
    });
    // SAFETY: handed on.
    let result = unsafe { next::sendmsg(fd, message, flags) };
    call.end(wide(result), |_, _| {});
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sendmmsg(fd: c_int, messages: *mut libc::mmsghdr, count: c_uint, flags: c_int) -> c_int {
    let call = Call::on("sendmmsg", fd, |line| {
        // SAFETY: the caller lends it.
        transfer(line, unsafe { total(messages, count) }, flags)
    });
    // SAFETY: handed on.
    let result = unsafe { next::sendmmsg(fd, messages, count, flags) };
    call.end(result, |_, _| {});
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: c_int, buffer: *const c_void, length: size_t) -> ssize_t {
    if fd == libc::STDERR_FILENO && length <= call::LONGEST_SAID {
        // SAFETY: the caller lends the bytes.
        call::said(unsafe { bytes(buffer, length) });
    }
    let call = Call::on_any("write", fd, |line| transfer(line, length, 0));
    // SAFETY: handed on.
    let result = unsafe { next::write(fd, buffer, length) };
    call.end(wide(result), |_, _| {});
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn writev(fd: c_int, buffers: *const iovec, count: c_int) -> ssize_t {
    let call = Call::on_any("writev", fd, |line| {
        // SAFETY: the caller lends it.
        transfer(line, unsafe { sum(buffers, count as usize) }, 0)
    });
    // SAFETY: handed on.
    let result = unsafe { next::writev(fd, buffers, count) };
    call.end(wide(result), |_, _| {});
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sendfile(out: c_int, input: c_int, offset: *mut off_t, count: size_t) -> ssize_t {
    let call = Call::on_any("sendfile", out, |line| transfer(line, count, 0));
    // SAFETY: handed on.
    let result = unsafe { next::sendfile(out, input, offset, count) };
    call.end(wide(result), |_, _| {});
    result
}

/// The same by its other name, which std and libc crate use.
#[unsafe(no_mangle)]
unsafe extern "C" fn sendfile64(
    out: c_int,
    input: c_int,
    offset: *mut libc::off64_t,
    count: size_t,
) -> ssize_t {
    let call = Call::on_any("sendfile", out, |line| transfer(line, count, 0));
    // SAFETY: handed on.
    let result = unsafe { next::sendfile64(out, input, offset, count) };
    call.end(wide(result), |_, _| {});
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn splice(
    input: c_int,
    input_offset: *mut libc::loff_t,
    out: c_int,
    out_offset: *mut libc::loff_t,
    length: size_t,
    flags: c_uint,
) -> ssize_t {
    let call = Call::begin_where("splice", |line| {
        // One of the two is always a pipe.
        let (fd, subject, direction) = match (subject(out), subject(input)) {
            (to @ Subject::Socket(_), _) => (out, to, b"to socket".as_slice()),
            (_, from) => (input, from, b"from socket".as_slice()),
        };
        call::about(line, fd, subject);
        line.number("requested", length as u64);
        detail(line, |text| {
            text.word(direction);
            if flags != 0 {
                names::splice_flags(text.word(b" "), flags);
            }
        });
        subject.is_noted()
    });
    // SAFETY: handed on.
    let result = unsafe { next::splice(input, input_offset, out, out_offset, length, flags) };
    call.end(wide(result), |_, _| {});
    result
}

// Bytes in.

#[unsafe(no_mangle)]
unsafe extern "C" fn recv(fd: c_int, buffer: *mut c_void, length: size_t, flags: c_int) -> ssize_t {
    let call = Call::on("recv", fd, |line| transfer(line, length, flags));
    // SAFETY: handed on.
    let result = unsafe { next::recv(fd, buffer, length, flags) };
    call.end(wide(result), |_, _| {});
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn recvfrom(
    fd: c_int,
    buffer: *mut c_void,
    length: size_t,
    flags: c_int,
    from: *mut sockaddr,
    from_length: *mut socklen_t,
) -> ssize_t {
    let call = Call::on("recvfrom", fd, |line| transfer(line, length, flags));
    // SAFETY: handed on.
    let result = unsafe { next::recvfrom(fd, buffer, length, flags, from, from_length) };
    call.end(wide(result), |line, result| {
        if result >= 0 && !from_length.is_null() {
            // SAFETY: the kernel has written an address of this length into the caller's room.
            unsafe { call::address(line, "peer", from, *from_length) };
        }
    });
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn recvmsg(fd: c_int, message: *mut libc::msghdr, flags: c_int) -> ssize_t {
    let call = Call::on("recvmsg", fd, |line| {
        // SAFETY: the caller lends the message.
        let length = unsafe {
            message
                .as_ref()
                .map_or(0, |message| sum(message.msg_iov, message.msg_iovlen as usize))
        };
        transfer(line, length, flags);
    });
    // SAFETY: handed on.
    let result = unsafe { next::recvmsg(fd, message, flags) };
    call.end(wide(result), |_, _| {});
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn recvmmsg(
    fd: c_int,
    messages: *mut libc::mmsghdr,
    count: c_uint,
    flags: c_int,
    timeout: *mut libc::timespec,
) -> c_int {
    let call = Call::on("recvmmsg", fd, |line| {
        // SAFETY: the caller lends it.
        transfer(line, unsafe { total(messages, count) }, flags)
    });
    // SAFETY: handed on.
    let result = unsafe { next::recvmmsg(fd, messages, count, flags, timeout) };
    call.end(result, |_, _| {});
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn read(fd: c_int, buffer: *mut c_void, length: size_t) -> ssize_t {
    let call = Call::on_any("read", fd, |line| transfer(line, length, 0));
    // SAFETY: handed on.
    let result = unsafe { next::read(fd, buffer, length) };
    call.end(wide(result), |_, _| {});
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn readv(fd: c_int, buffers: *const iovec, count: c_int) -> ssize_t {
    let call = Call::on_any("readv", fd, |line| {
        // SAFETY: the caller lends it.
        transfer(line, unsafe { sum(buffers, count as usize) }, 0)
    });
    // SAFETY: handed on.
    let result = unsafe { next::readv(fd, buffers, count) };
    call.end(wide(result), |_, _| {});
    result
}

// Descriptors.

#[unsafe(no_mangle)]
unsafe extern "C" fn close(fd: c_int) -> c_int {
    let call = Call::on_any("close", fd, |_| {});
    // SAFETY: handed on.
    let result = unsafe { next::close(fd) };
    call.end(result, |_, _| {});
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dup(fd: c_int) -> c_int {
    let call = Call::on_any("dup", fd, |_| {});
    // SAFETY: handed on.
    let result = unsafe { next::dup(fd) };
    call.end(result, call::made);
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dup2(old: c_int, new: c_int) -> c_int {
    let call = Call::begin_where("dup2", |line| copied(line, old, new));
    // SAFETY: handed on.
    let result = unsafe { next::dup2(old, new) };
    call.end(result, call::made);
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dup3(old: c_int, new: c_int, flags: c_int) -> c_int {
    let call = Call::begin_where("dup3", |line| {
        detail(line, |text| names::close_flags(text, flags));
        copied(line, old, new)
    });
    // SAFETY: handed on.
    let result = unsafe { next::dup3(old, new, flags) };
    call.end(result, call::made);
    result
}

/// A copy onto `new` closes what `new` was: it matters if either is a socket.
fn copied(line: &mut Line, old: c_int, new: c_int) -> bool {
    let from = subject(old);
    call::about(line, old, from);
    from.is_noted() || subject(new).is_noted()
}

/// C declares this one with `...`. On the machines named here the third argument travels in the same register either way,
/// and a command without argument ignores it.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
#[unsafe(no_mangle)]
unsafe extern "C" fn fcntl(fd: c_int, command: c_int, argument: usize) -> c_int {
    let copies = matches!(command, libc::F_DUPFD | libc::F_DUPFD_CLOEXEC);
    let call = Call::begin_where("fcntl", |line| {
        if !copies && command != libc::F_SETFL {
            return false;
        }
        let subject = subject(fd);
        call::about(line, fd, subject);
        detail(line, |text| {
            names::command(text, command);
            if !copies {
                names::file_flags(text.word(b" "), argument as c_int);
            }
        });
        subject.is_noted()
    });
    // SAFETY: handed on.
    let result = unsafe { next::fcntl(fd, command, argument) };
    call.end(result, |line, result| {
        if copies {
            call::made(line, result);
        }
    });
    result
}

/// As `fcntl`. Noted for `FIONBIO` alone, by which std makes a socket refuse to wait.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
#[unsafe(no_mangle)]
unsafe extern "C" fn ioctl(fd: c_int, request: c_ulong, argument: usize) -> c_int {
    let call = Call::begin_where("ioctl", |line| {
        if request != libc::FIONBIO {
            return false;
        }
        let subject = subject(fd);
        call::about(line, fd, subject);
        // SAFETY: this request's argument points to an int that the caller lends.
        let on = unsafe { (argument as *const c_int).as_ref() }
            .copied()
            .unwrap_or_default();
        detail(line, |text| {
            text.word(b"FIONBIO ").number(on);
        });
        subject.is_noted()
    });
    // SAFETY: handed on.
    let result = unsafe { next::ioctl(fd, request, argument) };
    call.end(result, |_, _| {});
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fork() -> libc::pid_t {
    let call = Call::begin("fork", |_| {});
    // SAFETY: handed on. The tap holds no lock that the child could be left with.
    let result = unsafe { next::fork() };
    if result == 0 {
        call.end_in_child();
    } else {
        call.end(result, |_, _| {});
    }
    result
}

// Waiting for several.

#[unsafe(no_mangle)]
unsafe extern "C" fn poll(polled: *mut libc::pollfd, count: libc::nfds_t, timeout: c_int) -> c_int {
    // SAFETY: the caller lends the list.
    let call = Call::begin_where("poll", |line| unsafe {
        asked(line, polled, count, millis(timeout))
    });
    // SAFETY: handed on.
    let result = unsafe { next::poll(polled, count, timeout) };
    // SAFETY: as above.
    call.end(result, |line, _| unsafe { answered(line, polled, count) });
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ppoll(
    polled: *mut libc::pollfd,
    count: libc::nfds_t,
    timeout: *const libc::timespec,
    mask: *const libc::sigset_t,
) -> c_int {
    // SAFETY: the caller lends list and time.
    let call = Call::begin_where("ppoll", |line| unsafe {
        asked(line, polled, count, timespec(timeout))
    });
    // SAFETY: handed on.
    let result = unsafe { next::ppoll(polled, count, timeout, mask) };
    // SAFETY: as above.
    call.end(result, |line, _| unsafe { answered(line, polled, count) });
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn select(
    count: c_int,
    read: *mut libc::fd_set,
    write: *mut libc::fd_set,
    except: *mut libc::fd_set,
    timeout: *mut libc::timeval,
) -> c_int {
    let sets = [
        (read.cast_const(), "read"),
        (write.cast_const(), "write"),
        (except.cast_const(), "except"),
    ];
    // SAFETY: the caller lends sets and time.
    let call = Call::begin_where("select", |line| unsafe {
        let timeout = timeout.as_ref().map(|time| {
            time.tv_sec
                .saturating_mul(1000)
                .saturating_add(time.tv_usec / 1000)
        });
        watched(line, count, sets, timeout)
    });
    // SAFETY: handed on.
    let result = unsafe { next::select(count, read, write, except, timeout) };
    // SAFETY: as above.
    call.end(result, |line, result| unsafe { left(line, count, sets, result) });
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pselect(
    count: c_int,
    read: *mut libc::fd_set,
    write: *mut libc::fd_set,
    except: *mut libc::fd_set,
    timeout: *const libc::timespec,
    mask: *const libc::sigset_t,
) -> c_int {
    let sets = [
        (read.cast_const(), "read"),
        (write.cast_const(), "write"),
        (except.cast_const(), "except"),
    ];
    // SAFETY: the caller lends sets and time.
    let call = Call::begin_where("pselect", |line| unsafe {
        watched(line, count, sets, timespec(timeout))
    });
    // SAFETY: handed on.
    let result = unsafe { next::pselect(count, read, write, except, timeout, mask) };
    // SAFETY: as above.
    call.end(result, |line, result| unsafe { left(line, count, sets, result) });
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_create1(flags: c_int) -> c_int {
    let call = Call::begin("epoll_create1", |line| {
        detail(line, |text| names::epoll_flags(text, flags))
    });
    // SAFETY: handed on.
    let result = unsafe { next::epoll_create1(flags) };
    call.end(result, call::made);
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_ctl(
    epoll: c_int,
    operation: c_int,
    fd: c_int,
    event: *mut libc::epoll_event,
) -> c_int {
    let call = Call::on("epoll_ctl", fd, |line| {
        // SAFETY: the caller lends the event; the kernel ignores it where something is taken out.
        let event =
            unsafe { (operation != libc::EPOLL_CTL_DEL && !event.is_null()).then(|| event.read_unaligned()) };
        if let Some(event) = event {
            line.list("target", |list| {
                list.number(epoll);
                list.number(event.u64);
            });
        }
        detail(line, |text| {
            names::operation(text, operation);
            if let Some(event) = event {
                names::epoll_events(text.word(b" "), event.events);
            }
        });
    });
    // SAFETY: handed on.
    let result = unsafe { next::epoll_ctl(epoll, operation, fd, event) };
    call.end(result, |_, _| {});
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_wait(
    epoll: c_int,
    events: *mut libc::epoll_event,
    room: c_int,
    timeout: c_int,
) -> c_int {
    let call = Call::on("epoll_wait", epoll, |line| {
        detail(line, |text| until(text, millis(timeout)))
    });
    // SAFETY: handed on.
    let result = unsafe { next::epoll_wait(epoll, events, room, timeout) };
    // SAFETY: the kernel says how many events it has written into the caller's room.
    call.end(result, |line, result| unsafe { tokens(line, events, result) });
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_pwait(
    epoll: c_int,
    events: *mut libc::epoll_event,
    room: c_int,
    timeout: c_int,
    mask: *const libc::sigset_t,
) -> c_int {
    let call = Call::on("epoll_pwait", epoll, |line| {
        detail(line, |text| until(text, millis(timeout)))
    });
    // SAFETY: handed on.
    let result = unsafe { next::epoll_pwait(epoll, events, room, timeout, mask) };
    // SAFETY: as above.
    call.end(result, |line, result| unsafe { tokens(line, events, result) });
    result
}

// What several of them share.

fn detail(line: &mut Line, fill: impl FnOnce(&mut Text)) {
    line.text("detail", fill);
}

fn transfer(line: &mut Line, length: usize, flags: c_int) {
    line.number("requested", length as u64);
    if flags != 0 {
        detail(line, |text| names::message_flags(text, flags));
    }
}

/// The caller's `length` bytes.
unsafe fn bytes<'call>(start: *const c_void, length: usize) -> &'call [u8] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: the caller of libc lends that many.
    unsafe { slice::from_raw_parts(start.cast(), length) }
}

/// The room of a vector of buffers.
unsafe fn sum(buffers: *const iovec, count: usize) -> usize {
    // A count that the kernel refuses (EINVAL) need not be backed by anything.
    if buffers.is_null() || count > libc::UIO_MAXIOV as usize {
        return 0;
    }
    // SAFETY: the caller of libc lends that many.
    let buffers = unsafe { slice::from_raw_parts(buffers, count) };
    buffers
        .iter()
        .fold(0, |sum, buffer| sum.wrapping_add(buffer.iov_len))
}

/// The room of several messages.
unsafe fn total(messages: *const libc::mmsghdr, count: c_uint) -> usize {
    if messages.is_null() || count > libc::UIO_MAXIOV as c_uint {
        return 0;
    }
    // SAFETY: the caller of libc lends that many, each with its vector.
    unsafe {
        slice::from_raw_parts(messages, count as usize)
            .iter()
            .fold(0, |all, message| {
                all.wrapping_add(sum(message.msg_hdr.msg_iov, message.msg_hdr.msg_iovlen as usize))
            })
    }
}

/// A time limit in milliseconds; none waits for ever.
fn millis(timeout: c_int) -> Option<i64> {
    (timeout >= 0).then_some(i64::from(timeout))
}

unsafe fn timespec(time: *const libc::timespec) -> Option<i64> {
    // SAFETY: null, or lent by the caller of libc.
    let time = unsafe { time.as_ref() }?;
    Some(
        time.tv_sec
            .saturating_mul(1000)
            .saturating_add(time.tv_nsec / 1_000_000),
    )
}

fn until(text: &mut Text, timeout: Option<i64>) {
    match timeout {
        Some(timeout) => text.between("; ").word(b"at most ").number(timeout).word(b" ms"),
        None => text.between("; ").word(b"no limit"),
    };
}

/// What `poll` is asked; noted if a socket is among it.
unsafe fn asked(
    line: &mut Line,
    polled: *const libc::pollfd,
    count: libc::nfds_t,
    timeout: Option<i64>,
) -> bool {
    // SAFETY: the caller of libc lends that many.
    let polled = unsafe { list(polled, count as usize) };
    detail(line, |text| {
        for polled in polled {
            text.between(", ").number(polled.fd).word(b" ");
            names::poll_events(text, polled.events);
        }
        until(text, timeout);
    });
    polled.iter().any(|polled| subject(polled.fd).is_noted())
}

unsafe fn answered(line: &mut Line, polled: *const libc::pollfd, count: libc::nfds_t) {
    // SAFETY: the caller of libc lends that many.
    let polled = unsafe { list(polled, count as usize) };
    line.list("ready", |list| {
        for polled in polled.iter().filter(|polled| polled.revents != 0) {
            list.list(|ready| {
                descriptor(ready, polled.fd);
                ready.text(|text| names::poll_events(text, polled.revents));
            });
        }
    });
}

/// The first of the caller's items, as many as a line has room for.
unsafe fn list<'call, T>(start: *const T, count: usize) -> &'call [T] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: the caller of libc lends at least that many.
    unsafe { slice::from_raw_parts(start, count.min(LISTED)) }
}

fn descriptor(list: &mut crate::line::List, fd: c_int) {
    list.number(fd);
    match subject(fd) {
        Subject::Socket(inode) => list.number(inode),
        _ => list.null(),
    }
}

type Sets = [(*const libc::fd_set, &'static str); 3];

/// The descriptors in a set.
unsafe fn members(count: c_int, set: *const libc::fd_set) -> impl Iterator<Item = c_int> {
    let highest = if set.is_null() {
        0
    } else {
        count.clamp(0, libc::FD_SETSIZE as c_int)
    };
    // SAFETY: the set is there where the range is not empty, and has a bit for each number below FD_SETSIZE.
    (0..highest).filter(move |fd| unsafe { libc::FD_ISSET(*fd, set) })
}

/// What `select` is asked; noted if a socket is among it.
unsafe fn watched(line: &mut Line, count: c_int, sets: Sets, timeout: Option<i64>) -> bool {
    let mut noted = false;
    detail(line, |text| {
        for (set, word) in sets {
            // SAFETY: the caller of libc lends the sets.
            for fd in unsafe { members(count, set) }.take(LISTED) {
                noted |= subject(fd).is_noted();
                text.between(", ").number(fd).word(b" ").word(word.as_bytes());
            }
        }
        until(text, timeout);
    });
    noted
}

/// What `select` has left in the sets: what is ready.
unsafe fn left(line: &mut Line, count: c_int, sets: Sets, result: i64) {
    if result <= 0 {
        return;
    }
    line.list("ready", |list| {
        for (set, word) in sets {
            // SAFETY: the caller of libc lends the sets.
            for fd in unsafe { members(count, set) }.take(LISTED) {
                list.list(|ready| {
                    descriptor(ready, fd);
                    ready.text(|text| {
                        text.word(word.as_bytes());
                    });
                });
            }
        }
    });
}

unsafe fn tokens(line: &mut Line, events: *const libc::epoll_event, count: i64) {
    line.list("tokens", |list| {
        for index in 0..usize::try_from(count).unwrap_or_default().min(LISTED) {
            // SAFETY: the kernel has written `count` events.
            let event = unsafe { events.add(index).read_unaligned() };
            list.list(|ready| {
                ready.number(event.u64);
                ready.text(|text| names::epoll_events(text, event.events));
            });
        }
    });
}
