//! cgroups(7): found controller by controller, since one machine may have some on v1 and some on v2.

use super::{Answer, Who};
use crate::state::Roots;
use nix::unistd::{AccessFlags, access};
use std::path::{Path, PathBuf};

/// One hierarchy that is mounted here.
struct Hierarchy {
    /// Its controllers; for v2 those that our own cgroup may hand on.
    controllers: Vec<String>,
    is_v2: bool,
    /// The folder of our own cgroup.
    own: PathBuf,
}

fn hierarchies() -> Vec<Hierarchy> {
    let Ok(process) = procfs::process::Process::myself() else { return Vec::new() };
    let memberships = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mounts = process.mountinfo().map(|found| found.0).unwrap_or_default();
    let hierarchy = |mount: procfs::process::MountInfo| {
        let is_v2 = mount.fs_type == "cgroup2";
        if !is_v2 && mount.fs_type != "cgroup" {
            return None;
        }
        let path = memberships.lines().find_map(|line| {
            let (names, path) = line.split_once(':')?.1.split_once(':')?;
            let is_this = if is_v2 {
                names.is_empty()
            } else {
                names.split(',').any(|name| {
                    mount.super_options.contains_key(name.trim_start_matches("name=")) || named(&mount, name)
                })
            };
            is_this.then(|| path.to_owned())
        })?;
        // The mount may show only a part of the hierarchy, which begins at its root (a container).
        let below = Path::new(&path).strip_prefix(&mount.root).unwrap_or(Path::new("")).to_owned();
        let own = mount.mount_point.join(below);
        let controllers = if is_v2 {
            let text = std::fs::read_to_string(own.join("cgroup.controllers")).unwrap_or_default();
            text.split_whitespace().map(str::to_owned).collect()
        } else {
            mount.super_options.keys().cloned().collect()
        };
        Some(Hierarchy { controllers, is_v2, own })
    };
    mounts.into_iter().filter_map(hierarchy).collect()
}

/// A v1 hierarchy without controllers has a name instead (`name=systemd`).
fn named(mount: &procfs::process::MountInfo, name: &str) -> bool {
    name.strip_prefix("name=")
        .is_some_and(|name| mount.super_options.get("name").is_some_and(|value| value.as_deref() == Some(name)))
}

pub(super) fn layout(_: &Roots) -> Answer {
    let found = hierarchies();
    let v1 = found.iter().filter(|one| !one.is_v2).count();
    let v2 = found.iter().find(|one| one.is_v2);
    match (v1, v2) {
        (0, None) => {
            Answer::unmet("no cgroup filesystem is mounted", "mount -t cgroup2 none /sys/fs/cgroup", Who::Root)
        }
        (0, Some(two)) => Answer::met(format!("v2, with {}", list(&two.controllers))),
        (count, None) => Answer::met(format!("v1, {count} hierarchies")),
        (count, Some(two)) => {
            Answer::met(format!("hybrid: {count} hierarchies of v1, v2 with {}", list(&two.controllers)))
        }
    }
}

fn list(controllers: &[String]) -> String {
    if controllers.is_empty() { "no controllers".into() } else { controllers.join(", ") }
}

fn controller(name: &str) -> Answer {
    let found = hierarchies();
    let Some(hierarchy) = found.iter().find(|one| one.controllers.iter().any(|controller| controller == name)) else {
        return Answer::unmet(
            format!("no hierarchy that we are in has the {name} controller"),
            format!(
                "a kernel with it, or its delegation: systemctl edit user@.service, Delegate={name} pids memory cpu"
            ),
            Who::Root,
        );
    };
    let version = if hierarchy.is_v2 { "v2" } else { "v1" };
    let folder = hierarchy.own.display();
    match access(&hierarchy.own, AccessFlags::W_OK) {
        Ok(()) => Answer::met(format!("{version}, and {folder} can be written")),
        Err(errno) => Answer::unmet(
            format!("{version}, but {folder} cannot be written: {}", errno.desc()),
            if hierarchy.is_v2 {
                "log in through systemd, which delegates a cgroup: systemd-run --user --scope -p Delegate=yes explore …"
            } else {
                "cgroup v1 is for root alone: run explore as root, or boot with systemd.unified_cgroup_hierarchy=1"
            },
            if hierarchy.is_v2 { Who::You } else { Who::Root },
        ),
    }
}

pub(super) fn pids(_: &Roots) -> Answer {
    controller("pids")
}

pub(super) fn memory(_: &Roots) -> Answer {
    controller("memory")
}

pub(super) fn cpu(_: &Roots) -> Answer {
    controller("cpu")
}
