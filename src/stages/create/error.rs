//! What can be wrong with a wish for a container.

use super::{LimitError, MountError, PrivilegeError, SpaceError, UlimitError};
use crate::error::Explain;
use crate::exit::Exit;
use crate::image::ImageError;
use crate::stages::network::NetworkError;
use crate::stages::user::UserError;
use crate::state::RecordError;
use std::io;
use std::path::PathBuf;

/// Why a container cannot be made or found.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Not a name.
    #[error(
        "{0:?} is no name for a container: two or more of letters, digits, '_', '.' and '-', a letter or digit first"
    )]
    Name(String),
    /// The name belongs to another.
    #[error("the container name {name:?} is already in use by container {id}")]
    NameTaken {
        /// The name.
        name: String,
        /// Whose it is.
        id: String,
    },
    /// It has that name.
    #[error("renaming a container with the same name as its current name")]
    SameName,
    /// Not a host name.
    #[error("{0:?} is no host name: it has more than 64 bytes")]
    Hostname(String),
    /// A working folder that starts nowhere.
    #[error("the working directory {0:?} is not absolute")]
    RelativeWorkdir(String),
    /// Not a limit.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// What is to be mounted beside the image.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// Not a setting of a namespace.
    #[error("--sysctl {given:?} cannot be set: {why}")]
    Sysctl {
        /// What was typed.
        given: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Not a variable.
    #[error("{0:?} is no variable: NAME=VALUE, or NAME to pass on this shell's value")]
    Variable(String),
    /// Neither the image nor the command line says what to run.
    #[error("the image {0:?} names no command, and none was given")]
    NoCommand(String),
    /// Who its program is to be.
    #[error(transparent)]
    User(#[from] UserError),
    /// A limit of its program.
    #[error(transparent)]
    Ulimit(#[from] UlimitError),
    /// A file of variables.
    #[error("cannot read the variables in {}", path.display())]
    EnvFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of it; 0 for the whole.
    #[error("{}{} holds no variables: {why}", path.display(), if *line == 0 { String::new() } else { format!(":{line}") })]
    EnvLine {
        /// Which.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// The image's layers.
    #[error("cannot look into the image's layers")]
    Layers {
        /// Why.
        source: io::Error,
    },
    /// No randomness for an ID.
    #[error("cannot draw a random ID")]
    Random(#[source] io::Error),
    /// The folder of containers.
    #[error("cannot write the container below {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The configuration could not be put together.
    #[error("the configuration does not fit the OCI runtime specification")]
    Spec(#[source] serde_json::Error),
    /// What it is to be allowed.
    #[error(transparent)]
    Privileges(#[from] PrivilegeError),
    /// A record of one.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// What it is to share.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// Its network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The image exposes what is no port.
    #[error("the image exposes {text:?}: {why}")]
    Exposed {
        /// What stands in its configuration.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// No such container.
    #[error("no such container: {0}")]
    NoSuchContainer(String),
    /// More than one.
    #[error("more than one container has an ID that begins with {0:?}")]
    Ambiguous(String),
}

impl Explain for CreateError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Image(error) => return error.hint(),
            Self::Record(error) => return error.hint(),
            Self::Privileges(error) => return error.hint(),
            Self::Limit(error) => return error.hint(),
            Self::Mount(error) => return error.hint(),
            Self::User(error) => return error.hint(),
            Self::Ulimit(error) => return error.hint(),
            Self::EnvLine { .. } => {
                "each line is NAME=VALUE, or NAME for this shell's value; '#' begins a comment line".into()
            }
            Self::Space(error) => return error.hint(),
            Self::Network(error) => return error.hint(),
            Self::NameTaken { id, .. } => {
                format!("choose another --name, or remove that one: `explore rm {}`", id.get(..12).unwrap_or(id))
            }
            Self::NoCommand(image) => format!("add one: `explore run {image} sh`"),
            Self::NoSuchContainer(_) => "`explore ps -a` lists them all".into(),
            Self::Ambiguous(_) => "type more of the ID, or the name".into(),
            Self::Folder { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "the disk is full; nothing was left behind".into()
            }
            Self::Sysctl { .. } => {
                "a container may set net.*, fs.mqueue.* and kernel.{msg*,sem,shm*}: `--sysctl net.core.somaxconn=1024`"
                    .into()
            }
            _ => return None,
        })
    }

    fn exit(&self) -> Exit {
        match self {
            Self::NoSuchContainer(_) | Self::Ambiguous(_) | Self::SameName => Exit::Failed,
            Self::Mount(error) => error.exit(),
            _ => Exit::Engine,
        }
    }
}
