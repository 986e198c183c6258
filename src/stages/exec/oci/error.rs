//! Why a runtime command fails. Where containerd and podman look for words, these are runc's.

use super::super::{StartError, StartFailure};
use crate::error::Explain;
use crate::exit::Exit;
use crate::kernel;
use crate::stages::exit::{ExitError, UndoError};
use crate::stages::failure::Failure;
use crate::state::RecordError;
use nix::errno::Errno;
use std::path::PathBuf;

/// Why not.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// No such container. containerd and podman look for "does not exist".
    #[error("container {0} does not exist")]
    NoSuch(String),
    /// The ID is taken.
    #[error("container with given ID already exists: {0}")]
    Exists(String),
    /// Not an ID: it becomes the name of a folder.
    #[error("invalid container ID {0:?}: it has letters, digits and _+-., and does not begin with a dot")]
    Id(String),
    /// It has no PID 1 any more. containerd looks for these words.
    #[error("container not running")]
    NotRunning,
    /// It is not in a state for this.
    #[error("cannot {verb} container {id}: it is {status}")]
    Status {
        /// What was to be done.
        verb: &'static str,
        /// Which.
        id: String,
        /// How far it has come.
        status: &'static str,
    },
    /// Something in config.json that we do not have, or that makes no sense.
    #[error("{file}: {path}: {why}")]
    Refused {
        /// `config.json`, or what else was read.
        file: &'static str,
        /// Where in it.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The terminal of a container goes somewhere.
    #[error("process.terminal is {terminal}, and {given}")]
    Console {
        /// What the configuration says.
        terminal: bool,
        /// What the command line says.
        given: &'static str,
    },
    /// A descriptor that is to be passed on is not there.
    #[error("--preserve-fds {count}: descriptor {missing} is not open")]
    Preserve {
        /// How many were promised.
        count: u32,
        /// The first that is missing.
        missing: u32,
    },
    /// Nobody else may make namespaces; a user namespace first is not ours to make here.
    #[error("only root of a user namespace can make a container from a bundle")]
    NotRoot,
    /// A flag that we do not have.
    #[error("{flag}: {why}")]
    Flag {
        /// Which.
        flag: &'static str,
        /// Why not.
        why: &'static str,
    },
    /// A file.
    #[error("cannot {verb} {}", path.display())]
    File {
        /// To follow "cannot".
        verb: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// It could not become its program. Docker's client makes 127 and 126 of these words, which are Go's.
    #[error("exec: {program:?}: {why}")]
    Program {
        /// As it was asked for.
        program: String,
        /// Why not.
        why: &'static str,
        /// The call.
        source: kernel::Error,
        /// What helps.
        hint: Option<String>,
    },
    /// A step of making or starting it.
    #[error(transparent)]
    Start(#[from] StartError),
    /// What could not be taken back.
    #[error(transparent)]
    Undo(#[from] UndoError),
    /// Not a signal.
    #[error(transparent)]
    Signal(#[from] ExitError),
}

impl OciError {
    /// Why a program could not be started.
    pub fn source_errno(&self) -> Option<Errno> {
        if let Self::Program { source, .. } = self { Some(source.errno()) } else { None }
    }

    pub(super) fn file(verb: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { verb, path, source }
    }

    pub(super) fn call(step: &str) -> impl FnOnce(kernel::Error) -> Self {
        let at = Failure::at(step);
        move |error| at(error).into()
    }
}

impl From<StartFailure> for OciError {
    fn from(failure: StartFailure) -> Self {
        match failure {
            StartFailure::Call(Failure { program: Some(program), step, error }) => {
                let why = match error.errno() {
                    Errno::ENOENT if program.contains('/') => "no such file or directory",
                    Errno::ENOENT => "executable file not found in $PATH",
                    Errno::EACCES => "permission denied",
                    Errno::ENOTDIR => "not a directory",
                    Errno::ENOEXEC => "exec format error",
                    _ => "it cannot be started",
                };
                let hint = Failure { program: Some(program.clone()), step, error: error.clone() }.hint();
                Self::Program { program, why, source: error, hint }
            }
            other => Self::Start(other.into()),
        }
    }
}

impl From<Failure> for OciError {
    fn from(failure: Failure) -> Self {
        StartFailure::from(failure).into()
    }
}

impl Explain for OciError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Exists(id) => Some(format!("`explore oci delete {id}` removes it once it has stopped")),
            Self::Status { verb: "delete", id, .. } => Some(format!("`explore oci delete --force {id}` ends it first")),
            Self::NotRoot => Some(
                "as root; or as root of a user namespace, which podman makes, and `unshare --map-root-user` by hand"
                    .into(),
            ),
            Self::Refused { .. } => Some("runc and crun read the same file".into()),
            Self::Console { terminal: true, .. } => {
                Some("--console-socket names the socket that gets its master".into())
            }
            Self::Record(error) => error.hint(),
            Self::Program { hint, .. } => hint.clone(),
            Self::Start(error) => error.hint(),
            Self::Signal(error) => error.hint(),
            _ => None,
        }
    }

    /// runc's: 1, whatever it was.
    fn exit(&self) -> Exit {
        Exit::Failed
    }
}
