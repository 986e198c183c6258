//! The root of a place that has a profile: the machine's own programs, read-only, and nothing else of its files.
//!
//! It is made anew in the place's own mount namespace, on a tmpfs, and nobody outside sees it. A profile whose system knew
//! chroot(2) only gets that, and has its mount namespace as a helper: so that nothing is mounted on the machine.

use super::profile::{Isolation, Root};
use crate::kernel::{self, chroot, mount};
use crate::stages::failure::Failure;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::MsFlags;
use nix::sys::stat::Mode;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const QUIET: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV).union(MsFlags::MS_NOEXEC);

/// Folders with programs and libraries, where the machine has them. Debian's `awk` and others lead through the last one.
const SHOWN: [&str; 9] =
    ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc/ld.so.cache", "etc/alternatives"];
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
/// What of /proc Docker covers (a file by /dev/null, a folder by nothing) and what it makes read-only.
const COVERED: [&str; 9] =
    ["acpi", "asound", "interrupts", "kcore", "keys", "latency_stats", "sched_debug", "scsi", "timer_list"];
const READ_ONLY: [&str; 5] = ["bus", "fs", "irq", "sys", "sysrq-trigger"];

/// Which of the kernel's own file systems show the new namespaces.
pub(super) struct Fresh {
    pub(super) proc: bool,
    pub(super) sys: bool,
}

/// Makes the root at `at`, an empty folder of ours, and moves into it.
pub(super) fn enter(isolation: &Isolation, fresh: &Fresh, at: &Path) -> Result<(), Failure> {
    mount::mount("explore", at, "tmpfs", MsFlags::MS_NOSUID, "mode=0755,size=16m", "a root that is nobody else's")
        .map_err(Failure::at("make a root"))?;
    for name in SHOWN {
        show(&Path::new("/").join(name), &at.join(name)).map_err(Failure::at(&format!("show it /{name}")))?;
    }
    furnish(at).map_err(Failure::at("furnish its root"))?;
    devices(at).map_err(Failure::at("give it a /dev"))?;
    kernel_files(isolation, fresh, at)?;
    let why = match isolation.root {
        Root::Chroot => "paths begin here from now on; all else is as it was",
        Root::Pivot => "nothing else is mounted any more",
    };
    let root = open(at).map_err(Failure::at("find its root"))?;
    match isolation.root {
        Root::Chroot => chroot::enter(root.as_fd(), why),
        Root::Pivot => mount::pivot_into(root.as_fd(), why),
    }
    .map_err(Failure::at("move into its root"))
}

/// A folder or file of the machine, read-only; a link as it is; nothing where there is none.
fn show(source: &Path, target: &Path) -> kernel::Result<()> {
    let Ok(found) = std::fs::symlink_metadata(source) else { return Ok(()) };
    make(target, target.parent().map_or(Ok(()), std::fs::create_dir_all))?;
    if found.is_symlink() {
        let link = make(source, std::fs::read_link(source))?;
        return make(target, std::os::unix::fs::symlink(link, target));
    }
    make(target, if found.is_dir() { std::fs::create_dir(target) } else { std::fs::write(target, "") })?;
    mount::bind(source, target, "programs and libraries are the machine's own")?;
    read_only(target)
}

fn read_only(target: &Path) -> kernel::Result<()> {
    mount::set_attributes(&open(target)?, libc::MOUNT_ATTR_RDONLY, true, "and are not for it to change")
}

fn open(path: &Path) -> kernel::Result<OwnedFd> {
    nix::fcntl::open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| of_openat(path, "O_PATH|O_CLOEXEC", errno))
}

fn furnish(at: &Path) -> kernel::Result<()> {
    for name in ["dev", "etc", "proc", "root", "sys", "tmp"] {
        make(at, std::fs::create_dir_all(at.join(name)))?;
    }
    make(at, std::fs::set_permissions(at.join("tmp"), std::fs::Permissions::from_mode(0o1777)))?;
    make(at, std::fs::write(at.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n"))?;
    make(at, std::fs::write(at.join("etc/group"), "root:x:0:\n"))
}

fn devices(at: &Path) -> kernel::Result<()> {
    for name in DEVICES {
        let target = at.join("dev").join(name);
        make(&target, std::fs::write(&target, ""))?;
        mount::bind(&Path::new("/dev").join(name), &target, "a device that is safe for everybody")?;
    }
    Ok(())
}

/// /proc and /sys: fresh where there is something new to show, else what is there.
fn kernel_files(isolation: &Isolation, fresh: &Fresh, at: &Path) -> Result<(), Failure> {
    let step = || Failure::at("give it a /proc");
    let proc = at.join("proc");
    if fresh.proc {
        let why = "a proc shows the PID namespace of the one who mounts it";
        mount::mount("proc", &proc, "proc", QUIET, "", why).map_err(step())?;
    } else {
        mount::bind(Path::new("/proc"), &proc, "its processes are the machine's").map_err(step())?;
    }
    if isolation.covers {
        cover(&proc, &at.join("dev/null")).map_err(step())?;
    }
    if fresh.sys {
        let why = "a sysfs shows the network namespace of the one who mounts it";
        let flags = if isolation.covers { QUIET | MsFlags::MS_RDONLY } else { QUIET };
        mount::mount("sysfs", &at.join("sys"), "sysfs", flags, "", why).map_err(Failure::at("give it a /sys"))?;
    }
    Ok(())
}

fn cover(proc: &Path, null: &Path) -> kernel::Result<()> {
    for target in COVERED.map(|name| proc.join(name)) {
        match std::fs::metadata(&target) {
            Ok(found) if found.is_dir() => {
                let flags = QUIET | MsFlags::MS_RDONLY;
                mount::mount("tmpfs", &target, "tmpfs", flags, "size=0k", "nothing to see for a container")?;
            }
            Ok(_) => mount::bind(null, &target, "nothing to read for a container")?,
            Err(_) => {}
        }
    }
    for target in READ_ONLY.map(|name| proc.join(name)).into_iter().filter(|target| target.exists()) {
        mount::bind(&target, &target, "what is set here is set for the whole machine")?;
        read_only(&target)?;
    }
    Ok(())
}

/// A step with files of ours, as the call that it comes to.
fn make<T>(path: &Path, result: io::Result<T>) -> kernel::Result<T> {
    result.map_err(|error| {
        let errno = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
        of_openat(path, "O_CREAT", errno)
    })
}

fn of_openat(path: &Path, flags: &str, errno: Errno) -> kernel::Error {
    kernel::Error::quiet("openat", &format_args!("AT_FDCWD, \"{}\", {flags}", path.display()), errno)
}

/// The root of another process, to be held before its namespaces are entered: setns(2) gives the root of the mount
/// namespace, and whoever had used chroot(2) stands deeper.
///
/// # Errors
/// The open(2) that failed.
pub(super) fn of_process(pid: i32) -> Result<OwnedFd, Failure> {
    open(Path::new(&format!("/proc/{pid}/root"))).map_err(Failure::at("find its root"))
}

/// Stands in a root that is held.
///
/// # Errors
/// The fchdir(2) or chroot(2) that failed.
pub(super) fn stand_in(root: &OwnedFd) -> Result<(), Failure> {
    chroot::enter(root.as_fd(), "where its first process has its root").map_err(Failure::at("stand in its root"))
}
