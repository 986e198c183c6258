//! What can be done to a container that runs, besides ending it: hold it, let it go on, change its limits.

use super::cgroup::Place;
use super::running::{self, Running};
use super::{StartError, StartFailure, cgroup};
use crate::error::Explain;
use crate::exit::Exit;
use crate::kernel;
use crate::kernel::cgroup::freezer;
use crate::stages::create::{self, Container, CreateError, LimitError, Limits};
use crate::stages::failure::Failure;
use crate::state::{Journal, RecordError, Roots};
use std::path::{Path, PathBuf};

/// Why not.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Only what runs can be held.
    #[error("container {0} is not running")]
    NotRunning(String),
    /// It is held already.
    #[error("container {0} is already paused")]
    Paused(String),
    /// It is not held.
    #[error("container {0} is not paused")]
    NotPaused(String),
    /// The limit makes no sense.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// A cgroup.
    #[error(transparent)]
    Group(#[from] StartError),
    /// The container.
    #[error(transparent)]
    Container(#[from] CreateError),
    /// A record.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl From<StartFailure> for ControlError {
    fn from(failure: StartFailure) -> Self {
        Self::Group(failure.into())
    }
}

impl Explain for ControlError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NotRunning(name) => Some(format!("`explore start {name}` starts it")),
            Self::Paused(name) => Some(format!("`explore unpause {name}` lets it go on")),
            Self::NotPaused(_) => None,
            Self::Limit(error) => error.hint(),
            Self::Group(error) => error.hint(),
            Self::Container(error) => error.hint(),
            Self::Record(error) => error.hint(),
        }
    }

    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

/// Takes the processor away from all of a container, until [`unpause`].
///
/// # Errors
/// All of [`ControlError`]; it goes on then.
pub fn pause(roots: &Roots, container: &Container) -> Result<(), ControlError> {
    let _alone = lock(roots, container)?;
    let mut running = of(roots, container)?;
    if is_paused(&running) {
        return Err(ControlError::Paused(container.name.clone()));
    }
    let group = freezable(roots, container, &mut running)?;
    freeze(&group, "held until it is let go")
}

/// Its group that can be frozen, made where there is none yet.
pub(super) fn freezable(roots: &Roots, container: &Container, running: &mut Running) -> Result<PathBuf, ControlError> {
    let group = cgroup::freezable(Place::ours(roots, &container.id), &Journal::at(roots.journal()), running)?;
    keep(roots, container, running)?;
    Ok(group)
}

pub(super) fn freeze(group: &Path, why: &str) -> Result<(), ControlError> {
    let frozen = freezer::freeze(group, why).map_err(Failure::at("pause it"));
    frozen.map_err(|failure| StartFailure::from(failure).into())
}

/// Lets it go on.
///
/// # Errors
/// All of [`ControlError`].
pub fn unpause(roots: &Roots, container: &Container) -> Result<(), ControlError> {
    let _alone = lock(roots, container)?;
    let running = of(roots, container)?;
    if !is_paused(&running) {
        return Err(ControlError::NotPaused(container.name.clone()));
    }
    thaw(&running).map_err(Failure::at("let it go on")).map_err(|failure| StartFailure::from(failure).into())
}

/// Whether all of it is held.
pub fn is_paused(running: &Running) -> bool {
    running.cgroups.iter().any(|(_, group)| freezer::is_frozen(group))
}

/// Lets a container go on that is to be ended: in version 1 no signal reaches it before.
///
/// # Errors
/// The write(2) that failed.
pub fn thaw(running: &Running) -> kernel::Result<()> {
    running.cgroups.iter().try_for_each(|(_, group)| freezer::thaw(group))
}

/// Changes limits, of one that runs at once and of all for their next start.
///
/// # Errors
/// All of [`ControlError`]; the record is then as before, and so is what runs but for what was written already.
pub fn update(roots: &Roots, container: &Container, newer: &Limits) -> Result<(), ControlError> {
    let _alone = lock(roots, container)?;
    let mut container = create::find(roots, &container.id)?;
    container.limits.check_update(newer)?;
    container.limits.merge(newer);
    container.limits.validate()?;
    if let Some(mut running) = running::running(roots, &container.id) {
        // What was not named is not written again: it may be what another program has set since.
        let mut changed = container.limits.clone();
        changed.keep_only(newer);
        let resources = changed.typed()?;
        let journal = Journal::at(roots.journal());
        let written = cgroup::update(Place::ours(roots, &container.id), &journal, &mut running, &resources);
        keep(roots, &container, &running)?;
        written?;
    }
    create::save_limits(roots, &container)?;
    Ok(())
}

pub(super) fn lock(roots: &Roots, container: &Container) -> Result<crate::state::Lock, ControlError> {
    let path = create::folder(roots, &container.id);
    running::lock(roots, &container.id).map_err(|source| CreateError::Folder { path, source }.into())
}

pub(super) fn of(roots: &Roots, container: &Container) -> Result<Running, ControlError> {
    running::running(roots, &container.id).ok_or_else(|| ControlError::NotRunning(container.name.clone()))
}

fn keep(roots: &Roots, container: &Container, running: &Running) -> Result<(), ControlError> {
    Ok(running::keep(roots, &container.id, running)?)
}
