//! What a lesson may need of the machine, by the names that its front matter uses.

/// The names that a lesson may put under `needs:`.
const NAMES: [&str; 13] = [
    "uts-namespace",
    "pid-namespace",
    "mount-namespace",
    "network-namespace",
    "ipc-namespace",
    "user-namespace",
    "cgroup-namespace",
    "time-namespace",
    "overlay",
    "veth",
    "bridge",
    "nftables",
    "demo-image",
];

/// Whether a lesson may ask for it.
pub fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

/// All names, as a fault lists them.
pub fn names() -> &'static [&'static str] {
    &NAMES
}
