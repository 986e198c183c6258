//! What is done to a container that is there: signals, a halt, other limits, a look at its processes.

use super::super::cgroup;
use super::super::running::Running;
use super::record::{Folder, Record, Status};
use super::{OciError, bundle, create};
use crate::kernel::cgroup::freezer;
use crate::kernel::{self, process};
use crate::stages::exit::Signal;
use crate::stages::handle;
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::path::Path;

/// Sends a signal to PID 1, or with `all` to every process in its cgroups, also where PID 1 has ended: without a PID
/// namespace of its own the others live on.
///
/// # Errors
/// [`OciError::NotRunning`], [`OciError::NoSuch`].
pub fn kill(root: &Path, id: &str, signal: Signal, all: bool) -> Result<(), OciError> {
    let folder = Folder::of(root, id)?;
    let record = folder.read()?;
    let failed = || OciError::call("send a signal");
    if all {
        signal_all(&record, signal).map_err(failed())?;
    } else {
        let init = record.alive().ok_or(OciError::NotRunning)?;
        let handle = handle::open(init, "a descriptor never names another process").map_err(failed())?;
        let handle = handle.ok_or(OciError::NotRunning)?;
        handle::send(&handle, signal.number(), "as it was asked").map_err(failed())?;
    }
    // In version 1 not even SIGKILL reaches one that is frozen.
    match record.as_running().filter(|_| signal == Signal::KILL) {
        Some(running) => super::super::thaw(&running).map_err(OciError::call("let it go on")),
        None => Ok(()),
    }
}

/// Those that come while we look get it too, as long as it is one that ends them.
fn signal_all(record: &Record, signal: Signal) -> kernel::Result<()> {
    let mut reached = BTreeSet::new();
    for _ in 0..100 {
        let new: Vec<i32> = members(record).difference(&reached).copied().collect();
        if new.is_empty() {
            break;
        }
        for pid in new {
            reached.insert(pid);
            let Ok(handle) = process::pidfd_open(Pid::from_raw(pid), "one of its processes") else { continue };
            // Between the look and the open the number may have changed hands.
            if members(record).contains(&pid) {
                match process::signal(handle.as_fd(), signal.number(), "as it was asked") {
                    Err(error) if error.errno != libc::ESRCH => return Err(error),
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

fn members(record: &Record) -> BTreeSet<i32> {
    record.cgroups.iter().flat_map(|(_, group)| kernel::cgroup::members(group)).collect()
}

/// The numbers of its processes, by our PID namespace.
///
/// # Errors
/// [`OciError::NoSuch`].
pub fn processes(root: &Path, id: &str) -> Result<Vec<i32>, OciError> {
    let record = Folder::of(root, id)?.read()?;
    let mut all = members(&record);
    all.extend(record.alive().map(|init| init.pid));
    Ok(all.into_iter().collect())
}

/// Takes the processor away from all of it.
///
/// # Errors
/// [`OciError::Status`]; the call that failed.
pub fn pause(root: &Path, id: &str) -> Result<(), OciError> {
    change(root, id, "pause", &[Status::Running, Status::Created], |folder, running| {
        let group = cgroup::freezable(create::place(&folder.spec()?, id), &folder.journal(), running)?;
        freezer::freeze(&group, "held until it is let go").map_err(OciError::call("pause it"))
    })
}

/// Lets it go on.
///
/// # Errors
/// As [`pause`].
pub fn resume(root: &Path, id: &str) -> Result<(), OciError> {
    change(root, id, "resume", &[Status::Paused], |_, running| {
        super::super::thaw(running).map_err(OciError::call("let it go on"))
    })
}

/// Writes other limits: `resources` is JSON, as in config.json.
///
/// # Errors
/// [`OciError::Refused`]; the limit that could not be set.
pub fn update(root: &Path, id: &str, resources: &[u8]) -> Result<(), OciError> {
    let resources = bundle::resources(resources)?;
    let there = [Status::Running, Status::Created, Status::Paused];
    change(root, id, "update", &there, |folder, running| {
        let place = create::place(&folder.spec()?, id);
        Ok(cgroup::update(place, &folder.journal(), running, &resources)?)
    })
}

/// Under the lock, in one of these states; what has come to its cgroups is remembered.
fn change(
    root: &Path,
    id: &str,
    verb: &'static str,
    allowed: &[Status],
    work: impl FnOnce(&Folder, &mut Running) -> Result<(), OciError>,
) -> Result<(), OciError> {
    let folder = Folder::of(root, id)?;
    let _alone = folder.lock()?;
    let mut record = folder.read()?;
    let status = folder.status(&record);
    let running = record.as_running().filter(|_| allowed.contains(&status));
    let mut running = running.ok_or_else(|| OciError::Status { verb, id: id.to_owned(), status: status.word() })?;
    let worked = work(&folder, &mut running);
    if running.cgroups != record.cgroups {
        record.cgroups = running.cgroups;
        folder.write(&record)?;
    }
    worked
}
