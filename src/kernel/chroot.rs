//! chroot(2): another folder for `/`, and nothing more. A container is not made with it; that it can be left is shown here.

use super::{Error, Result, call};
use nix::unistd::fchdir;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::Path;

/// Deeper than any folder that a walk upwards starts in.
const DEEPEST: usize = 64;

/// Makes the folder the root of this process, which then stands in it. Nothing is unmounted: see [`walk_out`].
///
/// # Errors
/// The fchdir(2) or chroot(2) that failed.
pub fn enter(root: BorrowedFd<'_>, why: &str) -> Result<()> {
    fchdir(root).map_err(|errno| Error::quiet("fchdir", &format_args!("{}", root.as_raw_fd()), errno))?;
    call(why, "chroot", format_args!("\".\""), || nix::unistd::chroot("."))
}

/// Walks out of the root of this process, as far as the mount namespace lets it, and stands there.
///
/// A path that goes up stops at the root of the process (path_resolution(7)). A second chroot(2) moves that root below the
/// current folder, which stays where it was, and so it is never met on the way up; chroot(2) says so under NOTES. After
/// pivot_root(2) the way ends at the container's own root all the same, for nothing is mounted above it.
///
/// # Errors
/// The call that failed; `below` is a folder other than the root itself.
pub fn walk_out(below: &Path) -> Result<()> {
    let quiet = |errno| Error::quiet("chdir", &format_args!("…"), errno);
    nix::unistd::chdir("/").map_err(quiet)?;
    let why = "the root moves below the folder that we stand in";
    call(why, "chroot", format_args!("{below:?}"), || nix::unistd::chroot(below))?;
    for _ in 0..DEEPEST {
        nix::unistd::chdir("..").map_err(quiet)?;
    }
    call("where the way up has ended", "chroot", format_args!("\".\""), || nix::unistd::chroot("."))
}
