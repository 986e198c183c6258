//! `delete`: what `create` made is taken back, by the journal, whoever was killed meanwhile.

use super::super::hooks::{self, Hooks};
use super::OciError;
use super::record::{Folder, Status};
use crate::stages::exit::undo;
use crate::stages::handle;
use crate::state::Roots;
use oci_spec::runtime::ContainerState;
use std::path::Path;

/// Removes a container that has ended, or was never started; with `force` any. One that is not there is no error then.
/// A poststop hook that fails is told, and changes nothing.
///
/// # Errors
/// [`OciError::NoSuch`], [`OciError::Status`], [`OciError::Undo`].
pub fn delete(root: &Path, id: &str, force: bool) -> Result<Option<OciError>, OciError> {
    let folder = Folder::of(root, id)?;
    let found = folder.lock().map(|lock| (lock, folder.read()));
    let (_alone, record) = match found {
        Err(OciError::NoSuch(_)) if force => return Ok(None),
        found => found?,
    };
    let record = match record {
        // Killed before it had written anything: an empty folder.
        Err(OciError::NoSuch(_)) if force => return take_back(&folder).map(|()| None),
        read => read?,
    };
    let status = folder.status(&record);
    if !force && !matches!(status, Status::Created | Status::Stopped) {
        return Err(OciError::Status { verb: "delete", id: id.to_owned(), status: status.word() });
    }
    if let Some(creator) = Some(record.creator).filter(|_| status == Status::Creating && !is_us(record.creator)) {
        handle::kill(creator, "it would go on making what is taken back").map_err(OciError::call("end its creator"))?;
    }
    if let Some(running) = record.as_running() {
        super::super::thaw(&running).map_err(OciError::call("let it go on"))?;
        handle::kill(running.init, "it is removed").map_err(OciError::call("end its PID 1"))?;
    }
    let spec = folder.spec();
    take_back(&folder)?;
    let Ok(spec) = spec else { return Ok(None) };
    let hooks = Hooks { lists: spec.hooks().clone().unwrap_or_default(), state: record.told() };
    let state = hooks.told(ContainerState::Stopped, 0);
    Ok(hooks::run("poststop", hooks.poststop(), &state).err().map(Into::into))
}

fn is_us(one: crate::state::ProcessIdentity) -> bool {
    one == crate::state::ProcessIdentity::myself()
}

/// All that stands in its journal, then the folders above its cgroups that nobody else has come to use, then its own.
pub(super) fn take_back(folder: &Folder) -> Result<(), OciError> {
    let entries = folder.journal().entries()?;
    // The journal is found where a state has it, in `journal` of its run folder.
    let roots = Roots { data: folder.path.clone(), run: folder.path.clone() };
    undo::undo_each(&roots, entries.iter())?;
    if let Ok(record) = folder.read() {
        for above in record.above.iter().rev() {
            let _ = std::fs::remove_dir(above);
        }
    }
    std::fs::remove_dir_all(&folder.path).map_err(OciError::file("remove", &folder.path))
}
