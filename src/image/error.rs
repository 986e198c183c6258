//! What can be wrong with an image or with the store.

use super::limits::Exceeded;
use super::reference::InvalidName;
use super::unpack::UnpackError;
use crate::error::Explain;
use crate::exit::Exit;
use std::io;
use std::path::PathBuf;

/// Why an image cannot be found, kept, read or removed.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The reference is not one.
    #[error(transparent)]
    Reference(#[from] InvalidName),
    /// It is not in the store.
    #[error("no such image: {name}")]
    NotFound {
        /// What was asked for.
        name: String,
    },
    /// It is not in the store, so it cannot be removed or saved.
    #[error("no such image: {name}")]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// By its ID it would lose all its names.
    #[error("unable to delete {id} (must be forced): image has several names")]
    Names {
        /// As it was typed.
        id: String,
        /// Them.
        names: Vec<String>,
    },
    /// The beginning of an ID fits several.
    #[error("{prefix:?} is the beginning of several image IDs")]
    Ambiguous {
        /// The beginning.
        prefix: String,
    },
    /// Its layers are not unpacked here.
    #[error("image {name} is in the store, but layer {chain_id} is not unpacked")]
    NotUnpacked {
        /// The image.
        name: String,
        /// The layer.
        chain_id: String,
    },
    /// A file of the store cannot be read or written.
    #[error("{doing} {}", path.display())]
    Store {
        /// What was being done: `cannot read`, …
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A document is not what it should be.
    #[error("{what} is damaged or not what it says")]
    Document {
        /// Which: `manifest sha256:…`.
        what: String,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A document says something that cannot be.
    #[error("{what}: {why}")]
    Inconsistent {
        /// Which document or file.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// A blob is not the one that was asked for.
    #[error("{what} has the digest {actual}, not {expected}")]
    Digest {
        /// Which blob.
        what: String,
        /// What it should be.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// A blob is longer or shorter than was said.
    #[error("{what} has {actual} bytes, not {expected}")]
    Size {
        /// Which blob.
        what: String,
        /// What was said.
        expected: u64,
        /// What came.
        actual: u64,
    },
    /// Too much of something.
    #[error(transparent)]
    Limit(#[from] Exceeded),
    /// A layer cannot be unpacked.
    #[error("cannot unpack layer {layer}")]
    Unpack {
        /// Its diff ID.
        layer: String,
        /// Why.
        source: UnpackError,
    },
    /// A container stands on it.
    #[error("image {name} is used by container {container}")]
    InUse {
        /// The image.
        name: String,
        /// The first such container.
        container: String,
    },
    /// It is not clear which image of an archive is meant, or that one is not in it.
    #[error("{} holds {} {}", path.display(), wanted.as_ref().map_or("several images:".into(),
        |wanted| format!("no image {wanted:?}, or several, of")), there.join(", "))]
    Choose {
        /// The archive.
        path: PathBuf,
        /// Which was asked for.
        wanted: Option<String>,
        /// Which there are.
        there: Vec<String>,
    },
    /// An archive that holds no image as we know them.
    #[error("{} holds no image: {why}", path.display())]
    NotAnArchive {
        /// The archive.
        path: PathBuf,
        /// What is missing.
        why: String,
    },
}

impl ImageError {
    /// For `map_err` on a file operation.
    pub(crate) fn store(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Store { doing, path, source }
    }
}

impl Explain for ImageError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { name } => Some(format!(
                "fetch it with `explore pull {name}`; without a network there is `explore pull demo`, or an archive from \
                 elsewhere: `explore load FILE`"
            )),
            Self::Unknown { .. } => Some("`explore images` lists what is here".into()),
            Self::Ambiguous { .. } => Some("give more digits; `explore images --no-trunc` shows them all".into()),
            Self::NotUnpacked { name, .. } => Some(format!("`explore pull {name}` unpacks it")),
            Self::Store { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("the disk is full; what was begun will be removed by the next pull or by `explore clean`".into())
            }
            Self::Digest { .. } | Self::Size { .. } => Some("nothing of it was kept".into()),
            Self::InUse { container, .. } => Some(format!("remove the container first: `explore rm {container}`")),
            Self::Names { names, .. } => {
                Some(format!("say which of {}, or take them all away with -f", names.join(", ")))
            }
            Self::Choose { path, there, .. } => {
                let first = there.first().map_or("NAME", String::as_str);
                Some(format!("its name or its tag stands after the path: {}:{first}", path.display()))
            }
            Self::Unpack { source: UnpackError::Entry { source, .. } | UnpackError::Target(source), .. } => {
                crate::kernel::hint(source)
            }
            Self::NotAnArchive { .. } => {
                Some("`explore load` takes what `docker save` writes, an OCI archive, or an OCI layout folder".into())
            }
            _ => None,
        }
    }

    fn exit(&self) -> Exit {
        Exit::Failed
    }
}
