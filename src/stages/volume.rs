//! Volumes: folders that are shown in containers and outlive them. What is written there goes past the union: straight
//! into `_data`, at the speed of its filesystem, and no `rm` of a container takes it away.
//!
//! ```text
//! volumes/<name>/volume.json   its name, when it was made, whether anybody has named it
//!               _data/         what containers see
//!               filling/       a copy of what the image has there, not whole yet: goes when nobody works on it
//!               filled/        the same, whole: its entries move into _data one by one, and whoever comes next goes on
//! ```
//!
//! Left out: drivers. Docker hands a volume to a plug-in, or mounts something there (`-o type=nfs`).

mod copy;
mod error;
mod fill;

pub use error::VolumeError;
pub(super) use fill::{fill, is_file};

use crate::stages::create::{self, Container};
use crate::state::{Lock, Roots, read_record, write_record};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Version of this shape.
    pub schema: u32,
    /// Its name, which is that of its folder.
    pub name: String,
    /// When it was made, seconds since 1970.
    pub created: u64,
    /// Nobody has named it.
    pub anonymous: bool,
    /// Things to know it by.
    pub labels: BTreeMap<String, String>,
}

/// Where the content of a volume is on this machine.
pub fn data(roots: &Roots, name: &str) -> PathBuf {
    folder(roots, name).join("_data")
}

/// `volume create`: the volume of that name, made where it is missing; one without a name gets a random one.
///
/// # Errors
/// [`VolumeError::Name`], [`VolumeError::Short`], [`VolumeError::Store`], [`VolumeError::Record`].
pub fn create(roots: &Roots, name: Option<&str>, labels: BTreeMap<String, String>) -> Result<Volume, VolumeError> {
    let _alone = lock(roots)?;
    match name {
        Some(name) => match find(roots, name) {
            Err(VolumeError::NoSuch(_)) => make(roots, name, false, labels),
            other => other,
        },
        None => make(roots, &create::random_id().map_err(VolumeError::Random)?, true, labels),
    }
}

/// Makes a volume that is not there. The caller has the [`lock`].
pub(super) fn make(
    roots: &Roots,
    name: &str,
    anonymous: bool,
    labels: BTreeMap<String, String>,
) -> Result<Volume, VolumeError> {
    check_name(name)?;
    let all = roots.volumes();
    let failed = |source| VolumeError::Store { path: all.clone(), source };
    let now = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    let volume = Volume { schema: 1, name: name.to_owned(), created: now, anonymous, labels };
    // Whole under another name first, so that nobody finds half of it.
    let new = tempfile::Builder::new().prefix(".new-").tempdir_in(&all).map_err(failed)?;
    let data = new.path().join("_data");
    std::fs::create_dir(&data).map_err(failed)?;
    set_mode(&data, 0o755).map_err(failed)?;
    write_record(&new.path().join(RECORD), &volume, !anonymous)?;
    std::fs::rename(new.path(), folder(roots, name)).map_err(failed)?;
    let _ = new.keep();
    Ok(volume)
}

const RECORD: &str = "volume.json";

fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// Whoever makes, fills or removes volumes, or makes a container that has some, is alone with that.
pub(super) fn lock(roots: &Roots) -> Result<Lock, VolumeError> {
    let path = roots.volumes();
    let failed = |source| VolumeError::Store { path: path.clone(), source };
    std::fs::create_dir_all(&path).map_err(failed)?;
    Lock::wait(&path.join(".lock")).map_err(failed)
}

fn folder(roots: &Roots, name: &str) -> PathBuf {
    roots.volumes().join(name)
}

/// Docker's rule (moby volume/service, `names.RestrictedNamePattern`), which also keeps a name from being a path.
fn check_name(name: &str) -> Result<(), VolumeError> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if name.len() == 1 {
        return Err(VolumeError::Short(name.to_owned()));
    }
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if first && name.len() <= 255 && name.bytes().all(good) { Ok(()) } else { Err(VolumeError::Name(name.to_owned())) }
}

/// The volume of that name.
///
/// # Errors
/// [`VolumeError::NoSuch`], [`VolumeError::Name`], [`VolumeError::Record`].
pub fn find(roots: &Roots, name: &str) -> Result<Volume, VolumeError> {
    check_name(name).map_err(|_| VolumeError::NoSuch(name.to_owned()))?;
    match read_record(&folder(roots, name).join(RECORD)) {
        Err(error) if error.is_missing() => Err(VolumeError::NoSuch(name.to_owned())),
        read => Ok(read?),
    }
}

/// All volumes, by name.
///
/// # Errors
/// [`VolumeError::Store`], [`VolumeError::Record`].
pub fn list(roots: &Roots) -> Result<Vec<Volume>, VolumeError> {
    let path = roots.volumes();
    let failed = |source| VolumeError::Store { path: path.clone(), source };
    let folders = match std::fs::read_dir(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(failed)?,
    };
    let mut all = Vec::new();
    for one in folders {
        let name = one.map_err(failed)?.file_name();
        // `.lock`, and what is being made or removed.
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        match find(roots, name) {
            Ok(volume) => all.push(volume),
            Err(VolumeError::NoSuch(_)) => {}
            Err(error) => return Err(error),
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// The containers that a volume is shown in, whether they run or not.
pub fn users<'a>(containers: &'a [Container], name: &str) -> Vec<&'a Container> {
    let uses = |one: &&Container| one.mounts.iter().any(|mount| mount.volume() == Some(name));
    containers.iter().filter(uses).collect()
}

/// `volume rm`.
///
/// # Errors
/// [`VolumeError::NoSuch`], [`VolumeError::InUse`], [`VolumeError::Mounted`], [`VolumeError::Store`].
pub fn remove(roots: &Roots, name: &str) -> Result<(), VolumeError> {
    let _alone = lock(roots)?;
    find(roots, name)?;
    remove_locked(roots, name)
}

fn remove_locked(roots: &Roots, name: &str) -> Result<(), VolumeError> {
    let containers = create::list(roots).map_err(|error| VolumeError::Container(Box::new(error)))?;
    let users: Vec<String> = users(&containers, name).into_iter().map(|one| one.id.clone()).collect();
    if !users.is_empty() {
        return Err(VolumeError::InUse { name: name.to_owned(), users });
    }
    let gone = folder(roots, name);
    let failed = |source| VolumeError::Store { path: gone.clone(), source };
    // A removal does not stop at the border of a filesystem; what somebody has mounted there is not ours.
    if let Some(below) = mounted_below(&gone) {
        return Err(VolumeError::Mounted { name: name.to_owned(), below });
    }
    let doomed = roots.volumes().join(format!(".old-{name}"));
    std::fs::rename(&gone, &doomed).map_err(failed)?;
    std::fs::remove_dir_all(&doomed).map_err(failed)
}

fn mounted_below(folder: &Path) -> Option<PathBuf> {
    let table = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let place = |line: &str| Some(PathBuf::from(line.split(' ').nth(4)?.replace("\\040", " ")));
    table.lines().filter_map(place).find(|place| place.starts_with(folder))
}

/// Takes a volume back for which the journal was told that it goes, unless a container has come to use it.
///
/// # Errors
/// As [`remove`].
pub(super) fn discard(roots: &Roots, name: &str) -> Result<(), VolumeError> {
    let _alone = lock(roots)?;
    discard_locked(roots, name)
}

/// The same, for one who has the [`lock`].
pub(super) fn discard_locked(roots: &Roots, name: &str) -> Result<(), VolumeError> {
    if !folder(roots, name).exists() {
        return Ok(());
    }
    match remove_locked(roots, name) {
        Err(VolumeError::InUse { .. }) => Ok(()),
        other => other,
    }
}

/// `volume prune`: those that no container uses; of those with a name only with `named`. Answers their names and how
/// many bytes are free again.
///
/// # Errors
/// As [`remove`], for the first that stays.
pub fn prune(roots: &Roots, named: bool, wanted: impl Fn(&Volume) -> bool) -> Result<(Vec<String>, u64), VolumeError> {
    let _alone = lock(roots)?;
    let containers = create::list(roots).map_err(|error| VolumeError::Container(Box::new(error)))?;
    let (mut removed, mut bytes) = (Vec::new(), 0);
    for volume in list(roots)? {
        if (volume.anonymous || named) && wanted(&volume) && users(&containers, &volume.name).is_empty() {
            let size = size_of(&data(roots, &volume.name));
            remove_locked(roots, &volume.name)?;
            bytes += size;
            removed.push(volume.name);
        }
    }
    Ok((removed, bytes))
}

/// Bytes of all files below, counted once for each name, as docker counts them.
fn size_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.filter_map(|entry| {
        let found = entry.path().symlink_metadata().ok()?;
        Some(if found.is_dir() { size_of(&entry.path()) } else { found.len() })
    });
    sizes.sum()
}

/// Removes what was begun and not finished.
pub(super) fn sweep(roots: &Roots) {
    if !roots.volumes().exists() {
        return;
    }
    let Ok(_alone) = lock(roots) else { return };
    for entry in std::fs::read_dir(roots.volumes()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".new-") || name.as_encoded_bytes().starts_with(b".old-") {
            let _ = std::fs::remove_dir_all(entry.path());
        } else {
            let _ = fill::finish(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_path() {
        for good in ["ab", "a.b", "a-b_c", "0x"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "a", ".a", "..", "-a", "a/b", "a b", "_a", "é1", &"a".repeat(256)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
