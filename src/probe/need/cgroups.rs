//! cgroups(7): found controller by controller, since one machine may have some on v1 and some on v2.

use super::{Answer, Who};
use crate::kernel::cgroup::{self, Hierarchy, Version, delegation};
use crate::kernel::user;
use crate::state::Roots;
use nix::unistd::{AccessFlags, access};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub(super) fn layout(_: &Roots) -> Answer {
    let trees = cgroup::hierarchies().unwrap_or_default();
    if trees.is_empty() {
        return Answer::unmet("no cgroup filesystem is mounted", "mount -t cgroup2 none /sys/fs/cgroup", Who::Root);
    }
    let mut names: Vec<&str> = trees.iter().flat_map(|tree| &tree.controllers).map(String::as_str).collect();
    names.sort_unstable();
    Answer::met(format!("{}, with {}", cgroup::layout(&trees), names.join(", ")))
}

fn controller(name: &str) -> Answer {
    let trees = cgroup::hierarchies().unwrap_or_default();
    let Some(tree) = trees.into_iter().find(|tree| tree.has(name)) else {
        let why = format!("no cgroup tree that is mounted here has the {name} controller");
        return Answer::unmet(why, format!("a kernel with it; some need cgroup_enable={name} at boot"), Who::Admin);
    };
    let folder = delegation::own(&tree);
    let shown = folder.display();
    let refused = |why: String| match tree.version {
        Version::V1 => {
            let fix =
                "version 1 is for root alone: run explore as root, or boot with systemd.unified_cgroup_hierarchy=1";
            Answer::unmet(format!("v1, {why}"), fix, Who::Root)
        }
        Version::V2 => {
            let fix = "systemd delegates one: systemd-run --user --scope -p Delegate=yes explore …";
            Answer::unmet(format!("v2, {why}"), fix, Who::You)
        }
    };
    let handed_on = std::fs::read_to_string(folder.join("cgroup.controllers")).unwrap_or_default();
    if tree.version == Version::V2 && handed_on.split_whitespace().all(|one| one != name) {
        return refused(format!("but {shown} was not given the {name} controller"));
    }
    match access(&folder, AccessFlags::W_OK) {
        Ok(()) => writable(tree.version, &folder),
        Err(errno) => refused(format!("but {shown} cannot be written: {}", errno.desc())),
    }
}

fn writable(version: Version, folder: &Path) -> Answer {
    let shown = folder.display();
    Answer::met(format!("{}, and {shown} can be written", if version == Version::V1 { "v1" } else { "v2" }))
}

pub(super) fn pids(_: &Roots) -> Answer {
    controller("pids")
}

/// Version 2 has it in every group, whatever controllers that was given, and version 1 as a controller of its own.
pub(super) fn freezer(_: &Roots) -> Answer {
    let trees = cgroup::hierarchies().unwrap_or_default();
    let has_controller = trees.iter().any(|tree| tree.has("freezer"));
    let answer = controller(if has_controller { "freezer" } else { "pids" });
    match of_v2(&trees).filter(|_| matches!(answer, Answer::Unmet { .. })) {
        Some(folder) => writable(Version::V2, &folder),
        None => answer,
    }
}

/// The top of a tree is a base for root alone, and who is root is not asked there.
fn of_v2(trees: &[Hierarchy]) -> Option<PathBuf> {
    let base = trees.iter().filter(|tree| tree.version == Version::V2).find_map(delegation::base)?;
    access(&base, AccessFlags::W_OK).is_ok().then_some(base)
}

pub(super) fn memory(_: &Roots) -> Answer {
    controller("memory")
}

pub(super) fn cpu(_: &Roots) -> Answer {
    controller("cpu")
}

/// Version 1 has a controller for it, version 2 takes a program, and from root alone.
pub(super) fn devices(_: &Roots) -> Answer {
    let trees = cgroup::hierarchies().unwrap_or_default();
    if trees.iter().any(|tree| tree.has("devices")) {
        return controller("devices");
    }
    if user::in_user_namespace() || !nix::unistd::geteuid().is_root() {
        let why = "v2, where rules for devices are an eBPF program, which only root of the machine may load";
        return Answer::unmet(why, "run explore as root", Who::Root);
    }
    controller("pids")
}

/// A limit is for a disk, named by its numbers: there has to be one that we know something on.
pub(super) fn io(_: &Roots) -> Answer {
    let trees = cgroup::hierarchies().unwrap_or_default();
    let v1 = trees.iter().any(|tree| tree.has("blkio"));
    match controller(if v1 { "blkio" } else { "io" }) {
        Answer::Met { evidence } => disk_of_ours().map_or_else(
            || {
                let why = "explore does not lie on a disk that could be limited: tmpfs, overlay, btrfs and network file systems have none";
                Answer::unmet(why, "copy explore to a file system on a disk, ext4 say, and start it from there", Who::You)
            },
            |disk| Answer::met(format!("{evidence}; explore lies on {disk}")),
        ),
        unmet @ Answer::Unmet { .. } => unmet,
    }
}

/// The disk or the part of one that this program lies on, by its name below /sys/dev/block. A file system without one has
/// a number from those that stand for none (major 0).
fn disk_of_ours() -> Option<String> {
    let us = std::fs::metadata(std::env::current_exe().ok()?).ok()?;
    let (major, minor) = (nix::sys::stat::major(us.dev()), nix::sys::stat::minor(us.dev()));
    let disk = std::fs::read_link(format!("/sys/dev/block/{major}:{minor}")).ok()?;
    Some(disk.file_name()?.to_string_lossy().into_owned())
}
