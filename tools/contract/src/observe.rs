//! What the kernel says of a server and its children: `/proc`, and therefore Linux; elsewhere the cases that need it are
//! skipped, with the reason.

use crate::failure::Stop;

/// The variable that marks a server's environment: its children inherit it, wherever they go.
pub(crate) const MARK: &str = "CONTRACT_SERVER";

/// A process group and a mark in the environment: the server, its children, theirs.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    /// The server's process id, which is its group's.
    pub(crate) leader: u32,
    /// The value of [`MARK`].
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "found again in /proc only")
    )]
    pub(crate) mark: String,
}

/// Fails with the reason where nothing can be observed.
pub(crate) fn possible() -> Result<(), Stop> {
    if cfg!(target_os = "linux") {
        Ok(())
    } else {
        Err(Stop::NotHere("reads /proc, which only Linux has".into()))
    }
}

/// One process of a family.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) pid: u32,
    pub(crate) name: String,
    pub(crate) zombie: bool,
    /// Stopped by a signal, or ended.
    pub(crate) still: bool,
}

#[cfg(not(target_os = "linux"))]
impl Family {
    pub(crate) fn members(&self) -> Vec<Member> {
        Vec::new()
    }
    pub(crate) fn descriptors(&self) -> usize {
        0
    }
    pub(crate) fn threads(&self) -> usize {
        0
    }
    pub(crate) fn resident(&self) -> u64 {
        0
    }
    pub(crate) fn cpu(&self) -> Option<std::time::Duration> {
        None
    }
    pub(crate) fn connections(&self, _port: u16) -> usize {
        0
    }
    pub(crate) fn rests(&self, _limit: std::time::Duration) -> bool {
        true
    }
    pub(crate) fn holders(&self, _port: u16, _client: Option<u16>) -> Vec<u32> {
        Vec::new()
    }
    pub(crate) fn descriptor_limit(&self) -> Option<usize> {
        None
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn no_more_descriptors(_pid: u32) -> Result<(), Stop> {
    Ok(())
}

#[cfg(target_os = "linux")]
pub(crate) use linux::no_more_descriptors;

#[cfg(target_os = "linux")]
mod linux {
    use std::{collections::BTreeSet, fs, path::Path, time::Duration};

    use super::{Family, MARK, Member};
    use crate::{clock::until, failure::Stop};

    impl Family {
        /// Every process of the family there is, zombies too, in no order.
        pub(crate) fn members(&self) -> Vec<Member> {
            let Ok(processes) = fs::read_dir("/proc") else {
                return Vec::new();
            };
            processes
                .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
                .filter_map(|pid: u32| self.member(pid))
                .collect()
        }

        fn member(&self, pid: u32) -> Option<Member> {
            let stat = Stat::read(pid)?;
            let ours = stat.group == self.leader || self.marks(pid);
            ours.then_some(Member {
                pid,
                name: stat.name,
                zombie: stat.zombie,
                still: stat.still,
            })
        }

        fn marks(&self, pid: u32) -> bool {
            let marked = format!("{MARK}={}", self.mark);
            // Not ours to read, or gone meanwhile: no child of ours.
            fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
                environment
                    .split(|&byte| byte == 0)
                    .any(|entry| entry == marked.as_bytes())
            })
        }

        /// Open descriptors, all members together.
        pub(crate) fn descriptors(&self) -> usize {
            self.count("fd")
        }

        /// Threads, all members together.
        pub(crate) fn threads(&self) -> usize {
            self.count("task")
        }

        fn count(&self, folder: &str) -> usize {
            let living = self.members().into_iter().filter(|member| !member.zombie);
            living
                .filter_map(|member| {
                    Some(
                        fs::read_dir(format!("/proc/{}/{folder}", member.pid))
                            .ok()?
                            .count(),
                    )
                })
                .sum()
        }

        /// Memory of their own that is in use, in bytes, all members together (`RssAnon` and `RssShmem`, proc(5)).
        pub(crate) fn resident(&self) -> u64 {
            let of = |pid| {
                let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
                let kilobytes: u64 = status
                    .lines()
                    .filter(|line| line.starts_with("RssAnon:") || line.starts_with("RssShmem:"))
                    .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
                    .sum();
                kilobytes * 1024
            };
            self.members().iter().map(|member| of(member.pid)).sum()
        }

        /// Time on a processor so far, all threads of all members together (`schedstat`, nanoseconds); `None` where
        /// the kernel keeps no such count.
        pub(crate) fn cpu(&self) -> Option<Duration> {
            if !Path::new("/proc/self/schedstat").exists() {
                return None;
            }
            let tasks = |pid| {
                fs::read_dir(format!("/proc/{pid}/task"))
                    .into_iter()
                    .flatten()
                    .flatten()
            };
            let nanoseconds = self
                .members()
                .iter()
                .flat_map(|member| tasks(member.pid))
                .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
                .filter_map(|line| line.split_whitespace().next()?.parse::<u64>().ok())
                .sum();
            Some(Duration::from_nanos(nanoseconds))
        }

        /// Waits, so long at most, until no thread of any member has anything to do; whether that came to pass.
        pub(crate) fn rests(&self, limit: Duration) -> bool {
            let running = |task: &Path| {
                let stat = fs::read_to_string(task.join("stat")).ok();
                stat.and_then(|line| Stat::parse(&line))
                    .is_some_and(|stat| stat.running)
            };
            let members = self.members();
            until(limit, || {
                let busy = members.iter().any(|member| {
                    let tasks = fs::read_dir(format!("/proc/{}/task", member.pid));
                    tasks
                        .into_iter()
                        .flatten()
                        .flatten()
                        .any(|task| running(&task.path()))
                });
                (!busy).then_some(())
            })
            .is_some()
        }

        /// Every member that holds a connection to the server's port: that of the client with this port, or any.
        pub(crate) fn holders(&self, port: u16, client: Option<u16>) -> Vec<u32> {
            let sockets: BTreeSet<u64> = tables()
                .flat_map(|table| connected(&table, port))
                .filter(|connection| client.is_none_or(|client| client == connection.client))
                .map(|connection| connection.inode)
                .collect();
            let members = self.members().into_iter().map(|member| member.pid);
            members
                .filter(|&pid| held(pid).iter().any(|inode| sockets.contains(inode)))
                .collect()
        }

        /// The soft limit on the open files of the server's process (`/proc/PID/limits`).
        pub(crate) fn descriptor_limit(&self) -> Option<usize> {
            let limits = fs::read_to_string(format!("/proc/{}/limits", self.leader)).ok()?;
            let line = limits
                .lines()
                .find_map(|line| line.strip_prefix("Max open files"))?;
            line.split_whitespace().next()?.parse().ok()
        }

        /// Connections the family has accepted on its port and still holds: sockets, however many descriptors they have.
        pub(crate) fn connections(&self, port: u16) -> usize {
            let sockets: BTreeSet<u64> = tables()
                .flat_map(|table| connected(&table, port))
                .map(|connection| connection.inode)
                .collect();
            let held: BTreeSet<u64> = self
                .members()
                .iter()
                .flat_map(|member| held(member.pid))
                .collect();
            sockets.intersection(&held).count()
        }
    }

    /// Lowers a process's soft limit on open files, so that it can open none; what it has open stays open.
    pub(crate) fn no_more_descriptors(pid: u32) -> Result<(), Stop> {
        use nix::{errno::Errno, libc};
        let open: BTreeSet<u64> = fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect();
        // A new descriptor is the lowest that is free, and has to be below the limit (getrlimit(2)).
        let lowest_free = (0..).find(|number| !open.contains(number)).unwrap_or_default();
        let mut limit = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: the two pointers are to a live `rlimit` or null, as prlimit(2) allows.
        #[allow(unsafe_code)]
        let lowered = unsafe {
            Errno::result(libc::prlimit(
                pid.cast_signed(),
                libc::RLIMIT_NOFILE,
                std::ptr::null(),
                &raw mut limit,
            ))
            .and_then(|_| {
                limit.rlim_cur = lowest_free;
                Errno::result(libc::prlimit(
                    pid.cast_signed(),
                    libc::RLIMIT_NOFILE,
                    &raw const limit,
                    std::ptr::null_mut(),
                ))
            })
        };
        lowered.map(drop).map_err(|error| {
            Stop::NotHere(format!(
                "lowers the server's limit on open files (prlimit), and the system said: {error}"
            ))
        })
    }

    /// The kernel's tables of TCP sockets.
    fn tables() -> impl Iterator<Item = String> {
        ["/proc/net/tcp", "/proc/net/tcp6"]
            .into_iter()
            .filter_map(|table| fs::read_to_string(table).ok())
    }

    /// Inodes of the sockets a process holds.
    fn held(pid: u32) -> Vec<u64> {
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten()
            .flatten();
        descriptors
            .filter_map(|entry| {
                let target = fs::read_link(entry.path()).ok()?;
                target
                    .to_str()?
                    .strip_prefix("socket:[")?
                    .strip_suffix(']')?
                    .parse()
                    .ok()
            })
            .collect()
    }

    /// The server's end of a connection.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) struct Connection {
        /// The port of the other end.
        pub(super) client: u16,
        pub(super) inode: u64,
    }

    /// The sockets in a table (`/proc/net/tcp`, proc(5)) that have this local port and are not listening.
    pub(super) fn connected(table: &str, port: u16) -> Vec<Connection> {
        const LISTEN: &str = "0A";
        // The table can have tens of thousands of lines (TIME-WAIT), and is asked for again and again.
        let ours = format!(":{port:04X} ");
        table
            .lines()
            .skip(1)
            .filter(|line| line.contains(&ours))
            .filter_map(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                let port_in =
                    |field: usize| u16::from_str_radix(fields.get(field)?.rsplit_once(':')?.1, 16).ok();
                (port_in(1)? == port && *fields.get(3)? != LISTEN).then_some(())?;
                Some(Connection {
                    client: port_in(2)?,
                    inode: fields.get(9)?.parse().ok()?,
                })
            })
            .collect()
    }

    /// The fields of `/proc/PID/stat` (proc(5)) that say who a process is.
    pub(super) struct Stat {
        pub(super) name: String,
        pub(super) zombie: bool,
        pub(super) still: bool,
        pub(super) running: bool,
        pub(super) group: u32,
    }

    impl Stat {
        fn read(pid: u32) -> Option<Self> {
            Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
        }

        pub(super) fn parse(line: &str) -> Option<Self> {
            // The name stands in parentheses and may hold spaces and parentheses itself.
            let (before, after) = line.rsplit_once(')')?;
            let name = before.split_once('(')?.1.to_owned();
            let mut fields = after.split_whitespace();
            let state = fields.next()?;
            let (zombie, still) = (matches!(state, "Z" | "X"), matches!(state, "T" | "Z" | "X"));
            let _parent = fields.next()?;
            Some(Self {
                name,
                zombie,
                still,
                running: state == "R",
                group: fields.next()?.parse().ok()?,
            })
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{linux::*, *};

    #[test]
    fn a_name_with_parentheses_hides_no_field() {
        let stat = Stat::parse("12 (odd) name) Z 1 77 77 0 -1").unwrap();
        assert_eq!(
            (stat.name.as_str(), stat.zombie, stat.group),
            ("odd) name", true, 77)
        );
    }

    #[test]
    fn listening_sockets_and_other_ports_are_no_connections() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0\n\
             1: 0100007F:1F40 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 12 1 0\n\
             2: 0100007F:1F41 0100007F:C002 01 00000000:00000000 00:00000000 00000000     0        0 13 1 0\n";
        let connection = Connection {
            client: 0xc001,
            inode: 12,
        };
        assert_eq!(connected(table, 8000), [connection]);
    }

    #[test]
    fn a_process_sees_itself_by_its_group() {
        let group = nix::unistd::getpgrp().as_raw().unsigned_abs();
        let family = Family {
            leader: group,
            mark: "nobody".into(),
        };
        assert!(
            family
                .members()
                .iter()
                .any(|member| member.pid == std::process::id() && !member.zombie)
        );
        assert!(family.descriptors() >= 3 && family.threads() >= 1 && family.resident() > 0);
    }
}
