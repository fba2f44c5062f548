//! How a server begins: what it says, and what it says when it cannot.

use std::{process::ExitStatus, time::Duration};

use crate::{
    arena::{Bout, LISTENING_ON, address_in},
    case::{Case, Need},
    clock::{said, until},
    command::Place,
    failure::{Failure, Stop},
    server::{Server, Stdout},
};

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "first-line-says-where-it-listens",
        proves: "The first line of output is `listening on ADDRESS`, the address it is bound to.",
        needs: &[],
        run: first_line,
    },
    Case {
        name: "an-address-in-use-is-an-error",
        proves: "A second server at the same address ends with an error that names the address; the first goes on.",
        needs: &[Need::NoReusePort],
        run: address_in_use,
    },
    Case {
        name: "a-bad-address-is-an-error",
        proves: "An address that is none, or that this machine does not have, ends the start with an error that names it.",
        needs: &[],
        run: bad_address,
    },
    Case {
        name: "starts-again-at-once-on-the-same-port",
        proves: "Connections of its last life that are still in TIME-WAIT do not keep it from its port.",
        needs: &[],
        run: starts_again,
    },
    Case {
        name: "two-processes-share-the-port",
        proves: "A second start at the same address succeeds, and clients are served while both run.",
        needs: &[Need::ReusePort],
        run: shared_port,
    },
];

/// What all others rest on; asked once before them, and not counted.
pub(crate) const STARTS: &Case = &Case {
    name: "starts",
    proves: "The server can be started, and listens.",
    needs: &[],
    run: |bout| bout.start().map(drop),
};

fn first_line(bout: &Bout<'_>) -> Result<(), Stop> {
    let server = bout.start()?;
    let expected = format!("`{LISTENING_ON}ADDRESS` as the first line of output");
    let stdout = &server.witness().stdout;
    // A server that says nothing has been given its time when it was found out how it is addressed.
    let patience = bout.clock().at_most(Duration::from_millis(500));
    let Some(line) = until(patience, || stdout.first_line()) else {
        return Err(Failure::new(
            expected,
            "got no line",
            "whether the server prints its address, and whether the line is flushed: into a pipe, many languages write nothing until a buffer is full",
        )
        .into());
    };
    let look =
        "what is printed first: the address the listener is bound to (`local_addr`), and before it nothing";
    let Some(address) = address_in(&line) else {
        return Err(Failure::new(expected, format!("got `{line}`"), look).into());
    };
    bout.connect_to(address).map_err(|failure| {
        Failure::new(
            format!("a listener on {address}, as the first line says"),
            failure.seen,
            look,
        )
    })?;
    Ok(())
}

fn address_in_use(bout: &Bout<'_>) -> Result<(), Stop> {
    let first = bout.start()?;
    let address = first.address()?;
    let mut second = bout.launch(&address.into(), Stdout::Read)?;
    ends_with_an_error(
        bout,
        &mut second,
        &Place::from(address),
        "a second start on an address in use",
        "whether `bind` fails here and its error is returned from `main` (a server that may share its port claims reuseport)",
    )?;
    drop(second);
    bout.visit(
        &first,
        1,
        "a client of the first server",
        "what the second start did to the first: it should touch nothing",
    )?;
    Ok(())
}

fn bad_address(bout: &Bout<'_>) -> Result<(), Stop> {
    let look =
        "how the address is read: its error is returned from `main`, and no other address is taken instead";
    let word = Place::nonsense("not-an-address");
    let mut server = bout.launch(&word, Stdout::Read)?;
    ends_with_an_error(bout, &mut server, &word, "a start on `not-an-address`", look)?;
    if bout.command().tells_host() {
        // 192.0.2.0/24 is for documentation and nobody's (RFC 5737).
        let elsewhere = Place::halves("192.0.2.1", "8000");
        let mut server = bout.launch(&elsewhere, Stdout::Read)?;
        ends_with_an_error(
            bout,
            &mut server,
            &elsewhere,
            "a start on 192.0.2.1:8000, no address of this machine",
            look,
        )?;
    }
    Ok(())
}

fn ends_with_an_error(
    bout: &Bout<'_>,
    server: &mut Server,
    place: &Place,
    what: &str,
    look: &str,
) -> Result<(), Failure> {
    let patience = bout.clock().patience();
    let expected = format!("{what} to end with an error");
    let Some(status) = server.ends_within(patience) else {
        return Err(Failure::new(
            expected,
            format!("it still ran after {}", said(patience)),
            look,
        ));
    };
    if status.success() {
        return Err(Failure::new(
            expected,
            format!("it ended with success ({status})"),
            "the exit code: whoever started it by a script sees nothing else",
        ));
    }
    names_the_address(bout, server, place, what, status)
}

fn names_the_address(
    bout: &Bout<'_>,
    server: &Server,
    place: &Place,
    what: &str,
    status: ExitStatus,
) -> Result<(), Failure> {
    let witness = server.witness();
    // Told the port alone, a server can name no more.
    let name = if bout.command().tells_host() {
        &place.whole
    } else {
        &place.port
    };
    let names = || (witness.stdout.text() + &witness.stderr.text()).contains(name.as_str());
    let written = until(bout.clock().patience(), || {
        let complete = witness.stdout.is_closed() && witness.stderr.is_closed();
        (names() || complete).then(names)
    });
    if written == Some(true) {
        return Ok(());
    }
    Err(Failure::new(
        format!("{what} to write an error that names {name}"),
        format!("it ended ({status}) without that word"),
        "the error's context: which address could not be listened on, and why",
    ))
}

fn starts_again(bout: &Bout<'_>) -> Result<(), Stop> {
    let mut first = bout.start()?;
    let address = first.address()?;
    let mut client = bout.visit(
        &first,
        1,
        "the client before the restart",
        "why a single client is not answered",
    )?;
    // The server's end closes first, so its side is the one that stays in TIME-WAIT.
    first.kill();
    client.receive_to_end(1 << 20);
    drop(client);
    let mut second = bout.launch(&address.into(), Stdout::Read)?;
    let look = "SO_REUSEADDR: set before `bind`, it lets a listener have a port whose old connections are in TIME-WAIT";
    bout.listens(&mut second).map_err(|failure| {
        Failure::new(
            format!("a second start on {address}, after the first was killed, to listen"),
            failure.seen,
            look,
        )
    })?;
    bout.visit(&second, 2, "the client after the restart", look)?;
    Ok(())
}

fn shared_port(bout: &Bout<'_>) -> Result<(), Stop> {
    let first = bout.start()?;
    let address = first.address()?;
    let mut second = bout.launch(&address.into(), Stdout::Read)?;
    let look = "SO_REUSEPORT: both set it before `bind`";
    bout.listens(&mut second).map_err(|failure| {
        Failure::new(
            format!("a second start on {address} to listen beside the first"),
            failure.seen,
            look,
        )
    })?;
    // The kernel spreads connections over both listeners by their ports; twenty reach both but once in a million.
    for number in 1..=20 {
        bout.visit(
            &first,
            number,
            &format!("client {number} of two servers on one port"),
            look,
        )?;
    }
    match second.ended() {
        None => Ok(()),
        Some(status) => Err(Failure::new(
            format!("a second start on {address} to go on beside the first"),
            format!("it ended ({status})"),
            look,
        )
        .into()),
    }
}
