//! A host: a thread in a network of its own, for what a program is born with is the network of the thread that starts
//! it.

use std::{
    ffi::CStr,
    fs::{File, OpenOptions},
    io,
    net::Ipv4Addr,
    os::unix::fs::OpenOptionsExt,
    sync::mpsc::{self, Sender},
    thread,
};

use wire::capture::Link;

use super::{
    enter::{self, refused},
    sniffer::Ears,
    system,
};
use crate::{
    refusal::{Refusal, Step},
    script::Failure,
};

/// The interface at each end of a link.
const TUN: &CStr = c"tun0";

/// As Ethernet has it; a segment then carries 1460 bytes.
const MTU: i32 = 1500;

/// A host of the private network.
pub struct Host {
    jobs: Sender<Job>,
}

type Job = Box<dyn FnOnce() + Send>;

impl Host {
    /// A host in the network that this thread is in.
    ///
    /// # Errors
    /// No thread to be had.
    pub fn new(name: &str) -> Result<Host, Failure> {
        let (jobs, work) = mpsc::channel::<Job>();
        thread::Builder::new()
            .name(name.into())
            .spawn(move || work.into_iter().for_each(|job| job()))
            .map_err(|error| failure("starting a host's thread", &error))?;
        Ok(Host { jobs })
    }

    /// Has the host do something, and waits for it.
    ///
    /// # Errors
    /// The host's thread is gone.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
        let (tell, ear) = mpsc::channel();
        let gone = || failure("asking a host", &io::Error::other("its thread is gone"));
        let job = move || {
            tell.send(job()).ok();
        };
        self.jobs.send(Box::new(job)).map_err(|_| gone())?;
        ear.recv().map_err(|_| gone())
    }

    /// Sets the host's sysctls.
    ///
    /// # Errors
    /// What the machine refuses.
    pub fn pin(&self, pins: impl IntoIterator<Item = (String, String)>) -> Result<(), Failure> {
        let pins: Vec<(String, String)> = pins.into_iter().collect();
        let pin = move || pins.iter().try_for_each(|(path, value)| enter::pin(path, value));
        Ok(self.run(pin)??)
    }

    /// Opens a packet socket on the host's loopback.
    ///
    /// # Errors
    /// What the machine refuses.
    pub fn listen_on_loopback(&self) -> Result<Ears, Failure> {
        Ok(self.run(|| Ears::open(c"lo", Link::Ethernet))??)
    }

    /// Opens a packet socket on the host's end of the link.
    ///
    /// # Errors
    /// What the machine refuses.
    pub fn listen_on_link(&self) -> Result<Ears, Failure> {
        Ok(self.run(|| Ears::open(TUN, Link::Raw))??)
    }

    /// Gives the host a network of its own, with nothing in it but loopback.
    ///
    /// # Errors
    /// What the machine refuses.
    pub fn part(&self) -> Result<(), Failure> {
        let part = || -> Result<(), Refusal> {
            system::unshare(libc::CLONE_NEWNET).map_err(|error| refused(Step::NetworkNamespace, &error))?;
            system::loopback_up().map_err(|error| refused(Step::Loopback, &error))
        };
        Ok(self.run(part)??)
    }

    /// Makes the host's end of a link, and returns what the link is operated by: packets written there come in, those
    /// that go out are read there.
    ///
    /// # Errors
    /// What the machine refuses.
    pub fn plug_in(&self, own: Ipv4Addr, across: Ipv4Addr) -> Result<File, Failure> {
        let plug_in = move || -> Result<File, Refusal> {
            let device = OpenOptions::new()
                .read(true)
                .write(true)
                .custom_flags(libc::O_NONBLOCK)
                .open("/dev/net/tun")
                .map_err(|error| refused(Step::TunDevice, &error))?;
            let make = || -> io::Result<()> {
                system::become_tun(&device, TUN)?;
                let socket = system::datagram_socket()?;
                system::address_interface(&socket, TUN, own, across, MTU)?;
                system::interface_up(&socket, TUN)
            };
            make().map_err(|error| refused(Step::TunInterface, &error))?;
            Ok(device)
        };
        Ok(self.run(plug_in)??)
    }
}

fn failure(doing: &str, error: &io::Error) -> Failure {
    Failure::System {
        doing: doing.into(),
        error: error.to_string(),
    }
}
