//! What this machine must be able to do, and whether it can: tried, not guessed.
//!
//! Each need has a name that a lesson writes under `needs:` and that `explore doctor` prints. A trial happens in a child
//! that makes the thing in namespaces of its own and leaves, so that nothing stays. Where it fails, the answer names the
//! layer that said no, what helps, and who can do that.

mod blame;
mod calls;
mod cgroups;
mod namespaces;
mod network;
mod storage;
pub(crate) mod surroundings;
pub(super) mod trial;
mod users;

use crate::state::Roots;
use serde::Serialize;

/// Who can apply a fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// Whoever reads this.
    You,
    /// Root on this machine.
    Root,
    /// Whoever made the machine: its kernel, or the container or service that we are in.
    Admin,
}

impl Who {
    /// As a word for a line of text.
    pub fn word(self) -> &'static str {
        match self {
            Self::You => "you",
            Self::Root => "root",
            Self::Admin => "the machine's administrator",
        }
    }
}

/// Whether a need is met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Answer {
    /// It is.
    Met {
        /// What was seen.
        evidence: String,
    },
    /// It is not.
    Unmet {
        /// What was seen, and which layer says no.
        why: String,
        /// What helps; `None` where nothing does.
        fix: Option<String>,
        /// Who can do that.
        who: Option<Who>,
    },
}

impl Answer {
    /// Whether it is [`Answer::Met`].
    pub fn is_met(&self) -> bool {
        matches!(self, Self::Met { .. })
    }

    fn met(evidence: impl Into<String>) -> Self {
        Self::Met { evidence: evidence.into() }
    }

    fn unmet(why: impl Into<String>, fix: impl Into<String>, who: Who) -> Self {
        Self::Unmet { why: why.into(), fix: Some(fix.into()), who: Some(who) }
    }
}

/// A need, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its name.
    pub id: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// Whether the basic lessons need it; without the others some lessons cannot run, or explore does it another way.
    pub basic: bool,
    /// What was found.
    #[serde(flatten)]
    pub answer: Answer,
}

struct Need {
    id: &'static str,
    title: &'static str,
    basic: Basic,
    check: fn(&Roots) -> Answer,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Basic {
    Always,
    /// Root does without.
    WithoutRoot,
    Never,
}

impl Basic {
    fn holds_for(self, root: bool) -> bool {
        self == Self::Always || self == Self::WithoutRoot && !root
    }
}

const fn need(id: &'static str, title: &'static str, basic: Basic, check: fn(&Roots) -> Answer) -> Need {
    Need { id, title, basic, check }
}

/// In the order in which doctor prints them.
const NEEDS: [Need; 47] = [
    need("kernel", "a kernel of the last years", Basic::Never, calls::kernel),
    need("uts-namespace", "own host name", Basic::Always, namespaces::uts),
    need("pid-namespace", "own process numbers", Basic::Always, namespaces::pid),
    need("mount-namespace", "own table of mounts", Basic::Always, namespaces::mount),
    need("network-namespace", "own interfaces", Basic::Always, namespaces::network),
    need("ipc-namespace", "own System V objects and message queues", Basic::Always, namespaces::ipc),
    need("user-namespace", "own user numbers", Basic::WithoutRoot, namespaces::user),
    need("cgroup-namespace", "own view of the cgroup tree", Basic::Never, namespaces::cgroup),
    need("time-namespace", "own boot clock", Basic::Never, namespaces::time),
    need("max-namespaces", "user.max_*_namespaces", Basic::Always, users::limits),
    need("unprivileged-userns", "user namespaces for ordinary users", Basic::WithoutRoot, users::unprivileged),
    need("apparmor-userns", "AppArmor lets user namespaces be", Basic::WithoutRoot, users::apparmor),
    need("subuid", "ranges of user numbers for this user", Basic::Never, users::subordinate),
    need("fresh-proc", "a /proc of the new process numbers", Basic::Always, storage::proc),
    need("fresh-sysfs", "a /sys of the new interfaces", Basic::Never, storage::sysfs),
    need("overlay", "layers as one folder (overlayfs)", Basic::Always, storage::overlay),
    need("overlay-marks", "opaque folders in a tmpfs", Basic::Never, storage::marks),
    need("state-folder", "a writable layer in the state folder", Basic::Always, storage::upper),
    need("veth", "a cable between two namespaces", Basic::Never, network::veth),
    need("bridge", "a switch", Basic::Never, network::bridge),
    need("vxlan", "a switch across machines", Basic::Never, network::vxlan),
    need("nf-tables", "address translation (nf_tables)", Basic::Never, network::nf_tables),
    need("tun", "/dev/net/tun", Basic::Never, network::tun),
    need("way-out", "a way out for containers without root", Basic::Never, surroundings::way_out),
    need("cgroups", "cgroups, v1 or v2", Basic::Never, cgroups::layout),
    need("cgroup-pids", "a limit on processes", Basic::Never, cgroups::pids),
    need("cgroup-freezer", "a way to hold a group", Basic::Never, cgroups::freezer),
    need("cgroup-memory", "a limit on memory", Basic::Never, cgroups::memory),
    need("cgroup-cpu", "a share of processor time", Basic::Never, cgroups::cpu),
    need("cgroup-devices", "rules for devices", Basic::Never, cgroups::devices),
    need("cgroup-io", "a limit on what goes to a disk", Basic::Never, cgroups::io),
    need("seccomp", "a filter on system calls", Basic::Never, calls::seccomp),
    need("landlock", "rules that a process lays on itself", Basic::Never, calls::landlock),
    need("clone3", "clone3(2)", Basic::Never, calls::clone3),
    need("pidfd", "pidfd_open(2)", Basic::Always, calls::pidfd),
    need("openat2", "openat2(2)", Basic::Always, calls::openat2),
    need("mount-api", "fsopen(2) and its kin", Basic::Never, calls::mount_api),
    need("mount-setattr", "mount_setattr(2)", Basic::Never, calls::mount_setattr),
    need("terminal", "a terminal", Basic::Never, surroundings::terminal),
    need("locale", "a UTF-8 locale", Basic::Never, surroundings::locale),
    need("ps", "ps(1) for the demo image", Basic::Never, surroundings::ps),
    need("ip", "ip(8) for the demo image", Basic::Never, surroundings::ip),
    need("nft", "nft(8)", Basic::Never, surroundings::nft),
    need("perl", "perl(1), to make single system calls", Basic::Never, surroundings::perl),
    need("runsc", "gVisor, a kernel in a process", Basic::Never, surroundings::runsc),
    need("guest", "a virtual machine, for what this kernel does not show", Basic::Never, surroundings::guest),
    need("demo-image", "programs that the demo image is made of", Basic::Always, surroundings::demo_image),
];

/// The names of all needs.
pub fn ids() -> impl Iterator<Item = &'static str> {
    NEEDS.iter().map(|need| need.id)
}

/// Whether there is a need of that name.
pub fn is_known(id: &str) -> bool {
    ids().any(|known| known == id)
}

/// Whether the basic lessons need it: of root, or of somebody else.
pub fn is_basic(id: &str, root: bool) -> bool {
    NEEDS.iter().any(|need| need.id == id && need.basic.holds_for(root))
}

/// Checks one need, by the name that a lesson has for it. A name that we do not know is not met, and says so.
///
/// The caller is single-threaded: trials fork. Its own namespaces stay as they are.
pub fn check(id: &str, roots: &Roots) -> Answer {
    NEEDS.iter().find(|need| need.id == id).map_or_else(
        || Answer::Unmet { why: format!("this explore knows no need called {id:?}"), fix: None, who: None },
        |need| (need.check)(roots),
    )
}

/// Checks all of them, in order.
pub fn all(roots: &Roots) -> Vec<Finding> {
    let root = nix::unistd::geteuid().is_root();
    let finding = |need: &Need| Finding {
        id: need.id,
        title: need.title,
        basic: need.basic.holds_for(root),
        answer: (need.check)(roots),
    };
    NEEDS.iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_one_need() {
        let mut names: Vec<&str> = ids().collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), NEEDS.len());
        assert!(is_known("pid-namespace") && !is_known("no-such-need"));
    }

    #[test]
    fn a_need_that_nobody_knows_is_never_met() {
        let roots = Roots::find(Some(std::path::Path::new("/nowhere"))).unwrap();
        assert!(!check("no-such-need", &roots).is_met());
    }
}
