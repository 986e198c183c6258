//! Named pipes: fifo(7). What one process waits on, and another, which knows nothing of it but a name, writes into.

use super::{Error, Result, call};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

/// Makes a fifo and opens it for both directions, so that nobody waits for the other side to come, and no end of file is
/// seen when it goes.
///
/// # Errors
/// The mknod(2) or open(2) that failed.
pub fn create(path: &Path, why: &str) -> Result<OwnedFd> {
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    call(why, "mknod", format_args!("{path:?}, S_IFIFO|0600"), || nix::unistd::mkfifo(path, mode))?;
    nix::fcntl::open(path, OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| Error::quiet("openat", &format_args!("{path:?}, O_RDWR"), errno))
}

/// Waits for one byte.
///
/// # Errors
/// The read(2) that failed.
pub fn wait(fifo: &OwnedFd, why: &str) -> Result<()> {
    call(why, "read", format_args!("{}, …, 1", fifo.as_raw_fd()), || {
        let mut byte = [0];
        loop {
            match nix::unistd::read(fifo, &mut byte) {
                Err(Errno::EINTR) => {}
                other => return other,
            }
        }
    })
    .map(drop)
}

/// Opens it for one who writes. Nobody has it open for reading: `None`.
///
/// # Errors
/// The open(2) that failed otherwise.
pub fn open_if_read(path: &Path) -> Result<Option<OwnedFd>> {
    match nix::fcntl::open(path, OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC, Mode::empty()) {
        Ok(fifo) => Ok(Some(fifo)),
        Err(Errno::ENXIO | Errno::ENOENT) => Ok(None),
        Err(errno) => Err(Error::quiet("openat", &format_args!("{path:?}, O_WRONLY|O_NONBLOCK"), errno)),
    }
}

/// Writes one byte.
///
/// # Errors
/// The write(2) that failed.
pub fn release(fifo: &OwnedFd, why: &str) -> Result<()> {
    call(why, "write", format_args!("{}, \"\\0\", 1", fifo.as_raw_fd()), || nix::unistd::write(fifo, &[0])).map(drop)
}
