//! `run`: create, start, wait, delete, for one who has no shim.

use super::{Creating, OciError, create, delete, start};
use crate::kernel::process::{self, Child, Ended};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::SigSet;
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::os::fd::AsFd;

/// Makes a container and starts it. With `detach` that is all; without, signals for us go to its PID 1 until that ends,
/// and then nothing is left.
///
/// # Errors
/// All of [`OciError`].
pub fn run(order: &Creating, detach: bool) -> Result<Option<Ended>, OciError> {
    let child = create(order)?;
    let started = start(&order.root, &order.id);
    if let Err(error) = started {
        let _ = delete(&order.root, &order.id, true);
        return Err(error);
    }
    if detach {
        return Ok(None);
    }
    let ended = wait(&child)?;
    delete(&order.root, &order.id, true)?;
    Ok(Some(ended))
}

/// Waits for a child, and hands on what we are told meanwhile.
///
/// # Errors
/// The call that failed.
pub fn wait(child: &Child) -> Result<Ended, OciError> {
    let failed = |call| {
        move |errno: Errno| OciError::call("wait for it")(crate::kernel::Error::quiet(call, &format_args!("…"), errno))
    };
    let mut all = SigSet::all();
    for own in [nix::sys::signal::Signal::SIGCHLD, nix::sys::signal::Signal::SIGPIPE] {
        all.remove(own);
    }
    all.thread_block().map_err(failed("rt_sigprocmask"))?;
    let signals = SignalFd::with_flags(&all, SfdFlags::SFD_CLOEXEC).map_err(failed("signalfd4"))?;
    loop {
        let mut polled =
            [PollFd::new(child.pidfd.as_fd(), PollFlags::POLLIN), PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        match poll(&mut polled, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            other => other.map_err(failed("poll"))?,
        };
        if polled[0].any() == Some(true) {
            return process::wait(child.pid).map_err(OciError::call("wait for it"));
        }
        if let Ok(Some(signal)) = signals.read_signal() {
            let number = signal.ssi_signo.cast_signed();
            let _ = process::signal(child.pidfd.as_fd(), number, "it was sent to us, and is meant for it");
        }
    }
}
