//! A process beside a container that answers whoever asks: its name server, the doors without root. It lives as long as the
//! container's supervisor, which holds the other end of a pipe, and stands in the journal.

use super::NetworkError;
use crate::kernel::{self, process};
use crate::narrate::{self, Role};
use crate::state::{Claim, Effect, Journal, ProcessIdentity, Roots};
use nix::fcntl::OFlag;
use nix::unistd::Pid;
use std::ffi::CStr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One that runs.
#[derive(Debug)]
pub(super) struct Beside {
    /// While it is open, the process runs.
    alive: OwnedFd,
    process: Pid,
}

/// What one does, and what is said where it cannot begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task<'a> {
    /// What `ps` shows.
    pub(super) name: &'static CStr,
    /// Why it is forked.
    pub(super) why: &'a str,
    /// Descriptors that it keeps.
    pub(super) kept: &'a [RawFd],
    /// The error.
    pub(super) failed: fn(kernel::Error) -> NetworkError,
}

impl Beside {
    /// Forks it. `work` returns once the descriptor that it is given has ended.
    pub(super) fn start(
        roots: &Roots,
        claim: &Claim,
        task: Task<'_>,
        work: impl FnOnce(&OwnedFd),
    ) -> Result<Self, NetworkError> {
        let failed = |errno| (task.failed)(kernel::Error::quiet("pipe2", &format_args!("…"), errno));
        let (listening, alive) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(failed)?;
        let child = process::fork(Role::Helper, task.why, || {
            narrate::silence();
            process::set_name(task.name);
            let kept: Vec<Option<RawFd>> = task.kept.iter().copied().chain([listening.as_raw_fd()]).map(Some).collect();
            process::close_all_but(&kept);
            work(&listening);
            0
        })
        .map_err(task.failed)?;
        if let Some(identity) = ProcessIdentity::of(child.as_raw()) {
            Journal::at(roots.journal()).announce(claim, Effect::Process(identity))?;
        }
        Ok(Self { alive, process: child })
    }

    /// Ends it, and waits for that.
    pub(super) fn stop(self) {
        drop(self.alive);
        let _ = process::wait(self.process);
    }
}

/// Threads that are counted, so that whoever asks without end gets no more than so many.
#[derive(Debug, Clone)]
pub(super) struct Crew {
    busy: Arc<AtomicUsize>,
    most: usize,
}

impl Crew {
    pub(super) fn of_at_most(most: usize) -> Self {
        Self { busy: Arc::default(), most }
    }

    pub(super) fn is_full(&self) -> bool {
        self.busy.load(Ordering::Relaxed) >= self.most
    }

    /// Runs `work` aside, unless too much runs already.
    pub(super) fn begin(&self, work: impl FnOnce() + Send + 'static) -> bool {
        if self.busy.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.busy.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        let done = Arc::clone(&self.busy);
        let begun = std::thread::Builder::new().stack_size(128 * 1024).spawn(move || {
            work();
            done.fetch_sub(1, Ordering::Relaxed);
        });
        if begun.is_err() {
            self.busy.fetch_sub(1, Ordering::Relaxed);
        }
        begun.is_ok()
    }
}
