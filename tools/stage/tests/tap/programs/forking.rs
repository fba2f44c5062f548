//! A process for each client, by `fork`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process;

use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};

use super::Outcome;

pub fn main() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?; // tap: socket setsockopt bind listen
    let mut client = TcpStream::connect(listener.local_addr()?)?; // tap: socket connect
    let (mut stream, _) = listener.accept()?; // tap: accept4
    // SAFETY: the program has one thread, so the child may go on as it is.
    #[allow(unsafe_code)]
    let side = unsafe { fork() }?; // tap: fork
    match side {
        ForkResult::Child => {
            nix::unistd::alarm::set(20);
            drop(listener); // tap: close
            drop(client); // tap: close
            let mut buffer = [0; 8];
            let n = stream.read(&mut buffer)?; // tap: recv
            stream.write_all(&buffer[..n])?; // tap: send
            // The child's end closes its stream.
            process::exit(7);
        }
        ForkResult::Parent { child } => {
            drop(stream); // tap: close
            client.write_all(b"to child")?; // tap: send
            client.read_exact(&mut [0; 8])?; // tap: recv
            waitpid(child, None)?;
            let end = client.read(&mut [0])?; // tap: recv
            assert_eq!(end, 0);
        }
    }
    Ok(())
} // tap: close
