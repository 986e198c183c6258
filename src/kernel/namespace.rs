//! The eight namespaces: their names, their flags, their identity, and the two calls that move a process between them.
//! namespaces(7), unshare(2), setns(2).

use super::{Result, call};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;

/// One kind of namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Host name and NIS domain name. Linux 2.6.19.
    Uts,
    /// Process numbers, and an init. Linux 2.6.24.
    Pid,
    /// The table of mounts. Linux 2.4.19, the first, hence the flag's plain name.
    Mnt,
    /// Interfaces, addresses, routes, sockets, packet filter. Linux 2.6.24.
    Net,
    /// System V objects and POSIX message queues. Linux 2.6.19.
    Ipc,
    /// Id maps and capabilities; owns all the others. Linux 3.8.
    User,
    /// The root of what /proc/PID/cgroup shows. Linux 4.6.
    Cgroup,
    /// Offsets of the monotonic and boot clocks. Linux 5.6.
    Time,
}

impl Kind {
    /// All of them, in the order in which we list them.
    pub const ALL: [Self; 8] =
        [Self::Uts, Self::Pid, Self::Mnt, Self::Net, Self::Ipc, Self::User, Self::Cgroup, Self::Time];

    /// The CLONE_NEW* bit.
    pub fn flag(self) -> u64 {
        let flag = match self {
            Self::Uts => libc::CLONE_NEWUTS,
            Self::Pid => libc::CLONE_NEWPID,
            Self::Mnt => libc::CLONE_NEWNS,
            Self::Net => libc::CLONE_NEWNET,
            Self::Ipc => libc::CLONE_NEWIPC,
            Self::User => libc::CLONE_NEWUSER,
            Self::Cgroup => libc::CLONE_NEWCGROUP,
            // The same bit as an exit signal of clone(2): only unshare(2) and clone3(2) take it.
            Self::Time => 0x80,
        };
        u64::from(flag.cast_unsigned())
    }

    /// The name of the flag, as strace prints it.
    pub fn flag_name(self) -> &'static str {
        match self {
            Self::Uts => "CLONE_NEWUTS",
            Self::Pid => "CLONE_NEWPID",
            Self::Mnt => "CLONE_NEWNS",
            Self::Net => "CLONE_NEWNET",
            Self::Ipc => "CLONE_NEWIPC",
            Self::User => "CLONE_NEWUSER",
            Self::Cgroup => "CLONE_NEWCGROUP",
            Self::Time => "CLONE_NEWTIME",
        }
    }

    /// The name of its link in `/proc/PID/ns`.
    pub fn link(self) -> &'static str {
        match self {
            Self::Uts => "uts",
            Self::Pid => "pid",
            Self::Mnt => "mnt",
            Self::Net => "net",
            Self::Ipc => "ipc",
            Self::User => "user",
            Self::Cgroup => "cgroup",
            Self::Time => "time",
        }
    }
}

/// Which namespace it is. Two are the same only if device *and* inode are (ioctl_ns(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Device of the nsfs that shows it.
    pub device: u64,
    /// Its inode there.
    pub inode: u64,
}

/// The identity of one namespace of a process, read from `/proc/PID/ns` as that process has it.
///
/// # Errors
/// The stat(2) that failed: ENOENT where the process, or the kind, is not there; EACCES where it is another user's.
pub fn identity(pid: i32, kind: Kind) -> Result<Identity> {
    let path = format!("/proc/{pid}/ns/{}", kind.link());
    call("which namespace it is in", "stat", format_args!("{path:?}"), || {
        let found = std::fs::metadata(&path).map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
        Ok(Stat(Identity { device: found.dev(), inode: found.ino() }))
    })
    .map(|stat| stat.0)
}

struct Stat(Identity);

impl super::Answer for Stat {
    fn number(&self) -> i64 {
        0
    }
}

/// Moves this process into new namespaces; for pid and time only its future children move.
///
/// # Errors
/// The unshare(2) that failed.
pub fn unshare(kinds: &[Kind], why: &str) -> Result<()> {
    let bits = bits(kinds);
    super::user::elsewhere(bits);
    call(why, "unshare", format_args!("{}", flags_text(bits).trim_start_matches('|')), || {
        // SAFETY: a number in, a number out; what it changes is the kernel's view of this process, not its memory.
        Errno::result(unsafe { libc::unshare(bits as libc::c_int) }).map(drop)
    })
}

/// Joins namespaces that exist. `target` is a pidfd (then several kinds at once, Linux 5.8) or an open file of
/// `/proc/PID/ns` (then exactly that kind).
///
/// # Errors
/// The setns(2) that failed.
pub fn setns<Fd: AsFd>(target: &Fd, kinds: &[Kind], why: &str) -> Result<()> {
    let fd: BorrowedFd<'_> = target.as_fd();
    let bits = bits(kinds);
    super::user::elsewhere(bits);
    call(why, "setns", format_args!("{}, {}", fd.as_raw_fd(), flags_text(bits).trim_start_matches('|')), || {
        // SAFETY: an open descriptor and a number.
        Errno::result(unsafe { libc::setns(fd.as_raw_fd(), bits as libc::c_int) }).map(drop)
    })
}

/// The CLONE_NEW* bits of several kinds.
pub fn bits(kinds: &[Kind]) -> u64 {
    kinds.iter().fold(0, |bits, kind| bits | kind.flag())
}

/// `|CLONE_PARENT|CLONE_NEWUTS|CLONE_NEWPID…`, the kinds in the order of [`Kind::ALL`].
pub(super) fn flags_text(bits: u64) -> String {
    let parent = if bits & libc::CLONE_PARENT as u64 == 0 { "" } else { "|CLONE_PARENT" };
    Kind::ALL
        .iter()
        .filter(|kind| bits & kind.flag() != 0)
        .fold(parent.to_owned(), |text, kind| text + "|" + kind.flag_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_are_those_of_the_manual() {
        let table = [
            (Kind::Uts, 0x0400_0000),
            (Kind::Pid, 0x2000_0000),
            (Kind::Mnt, 0x0002_0000),
            (Kind::Net, 0x4000_0000),
            (Kind::Ipc, 0x0800_0000),
            (Kind::User, 0x1000_0000),
            (Kind::Cgroup, 0x0200_0000),
            (Kind::Time, 0x0000_0080),
        ];
        for (kind, flag) in table {
            assert_eq!(kind.flag(), flag, "{kind:?}");
        }
    }

    #[test]
    fn a_process_is_in_its_own_namespaces() {
        let me = std::process::id().cast_signed();
        for kind in Kind::ALL {
            assert_eq!(identity(me, kind).unwrap(), identity(me, kind).unwrap());
        }
        assert_ne!(identity(me, Kind::Uts).unwrap(), identity(me, Kind::Ipc).unwrap());
    }
}
