//! `start`: one byte, and PID 1 becomes its program.

use super::super::hooks::{self, Hooks};
use super::super::waiting;
use super::OciError;
use super::record::{Folder, Status};
use crate::kernel::fifo;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::Mode;
use oci_spec::runtime::ContainerState;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Starts a container. A poststart hook that fails is told, and changes nothing (runtime-spec, "Lifecycle", 10).
///
/// # Errors
/// [`OciError::Status`] for one that is not waiting; why it could not become its program.
pub fn start(root: &Path, id: &str) -> Result<Option<OciError>, OciError> {
    let folder = Folder::of(root, id)?;
    let _alone = folder.lock()?;
    let record = folder.read()?;
    let status = folder.status(&record);
    let refused = || OciError::Status { verb: "start", id: id.to_owned(), status: status.word() };
    if status != Status::Created {
        return Err(refused());
    }
    let answer = open_answer(&folder)?;
    let Some(door) = fifo::open_if_read(&folder.file("start.fifo")).map_err(OciError::call("start it"))? else {
        return Err(refused());
    };
    fifo::release(&door, "PID 1 has waited for this").map_err(OciError::call("start it"))?;
    waiting::hear(&answer)?;
    for name in ["start.fifo", "answer.fifo"] {
        let _ = std::fs::remove_file(folder.file(name));
    }
    let spec = folder.spec()?;
    let hooks = Hooks { lists: spec.hooks().clone().unwrap_or_default(), state: record.told() };
    let state = hooks.told(ContainerState::Running, record.init.map_or(0, |init| init.pid));
    Ok(hooks::run("poststart", hooks.poststart(), &state).err().map(Into::into))
}

/// Opened without waiting for a writer, which may be gone, and then read until the last one is.
fn open_answer(folder: &Folder) -> Result<OwnedFd, OciError> {
    let path = folder.file("answer.fifo");
    let failed = |errno: nix::errno::Errno| OciError::file("open", &path)(errno.into());
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let answer = nix::fcntl::open(&path, flags, Mode::empty()).map_err(failed)?;
    fcntl(&answer, FcntlArg::F_SETFL(OFlag::empty())).map_err(failed)?;
    Ok(answer)
}
