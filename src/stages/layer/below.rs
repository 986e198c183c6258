//! What the layers below an upper show: the union without its topmost layer, looked up folder by folder as overlayfs
//! looks it up, and without mounting anything.
//!
//! Documentation/filesystems/overlayfs.rst: the topmost layer that has a name decides. A folder is merged with the
//! folders of that name further down, until one is opaque or something else than a folder; a whiteout ends the search.

use crate::kernel::{self, rootfs, xattr};
use nix::sys::stat::{FileStat, SFlag};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// One folder as the layers below show it: the same folder of each layer that has a part in it, topmost first.
#[derive(Debug, Default)]
pub(super) struct Below {
    folders: Vec<OwnedFd>,
}

/// What they show under a name.
#[derive(Debug)]
pub(super) struct Found {
    /// Of the topmost layer that has it.
    pub(super) stat: FileStat,
    /// Its file capabilities (`security.capability`, capabilities(7)).
    pub(super) capability: Option<Vec<u8>>,
    /// What is in it, where it is a folder.
    pub(super) inside: Below,
}

impl Below {
    /// The root of these layers, topmost first.
    pub(super) fn root(lowers: &[PathBuf]) -> kernel::Result<Self> {
        let why = "a layer of the image, to see what was there before";
        let open = |lower: &PathBuf| rootfs::Root::open(lower, why)?.folder(Path::new(""));
        Ok(Self { folders: lowers.iter().map(open).collect::<kernel::Result<_>>()? })
    }

    /// What is shown under `name` in this folder; `None` where nothing is.
    pub(super) fn look(&self, name: &OsStr) -> kernel::Result<Option<Found>> {
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

    /// All names that are shown in this folder, in order.
    pub(super) fn names(&self) -> kernel::Result<Vec<OsString>> {
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
