//! The first use of a volume: what the image has at its place is copied into it, once, with owner, mode and times. It
//! would be hidden otherwise, for a mount covers what it is mounted on.
//!
//! A volume may be in use while it is filled, so it is not replaced as a whole. The copy is made beside it, out of
//! everybody's reach; then each entry is moved into place by a rename(2), which either has happened or has not.

use super::{Volume, VolumeError, copy, folder};
use crate::kernel::rootfs;
use crate::kernel::{self};
use crate::stages::layer::Below;
use crate::state::Roots;
use nix::errno::Errno;
use nix::sys::stat::SFlag;
use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::path::Path;

/// Fills an empty volume with what the image's layers show at `inside`; one that has something stays as it is. The
/// caller has the lock.
///
/// # Errors
/// [`VolumeError::Fill`], [`VolumeError::Store`]; the volume is then as empty as it was.
pub(in crate::stages) fn fill(roots: &Roots, volume: &Volume, image: &Below, inside: &Path) -> Result<(), VolumeError> {
    let place = folder(roots, &volume.name);
    let store = |source| VolumeError::Store { path: place.clone(), source };
    let failed = |source| VolumeError::Fill { name: volume.name.clone(), inside: inside.to_owned(), source };
    finish(&place).map_err(failed)?;
    if std::fs::read_dir(place.join("_data")).map_err(store)?.next().is_some() {
        return Ok(());
    }
    let Some(found) = image.find(inside).map_err(failed)? else { return Ok(()) };
    // A file there is what `start` will say something about: a folder cannot be mounted on it.
    if rootfs::kind_of(&found.stat) != SFlag::S_IFDIR {
        return Ok(());
    }
    let filling = place.join("filling");
    std::fs::create_dir(&filling).map_err(store)?;
    copy::folder(&found, &filling).map_err(failed)?;
    std::fs::rename(&filling, place.join("filled")).map_err(store)?;
    finish(&place).map_err(failed)
}

/// Whether the image shows something else than a folder there.
pub(in crate::stages) fn is_file(image: &Below, inside: &Path) -> kernel::Result<bool> {
    Ok(image.find(inside)?.is_some_and(|found| rootfs::kind_of(&found.stat) != SFlag::S_IFDIR))
}

/// Does the rest of what somebody has begun: a copy that is not whole goes, of one that is whole the rest moves in.
pub(super) fn finish(place: &Path) -> kernel::Result<()> {
    let (filling, filled) = (place.join("filling"), place.join("filled"));
    // The path is ours, and nobody but us can reach either folder.
    if filling.exists() {
        let volume = rootfs::Root::open(place, "the folder of a volume")?.folder(Path::new(""))?;
        rootfs::remove(volume.as_fd(), OsStr::new("filling"))?;
    }
    if !filled.exists() {
        return Ok(());
    }
    let volume = rootfs::Root::open(place, "the folder of a volume")?.folder(Path::new(""))?;
    let from = rootfs::open_folder(volume.as_fd(), OsStr::new("filled"))?;
    let to = rootfs::open_folder(volume.as_fd(), OsStr::new("_data"))?;
    let like = rootfs::about(from.as_fd())?;
    for name in rootfs::names(from.as_fd())? {
        match rootfs::rename_new(from.as_fd(), &name, to.as_fd()) {
            // Who uses the volume has made that name meanwhile: theirs stays.
            Err(error) if error.errno() == Errno::EEXIST => {}
            other => other?,
        }
    }
    copy::settle(Some(from.as_fd()), &like, to.as_fd())?;
    rootfs::remove(volume.as_fd(), OsStr::new("filled"))
}
