//! A network namespace between two commands: no process is in it yet, so a mount keeps it, as ip-netns(8) does.
//!
//! The pin lies in the run folder and has whatever propagation that folder's mount has. Where it is shared, as /run is
//! under systemd, mount namespaces that were copied from ours see the pin come *and go*, and nobody keeps the
//! namespace alive by accident; a private mount would be copied into every mount namespace made meanwhile, and stay
//! there.

use super::NetworkError;
use crate::kernel::netns;
use crate::state::{Claim, Effect, Journal, ProcessIdentity, Roots};
use nix::errno::Errno;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

fn target(roots: &Roots, container_id: &str) -> PathBuf {
    roots.run.join("netns").join(container_id)
}

fn effect(roots: &Roots, container_id: &str) -> Effect {
    Effect::Mount { target: target(roots, container_id), fstype: "nsfs".into(), source: "nsfs".into() }
}

/// The network namespace of a container that does not run yet: the one that is pinned, or a new one, pinned; while
/// `holder` lives, or until it is let go.
///
/// # Errors
/// [`NetworkError::Pin`].
pub fn pin(roots: &Roots, container_id: &str, holder: Option<ProcessIdentity>) -> Result<OwnedFd, NetworkError> {
    if let Some(netns) = pinned(roots, container_id) {
        return Ok(netns);
    }
    let path = target(roots, container_id);
    let failed = |source| NetworkError::Pin { path: path.clone(), source };
    make_target(&path).map_err(failed)?;
    let claim = Claim { owner: container_id.to_owned(), holder };
    Journal::at(roots.journal()).announce(&claim, effect(roots, container_id))?;
    let made = netns::create("a network namespace that no process is in yet")
        .and_then(|netns| netns::pin(netns.as_fd(), &path, "a mount keeps it").map(|()| netns));
    if made.is_err() {
        let _ = unpin(roots, container_id);
    }
    made.map_err(failed)
}

fn make_target(path: &std::path::Path) -> crate::kernel::Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .and_then(|()| std::fs::File::create(path))
        .map(drop)
        .map_err(|error| {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
            crate::kernel::Error::quiet("openat", &format_args!("AT_FDCWD, {:?}, O_CREAT", path.display()), errno)
        })
}

/// The pinned network namespace of a container; `None` where there is none.
pub fn pinned(roots: &Roots, container_id: &str) -> Option<OwnedFd> {
    netns::open(&target(roots, container_id)).ok().filter(|netns| netns::is_namespace(netns.as_fd()))
}

/// Lets go of a pinned namespace: it ends, unless a process is in it by now. Nothing happens where none is pinned.
///
/// # Errors
/// [`NetworkError::Undo`].
pub fn unpin(roots: &Roots, container_id: &str) -> Result<(), NetworkError> {
    let path = target(roots, container_id);
    if pinned(roots, container_id).is_some() {
        netns::unpin(&path, "no one needs it between two commands any more")
            .map_err(|source| NetworkError::Undo { what: format!("the pin {}", path.display()), source })?;
    }
    // Only a file of ours that nothing is mounted on can be removed: EBUSY otherwise, and then it stays.
    let _ = std::fs::remove_file(&path);
    let journal = Journal::at(roots.journal());
    let ours = effect(roots, container_id);
    for entry in journal.entries_of(container_id)?.iter().filter(|entry| entry.effect == ours) {
        journal.forget(entry);
    }
    Ok(())
}
