//! Where a case meets a server: how the server is started, where it listens, how long anything may take.

use std::{
    cell::RefCell,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    process,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use crate::{
    claims::{Claims, Service},
    client::{Client, Short},
    clock::{Clock, said, until},
    command::{Place, ServerCommand},
    failure::{Failure, Stop},
    server::{Server, Stdout, Witness},
    speech,
};

/// How long anything that should happen may take before it is said not to, unless told otherwise.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How long one case may take, whatever it waits for.
const CASE: Duration = Duration::from_secs(45);

/// How long a server may keep silent before it is taken for one that does not say where it listens.
const ANNOUNCEMENT: Duration = Duration::from_secs(2);

/// What a server's first line begins with.
pub(crate) const LISTENING_ON: &str = "listening on ";

/// One server under test: how to start it and what it claims. Shared by the cases, which may run in parallel; each
/// starts a process of its own.
#[derive(Debug)]
pub struct Arena {
    command: ServerCommand,
    claims: Claims,
    patience: Duration,
    addressing: OnceLock<Addressing>,
    short: Short,
}

/// How the server comes by a port that nobody else has.
#[derive(Clone, Copy, Debug)]
enum Addressing {
    /// It is told port 0 and says which it got.
    Announced,
    /// It says nothing we understand: it is told a free port, and we knock until it opens.
    Chosen,
}

impl Arena {
    /// A server to be held to what it claims.
    pub fn new(command: ServerCommand, claims: Claims) -> Self {
        Self {
            command,
            claims,
            patience: PATIENCE,
            addressing: OnceLock::new(),
            short: Short::default(),
        }
    }

    /// Waits no longer than this for any one thing (5 seconds unless told otherwise).
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How the server is started.
    pub fn command(&self) -> &ServerCommand {
        &self.command
    }

    /// What it claims.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    pub(crate) fn bout(&self) -> Bout<'_> {
        Bout {
            arena: self,
            clock: Clock::start(CASE, self.patience),
            witnesses: RefCell::default(),
            smaller: RefCell::default(),
        }
    }
}

/// A connection to be made, by whatever thread.
#[derive(Clone)]
pub(crate) struct Connecting {
    address: SocketAddr,
    clock: Clock,
    short: Short,
}

impl Connecting {
    pub(crate) fn connect(self) -> Result<Client, Failure> {
        Client::connect(self.address, self.clock, self.short)
    }
}

/// One case's time with the server.
pub(crate) struct Bout<'a> {
    arena: &'a Arena,
    clock: Clock,
    witnesses: RefCell<Vec<Arc<Witness>>>,
    smaller: RefCell<Option<String>>,
}

impl Bout<'_> {
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    pub(crate) fn claims(&self) -> &Claims {
        &self.arena.claims
    }

    pub(crate) fn command(&self) -> &ServerCommand {
        &self.arena.command
    }

    /// Says that the case is asked with fewer clients than the claims speak of.
    pub(crate) fn is_smaller(&self, how: String) {
        *self.smaller.borrow_mut() = Some(how);
    }

    /// What [`Bout::is_smaller`] was told.
    pub(crate) fn smaller(&self) -> Option<String> {
        self.smaller.borrow().clone()
    }

    /// Every run of the server so far.
    pub(crate) fn witnesses(&self) -> Vec<Arc<Witness>> {
        self.witnesses.borrow().clone()
    }

    /// Starts the server on a port of its own and waits until it listens.
    pub(crate) fn start(&self) -> Result<Server, Stop> {
        self.start_with(Stdout::Read, Stdout::Read)
    }

    /// As [`Bout::start`], and then nobody reads the server's standard output any more.
    pub(crate) fn start_unread(&self) -> Result<Server, Stop> {
        self.start_with(Stdout::ClosedAfterAnnouncement, Stdout::ClosedAfterFirstLine)
    }

    /// What becomes of the output depends on whether the server says in it where it listens.
    fn start_with(&self, if_announced: Stdout, if_chosen: Stdout) -> Result<Server, Stop> {
        match self.arena.addressing.get_or_init(|| self.find_out()) {
            Addressing::Announced => {
                let mut server = self.launch(&Place::loopback(0), if_announced)?;
                let address = self.clock.until(|| match announced(&server.witness().stdout) {
                    Some(address) => Some(Some(address)),
                    None => server.ended().map(|_| None),
                });
                match address {
                    Some(Some(address)) => {
                        server.listens_on(address);
                        Ok(server)
                    }
                    Some(None) => Err(self.ended_at_start(&mut server).into()),
                    None => Err(self.says_nothing().into()),
                }
            }
            Addressing::Chosen => {
                let mut attempt = 1;
                loop {
                    let mut server = self.launch(&Place::loopback(free_port()?), if_chosen)?;
                    let address = server.address()?;
                    match self.knocks(&mut server, address) {
                        Ok(()) => return Ok(server),
                        // Somebody may have taken the port between our asking and its binding.
                        Err(_) if server.ended().is_some() && attempt < 5 => attempt += 1,
                        Err(failure) => return Err(failure.into()),
                    }
                }
            }
        }
    }

    /// Starts the server at an address that is not chosen by the case alone: one in use, one that does not exist.
    /// Whether it listens is for the caller to see.
    pub(crate) fn launch(&self, place: &Place, stdout: Stdout) -> Result<Server, Stop> {
        let mut server = Server::launch(self.arena.command.at(place), stdout)?;
        self.witnesses.borrow_mut().push(Arc::clone(server.witness()));
        if let Ok(address) = place.whole.parse::<SocketAddr>()
            && address.port() != 0
        {
            server.listens_on(address);
        }
        Ok(server)
    }

    /// Waits until a server that was launched at an address of the case's choice listens there.
    pub(crate) fn listens(&self, server: &mut Server) -> Result<(), Failure> {
        let address = server.address()?;
        if matches!(self.arena.addressing.get(), Some(Addressing::Chosen)) {
            return self.knocks(server, address);
        }
        let listens = self.clock.until(|| match announced(&server.witness().stdout) {
            Some(_) => Some(true),
            None => server.ended().map(|_| false),
        });
        match listens {
            Some(true) => Ok(()),
            Some(false) => Err(self.ended_at_start(server)),
            None => Err(self.says_nothing()),
        }
    }

    fn says_nothing(&self) -> Failure {
        Failure::new(
            format!("the server to say `{LISTENING_ON}ADDRESS`"),
            format!("it had not after {}", said(self.arena.patience)),
            "what it does before it listens",
        )
    }

    /// Waits until the server accepts a connection at the address.
    fn knocks(&self, server: &mut Server, address: SocketAddr) -> Result<(), Failure> {
        let opened = self.clock.until(|| {
            if server.ended().is_some() {
                return Some(false);
            }
            let stream = TcpStream::connect_timeout(&address, self.clock.at_most(ANNOUNCEMENT)).ok()?;
            // Where nobody listens, a connection can meet itself: a client's port is chosen from the same numbers.
            (stream.local_addr().ok()? != address).then_some(true)
        });
        match opened {
            Some(true) => Ok(()),
            Some(false) => Err(self.ended_at_start(server)),
            None => Err(Failure::new(
                format!("the server to listen on {address}"),
                format!("nobody did after {}", said(self.arena.patience)),
                "whether it listens on the address it is given",
            )),
        }
    }

    fn ended_at_start(&self, server: &mut Server) -> Failure {
        let how = server
            .ended()
            .map_or_else(|| "its output".into(), |status| format!("{status}"));
        Failure::new(
            "the server to start and to listen",
            format!("it ended ({how})"),
            "what it wrote before it ended",
        )
    }

    /// Starts the server once on port 0, to learn whether it says where it listens.
    fn find_out(&self) -> Addressing {
        let Ok(mut server) = Server::launch(self.arena.command.at(&Place::loopback(0)), Stdout::Read) else {
            return Addressing::Announced; // the first case will say that it cannot be started
        };
        let said = until(self.clock.at_most(ANNOUNCEMENT), || {
            match announced(&server.witness().stdout) {
                Some(_) => Some(Addressing::Announced),
                None => server.ended().map(|_| Addressing::Chosen),
            }
        });
        said.unwrap_or(Addressing::Chosen)
    }

    /// A silent connection.
    pub(crate) fn connect(&self, server: &Server) -> Result<Client, Failure> {
        self.connect_to(server.address()?)
    }

    /// A connection with little room to receive, see [`Client::connect_narrow`].
    pub(crate) fn connect_narrow(&self, server: &Server) -> Result<Client, Stop> {
        Client::connect_narrow(server.address()?, self.clock, Arc::clone(&self.arena.short))
    }

    /// A silent connection to where the server says it is.
    pub(crate) fn connect_to(&self, address: SocketAddr) -> Result<Client, Failure> {
        Client::connect(address, self.clock, Arc::clone(&self.arena.short))
    }

    /// Connects, says a greeting of its own and is answered; the connection stays open. Of a service we know nothing
    /// about only the connection is asked.
    pub(crate) fn visit(
        &self,
        server: &Server,
        number: usize,
        who: &str,
        look: &str,
    ) -> Result<Client, Failure> {
        let mut client = self.connect(server)?;
        if self.answers() {
            client.is_answered(&self.greeting(number), who, look)?;
        }
        Ok(client)
    }

    /// Whether the service is one whose answers we know.
    pub(crate) fn answers(&self) -> bool {
        self.arena.claims.service != Service::Other
    }

    /// Bytes as they travel in the service's form.
    pub(crate) fn travelling(&self, payload: &[u8]) -> Vec<u8> {
        speech::travelling(self.arena.claims.service, payload)
    }

    /// The greeting of client so-and-so, as it travels.
    pub(crate) fn greeting(&self, number: usize) -> Vec<u8> {
        self.travelling(&speech::greeting(number))
    }

    /// What it takes to connect, for a thread of its own.
    pub(crate) fn detached(&self, server: &Server) -> Result<Connecting, Failure> {
        Ok(Connecting {
            address: server.address()?,
            clock: self.clock,
            short: Arc::clone(&self.arena.short),
        })
    }

    /// How many connections one case may hold, see [`descriptor_room`].
    pub(crate) fn descriptor_room(&self) -> usize {
        descriptor_room()
    }

    /// How many connections one case may hold that is alone in holding many, at both ends.
    pub(crate) fn room_for_a_crowd(&self, server: &Server) -> usize {
        let family = server.family();
        let theirs = family.descriptor_limit().unwrap_or(usize::MAX);
        // Its other descriptors, and what it may open beside.
        let theirs = theirs.saturating_sub(family.descriptors() + 16);
        theirs.min(descriptor_room().max(descriptors().saturating_sub(OTHERS)))
    }

    /// As many clients as wanted, or as the claim and the limit on descriptors allow.
    pub(crate) fn at_once(&self, wanted: usize) -> usize {
        wanted
            .min(self.claims().served_at_once().unwrap_or(usize::MAX))
            .min(descriptor_room())
    }
}

/// The address in the first line that names one; any interface is reached by loopback.
pub(crate) fn announced(stdout: &crate::output::Output) -> Option<SocketAddr> {
    let line = stdout.line(|line| address_in(line).is_some())?;
    address_in(&line)
}

/// The address in `listening on ADDRESS`.
pub(crate) fn address_in(line: &str) -> Option<SocketAddr> {
    let mut address: SocketAddr = line.strip_prefix(LISTENING_ON)?.trim().parse().ok()?;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    (address.port() != 0).then_some(address)
}

/// A port nobody listens on, below those the system gives to clients (from 32768 on Linux, 49152 elsewhere), so that
/// no client takes it before the server does.
fn free_port() -> Result<u16, Failure> {
    const FIRST: u32 = 20_000;
    const PORTS: u32 = 10_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Two suites at the same time begin at different places.
    let begin = process::id().wrapping_mul(7919);
    let port = (0..PORTS).find_map(|_| {
        let offset = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        let port = u16::try_from(FIRST + offset).ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .is_ok()
            .then_some(port)
    });
    port.ok_or_else(|| {
        Failure::new(
            "a free port from 20000 to 29999",
            "there is none",
            "what listens on this machine (`ss -ltn`)",
        )
    })
}

/// What cases need beside the one that is alone in holding many, generously.
const OTHERS: usize = 2000;

/// How many connections one case may hold: a quarter of the soft limit on open files, since four cases run at a time.
fn descriptor_room() -> usize {
    (descriptors().saturating_sub(100) / 4).max(1)
}

/// The soft limit on our open files.
fn descriptors() -> usize {
    #[cfg(unix)]
    {
        use nix::sys::resource::{Resource, getrlimit};
        let soft = getrlimit(Resource::RLIMIT_NOFILE).map_or(256, |(soft, _)| soft);
        usize::try_from(soft).unwrap_or(usize::MAX)
    }
    #[cfg(not(unix))]
    {
        4000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_what_follows_listening_on() {
        assert_eq!(
            address_in("listening on 127.0.0.1:8000"),
            "127.0.0.1:8000".parse().ok()
        );
        assert_eq!(address_in("Listening on 127.0.0.1:8000"), None);
        assert_eq!(address_in("listening on 127.0.0.1:0"), None);
        assert_eq!(address_in("listening on port 8000"), None);
    }

    #[test]
    fn a_server_on_every_interface_is_reached_by_loopback() {
        assert_eq!(
            address_in("listening on 0.0.0.0:8000"),
            "127.0.0.1:8000".parse().ok()
        );
        assert_eq!(address_in("listening on [::]:8000"), "[::1]:8000".parse().ok());
    }

    #[test]
    fn free_ports_are_none_a_client_gets_and_none_twice() {
        let (one, other) = (free_port().unwrap(), free_port().unwrap());
        assert_ne!(one, other);
        assert!([one, other].iter().all(|port| (20_000..30_000).contains(port)));
    }
}
