//! Return addresses, as they stand on the stack: whose lines they are is found out after the run.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many frames are noted. The line that awaits lies above those of mio, tokio and std: 4 to 20 of them in a build
/// without optimisation.
const FRAMES: usize = 32;

/// Where the tap itself is loaded: its own frames are left out.
static OWN_START: AtomicUsize = AtomicUsize::new(0);
static OWN_END: AtomicUsize = AtomicUsize::new(0);

#[repr(C)]
struct Context {
    _opaque: [u8; 0],
}

// What every C++ and Rust program on Linux unwinds with (libgcc_s): it reads tables that are in memory and allocates nothing.
unsafe extern "C" {
    fn _Unwind_Backtrace(
        visit: extern "C" fn(*mut Context, *mut c_void) -> c_int,
        data: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(context: *mut Context) -> usize;
}

const GO_ON: c_int = 0;
const END_OF_STACK: c_int = 5;

/// Return addresses, innermost first.
pub struct Stack {
    addresses: [usize; FRAMES],
    used: usize,
}

impl Stack {
    /// The stack of this thread, from the caller of the tap on.
    pub fn here() -> Stack {
        let mut stack = Stack {
            addresses: [0; FRAMES],
            used: 0,
        };
        // SAFETY: `visit` gets back the pointer given here, while `stack` is alive and not otherwise used.
        unsafe { _Unwind_Backtrace(visit, (&raw mut stack).cast::<c_void>()) };
        stack
    }

    /// The addresses.
    pub fn addresses(&self) -> &[usize] {
        self.addresses.get(..self.used).unwrap_or_default()
    }
}

/// Tells where the tap is loaded.
pub fn leave_out(start: usize, end: usize) {
    OWN_START.store(start, Ordering::Relaxed);
    OWN_END.store(end, Ordering::Relaxed);
}

extern "C" fn visit(context: *mut Context, data: *mut c_void) -> c_int {
    // SAFETY: `data` is the `Stack` that `here` gave, `context` the unwinder's own.
    let (stack, address) = unsafe { (&mut *data.cast::<Stack>(), _Unwind_GetIP(context)) };
    if (OWN_START.load(Ordering::Relaxed)..OWN_END.load(Ordering::Relaxed)).contains(&address) {
        return GO_ON;
    }
    match stack.addresses.get_mut(stack.used) {
        Some(place) if address != 0 => {
            *place = address;
            stack.used += 1;
            GO_ON
        }
        _ => END_OF_STACK,
    }
}
