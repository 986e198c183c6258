//! One entry of the journal, undone: looked at first, because a number or a name may be somebody else's by now.

use crate::kernel::cgroup::delegation::{self, LEAF};
use crate::kernel::{self, cgroup};
use crate::stages::layer;
use crate::stages::network;
use crate::stages::{place, volume};
use crate::state::{Effect, Entry, Journal, ProcessIdentity, RecordError, Roots};
use nix::mount::MntFlags;
use std::path::{Path, PathBuf};

/// Why something could not be undone. Everything else was.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// The journal.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Some effects stay, and their entries with them.
    #[error("could not take back {}", list(.0))]
    Left(Vec<String>),
}

fn list(what: &[String]) -> String {
    what.join("; ")
}

/// Undoes what `holder` has made for `owner`, newest first.
pub(super) fn held_by(roots: &Roots, owner: &str, holder: ProcessIdentity) -> Result<(), UndoError> {
    let journal = Journal::at(roots.journal());
    let entries = journal.entries_of(owner)?;
    undo_each(roots, entries.iter().filter(|entry| entry.claim.holder == Some(holder)))
}

/// Undoes all that stands in the journal for `owner`, newest first.
///
/// # Errors
/// [`UndoError`]; everything else is undone then.
pub fn all_of(roots: &Roots, owner: &str) -> Result<(), UndoError> {
    let journal = Journal::at(roots.journal());
    let entries = journal.entries_of(owner)?;
    undo_each(roots, entries.iter())
}

/// Undoes these entries, in this order.
pub(in crate::stages) fn undo_each<'a>(
    roots: &Roots,
    entries: impl Iterator<Item = &'a Entry>,
) -> Result<(), UndoError> {
    let journal = &Journal::at(roots.journal());
    let mut left = Vec::new();
    for entry in entries {
        match undo(roots, &entry.effect, entry) {
            Ok(()) => journal.forget(entry),
            Err(text) => left.push(text),
        }
        if let Effect::Cgroups { paths } = &entry.effect {
            left.extend(paths.iter().filter_map(|path| share_no_more(roots, path)));
        }
    }
    if left.is_empty() { Ok(()) } else { Err(UndoError::Left(left)) }
}

fn undo(roots: &Roots, effect: &Effect, entry: &Entry) -> Result<(), String> {
    let call = |error: kernel::Error| error.to_string();
    match effect {
        Effect::Process(identity) => place::kill(*identity).map_err(|error| error.to_string()),
        Effect::Mount { target, fstype, .. } if fstype == "overlay" => {
            layer::unmount(target).map_err(|error| error.to_string())
        }
        Effect::Mount { target, fstype, .. } if fstype == "tmpfs" => {
            kernel::mount::unmount(target, MntFlags::MNT_DETACH, "nobody new is to join this memory")
                .or_else(gone)
                .map_err(call)
        }
        Effect::Mount { target, .. } => {
            kernel::netns::unpin(target, "nobody holds this namespace any more").or_else(gone).map_err(call)
        }
        Effect::Cgroups { paths } => remove_cgroups(paths).map_err(call),
        Effect::Controllers { folder, names, leaf } => {
            take_controllers_back(folder, names, leaf.as_deref()).map_err(call)
        }
        Effect::Frozen { group } => cgroup::freezer::thaw(group).map_err(call),
        Effect::Volume { name } => volume::discard(roots, name).map_err(|error| error.to_string()),
        Effect::Path { path } => {
            super::clean::remove_tree(path).map_err(|error| format!("{}: {error}", path.display()))
        }
        Effect::Link { .. } | Effect::NftTable { .. } | Effect::Sysctl { .. } => {
            network::undo(entry).map_err(|error| error.to_string())
        }
    }
}

/// What is gone already needs no undoing.
fn gone(error: kernel::Error) -> kernel::Result<()> {
    if matches!(error.errno, libc::ENOENT | libc::EINVAL) { Ok(()) } else { Err(error) }
}

/// Each group, and the one above it once it is empty. The first that cannot be removed is told, after all others were.
fn remove_cgroups(paths: &[PathBuf]) -> kernel::Result<()> {
    let mut removed = Ok(());
    for path in paths {
        removed = removed.and(cgroup::remove(path, "nobody is in it any more"));
        if let Some(parent) = path.parent().filter(|parent| is_ours(parent)) {
            // EBUSY is the kernel's word for groups of others in it, and for a moment that passes.
            let _ = (0..2).any(|_| std::fs::remove_dir(parent).is_ok());
        }
    }
    removed
}

/// The group that those of all containers of a state are in ([`Roots::cgroup`]).
fn is_ours(group: &Path) -> bool {
    group.file_name().is_some_and(|name| name.to_string_lossy().starts_with("explore")) && !group.ends_with(LEAF)
}

/// What was handed on for all containers goes with the last of them: when the group above its group is gone too.
fn share_no_more(roots: &Roots, group: &Path) -> Option<String> {
    let ours = group.parent().filter(|parent| is_ours(parent))?;
    // Version 1 has nothing to hand on.
    let base = ours.parent().filter(|base| base.join("cgroup.subtree_control").exists() && !ours.exists())?;
    unshare(roots, |folder| folder == base).err().map(|error| error.to_string())
}

/// Removes the group above those of the containers where it is empty, and was not removed with the last of them.
pub(super) fn remove_empty_groups(roots: &Roots) -> kernel::Result<()> {
    for tree in cgroup::hierarchies()? {
        if let Some(base) = delegation::base(&tree) {
            let _ = std::fs::remove_dir(base.join(roots.cgroup()));
        }
    }
    Ok(())
}

/// Undoes what [`share_no_more`] would have, where a kill came between.
pub(super) fn unshare_cgroups(roots: &Roots) -> Result<(), UndoError> {
    unshare(roots, |folder| {
        let groups = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        !groups.into_iter().any(|group| is_ours(&group.path()))
    })
}

fn unshare(roots: &Roots, is_meant: impl Fn(&Path) -> bool) -> Result<(), UndoError> {
    let entries = Journal::at(roots.journal()).entries()?;
    let meant = |entry: &&Entry| matches!(&entry.effect, Effect::Controllers { folder, .. } if is_meant(folder));
    undo_each(roots, entries.iter().filter(meant))
}

fn take_controllers_back(folder: &Path, names: &[String], leaf: Option<&Path>) -> kernel::Result<()> {
    delegation::take_back(folder, names);
    let Some(leaf) = leaf.filter(|leaf| leaf.exists()) else { return Ok(()) };
    delegation::move_members(leaf, folder, "back to where they were").or_else(busy)?;
    let _ = std::fs::remove_dir(leaf);
    Ok(())
}

/// Somebody else needs a controller there by now: the members can stay where they are.
fn busy(error: kernel::Error) -> kernel::Result<()> {
    if error.errno == libc::EBUSY { Ok(()) } else { Err(error) }
}
