//! The things that a container is made of, and how its configuration reads without one of them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One thing that can be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// The PID namespace: its numbers of processes are the host's
    Pid,
    /// The mount namespace: its mounts are made in the host's table
    Mount,
    /// The UTS namespace: its host name is the host's
    Uts,
    /// The IPC namespace: it has the host's queues and shared memory
    Ipc,
    /// The network namespace: it has the host's interfaces
    Net,
    /// The user namespace: its numbers of users are the host's
    User,
    /// The cgroup namespace: it sees where in the host's tree its group is
    Cgroup,
    /// The time namespace: its clocks since boot are the host's
    Time,
    /// pivot_root(2): its root is changed by chroot(2) alone
    Pivot,
    /// A /proc of its own: the host's is shown in its place
    Proc,
    /// The smaller set of capabilities: it keeps all that the host's root has
    Caps,
    /// The filter of system calls
    Seccomp,
    /// What covers files of /proc and /sys, and makes settings read-only
    Masks,
    /// The limits of its cgroup: processes and memory
    CgroupLimits,
}

impl Mechanism {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 14] = [
        Self::Pid,
        Self::Mount,
        Self::Uts,
        Self::Ipc,
        Self::Net,
        Self::User,
        Self::Cgroup,
        Self::Time,
        Self::Pivot,
        Self::Proc,
        Self::Caps,
        Self::Seccomp,
        Self::Masks,
        Self::CgroupLimits,
    ];

    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pid => "pid",
            Self::Mount => "mount",
            Self::Uts => "uts",
            Self::Ipc => "ipc",
            Self::Net => "net",
            Self::User => "user",
            Self::Cgroup => "cgroup",
            Self::Time => "time",
            Self::Pivot => "pivot",
            Self::Proc => "proc",
            Self::Caps => "caps",
            Self::Seccomp => "seccomp",
            Self::Masks => "masks",
            Self::CgroupLimits => "cgroup-limits",
        }
    }

    /// What it is, to follow "without".
    pub fn title(self) -> &'static str {
        match self {
            Self::Pid => "its PID namespace",
            Self::Mount => "its mount namespace",
            Self::Uts => "its UTS namespace",
            Self::Ipc => "its IPC namespace",
            Self::Net => "its network namespace",
            Self::User => "its user namespace",
            Self::Cgroup => "its cgroup namespace",
            Self::Time => "its time namespace",
            Self::Pivot => "pivot_root(2)",
            Self::Proc => "a /proc of its own",
            Self::Caps => "the smaller set of capabilities",
            Self::Seccomp => "the filter of system calls",
            Self::Masks => "masked and read-only paths",
            Self::CgroupLimits => "the limits of its cgroup",
        }
    }

    /// Whether a program without it could do something to the machine, where root made it. What is not in a namespace there
    /// is only one of: settings, devices, processors, memory.
    pub(super) fn guards_the_machine(self) -> bool {
        // Out of its root a program finds the stand-in's /sys and /proc, which must be writable for us.
        matches!(self, Self::Mount | Self::Pivot | Self::Masks | Self::CgroupLimits)
    }

    /// The name that `linux.namespaces` of the OCI configuration has for it.
    fn namespace(self) -> Option<&'static str> {
        match self {
            Self::Pid => Some("pid"),
            Self::Mount => Some("mount"),
            Self::Uts => Some("uts"),
            Self::Ipc => Some("ipc"),
            Self::Net => Some("network"),
            Self::User => Some("user"),
            Self::Cgroup => Some("cgroup"),
            _ => None,
        }
    }
}

/// Limits of the whole container: enough for what it does, and small enough to be seen.
const PIDS: i64 = 64;
const MEMORY: i64 = 256 << 20;

/// What a container has, from which one thing is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// A user namespace of its own. Docker gives one only when it is asked to (`userns-remap`), and so a whole container
    /// has none, but where this very thing is taken away.
    pub user: bool,
    /// Limits; not where no cgroup is ours to write.
    pub limits: bool,
    /// What is missing.
    pub missing: Option<Mechanism>,
}

impl Build {
    /// Whether it has this.
    pub fn has(&self, one: Mechanism) -> bool {
        let there = match one {
            Mechanism::User => self.user,
            Mechanism::CgroupLimits => self.limits,
            _ => true,
        };
        there && self.missing != Some(one)
    }

    /// Changes the configuration that `explore create` has written (Docker's defaults) into that of this container.
    /// `ids` is how many user numbers there are to be mapped, `root` the names of all capabilities that there are.
    pub fn apply(&self, spec: &mut Value, ids: u32, root: &[&str]) {
        let kinds = ["pid", "mount", "uts", "ipc", "network", "user", "cgroup"];
        let of = |name: &str| Mechanism::ALL.into_iter().find(|one| one.namespace() == Some(name));
        let kept = kinds.into_iter().filter(|name| of(name).is_some_and(|one| self.has(one)));
        spec["linux"]["namespaces"] = kept.map(|kind| json!({ "type": kind })).collect();
        if self.has(Mechanism::User) {
            let map = json!([{ "containerID": 0, "hostID": 0, "size": ids }]);
            spec["linux"]["uidMappings"] = map.clone();
            spec["linux"]["gidMappings"] = map;
        }
        if self.user
            && let Some(settings) = spec["linux"]["sysctl"].as_object_mut()
        {
            // A range of group numbers, and these are not all of them.
            settings.remove("net.ipv4.ping_group_range");
        }
        if self.has(Mechanism::CgroupLimits) {
            spec["linux"]["resources"]["pids"] = json!({ "limit": PIDS });
            spec["linux"]["resources"]["memory"] = json!({ "limit": MEMORY });
        }
        match self.missing {
            Some(Mechanism::Uts) => spec["hostname"] = Value::Null,
            Some(Mechanism::Net) => spec["linux"]["sysctl"] = json!({}),
            // A new one is not mounted; the stand-in's is there already.
            Some(Mechanism::Proc) => {
                if let Some(mounts) = spec["mounts"].as_array_mut() {
                    mounts.retain(|one| one["destination"] != "/proc");
                }
            }
            Some(Mechanism::Caps) => {
                spec["process"]["capabilities"] = json!({ "bounding": root, "effective": root, "permitted": root });
            }
            Some(Mechanism::Seccomp) => spec["linux"]["seccomp"] = Value::Null,
            Some(Mechanism::Masks) => {
                spec["linux"]["maskedPaths"] = json!([]);
                spec["linux"]["readonlyPaths"] = json!([]);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn the_word_in_text_is_that_of_the_command_line_and_of_json() {
        for one in Mechanism::ALL {
            assert_eq!(one.to_possible_value().unwrap().get_name(), one.word());
            assert_eq!(serde_json::to_value(one).unwrap(), one.word());
        }
    }

    #[test]
    fn only_the_container_that_is_to_lose_it_has_a_user_namespace() {
        let mut spec = json!({});
        let build = Build { user: false, limits: true, missing: Some(Mechanism::Pid) };
        build.apply(&mut spec, 1, &[]);
        let kinds: Vec<&str> =
            spec["linux"]["namespaces"].as_array().unwrap().iter().filter_map(|one| one["type"].as_str()).collect();
        assert_eq!(kinds, ["mount", "uts", "ipc", "network", "cgroup"]);
    }
}
