//! What `/proc/PID` says about one process: its mounts, its ids and how they are mapped, its cgroups, what it may do.

use super::Fact;
use procfs::process::{Process, Status};
use serde::{Deserialize, Serialize};

/// One mount, mountinfo(5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Where, as the process sees it.
    pub target: String,
    /// Filesystem type.
    pub fstype: String,
    /// What is mounted.
    pub source: String,
    /// `major:minor` of its filesystem: equal on both sides means the same filesystem.
    pub device: String,
    /// The part of the filesystem that is shown.
    pub root: String,
}

/// One line of an id map: `inside`, `outside`, `length` (user_namespaces(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdMap {
    /// First id inside.
    pub inside: u32,
    /// First id, as the reader of the map has it.
    pub outside: u32,
    /// How many.
    pub length: u32,
}

/// Who the process is, in our numbers, and how its numbers are mapped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    /// Real, effective, saved and filesystem user id.
    pub uid: [u32; 4],
    /// Real, effective, saved and filesystem group id.
    pub gid: [u32; 4],
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// `/proc/PID/uid_map`.
    pub uid_map: Vec<IdMap>,
    /// `/proc/PID/gid_map`.
    pub gid_map: Vec<IdMap>,
    /// `/proc/PID/setgroups`: `allow` or `deny`; empty where the kernel has no such file.
    pub setgroups: String,
}

impl Ids {
    /// One of our user ids, as the process has it; `None` where it is not mapped.
    pub fn uid_inside(&self, uid: u32) -> Option<u32> {
        let line = self.uid_map.iter().find(|line| uid >= line.outside && uid - line.outside < line.length)?;
        Some(line.inside + (uid - line.outside))
    }
}

/// Where it is in one hierarchy of cgroups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CgroupMembership {
    /// The controllers of a v1 hierarchy; empty for v2.
    pub controllers: Vec<String>,
    /// The path, as seen from our own cgroup namespace.
    pub path: String,
}

/// What it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Privileges {
    /// Effective capabilities, a bit each (capabilities(7)).
    pub effective: u64,
    /// Permitted capabilities.
    pub permitted: u64,
    /// The bounding set.
    pub bounding: Option<u64>,
    /// Ambient capabilities.
    pub ambient: Option<u64>,
    /// prctl(2) PR_SET_NO_NEW_PRIVS.
    pub no_new_privileges: Option<bool>,
    /// 0 none, 1 strict, 2 filter (proc_pid_status(5)).
    pub seccomp: Option<u32>,
}

pub(super) fn mounts(process: &Process) -> Fact<Vec<Mount>> {
    Fact::from(process.mountinfo()).map(|found| {
        let mount = |info: procfs::process::MountInfo| Mount {
            target: info.mount_point.to_string_lossy().into_owned(),
            fstype: info.fs_type,
            source: info.mount_source.unwrap_or_default(),
            device: info.majmin,
            root: info.root,
        };
        found.0.into_iter().map(mount).collect()
    })
}

pub(super) fn ids(process: &Process, status: &Status) -> Fact<Ids> {
    let map = |name| read(process, name).map(|text| parse_map(&text));
    let (uid_map, gid_map) = match (map("uid_map"), map("gid_map")) {
        (Fact::Known(uid), Fact::Known(gid)) => (uid, gid),
        (uid, gid) => return uid.reason().or_else(|| gid.reason()).unwrap_or_else(ended),
    };
    let setgroups = read(process, "setgroups").known().map(|text| text.trim().to_owned()).unwrap_or_default();
    Fact::Known(Ids {
        uid: [status.ruid, status.euid, status.suid, status.fuid],
        gid: [status.rgid, status.egid, status.sgid, status.fgid],
        groups: status.groups.clone(),
        uid_map,
        gid_map,
        setgroups,
    })
}

fn ended<T>() -> Fact<T> {
    Fact::Unknown(super::fact::ENDED.into())
}

fn read(process: &Process, name: &str) -> Fact<String> {
    let text = process.open_relative(name).map(|mut file| {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut file, &mut text).map(|_| text)
    });
    text.map_or_else(|error| Err(error).into(), Fact::from)
}

fn parse_map(text: &str) -> Vec<IdMap> {
    let line = |line: &str| {
        let mut numbers = line.split_whitespace().map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(IdMap { inside: next()?, outside: next()?, length: next()? })
    };
    text.lines().filter_map(line).collect()
}

pub(super) fn cgroups(process: &Process) -> Fact<Vec<CgroupMembership>> {
    read(process, "cgroup").map(|text| {
        // `number:controllers:path`; the path may hold colons (cgroups(7)).
        let membership = |line: &str| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            let controllers = controllers.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
            Some(CgroupMembership { controllers, path: path.to_owned() })
        };
        let mut found: Vec<CgroupMembership> = text.lines().filter_map(membership).collect();
        found.sort_by(|a, b| a.controllers.cmp(&b.controllers));
        found
    })
}

pub(super) fn privileges(status: &Status) -> Privileges {
    Privileges {
        effective: status.capeff,
        permitted: status.capprm,
        bounding: status.capbnd,
        ambient: status.capamb,
        no_new_privileges: status.nonewprivs.map(|bit| bit != 0),
        seccomp: status.seccomp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_translated_only_where_it_is_mapped() {
        let ids = Ids {
            uid: [0; 4],
            gid: [0; 4],
            groups: vec![],
            uid_map: parse_map("         0     100000      65536\n     70000       1000          1\nbroken\n"),
            gid_map: vec![],
            setgroups: "deny".into(),
        };
        assert_eq!(ids.uid_inside(100_000), Some(0));
        assert_eq!(ids.uid_inside(165_535), Some(65_535));
        assert_eq!(ids.uid_inside(165_536), None);
        assert_eq!(ids.uid_inside(1000), Some(70_000));
        assert_eq!(ids.uid_inside(0), None);
    }
}
