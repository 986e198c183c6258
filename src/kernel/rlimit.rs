//! Limits of one process: getrlimit(2), setrlimit(2). They are inherited across fork and execve.

use super::{Result, call, capability, user};
use serde::{Deserialize, Serialize};

/// What can be limited, by its place in [`Resource::NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Resource(usize);

/// A soft limit, which its process may raise up to the hard one; `u64::MAX` is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// What holds.
    pub soft: u64,
    /// What can be made to hold.
    pub hard: u64,
}

const NUMBERS: [libc::__rlimit_resource_t; 15] = [
    libc::RLIMIT_CORE,
    libc::RLIMIT_CPU,
    libc::RLIMIT_DATA,
    libc::RLIMIT_FSIZE,
    libc::RLIMIT_LOCKS,
    libc::RLIMIT_MEMLOCK,
    libc::RLIMIT_MSGQUEUE,
    libc::RLIMIT_NICE,
    libc::RLIMIT_NOFILE,
    libc::RLIMIT_NPROC,
    libc::RLIMIT_RSS,
    libc::RLIMIT_RTPRIO,
    libc::RLIMIT_RTTIME,
    libc::RLIMIT_SIGPENDING,
    libc::RLIMIT_STACK,
];

impl Resource {
    /// The names that docker has, in the order of the alphabet.
    pub const NAMES: [&str; 15] = [
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ];

    /// The resource of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().position(|one| *one == name).map(Self)
    }

    /// The resource of this name in config.json: `RLIMIT_NOFILE`.
    pub fn of_oci(name: &str) -> Option<Self> {
        Self::named(&name.strip_prefix("RLIMIT_")?.to_lowercase())
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES[self.0]
    }
}

impl TryFrom<String> for Resource {
    type Error = String;

    fn try_from(name: String) -> std::result::Result<Self, String> {
        Self::named(&name).ok_or(name)
    }
}

impl From<Resource> for String {
    fn from(resource: Resource) -> Self {
        resource.name().to_owned()
    }
}

/// The limit of this process.
pub fn get(resource: Resource) -> Option<Limit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: getrlimit fills one rlimit, which lives until the call returns.
    let answer = unsafe { libc::getrlimit(NUMBERS[resource.0], &raw mut limit) };
    (answer == 0).then_some(Limit { soft: limit.rlim_cur, hard: limit.rlim_max })
}

/// Sets a limit of this process, and so of all that it becomes.
///
/// # Errors
/// The setrlimit(2) that failed: EPERM for a hard limit above the old one without CAP_SYS_RESOURCE.
pub fn set(resource: Resource, limit: Limit, why: &str) -> Result<()> {
    let name = resource.name().to_uppercase();
    let (soft, hard) = (shown(limit.soft), shown(limit.hard));
    call(why, "setrlimit", format_args!("RLIMIT_{name}, {{rlim_cur={soft}, rlim_max={hard}}}"), || {
        let limit = libc::rlimit { rlim_cur: limit.soft, rlim_max: limit.hard };
        // SAFETY: setrlimit reads one rlimit, which lives until the call returns.
        nix::errno::Errno::result(unsafe { libc::setrlimit(NUMBERS[resource.0], &raw const limit) }).map(drop)
    })
}

/// As `ulimit` shows it.
pub fn shown(value: u64) -> String {
    if value == u64::MAX { "unlimited".to_owned() } else { value.to_string() }
}

/// Whether this process may raise a hard limit: CAP_SYS_RESOURCE in the first user namespace, for in another one it
/// counts nothing here.
pub fn may_raise() -> bool {
    let wanted = capability::Set::of(&["CAP_SYS_RESOURCE"]).0;
    !user::in_user_namespace() && capability::permitted().is_ok_and(|had| had.0 & wanted == wanted)
}

/// The largest `nofile` that the kernel allows anybody.
pub fn open_files_most() -> Option<u64> {
    std::fs::read_to_string("/proc/sys/fs/nr_open").ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_stand_beside_their_numbers() {
        let pairs = [("core", libc::RLIMIT_CORE), ("nofile", libc::RLIMIT_NOFILE), ("stack", libc::RLIMIT_STACK)];
        for (name, number) in pairs {
            assert_eq!(NUMBERS[Resource::named(name).unwrap().0], number);
        }
        assert_eq!(Resource::of_oci("RLIMIT_NOFILE").unwrap().name(), "nofile");
    }
}
