//! The log's descriptor: opened out of the program's way, watched, and opened again if the program closes it.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStringExt;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

use libc::{c_int, c_void};

use crate::call::errno;
use crate::line::Line;
use crate::next;

/// The variable that names the log.
const VARIABLE: &str = "BOOK_TAP_LOG";

/// Beyond this no descriptor is put, however many the process may have: the kernel's table grows with the number.
const HIGHEST: u64 = 1 << 16;

/// Where the log is; `open` leaves its descriptor and identity in the atomics below.
pub struct Log {
    path: CString,
    descriptor: AtomicI32,
    device: AtomicU64,
    inode: AtomicU64,
    lost: AtomicU64,
    torn: AtomicBool,
}

impl Log {
    /// The log that the environment names, opened; none without the variable.
    pub fn from_environment() -> Option<Log> {
        let path = CString::new(std::env::var_os(VARIABLE)?.into_vec()).ok()?;
        let log = Log {
            path,
            descriptor: AtomicI32::new(-1),
            device: AtomicU64::new(0),
            inode: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            torn: AtomicBool::new(false),
        };
        log.open();
        Some(log)
    }

    /// Writes one line; what cannot be written is counted and told on the next line that can.
    ///
    /// `watched` makes sure first that the descriptor still is the log. That costs a call of its own, so that it is asked
    /// for once in each call of the program.
    pub fn write(&self, line: &mut Line, watched: bool) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            line.number("lost", lost);
        }
        let written = line
            .finish()
            .is_some_and(|bytes| self.write_bytes(bytes, watched));
        if !written {
            self.lose(lost.saturating_add(1));
        }
    }

    /// Counts lines that were not written.
    pub fn lose(&self, lines: u64) {
        self.lost.fetch_add(lines, Ordering::Relaxed);
    }

    /// Whether a descriptor is the log's: one that the program cannot know of.
    pub fn is_behind(&self, descriptor: c_int) -> bool {
        descriptor == self.descriptor.load(Ordering::Relaxed) && self.is_ours()
    }

    /// Gives up a number that the program is about to use for something of its own.
    pub fn make_way(&self, descriptor: c_int) {
        if self.is_behind(descriptor) {
            self.open();
        }
    }

    fn write_bytes(&self, bytes: &[u8], watched: bool) -> bool {
        // A program may close every descriptor it does not know, and put its own in that place.
        if watched && !self.is_ours() && !self.open() {
            return false;
        }
        if self.torn.load(Ordering::Relaxed) && self.put(b"\n") == 1 {
            self.torn.store(false, Ordering::Relaxed);
        }
        let mut written = self.put(bytes);
        if written < 0 && errno() == libc::EBADF && self.open() {
            written = self.put(bytes);
        }
        if written > 0 && written.unsigned_abs() < bytes.len() {
            self.torn.store(true, Ordering::Relaxed);
        }
        written.unsigned_abs() == bytes.len()
    }

    fn put(&self, bytes: &[u8]) -> isize {
        let descriptor = self.descriptor.load(Ordering::Relaxed);
        loop {
            // SAFETY: the slice is valid for its length.
            let written = unsafe { next::write(descriptor, bytes.as_ptr().cast::<c_void>(), bytes.len()) };
            if written >= 0 || errno() != libc::EINTR {
                return written;
            }
        }
    }

    fn is_ours(&self) -> bool {
        identity(self.descriptor.load(Ordering::Relaxed)).is_some_and(|(device, inode)| {
            device == self.device.load(Ordering::Relaxed) && inode == self.inode.load(Ordering::Relaxed)
        })
    }

    /// Opens the log on a descriptor above the program's limit, where it takes no number the program could get: its
    /// sockets keep their numbers, and it runs out of descriptors exactly when it would without the tap.
    fn open(&self) -> bool {
        let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC;
        // SAFETY: the path ends with its zero.
        let low = unsafe { libc::open(self.path.as_ptr(), flags, 0o644) };
        if low < 0 {
            return false;
        }
        let high = move_up(low);
        let Some((device, inode)) = identity(high) else {
            return false;
        };
        self.device.store(device, Ordering::Relaxed);
        self.inode.store(inode, Ordering::Relaxed);
        self.descriptor.store(high, Ordering::Relaxed);
        true
    }
}

fn identity(descriptor: c_int) -> Option<(u64, u64)> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `fstat` fills the whole structure where it returns 0, and only then is it read.
    let status = unsafe {
        if libc::fstat(descriptor, status.as_mut_ptr()) != 0 {
            return None;
        }
        status.assume_init()
    };
    Some((status.st_dev, status.st_ino))
}

/// The same open file above the soft limit (below the hard one); `low` is closed if it moved.
///
/// Where the two limits are one it is moved as high as it can be, and the process has one descriptor less.
fn move_up(low: c_int) -> c_int {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: three calls on plain values; the limit is put back at once.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) != 0 {
            return low;
        }
        let raised = limit.rlim_max > limit.rlim_cur && limit.rlim_cur < HIGHEST;
        let wanted = if raised {
            limit.rlim_cur
        } else {
            limit.rlim_cur.min(HIGHEST).saturating_sub(1)
        };
        if raised {
            let above = libc::rlimit {
                rlim_cur: limit.rlim_cur.saturating_add(1),
                rlim_max: limit.rlim_max,
            };
            libc::setrlimit(libc::RLIMIT_NOFILE, &above);
        }
        let mut high = next::fcntl(low, libc::F_DUPFD_CLOEXEC, wanted as usize);
        if high < 0 {
            // The very highest is taken; somewhere below it there is room.
            high = next::fcntl(low, libc::F_DUPFD_CLOEXEC, wanted.saturating_sub(64) as usize);
        }
        if raised {
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
        if high < 0 {
            return low;
        }
        next::close(low);
        high
    }
}
