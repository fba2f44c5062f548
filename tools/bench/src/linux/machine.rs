//! The machine one measures on: what it is called, which processor is whose, how many descriptors there are.

use std::{fs, io, mem};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The server's processor and the load generator's. With one processor both are the same.
#[derive(Clone, Copy, Debug)]
pub struct Processors {
    server: usize,
    load: usize,
}

impl Processors {
    /// The first two that we may use.
    pub fn ours() -> io::Result<Processors> {
        let allowed = allowed()?;
        let server = allowed.first().copied().unwrap_or_default();
        Ok(Processors {
            server,
            load: allowed.get(1).copied().unwrap_or(server),
        })
    }

    /// Does something, to begin with starting a process, on the server's processor, and comes back to ours.
    pub fn at_the_servers<T>(self, work: impl FnOnce() -> T) -> io::Result<T> {
        pin(&[self.server])?;
        let done = work();
        pin(&[self.load])?;
        Ok(done)
    }

    /// Does something on either processor, as the system likes, and comes back to ours.
    pub fn anywhere<T>(self, work: impl FnOnce() -> T) -> io::Result<T> {
        pin(&[self.server, self.load])?;
        let done = work();
        pin(&[self.load])?;
        Ok(done)
    }

    /// Whether server and load generator have a processor each.
    pub fn apart(self) -> bool {
        self.server != self.load
    }
}

/// The processors this thread may run on.
fn allowed() -> io::Result<Vec<usize>> {
    // SAFETY: a `cpu_set_t` is an array of numbers, for which zero is a value; the kernel writes into it no more than the
    // size it is given.
    #[allow(unsafe_code)]
    let (done, set) = unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        let done = libc::sched_getaffinity(0, size_of_val(&set), &raw mut set);
        (done, set)
    };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    let is_in = |&cpu: &usize| {
        // SAFETY: the number is below the size of the set.
        #[allow(unsafe_code)]
        unsafe {
            libc::CPU_ISSET(cpu, &set)
        }
    };
    Ok((0..libc::CPU_SETSIZE as usize).filter(is_in).collect())
}

/// Keeps this thread, and what it starts, on these processors.
fn pin(cpus: &[usize]) -> io::Result<()> {
    // SAFETY: as above; the numbers came out of such a set and are below its size.
    #[allow(unsafe_code)]
    let done = unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        for &cpu in cpus {
            libc::CPU_SET(cpu, &mut set);
        }
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set)
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Takes as many descriptors as an ordinary user may have; what is started inherits them. Returns how many.
pub fn take_descriptors() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return 1024;
    };
    // Beyond a million nobody needs any; some programs take the limit for a size.
    let wanted = hard.min(1 << 20).max(soft);
    let got = setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).map_or(soft, |()| wanted);
    usize::try_from(got).unwrap_or(usize::MAX)
}

/// Our session weighs more than its neighbours as long as this lives, where we may ask for that (root; sched(7),
/// "The autogroup feature"): other sessions go on, but a compiler that runs beside us is felt less.
#[derive(Debug)]
pub struct Weight {
    taken: bool,
}

const AUTOGROUP: &str = "/proc/self/autogroup";

impl Weight {
    /// Asks for it.
    pub fn take() -> Weight {
        let usual = fs::read_to_string(AUTOGROUP).is_ok_and(|text| text.trim_end().ends_with("nice 0"));
        Weight {
            taken: usual && fs::write(AUTOGROUP, "-10").is_ok(),
        }
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        if self.taken {
            // The kernel answers a second change too soon with EAGAIN to whoever is not root.
            fs::write(AUTOGROUP, "0").ok();
        }
    }
}

/// What the machine is, in a few words: `2 cores of an AMD EPYC, virtual, 23 GB`.
pub fn name() -> String {
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let line = |name: &str| {
        cpu.lines()
            .find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))
            .and_then(|line| line.split_once(':'))
            .map(|(_, value)| value.trim().to_owned())
    };
    let cores = match cores() {
        1 => "1 core".to_owned(),
        n => format!("{n} cores"),
    };
    let model = line("model name").map_or_else(String::new, |model| format!(", {model}"));
    let flags = line("flags").unwrap_or_default();
    let machine = if flags.split(' ').any(|flag| flag == "hypervisor") {
        ", virtual"
    } else {
        ""
    };
    let memory = read("/proc/meminfo")
        .split_whitespace()
        .nth(1)
        .and_then(|kb| kb.parse::<u64>().ok())
        .map_or_else(String::new, |kb| format!(", {} GB", (kb + (1 << 19)) >> 20));
    format!("{cores}{model}{machine}{memory}")
}

/// How many processors the machine has, whether we may use them or not.
pub fn cores() -> usize {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let is_one = |line: &&str| line.starts_with("cpu") && !line.starts_with("cpu ");
    stat.lines().filter(is_one).count().max(1)
}

/// The kernel's version: `6.18.44`.
pub fn kernel() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    release.trim().split('-').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_thread_that_was_at_the_servers_processor_comes_back() {
        thread::spawn(|| {
            let processors = Processors::ours().unwrap();
            let there = processors.at_the_servers(allowed).unwrap().unwrap();
            assert_eq!(there, [processors.server]);
            assert_eq!(allowed().unwrap(), [processors.load]);
            let mut both = vec![processors.server, processors.load];
            both.dedup();
            assert_eq!(processors.anywhere(allowed).unwrap().unwrap(), both);
            assert_eq!(allowed().unwrap(), [processors.load]);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn the_machine_has_cores_and_memory_and_the_kernel_a_version() {
        assert!(name().contains(" core") && name().ends_with(" GB"), "{}", name());
        assert!(kernel().contains('.') && !kernel().contains('-'), "{}", kernel());
        assert!(take_descriptors() >= 64);
    }
}
