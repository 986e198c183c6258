//! The container's descriptors 0, 1 and 2, and where their other ends are.
//!
//! Without `-t`: three pipes; the supervisor holds the other ends. With `-t`: one terminal, whose master arrives from
//! inside, because the terminal belongs to the container's own devpts.

use nix::fcntl::OFlag;
use std::os::fd::{AsRawFd, OwnedFd};

/// Where descriptors 0, 1 and 2 come from.
#[derive(Debug)]
pub(super) enum Stdio {
    /// These.
    Pipes([OwnedFd; 3]),
    /// A terminal that it makes for itself.
    Terminal,
    /// They are what they should be.
    Inherited,
}

/// Makes the user that the program runs as the owner of its three descriptors, so that it can open /dev/stdout again,
/// which is a link to one of them (runc, libcontainer/init_linux.go, `fixStdioPermissions`). What cannot be handed over,
/// or is everybody's (/dev/null), stays as it is.
pub(super) fn hand_over(uid: u32) {
    let null = nix::sys::stat::stat("/dev/null").map_or(0, |found| found.st_rdev);
    for descriptor in [0, 1, 2].map(crate::kernel::process::borrow) {
        let Ok(found) = nix::sys::stat::fstat(descriptor) else { continue };
        if found.st_uid != uid && (found.st_rdev == 0 || found.st_rdev != null) {
            let _ = nix::unistd::fchown(descriptor, Some(nix::unistd::Uid::from_raw(uid)), None);
        }
    }
}

/// What is the host's /dev/null becomes the container's: root inside could change the owner and mode of the host's through
/// its descriptor (runc, libcontainer/rootfs_linux.go, `reOpenDevNull`).
///
/// # Errors
/// Those of open(2) and dup2(2).
pub(super) fn reopen_null() -> nix::Result<()> {
    let Ok(null) = nix::sys::stat::stat("/dev/null") else { return Ok(()) };
    let (mut three, mut opened) = ([0, 1, 2], Vec::new());
    for number in &mut three {
        let is_null = nix::sys::stat::fstat(crate::kernel::process::borrow(*number));
        if null.st_rdev != 0 && is_null.is_ok_and(|found| found.st_rdev == null.st_rdev) {
            let flags = if *number == 0 { OFlag::O_RDONLY } else { OFlag::O_WRONLY };
            let own = nix::fcntl::open("/dev/null", flags | OFlag::O_CLOEXEC, nix::sys::stat::Mode::empty())?;
            *number = own.as_raw_fd();
            opened.push(own);
        }
    }
    if opened.is_empty() { Ok(()) } else { crate::kernel::process::take_stdio(three) }
}

/// The supervisor's ends.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// What is written here is the container's input; `None` once that has ended.
    pub(super) input: Option<OwnedFd>,
    /// The container's output, or the master of its terminal.
    pub(super) output: Option<OwnedFd>,
    /// What it says on descriptor 2; a terminal mixes both.
    pub(super) errors: Option<OwnedFd>,
}

/// Three pipes: the container's ends in order, and ours. Without `-i` its input is /dev/null.
///
/// # Errors
/// Those of pipe2(2) and open(2).
pub(super) fn pipes(interactive: bool) -> nix::Result<([OwnedFd; 3], Ends)> {
    let (input_read, input_write) = if interactive {
        let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        (read, Some(write))
    } else {
        let null = nix::fcntl::open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, nix::sys::stat::Mode::empty())?;
        (null, None)
    };
    let (output_read, output_write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    let (errors_read, errors_write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    let ends = Ends { input: input_write, output: Some(output_read), errors: Some(errors_read) };
    Ok(([input_read, output_write, errors_write], ends))
}
