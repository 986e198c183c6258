//! What is measured of one container. Each value is a relation to the host that it stands on, so that two runs agree.
//!
//! All of it is looked at from outside, while the container's first process stands there: the image needs no program for
//! it, and no program of the image can lie about it.

use crate::kernel::cgroup;
use crate::kernel::namespace::{self, Kind};
use crate::kernel::{self, chroot, process};
use crate::narrate::Role;
use crate::probe::{self, Facts, Verdict};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Its name in JSON.
    pub code: String,
    /// Its name for people.
    pub title: String,
    /// What was seen.
    pub value: String,
}

/// What belongs to the host that the container stands on, and that it may or may not see.
#[derive(Debug)]
pub(super) struct Outside<'a> {
    /// A process.
    pub(super) neighbour: Pid,
    /// Mounts in its table, before the container.
    pub(super) mounts: usize,
    /// A folder in its root folder.
    pub(super) mark: &'a Path,
    /// A message queue in /dev/mqueue.
    pub(super) queue: &'a str,
    /// The groups that the container may have.
    pub(super) groups: &'a [PathBuf],
    /// What the whole container covers, by config.json.
    pub(super) masked: &'a [String],
}

const OWN: &str = "its own";
const HOSTS: &str = "the host's";

/// Looks at the container whose first process is `pid`.
pub(super) fn measure(pid: Pid, outside: &Outside<'_>) -> Vec<Fact> {
    let (here, there) = (probe::look(std::process::id().cast_signed()), probe::look(pid.as_raw()));
    let compared = probe::compare(&here, &there, &[], &[]);
    let mut facts = Vec::new();
    let mut fact = |code: &str, title: &str, value: String| {
        facts.push(Fact { code: code.into(), title: title.into(), value });
    };
    for kind in [Kind::Pid, Kind::Mnt, Kind::Uts, Kind::Ipc, Kind::Net, Kind::User, Kind::Cgroup, Kind::Time] {
        let row = compared.namespaces.rows.iter().find(|row| row.kind == kind);
        let value = row.map_or_else(|| "not looked at".into(), |row| own_or_hosts(&row.verdict));
        fact(&format!("namespace-{}", kind.link()), &format!("{} namespace", kind.link()), value);
    }
    fact("processes", "the host's processes", processes(&there, outside));
    fact("proc", "/proc lists", proc_lists(pid));
    fact("host-mounts", "mounts in the host's table", host_mounts(outside));
    fact("root", "the way up from / ends at", root(pid, outside));
    fact("host-name", "host name", host_name(&there));
    fact("queues", "the host's message queue", queues(pid, outside));
    fact("interfaces", "the host's interfaces", interfaces(&here, &there));
    fact("users", "user numbers", users(&here, &there));
    fact("cgroup-view", "it sees its cgroup as", cgroup_view(pid));
    fact("clock", "clock since boot", clock(pid));
    fact("capabilities", "capabilities", capabilities(&here, &there));
    fact("seccomp", "system calls", seccomp(&there));
    fact("masked", "masked files", masked(pid, &there, outside));
    fact("settings", "/proc/sys", settings(pid));
    fact("pids-limit", "processes, at most", limit(outside, &["pids.max"]));
    fact("memory-limit", "memory, at most", limit(outside, &["memory.limit_in_bytes", "memory.max"]));
    facts
}

fn own_or_hosts(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Same => HOSTS.into(),
        Verdict::Differs => OWN.into(),
        other => format!("{}: {}", other.word(), other.why().unwrap_or_default()),
    }
}

/// A process without a number there cannot be named there: not in kill(2), not in ptrace(2).
fn processes(there: &Facts, outside: &Outside<'_>) -> String {
    let Some(seen) = there.processes.known() else { return unknown(there.processes.why()) };
    let has = seen.list.iter().any(|one| one.pids.first() == Some(&outside.neighbour.as_raw()));
    if has { "there" } else { "none" }.into()
}

fn unknown(why: Option<&str>) -> String {
    format!("unknown: {}", why.unwrap_or_default())
}

/// A path as the container has it; the link leads into its mounts, below its root (proc_pid_root(5)).
fn inside(pid: Pid, path: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/root{path}"))
}

/// Which PID namespace a proc was mounted for is seen by whom it lists.
fn proc_lists(pid: Pid) -> String {
    let numbers = std::fs::read_dir(inside(pid, "/proc")).into_iter().flatten().filter_map(Result::ok);
    let names = numbers.filter_map(|one| std::fs::read_to_string(one.path().join("comm")).ok());
    let names: Vec<String> = names.collect();
    if names.iter().any(|name| name.trim() == super::stand_in::NEIGHBOUR) {
        "the host's processes".into()
    } else if names.is_empty() {
        "nobody".into()
    } else {
        "its own processes".into()
    }
}

fn host_mounts(outside: &Outside<'_>) -> String {
    let now = mounts();
    if now > outside.mounts { "there" } else { "none" }.into()
}

/// How many mounts are in the table of this process.
pub(super) fn mounts() -> usize {
    std::fs::read_to_string("/proc/self/mountinfo").map_or(0, |table| table.lines().count())
}

/// A visitor stands where the container's process stands, and does what root in there could do: chroot(2) once more.
fn root(pid: Pid, outside: &Outside<'_>) -> String {
    let mark = outside.mark.to_owned();
    visit(pid, Kind::Mnt, |root| {
        chroot::enter(std::os::fd::AsFd::as_fd(&root), "to stand where it stands")?;
        chroot::walk_out(Path::new("/dev"))?;
        Ok(if mark.exists() { "the host's root" } else { "its own root" }.into())
    })
}

fn host_name(there: &Facts) -> String {
    match there.uname.known() {
        Some(uname) if uname.nodename == super::stand_in::HOST_NAME => HOSTS.into(),
        Some(_) => OWN.into(),
        None => unknown(there.uname.why()),
    }
}

fn queues(pid: Pid, outside: &Outside<'_>) -> String {
    let there = inside(pid, "/dev/mqueue").join(outside.queue).symlink_metadata().is_ok();
    if there { "there" } else { "none" }.into()
}

fn interfaces(here: &Facts, there: &Facts) -> String {
    let (Some(ours), Some(theirs)) = (here.links.known(), there.links.known()) else {
        return unknown(there.links.why().or(here.links.why()));
    };
    let names = ours.iter().map(|one| &one.name).filter(|name| *name != "lo");
    let seen = names.filter(|name| theirs.iter().any(|one| one.name == **name)).count();
    if seen > 0 { "there" } else { "none" }.into()
}

fn users(here: &Facts, there: &Facts) -> String {
    match (here.ids.known(), there.ids.known()) {
        (Some(ours), Some(theirs)) if ours.uid_map == theirs.uid_map && ours.gid_map == theirs.gid_map => HOSTS.into(),
        (Some(_), Some(theirs)) => {
            let line = theirs.uid_map.first().map_or(0, |line| line.length);
            format!("{line} of its own")
        }
        _ => unknown(there.ids.why().or(here.ids.why())),
    }
}

/// The path of a group is told relative to the cgroup namespace of the one who reads it (cgroup_namespaces(7)).
fn cgroup_view(pid: Pid) -> String {
    visit(pid, Kind::Cgroup, |_| {
        let told = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        let paths: Vec<&str> = told.lines().filter_map(|line| line.splitn(3, ':').nth(2)).collect();
        Ok(if paths.iter().all(|path| *path == "/") { "/" } else { "a path in the host's tree" }.into())
    })
}

fn clock(pid: Pid) -> String {
    match std::fs::read_to_string(format!("/proc/{pid}/timens_offsets")) {
        Ok(told) => {
            let line = told.lines().find(|line| line.starts_with("boottime")).unwrap_or_default();
            match line.split_whitespace().nth(1) {
                Some("0") | None => HOSTS.into(),
                Some(seconds) => format!("{seconds} s ahead"),
            }
        }
        Err(error) => format!("unknown: {error}"),
    }
}

fn capabilities(here: &Facts, there: &Facts) -> String {
    match (here.privileges.known(), there.privileges.known()) {
        (Some(ours), Some(theirs)) if ours.permitted == theirs.effective => "all that the host's root has".into(),
        (Some(_), Some(theirs)) => theirs.effective.count_ones().to_string(),
        _ => unknown(there.privileges.why()),
    }
}

fn seccomp(there: &Facts) -> String {
    match there.privileges.known().map(|may| may.seccomp) {
        Some(Some(2)) => "filtered".into(),
        Some(_) => "all".into(),
        None => unknown(there.privileges.why()),
    }
}

/// Each that is there at all must have something over it.
fn masked(pid: Pid, there: &Facts, outside: &Outside<'_>) -> String {
    let Some(mounts) = there.mounts.known() else { return unknown(there.mounts.why()) };
    let present: Vec<&String> =
        outside.masked.iter().filter(|path| inside(pid, path).symlink_metadata().is_ok()).collect();
    let covered = present.iter().filter(|path| mounts.iter().any(|mount| mount.target == ***path)).count();
    match covered {
        0 => "open".into(),
        all if all == present.len() => "covered".into(),
        some => format!("{some} of {} covered", present.len()),
    }
}

fn settings(pid: Pid) -> String {
    match statvfs(&inside(pid, "/proc/sys")) {
        Ok(found) if found.flags().contains(FsFlags::ST_RDONLY) => "read-only".into(),
        Ok(_) => "writable".into(),
        Err(errno) => format!("unknown: {}", errno.desc()),
    }
}

/// What the first of these files says that there is. Version 1 says "none" of memory by a number that no machine has.
fn limit(outside: &Outside<'_>, files: &[&str]) -> String {
    let files = outside.groups.iter().flat_map(|group| files.iter().map(move |file| group.join(file)));
    let Some(said) = files.into_iter().find_map(|file| std::fs::read_to_string(file).ok()) else {
        return "no limit".into();
    };
    match said.trim().parse::<u64>() {
        Ok(number) if (1 << 20..1 << 60).contains(&number) => format!("{} MiB", number >> 20),
        Ok(number) if number < 1 << 60 => number.to_string(),
        _ => "no limit".into(),
    }
}

/// Sends a child into one namespace of the container, where that is not our own; it gets the container's root as a
/// descriptor, and brings back one line.
fn visit(pid: Pid, kind: Kind, look: impl FnOnce(std::fs::File) -> kernel::Result<String>) -> String {
    let Ok((mut hear, mut tell)) = std::io::pipe() else { return "unknown: no pipe is to be had".into() };
    let life = || {
        let told = stand_there(pid, kind).and_then(look).unwrap_or_else(|error| format!("unknown: {error}"));
        i32::from(tell.write_all(told.as_bytes()).is_err())
    };
    let child = process::fork(Role::Helper, "to look from where the container stands", life);
    drop(tell);
    let Ok(child) = child else { return "unknown: no process is to be had".into() };
    let mut told = String::new();
    let read = hear.read_to_string(&mut told);
    let _ = process::wait(child);
    if read.is_err() || told.is_empty() { "unknown: the visitor did not come back".into() } else { told }
}

fn stand_there(pid: Pid, kind: Kind) -> kernel::Result<std::fs::File> {
    let lost = |_| kernel::Error::quiet("openat", &format_args!("/proc/{pid}/root"), nix::errno::Errno::ESRCH);
    let root = std::fs::File::open(inside(pid, "")).map_err(lost)?;
    if namespace::identity(pid.as_raw(), kind)? != namespace::identity(std::process::id().cast_signed(), kind)? {
        let target = kernel::nsfs::open(pid.as_raw(), kind)?;
        namespace::setns(&target, &[kind], "to look from where the container stands")?;
    }
    Ok(root)
}

/// The paths that a configuration covers.
pub(super) fn masked_paths(spec: &Value) -> Vec<String> {
    let listed = spec["linux"]["maskedPaths"].as_array().into_iter().flatten();
    listed.filter_map(|path| path.as_str().map(str::to_owned)).collect()
}

/// Whether limits can be set here: both controllers are in trees in which a group of ours may be made.
pub(super) fn limits_can_be_set() -> bool {
    let Ok(trees) = cgroup::hierarchies() else { return false };
    ["pids", "memory"].iter().all(|name| {
        let mut with = trees.iter().filter(|tree| tree.has(name));
        with.any(|tree| cgroup::delegation::base(tree).is_some())
    })
}
