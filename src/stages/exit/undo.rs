//! One entry of the journal, undone: looked at first, because a number or a name may be somebody else's by now.

use crate::kernel::{self, cgroup};
use crate::stages::layer;
use crate::stages::network;
use crate::stages::place;
use crate::state::{Effect, Entry, Journal, ProcessIdentity, RecordError, Roots};
use std::path::Path;

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
    undo_each(&journal, entries.iter().filter(|entry| entry.claim.holder == Some(holder)))
}

/// Undoes all that stands in the journal for `owner`, newest first.
pub(super) fn all_of(roots: &Roots, owner: &str) -> Result<(), UndoError> {
    let journal = Journal::at(roots.journal());
    let entries = journal.entries_of(owner)?;
    undo_each(&journal, entries.iter())
}

/// Undoes these entries, in this order.
pub(super) fn undo_each<'a>(journal: &Journal, entries: impl Iterator<Item = &'a Entry>) -> Result<(), UndoError> {
    let mut left = Vec::new();
    for entry in entries {
        match undo(&entry.effect, entry) {
            Ok(()) => journal.forget(entry),
            Err(text) => left.push(text),
        }
    }
    if left.is_empty() { Ok(()) } else { Err(UndoError::Left(left)) }
}

fn undo(effect: &Effect, entry: &Entry) -> Result<(), String> {
    let call = |error: kernel::Error| error.to_string();
    match effect {
        Effect::Process(identity) => place::kill(*identity).map_err(|error| error.to_string()),
        Effect::Mount { target, fstype, .. } if fstype == "overlay" => {
            layer::unmount(target).map_err(|error| error.to_string())
        }
        Effect::Mount { target, .. } => {
            kernel::netns::unpin(target, "nobody holds this namespace any more").or_else(gone).map_err(call)
        }
        Effect::Cgroup { path } => remove_cgroup(path).map_err(call),
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

/// The group, and the folder `explore` above it once it is empty.
fn remove_cgroup(path: &Path) -> kernel::Result<()> {
    cgroup::remove(path, "nobody is in it any more")?;
    if let Some(parent) = path.parent().filter(|parent| parent.ends_with("explore")) {
        let _ = std::fs::remove_dir(parent);
    }
    Ok(())
}
