//! What is remembered of a container, and what is known of it now.

use super::bundled_init::without_init;
use super::{Asked, CreateError, Limits, MountPoint, Program, Spaces, folder};
use crate::kernel::process::Ended;
use crate::stages::network::{Mode, Wish};
use crate::state::{RecordError, Roots, read_record};
use oci_spec::runtime::Spec;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Name of the record in the container's folder.
pub(super) const FILE: &str = "container.json";

/// A container, as its record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of docker's, remembered
pub struct Container {
    /// Version of this shape.
    pub schema: u32,
    /// 64 hex digits.
    pub id: String,
    /// For people.
    pub name: String,
    /// The image as a person writes it.
    pub image: String,
    /// The image by the digest of its configuration.
    pub image_id: String,
    /// What PID 1 will be.
    pub command: Vec<String>,
    /// Who that is, how it is ended, its limits.
    #[serde(default)]
    pub program: Program,
    /// What people and programs have noted of it.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Its host name.
    pub hostname: String,
    /// `-t`: it gets a terminal.
    pub terminal: bool,
    /// `-i`: its standard input stays open.
    pub interactive: bool,
    /// `--rm`: it goes when it ends.
    pub remove: bool,
    /// How it is connected.
    pub network: Mode,
    /// Which namespaces it shares with others.
    #[serde(default)]
    pub spaces: Spaces,
    /// What else it wants of the network.
    #[serde(default)]
    pub wish: Wish,
    /// What is mounted beside the image, in this order.
    #[serde(default)]
    pub mounts: Vec<MountPoint>,
    /// What it may use.
    #[serde(default)]
    pub limits: Limits,
    /// All of that in the words of who made it.
    #[serde(default)]
    pub asked: Asked,
    /// When it was made, seconds since 1970.
    pub created: u64,
    /// The same in nanoseconds, for the order of those made within one second.
    pub created_nanos: u64,
    /// How far it has come.
    pub status: Status,
    /// Whether `layer mount` has mounted its union at `rootfs` for others to use.
    pub layer_mounted: bool,
}

/// How far a container has come. Whether one runs is a question to the kernel, not to this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum Status {
    /// Never started.
    Created,
    /// Ended.
    Exited {
        /// How.
        how: Ended,
        /// When it was started.
        started: u64,
        /// When it ended.
        at: u64,
        /// Whether the kernel has killed one of its processes for want of memory.
        #[serde(default)]
        oom_killed: bool,
    },
}

/// The container of exactly this ID, as its record is now.
///
/// # Errors
/// [`CreateError::NoSuchContainer`], [`CreateError::Record`].
pub fn load(roots: &Roots, id: &str) -> Result<Container, CreateError> {
    read(roots, id, FILE)
}

/// The OCI configuration of a container, without what only other runtimes are told.
///
/// # Errors
/// [`CreateError::NoSuchContainer`], [`CreateError::Record`].
pub fn spec(roots: &Roots, id: &str) -> Result<Spec, CreateError> {
    let mut spec = read(roots, id, "config.json")?;
    without_init(&mut spec);
    Ok(spec)
}

/// Another command may remove a container while this one reads: its folder goes at once, under another name.
fn read<T: DeserializeOwned>(roots: &Roots, id: &str, file: &str) -> Result<T, CreateError> {
    let folder = folder(roots, id);
    read_record(&folder.join(file)).map_err(|error| {
        let is_gone = error.is_missing() && !folder.exists();
        if is_gone { CreateError::NoSuchContainer(id.to_owned()) } else { error.into() }
    })
}

/// The records in the folder of containers, in no order.
pub(super) fn list(roots: &Roots) -> Result<Vec<Container>, CreateError> {
    let path = roots.containers();
    let failed = |source| RecordError::Read { path: path.clone(), source };
    let folder = match std::fs::read_dir(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        // Not to be read is not the same as empty: a name would be given twice.
        read => read.map_err(failed)?,
    };
    let mut all = Vec::new();
    for entry in folder {
        let entry = entry.map_err(failed)?;
        // `.new-…` is one that is being made, `.old-…` one that is being removed.
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        match read_record(&entry.path().join(FILE)) {
            Ok(container) => all.push(container),
            Err(error) if error.is_missing() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(all)
}
