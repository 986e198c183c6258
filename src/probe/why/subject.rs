//! The process that was refused, as the kernel judged it: while it is stopped at the call.

use crate::kernel::capability::{self, Set};
use crate::kernel::namespace::{self, Identity, Kind};
use crate::kernel::{attribute, nsfs, trace};
use crate::probe::need::trial;
use nix::unistd::Pid;
use procfs::process::{Process, Status};
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

/// The first user namespace of a machine has a fixed inode (include/linux/proc_ns.h, `PROC_USER_INIT_INO`).
const INITIAL_USER_NAMESPACE: u64 = 0xEFFF_FFFD;

/// Over what a capability must be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// The machine: the first user namespace, whatever one's own is.
    Machine,
    /// The user namespace that owns this namespace of the process.
    Namespace(Kind),
    /// The process's own user namespace.
    Own,
}

/// Why a capability does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    /// It is not in the effective set.
    NotHeld,
    /// It is, and only in a user namespace that does not own the thing.
    WrongOwner,
}

/// One process.
pub(super) struct Subject {
    pub(super) pid: Pid,
    /// Its number in /proc, which may be that of another PID namespace.
    pub(super) number: i32,
    pub(super) status: Status,
}

impl Subject {
    /// Looks at it; `None` where it is gone.
    pub(super) fn of(pid: Pid) -> Option<Self> {
        let number = trace::number_in_proc(pid)?;
        let status = Process::new(number).and_then(|process| process.status()).ok()?;
        Some(Self { pid, number, status })
    }

    /// Whether it holds a capability, wherever that counts.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.status.capeff & Set::of(&[name]).0 != 0
    }

    /// Its uid for files, and whether a gid is among its groups.
    pub(super) fn fsuid(&self) -> u32 {
        self.status.fuid
    }

    pub(super) fn is_in_group(&self, gid: u32) -> bool {
        self.status.fgid == gid || self.status.groups.contains(&gid)
    }

    pub(super) fn no_new_privileges(&self) -> bool {
        self.status.nonewprivs == Some(1)
    }

    pub(super) fn is_filtered(&self) -> bool {
        self.status.seccomp == Some(2)
    }

    fn user_namespace(&self) -> Option<OwnedFd> {
        nsfs::open(self.number, Kind::User).ok()
    }

    fn identity(&self) -> Option<Identity> {
        self.user_namespace().and_then(|open| nsfs::identity(&open).ok())
    }

    /// Whether its user namespace is another than the machine's first.
    pub(super) fn in_user_namespace(&self) -> bool {
        self.identity().is_some_and(|found| found.inode != INITIAL_USER_NAMESPACE)
    }

    /// How many user namespaces lie above its own, as far as we can see.
    pub(super) fn depth(&self) -> usize {
        let mut at = self.user_namespace();
        let mut depth = 0;
        while let Some(open) = at {
            at = nsfs::parent(&open).ok();
            depth += usize::from(at.is_some());
        }
        depth
    }

    /// Whether, and why, a capability is missing over something; `None` where it counts.
    pub(super) fn lacks(&self, name: &str, over: Over) -> Option<Lack> {
        if !self.holds(name) {
            return Some(Lack::NotHeld);
        }
        let own = self.identity()?;
        let counts = match over {
            Over::Own => true,
            Over::Machine => own.inode == INITIAL_USER_NAMESPACE,
            // An owner above all that we can see is above the process too.
            Over::Namespace(kind) => nsfs::open(self.number, kind)
                .and_then(|open| nsfs::owner(&open))
                .is_ok_and(|owner| is_at_or_below(owner, own)),
        };
        (!counts).then_some(Lack::WrongOwner)
    }

    /// Whether an id, as we see it, is mapped in its user namespace; `file` is `uid_map` or `gid_map`.
    pub(super) fn maps_outside(&self, file: &str, id: u32) -> bool {
        self.map(file).iter().any(|(_, outside, length)| (*outside..outside + length).contains(&u64::from(id)))
    }

    /// Whether an id, as it says it itself, stands for somebody.
    pub(super) fn maps_inside(&self, file: &str, id: u32) -> bool {
        self.map(file).iter().any(|(inside, _, length)| (*inside..inside + length).contains(&u64::from(id)))
    }

    fn map(&self, file: &str) -> Vec<(u64, u64, u64)> {
        let text = self.file(file);
        let line = |line: &str| {
            let mut fields = line.split_whitespace().map(|field| field.parse().ok());
            Some((fields.next()??, fields.next()??, fields.next()??))
        };
        text.lines().filter_map(line).collect()
    }

    /// A file of its folder in /proc; empty where it cannot be read.
    pub(super) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.number)).unwrap_or_default()
    }

    /// The soft limit of this name in `/proc/PID/limits`; `None` where there is none.
    pub(super) fn limit(&self, title: &str) -> Option<u64> {
        let text = self.file("limits");
        text.lines().find_map(|line| line.strip_prefix(title))?.split_whitespace().next()?.parse().ok()
    }

    /// Whether its root folder is another than that of its mount namespace: chroot(2) was here. setns(2) into a mount
    /// namespace sets the root anew, so a child goes there and compares.
    pub(super) fn is_chrooted(&self) -> bool {
        let open = |path: String| File::open(path).ok();
        let Some(root) = open(format!("/proc/{}/root", self.number)) else { return false };
        let Some(mounts) = open(format!("/proc/{}/ns/mnt", self.number)) else { return false };
        let users = open(format!("/proc/{}/ns/user", self.number));
        let its = attribute::whereabouts(root.as_fd());
        let top = trial::attempt(|| {
            const WHY: &str = "to see where the root of its mounts is";
            if let Some(users) = &users {
                // Refused where we are in it already.
                let _ = namespace::setns(users, &[Kind::User], WHY);
            }
            namespace::setns(&mounts, &[Kind::Mnt], WHY)?;
            Ok(File::open("/").ok().and_then(|root| attribute::whereabouts(root.as_fd())))
        });
        top.is_ok_and(|top| top.is_some() && top != its)
    }

    /// Who it is, for a sentence.
    pub(super) fn who(&self) -> String {
        let uid = self.status.fuid;
        match (uid, self.in_user_namespace()) {
            (0, false) => "root".to_owned(),
            (uid, _) => format!("uid {uid}"),
        }
    }

    /// Its capabilities in words: none, all, or how many are missing.
    pub(super) fn capabilities(&self) -> String {
        let had = Set(self.status.capeff).names().len();
        match had {
            0 => "it holds no capability".to_owned(),
            had if had == capability::NAMES.len() => "it holds every capability".to_owned(),
            had => format!("it holds {had} of {} capabilities", capability::NAMES.len()),
        }
    }
}

/// Whether `namespace` is `own` or lies below it.
fn is_at_or_below(namespace: OwnedFd, own: Identity) -> bool {
    let mut at = Some(namespace);
    while let Some(open) = at {
        if nsfs::identity(&open).is_ok_and(|found| found == own) {
            return true;
        }
        at = nsfs::parent(&open).ok();
    }
    false
}
