//! A process that is known from a record, by its number and by when it was started: held, told something, ended.
//!
//! A number may be another's by the time we come back. So it is opened first (pidfd_open(2)), and then looked at again:
//! between the look and the open it could have changed hands, and after it the descriptor never names another process.
//! That it ends in the meantime is no error of anybody's: whoever ends something has what he wants.

use crate::kernel::{self, process};
use crate::state::ProcessIdentity;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use std::os::fd::{AsFd, OwnedFd};

/// A handle on exactly this process; `None` where it has ended.
///
/// # Errors
/// The pidfd_open(2) that failed.
pub(super) fn open(target: ProcessIdentity, why: &str) -> kernel::Result<Option<OwnedFd>> {
    match process::pidfd_open(Pid::from_raw(target.pid), why) {
        Err(error) if error.errno == libc::ESRCH => Ok(None),
        Err(error) => Err(error),
        Ok(handle) => Ok(target.is_alive().then_some(handle)),
    }
}

/// Sends a signal. One that has ended does not hear it.
///
/// # Errors
/// The pidfd_send_signal(2) that failed.
pub(super) fn send(handle: &OwnedFd, number: i32, why: &str) -> kernel::Result<()> {
    match process::signal(handle.as_fd(), number, why) {
        Err(error) if error.errno == libc::ESRCH => Ok(()),
        other => other,
    }
}

/// Ends it, and waits until it is gone (a zombie that its parent has yet to collect is gone).
///
/// # Errors
/// The call that failed.
pub(super) fn kill(target: ProcessIdentity, why: &str) -> kernel::Result<()> {
    if !target.is_alive() {
        return Ok(());
    }
    let Some(handle) = open(target, "a descriptor never names another process, a number may")? else { return Ok(()) };
    send(&handle, libc::SIGKILL, why)?;
    process::wait_for_end(handle.as_fd());
    // Our own child stays a zombie until we collect it; of others there is nothing to collect.
    let _ = waitpid(Pid::from_raw(target.pid), Some(WaitPidFlag::WNOHANG));
    Ok(())
}

/// Waits until it has ended; at once where it has, or where it cannot be held.
pub(super) fn wait_for_end(target: ProcessIdentity, why: &str) {
    if let Ok(Some(handle)) = open(target, why) {
        process::wait_for_end(handle.as_fd());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_has_ended_is_no_error_and_a_number_of_somebody_else_is_left_alone() {
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let there = ProcessIdentity::of(pid).unwrap();
        let before = ProcessIdentity { start: there.start - 1, ..there };
        kill(before, "an earlier process had the number").unwrap();
        assert!(open(before, "an earlier process had the number").unwrap().is_none());
        assert!(there.is_alive(), "the one who has it now was not meant");
        let handle = open(there, "the one who has it now").unwrap().unwrap();
        kill(there, "the one who has it now").unwrap();
        assert!(!there.is_alive());
        let _ = child.wait();
        send(&handle, libc::SIGTERM, "nobody hears it").unwrap();
        assert!(open(there, "it has ended").unwrap().is_none());
        kill(there, "it has ended").unwrap();
        wait_for_end(there, "it has ended");
    }
}
