//! Lines about a process: that it began, what is loaded into it, which sockets it was born with.

use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::call::{self, Subject};
use crate::line::Line;
use crate::log::Log;
use crate::stack;

/// The process that was last written about: a forked child starts with its parent's number here.
static KNOWN: AtomicU32 = AtomicU32::new(0);

/// Writes about a program that has come to life in this process.
pub fn began(log: &Log) {
    KNOWN.store(std::process::id(), Ordering::Relaxed);
    let mut line = opening(std::os::unix::process::parent_id(), true);
    line.list("sockets", |list| {
        // Without /proc nothing can be said; the program is then taken to be born with none.
        for entry in std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten() {
            let fd = entry.file_name().to_str().and_then(|name| name.parse().ok());
            if let Some(fd) = fd
                && let Subject::Socket(inode) = call::subject(fd)
            {
                list.list(|pair| {
                    pair.number(fd);
                    pair.number(inode);
                });
            }
        }
    });
    log.write(&mut line);
    // SAFETY: `object` has the type asked for and gets back this pointer while `log` is alive.
    unsafe { libc::dl_iterate_phdr(Some(object), (&raw const *log).cast_mut().cast::<c_void>()) };
}

/// Writes about a process that came of a fork, the first time it is seen.
pub fn check(log: &Log, process: u32) {
    let known = KNOWN.load(Ordering::Relaxed);
    if known != process {
        KNOWN.store(process, Ordering::Relaxed);
        log.write(&mut opening(known, false));
    }
}

fn opening(parent: u32, exec: bool) -> Line {
    let mut line = Line::new();
    line.number("process", std::process::id());
    line.number("parent", parent);
    line.number("at", call::now());
    line.flag("exec", exec);
    line
}

/// Writes where one object is loaded.
unsafe extern "C" fn object(info: *mut libc::dl_phdr_info, _: usize, log: *mut c_void) -> c_int {
    // SAFETY: the loader gives a valid description; `log` is the one `began` gave.
    let (info, log) = unsafe { (&*info, &*log.cast::<Log>()) };
    let base = info.dlpi_addr as usize;
    // SAFETY: the loader says how many headers there are.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let end = headers
        .iter()
        .filter(|header| header.p_type == libc::PT_LOAD)
        .map(|header| {
            base.wrapping_add(header.p_vaddr as usize)
                .wrapping_add(header.p_memsz as usize)
        })
        .max()
        .unwrap_or(base);
    if (base..end).contains(&(object as *const () as usize)) {
        stack::leave_out(base, end);
    }
    // SAFETY: the name is a C string, the empty one for the program itself.
    let name = unsafe { CStr::from_ptr(info.dlpi_name) };
    let program;
    let name = if name.is_empty() {
        program = std::env::current_exe().unwrap_or_default();
        program.as_os_str().as_encoded_bytes()
    } else {
        name.to_bytes()
    };
    let mut line = Line::new();
    line.number("process", std::process::id());
    line.text("object", |text| {
        text.word(name);
    });
    line.number("base", base as u64);
    line.number("limit", end as u64);
    log.write(&mut line);
    0
}
