//! Network namespaces without going there: a child does, and sends back a descriptor. setns(2), network_namespaces(7),
//! unix(7) on SCM_RIGHTS.
//!
//! A process that joins another network namespace and fails to come back configures the wrong machine from then on.
//! A child that leaves cannot.

use super::namespace::{Kind, setns, unshare};
use super::{Error, Result, call, process};
use crate::narrate::Role;
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg, socketpair,
};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

/// Has `make` run inside `netns` and gives back the descriptor that it made there.
///
/// # Errors
/// The fork(2) or setns(2) that failed, or what failed inside.
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
/// The fork(2), unshare(2) or open(2) that failed.
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

/// Runs `make` in a child; what it opened comes back as SCM_RIGHTS, what failed as JSON.
fn fetch(why: &str, make: impl FnOnce() -> Result<OwnedFd>) -> Result<OwnedFd> {
    let failed = |call: &'static str| move |errno| Error::quiet(call, &format_args!("AF_UNIX, ..."), errno);
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
        .map_err(failed("socketpair"))?;
    let child = process::fork(Role::Helper, why, || {
        let sent = match make() {
            Ok(fd) => send_descriptor(theirs.as_raw_fd(), fd.as_raw_fd()),
            Err(error) => send_error(theirs.as_raw_fd(), &error),
        };
        i32::from(sent.is_err())
    })?;
    // Only the child may hold this end now: its death must be seen as an end of file.
    let answer = {
        drop(theirs);
        receive(&ours).map_err(failed("recvmsg"))
    };
    process::wait(child)?;
    answer?
}

fn send_descriptor(socket: RawFd, fd: RawFd) -> nix::Result<usize> {
    let fds = [fd];
    sendmsg::<()>(socket, &[IoSlice::new(b"+")], &[ControlMessage::ScmRights(&fds)], MsgFlags::MSG_NOSIGNAL, None)
}

fn send_error(socket: RawFd, error: &Error) -> nix::Result<usize> {
    let text = serde_json::to_vec(error).unwrap_or_default();
    sendmsg::<()>(socket, &[IoSlice::new(&text)], &[], MsgFlags::MSG_NOSIGNAL, None)
}

fn receive(socket: &OwnedFd) -> nix::Result<Result<OwnedFd>> {
    let mut text = [0; 4096];
    let mut attached = nix::cmsg_space!(RawFd);
    let (length, fd) = {
        let mut parts = [IoSliceMut::new(&mut text)];
        let message = loop {
            match recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut attached), MsgFlags::MSG_CMSG_CLOEXEC) {
                Err(Errno::EINTR) => {}
                other => break other?,
            }
        };
        let fd = message.cmsgs()?.find_map(|one| match one {
            ControlMessageOwned::ScmRights(fds) => fds.first().copied(),
            _ => None,
        });
        (message.bytes, fd)
    };
    if let Some(fd) = fd {
        // SAFETY: the kernel has just installed this descriptor for us, and nobody else knows it.
        return Ok(Ok(unsafe { OwnedFd::from_raw_fd(fd) }));
    }
    Ok(Err(serde_json::from_slice(&text[..length]).map_err(|_| Errno::ECHILD)?))
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
