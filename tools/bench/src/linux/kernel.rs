//! What the kernel says of a family of processes: `/proc`, see proc(5).

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// A process group: a server, its children, theirs.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The group's number, which is the leader's.
    pub group: u32,
}

/// What threads have used so far, each under its process and its own number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage(BTreeMap<(u32, u32), Used>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Used {
    nanoseconds: u64,
    switches: u64,
}

/// What was used between two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Time on a processor.
    pub nanoseconds: u64,
    /// How often a thread left the processor, of its own will or not.
    pub switches: u64,
    /// Threads that have ended meanwhile; what they used last is not counted.
    pub ended: usize,
}

/// The memory of a family, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Its own pages, shared ones divided by those who share them (`Pss`).
    pub user: u64,
    /// Page tables (`VmPTE`).
    pub page_tables: u64,
    /// The stacks on which the kernel works for its threads.
    pub kernel_stacks: u64,
}

impl Memory {
    /// All of it.
    pub fn total(self) -> u64 {
        self.user + self.page_tables + self.kernel_stacks
    }

    /// What is more than there was before; nothing where it is less.
    pub fn beyond(self, before: Memory) -> Memory {
        Memory {
            user: self.user.saturating_sub(before.user),
            page_tables: self.page_tables.saturating_sub(before.page_tables),
            kernel_stacks: self.kernel_stacks.saturating_sub(before.kernel_stacks),
        }
    }

    /// For one of so many.
    pub fn each(self, of: usize) -> Memory {
        let each = |bytes: u64| bytes / of.max(1) as u64;
        Memory {
            user: each(self.user),
            page_tables: each(self.page_tables),
            kernel_stacks: each(self.kernel_stacks),
        }
    }
}

impl Usage {
    /// What was used since `before`.
    pub fn since(&self, before: &Usage) -> Spent {
        let mut spent = Spent {
            ended: before.0.keys().filter(|key| !self.0.contains_key(key)).count(),
            ..Spent::default()
        };
        for (key, now) in &self.0 {
            let then = before.0.get(key).copied().unwrap_or_default();
            spent.nanoseconds += now.nanoseconds.saturating_sub(then.nanoseconds);
            spent.switches += now.switches.saturating_sub(then.switches);
        }
        spent
    }
}

impl Family {
    /// Its processes that still live.
    pub fn members(self) -> Vec<u32> {
        numbers(Path::new("/proc"))
            .filter(|pid| {
                let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                group_of_the_living(&stat) == Some(self.group)
            })
            .collect()
    }

    /// What all its threads have used so far. That of a thread that runs may be a scheduler's tick old.
    pub fn usage(self) -> Usage {
        let mut usage = BTreeMap::new();
        for pid in self.members() {
            for tid in numbers(Path::new(&format!("/proc/{pid}/task"))) {
                let of = |file| fs::read_to_string(format!("/proc/{pid}/task/{tid}/{file}"));
                if let (Ok(schedstat), Ok(status)) = (of("schedstat"), of("status")) {
                    let used = Used {
                        nanoseconds: first_number(&schedstat),
                        switches: field(&status, "voluntary_ctxt_switches:")
                            + field(&status, "nonvoluntary_ctxt_switches:"),
                    };
                    usage.insert((pid, tid), used);
                }
            }
        }
        Usage(usage)
    }

    /// What it has used once it is at rest, or after `patience` where it does not come to rest.
    pub fn usage_at_rest(self, patience: Duration) -> Usage {
        let end = Instant::now() + patience;
        let mut before = self.usage();
        loop {
            thread::sleep(Duration::from_micros(500));
            let now = self.usage();
            if now == before || Instant::now() >= end {
                return now;
            }
            before = now;
        }
    }

    /// Its memory now.
    pub fn memory(self) -> Memory {
        let mut memory = Memory::default();
        let mut threads = 0;
        for pid in self.members() {
            let of = |file| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let status = of("status");
            memory.user += field(&of("smaps_rollup"), "Pss:") * 1024;
            memory.page_tables += field(&status, "VmPTE:") * 1024;
            threads += field(&status, "Threads:");
        }
        memory.kernel_stacks = threads * kernel_stack();
        memory
    }
}

/// What the processors of the machine have done so far, in seconds, all together.
pub fn machine_busy() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks: Vec<u64> = stat
        .lines()
        .next()
        .into_iter()
        .flat_map(|line| line.split_whitespace().skip(1))
        .filter_map(|ticks| ticks.parse().ok())
        .collect();
    // user nice system idle iowait irq softirq steal; what guests take is in user already. A tick is 10 ms.
    let busy: u64 = [0, 1, 2, 5, 6, 7].iter().filter_map(|&at| ticks.get(at)).sum();
    busy as f64 / 100.0
}

/// What this process has used so far, in seconds.
pub fn our_own() -> f64 {
    let mut nanoseconds = 0;
    for tid in numbers(Path::new("/proc/self/task")) {
        let schedstat = fs::read_to_string(format!("/proc/self/task/{tid}/schedstat"));
        nanoseconds += first_number(&schedstat.unwrap_or_default());
    }
    nanoseconds as f64 / 1e9
}

/// The size of one thread's stack in the kernel, in bytes: what all take by what there are, which is a power of two.
fn kernel_stack() -> u64 {
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    let all = field(&read("/proc/meminfo"), "KernelStack:") * 1024;
    // "0.20 0.18 0.12 1/80 11206": so many of the 80 threads of the machine run.
    let threads: u64 = read("/proc/loadavg")
        .split(['/', ' '])
        .nth(4)
        .and_then(|threads| threads.parse().ok())
        .unwrap_or_default();
    match all.checked_div(threads) {
        Some(each) if each >= 4096 => 1 << (each as f64).log2().round() as u32,
        _ => 16 << 10,
    }
}

/// The entries of a folder that are numbers.
fn numbers(folder: &Path) -> impl Iterator<Item = u32> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn first_number(text: &str) -> u64 {
    let first = text.split_whitespace().next();
    first.and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// The number of a line `Name:  12 kB`; 0 where there is none.
fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map(first_number).unwrap_or_default()
}

/// The process group in `/proc/PID/stat`, of a process that has not ended.
fn group_of_the_living(stat: &str) -> Option<u32> {
    // The name stands in parentheses and may hold spaces and parentheses itself.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let _parent = fields.next()?;
    let group = fields.next()?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zombie_and_a_name_with_parentheses_are_told_apart() {
        assert_eq!(group_of_the_living("12 (odd) name) S 1 77 77 0 -1"), Some(77));
        assert_eq!(group_of_the_living("12 (name) Z 1 77 77 0 -1"), None);
    }

    #[test]
    fn what_a_thread_used_before_and_threads_that_are_new_are_told_apart() {
        let usage = |threads: &[(u32, u64)]| {
            let used = |nanoseconds| Used {
                nanoseconds,
                switches: 1,
            };
            Usage(threads.iter().map(|&(tid, ns)| ((1, tid), used(ns))).collect())
        };
        let spent = usage(&[(1, 15), (3, 7)]).since(&usage(&[(1, 10), (2, 4)]));
        assert_eq!((spent.nanoseconds, spent.switches, spent.ended), (12, 1, 1));
    }

    #[test]
    fn memory_is_told_for_one_of_so_many() {
        let memory = |user| Memory {
            user,
            page_tables: 100,
            kernel_stacks: 16,
        };
        let each = memory(5000).beyond(memory(1000)).each(4);
        assert_eq!((each.user, each.page_tables, each.total()), (1000, 0, 1000));
    }

    #[test]
    fn a_kernel_stack_is_a_power_of_two_and_a_few_pages() {
        let size = kernel_stack();
        assert!(
            size.is_power_of_two() && (4 << 10..=64 << 10).contains(&size),
            "{size}"
        );
    }

    #[test]
    fn this_process_uses_memory_and_time() {
        let group = nix::unistd::getpgrp().as_raw().unsigned_abs();
        let family = Family { group };
        let memory = family.memory();
        assert!(memory.user > 100_000 && memory.page_tables > 0 && memory.kernel_stacks > 0);
        let before = family.usage();
        let end = Instant::now() + Duration::from_millis(20);
        while Instant::now() < end {}
        assert!(family.usage().since(&before).nanoseconds > 1_000_000);
        assert!(machine_busy() > 0.0 && our_own() > 0.0);
    }
}
