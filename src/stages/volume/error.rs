//! What can be wrong with a volume, in docker's words.

use crate::error::Explain;
use crate::exit::Exit;
use crate::kernel;
use crate::stages::create::CreateError;
use crate::state::RecordError;
use std::io;
use std::path::PathBuf;

/// Why something cannot be done with a volume.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// Not a name.
    #[error(
        "{0:?} includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed"
    )]
    Name(String),
    /// One letter.
    #[error("the volume name {0:?} is too short, names should be at least two alphanumeric characters")]
    Short(String),
    /// There is none.
    #[error("get {0}: no such volume")]
    NoSuch(String),
    /// A container has it.
    #[error("remove {name}: volume is in use - [{}]", users.join(", "))]
    InUse {
        /// The volume.
        name: String,
        /// IDs of containers.
        users: Vec<String>,
    },
    /// Something else is mounted in it.
    #[error("remove {name}: something is mounted at {}", below.display())]
    Mounted {
        /// The volume.
        name: String,
        /// Where.
        below: PathBuf,
    },
    /// No randomness for a name.
    #[error("cannot draw a random name")]
    Random(#[source] io::Error),
    /// What the image has there could not be copied.
    #[error("cannot copy what the image has at {} into volume {name}", inside.display())]
    Fill {
        /// The volume.
        name: String,
        /// The path inside.
        inside: PathBuf,
        /// The call.
        source: kernel::Error,
    },
    /// Its folder.
    #[error("cannot use {}", path.display())]
    Store {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The containers.
    #[error(transparent)]
    Container(Box<CreateError>),
    /// Its record.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Explain for VolumeError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Name(_) => "for a folder of this machine write its whole path: /here, or ./here".into(),
            Self::NoSuch(_) => "`explore volume ls` lists them all".into(),
            Self::InUse { users, .. } => {
                let first = users.first().map_or("", |id| id.get(..12).unwrap_or(id));
                format!("remove the container first: `explore rm {first}`; `explore ps -a` lists them all")
            }
            Self::Mounted { below, .. } => format!("take it away first: `umount {}`", below.display()),
            Self::Fill { source, .. } => return kernel::hint(source),
            Self::Record(error) => return error.hint(),
            Self::Container(error) => return error.hint(),
            Self::Short(_) | Self::Random(_) | Self::Store { .. } => return None,
        })
    }

    fn exit(&self) -> Exit {
        Exit::Failed
    }
}
