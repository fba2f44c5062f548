//! What calls cost, from different depths of the stack.

use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use nix::time::{ClockId, clock_gettime};

use super::Outcome;

const ROUNDS: u32 = 2_000;

pub fn main() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut here = TcpStream::connect(listener.local_addr()?)?;
    let (mut there, _) = listener.accept()?;
    for depth in [0, 10, 20] {
        measure("setsockopt", depth, || here.set_nodelay(true).is_ok());
        measure("send and recv", depth, || {
            here.write_all(b"x").is_ok() && there.read_exact(&mut [0]).is_ok()
        });
    }
    let mut file = File::open("/dev/zero")?;
    measure("a file's read", 0, || file.read_exact(&mut [0]).is_ok());
    Ok(())
}

/// Prints the best of several means, in microseconds of this thread's processor time: what waits costs nothing.
fn measure(name: &str, depth: u32, mut call: impl FnMut() -> bool) {
    let mut best = f64::MAX;
    for _ in 0..10 {
        deep(depth, &mut || {
            let start = now();
            for _ in 0..ROUNDS {
                assert!(call());
            }
            best = best.min((now() - start) * 1e6 / f64::from(ROUNDS));
        });
    }
    println!("{name}, {depth} frames deep\t{best:.3}");
}

/// Calls from that many frames further down, as a future in a runtime is called.
#[inline(never)]
fn deep(depth: u32, call: &mut dyn FnMut()) {
    if depth == 0 {
        call();
    } else {
        deep(depth - 1, call);
    }
    black_box(depth);
}

fn now() -> f64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("every thread has this clock");
    time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9
}
