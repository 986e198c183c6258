//! Control groups: accounting and limits. cgroups(7), Documentation/admin-guide/cgroup-v2.rst.
//!
//! There are no system calls: a group is a folder, a limit is a file, and a member is a number written into
//! `cgroup.procs`. Version 1 has a tree for each controller (or for a few), version 2 one tree for all; a *hybrid*
//! machine has both, and which controller is where is found out one by one.

pub mod delegation;
pub mod device;
pub mod freezer;

use super::{Error, Result, call, fs};
use nix::errno::Errno;
use nix::unistd::Pid;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// One of the two versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Version {
    /// A tree for each controller. Linux 2.6.24.
    V1,
    /// One tree. Linux 4.5.
    V2,
}

/// One tree that is mounted here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// Which version.
    pub version: Version,
    /// Where it is mounted.
    pub mount: PathBuf,
    /// What it controls.
    pub controllers: Vec<String>,
}

impl Hierarchy {
    /// Whether it controls that.
    pub fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|one| one == controller)
    }
}

/// The trees of this machine, by /proc/self/mountinfo (proc(5)).
///
/// # Errors
/// The read that failed: that there are no trees, and so nothing to guard a container with, is another answer.
pub fn hierarchies() -> Result<Vec<Hierarchy>> {
    read("/proc/self/mountinfo".as_ref())?.lines().filter_map(|line| hierarchy(line).transpose()).collect()
}

fn read(path: &Path) -> Result<String> {
    fs::contents(path).map_err(|error| {
        Error::quiet("read", &format_args!("{path:?}"), Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))
    })
}

/// `35 24 0:30 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids`
fn hierarchy(line: &str) -> Result<Option<Hierarchy>> {
    let Some((left, right)) = line.split_once(" - ") else { return Ok(None) };
    let mount = PathBuf::from(left.split(' ').nth(4).unwrap_or_default());
    let fields: Vec<&str> = right.split(' ').collect();
    let (version, controllers): (_, Vec<String>) = match fields[..] {
        ["cgroup", _, options, ..] => {
            let names = options.split(',').filter(|option| !matches!(*option, "rw" | "ro"));
            (Version::V1, names.map(str::to_owned).collect())
        }
        ["cgroup2", ..] => {
            // Not there where another mount covers it.
            let listed = match read(&mount.join("cgroup.controllers")) {
                Err(Error { errno: libc::ENOENT, .. }) => String::new(),
                listed => listed?,
            };
            (Version::V2, listed.split_whitespace().map(str::to_owned).collect())
        }
        _ => return Ok(None),
    };
    Ok(Some(Hierarchy { version, mount, controllers }))
}

/// `v1`, `v2` or `hybrid`: how these trees are laid out.
pub fn layout(trees: &[Hierarchy]) -> &'static str {
    let has = |version| trees.iter().any(|tree| tree.version == version && !tree.controllers.is_empty());
    match (has(Version::V1), trees.iter().any(|tree| tree.version == Version::V2)) {
        (true, true) => "hybrid",
        (true, false) => "v1",
        (false, _) => "v2",
    }
}

/// Makes the folder `name` in `parent`, which is made with the first. In version 2 `controllers` are switched on in
/// `parent` for it.
///
/// # Errors
/// The mkdir(2) or write(2) that failed: EACCES and EROFS for one to whom the tree was not delegated.
pub fn create(version: Version, parent: &Path, name: &str, controllers: &[&str], why: &str) -> Result<PathBuf> {
    let folder = parent.join(name);
    let mut made = Ok(());
    // Whoever leaves last takes the empty parent along, perhaps just now: then it is made once more.
    for _ in 0..100 {
        made = make_folder(parent, "the groups of explore are kept together").and_then(|()| {
            if version == Version::V2 {
                let (off, _) = delegation::missing(parent, controllers);
                delegation::hand_on(parent, &off, "a controller works below only where it is switched on")?;
            }
            make_folder(&folder, why)
        });
        if !matches!(made, Err(Error { errno: libc::ENOENT, .. })) {
            break;
        }
    }
    made.map(|()| folder)
}

/// Makes one folder; one that is there already is no error.
///
/// # Errors
/// The mkdir(2) that failed.
pub fn make_folder(folder: &Path, why: &str) -> Result<()> {
    let made = call(why, "mkdir", format_args!("{folder:?}, 0755"), || {
        nix::unistd::mkdir(folder, nix::sys::stat::Mode::from_bits_truncate(0o755))
    });
    match made {
        Err(Error { errno: libc::EEXIST, .. }) => Ok(()),
        other => other,
    }
}

/// Makes `process` a member of the group.
///
/// # Errors
/// The write(2) that failed.
pub fn join(group: &Path, process: Pid, why: &str) -> Result<()> {
    fs::write_file(&group.join("cgroup.procs"), &process.to_string(), why)
}

/// Makes this process, which must have no other thread, a member of the group.
///
/// To move somebody else, version 1 holds up every fork on the machine and waits until all processors have noticed (an
/// RCU grace period): five to ten milliseconds. One that has a single thread and moves itself disturbs nobody, and
/// `0` in `tasks` says so: a hundredth of that (Linux 5.5, commit 9a3284fad42f, `cgroup_procs_write_start`).
///
/// # Errors
/// The write(2) that failed.
pub fn join_alone(version: Version, group: &Path, why: &str) -> Result<()> {
    let file = if version == Version::V1 { "tasks" } else { "cgroup.procs" };
    fs::write_file(&group.join(file), "0", why)
}

/// Sets one limit file of the group.
///
/// # Errors
/// The write(2) that failed.
pub fn limit(group: &Path, file: &str, value: &str, why: &str) -> Result<()> {
    fs::write_file(&group.join(file), value, why)
}

/// The members of a group, by their numbers in our PID namespace; none where it is gone.
pub fn members(group: &Path) -> Vec<i32> {
    let text = fs::contents(group.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// A file of a group that holds one number; `max` is `None`.
pub fn number(group: &Path, file: &str) -> Option<u64> {
    fs::contents(group.join(file)).ok()?.trim().parse().ok()
}

/// One line of a file of a group that is `key number`.
pub fn count(group: &Path, file: &str, key: &str) -> Option<u64> {
    let text = fs::contents(group.join(file)).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

/// How many members of the group the kernel has killed because it was out of memory: `memory.events` of version 2,
/// `memory.oom_control` of version 1 (Linux 4.13). Nobody has to have listened.
pub fn oom_kills(group: &Path) -> u64 {
    count(group, "memory.events", "oom_kill").or_else(|| count(group, "memory.oom_control", "oom_kill")).unwrap_or(0)
}

/// Ends whoever is a member still. Members of a frozen group of version 1 die once it thaws.
///
/// # Errors
/// The write(2) to `cgroup.kill` (version 2, Linux 5.14) that failed.
pub fn kill_members(group: &Path, why: &str) -> Result<()> {
    if members(group).is_empty() {
        return Ok(());
    }
    let file = group.join("cgroup.kill");
    if file.exists() {
        return fs::write_file(&file, "1", why);
    }
    for pid in members(group).into_iter().map(Pid::from_raw) {
        let Ok(handle) = super::process::pidfd_open(pid, "a descriptor never names another process") else { continue };
        // Between the look and the open the number may have changed hands.
        if members(group).contains(&pid.as_raw()) {
            let _ = super::process::signal(handle.as_fd(), libc::SIGKILL, why);
        }
    }
    Ok(())
}

/// Removes a group, and ends first whoever is in it still: a group of ours has no members but those that we put there,
/// and their children. So it is with groups that somebody has made in it, which the kernel wants gone before it. One that is
/// gone already is no error.
///
/// # Errors
/// The rmdir(2) that failed: EBUSY while a member lives.
pub fn remove(group: &Path, why: &str) -> Result<()> {
    // A member that has just been killed leaves the group a moment after its parent has been told.
    for attempt in 0..400 {
        match std::fs::remove_dir(group).map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0))) {
            Ok(()) | Err(Errno::ENOENT) => return Ok(()),
            Err(Errno::EBUSY) if attempt % 100 == 20 => {
                freezer::thaw(group)?;
                kill_members(group, "it has outlived its container")?;
                remove_those_in(group, why)?;
            }
            Err(Errno::EBUSY) => std::thread::sleep(std::time::Duration::from_millis(if attempt < 20 { 1 } else { 5 })),
            Err(errno) => return call(why, "rmdir", format_args!("{group:?}"), || Err(errno)),
        }
    }
    call(why, "rmdir", format_args!("{group:?}"), || Err(Errno::EBUSY))
}

fn remove_those_in(group: &Path, why: &str) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(group) else { return Ok(()) };
    let mut folders =
        entries.filter_map(|entry| entry.ok().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())));
    folders.try_for_each(|folder| remove(&folder.path(), why))
}

/// A handle on the folder, for a child that is to be born in it (version 2 only).
///
/// # Errors
/// The open(2) that failed.
pub fn open(group: &Path) -> Result<OwnedFd> {
    let flags = nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_DIRECTORY | nix::fcntl::OFlag::O_CLOEXEC;
    nix::fcntl::open(group, flags, nix::sys::stat::Mode::empty())
        .map_err(|errno| Error::quiet("openat", &format_args!("AT_FDCWD, {group:?}"), errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_read_from_mountinfo() {
        let v1 =
            hierarchy("35 24 0:30 / /sys/fs/cgroup/pids rw,nosuid - cgroup cgroup rw,cpu,cpuacct").unwrap().unwrap();
        assert_eq!((v1.version, v1.controllers), (Version::V1, vec!["cpu".to_owned(), "cpuacct".to_owned()]));
        let named = hierarchy("36 24 0:31 / /sys/fs/cgroup/systemd rw - cgroup none rw,name=systemd").unwrap().unwrap();
        assert_eq!(named.controllers, ["name=systemd"]);
        assert_eq!(hierarchy("36 24 0:31 / / rw - ext4 /dev/vda rw"), Ok(None));
    }
}
