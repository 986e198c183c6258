//! What is known of a container while it runs: `<run>/containers/<id>/running.json`, on tmpfs, written by its supervisor.
//!
//! Until its first process has become the program, the record has another name, `starting.json`. That process may still
//! stand in the network and at the root of this machine: whoever looks for a container to go into it (`exec`, `cp`,
//! `--network container:`) must not find it, and whoever ends one, or takes back what it has left, must.

use crate::kernel::cgroup::{self, Version};
use crate::kernel::namespace::Kind;
use crate::kernel::{self, nsfs};
use crate::stages::{create, handle};
use crate::state::{Lock, ProcessIdentity, RecordError, Roots, read_record, write_record};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// A container that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Version of this shape.
    pub schema: u32,
    /// PID 1, by its number outside.
    pub init: ProcessIdentity,
    /// Who owns it.
    pub supervisor: ProcessIdentity,
    /// The command whose terminal it uses; `None` for one that was started in the background.
    pub client: Option<ProcessIdentity>,
    /// When it was started, seconds since 1970.
    pub started: u64,
    /// Its cgroups.
    pub cgroups: Vec<(Version, PathBuf)>,
}

const RUNNING: &str = "running.json";
const STARTING: &str = "starting.json";

impl Running {
    fn is_alive(&self) -> bool {
        self.supervisor.is_alive() && self.init.is_alive()
    }

    /// One of the namespaces of its first process, held open.
    ///
    /// # Errors
    /// The openat(2) that failed; ESRCH where that process has ended. Its number may be another's by then, and what was
    /// opened the network of this machine.
    pub fn namespace(&self, kind: Kind) -> kernel::Result<OwnedFd> {
        let opened = nsfs::open(self.init.pid, kind)?;
        // It lives still, so what was found by its number is its own; and a descriptor stays what it is.
        if ProcessIdentity::of(self.init.pid) == Some(self.init) {
            return Ok(opened);
        }
        let path = format!("/proc/{}/ns/{}", self.init.pid, kind.link());
        Err(kernel::Error::quiet("openat", &format_args!("AT_FDCWD, {path:?}, O_RDONLY|O_CLOEXEC"), Errno::ESRCH))
    }
}

/// Where a container's runtime files are.
pub(super) fn folder(roots: &Roots, id: &str) -> PathBuf {
    roots.running().join(id)
}

/// Writes down who is about to be the program of this container: whoever finds a trace of it finds also whose it is.
pub(super) fn begin(roots: &Roots, id: &str, running: &Running) -> Result<(), RecordError> {
    write_record(&folder(roots, id).join(STARTING), running, false)
}

/// It has become its program: from here on it runs, for everybody.
pub(super) fn become_known(roots: &Roots, id: &str) -> Result<(), RecordError> {
    let path = folder(roots, id).join(RUNNING);
    std::fs::rename(path.with_file_name(STARTING), &path).map_err(|source| RecordError::Write { path, source })
}

/// Writes the record of one that runs again.
pub(super) fn keep(roots: &Roots, id: &str, running: &Running) -> Result<(), RecordError> {
    write_record(&folder(roots, id).join(RUNNING), running, false)
}

/// The container with this ID, if it is known to run: for one who only shows it.
pub fn running(roots: &Roots, id: &str) -> Option<Running> {
    find(roots, id).ok().flatten()
}

/// As [`running`], for one who decides by it: that it cannot be found out is not the same as that it does not run.
///
/// # Errors
/// [`RecordError`], where the record is there and cannot be read.
pub fn find(roots: &Roots, id: &str) -> Result<Option<Running>, RecordError> {
    Ok(read(roots, id, RUNNING)?.filter(Running::is_alive))
}

/// As [`find`]; one whose first process is still on its way to the program is waited for.
///
/// # Errors
/// As [`find`].
pub(super) fn settled(roots: &Roots, id: &str) -> Result<Option<Running>, RecordError> {
    let found = find(roots, id)?;
    if found.is_some() || begun(roots, id)?.is_none() {
        return Ok(found);
    }
    // Its supervisor has the lock until then.
    drop(lock(roots, id));
    find(roots, id)
}

/// As [`find`], and also one whose first process is still on its way to the program: for one who ends it.
///
/// # Errors
/// As [`find`].
pub fn begun(roots: &Roots, id: &str) -> Result<Option<Running>, RecordError> {
    Ok(last(roots, id)?.filter(Running::is_alive))
}

/// Its last run, be it over, or not, or only begun.
///
/// # Errors
/// [`RecordError`], where the record is there and cannot be read.
pub fn last(roots: &Roots, id: &str) -> Result<Option<Running>, RecordError> {
    // In this order: one that becomes its program meanwhile has the second name then.
    match read(roots, id, STARTING)? {
        None => read(roots, id, RUNNING),
        begun => Ok(begun),
    }
}

fn read(roots: &Roots, id: &str, name: &str) -> Result<Option<Running>, RecordError> {
    match read_record(&folder(roots, id).join(name)) {
        Err(error) if error.is_missing() => Ok(None),
        read => read.map(Some),
    }
}

/// The processes of a container, by their numbers here: the members of its cgroups, and without cgroups whoever is in the
/// PID namespace of its first process.
pub fn members(running: &Running) -> Vec<i32> {
    let mut all: Vec<i32> = running.cgroups.first().map(|(_, group)| cgroup::members(group)).unwrap_or_default();
    if all.is_empty() {
        let of = |pid: i32| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
        let theirs = of(running.init.pid);
        let numbers = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        all = numbers.filter(|pid| theirs.is_some() && of(*pid) == theirs).collect();
    }
    all.sort_unstable();
    all
}

/// It no longer depends on the command that started it: `clean` leaves it alone.
pub(super) fn let_go(roots: &Roots, id: &str) {
    if let Ok(Some(running)) = read(roots, id, RUNNING) {
        // Where it cannot be written, `clean` takes it for abandoned once that command has ended.
        let _ = keep(roots, id, &Running { client: None, ..running });
    }
}

/// The lock of a container: who has it may begin to start it, or take back what a run has left.
///
/// # Errors
/// Those of open(2): NotFound where the container is gone.
pub(super) fn lock(roots: &Roots, id: &str) -> std::io::Result<Lock> {
    Lock::of_folder(&create::folder(roots, id))
}

/// The lock of a container that does not run; without it, how it runs. One that is just ending is waited for: what its
/// supervisor still takes back must not be the next one's.
///
/// # Errors
/// As `lock`; the record that cannot be read.
pub fn lock_at_rest(roots: &Roots, id: &str) -> std::io::Result<Result<Lock, Running>> {
    loop {
        let lock = lock(roots, id)?;
        if let Some(running) = find(roots, id).map_err(std::io::Error::other)? {
            return Ok(Err(running));
        }
        let last = last(roots, id).map_err(std::io::Error::other)?;
        let Some(ending) = last.map(|last| last.supervisor).filter(|one| one.is_alive()) else { return Ok(Ok(lock)) };
        drop(lock);
        handle::wait_for_end(ending, "it still takes back what it made");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_somebody_else_has_by_now_leads_into_no_namespace() {
        let init = ProcessIdentity::myself();
        let mut running = Running { schema: 1, init, supervisor: init, client: None, started: 0, cgroups: Vec::new() };
        assert!(running.namespace(Kind::Net).is_ok());
        running.init.start -= 1;
        assert_eq!(running.namespace(Kind::Net).unwrap_err().errno(), Errno::ESRCH);
    }
}
