//! A private network that the machine does not give: which step failed, why, and what mends it.
//!
//! Whether an ordinary user may have a private network is found out by doing it, step by step. Reading the switches of
//! the system only makes the advice better.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The step that failed, the error, and what is known of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Refusal {
    /// What was being done.
    pub step: Step,
    /// The system's error number.
    pub errno: i32,
    /// The error as the system words it.
    pub error: String,
    /// What is known of the machine.
    pub machine: Machine,
}

/// The steps to a private network, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// No Linux at all.
    Linux,
    /// `unshare(CLONE_NEWUSER | CLONE_NEWNET)`.
    UserNamespace,
    /// Writing `/proc/self/uid_map` and its companions; the file.
    Map(String),
    /// `unshare(CLONE_NEWNET)` as root.
    NetworkNamespace,
    /// Bringing the interface `lo` up.
    Loopback,
    /// Opening the packet socket that the sniffer reads.
    PacketSocket,
    /// Setting a sysctl of the network; its path under `/proc/sys`.
    Pin(String),
    /// Opening `/dev/net/tun`.
    TunDevice,
    /// Making a TUN interface of it.
    TunInterface,
    /// Becoming the ordinary user again.
    User,
}

/// What is known of the machine: it chooses between the remedies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// `kernel.apparmor_restrict_unprivileged_userns` is 1 (Ubuntu 23.10 and later).
    pub apparmor_restricts: bool,
    /// `kernel.unprivileged_userns_clone` is 0 (some Debian and hardened kernels).
    pub clone_forbidden: bool,
    /// It looks like a container.
    pub container: bool,
    /// We run as root.
    pub root: bool,
}

/// `EPERM`, `EACCES`, `ENOENT`, `ENODEV`, `ENOSPC`, `EROFS`: the same numbers on every Linux.
mod errno {
    pub const EPERM: i32 = 1;
    pub const ENOENT: i32 = 2;
    pub const ENXIO: i32 = 6;
    pub const EACCES: i32 = 13;
    pub const ENODEV: i32 = 19;
    pub const ENOSPC: i32 = 28;
    pub const EROFS: i32 = 30;
}

/// The variable that lets sudo make the network, and the network alone.
pub const SUDO: &str = "BOOK_SUDO";

impl Refusal {
    /// On a system that is not Linux.
    pub fn not_linux() -> Refusal {
        Refusal {
            step: Step::Linux,
            errno: 0,
            error: std::env::consts::OS.into(),
            machine: Machine::default(),
        }
    }

    /// What was refused, in one line.
    pub fn reason(&self) -> String {
        match &self.step {
            Step::Linux => format!("recording needs Linux, and this is {}", self.error),
            step => format!(
                "no private network here: {step}: {} (errno {})",
                self.error, self.errno
            ),
        }
    }

    /// What mends it: each a sentence, the likeliest first.
    pub fn remedies(&self) -> Vec<String> {
        let mut remedies = Vec::new();
        let mut add = |text: &str| remedies.push(text.to_string());
        let machine = &self.machine;
        match (&self.step, self.errno) {
            (Step::Linux, _) => add("record in a virtual machine with Linux; WSL2 will do"),
            (Step::UserNamespace, errno::ENOSPC) => {
                add("no user namespaces are allowed: sudo sysctl -w user.max_user_namespaces=15000");
            }
            (Step::UserNamespace | Step::Map(_) | Step::Loopback | Step::PacketSocket, _)
                if machine.apparmor_restricts =>
            {
                add(
                    "Ubuntu's AppArmor switch forbids it to ordinary users; until the next start of the machine: \
                     sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
                );
            }
            (Step::UserNamespace, _) if machine.clone_forbidden => {
                add("the kernel's switch forbids it: sudo sysctl -w kernel.unprivileged_userns_clone=1");
            }
            (Step::UserNamespace | Step::Map(_), _) if machine.container => {
                add(
                    "start the container with --security-opt seccomp=unconfined --security-opt systempaths=unconfined",
                );
            }
            (Step::NetworkNamespace, _) if machine.container => {
                add(
                    "start the container with --cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add NET_RAW \
                     --security-opt systempaths=unconfined, or with --privileged",
                );
            }
            (Step::Pin(_), errno::EROFS | errno::EACCES) => {
                add("the container hides /proc/sys: start it with --security-opt systempaths=unconfined");
            }
            (Step::TunDevice, errno::ENOENT | errno::ENODEV | errno::ENXIO) => {
                add("there is no TUN device: sudo modprobe tun (in a container: --device /dev/net/tun)");
            }
            (Step::TunDevice, errno::EACCES | errno::EPERM) => {
                add("the TUN device is for root alone here: sudo chmod 0666 /dev/net/tun");
            }
            _ => {}
        }
        let sudo_helps = !machine.root && !matches!(self.step, Step::Linux | Step::User);
        if sudo_helps {
            remedies.push(format!(
                "or let sudo make the network, and the network alone (the programs run as you): \
                 sudo -v, then the same command with {SUDO}=1 before it"
            ));
        }
        remedies
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason())?;
        for remedy in self.remedies() {
            write!(f, "\n  {remedy}")?;
        }
        write!(
            f,
            "\n  without it you can still see every stored recording (cargo book show NAME) \
             and check them all (cargo test --package book-tests --test recordings)"
        )
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Linux => f.write_str("looking for Linux"),
            Step::UserNamespace => f.write_str("unshare(CLONE_NEWUSER | CLONE_NEWNET)"),
            Step::Map(file) => write!(f, "writing {file}"),
            Step::NetworkNamespace => f.write_str("unshare(CLONE_NEWNET)"),
            Step::Loopback => f.write_str("bringing the interface lo up"),
            Step::PacketSocket => f.write_str("opening a packet socket for the sniffer"),
            Step::Pin(path) => write!(f, "setting {}", path.replace('/', ".")),
            Step::TunDevice => f.write_str("opening /dev/net/tun"),
            Step::TunInterface => f.write_str("making a TUN interface"),
            Step::User => f.write_str("becoming the ordinary user again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(step: Step, errno: i32, machine: Machine) -> Refusal {
        Refusal {
            step,
            errno,
            error: "Operation not permitted".into(),
            machine,
        }
    }

    #[test]
    fn ubuntu_is_told_its_switch_and_the_way_through_sudo() {
        let machine = Machine {
            apparmor_restricts: true,
            ..Machine::default()
        };
        let text = refusal(Step::Map("/proc/self/uid_map".into()), errno::EPERM, machine).to_string();
        assert!(text.starts_with(
            "no private network here: writing /proc/self/uid_map: Operation not permitted (errno 1)\n"
        ));
        assert!(
            text.contains("sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
            "{text}"
        );
        assert!(text.contains("BOOK_SUDO=1"), "{text}");
        assert!(text.contains("cargo book show"), "{text}");
    }

    #[test]
    fn a_kernel_with_its_own_switch_is_told_that_one() {
        let machine = Machine {
            clone_forbidden: true,
            ..Machine::default()
        };
        let text = refusal(Step::UserNamespace, errno::EPERM, machine).to_string();
        assert!(
            text.contains("sudo sysctl -w kernel.unprivileged_userns_clone=1"),
            "{text}"
        );
        assert!(!text.contains("apparmor"), "{text}");
    }

    #[test]
    fn namespaces_counted_down_to_none_are_told_from_a_filter() {
        let counted = refusal(Step::UserNamespace, errno::ENOSPC, Machine::default()).to_string();
        assert!(counted.contains("user.max_user_namespaces"), "{counted}");
        let container = Machine {
            container: true,
            ..Machine::default()
        };
        let filtered = refusal(Step::UserNamespace, errno::EPERM, container).to_string();
        assert!(filtered.contains("seccomp=unconfined"), "{filtered}");
    }

    #[test]
    fn root_is_not_told_to_use_sudo() {
        let machine = Machine {
            root: true,
            container: true,
            ..Machine::default()
        };
        let text = refusal(Step::NetworkNamespace, errno::EPERM, machine).to_string();
        assert!(text.contains("--cap-add SYS_ADMIN"), "{text}");
        assert!(!text.contains("sudo"), "{text}");
    }

    #[test]
    fn a_missing_and_a_closed_tun_device_have_different_remedies() {
        let missing = refusal(Step::TunDevice, errno::ENOENT, Machine::default()).to_string();
        assert!(missing.contains("modprobe tun"), "{missing}");
        let closed = refusal(Step::TunDevice, errno::EACCES, Machine::default()).to_string();
        assert!(closed.contains("chmod 0666 /dev/net/tun"), "{closed}");
    }
}
