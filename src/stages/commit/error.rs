//! Why a container cannot be committed.

use super::ChangeError;
use crate::error::Explain;
use crate::exit::Exit;
use crate::image::ImageError;
use crate::image::pack::PackError;
use crate::kernel;
use crate::stages::create::CreateError;

/// Why not, a variant per step.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The container.
    #[error(transparent)]
    Container(#[from] CreateError),
    /// The image below, or the store.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// `--change`.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// What it has written.
    #[error("cannot make a layer of what the container has written")]
    Pack(#[from] PackError),
}

impl Explain for CommitError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Container(error) => error.hint(),
            Self::Image(error) => error.hint(),
            Self::Change(error) => error.hint(),
            Self::Pack(PackError::Entry { source, .. }) => kernel::hint(source),
            Self::Pack(PackError::Content { .. }) => {
                Some("hold the container meanwhile, as `commit` does without --pause=false".into())
            }
            Self::Pack(_) => None,
        }
    }

    fn exit(&self) -> Exit {
        Exit::Failed
    }
}
