//! `explore diff`: what a container has added, changed and deleted, read from its upper alone.
//!
//! | in the upper | below | told as |
//! |---|---|---|
//! | anything | nothing | `A` |
//! | anything that looks otherwise | something | `C` |
//! | a whiteout (character device 0:0), or missing from an opaque folder | something | `D` |
//! | something in this folder | the folder | `C`, for the folder |
//!
//! "Otherwise" is as in Docker (moby pkg/archive, `statDifferent`): kind, mode, owner, device number, capabilities; of
//! what is no folder also size and time. Docker walks two mounted trees, a hundred thousand files; what is not in the upper
//! cannot have changed. What explore itself needs to mount on is in a layer of its own below the upper (`create`), so
//! nothing has to be hidden here. Left out, as in Docker: other extended attributes.

use super::below::{Below, Found, capability};
use super::{LayerError, Union};
use crate::kernel::{self, rootfs, xattr};
use crate::stages::create::Container;
use crate::state::Roots;
use nix::sys::stat::{FileStat, SFlag};
use serde::Serialize;
use std::ffi::{CString, OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// What became of a path; the letters are Docker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// It was not there.
    #[serde(rename = "A")]
    Added,
    /// It was, and is another now; or something in it has changed.
    #[serde(rename = "C")]
    Changed,
    /// It is gone, and all that was in it.
    #[serde(rename = "D")]
    Deleted,
}

impl Kind {
    /// Docker's letter.
    pub fn letter(self) -> char {
        match self {
            Self::Added => 'A',
            Self::Changed => 'C',
            Self::Deleted => 'D',
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What became of it.
    pub kind: Kind,
    /// From the container's root on.
    pub path: PathBuf,
}

/// What a container has changed, each folder before what is in it, names in order.
///
/// # Errors
/// [`LayerError::Image`], [`LayerError::Read`], [`LayerError::Foreign`].
pub fn changes(roots: &Roots, container: &Container) -> Result<Vec<Change>, LayerError> {
    let union = Union::of(roots, container)?;
    let failed = |source| LayerError::Read { path: union.upper.clone(), source };
    let mut walk = Walk { found: Vec::new(), upper: &union.upper };
    let why = "what the container has written, and nothing outside of it";
    let upper = rootfs::Root::open(&union.upper, why).and_then(|root| root.folder(Path::new(""))).map_err(failed)?;
    let below = Below::root(&union.lower).map_err(failed)?;
    walk.folder(&upper, &below, Path::new("/"))?;
    Ok(walk.found)
}

struct Walk<'a> {
    found: Vec<Change>,
    upper: &'a Path,
}

impl Walk<'_> {
    fn tell(&mut self, kind: Kind, path: PathBuf) {
        self.found.push(Change { kind, path });
    }

    /// One folder of the upper, beside what the layers below show in its place.
    fn folder(&mut self, here: &OwnedFd, below: &Below, path: &Path) -> Result<(), LayerError> {
        let failed = |source| LayerError::Read { path: path.to_owned(), source };
        let mut names = rootfs::names(here.as_fd()).map_err(failed)?;
        if xattr::is_opaque(here.as_fd()).map_err(failed)? {
            // It hides what is below; what is not here any more was deleted.
            names.extend(below.names().map_err(failed)?);
        }
        names.sort();
        names.dedup();
        names.iter().try_for_each(|name| self.entry(here, below, path, name))
    }

    fn entry(&mut self, here: &OwnedFd, below: &Below, above: &Path, name: &OsString) -> Result<(), LayerError> {
        let path = above.join(name);
        let failed = |source| LayerError::Read { path: path.clone(), source };
        let before = below.look(name).map_err(failed)?;
        let now = rootfs::look(here.as_fd(), name).map_err(failed)?.filter(|found| !rootfs::is_whiteout(found));
        let Some(now) = now else {
            // A whiteout of what a container made and took away again hides nothing.
            if before.is_some() {
                self.tell(Kind::Deleted, path);
            }
            return Ok(());
        };
        let kind = match &before {
            None => Some(Kind::Added),
            Some(before) => differs(before, &now, here, name).map_err(failed)?.then_some(Kind::Changed),
        };
        if rootfs::kind_of(&now) != SFlag::S_IFDIR {
            if let Some(kind) = kind {
                self.tell(kind, path);
            }
            return Ok(());
        }
        let inside = rootfs::open_folder(here.as_fd(), name).map_err(failed)?;
        self.refuse_redirect(&inside, &path)?;
        let at = self.found.len();
        self.folder(&inside, &before.map(|found| found.inside).unwrap_or_default(), &path)?;
        // A folder in which something has changed has changed.
        let kind = kind.or((self.found.len() > at).then_some(Kind::Changed));
        if let Some(kind) = kind {
            self.found.insert(at, Change { kind, path });
        }
        Ok(())
    }

    /// With `redirect_dir=on` (not our mount's default, nor Debian's) a renamed folder is a mark that names the old place.
    fn refuse_redirect(&self, folder: &OwnedFd, path: &Path) -> Result<(), LayerError> {
        for name in ["trusted.overlay.redirect", "user.overlay.redirect"] {
            let text = CString::new(name).unwrap_or_default();
            let found = xattr::get(folder.as_fd(), &text);
            if found.map_err(|source| LayerError::Read { path: path.to_owned(), source })?.is_some() {
                return Err(LayerError::Foreign { path: path.to_owned(), upper: self.upper.to_owned(), mark: name });
            }
        }
        Ok(())
    }
}

/// Whether it looks otherwise than before.
fn differs(before: &Found, now: &FileStat, here: &OwnedFd, name: &OsStr) -> kernel::Result<bool> {
    let then = &before.stat;
    let looks = |stat: &FileStat| (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_rdev);
    let content = |stat: &FileStat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
    let is_folder = rootfs::kind_of(now) == SFlag::S_IFDIR;
    if looks(then) != looks(now) || (!is_folder && content(then) != content(now)) {
        return Ok(true);
    }
    Ok(capability(here, name, now)? != before.capability)
}
