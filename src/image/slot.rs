//! A place where something large grows before it has its name: `<folder>/.ingest/<name>`, held by a lock.
//!
//! The lock is on a file beside it, and the kernel drops it with the process. So what a kill leaves is known by nobody
//! holding its lock; whoever comes next for the same name, or `explore clean`, removes it. Two pulls of one blob do not
//! both fetch it: the second waits, and then finds it there.

use super::ImageError;
use nix::fcntl::{Flock, FlockArg};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where things grow below a folder of the store. (containerd calls it the same.)
const INGEST: &str = ".ingest";

/// A name that is ours until it is dropped.
#[derive(Debug)]
pub struct Slot {
    /// Where to build; nothing stands there at first. What still stands there at the end is removed.
    pub path: PathBuf,
    lock: PathBuf,
    /// What stands there is left for the next one who claims the name.
    stays: bool,
    _held: Flock<File>,
}

impl Slot {
    /// Waits until `name` is ours and removes what a killed process left there.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub fn claim(folder: &Path, name: &str) -> Result<Self, ImageError> {
        let slot = Self::take_over(folder, name)?;
        remove(&slot.path).map_err(ImageError::store("cannot remove", &slot.path))?;
        Ok(slot)
    }

    /// As [`Slot::claim`], with what an earlier one has left there: to go on with, not to be trusted.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub fn take_over(folder: &Path, name: &str) -> Result<Self, ImageError> {
        let ingest = folder.join(INGEST);
        std::fs::create_dir_all(&ingest).map_err(ImageError::store("cannot make", &ingest))?;
        let lock = ingest.join(format!("{name}.lock"));
        let held = loop {
            if let Some(held) = hold(&lock, FlockArg::LockExclusive)? {
                break held;
            }
        };
        Ok(Self { path: ingest.join(name), lock, stays: false, _held: held })
    }

    /// Leaves what stands there to the next one who takes over this name.
    pub fn keep_what_is_there(&mut self) {
        self.stays = true;
    }

    /// Gives the finished thing its name: from now on it is there, whole.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub fn publish(self, name: &Path) -> Result<(), ImageError> {
        std::fs::rename(&self.path, name).map_err(ImageError::store("cannot put in place", name))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.stays {
            let _ = remove(&self.path);
        }
        // While it is still held: whoever waits on this file then sees that it is gone, and makes a new one.
        let _ = std::fs::remove_file(&self.lock);
    }
}

/// Removes what killed processes left below `folder`; counts the things.
///
/// # Errors
/// [`ImageError::Store`].
pub(super) fn sweep(folder: &Path) -> Result<usize, ImageError> {
    let ingest = folder.join(INGEST);
    let Ok(entries) = std::fs::read_dir(&ingest) else { return Ok(0) };
    let names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let mut removed = 0;
    for name in names.iter().map(|name| name.strip_suffix(".lock").unwrap_or(name)) {
        let lock = ingest.join(format!("{name}.lock"));
        let Some(held) = hold(&lock, FlockArg::LockExclusiveNonblock)? else { continue };
        let path = ingest.join(name);
        removed += usize::from(path.symlink_metadata().is_ok());
        drop(Slot { path, lock, stays: false, _held: held });
    }
    Ok(removed)
}

/// The lock file, held; `None` where somebody has it, or removed it while we waited.
fn hold(lock: &Path, how: FlockArg) -> Result<Option<Flock<File>>, ImageError> {
    let failed = || ImageError::store("cannot lock", lock);
    let file = File::options().create(true).truncate(false).write(true).open(lock).map_err(failed())?;
    let held = match Flock::lock(file, how) {
        Ok(held) => held,
        Err((_, nix::errno::Errno::EWOULDBLOCK | nix::errno::Errno::EINTR)) => return Ok(None),
        Err((_, errno)) => return Err(failed()(errno.into())),
    };
    let ours = held.metadata().map_err(failed())?.ino();
    Ok(lock.metadata().is_ok_and(|named| named.ino() == ours).then_some(held))
}

/// Removes a file or a folder; fine where there is none.
fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(folder: &Path) -> usize {
        std::fs::read_dir(folder.join(INGEST)).unwrap().count()
    }

    #[test]
    fn what_is_not_published_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let slot = Slot::claim(folder.path(), "x").unwrap();
        std::fs::write(&slot.path, "half").unwrap();
        drop(slot);
        assert_eq!(left(folder.path()), 0);
        let slot = Slot::claim(folder.path(), "x").unwrap();
        std::fs::write(&slot.path, "whole").unwrap();
        slot.publish(&folder.path().join("it")).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("it")).unwrap(), "whole");
        assert_eq!(left(folder.path()), 0);
    }

    #[test]
    fn the_sweep_takes_what_nobody_holds_and_only_that() {
        let folder = tempfile::tempdir().unwrap();
        let held = Slot::claim(folder.path(), "held").unwrap();
        std::fs::write(&held.path, "growing").unwrap();
        std::fs::create_dir(folder.path().join(INGEST).join("left")).unwrap();
        std::fs::write(folder.path().join(INGEST).join("left.lock"), "").unwrap();
        assert_eq!(sweep(folder.path()).unwrap(), 1);
        assert!(held.path.exists());
        assert_eq!(left(folder.path()), 2, "the held one and its lock");
    }
}
