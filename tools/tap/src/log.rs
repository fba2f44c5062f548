//! The log: a file that is mapped into the program's memory, so that a line costs a copy and no system call, and needs
//! no descriptor that the program could close or come upon.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStringExt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use libc::c_void;

use crate::line::Line;
use crate::next;

/// The variable that names the log.
const VARIABLE: &str = "BOOK_TAP_LOG";

/// The last bytes of the file hold where the next line begins.
const NEXT: usize = size_of::<AtomicU64>();

/// The file, mapped and shared with every other process that is tapped into it.
pub struct Log {
    start: NonNull<u8>,
    /// How many bytes of lines it holds.
    room: usize,
    lost: AtomicU64,
}

// SAFETY: the mapping belongs to the process and is never undone; each line is written to a place of its own, which the
// shared counter has given away once.
unsafe impl Send for Log {}
// SAFETY: as above.
unsafe impl Sync for Log {}

impl Log {
    /// The log that the environment names; none without the variable, or where there is no such file.
    pub fn from_environment() -> Option<Log> {
        let path = CString::new(std::env::var_os(VARIABLE)?.into_vec()).ok()?;
        // SAFETY: the path ends with its zero.
        let descriptor = unsafe { libc::open(path.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) };
        if descriptor < 0 {
            return None;
        }
        let mut status = MaybeUninit::<libc::stat>::uninit();
        // SAFETY: `fstat` fills the whole structure where it returns 0, and only then is it read; the kernel chooses where
        // the mapping stands, and the mapping outlives the descriptor.
        let (size, start) = unsafe {
            let size = match libc::fstat(descriptor, status.as_mut_ptr()) {
                0 => status.assume_init().st_size as usize,
                _ => 0,
            };
            let rights = libc::PROT_READ | libc::PROT_WRITE;
            let start = libc::mmap(
                std::ptr::null_mut(),
                size,
                rights,
                libc::MAP_SHARED,
                descriptor,
                0,
            );
            next::close(descriptor);
            (size, start)
        };
        if start == libc::MAP_FAILED {
            return None;
        }
        Some(Log {
            start: NonNull::new(start.cast())?,
            // The counter stands at a multiple of its own size.
            room: (size & !(NEXT - 1)).checked_sub(NEXT)?,
            lost: AtomicU64::new(0),
        })
    }

    /// Writes one line; what cannot be written is counted and told on the next line that can.
    pub fn write(&self, line: &mut Line) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            line.number("lost", lost);
        }
        if !line.finish().is_some_and(|bytes| self.put(bytes)) {
            self.lose(lost.saturating_add(1));
        }
    }

    /// Counts lines that were not written.
    pub fn lose(&self, lines: u64) {
        self.lost.fetch_add(lines, Ordering::Relaxed);
    }

    /// Puts the line behind all others of all processes. Should this process be killed meanwhile, zeros stand in its place.
    fn put(&self, bytes: &[u8]) -> bool {
        let taken = self.next().fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let Some(end) = (taken as usize).checked_add(bytes.len()) else {
            return false;
        };
        if end > self.room {
            return false;
        }
        // SAFETY: the place lies within the mapping, and nobody else has been given it.
        unsafe {
            let place = self.start.add(taken as usize);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), place.as_ptr(), bytes.len());
        }
        true
    }

    fn next(&self) -> &AtomicU64 {
        // SAFETY: within the mapping and aligned, since the mapping begins with a page; every process uses it as an atomic.
        unsafe {
            let place: NonNull<c_void> = self.start.add(self.room).cast();
            AtomicU64::from_ptr(place.as_ptr().cast())
        }
    }
}
