//! Settings of the new namespaces, written through the container's own /proc before it becomes read-only.

use crate::kernel::fs::{self, Links};
use crate::stages::failure::Failure;
use nix::fcntl::OFlag;
use oci_spec::runtime::Spec;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

/// Writes `linux.sysctl`. A file of /proc/sys/net or /proc/sys/kernel shows, and sets, what the namespaces of the
/// process hold that opens it: ours, which are the container's.
pub(super) fn write(root: BorrowedFd<'_>, spec: &Spec) -> Result<(), Failure> {
    let wanted = spec.linux().as_ref().and_then(|linux| linux.sysctl().as_ref());
    for (name, value) in wanted.into_iter().flatten() {
        let step = format!("set {name} to {value:?}");
        let path: PathBuf = ["proc", "sys"].into_iter().chain(name.split('.')).collect();
        // No link may lead elsewhere, and what is found must be a file of /proc (CVE-2025-52881).
        let file = fs::open_inside(root, &path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Links::Refused)
            .map_err(Failure::at(&step))?;
        fs::write_proc(&file, &path, value, "a setting that this namespace has for itself")
            .map_err(Failure::at(&step))?;
    }
    Ok(())
}
