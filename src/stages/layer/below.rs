//! What the layers below an upper show: the union without its topmost layer, looked up folder by folder as overlayfs
//! looks it up, and without mounting anything.
//!
//! Documentation/filesystems/overlayfs.rst: the topmost layer that has a name decides. A folder is merged with the
//! folders of that name further down, until one is opaque or something else than a folder; a whiteout ends the search.

use crate::kernel::{self, rootfs, xattr};
use nix::sys::stat::{FileStat, SFlag};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// One folder as the layers below show it: the same folder of each layer that has a part in it, topmost first.
#[derive(Debug, Default)]
pub(in crate::stages) struct Below {
    folders: Vec<OwnedFd>,
}

/// What they show under a name.
#[derive(Debug)]
pub(in crate::stages) struct Found {
    /// Of the topmost layer that has it.
    pub(in crate::stages) stat: FileStat,
    /// Its file capabilities (`security.capability`, capabilities(7)).
    pub(super) capability: Option<Vec<u8>>,
    /// What is in it, where it is a folder.
    pub(in crate::stages) inside: Below,
}

impl Below {
    /// The root of these layers, topmost first.
    pub(in crate::stages) fn root(lowers: &[PathBuf]) -> kernel::Result<Self> {
        let why = "a layer of the image, to see what was there before";
        let open = |lower: &PathBuf| rootfs::Root::open(lower, why)?.folder(Path::new(""));
        Ok(Self { folders: lowers.iter().map(open).collect::<kernel::Result<_>>()? })
    }

    /// What is shown under `name` in this folder; `None` where nothing is.
    pub(in crate::stages) fn look(&self, name: &OsStr) -> kernel::Result<Option<Found>> {
        let mut found: Option<Found> = None;
        for folder in &self.folders {
            let Some(stat) = rootfs::look(folder.as_fd(), name)? else { continue };
            if rootfs::is_whiteout(&stat) {
                break;
            }
            let is_folder = rootfs::kind_of(&stat) == SFlag::S_IFDIR;
            let shown = match &mut found {
                // A file below a folder is hidden by it, and so is all that is below the file.
                Some(_) if !is_folder => break,
                Some(shown) => shown,
                none => {
                    none.insert(Found { stat, capability: capability(folder, name, &stat)?, inside: Self::default() })
                }
            };
            if !is_folder {
                break;
            }
            let part = rootfs::open_folder(folder.as_fd(), name)?;
            let ends = xattr::is_opaque(part.as_fd())?;
            shown.inside.folders.push(part);
            if ends {
                break;
            }
        }
        Ok(found)
    }

    /// What is shown at a path from here; links are followed and end inside, as path_resolution(7) has it for one who has
    /// this folder as root.
    pub(in crate::stages) fn find(&self, path: &Path) -> kernel::Result<Option<Found>> {
        let mut left = FOLLOWED;
        let mut names: Vec<OsString> = names_of(path);
        // The folders that lead to where we are, so that ".." has somewhere to go.
        let mut way: Vec<Found> = Vec::new();
        while let Some(name) = names.pop() {
            if name == ".." {
                way.pop();
                continue;
            }
            let here = way.last().map_or(self, |found| &found.inside);
            let Some(found) = here.look(&name)? else { return Ok(None) };
            if rootfs::kind_of(&found.stat) != SFlag::S_IFLNK {
                way.push(found);
                continue;
            }
            let target = here.holder(&name)?.and_then(|holder| rootfs::link_target(holder, &name)).unwrap_or_default();
            left -= 1;
            if left == 0 {
                return Err(kernel::Error::quiet(
                    "openat2",
                    &format_args!("{}", path.display()),
                    nix::errno::Errno::ELOOP,
                ));
            }
            if target.is_absolute() {
                way.clear();
            }
            names.extend(names_of(&target));
        }
        // A path that leads to the root leads to no entry.
        Ok(way.pop())
    }

    /// The folder of the topmost layer that has `name`.
    pub(in crate::stages) fn holder(&self, name: &OsStr) -> kernel::Result<Option<BorrowedFd<'_>>> {
        for folder in &self.folders {
            if rootfs::look(folder.as_fd(), name)?.is_some() {
                return Ok(Some(folder.as_fd()));
            }
        }
        Ok(None)
    }

    /// This folder in the topmost layer that has it: owner, mode and time are that one's.
    pub(in crate::stages) fn topmost(&self) -> Option<BorrowedFd<'_>> {
        self.folders.first().map(AsFd::as_fd)
    }

    /// All names that are shown in this folder, in order.
    pub(in crate::stages) fn names(&self) -> kernel::Result<Vec<OsString>> {
        let mut names = BTreeSet::new();
        for folder in &self.folders {
            names.extend(rootfs::names(folder.as_fd())?);
        }
        let mut shown = Vec::new();
        for name in names {
            if self.look(&name)?.is_some() {
                shown.push(name);
            }
        }
        Ok(shown)
    }
}

/// As many links as the kernel follows by itself (path_resolution(7)).
const FOLLOWED: u32 = 40;

/// The names of a path, last first.
fn names_of(path: &Path) -> Vec<OsString> {
    let name = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().rev().filter_map(name).collect()
}

/// The capabilities of a file that stands there; others have none.
pub(super) fn capability(folder: &OwnedFd, name: &OsStr, stat: &FileStat) -> kernel::Result<Option<Vec<u8>>> {
    if rootfs::kind_of(stat) != SFlag::S_IFREG {
        return Ok(None);
    }
    match rootfs::handle(folder.as_fd(), name)? {
        Some(file) => xattr::get(file.as_fd(), c"security.capability"),
        None => Ok(None),
    }
}
