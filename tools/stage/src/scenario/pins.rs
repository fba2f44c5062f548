//! What is pinned in the private network, so that the same packets appear on every machine.

use std::collections::BTreeMap;

/// The one pin that is no sysctl: the longest packet that loopback says it carries.
pub(crate) const LOOPBACK_MTU: &str = "loopback_mtu";

/// The sysctls a scenario may set, and their place under `/proc/sys`. All of them belong to one network.
pub(super) const PINS: &[(&str, &str)] = &[
    ("ip_local_port_range", "net/ipv4/ip_local_port_range"),
    (LOOPBACK_MTU, LOOPBACK_MTU),
    ("somaxconn", "net/core/somaxconn"),
    ("tcp_abort_on_overflow", "net/ipv4/tcp_abort_on_overflow"),
    ("tcp_autocorking", "net/ipv4/tcp_autocorking"),
    ("tcp_congestion_control", "net/ipv4/tcp_congestion_control"),
    ("tcp_dsack", "net/ipv4/tcp_dsack"),
    ("tcp_early_retrans", "net/ipv4/tcp_early_retrans"),
    ("tcp_ecn", "net/ipv4/tcp_ecn"),
    ("tcp_fastopen", "net/ipv4/tcp_fastopen"),
    ("tcp_fin_timeout", "net/ipv4/tcp_fin_timeout"),
    ("tcp_frto", "net/ipv4/tcp_frto"),
    ("tcp_keepalive_intvl", "net/ipv4/tcp_keepalive_intvl"),
    ("tcp_keepalive_probes", "net/ipv4/tcp_keepalive_probes"),
    ("tcp_keepalive_time", "net/ipv4/tcp_keepalive_time"),
    ("tcp_max_syn_backlog", "net/ipv4/tcp_max_syn_backlog"),
    ("tcp_moderate_rcvbuf", "net/ipv4/tcp_moderate_rcvbuf"),
    ("tcp_orphan_retries", "net/ipv4/tcp_orphan_retries"),
    ("tcp_recovery", "net/ipv4/tcp_recovery"),
    ("tcp_reordering", "net/ipv4/tcp_reordering"),
    ("tcp_retries1", "net/ipv4/tcp_retries1"),
    ("tcp_retries2", "net/ipv4/tcp_retries2"),
    ("tcp_rmem", "net/ipv4/tcp_rmem"),
    ("tcp_sack", "net/ipv4/tcp_sack"),
    ("tcp_slow_start_after_idle", "net/ipv4/tcp_slow_start_after_idle"),
    ("tcp_syn_linear_timeouts", "net/ipv4/tcp_syn_linear_timeouts"),
    ("tcp_syn_retries", "net/ipv4/tcp_syn_retries"),
    ("tcp_synack_retries", "net/ipv4/tcp_synack_retries"),
    ("tcp_syncookies", "net/ipv4/tcp_syncookies"),
    ("tcp_timestamps", "net/ipv4/tcp_timestamps"),
    ("tcp_tw_reuse", "net/ipv4/tcp_tw_reuse"),
    ("tcp_window_scaling", "net/ipv4/tcp_window_scaling"),
    ("tcp_wmem", "net/ipv4/tcp_wmem"),
];

/// Where a sysctl of this name is; none where scenarios may not set it.
pub(crate) fn path(name: &str) -> Option<&'static str> {
    PINS.iter()
        .find(|(other, _)| *other == name)
        .map(|(_, path)| *path)
}

/// The first of the ports that clients get.
const FIRST_PORT: u16 = 40_000;

/// What is set where the scenario says nothing else, for this many connections. By name.
pub(crate) fn usual(connections: usize) -> BTreeMap<String, String> {
    // Of an odd number of ports above one, `connect` never uses the last (inet_hash_connect in the kernel's source).
    let ports = if connections > 1 {
        connections.next_multiple_of(2)
    } else {
        1
    };
    let last = usize::from(FIRST_PORT) + ports - 1;
    [
        // As many ports as connections: a single client always gets the first.
        ("ip_local_port_range", format!("{FIRST_PORT} {last}")),
        // The host's own may pace with timers; this one is allowed everywhere.
        ("tcp_congestion_control", "reno".into()),
        // The window scale follows from the largest buffer: 6 MiB make it 7, as on most machines.
        ("tcp_rmem", "4096 131072 6291456".into()),
        ("tcp_wmem", "4096 16384 4194304".into()),
        // Twelve bytes less in every segment, and nothing a first reader needs.
        ("tcp_timestamps", "0".into()),
    ]
    .map(|(name, value)| (name.to_string(), value))
    .into()
}
