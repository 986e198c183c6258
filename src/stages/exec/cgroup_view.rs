//! `/sys/fs/cgroup` of version 1, for a configuration that asks for it: a tmpfs with a folder for each tree, in which the
//! container's own group is what one sees (runc, libcontainer/rootfs_linux.go, `mountCgroupV1`).
//!
//! Of one of our own containers only those trees are shown in which it has a group: of another tree it would see the top,
//! and with it the groups of everybody. In version 2 one mount shows one tree.

use super::cgroup::Joined;
use super::rootfs::options::Options;
use crate::kernel::cgroup::{self, Hierarchy, Version, delegation};
use crate::kernel::fs::{self, Links, Shape};
use crate::kernel::{self, mount};
use crate::stages::failure::Failure;
use nix::mount::MsFlags;
use oci_spec::runtime::{LinuxNamespaceType, Spec};
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Shows the trees, of one of our own containers those of its groups; says whether it did, for version 2 needs a
/// namespace of its own and then is a mount like others.
pub(super) fn show(
    root: BorrowedFd<'_>,
    target: &Path,
    options: &Options,
    spec: &Spec,
    ours: Option<&[Joined]>,
) -> Result<bool, Failure> {
    let step = format!("show its cgroups at {}", target.display());
    // Of a container of ours the trees of its groups are shown, and one of version 1 says that there are several.
    let of_groups = ours.filter(|groups| groups.iter().any(|group| group.tree.version == Version::V1));
    let mut trees: Vec<Hierarchy> = match of_groups {
        Some(groups) => groups.iter().map(|group| group.tree.clone()).collect(),
        None => cgroup::hierarchies().map_err(Failure::at(&step))?,
    };
    let own = namespaced(spec);
    if cgroup::layout(&trees) == "v2" {
        let Some(tree) = trees.first().filter(|_| !own) else { return Ok(false) };
        let place = fs::mount_point(root, target, Shape::Folder, Links::Refused).map_err(Failure::at(&step))?;
        return show_group(&group_in(tree, ours), &place, options).map(|()| true).map_err(Failure::at(&step));
    }
    if let Some(groups) = ours {
        trees.retain(|tree| groups.iter().any(|group| group.folder.starts_with(&tree.mount)));
    }
    // In a namespace of its own a new mount begins at the group by itself.
    let group = |tree: &Hierarchy| (!own).then(|| group_in(tree, ours));
    let trees: Vec<_> = trees.into_iter().map(|tree| (group(&tree), tree)).map(|(group, tree)| (tree, group)).collect();
    show_trees(root, target, options, &trees).map(|()| true).map_err(Failure::at(&step))
}

fn namespaced(spec: &Spec) -> bool {
    let listed = spec.linux().as_ref().and_then(|linux| linux.namespaces().as_ref());
    listed.into_iter().flatten().any(|one| one.typ() == LinuxNamespaceType::Cgroup)
}

fn show_trees(
    root: BorrowedFd<'_>,
    target: &Path,
    options: &Options,
    trees: &[(Hierarchy, Option<PathBuf>)],
) -> kernel::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let place = fs::mount_point(root, target, Shape::Folder, Links::Refused)?;
    mount::mount_at(place.as_fd(), "tmpfs", "tmpfs", flags, "mode=755", "room for a folder for each tree")?;
    // What was there before is covered now: the same name, under the same root, is the tmpfs.
    let top = fs::resolve(root, target, Links::Refused)?;
    for (tree, group) in trees.iter().filter(|(tree, _)| tree.version == Version::V1) {
        let name = tree.mount.file_name().map_or(Path::new("cgroup"), Path::new);
        let place = fs::mount_point(top.as_fd(), name, Shape::Folder, Links::Refused)?;
        if let Some(group) = group {
            show_group(group, &place, options)?;
        } else {
            let names = tree.controllers.join(",");
            let why = "the tree as its own namespace shows it";
            mount::mount_at(place.as_fd(), "cgroup", "cgroup", options.flags, &names, why)?;
        }
        link_each(&top, name)?;
    }
    if options.flags.contains(MsFlags::MS_RDONLY) {
        mount::set_attributes(&top, libc::MOUNT_ATTR_RDONLY, false, "no folder is to be added")?;
    }
    Ok(())
}

/// The group that this process is in, in one tree.
fn group_in(tree: &Hierarchy, ours: Option<&[Joined]>) -> PathBuf {
    let known = ours.into_iter().flatten().find(|group| group.folder.starts_with(&tree.mount));
    known.map_or_else(|| delegation::own(tree), |group| group.folder.clone())
}

/// Shows one group of a tree of the host.
fn show_group(group: &Path, place: &OwnedFd, options: &Options) -> kernel::Result<()> {
    let name = CString::new(group.as_os_str().as_encoded_bytes()).unwrap_or_default();
    let copy = mount::copy_tree(mount::here(), &name, true, "its own group, as if it were the top")?;
    let set = Options::attributes(options.flags);
    if set != 0 {
        mount::set_attributes(&copy, set, false, "as its configuration says")?;
    }
    mount::attach(&copy, place.as_fd(), "where programs look for it")
}

/// A tree of several controllers is found under the name of each.
fn link_each(top: &OwnedFd, name: &Path) -> kernel::Result<()> {
    let text = name.to_string_lossy();
    for one in text.split(',').filter(|one| *one != text) {
        match nix::unistd::symlinkat(name, top, one) {
            Ok(()) | Err(nix::errno::Errno::EEXIST) => {}
            Err(errno) => {
                return Err(kernel::Error::quiet("symlinkat", &format_args!("\"{}\", {one:?}", name.display()), errno));
            }
        }
    }
    Ok(())
}
