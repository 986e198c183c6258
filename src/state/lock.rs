//! One at a time: flock(2) on a file. The kernel drops it with the process, so a kill leaves no stale lock.

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    held: Option<Flock<File>>,
}

impl Drop for Lock {
    /// What cannot be given back goes with its descriptor (flock(2)); nix would panic.
    fn drop(&mut self) {
        if let Some(Err((stuck, _))) = self.held.take().map(Flock::unlock) {
            let descriptor = stuck.as_raw_fd();
            std::mem::forget(stuck);
            let _ = nix::unistd::close(descriptor);
        }
    }
}

impl AsRawFd for Lock {
    /// What holds the lock. A clone has a copy, and the lock lasts as long as any copy is open (flock(2)): a child that
    /// outlives us closes its own.
    fn as_raw_fd(&self) -> RawFd {
        self.held.as_ref().map_or(-1, |held| held.as_raw_fd())
    }
}

impl Lock {
    /// Waits for the lock on `path`, which is made where it is missing.
    ///
    /// # Errors
    /// Those of open(2) and flock(2).
    pub fn wait(path: &Path) -> std::io::Result<Self> {
        Self::acquire(path, FlockArg::LockExclusive)
    }

    /// Waits for the lock on a folder that is there (flock(2) takes any open file): nothing is made for it, and nothing has
    /// to go with it.
    ///
    /// # Errors
    /// Those of open(2) and flock(2): NotFound where the folder is gone.
    pub fn of_folder(path: &Path) -> std::io::Result<Self> {
        Self::hold(File::options().read(true).custom_flags(libc::O_DIRECTORY).open(path)?, FlockArg::LockExclusive)
    }

    /// Takes the lock if nobody has it; `None` if somebody does.
    ///
    /// # Errors
    /// Those of open(2) and flock(2).
    pub fn try_now(path: &Path) -> std::io::Result<Option<Self>> {
        match Self::acquire(path, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Some(lock)),
            Err(error) if error.raw_os_error() == Some(Errno::EWOULDBLOCK as i32) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits until nobody has the lock alone, and shares it with others who share it.
    ///
    /// # Errors
    /// Those of open(2) and flock(2).
    pub fn share(path: &Path) -> std::io::Result<Self> {
        Self::acquire(path, FlockArg::LockShared)
    }

    fn acquire(path: &Path, how: FlockArg) -> std::io::Result<Self> {
        Self::hold(File::options().create(true).truncate(false).write(true).open(path)?, how)
    }

    fn hold(mut file: File, how: FlockArg) -> std::io::Result<Self> {
        loop {
            match Flock::lock(file, how) {
                Ok(held) => return Ok(Self { held: Some(held) }),
                Err((again, Errno::EINTR)) => file = again,
                Err((_, errno)) => return Err(errno.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Lock;

    #[test]
    fn the_second_one_does_not_get_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = Lock::wait(&path).unwrap();
        assert!(Lock::try_now(&path).unwrap().is_none());
        drop(first);
        assert!(Lock::try_now(&path).unwrap().is_some());
    }
}
