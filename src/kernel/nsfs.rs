//! Namespaces as open files: which one it is, whose it is, what is above it. ioctl_ns(2).
//!
//! A link in `/proc/PID/ns` names one namespace of one process. Opened, it is a reference: as long as the descriptor
//! lives, the namespace does, and the kernel answers where it hangs in its tree. Here we only look; to move into one
//! is `setns` of [`super::namespace`].

use super::namespace::{Identity, Kind};
use super::{Error, Result};
use nix::errno::Errno;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

/// `_IO(0xb7, 1)`: the user namespace that owns it. Linux 4.9.
const NS_GET_USERNS: libc::c_ulong = 0xb701;
/// `_IO(0xb7, 2)`: the one above, for the two kinds that form a tree (pid, user). Linux 4.9.
const NS_GET_PARENT: libc::c_ulong = 0xb702;

/// Opens one namespace of a process.
///
/// # Errors
/// The openat(2) that failed: EACCES for another user's process, ENOENT where the process or the kind is not there.
pub fn open(pid: i32, kind: Kind) -> Result<OwnedFd> {
    let path = format!("/proc/{pid}/ns/{}", kind.link());
    File::open(&path).map(OwnedFd::from).map_err(|error| {
        Error::quiet("openat", &format_args!("AT_FDCWD, {path:?}, O_RDONLY|O_CLOEXEC"), errno_of(&error))
    })
}

/// Which namespace an open file is.
///
/// # Errors
/// The fstat(2) that failed.
pub fn identity(namespace: &OwnedFd) -> Result<Identity> {
    let failed =
        |error: &std::io::Error| Error::quiet("fstat", &format_args!("{}", namespace.as_raw_fd()), errno_of(error));
    let file = File::from(namespace.try_clone().map_err(|error| failed(&error))?);
    let found = file.metadata().map_err(|error| failed(&error))?;
    Ok(Identity { device: found.dev(), inode: found.ino() })
}

/// The namespace above this one: of a pid or a user namespace.
///
/// # Errors
/// The ioctl(2) that failed: EPERM where it lies outside of what we may see (or there is none), EINVAL for a kind that
/// forms no tree.
pub fn parent(namespace: &OwnedFd) -> Result<OwnedFd> {
    ask(namespace, NS_GET_PARENT, "NS_GET_PARENT")
}

/// The user namespace that owns this one: capabilities over it are counted there.
///
/// # Errors
/// The ioctl(2) that failed: EPERM where the owner lies outside of what we may see.
pub fn owner(namespace: &OwnedFd) -> Result<OwnedFd> {
    ask(namespace, NS_GET_USERNS, "NS_GET_USERNS")
}

fn ask(namespace: &OwnedFd, request: libc::c_ulong, name: &str) -> Result<OwnedFd> {
    let fd = namespace.as_fd().as_raw_fd();
    // SAFETY: both requests take no argument and answer with a new descriptor.
    let answer = unsafe { libc::ioctl(fd, request as _) };
    match Errno::result(answer) {
        // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
        Ok(new) => Ok(unsafe { OwnedFd::from_raw_fd(new) }),
        Err(errno) => Err(Error::quiet("ioctl", &format_args!("{fd}, {name}"), errno)),
    }
}

fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_namespace_is_the_one_that_the_link_names() {
        let me = std::process::id().cast_signed();
        let open = open(me, Kind::Uts).unwrap();
        assert_eq!(identity(&open).unwrap(), super::super::namespace::identity(me, Kind::Uts).unwrap());
    }

    #[test]
    fn the_owner_of_our_user_namespaces_things_is_a_user_namespace_and_uts_has_no_parent() {
        let me = std::process::id().cast_signed();
        let uts = open(me, Kind::Uts).unwrap();
        assert_eq!(parent(&uts).unwrap_err().errno(), Errno::EINVAL);
    }
}
