//! What std calls.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use nix::sys::sendfile::sendfile;

use super::Outcome;

pub fn main() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?; // tap: socket setsockopt bind listen
    let address = listener.local_addr()?;
    let server = thread::spawn(move || -> io::Result<()> {
        let (stream, _) = listener.accept()?; // tap: accept4
        serve(stream)?;
        let second = listener.incoming().next(); // tap: accept4
        second.transpose()?.map_or(Ok(()), |mut stream| {
            stream.read_exact(&mut [0; 4]) // tap: recv
        }) // tap: close
    }); // tap: close
    speak(address)?;
    let hurried = TcpStream::connect_timeout(&address, Duration::from_secs(5))?; // tap: socket ioctl connect poll
    (&hurried).write_all(b"soon")?; // tap: send
    drop(hurried); // tap: close
    server.join().map_err(|_| "the server panicked")??;
    refused(address)
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut first = [0; 3];
    stream.peek(&mut first)?; // tap: recv
    stream.read_exact(&mut first)?; // tap: recv
    let (mut left, mut right) = ([0; 2], [0; 2]);
    let n = stream.read_vectored(&mut [IoSliceMut::new(&mut left), IoSliceMut::new(&mut right)])?; // tap: readv
    stream.write_all(&[left, right].concat()[..n])?; // tap: send
    // std moves what goes from a socket to a pipe inside the kernel.
    let (mut pipe, mut into_pipe) = io::pipe()?;
    io::copy(&mut (&stream).take(4), &mut into_pipe)?; // tap: splice
    pipe.read_exact(&mut [0; 4])?;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest)?; // tap: recv
    Ok(())
} // tap: close; drops stream

fn speak(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?; // tap: socket connect
    stream.set_nodelay(true)?; // tap: setsockopt
    stream.set_read_timeout(Some(Duration::from_millis(5_000)))?; // tap: setsockopt
    stream.write_all(b"abc")?; // tap: send
    let n = stream.write_vectored(&[IoSlice::new(b"de"), IoSlice::new(b"fg")])?; // tap: writev
    assert_eq!(n, 4);
    let mut answer = [0; 4];
    stream
        .read_exact(&mut answer) // tap: recv
        .map_err(|error| io::Error::other(format!("no answer: {error}")))?;
    let mut second = stream.try_clone()?; // tap: fcntl
    second.set_nonblocking(true)?; // tap: ioctl
    let nothing_yet = second.read(&mut answer); // tap: recv
    assert!(nothing_yet.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock));
    second.set_nonblocking(false)?; // tap: ioctl
    let mut file = tempfile::tempfile()?;
    file.write_all(b"from a file")?;
    sendfile(&second, &file, Some(&mut 0), 11)?; // tap: sendfile
    drop(stream); // tap: close
    second.shutdown(Shutdown::Write)?; // tap: shutdown
    Ok(())
} // tap: close

fn refused(address: SocketAddr) -> Outcome {
    let refused = TcpStream::connect(address); // tap: socket connect close
    assert!(refused.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused));
    Ok(())
}
