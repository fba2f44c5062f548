//! A future that says what becomes of it: made, polled, pending, woken, ready, dropped.
//!
//! Each is a line on standard error, `task reader polled`. A recorded program's lines become the task lane of the
//! figure; in a terminal they are to be read as they come.

use std::{
    cell::RefCell,
    io::{self, Write},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

/// A future inside another one, which notes what is asked of it and what it answers.
pub struct Watched<F> {
    name: Arc<str>,
    future: Pin<Box<F>>,
    ready: bool,
}

/// Watches `future` under a name, one word. To make a future runs nothing of it yet.
pub fn watched<F: Future>(name: impl Into<Arc<str>>, future: F) -> Watched<F> {
    let name = name.into();
    say(&name, "made");
    Watched { name, future: Box::pin(future), ready: false }
}

// ANCHOR: poll
impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<F::Output> {
        say(&self.name, "polled");
        // The future inside is given a waker of ours, which speaks, and then does
        // what the executor's own does.
        let bell = Bell { name: self.name.clone(), waker: context.waker().clone() };
        let waker = Waker::from(Arc::new(bell));
        let running = Running::enter(&self.name);
        let answer = self.future.as_mut().poll(&mut Context::from_waker(&waker));
        drop(running);
        self.ready = answer.is_ready();
        say(&self.name, if self.ready { "ready" } else { "pending" });
        answer
    }
}
// ANCHOR_END: poll

impl<F> Drop for Watched<F> {
    fn drop(&mut self) {
        // It was given up before it was done: what it holds, sockets too, is dropped after this line. Or its poll
        // panicked: then the unwinding has dropped its variables before.
        if !self.ready {
            say(&self.name, "dropped");
        }
    }
}

/// What a pending future keeps, to have itself polled again.
struct Bell {
    name: Arc<str>,
    waker: Waker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        // Within the poll of a watched future, that one wakes; outside it, the runtime does: a socket, a timer.
        match RUNNING.with_borrow(Clone::clone) {
            Some(by) => say(&self.name, &format!("woken by {by}")),
            None => say(&self.name, "woken"),
        }
        self.waker.wake_by_ref();
    }
}

thread_local! {
    /// The future that this thread is polling.
    static RUNNING: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
}

/// For as long as it lives, a future is being polled; afterwards the one around it, also where the poll panicked.
struct Running {
    outer: Option<Arc<str>>,
}

impl Running {
    fn enter(name: &Arc<str>) -> Running {
        Running { outer: RUNNING.replace(Some(Arc::clone(name))) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.set(self.outer.take());
    }
}

fn say(name: &str, what: &str) {
    // One `write` for the whole line, so that the lines of two threads do not mix. A reader gone is no reason to end.
    io::stderr().write_all(format!("task {name} {what}\n").as_bytes()).ok();
}
