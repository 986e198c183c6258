//! Waiting for a container to say more: its log grows, or it ends.

use super::{log, socket};
use crate::stages::create;
use crate::state::Roots;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Watches one container that runs.
#[derive(Debug)]
pub struct Follower {
    /// To its supervisor, who says when it has ended.
    connection: OwnedFd,
    /// inotify(7) on its log.
    changes: Inotify,
}

/// What there was to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It may have said something.
    More,
    /// It has ended, and its log is whole.
    Ended,
    /// Nothing happened for as long as was to be waited.
    Nothing,
}

impl Follower {
    /// `None` where it does not run: nothing will come.
    pub fn of(roots: &Roots, id: &str) -> Option<Self> {
        let connection = socket::call(roots, id).ok()?;
        let changes = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok()?;
        changes.add_watch(&log::path(&create::folder(roots, id)), AddWatchFlags::IN_MODIFY).ok()?;
        Some(Self { connection, changes })
    }

    /// Waits for news. What came before the last look at the log is news, too.
    pub fn wait(&self, limit: Option<Duration>) -> News {
        let timeout = limit.map_or(PollTimeout::NONE, |limit| PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX));
        let mut both = [
            PollFd::new(self.connection.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.changes.as_fd(), PollFlags::POLLIN),
        ];
        while poll(&mut both, timeout) == Err(Errno::EINTR) {}
        let [ended, more] = both.map(|one| one.revents().is_some_and(|events| !events.is_empty()));
        let _ = self.changes.read_events();
        match (ended, more) {
            (true, _) => News::Ended,
            (_, true) => News::More,
            _ => News::Nothing,
        }
    }
}
