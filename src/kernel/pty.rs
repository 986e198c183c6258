//! Terminals: pty(7), ioctl_tty(2).

use super::{Error, Result, call};
use nix::errno::Errno;
use nix::libc::winsize;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// Columns and rows of a terminal.
///
/// # Errors
/// The ioctl(2) that failed: ENOTTY where it is none.
pub fn window_size<Fd: AsFd>(terminal: &Fd) -> Result<winsize> {
    let mut size = winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ fills one winsize, which lives until the call returns.
    let answer = unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    match Errno::result(answer) {
        Ok(_) => Ok(size),
        Err(errno) => Err(Error::quiet("ioctl", &format_args!("{}, TIOCGWINSZ", terminal.as_fd().as_raw_fd()), errno)),
    }
}

/// Gives a terminal its size; the kernel sends SIGWINCH to those who run in it.
///
/// # Errors
/// The ioctl(2) that failed.
pub fn set_window_size<Fd: AsFd>(terminal: &Fd, size: &winsize) -> Result<()> {
    let fd = terminal.as_fd().as_raw_fd();
    call("", "ioctl", format_args!("{fd}, TIOCSWINSZ, {}x{}", size.ws_col, size.ws_row), || {
        // SAFETY: TIOCSWINSZ reads one winsize, which lives until the call returns.
        Errno::result(unsafe { libc::ioctl(fd, libc::TIOCSWINSZ, size) }).map(drop)
    })
}

/// Makes `terminal` the controlling terminal of this session: what ^C and job control need. The caller leads a new
/// session already (setsid(2)).
///
/// # Errors
/// The ioctl(2) that failed.
pub fn set_controlling<Fd: AsFd>(terminal: &Fd, why: &str) -> Result<()> {
    let fd = terminal.as_fd().as_raw_fd();
    call(why, "ioctl", format_args!("{fd}, TIOCSCTTY, 0"), || {
        // SAFETY: TIOCSCTTY takes a number.
        Errno::result(unsafe { libc::ioctl(fd, libc::TIOCSCTTY, 0) }).map(drop)
    })
}

/// Opens a new terminal of the devpts that is mounted at `/dev/pts` here: the master, and the slave by the master's own
/// number (TIOCGPTPEER, Linux 4.13), so that no path is asked which an image could have bent.
///
/// # Errors
/// The open(2) or ioctl(2) that failed.
pub fn open(why: &str) -> Result<(OwnedFd, OwnedFd)> {
    let master = call(why, "openat", format_args!("AT_FDCWD, \"/dev/pts/ptmx\", O_RDWR|O_NOCTTY|O_CLOEXEC"), || {
        let flags = nix::fcntl::OFlag::O_RDWR | nix::fcntl::OFlag::O_NOCTTY | nix::fcntl::OFlag::O_CLOEXEC;
        nix::fcntl::open("/dev/pts/ptmx", flags, nix::sys::stat::Mode::empty())
    })?;
    unlock(&master, why)?;
    let slave = peer(&master, why)?;
    Ok((master, slave))
}

fn unlock(master: &OwnedFd, why: &str) -> Result<()> {
    let fd = master.as_raw_fd();
    call(why, "ioctl", format_args!("{fd}, TIOCSPTLCK, [0]"), || {
        let locked: libc::c_int = 0;
        // SAFETY: TIOCSPTLCK reads one int, which lives until the call returns.
        Errno::result(unsafe { libc::ioctl(fd, libc::TIOCSPTLCK, &raw const locked) }).map(drop)
    })
}

/// The slave of a master.
///
/// # Errors
/// The ioctl(2) that failed.
pub fn peer(master: &OwnedFd, why: &str) -> Result<OwnedFd> {
    let fd = master.as_raw_fd();
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    call(why, "ioctl", format_args!("{fd}, TIOCGPTPEER, O_RDWR|O_NOCTTY|O_CLOEXEC"), || {
        // SAFETY: TIOCGPTPEER takes open(2) flags and answers a new descriptor.
        let slave = Errno::result(unsafe { libc::ioctl(fd, libc::TIOCGPTPEER, flags) })?;
        // SAFETY: the kernel has just given us this descriptor.
        Ok(unsafe { std::os::fd::FromRawFd::from_raw_fd(slave) })
    })
}
