//! Closing that closes: between fork and exec, a process we start has a copy of every descriptor of ours, and what we
//! close meanwhile stays open in it. On a busy machine that is a tenth of a second in which a client that has left is
//! still connected. So nothing is closed while a process is being started.

use std::{
    io,
    ops::{Deref, DerefMut},
    process::{Child, Command},
    sync::{PoisonError, RwLock},
};

/// Read by those that start a process, of which there may be several; written by those that close, each for a moment.
static STARTING: RwLock<()> = RwLock::new(());

/// Starts a process; when this returns, it is its own program and has no copy of what we hold.
pub(crate) fn start(command: &mut Command) -> io::Result<Child> {
    let _nobody_closes = STARTING.read().unwrap_or_else(PoisonError::into_inner);
    command.spawn()
}

/// A descriptor that is closed, when it is dropped, for everybody to see.
#[derive(Debug)]
pub(crate) struct Closing<T>(Option<T>);

impl<T> Closing<T> {
    pub(crate) fn new(descriptor: T) -> Self {
        Self(Some(descriptor))
    }
}

impl<T> Drop for Closing<T> {
    fn drop(&mut self) {
        let _nobody_starts = STARTING.write().unwrap_or_else(PoisonError::into_inner);
        self.0 = None;
    }
}

impl<T> Deref for Closing<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("taken by drop only")
    }
}

impl<T> DerefMut for Closing<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("taken by drop only")
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
        os::unix::process::CommandExt,
        thread,
        time::Duration,
    };

    use super::*;

    #[test]
    #[allow(unsafe_code)]
    fn what_is_closed_while_a_process_starts_slowly_is_closed_at_once_afterwards() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Closing::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let (mut server, _) = listener.accept().unwrap();
        server.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let (mut begun, mut begins) = io::pipe().unwrap();
        let starting = thread::spawn(move || {
            let mut slow = Command::new("true");
            let pause = move || {
                begins.write_all(b"!")?;
                thread::sleep(Duration::from_millis(200));
                Ok(())
            };
            // SAFETY: the closure makes two system calls and allocates nothing.
            unsafe { slow.pre_exec(pause) };
            start(&mut slow).unwrap().wait().unwrap();
        });
        begun.read_exact(&mut [0]).unwrap();
        drop(client);
        // Had the copy in the starting process kept it open, this would wait for that process.
        server.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert_eq!(server.read(&mut [0]).unwrap(), 0);
        starting.join().unwrap();
    }
}
