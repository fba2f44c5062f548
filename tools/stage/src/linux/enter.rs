//! The way into the private network: a ladder of two rungs.
//!
//! An ordinary user makes a user namespace and, owning it, a network namespace inside. Root, or whoever comes through
//! sudo, makes the network namespace alone. Both make a namespace of processes as well: when its first process ends,
//! the kernel kills all others, so nothing is left behind whatever happens.

use std::{fs, io, path::Path};

use super::system;
use crate::{
    refusal::{Machine, Refusal, Step},
    scenario::pins::LOOPBACK_MTU,
};

/// Makes the namespaces, and brings `lo` up. The process that called stays outside of the namespace of processes: its
/// next child is the first one in it.
///
/// To be called while there is one thread. `through_root` takes the second rung without trying the first.
///
/// # Errors
/// The step that the machine refuses.
pub fn enter(through_root: bool) -> Result<(), Refusal> {
    let (uid, gid) = system::user();
    let networks = libc::CLONE_NEWNET | libc::CLONE_NEWPID;
    let root = uid == 0 || through_root;
    let made = if root {
        system::unshare(networks)
    } else {
        Err(io::ErrorKind::PermissionDenied.into())
    };
    match made {
        Ok(()) => {}
        Err(error) if through_root => return Err(refused(Step::NetworkNamespace, &error)),
        // Root without the capability, as in most containers, may still do what everybody may.
        Err(_) => {
            system::unshare(libc::CLONE_NEWUSER | networks)
                .map_err(|error| refused(Step::UserNamespace, &error))?;
            for (file, text) in [
                ("/proc/self/setgroups", "deny".to_string()),
                // Everybody stays who they are, so that programs find themselves to be the ordinary user.
                ("/proc/self/uid_map", format!("{uid} {uid} 1\n")),
                ("/proc/self/gid_map", format!("{gid} {gid} 1\n")),
            ] {
                fs::write(file, text).map_err(|error| refused(Step::Map(file.into()), &error))?;
            }
        }
    }
    system::loopback_up().map_err(|error| refused(Step::Loopback, &error))
}

/// Sets a sysctl of this thread's network, or its loopback's MTU.
///
/// # Errors
/// What the machine refuses, a path outside `net/` included.
pub fn pin(path: &str, value: &str) -> Result<(), Refusal> {
    let refuse = |error: io::Error| refused(Step::Pin(path.into()), &error);
    if path == LOOPBACK_MTU {
        let set = |mtu| system::limit_interface(&system::datagram_socket()?, c"lo", mtu);
        let wrong = |_| io::Error::from_raw_os_error(libc::EINVAL);
        return value.parse().map_err(wrong).and_then(set).map_err(refuse);
    }
    if !path.starts_with("net/") || path.split('/').any(|part| part == "..") {
        return Err(refuse(io::Error::from_raw_os_error(libc::EINVAL)));
    }
    match fs::write(Path::new("/proc/sys").join(path), value) {
        // A kernel without IPv6 has none to switch off.
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.starts_with("net/ipv6/") => Ok(()),
        other => other.map_err(refuse),
    }
}

/// A refusal, with what is known of the machine.
pub fn refused(step: Step, error: &io::Error) -> Refusal {
    let errno = error.raw_os_error().unwrap_or_default();
    let text = error.to_string();
    let says = |path: &str, value: &str| fs::read_to_string(path).is_ok_and(|text| text.trim() == value);
    Refusal {
        step,
        errno,
        error: text.split(" (os error").next().unwrap_or_default().into(),
        machine: Machine {
            apparmor_restricts: says("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
            clone_forbidden: says("/proc/sys/kernel/unprivileged_userns_clone", "0"),
            container: Path::new("/.dockerenv").exists() || Path::new("/run/.containerenv").exists(),
            root: system::user().0 == 0,
        },
    }
}
