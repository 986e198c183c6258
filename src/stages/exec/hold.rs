//! A container that stands still for a moment, so that its files can be read as they are at one moment: `commit`, `cp`.
//!
//! Docker pauses it in the same way. It goes on when we are done; and where we are killed meanwhile, the journal says so
//! to the next command.

use super::control::{self, ControlError};
use super::is_paused;
use crate::kernel::cgroup::freezer;
use crate::stages::create::Container;
use crate::state::{Claim, Effect, Entry, Journal, ProcessIdentity, Roots};
use std::path::PathBuf;

/// It stands still until this is dropped.
#[derive(Debug)]
pub struct Held {
    group: PathBuf,
    journal: Journal,
    entry: Entry,
}

/// Holds a container that runs; `None` where it is held already, by `pause`.
///
/// # Errors
/// [`ControlError`]: it does not run, or no cgroup of it can be frozen.
pub fn hold(roots: &Roots, container: &Container) -> Result<Option<Held>, ControlError> {
    let _alone = control::lock(roots, container)?;
    let mut running = control::of(roots, container)?;
    if is_paused(&running) {
        return Ok(None);
    }
    let group = control::freezable(roots, container, &mut running)?;
    let journal = Journal::at(roots.journal());
    // Not under its own name: what stands there says that its supervisor has died.
    let claim = Claim { owner: format!("held/{}", container.id), holder: Some(ProcessIdentity::myself()) };
    let entry = journal.announce(&claim, Effect::Frozen { group: group.clone() })?;
    let held = Held { group, journal, entry };
    control::freeze(&held.group, "what it writes must not change while it is read")?;
    Ok(Some(held))
}

impl Drop for Held {
    fn drop(&mut self) {
        // Where it cannot be let go its entry stays, and the next command tries again.
        if freezer::thaw(&self.group).is_ok() {
            self.journal.forget(&self.entry);
        }
    }
}
