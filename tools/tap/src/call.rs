//! One call, from before it to after it.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use libc::{c_int, c_void, sockaddr, socklen_t};

use crate::line::{Line, Text, decimal};
use crate::log::Log;
use crate::stack::Stack;
use crate::{names, next, process};

/// The longest line about a task, in bytes.
pub const LONGEST_SAID: usize = 200;

/// Made at the first call, which may come before the constructor below.
static LOG: OnceLock<Option<Log>> = OnceLock::new();

thread_local! {
    /// Whether this thread is at work for the tap. A signal's handler may call while it is: such a call is not noted, but
    /// counted as lost.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Runs when the library is loaded, so that a program that never calls has its `process` line too.
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = {
    extern "C" fn constructor() {
        drop(Inside::enter());
    }
    constructor
};

/// What a descriptor is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A socket of the network, and its inode.
    Socket(u64),
    /// A socket that stays on this machine (`AF_UNIX`): runtimes use pairs of them for signals. Nothing is noted of it.
    Local,
    /// An epoll instance.
    Epoll,
    /// Something else, or nothing.
    Other,
}

impl Subject {
    /// Whether calls that any file can have, as `read`, are noted for it.
    pub fn is_noted(self) -> bool {
        matches!(self, Subject::Socket(_) | Subject::Epoll)
    }
}

/// While this lives, the thread's calls are the tap's own. Keeps `errno` as it was.
struct Inside {
    log: &'static Log,
    errno: c_int,
}

impl Inside {
    fn enter() -> Option<Inside> {
        if BUSY.get() {
            if let Some(Some(log)) = LOG.get() {
                log.lose(1);
            }
            return None;
        }
        if let Some(None) = LOG.get() {
            return None;
        }
        let errno = errno();
        BUSY.set(true);
        let mut first = false;
        let log = LOG.get_or_init(|| {
            first = true;
            Log::from_environment()
        });
        let Some(log) = log else {
            BUSY.set(false);
            set_errno(errno);
            return None;
        };
        let inside = Inside { log, errno };
        if first {
            process::began(log);
            // The first unwinding of a process binds symbols and reads tables; no call should bear that.
            Stack::here();
        }
        Some(inside)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        BUSY.set(false);
        set_errno(self.errno);
    }
}

/// A call under way; its beginning is written.
pub struct Call {
    name: &'static str,
    /// None where the call is not noted.
    caller: Option<Caller>,
    from: u64,
}

impl Call {
    /// A call that is about no descriptor.
    pub fn begin(name: &'static str, fill: impl FnOnce(&mut Line)) -> Call {
        Call::begin_where(name, |line| {
            fill(line);
            true
        })
    }

    /// A call that only sockets have: noted for whatever else the descriptor is too, since its error teaches something.
    pub fn on(name: &'static str, fd: c_int, fill: impl FnOnce(&mut Line)) -> Call {
        Call::begin_where(name, |line| {
            let subject = subject(fd);
            about(line, fd, subject);
            fill(line);
            subject != Subject::Local
        })
    }

    /// A call that any file can have: noted for sockets and epoll instances.
    pub fn on_any(name: &'static str, fd: c_int, fill: impl FnOnce(&mut Line)) -> Call {
        Call::begin_where(name, |line| {
            let subject = subject(fd);
            about(line, fd, subject);
            fill(line);
            subject.is_noted()
        })
    }

    /// A call that `fill` describes and decides about.
    pub fn begin_where(name: &'static str, fill: impl FnOnce(&mut Line) -> bool) -> Call {
        let Some(inside) = Inside::enter() else {
            return Call {
                name,
                caller: None,
                from: 0,
            };
        };
        let caller = Caller::here();
        let mut line = Line::new();
        line.text("begin", |text| {
            text.word(name.as_bytes());
        });
        line.number("at", now());
        caller.note(&mut line);
        if !fill(&mut line) {
            return Call {
                name,
                caller: None,
                from: 0,
            };
        }
        process::check(inside.log, caller.process);
        let stack = Stack::here();
        line.list("stack", |list| {
            for address in stack.addresses() {
                list.number(*address as u64);
            }
        });
        inside.log.write(&mut line);
        drop(inside);
        Call {
            name,
            caller: Some(caller),
            from: now(),
        }
    }

    /// The call has returned: writes the result, and what `fill` has to add.
    pub fn end(self, result: impl Into<i64>, fill: impl FnOnce(&mut Line, i64)) {
        let Some(caller) = self.caller else { return };
        let to = now();
        let Some(inside) = Inside::enter() else { return };
        let result = result.into();
        let mut line = Line::new();
        line.text("end", |text| {
            text.word(self.name.as_bytes());
        });
        caller.note(&mut line);
        line.number("from", self.from);
        line.number("to", to);
        line.number("result", result);
        if result == -1 {
            line.text("errno", |text| {
                names::errno(text, inside.errno);
            });
        }
        fill(&mut line, result);
        inside.log.write(&mut line);
    }

    /// The call has returned, in a process that is new: what is left to say is that it exists.
    pub fn end_in_child(self) {
        if let Some(inside) = self.caller.and_then(|_| Inside::enter()) {
            process::check(inside.log, std::process::id());
        }
    }
}

/// Notes what the program says of one of its tasks, before it is written to standard error: one whole line that begins
/// with `task `. Nothing is noted of any other.
pub fn said(bytes: &[u8]) {
    let Some(words) = bytes
        .strip_prefix(b"task ")
        .and_then(|words| words.strip_suffix(b"\n"))
        .filter(|words| !words.contains(&b'\n'))
    else {
        return;
    };
    let at = now();
    let Some(inside) = Inside::enter() else { return };
    let caller = Caller::here();
    process::check(inside.log, caller.process);
    let mut line = Line::new();
    line.text("task", |text| {
        text.word(words);
    });
    line.number("at", at);
    caller.note(&mut line);
    inside.log.write(&mut line);
}

/// `ssize_t` as the log's number.
pub fn wide(result: isize) -> i64 {
    result as i64
}

/// Nanoseconds since the epoch, on the clock of the packets.
pub fn now() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the structure is ours; this clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut time) };
    (time.tv_sec as u64)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(time.tv_nsec as u64)
}

/// Asks the kernel what a descriptor is.
pub fn subject(fd: c_int) -> Subject {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `fstat` fills the whole structure where it returns 0, and only then is it read.
    let status = unsafe {
        if libc::fstat(fd, status.as_mut_ptr()) != 0 {
            return Subject::Other;
        }
        status.assume_init()
    };
    match status.st_mode & libc::S_IFMT {
        libc::S_IFSOCK if is_local(fd, status.st_ino) => Subject::Local,
        libc::S_IFSOCK => Subject::Socket(status.st_ino),
        // epoll instances, event counters and timers have no type and share one inode; only the name tells.
        0 if is_epoll(fd) => Subject::Epoll,
        _ => Subject::Other,
    }
}

/// Whether a socket is of the family `AF_UNIX`. The last answers are kept: an inode's family does not change, and the
/// kernel counts up before it uses an inode again.
fn is_local(fd: c_int, inode: u64) -> bool {
    static ANSWERS: [AtomicU64; 64] = [const { AtomicU64::new(0) }; 64];
    let answer = ANSWERS.get(inode as usize % ANSWERS.len());
    let known = answer.map_or(0, |answer| answer.load(Ordering::Relaxed));
    if known >> 1 == inode {
        return known & 1 == 1;
    }
    let mut domain: c_int = 0;
    let mut length = size_of::<c_int>() as socklen_t;
    let room = (&raw mut domain).cast::<c_void>();
    // SAFETY: the option is an int, and the room for it is given.
    unsafe { next::getsockopt(fd, libc::SOL_SOCKET, libc::SO_DOMAIN, room, &mut length) };
    let local = domain == libc::AF_UNIX;
    if let Some(answer) = answer {
        answer.store(inode << 1 | u64::from(local), Ordering::Relaxed);
    }
    local
}

fn is_epoll(fd: c_int) -> bool {
    const NAME: &[u8] = b"anon_inode:[eventpoll]";
    let mut digits = [0; 20];
    let digits = decimal(fd.unsigned_abs().into(), &mut digits);
    let mut path = [0_u8; 40];
    // 14 + 20 bytes at most: the last stays the zero that ends the path.
    for (place, byte) in path.iter_mut().zip(b"/proc/self/fd/".iter().chain(digits)) {
        *place = *byte;
    }
    let mut name = [0_u8; 32];
    // SAFETY: the path ends with a zero; the room is given.
    let length = unsafe { libc::readlink(path.as_ptr().cast(), name.as_mut_ptr().cast(), name.len()) };
    usize::try_from(length).ok().and_then(|length| name.get(..length)) == Some(NAME)
}

/// Writes the descriptor a call is about.
pub fn about(line: &mut Line, fd: c_int, subject: Subject) {
    line.number("fd", fd);
    if let Subject::Socket(inode) = subject {
        line.number("socket", inode);
    }
}

/// Writes the descriptor a call has made, and where wanted its addresses.
pub fn made(line: &mut Line, result: i64) {
    if let Ok(fd) = c_int::try_from(result)
        && fd >= 0
    {
        about(line, fd, subject(fd));
    }
}

/// Writes this side's address, where the kernel has given one.
pub fn local(line: &mut Line, fd: c_int) {
    name_of(line, "local", fd, libc::getsockname);
}

/// Writes the other side's address, where there is one.
pub fn peer(line: &mut Line, fd: c_int) {
    name_of(line, "peer", fd, libc::getpeername);
}

fn name_of(
    line: &mut Line,
    key: &str,
    fd: c_int,
    ask: unsafe extern "C" fn(c_int, *mut sockaddr, *mut socklen_t) -> c_int,
) {
    let mut storage = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut length = size_of::<libc::sockaddr_storage>() as socklen_t;
    // SAFETY: the storage holds any address, and its size is given.
    let failed = unsafe { ask(fd, storage.as_mut_ptr().cast(), &mut length) } != 0;
    if !failed {
        // SAFETY: the kernel has written an address of this length.
        unsafe { address(line, key, storage.as_ptr().cast(), length) };
    }
}

/// Writes an internet address; of other families nothing.
///
/// # Safety
/// `address` is null, or `length` bytes of a socket address.
pub unsafe fn address(line: &mut Line, key: &str, address: *const sockaddr, length: socklen_t) {
    if address.is_null() || (length as usize) < size_of::<libc::sockaddr_in>() {
        return;
    }
    // SAFETY: by the caller's word there is at least a `sockaddr_in`, and the longer one is read only where it is there.
    let (ip, port) = unsafe {
        match c_int::from((*address).sa_family) {
            libc::AF_INET => {
                let v4 = address.cast::<libc::sockaddr_in>().read_unaligned();
                (
                    std::net::Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)).into(),
                    v4.sin_port,
                )
            }
            libc::AF_INET6 if length as usize >= size_of::<libc::sockaddr_in6>() => {
                let v6 = address.cast::<libc::sockaddr_in6>().read_unaligned();
                (std::net::IpAddr::from(v6.sin6_addr.s6_addr), v6.sin6_port)
            }
            _ => return,
        }
    };
    line.text(key, |text| {
        // Formatting an address writes to the stack: nothing is allocated.
        let _ = std::fmt::Write::write_fmt(
            text,
            format_args!("{}", std::net::SocketAddr::new(ip, u16::from_be(port))),
        );
    });
}

impl std::fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.word(text.as_bytes());
        Ok(())
    }
}

/// Whose call it is.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Caller {
    process: u32,
    thread: u32,
}

impl Caller {
    const NOBODY: Caller = Caller {
        process: 0,
        thread: 0,
    };

    /// The thread that asks. A thread's number is asked for once, and again in a forked child.
    fn here() -> Caller {
        thread_local!(static LAST: Cell<Caller> = const { Cell::new(Caller::NOBODY) });
        let last = LAST.get();
        let process = std::process::id();
        if last.process == process {
            return last;
        }
        // SAFETY: takes nothing, changes nothing.
        let thread = unsafe { libc::gettid() }.unsigned_abs();
        LAST.set(Caller { process, thread });
        LAST.get()
    }

    fn note(self, line: &mut Line) {
        line.number("process", self.process);
        line.number("thread", self.thread);
    }
}

/// This thread's errno.
pub fn errno() -> c_int {
    // SAFETY: errno of this thread always has a place.
    unsafe { *libc::__errno_location() }
}

fn set_errno(errno: c_int) {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}
