//! What a turn of a connection does, and what it never does.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use ch15_multiplex::{BUFFER, Connection, Interest, Turn};

/// A connection, and the client at its other end, which waits five seconds at most.
fn pair() -> io::Result<(Connection, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    client.set_read_timeout(Some(Duration::from_secs(5)))?;
    let (stream, address) = listener.accept()?;
    Ok((Connection::new(stream, address)?, client))
}

/// Turns until one ends otherwise than this; what is under way arrives within five seconds.
fn turn_past(connection: &mut Connection, passed: fn(&Turn) -> bool) -> Turn {
    let begun = Instant::now();
    loop {
        let turn = connection.turn(&mut [0; BUFFER]);
        if !passed(&turn) || begun.elapsed() > Duration::from_secs(5) {
            return turn;
        }
    }
}

fn waits(turn: &Turn) -> bool {
    matches!(turn, Turn::Wait)
}

fn goes_on(turn: &Turn) -> bool {
    matches!(turn, Turn::More)
}

#[test]
fn one_turn_answers_one_buffer_however_much_has_come() {
    let (mut connection, mut client) = pair().unwrap();
    client.write_all(&[7; 5 * BUFFER]).unwrap();
    assert!(goes_on(&turn_past(&mut connection, waits)));
    client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut heard = 0;
    while let Ok(n) = client.read(&mut [0; 5 * BUFFER]) {
        heard += n;
    }
    assert_eq!(heard, BUFFER);
}

#[test]
fn a_client_that_does_not_read_is_not_read_from() {
    let (mut connection, client) = pair().unwrap();
    client.set_nonblocking(true).unwrap();
    let mut sent = 0;
    // Both ends go on until neither can.
    while let Ok(n) = (&client).write(&[7; 65536]) {
        sent += n;
        while goes_on(&connection.turn(&mut [0; BUFFER])) {}
    }
    assert!(waits(&turn_past(&mut connection, goes_on)));
    assert_eq!(connection.interest(), Interest::Write);
    // It reads at last, and everything comes back, though all of it had to wait.
    client.set_nonblocking(false).unwrap();
    let mut heard = 0;
    let mut buffer = vec![0; 1 << 20];
    while heard < sent {
        while goes_on(&connection.turn(&mut [0; BUFFER])) {}
        heard += (&client).read(&mut buffer).unwrap();
    }
    assert_eq!(heard, sent);
    assert!(waits(&turn_past(&mut connection, goes_on)));
    assert_eq!(connection.interest(), Interest::Read);
}

#[test]
fn the_end_of_the_stream_comes_behind_the_last_answer() {
    let (mut connection, mut client) = pair().unwrap();
    client.write_all(&[7; 3 * BUFFER]).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let end = turn_past(&mut connection, |turn| !matches!(turn, Turn::Gone(_)));
    assert!(matches!(end, Turn::Gone(Ok(()))), "{end:?}");
    drop(connection);
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).unwrap();
    assert_eq!(heard.len(), 3 * BUFFER);
}

#[test]
fn a_reset_is_told_as_an_error() {
    let (mut connection, mut client) = pair().unwrap();
    client.write_all(b"?").unwrap();
    assert!(goes_on(&turn_past(&mut connection, waits)));
    drop(client); // with an answer unread: an RST
    let end = turn_past(&mut connection, |turn| !matches!(turn, Turn::Gone(_)));
    assert!(matches!(end, Turn::Gone(Err(_))), "{end:?}");
}

#[test]
fn a_place_in_a_table_of_idle_connections_is_small() {
    assert!(size_of::<Option<Connection>>() <= 48);
}
