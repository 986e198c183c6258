//! Network namespaces without going there: a child does, and leaves an open descriptor. setns(2), network_namespaces(7),
//! clone(2) on CLONE_FILES.
//!
//! A process that joins another network namespace and fails to come back configures the wrong machine from then on.
//! A child that leaves cannot. It shares our memory and our descriptors, and not our namespaces.

use super::namespace::{Kind, setns, unshare};
use super::process::{self, Descriptors};
use super::{Error, Result, call};
use crate::narrate::Role;
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// Has `make` run inside `netns` and gives back the descriptor that it made there.
///
/// # Errors
/// The clone(2) or setns(2) that failed, or what failed inside.
pub fn fetch_from(netns: BorrowedFd<'_>, why: &str, make: impl FnOnce() -> Result<OwnedFd>) -> Result<OwnedFd> {
    fetch(why, || {
        setns(&netns, &[Kind::Net], why)?;
        make()
    })
}

/// A new network namespace: nothing in it but a loopback that is down. It lives as long as the descriptor, a process
/// inside, or a mount of it.
///
/// # Errors
/// The clone(2), unshare(2) or open(2) that failed.
pub fn create(why: &str) -> Result<OwnedFd> {
    fetch(why, || {
        unshare(&[Kind::Net], why)?;
        open(Path::new("/proc/self/ns/net"))
    })
}

/// A descriptor for the network namespace that `path` shows: a link in `/proc/PID/ns`, or a pin.
///
/// # Errors
/// The open(2) that failed.
pub fn open(path: &Path) -> Result<OwnedFd> {
    std::fs::File::open(path).map(OwnedFd::from).map_err(|error| {
        let errno = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
        Error::quiet("openat", &format_args!("AT_FDCWD, {:?}, O_RDONLY|O_CLOEXEC", path.to_string_lossy()), errno)
    })
}

/// Whether the descriptor shows a namespace and not the empty file that a pin leaves after its mount is gone.
pub fn is_namespace(fd: BorrowedFd<'_>) -> bool {
    nix::sys::statfs::fstatfs(fd).is_ok_and(|found| found.filesystem_type() == nix::sys::statfs::NSFS_MAGIC)
}

/// The number by which `readlink /proc/PID/ns/net` names it, as in `net:[4026531833]`.
pub fn number(fd: BorrowedFd<'_>) -> Option<u64> {
    nix::sys::stat::fstat(fd).ok().map(|found| found.st_ino)
}

/// Mounts a namespace over the file `target`: it then lives without any process, as ip-netns(8) does it.
///
/// # Errors
/// The mount(2) that failed.
pub fn pin(netns: BorrowedFd<'_>, target: &Path, why: &str) -> Result<()> {
    let source = format!("/proc/self/fd/{}", netns.as_raw_fd());
    call(why, "mount", format_args!("{source:?}, {:?}, NULL, MS_BIND, NULL", target.to_string_lossy()), || {
        nix::mount::mount(Some(source.as_str()), target, None::<&str>, MsFlags::MS_BIND, None::<&str>)
    })
}

/// Takes a pin away. Detached, because somebody may just be opening it.
///
/// # Errors
/// The umount2(2) that failed: EINVAL where nothing is mounted.
pub fn unpin(target: &Path, why: &str) -> Result<()> {
    call(why, "umount2", format_args!("{:?}, MNT_DETACH|UMOUNT_NOFOLLOW", target.to_string_lossy()), || {
        nix::mount::umount2(target, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW)
    })
}

/// Runs `make` in a child that has our memory and our descriptors, and namespaces of its own: what it opens is ours.
fn fetch(why: &str, make: impl FnOnce() -> Result<OwnedFd>) -> Result<OwnedFd> {
    let mut opened = None;
    let child = process::vfork(Role::Helper, Descriptors::Shared, why, || {
        opened = Some(make());
        0
    })?;
    process::wait(child)?;
    let died = || Err(Error::quiet("wait4", &format_args!("{child}, ..."), Errno::ECHILD));
    opened.unwrap_or_else(died)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::namespace::identity;

    #[test]
    fn what_fails_inside_comes_back_as_the_call_that_failed_and_we_stay_where_we_are() {
        let me = std::process::id().cast_signed();
        let before = identity(me, Kind::Net).unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        let error = fetch_from(std::os::fd::AsFd::as_fd(&file), "to see it fail", || open(Path::new("/"))).unwrap_err();
        assert_eq!((error.call.as_ref(), error.errno()), ("setns", Errno::EINVAL));
        assert_eq!(identity(me, Kind::Net).unwrap(), before);
    }
}
