//! System calls that the standard library has no name for.

#![allow(unsafe_code)]

use std::{
    ffi::CStr,
    fs, io, mem,
    net::Ipv4Addr,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    ptr,
    time::{Duration, SystemTime},
};

/// Turns the convention "-1 and errno" into a `Result`.
fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// `unshare(2)`.
pub fn unshare(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: takes no pointers.
    checked(unsafe { libc::unshare(flags) }).map(drop)
}

/// Takes room on the disk for a file that reads as so many zeros (`fallocate(2)`). A file system that cannot promise room
/// is asked for none.
pub fn reserve(file: &fs::File, room: u64) -> io::Result<()> {
    file.set_len(room)?;
    // SAFETY: takes no pointers.
    match checked(unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, room.cast_signed()) }) {
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(()),
        done => done.map(drop),
    }
}

/// The effective user and group.
pub fn user() -> (u32, u32) {
    // SAFETY: both always succeed and take nothing.
    unsafe { (libc::geteuid(), libc::getegid()) }
}

/// Brings `lo` up in the network namespace of this thread; its addresses come by themselves.
pub fn loopback_up() -> io::Result<()> {
    let socket = datagram_socket()?;
    interface_up(&socket, c"lo")
}

/// A socket to ask the kernel about interfaces with.
pub fn datagram_socket() -> io::Result<OwnedFd> {
    // SAFETY: takes no pointers; a descriptor that is returned is ours alone.
    unsafe {
        let fd = checked(libc::socket(
            libc::AF_INET,
            libc::SOCK_DGRAM | libc::SOCK_CLOEXEC,
            0,
        ))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// A request about the interface of this name, the rest zero.
pub fn interface_request(name: &CStr) -> libc::ifreq {
    // SAFETY: `ifreq` is plain data, for which all zeros is a value.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    for (to, from) in request
        .ifr_name
        .iter_mut()
        .zip(name.to_bytes().iter().take(libc::IFNAMSIZ - 1))
    {
        *to = *from as libc::c_char;
    }
    request
}

/// `ioctl(2)` with an interface request, which the kernel may fill in.
pub fn interface_ioctl(fd: &impl AsRawFd, code: libc::c_ulong, request: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: every code used with this function takes a pointer to one `ifreq`, which `request` is.
    checked(unsafe { libc::ioctl(fd.as_raw_fd(), code as _, ptr::from_mut(request)) }).map(drop)
}

/// Sets the flags UP and RUNNING of an interface.
pub fn interface_up(socket: &OwnedFd, name: &CStr) -> io::Result<()> {
    let mut request = interface_request(name);
    interface_ioctl(socket, libc::SIOCGIFFLAGS as _, &mut request)?;
    // SAFETY: SIOCGIFFLAGS has filled in the flags, which are plain integers.
    unsafe { request.ifr_ifru.ifru_flags |= (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short };
    interface_ioctl(socket, libc::SIOCSIFFLAGS as _, &mut request)
}

/// The index of the interface of this name.
pub fn interface_index(name: &CStr) -> io::Result<libc::c_int> {
    // SAFETY: `name` ends with a zero byte.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        index => Ok(index as libc::c_int),
    }
}

/// `fork(2)`: the child's number in the parent, none in the child.
///
/// To be called while there is one thread, so that the child may do anything.
pub fn fork() -> io::Result<Option<libc::pid_t>> {
    // SAFETY: there is one thread, so no lock is left held in the child.
    match checked(unsafe { libc::fork() })? {
        0 => Ok(None),
        child => Ok(Some(child)),
    }
}

/// Waits for this child to end and returns its raw status.
pub fn wait_for(child: libc::pid_t) -> io::Result<libc::c_int> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is where the kernel may write an int.
        match checked(unsafe { libc::waitpid(child, &raw mut status, 0) }) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map(|_| status),
        }
    }
}

/// A child that has ended, if there is one: its number and raw status. `None` while all live; an error where there are
/// no children.
pub fn reap() -> io::Result<Option<(libc::pid_t, libc::c_int)>> {
    let mut status = 0;
    // SAFETY: `status` is where the kernel may write an int.
    match checked(unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::__WALL) })? {
        0 => Ok(None),
        pid => Ok(Some((pid, status))),
    }
}

/// Sends a signal to one process.
pub fn kill(pid: libc::pid_t, signal: libc::c_int) -> io::Result<()> {
    // SAFETY: takes no pointers.
    checked(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// The kernel kills this process when its parent ends.
pub fn die_with_parent() -> io::Result<()> {
    // SAFETY: takes integers only.
    checked(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) }).map(drop)
}

/// Becomes another user for good: groups, group and user of every thread.
pub fn become_user(uid: u32, gid: u32) -> io::Result<()> {
    if user() == (uid, gid) {
        return Ok(());
    }
    // SAFETY: `gid` is the one element of the list; the others take integers only.
    unsafe {
        checked(libc::setgroups(1, &raw const gid))?;
        checked(libc::setresgid(gid, gid, gid))?;
        checked(libc::setresuid(uid, uid, uid)).map(drop)
    }
}

/// Becomes what a program of a scenario is, between fork and exec: the user, and of all capabilities those in `keep`
/// (a set of bits) and no other, whoever it is.
pub fn become_program(user: Option<(u32, u32)>, keep: u32) -> io::Result<()> {
    // What root gets at exec is bounded by this set. Who may not change it has nothing to lose from it either.
    for capability in 0..64 {
        let kept = capability < 32 && keep & (1 << capability) != 0;
        // SAFETY: takes integers only. The kernel says EINVAL behind its last capability.
        if !kept && unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) } < 0 {
            break;
        }
    }
    if keep != 0 {
        // SAFETY: takes integers only.
        checked(unsafe { libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0) })?;
    }
    if let Some((uid, gid)) = user {
        become_user(uid, gid)?;
    }
    if keep != 0 {
        // Version 3 of the interface: this process, and two words each of effective, permitted and inheritable.
        let header = [0x2008_0522_u32, 0];
        let sets = [keep, keep, keep, 0, 0, 0];
        // SAFETY: header and sets have the layout of `__user_cap_header_struct` and of two `__user_cap_data_struct`.
        if unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()) } < 0 {
            return Err(io::Error::last_os_error());
        }
        for capability in (0..32).filter(|capability| keep & (1 << capability) != 0) {
            let raise = libc::PR_CAP_AMBIENT_RAISE;
            // SAFETY: takes integers only.
            checked(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, raise, capability, 0, 0) })?;
        }
    }
    Ok(())
}

/// Keeps SIGCHLD back in this thread and those it starts, so that [`wait_for_child_signal`] gets it.
pub fn block_child_signal() -> io::Result<()> {
    change_mask(libc::SIG_BLOCK)
}

/// Undoes [`block_child_signal`]; fit for use between fork and exec.
pub fn unblock_child_signal() -> io::Result<()> {
    change_mask(libc::SIG_UNBLOCK)
}

fn child_signal() -> libc::sigset_t {
    // SAFETY: `sigemptyset` makes a set of the zeros, `sigaddset` adds to it.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        set
    }
}

fn change_mask(how: libc::c_int) -> io::Result<()> {
    let set = child_signal();
    // SAFETY: `set` is a set of signals; the old one is not asked for.
    match unsafe { libc::pthread_sigmask(how, &raw const set, ptr::null_mut()) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Waits until a child has ended, stopped or continued.
pub fn wait_for_child_signal() {
    let set = child_signal();
    // SAFETY: `set` is a set of signals; the details are not asked for. A spurious return is harmless.
    unsafe { libc::sigwaitinfo(&raw const set, ptr::null_mut()) };
}

/// The name of a signal: `SIGTERM`.
pub fn signal_name(signal: libc::c_int) -> String {
    let names = [
        (libc::SIGABRT, "SIGABRT"),
        (libc::SIGALRM, "SIGALRM"),
        (libc::SIGBUS, "SIGBUS"),
        (libc::SIGFPE, "SIGFPE"),
        (libc::SIGHUP, "SIGHUP"),
        (libc::SIGILL, "SIGILL"),
        (libc::SIGINT, "SIGINT"),
        (libc::SIGKILL, "SIGKILL"),
        (libc::SIGPIPE, "SIGPIPE"),
        (libc::SIGQUIT, "SIGQUIT"),
        (libc::SIGSEGV, "SIGSEGV"),
        (libc::SIGSYS, "SIGSYS"),
        (libc::SIGTERM, "SIGTERM"),
        (libc::SIGTRAP, "SIGTRAP"),
        (libc::SIGUSR1, "SIGUSR1"),
        (libc::SIGUSR2, "SIGUSR2"),
    ];
    match names.iter().find(|(number, _)| *number == signal) {
        Some((_, name)) => (*name).into(),
        None => format!("signal {signal}"),
    }
}

/// Now, in nanoseconds since the epoch, on the clock that stamps packets.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_nanos() as u64
}

/// What the kernel calls itself: `Linux 6.12.0 x86_64`.
pub fn kernel() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("Linux {} {}", release.trim(), std::env::consts::ARCH)
}

/// `setsockopt(2)` with an int.
pub fn set_option(fd: &OwnedFd, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    // SAFETY: pointer and length describe `value`.
    checked(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            ptr::from_ref(&value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// A raw packet socket that hears nothing yet.
pub fn packet_socket() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: takes no pointers; a descriptor that is returned is ours alone.
    unsafe {
        Ok(OwnedFd::from_raw_fd(checked(libc::socket(
            libc::AF_PACKET,
            kind,
            0,
        ))?))
    }
}

/// Lets a packet socket hear everything on one interface.
pub fn listen_to(socket: &OwnedFd, interface: libc::c_int) -> io::Result<()> {
    // SAFETY: `sockaddr_ll` is plain data, for which all zeros is a value.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = interface;
    // SAFETY: pointer and length describe `address`.
    checked(unsafe {
        libc::bind(
            socket.as_raw_fd(),
            ptr::from_ref(&address).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// What a packet socket has heard and lost since this was last asked.
pub fn packet_statistics(socket: &OwnedFd) -> io::Result<(u32, u32)> {
    let mut counts = [0_u32; 2];
    let mut length = size_of_val(&counts) as libc::socklen_t;
    // SAFETY: pointer and length describe `counts`, which has the layout of `tpacket_stats`.
    checked(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            counts.as_mut_ptr().cast(),
            &raw mut length,
        )
    })?;
    Ok((counts[0], counts[1]))
}

/// One packet as the kernel hands it over.
pub struct Received {
    /// Bytes that fit into the buffer.
    pub kept: usize,
    /// Bytes it had.
    pub length: usize,
    /// Nanoseconds since the epoch.
    pub time: u64,
}

/// Room for the one control message that is asked for, aligned as control messages must be.
#[repr(C, align(8))]
struct Control([u8; 128]);

/// Takes one packet out of a packet socket, with the kernel's time stamp; none where there is none yet.
pub fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<Option<Received>> {
    let mut control = Control([0; 128]);
    let mut piece = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: `msghdr` is plain data, for which all zeros is a value.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut piece;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = size_of::<Control>() as _;
    // SAFETY: the message describes `buffer` and `control`, both alive and writable.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_TRUNC) };
    if length < 0 {
        let error = io::Error::last_os_error();
        return match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(None),
            _ => Err(error),
        };
    }
    let length = length as usize;
    let mut time = None;
    // SAFETY: the kernel has filled in `message`; the macros walk inside its control buffer.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_TIMESTAMPNS {
                let stamp: libc::timespec = ptr::read_unaligned(libc::CMSG_DATA(header).cast());
                time = Some(stamp.tv_sec as u64 * 1_000_000_000 + stamp.tv_nsec as u64);
            }
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
    }
    let time = time.ok_or_else(|| io::Error::other("a packet came without a time stamp"))?;
    Ok(Some(Received {
        kept: length.min(buffer.len()),
        length,
        time,
    }))
}

/// Waits until one of the descriptors can be read or is at its end, or the time is over. Says which.
pub fn poll<const N: usize>(fds: [RawFd; N], timeout: Option<Duration>) -> io::Result<[bool; N]> {
    let mut polled = fds.map(|fd| libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    });
    let time = timeout.map(|time| libc::timespec {
        tv_sec: time.as_secs() as libc::time_t,
        tv_nsec: time.subsec_nanos().into(),
    });
    let time = time.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: pointer and length describe `polled`; `time` is null or points to a `timespec`; no signal mask is given.
    match checked(unsafe { libc::ppoll(polled.as_mut_ptr(), N as libc::nfds_t, time, ptr::null()) }) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok([false; N]),
        Err(error) => Err(error),
        Ok(_) => Ok(polled.map(|one| one.revents != 0)),
    }
}

/// Lets this thread's timers end when they should, not up to 50 microseconds later.
pub fn exact_timers() {
    // SAFETY: takes integers only; should it fail, timers are as they were.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1, 0, 0, 0) };
}

/// Makes an open `/dev/net/tun` the interface of this name, which carries IP packets as they are.
pub fn become_tun(device: &impl AsRawFd, name: &CStr) -> io::Result<()> {
    let mut request = interface_request(name);
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    interface_ioctl(device, libc::TUNSETIFF as _, &mut request)
}

/// Gives an interface its own address and the one across, and the longest packet it carries.
pub fn address_interface(
    socket: &OwnedFd,
    name: &CStr,
    own: Ipv4Addr,
    across: Ipv4Addr,
    mtu: i32,
) -> io::Result<()> {
    let mask = Ipv4Addr::BROADCAST;
    for (code, address) in [
        (libc::SIOCSIFADDR, own),
        (libc::SIOCSIFDSTADDR, across),
        (libc::SIOCSIFNETMASK, mask),
    ] {
        let mut request = interface_request(name);
        let address = libc::sockaddr_in {
            sin_family: libc::AF_INET as libc::sa_family_t,
            sin_port: 0,
            sin_addr: libc::in_addr {
                s_addr: u32::from(address).to_be(),
            },
            sin_zero: [0; 8],
        };
        // SAFETY: both are 16 bytes of plain data, and the kernel reads the one as the other by its family.
        request.ifr_ifru.ifru_addr = unsafe { mem::transmute::<libc::sockaddr_in, libc::sockaddr>(address) };
        interface_ioctl(socket, code as _, &mut request)?;
    }
    limit_interface(socket, name, mtu)
}

/// Sets the longest packet that an interface carries, in bytes.
pub fn limit_interface(socket: &OwnedFd, name: &CStr, mtu: i32) -> io::Result<()> {
    let mut request = interface_request(name);
    request.ifr_ifru.ifru_mtu = mtu;
    interface_ioctl(socket, libc::SIOCSIFMTU as _, &mut request)
}
