//! Where in a tree groups of ours may be made.
//!
//! Root of the machine makes them at the top. Anybody else may only below a group that was *delegated* to him: whose
//! folder, `cgroup.procs` and `cgroup.subtree_control` belong to him (cgroups(7), "Delegation"); systemd does that for
//! `Delegate=yes`. Version 2 then asks for one thing more: a group with members hands no controllers on to its children
//! ("no internal processes"), so whoever stands in the delegated group moves to a leaf of it first.

use super::{Hierarchy, Version, join};
use crate::kernel::{Result, fs, user};
use nix::errno::Errno;
use nix::unistd::{AccessFlags, Pid, access};
use std::path::{Path, PathBuf};

/// The leaf of a delegated group that its members move to.
pub const LEAF: &str = "explore-outside";

/// The group of this process in a tree. Where only a part of the tree is mounted (in a container), its path does not lie
/// below the mount, and the mount itself is the nearest that we can see.
pub fn own(tree: &Hierarchy) -> PathBuf {
    let memberships = fs::contents("/proc/self/cgroup").unwrap_or_default();
    let ours = memberships.lines().find_map(|line| {
        // `number:controllers:path`; version 2 names no controllers.
        let (names, path) = line.split_once(':')?.1.split_once(':')?;
        let is_this = match tree.version {
            Version::V2 => names.is_empty(),
            Version::V1 => names.split(',').any(|name| tree.has(name)),
        };
        is_this.then(|| tree.mount.join(path.trim_start_matches('/')))
    });
    ours.filter(|folder| folder.is_dir()).unwrap_or_else(|| tree.mount.clone())
}

/// The folder in which groups of ours may be made; `None` where none is ours to write.
pub fn base(tree: &Hierarchy) -> Option<PathBuf> {
    let writable = |folder: &Path| {
        let files = ["", "cgroup.procs", "cgroup.subtree_control"];
        let needed = if tree.version == Version::V2 { &files[..] } else { &files[..2] };
        needed.iter().all(|file| access(&folder.join(file), AccessFlags::W_OK).is_ok())
    };
    if !user::in_user_namespace() && writable_top(tree) {
        return Some(tree.mount.clone());
    }
    let own = own(tree);
    // Whoever was moved to the leaf stands one below what was delegated.
    let delegated = if own.ends_with(LEAF) { own.parent()?.to_owned() } else { own };
    (delegated != tree.mount && writable(&delegated)).then_some(delegated)
}

/// Only the top of a whole tree may have members and hand controllers on: it has no `cgroup.type`.
fn writable_top(tree: &Hierarchy) -> bool {
    let whole = tree.version == Version::V1 || !tree.mount.join("cgroup.type").exists();
    // Whatever else is in the way of root is told when a group is made.
    whole && access(&tree.mount, AccessFlags::W_OK) != Err(Errno::EROFS)
}

/// The controllers of `wanted` that `folder` (version 2) has not yet handed on to its children, and those that it does not
/// have itself.
pub fn missing<'a>(folder: &Path, wanted: &[&'a str]) -> (Vec<&'a str>, Vec<&'a str>) {
    let list = |file: &str| fs::contents(folder.join(file)).unwrap_or_default();
    let (has, hands_on) = (list("cgroup.controllers"), list("cgroup.subtree_control"));
    let listed = |text: &str, name: &str| text.split_whitespace().any(|one| one == name);
    let lacking = wanted.iter().copied().filter(|name| !listed(&has, name)).collect();
    let off = wanted.iter().copied().filter(|name| listed(&has, name) && !listed(&hands_on, name)).collect();
    (off, lacking)
}

/// Hands controllers on to the children of `folder`.
///
/// # Errors
/// The write(2) that failed: EBUSY where the folder has members.
pub fn hand_on(folder: &Path, controllers: &[&str], why: &str) -> Result<()> {
    if controllers.is_empty() {
        return Ok(());
    }
    let text = controllers.iter().map(|name| format!("+{name}")).collect::<Vec<_>>().join(" ");
    fs::write_file(&folder.join("cgroup.subtree_control"), &text, why)
}

/// Takes controllers back from the children of `folder`. One that is in use further down stays, and that is no error:
/// the kernel knows best who uses it.
pub fn take_back(folder: &Path, controllers: &[String]) {
    for name in controllers {
        let why = "handed on for our sake, and nobody is left who needs it";
        let _ = fs::write_file(&folder.join("cgroup.subtree_control"), &format!("-{name}"), why);
    }
}

/// Moves all members of one group to another, until a look finds none: they may fork meanwhile.
///
/// # Errors
/// The write(2) that failed for another reason than that the member has ended.
pub fn move_members(from: &Path, to: &Path, why: &str) -> Result<()> {
    for _ in 0..100 {
        let members = super::members(from);
        if members.is_empty() {
            return Ok(());
        }
        for pid in members {
            match join(to, Pid::from_raw(pid), why) {
                Err(error) if error.errno == libc::ESRCH => {}
                other => other?,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_off_and_what_is_lacking_are_two_things() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("cgroup.controllers"), "cpu memory pids\n").unwrap();
        std::fs::write(folder.path().join("cgroup.subtree_control"), "pids\n").unwrap();
        let (off, lacking) = missing(folder.path(), &["pids", "memory", "cpuset"]);
        assert_eq!((off, lacking), (vec!["memory"], vec!["cpuset"]));
    }
}
