//! `/dev`: an empty tmpfs, six devices of the host bound one by one and read-only, and five links.
//!
//! A node that is made inside would need the right to make any (CAP_MKNOD against the real devices); a bind mount shows
//! exactly the one that was meant. The tmpfs is ours, so no link of an image can stand in the way (CVE-2025-31133).

use crate::kernel::fs::{self, Links, Shape};
use crate::kernel::mount;
use crate::stages::failure::Failure;
use nix::errno::Errno;
use nix::sys::stat::{Mode, SFlag};
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// Docker's list: what programs expect, and what harms nobody.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// runc's list (libcontainer/rootfs_linux.go, `setupDevSymlinks`). Not every kernel has the last one's target.
const LINKS: [(&str, &str); 6] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
    ("core", "/proc/kcore"),
];

/// Furnishes the tmpfs that `dev` holds.
pub(super) fn furnish(dev: BorrowedFd<'_>) -> Result<(), Failure> {
    for name in DEVICES {
        let device = host_device(name)?;
        let place = fs::mount_point(dev, Path::new(name), Shape::File, Links::Refused)
            .map_err(Failure::at(&format!("make /dev/{name}")))?;
        mount::attach(&device, place.as_fd(), &format!("the host's /dev/{name}, and no other device"))
            .map_err(Failure::at(&format!("bind /dev/{name}")))?;
    }
    let has_core = Path::new("/proc/kcore").exists();
    for (name, target) in LINKS.into_iter().filter(|(name, _)| has_core || *name != "core") {
        match nix::unistd::symlinkat(target, dev, name) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => {
                let error = crate::kernel::Error::quiet("symlinkat", &format_args!("{target:?}, {name:?}"), errno);
                return Err(Failure::at("make the links of /dev")(error));
            }
        }
    }
    Ok(())
}

/// A detached copy of one device of the host, taken while the host's `/dev` is still in sight.
pub(super) fn host_device(name: &str) -> Result<OwnedFd, Failure> {
    let path = CString::new(format!("/dev/{name}")).unwrap_or_default();
    let device = mount::copy_tree(mount::here(), &path, false, "one device of the host, to be shown inside")
        .map_err(Failure::at(&format!("find the host's /dev/{name}")))?;
    // What is not a device must not be shown as one.
    let kind = fs::file_type(&device).map_err(Failure::at(&format!("look at the host's /dev/{name}")))?;
    if kind == SFlag::S_IFCHR {
        // It is written to all the same: only regular files and folders are held by this (fs/namei.c, `sb_permission`).
        mount::set_attributes(
            &device,
            libc::MOUNT_ATTR_RDONLY,
            false,
            "root inside must not chmod the host's own node",
        )
        .map_err(Failure::at(&format!("guard the host's /dev/{name}")))?;
        return Ok(device);
    }
    let error = crate::kernel::Error::quiet("fstat", &format_args!("{path:?}"), Errno::ENODEV);
    Err(Failure::at(&format!("use the host's /dev/{name}: it is no character device"))(error))
}

/// Shows the container's terminal as `/dev/console` as well.
pub(super) fn bind_console(slave: &OwnedFd) -> Result<(), Failure> {
    let step = || Failure::at("bind /dev/console");
    let dev = nix::fcntl::open("/dev", nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| crate::kernel::Error::quiet("openat", &format_args!("\"/dev\""), errno))
        .map_err(step())?;
    let place = fs::mount_point(dev.as_fd(), Path::new("console"), Shape::File, Links::Refused).map_err(step())?;
    let copy =
        mount::copy_tree(slave.as_fd(), c"", false, "the terminal again, to be shown as the console").map_err(step())?;
    mount::attach(&copy, place.as_fd(), "programs that write to the console reach this terminal").map_err(step())
}
