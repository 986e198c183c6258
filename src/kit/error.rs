//! Why there is no kit.

use crate::book::CarriedError;
use crate::error::Explain;
use crate::guest::{GuestError, KernelError};
use crate::image::ImageError;
use std::io;
use std::path::{Path, PathBuf};

/// Why there is no kit; what was made of it is gone again.
#[derive(Debug, thiserror::Error)]
pub enum KitError {
    /// Its place has something.
    #[error("{} is there already", .0.display())]
    Taken(PathBuf),
    /// What goes into it cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its folder cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which part.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A `--binary` that is none.
    #[error("{} is no program for Linux on x86_64, aarch64 or riscv64", .0.display())]
    NotAProgram(PathBuf),
    /// Two `--binary` for one kind of machine.
    #[error("{} and {} are both for {architecture}", first.display(), second.display())]
    TwoPrograms {
        /// One.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// For what.
        architecture: &'static str,
    },
    /// A `--box` whose provider nobody can tell.
    #[error("{} is named after no provider: the Vagrantfile looks for virtualbox or libvirt in the name of a .box", .0.display())]
    Box(PathBuf),
    /// The book.
    #[error(transparent)]
    Book(#[from] CarriedError),
    /// A `--kernel` that is none.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// Its modules.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// An image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Packages are got by a program that is not here.
    #[error("cannot get packages: no {0} on this machine")]
    NoTool(&'static str),
    /// apt-get has failed.
    #[error("cannot get packages: {said}")]
    Apt {
        /// Its first complaint.
        said: String,
    },
}

impl KitError {
    pub(super) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::Read { path, source }
    }

    pub(super) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::Write { path, source }
    }
}

impl Explain for KitError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Taken(_) => Some("name a folder that is new".into()),
            Self::NoTool(_) => Some("Debian and Ubuntu have it; without --packages the kit has none".into()),
            Self::Apt { .. } => {
                Some("`apt-get update` first, and with a network; without --packages the kit has none".into())
            }
            Self::Book(error) => error.hint(),
            Self::Kernel(error) => Some(error.fix().into()),
            Self::Guest(error) => error.hint(),
            Self::Image(error) => error.hint(),
            _ => None,
        }
    }
}
