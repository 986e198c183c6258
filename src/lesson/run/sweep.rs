//! Taking down what a lesson has made: also what its commands left running, also after a SIGKILL.
//!
//! Everything that a lesson starts has its state folder in the environment, a name that no other run ever had. Whatever
//! still carries it when the lesson is over belongs to it.

use super::RunError;
use crate::kernel::process::{self, Ended};
use crate::kernel::{overlay, rootfs};
use crate::narrate::Role;
use crate::stages::place::{self, Place};
use crate::stages::{exit, keeper};
use crate::state::{Effect, Entry, Journal, ProcessIdentity, Roots};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// The variable that every process of a lesson carries.
pub(super) const MARK: &str = "EXPLORE_ROOT";

/// So often it is looked whether somebody is still there.
const ROUNDS: u32 = 20;

/// Which lessons are taken down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those whose process has died.
    Orphans,
    /// Those, and the ones that this process holds.
    HeldBy(ProcessIdentity),
    /// All that nobody runs now: also those that were kept.
    All,
}

impl Scope {
    fn takes(self, entry: &Entry) -> bool {
        let is_held = |holder| entry.claim.holder == Some(holder);
        entry.claim.owner.starts_with("lesson/")
            && match self {
                Self::Orphans => entry.is_orphan(),
                Self::HeldBy(holder) => entry.is_orphan() || is_held(holder),
                Self::All => entry.is_orphan() || entry.claim.holder.is_none(),
            }
    }
}

/// The folder of all lessons that run: with what does not outlive a boot. Where an ordinary user's overlay cannot note in
/// there that a folder is opaque (tmpfs before Linux 6.6), with what does.
pub(super) fn scenes(roots: &Roots) -> PathBuf {
    let near = if takes_marks(&roots.run) || !takes_marks(&roots.data) { &roots.run } else { &roots.data };
    near.join("lessons")
}

fn takes_marks(folder: &Path) -> bool {
    nix::unistd::geteuid().is_root()
        || tempfile::tempdir_in(folder).is_ok_and(|tried| {
            let open = std::fs::File::open(tried.path());
            open.is_ok_and(|open| {
                rootfs::set_attribute(open.as_fd(), overlay::opaque_attribute().as_ref(), b"y").is_ok()
            })
        })
}

/// Under whose name the journal has what belongs to a scene.
pub(super) fn owner(folder: &Path) -> String {
    format!("lesson/{}", folder.file_name().unwrap_or_default().to_string_lossy())
}

/// Takes down the lessons of a scope; says how many. Costs one look into an empty folder where there is none.
///
/// # Errors
/// The first thing that stays, after everything else was tried; the journal still has its lesson then.
pub fn clear_all(roots: &Roots, scope: Scope) -> Result<usize, RunError> {
    let entries = Journal::at(roots.journal()).entries()?;
    let mut result = Ok(0);
    for entry in entries.iter().filter(|entry| scope.takes(entry)) {
        let cleared = clear(roots, entry);
        result = match (result, cleared) {
            (Ok(count), Ok(())) => Ok(count + 1),
            (Ok(_), Err(error)) => Err(error),
            (failed, _) => failed,
        };
    }
    result
}

/// Takes down one scene: places, containers, processes, folders; then forgets it.
///
/// # Errors
/// As [`clear_all`].
pub(super) fn clear(roots: &Roots, entry: &Entry) -> Result<(), RunError> {
    let Effect::Path { path: folder } = &entry.effect else { return Ok(()) };
    let own = |step| move |source| RunError::Own { step, source };
    let mut results = Vec::new();
    let inner = Roots::find(Some(folder))?;
    for place in Place::list(&inner).unwrap_or_default() {
        results.push(place.remove(&inner).map_err(RunError::from));
    }
    if holds_more_than_places(&inner) {
        let cleaned = clean_inside(&inner).or_else(|_| {
            // A command that has outlived its lesson may have written on while its folder was emptied. It is ended, or has
            // ended by itself meanwhile: nobody writes now.
            let _ = end_marked(folder);
            clean_inside(&inner)
        });
        results.push(cleaned.map_err(own("take down the containers of the lesson")));
    }
    results.extend(end_marked(folder));
    results.push(remove_tree(folder).map_err(own("remove the lesson's folder")));
    results.into_iter().collect::<Result<Vec<()>, _>>()?;
    Journal::at(roots.journal()).forget(entry);
    let _ = std::fs::remove_dir(scenes(roots));
    Ok(())
}

/// Whether there are containers or images, or something else that only the stages know how to undo.
fn holds_more_than_places(inner: &Roots) -> bool {
    let full = |folder: &Path| std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    full(&inner.data) || full(&inner.journal())
}

/// Ends and removes containers and networks, and all files, in a child: without root it has to go where they are, and
/// there is no way back.
fn clean_inside(inner: &Roots) -> io::Result<()> {
    let (mut heard, telling) = io::pipe()?;
    let child = process::fork(Role::Helper, "to tidy up where the lesson's containers are", || {
        let mut telling = telling;
        match clean_here(inner) {
            Ok(()) => 0,
            Err(text) => {
                let _ = telling.write_all(text.as_bytes());
                1
            }
        }
    })
    .map_err(io::Error::other)?;
    let mut text = String::new();
    let _ = heard.read_to_string(&mut text);
    match process::wait(child) {
        Ok(Ended::Exited(0)) => Ok(()),
        _ => Err(io::Error::other(text)),
    }
}

fn clean_here(inner: &Roots) -> Result<(), String> {
    let share = keeper::enter(inner).map_err(|error| error.to_string())?;
    let cleaned = exit::clean(inner, true).map_err(|error| error.to_string());
    let removed = if inner.data.exists() { std::fs::remove_dir_all(&inner.data) } else { Ok(()) };
    share.leave(inner);
    cleaned?;
    removed.map_err(|error| error.to_string())
}

/// Ends the processes that carry this scene's mark, and those that they start meanwhile; an answer for each.
fn end_marked(folder: &Path) -> Vec<Result<(), RunError>> {
    let mut results = Vec::new();
    // Who forks while the list is read has a child that is not in it, and that would make the folder anew.
    for _ in 0..ROUNDS {
        let marked = marked(folder);
        if marked.is_empty() {
            break;
        }
        results.extend(marked.into_iter().map(|straggler| place::kill(straggler).map_err(RunError::from)));
    }
    results
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
    match std::fs::remove_dir_all(folder) {
        // Another explore takes down the same one.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
