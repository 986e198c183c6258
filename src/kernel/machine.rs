//! What only PID 1 of a whole machine does: finit_module(2), reboot(2), and taking the first root for its own.

use super::{Error, Result, call, mount};
use nix::kmod::ModuleInitFlags;
use nix::mount::MsFlags;
use nix::sys::reboot::RebootMode;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

/// Adds a module to the running kernel. One that is there already is no error.
///
/// # Errors
/// The finit_module(2) that failed: EPERM without CAP_SYS_MODULE, ENOEXEC for a module of another kernel.
pub fn load_module(file: &File, why: &str) -> Result<()> {
    let loaded = call(why, "finit_module", format_args!("{}, \"\", 0", file.as_raw_fd()), || {
        nix::kmod::finit_module(file, c"", ModuleInitFlags::empty())
    });
    match loaded {
        Err(error) if error.errno == libc::EEXIST => Ok(()),
        other => other,
    }
}

/// Makes the root of the initramfs a mount like any other. As it comes it is the bottom of all mounts, which nothing can
/// be put in the place of: pivot_root(2) answers EINVAL there, and every container would fail. Shown a second time and
/// moved onto itself, it is a mount with a parent (what switch_root(8) does with a root from a disk).
///
/// # Errors
/// The mount(2), chdir(2) or chroot(2) that failed.
pub fn take_first_root(by_way_of: &Path) -> Result<()> {
    let into =
        |path: &Path| nix::unistd::chdir(path).map_err(|errno| Error::quiet("chdir", &format_args!("{path:?}"), errno));
    mount::bind(Path::new("/"), by_way_of, "the first root, as a mount that has a parent")?;
    into(by_way_of)?;
    call("over the first one", "mount", format_args!("\".\", \"/\", NULL, MS_MOVE, NULL"), || {
        nix::mount::mount(Some("."), "/", None::<&str>, MsFlags::MS_MOVE, None::<&str>)
    })?;
    call("from here on it is the root", "chroot", format_args!("\".\""), || nix::unistd::chroot("."))?;
    into(Path::new("/"))
}

/// Starts the machine anew, which ends one that is told not to (`qemu -no-reboot`). Without a sync(2): it keeps nothing.
///
/// # Errors
/// The reboot(2) that failed.
pub fn reboot() -> Result<()> {
    call("the machine has done its work", "reboot", format_args!("LINUX_REBOOT_CMD_RESTART"), || {
        nix::sys::reboot::reboot(RebootMode::RB_AUTOBOOT).map(|never| match never {})
    })
}
