//! Root in pieces: capabilities(7). Five sets a thread; what a container's root may do is what is left in them.

use super::{Error, Result, call};
use nix::errno::Errno;

/// The names, in the order of their numbers (linux/capability.h).
pub const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// A set of capabilities: bit n is capability number n.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Set(pub u64);

impl Set {
    /// The set with these names in it; names that we do not know are left out.
    pub fn of<S: AsRef<str>>(names: &[S]) -> Self {
        let bit = |name: &S| NAMES.iter().position(|known| *known == name.as_ref()).map_or(0, |number| 1 << number);
        Self(names.iter().fold(0, |bits, name| bits | bit(name)))
    }

    /// The names of those in it, in the order of their numbers; a number that we have no name for is left out.
    pub fn names(self) -> Vec<&'static str> {
        NAMES.iter().enumerate().filter(|(number, _)| self.0 & (1 << number) != 0).map(|(_, name)| *name).collect()
    }
}

/// What this process holds in its permitted set.
///
/// # Errors
/// The capget(2) that failed.
pub fn permitted() -> Result<Set> {
    let mut data = [Data::default(); 2];
    call("what may be kept", "capget", format_args!("{{version=_LINUX_CAPABILITY_VERSION_3, pid=0}}"), || {
        // SAFETY: version 3 fills two elements, and `data` has two.
        Errno::result(unsafe { libc::syscall(libc::SYS_capget, &raw const HEADER, data.as_mut_ptr()) }).map(drop)
    })?;
    Ok(Set(u64::from(data[0].permitted) | u64::from(data[1].permitted) << 32))
}

/// Takes out of the bounding set what is not in `keep`: no execve(2) can ever give it back.
///
/// # Errors
/// The prctl(2) that failed.
pub fn bound(keep: Set, why: &str) -> Result<()> {
    for (number, name) in NAMES.iter().enumerate().filter(|(number, _)| keep.0 & (1 << number) == 0) {
        // A kernel older than the capability does not know its number, and then there is nothing to drop.
        if in_bounding_set(number)? {
            call(why, "prctl", format_args!("PR_CAPBSET_DROP, {name}"), || {
                // SAFETY: numbers only.
                Errno::result(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) }).map(drop)
            })?;
        }
    }
    Ok(())
}

/// EINVAL is the kernel's word for a number that it does not know; any other failure must not pass for it.
fn in_bounding_set(number: usize) -> Result<bool> {
    // SAFETY: numbers only.
    match Errno::result(unsafe { libc::prctl(libc::PR_CAPBSET_READ, number, 0, 0, 0) }) {
        Ok(answer) => Ok(answer == 1),
        Err(Errno::EINVAL) => Ok(false),
        Err(errno) => Err(Error::quiet("prctl", &format_args!("PR_CAPBSET_READ, {number}"), errno)),
    }
}

/// Sets effective and permitted, and inheritable to nothing (CVE-2022-24769: a full inheritable set let files
/// give capabilities that nobody had asked for). Ambient follows: it can hold only what is inheritable.
///
/// # Errors
/// The capset(2) that failed.
pub fn set(effective: Set, permitted: Set, why: &str) -> Result<()> {
    let half = |shift: u32| Data {
        effective: (effective.0 >> shift) as u32,
        permitted: (permitted.0 >> shift) as u32,
        inheritable: 0,
    };
    let data = [half(0), half(32)];
    call(
        why,
        "capset",
        format_args!(
            "{{version=_LINUX_CAPABILITY_VERSION_3, pid=0}}, {{effective={:#x}, permitted={:#x}, inheritable=0}}",
            effective.0, permitted.0
        ),
        || {
            // SAFETY: version 3 reads two elements, and `data` has two.
            Errno::result(unsafe { libc::syscall(libc::SYS_capset, &raw const HEADER, data.as_ptr()) }).map(drop)
        },
    )
}

/// As [`set`], with an inheritable and an ambient set, which a configuration of somebody else may ask for. Ambient is what
/// a program of an ordinary user starts with (Linux 4.3).
///
/// # Errors
/// The capset(2) or prctl(2) that failed.
pub fn set_with_ambient(effective: Set, permitted: Set, inheritable: Set, ambient: Set, why: &str) -> Result<()> {
    let half = |shift: u32| Data {
        effective: (effective.0 >> shift) as u32,
        permitted: (permitted.0 >> shift) as u32,
        inheritable: (inheritable.0 >> shift) as u32,
    };
    let data = [half(0), half(32)];
    let shown = format_args!(
        "{{version=_LINUX_CAPABILITY_VERSION_3, pid=0}}, {{effective={:#x}, permitted={:#x}, inheritable={:#x}}}",
        effective.0, permitted.0, inheritable.0
    );
    call(why, "capset", shown, || {
        // SAFETY: version 3 reads two elements, and `data` has two.
        Errno::result(unsafe { libc::syscall(libc::SYS_capset, &raw const HEADER, data.as_ptr()) }).map(drop)
    })?;
    for name in ambient.names() {
        let number = Set::of(&[name]).0.trailing_zeros();
        call(why, "prctl", format_args!("PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, {name}, 0, 0"), || {
            // SAFETY: numbers only.
            let answer = unsafe {
                libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, libc::c_ulong::from(number), 0, 0)
            };
            Errno::result(answer).map(drop)
        })?;
    }
    Ok(())
}

/// Keeps the permitted set while the user changes from 0 to another, so that what is kept can be chosen after.
///
/// # Errors
/// The prctl(2) that failed.
pub fn keep_across_setuid(keep: bool, why: &str) -> Result<()> {
    let value = libc::c_ulong::from(keep);
    call(why, "prctl", format_args!("PR_SET_KEEPCAPS, {value}"), || {
        // SAFETY: numbers only.
        Errno::result(unsafe { libc::prctl(libc::PR_SET_KEEPCAPS, value, 0, 0, 0) }).map(drop)
    })
}

/// From here on no execve(2) gives more than one has: set-user-ID bits and file capabilities stop working.
///
/// # Errors
/// The prctl(2) that failed.
pub fn no_new_privileges(why: &str) -> Result<()> {
    call(why, "prctl", format_args!("PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0"), nix::sys::prctl::set_no_new_privs)
}

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// _LINUX_CAPABILITY_VERSION_3 and this thread.
static HEADER: Header = Header { version: 0x2008_0522, pid: 0 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_header() {
        assert_eq!(Set::of(&["CAP_CHOWN"]).0, 1);
        assert_eq!(Set::of(&["CAP_SYS_ADMIN"]).0, 1 << 21);
        assert_eq!(Set::of(&["CAP_CHECKPOINT_RESTORE"]).0, 1 << 40);
        assert_eq!(Set::of(&["CAP_OF_TOMORROW"]).0, 0);
        assert_eq!(Set(1 << 40 | 1 << 60 | 1).names(), ["CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"]);
    }
}
