//! What is known of a container while it runs: `<run>/containers/<id>/running.json`, on tmpfs, written by its supervisor.

use crate::kernel::cgroup::Version;
use crate::state::{ProcessIdentity, Roots, read_record};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A container that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Version of this shape.
    pub schema: u32,
    /// PID 1, by its number outside.
    pub init: ProcessIdentity,
    /// Who owns it.
    pub supervisor: ProcessIdentity,
    /// The command whose terminal it uses; `None` for one that was started in the background.
    pub client: Option<ProcessIdentity>,
    /// When it was started, seconds since 1970.
    pub started: u64,
    /// Its cgroups.
    pub cgroups: Vec<(Version, PathBuf)>,
}

/// Where a container's runtime files are.
pub(super) fn folder(roots: &Roots, id: &str) -> PathBuf {
    roots.running().join(id)
}

/// The container with this ID, if it runs.
pub fn running(roots: &Roots, id: &str) -> Option<Running> {
    let running: Running = read_record(&folder(roots, id).join("running.json")).ok()?;
    (running.supervisor.is_alive() && running.init.is_alive()).then_some(running)
}
