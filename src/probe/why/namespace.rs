//! Namespaces that are refused, and processes that are. clone(2), unshare(2), setns(2), namespaces(7).

use super::subject::{Over, Subject};
use super::verdict::{Layer, Verdict};
use crate::kernel::namespace::{self, Kind};
use crate::kernel::trace::{self, Call};
use crate::kernel::{Error, nsfs};
use crate::probe::need::{Who, trial};
use nix::errno::Errno;
use std::os::fd::OwnedFd;

/// Below as many levels no further PID or user namespace is made (`MAX_PID_NS_LEVEL`; create_user_ns in
/// kernel/user_namespace.c: the first one is level 0 of 32).
const DEEPEST: usize = 33;

/// Which layer refused new namespaces, a new process, or to join; `None` where it is no such call.
pub(super) fn judge(subject: &Subject, call: &Call, errno: Errno) -> Option<Verdict> {
    let flags = match call.name? {
        "unshare" | "clone" => call.args[0],
        "clone3" => trace::memory(subject.pid, call.args[0], 8).try_into().map_or(0, u64::from_ne_bytes),
        "fork" | "vfork" => 0,
        "setns" => return join(subject, call, errno),
        _ => return None,
    };
    let starts = call.name != Some("unshare");
    // The lowest byte of clone(2)'s flags is a signal, which may have the bit of a time namespace.
    let is = |kind: &Kind| flags & kind.flag() != 0 && (*kind != Kind::Time || call.name != Some("clone"));
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(is).collect();
    match errno {
        Errno::EAGAIN if starts => Some(super::limit::processes(subject)),
        Errno::ENOMEM if starts => ended(subject),
        Errno::ENOSPC | Errno::EUSERS if !kinds.is_empty() => Some(used_up(subject, &kinds)),
        Errno::EPERM if kinds.contains(&Kind::User) => user_refused(subject),
        Errno::EPERM if !kinds.is_empty() => {
            let mut verdict = super::capability::missing(subject, "CAP_SYS_ADMIN", Over::Own);
            if verdict.layer == Layer::Capability {
                verdict.help = Some("make a user namespace with it (unshare --user, explore ns create --user)".into());
                verdict.who = Some(Who::You);
            }
            subject.lacks("CAP_SYS_ADMIN", Over::Own).map(|_| verdict)
        }
        Errno::EINVAL if kinds.contains(&Kind::User) => threads(subject),
        _ => None,
    }
}

/// Reads a file as somebody in the process's user namespace would: each has its own files in `/proc/sys/user`.
fn read_there(subject: &Subject, file: &str) -> Option<String> {
    let space = nsfs::open(subject.number, Kind::User).ok()?;
    let read = |moved: bool| {
        trial::attempt(|| {
            if moved {
                namespace::setns(&space, &[Kind::User], "limits are told to those who live there")?;
            }
            std::fs::read_to_string(file).map_err(|_| Error::quiet("read", &format_args!("{file:?}"), Errno::last()))
        })
    };
    // Whoever is there already cannot go there.
    read(true).or_else(|_| read(false)).ok()
}

fn used_up(subject: &Subject, kinds: &[Kind]) -> Verdict {
    let deep = |depth: usize| depth >= DEEPEST;
    let levels = subject.status.nspid.as_ref().map_or(1, Vec::len);
    if kinds.contains(&Kind::User) && deep(subject.depth()) || kinds.contains(&Kind::Pid) && deep(levels) {
        let because = format!(
            "user and PID namespaces are nested no deeper than {DEEPEST} levels, and here that depth is reached"
        );
        return Verdict::new(Layer::NamespaceDepth, because, "begin from further outside", Who::You);
    }
    let file = |kind: &Kind| format!("/proc/sys/user/max_{}_namespaces", kind.link());
    let limit = |kind: &Kind| read_there(subject, &file(kind))?.trim().parse::<u64>().ok();
    let least = kinds.iter().filter_map(|kind| Some((limit(kind)?, kind))).min_by_key(|(limit, _)| *limit);
    let (limit, name) = least.map_or((0, "*"), |(limit, kind)| (limit, kind.link()));
    let because = format!(
        "user.max_{name}_namespaces is {limit} here, and as many are there, or the limit of a user namespace above is reached"
    );
    let help = format!("sysctl -w user.max_{name}_namespaces=15000");
    Verdict::new(Layer::NamespaceLimit, because, help, Who::Root)
}

fn user_refused(subject: &Subject) -> Option<Verdict> {
    if subject.is_chrooted() {
        let because = "its root folder is not the root of its mount namespace (chroot), and from there no user namespace is made: new rights inside would lead out of it";
        return Some(Verdict::new(Layer::Chroot, because, "pivot_root in place of chroot", Who::Admin));
    }
    let (uid, gid) = (subject.status.euid, subject.status.egid);
    if !subject.maps_outside("uid_map", uid) || !subject.maps_outside("gid_map", gid) {
        let because = "its own uid or gid is nobody in its user namespace, and nobody makes no further one";
        return Some(Verdict::new(Layer::IdUnmapped, because, "write uid_map and gid_map first", Who::You));
    }
    let read = |name: &str| std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
    if read("unprivileged_userns_clone").trim() == "0" && subject.lacks("CAP_SYS_ADMIN", Over::Machine).is_some() {
        let because = "kernel.unprivileged_userns_clone is 0: only root may make user namespaces";
        return Some(Verdict::new(Layer::Sysctl, because, "sysctl -w kernel.unprivileged_userns_clone=1", Who::Root));
    }
    if read("apparmor_restrict_unprivileged_userns").trim() == "1" {
        let because =
            "kernel.apparmor_restrict_unprivileged_userns is 1: AppArmor wants a profile that allows user namespaces";
        return Some(Verdict::new(Layer::Apparmor, because, "`explore doctor` prints such a profile", Who::Root));
    }
    None
}

fn threads(subject: &Subject) -> Option<Verdict> {
    if subject.status.threads < 2 {
        return None;
    }
    let because = format!(
        "it has {} threads, and a process changes its user namespace only as a whole, while it has one",
        subject.status.threads
    );
    Some(Verdict::new(Layer::Threads, because, "fork first, and do it in the child", Who::You))
}

/// pid_namespaces(7): where PID 1 has ended, nothing can be started any more.
fn ended(subject: &Subject) -> Option<Verdict> {
    let link = |name: &str| std::fs::read_link(format!("/proc/{}/ns/{name}", subject.number)).ok();
    let (own, children) = (link("pid"), link("pid_for_children"));
    if own == children {
        return None;
    }
    let because =
        "the PID namespace that its children would be born in has lost its PID 1, and with that its end has come";
    Some(Verdict::new(Layer::PidNamespaceEnded, because, "unshare --pid --fork: the first child is PID 1", Who::You))
}

fn join(subject: &Subject, call: &Call, errno: Errno) -> Option<Verdict> {
    if errno == Errno::EINVAL {
        return threads(subject);
    }
    if errno != Errno::EPERM {
        return None;
    }
    let target = std::fs::File::open(format!("/proc/{}/fd/{}", subject.number, call.args[0])).ok().map(OwnedFd::from);
    let owner = target.and_then(|target| nsfs::owner(&target).and_then(|owner| nsfs::identity(&owner)).ok());
    let because = "to join takes CAP_SYS_ADMIN in the user namespace that owns the namespace joined (and in one's own)";
    if subject.lacks("CAP_SYS_ADMIN", Over::Own).is_some() {
        let mut verdict = super::capability::missing(subject, "CAP_SYS_ADMIN", Over::Own);
        verdict.because = format!("{because}: {}", subject.capabilities());
        verdict.help = Some("join its user namespace first: nsenter --user --preserve-credentials".into());
        return Some(verdict);
    }
    let seen = if owner.is_some() { "another user namespace owns this one" } else { "its owner lies above" };
    let help = "from there, or as root of the machine";
    Some(Verdict::new(Layer::NamespaceOwner, format!("{because}; {seen}"), help, Who::Root))
}
