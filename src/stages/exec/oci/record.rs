//! What is known of a container between two commands: `ROOT/ID/`, a folder of its own.
//!
//! ```text
//! state.json    where its bundle is, who its PID 1 is, which cgroups it has
//! config.json   as it was when it was made: what changes in the bundle later does not count (runtime-spec, "Lifecycle")
//! journal/      what must be undone, announced before it is made
//! start.fifo    its PID 1 reads here until it is started
//! answer.fifo   and says here why it could not start
//! lock
//! ```

use super::super::running::Running;
use super::OciError;
use crate::kernel::cgroup::Version;
use crate::kernel::fifo;
use crate::state::{Journal, Lock, ProcessIdentity, read_record, write_record};
use oci_spec::runtime::{ContainerState, Spec, State};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// How far a container has come (runtime-spec, runtime.md, "State").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// `create` is at work.
    Creating,
    /// Its PID 1 waits for the start.
    Created,
    /// Its program runs.
    Running,
    /// It is held.
    Paused,
    /// Its PID 1 has ended.
    Stopped,
}

impl Status {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }
}

/// What `state` and `list` print: the members of the specification, and runc's.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// Of the specification.
    pub oci_version: String,
    /// Its name.
    pub id: String,
    /// PID 1, by its number here; 0 once it has ended.
    pub pid: i32,
    /// How far it has come.
    pub status: Status,
    /// Its bundle.
    pub bundle: PathBuf,
    /// Its root.
    pub rootfs: PathBuf,
    /// When it was made, RFC 3339.
    pub created: String,
    /// Who made it: nobody's name is looked up.
    pub owner: String,
    /// Of config.json.
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    pub annotations: HashMap<String, String>,
}

/// `state.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) schema: u32,
    pub(super) id: String,
    pub(super) bundle: PathBuf,
    pub(super) rootfs: PathBuf,
    pub(super) created: String,
    pub(super) annotations: HashMap<String, String>,
    /// The `create` that makes it.
    pub(super) creator: ProcessIdentity,
    /// It has said that all is made.
    pub(super) complete: bool,
    /// PID 1.
    pub(super) init: Option<ProcessIdentity>,
    pub(super) cgroups: Vec<(Version, PathBuf)>,
    /// Folders above them that were not there before.
    pub(super) above: Vec<PathBuf>,
}

impl Record {
    pub(super) fn alive(&self) -> Option<ProcessIdentity> {
        self.init.filter(|init| init.is_alive())
    }

    /// For those who ask the same of a container of ours.
    pub(super) fn as_running(&self) -> Option<Running> {
        let init = self.alive()?;
        Some(Running { schema: 1, init, supervisor: init, client: None, started: 0, cgroups: self.cgroups.clone() })
    }

    /// For a hook.
    pub(super) fn told(&self) -> State {
        let mut state = State::default();
        state.set_version(super::VERSION.to_owned()).set_id(self.id.clone()).set_bundle(self.bundle.clone());
        state.set_status(ContainerState::Creating);
        state.set_annotations(Some(self.annotations.clone()));
        state
    }
}

/// The folder of one container.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) id: String,
}

impl Folder {
    /// Where it is, or would be.
    pub(super) fn of(root: &Path, id: &str) -> Result<Self, OciError> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte);
        if id.is_empty() || id.len() > 1024 || id.starts_with('.') || !id.bytes().all(good) {
            return Err(OciError::Id(id.to_owned()));
        }
        Ok(Self { path: root.join(id), id: id.to_owned() })
    }

    /// Makes it: whoever makes it first has the ID.
    pub(super) fn make(&self) -> Result<(), OciError> {
        if let Some(root) = self.path.parent() {
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(root);
            made.map_err(OciError::file("make", root))?;
        }
        match std::fs::DirBuilder::new().mode(0o711).create(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(OciError::Exists(self.id.clone())),
            made => made.map_err(OciError::file("make", &self.path)),
        }
    }

    /// One command at a time changes it.
    pub(super) fn lock(&self) -> Result<Lock, OciError> {
        if !self.path.is_dir() {
            return Err(OciError::NoSuch(self.id.clone()));
        }
        Lock::wait(&self.file("lock")).map_err(OciError::file("lock", &self.path))
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn journal(&self) -> Journal {
        Journal::at(self.file("journal"))
    }

    pub(super) fn read(&self) -> Result<Record, OciError> {
        match read_record(&self.file("state.json")) {
            Err(error) if error.is_missing() => Err(OciError::NoSuch(self.id.clone())),
            read => Ok(read?),
        }
    }

    pub(super) fn write(&self, record: &Record) -> Result<(), OciError> {
        Ok(write_record(&self.file("state.json"), record, false)?)
    }

    pub(super) fn spec(&self) -> Result<Spec, OciError> {
        Ok(read_record(&self.file("config.json"))?)
    }

    /// How far it has come, by the kernel's own word.
    pub(super) fn status(&self, record: &Record) -> Status {
        let Some(running) = record.as_running() else {
            return if !record.complete && record.creator.is_alive() { Status::Creating } else { Status::Stopped };
        };
        if !record.complete {
            return Status::Creating;
        }
        if super::super::is_paused(&running) {
            return Status::Paused;
        }
        // It closes on exec: nobody reads there any more once the program runs.
        match fifo::open_if_read(&self.file("start.fifo")) {
            Ok(Some(_)) => Status::Created,
            _ => Status::Running,
        }
    }

    pub(super) fn view(&self) -> Result<View, OciError> {
        let record = self.read()?;
        let status = self.status(&record);
        Ok(View {
            oci_version: super::VERSION.to_owned(),
            id: record.id.clone(),
            pid: record.alive().map_or(0, |init| init.pid),
            status,
            bundle: record.bundle,
            rootfs: record.rootfs,
            created: record.created,
            owner: String::new(),
            annotations: record.annotations,
        })
    }
}

/// What `state` prints.
///
/// # Errors
/// [`OciError::NoSuch`], [`OciError::Record`].
pub fn view(root: &Path, id: &str) -> Result<View, OciError> {
    Folder::of(root, id)?.view()
}

/// All that there are, by name. One that goes away meanwhile is left out.
///
/// # Errors
/// [`OciError::File`], [`OciError::Record`].
pub fn list(root: &Path) -> Result<Vec<View>, OciError> {
    let failed = |error| OciError::file("list", root)(error);
    let folder = match std::fs::read_dir(root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(failed)?,
    };
    let mut all = Vec::new();
    for entry in folder {
        let name = entry.map_err(failed)?.file_name();
        let Ok(folder) = Folder::of(root, &name.to_string_lossy()) else { continue };
        match folder.view() {
            Ok(view) => all.push(view),
            Err(OciError::NoSuch(_)) => {}
            Err(error) => return Err(error),
        }
    }
    all.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(all)
}
