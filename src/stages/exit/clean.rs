//! After a kill: what nobody wants any more goes, by the journal and never by name alone.

use super::undo::{self, UndoError};
use super::{ExitError, Volumes, kill, remove, remove_files};
use crate::kernel::process::Ended;
use crate::stages::create::{self, Container, Status};
use crate::stages::exec;
use crate::stages::keeper;
use crate::stages::network;
use crate::stages::place::Place;
use crate::stages::volume;
use crate::state::{Journal, Roots, sweep_drafts};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What `clean` has done.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Cleaned {
    /// Entries of the journal that were undone.
    pub effects: usize,
    /// Containers that were ended: those whose command is gone, or all.
    pub ended: Vec<String>,
    /// Containers and places that were removed.
    pub removed: Vec<String>,
}

/// What every command does first: takes back what dead processes have left. Costs one look into an empty folder where
/// nothing is.
///
/// # Errors
/// [`ExitError::Undo`], [`ExitError::Network`].
pub fn recover(roots: &Roots) -> Result<usize, ExitError> {
    let journal = Journal::at(roots.journal());
    let orphans = journal.orphans().map_err(UndoError::from)?;
    if orphans.is_empty() {
        return Ok(0);
    }
    for id in orphans.iter().filter_map(|entry| entry.claim.owner.strip_prefix("walk/")) {
        // Its files go only after those who use them.
        if let Ok(container) = create::find(roots, id) {
            bring_to_rest(roots, &container)?;
        }
    }
    let undone = undo::undo_each(roots, orphans.iter());
    let network = network::clean(roots);
    let owners: BTreeSet<&str> = orphans.iter().map(|entry| entry.claim.owner.as_str()).collect();
    for owner in owners {
        settle(roots, owner)?;
    }
    undone?;
    network?;
    Ok(orphans.len())
}

/// Ends a container and waits for its supervisor, which may just be beginning, or taking back what it made.
fn bring_to_rest(roots: &Roots, container: &Container) -> Result<(), ExitError> {
    loop {
        kill(roots, container)?;
        // NotFound: it is gone altogether.
        if !matches!(exec::lock_at_rest(roots, &container.id), Ok(Err(_))) {
            return Ok(());
        }
    }
}

/// A container whose supervisor was killed has ended by that; a place whose holder was killed is gone.
fn settle(roots: &Roots, owner: &str) -> Result<(), ExitError> {
    if let Some(name) = owner.strip_prefix("ns/") {
        let _ = std::fs::remove_dir_all(roots.places().join(name));
        return Ok(());
    }
    // `walk/…`: the container that the walk had promised to remove, and which is gone with its folder.
    if owner.contains('/') {
        return Ok(());
    }
    let started = exec::last(roots, owner).ok().flatten().map_or(0, |last| last.started);
    let _ = std::fs::remove_dir_all(roots.running().join(owner));
    let Ok(mut container) = create::find(roots, owner) else { return Ok(()) };
    if container.remove {
        return remove_files(roots, &container, Volumes::Anonymous);
    }
    if started > 0 {
        let at = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
        container.status = Status::Exited { how: Ended::Killed(libc::SIGKILL), started, at, oom_killed: false };
        create::save(roots, &container)?;
    }
    Ok(())
}

/// `explore clean`: what [`recover`] does, and besides: containers that run for a terminal that is gone are ended, and
/// what was begun and never finished is removed. With `all`, everything that this state has: containers, places,
/// networks.
///
/// # Errors
/// The first that stays in the way, after everything else was tried.
pub fn clean(roots: &Roots, all: bool) -> Result<Cleaned, ExitError> {
    // First, or what went with a dead keeper would be looked for, by its name, in the namespaces of this machine.
    let _ = keeper::forget_if_dead(roots);
    let mut cleaned = Cleaned { effects: recover(roots)?, ..Cleaned::default() };
    for container in create::list(roots)? {
        let abandoned = exec::begun(roots, &container.id)
            .map_err(create::CreateError::Record)?
            .is_some_and(|running| running.client.is_some_and(|client| !client.is_alive()));
        if all || abandoned {
            end(roots, &container, all, &mut cleaned)?;
        }
    }
    if all {
        for place in Place::list(roots).unwrap_or_default() {
            if place.remove(roots).is_ok() {
                cleaned.removed.push(place.name);
            }
        }
    }
    cleaned.effects += recover(roots)?;
    // Nobody who begins meanwhile is hurt: the last word on a group is its owner's mkdir(2), which is tried again.
    let _ = undo::remove_empty_groups(roots);
    undo::unshare_cgroups(roots)?;
    network::clean(roots)?;
    sweep(roots);
    Ok(cleaned)
}

fn end(roots: &Roots, container: &Container, all: bool, cleaned: &mut Cleaned) -> Result<(), ExitError> {
    if exec::begun(roots, &container.id).map_err(create::CreateError::Record)?.is_some() {
        kill(roots, container)?;
        cleaned.ended.push(container.name.clone());
    }
    if all && create::find(roots, &container.id).is_ok() {
        remove(roots, container, true, Volumes::Anonymous)?;
        cleaned.removed.push(container.name.clone());
    }
    Ok(())
}

/// What was begun and not finished: a container half-made or half-removed, a download.
fn sweep(roots: &Roots) {
    for path in entries_of(&roots.containers()) {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if name.starts_with(b".new-") || name.starts_with(b".old-") {
            let _ = remove_tree(&path);
        }
    }
    let of_containers = entries_of(&roots.containers());
    for folder in [roots.run.clone(), roots.data.clone(), roots.journal()].into_iter().chain(of_containers) {
        sweep_drafts(&folder);
    }
    // What a removal could not remove; a container that is there may just be beginning to run.
    for folder in entries_of(&roots.running()) {
        if folder.file_name().is_some_and(|id| !roots.containers().join(id).exists()) {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
    volume::sweep(roots);
    let _ = crate::image::sweep(roots);
}

fn entries_of(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Folders of a container that are mostly empty, deepest first; the inner three are the mark of a volatile overlay.
const MOSTLY_EMPTY: [&str; 6] =
    ["work/work/incompat/volatile", "work/work/incompat", "work/work", "work", "upper", "rootfs"];

/// Removes a folder of ours with all below it, but nothing that is mounted there. Folders without permissions, as
/// overlayfs leaves them, are opened up: their owner may do that.
///
/// # Errors
/// Those of unlink(2) and rmdir(2): EBUSY for a mount point.
pub(super) fn remove_tree(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    // One call each, where a walk would open and list them. What is not empty stays, and is walked through below.
    let _ = std::fs::remove_file(folder.join("work/work/incompat/volatile/dirty"));
    for name in MOSTLY_EMPTY {
        let _ = std::fs::remove_dir(folder.join(name));
    }
    let mut removed = std::fs::remove_dir_all(folder);
    if removed.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied) {
        for closed in MOSTLY_EMPTY[..3].iter().rev().map(|name| folder.join(name)) {
            let _ = std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700));
        }
        removed = std::fs::remove_dir_all(folder);
    }
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
