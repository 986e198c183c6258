//! Taking down what a lesson has made: also what its commands left running, also after a SIGKILL.
//!
//! Everything that a lesson starts has its state folder in the environment, a name that no other run ever had. Whatever
//! still carries it when the lesson is over belongs to it.

use super::RunError;
use crate::stages::place::{self, Place};
use crate::state::{Effect, Entry, Journal, ProcessIdentity, Roots};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The variable that every process of a lesson carries.
pub(super) const MARK: &str = "EXPLORE_ROOT";

/// The folder of all lessons that run.
pub(super) fn scenes(roots: &Roots) -> PathBuf {
    roots.run.join("lessons")
}

/// Under whose name the journal has what belongs to a scene.
pub(super) fn owner(folder: &Path) -> String {
    format!("lesson/{}", folder.file_name().unwrap_or_default().to_string_lossy())
}

/// Takes down one scene: processes, places, containers, folders; then forgets it.
///
/// # Errors
/// The first step that failed, after all have been tried; the journal then still has it.
pub(super) fn clear(roots: &Roots, entry: &Entry) -> Result<(), RunError> {
    let Effect::Path { path: folder } = &entry.effect else { return Ok(()) };
    let mut first = Ok(());
    let mut try_all = |result: Result<(), RunError>| {
        if first.is_ok() {
            first = result;
        }
    };
    if let Ok(inner) = Roots::find(Some(folder)) {
        for place in Place::list(&inner).unwrap_or_default() {
            try_all(place.remove(&inner).map_err(RunError::from));
        }
    }
    for straggler in marked(folder) {
        try_all(place::kill(straggler).map_err(RunError::from));
    }
    try_all(remove_tree(folder).map_err(|source| RunError::Own { step: "remove the lesson's folder", source }));
    first?;
    Journal::at(roots.journal()).forget(entry);
    let _ = std::fs::remove_dir(scenes(roots));
    Ok(())
}

/// Takes down every scene of the lessons that `holder` ran, or whose holder has died.
///
/// # Errors
/// As [`clear`].
pub fn clear_all(roots: &Roots, holder: Option<ProcessIdentity>) -> Result<(), RunError> {
    let mut first = Ok(());
    for entry in Journal::at(roots.journal()).entries()? {
        let is_scene = entry.claim.owner.starts_with("lesson/");
        let is_mine = holder.is_some() && entry.claim.holder == holder;
        if is_scene && (is_mine || entry.is_orphan()) {
            let result = clear(roots, &entry);
            if first.is_ok() {
                first = result;
            }
        }
    }
    first
}

/// The processes that carry this scene's mark.
fn marked(folder: &Path) -> Vec<ProcessIdentity> {
    let mark = format!("{MARK}={}", folder.display());
    let Ok(all) = std::fs::read_dir("/proc") else { return Vec::new() };
    let numbers = all.filter_map(Result::ok).filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let carries = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    let me = std::process::id().cast_signed();
    numbers.filter(|pid| *pid != me).filter(carries).filter_map(ProcessIdentity::of).collect()
}

/// Removes a folder and all below it. A mount below it is somebody's: then nothing is removed.
fn remove_tree(folder: &Path) -> io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo")?;
    let below = format!("{}/", folder.display());
    if let Some(mount) = mounts.lines().filter_map(|line| line.split(' ').nth(4)).find(|at| at.starts_with(&below)) {
        return Err(io::Error::new(io::ErrorKind::ResourceBusy, format!("{mount} is mounted below it")));
    }
    open_up(folder);
    std::fs::remove_dir_all(folder)
}

/// Folders without permissions (overlay's `work/work` has mode 000) cannot be emptied by an ordinary user.
fn open_up(folder: &Path) {
    let Ok(found) = std::fs::symlink_metadata(folder) else { return };
    if found.permissions().mode() & 0o700 != 0o700 {
        let _ = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700));
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        open_up(&entry.path());
    }
}
