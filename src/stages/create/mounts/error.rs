//! What can be wrong with a wish for a mount, in docker's words.

use crate::error::Explain;
use crate::exit::Exit;
use crate::stages::volume::VolumeError;
use std::path::PathBuf;

/// Why something cannot be mounted beside the image.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// A flag that docker's own client refuses.
    #[error("invalid argument {given:?} for {flag:?} flag: {why}")]
    Flag {
        /// `--mount`.
        flag: &'static str,
        /// What was typed.
        given: String,
        /// What is wrong with it.
        why: String,
    },
    /// `-v` with too many parts or none.
    #[error("invalid spec: {given:?}: {why}")]
    Spec {
        /// What was typed.
        given: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// `-v` that makes no sense.
    #[error("invalid volume specification: '{given}'{}{why}", if why.is_empty() { "" } else { ": " })]
    Volume {
        /// What was typed.
        given: String,
        /// What is wrong with it; empty where nothing more can be said.
        why: String,
    },
    /// The third part of `-v`, or the second of `--volumes-from`.
    #[error("invalid mode: {0}")]
    Mode(String),
    /// `--mount` that makes no sense.
    #[error("invalid mount config for type \"{kind}\": {why}")]
    Config {
        /// `bind`, `volume`, `tmpfs`, or what was typed.
        kind: String,
        /// What is wrong with it.
        why: String,
    },
    /// `--tmpfs` nowhere.
    #[error("{0}")]
    Target(String),
    /// An option of `--tmpfs`.
    #[error("invalid tmpfs option [\"{0}\"]")]
    Tmpfs(String),
    /// `--volumes-from` of nobody.
    #[error("volumes-from specification cannot be an empty string")]
    FromNobody,
    /// Two at one place.
    #[error("duplicate mount point: {}", .0.display())]
    Duplicate(PathBuf),
    /// The image has a file there.
    #[error("cannot mount volume over existing file, file exists {}", .0.display())]
    OverFile(PathBuf),
    /// What is mounted inside could not pass to the host.
    #[error("path {} is mounted on {} but it is not a {wanted} mount", path.display(), mount.display())]
    NotShared {
        /// What was to be shown inside.
        path: PathBuf,
        /// What it lies on.
        mount: PathBuf,
        /// `shared`, or `shared or slave`.
        wanted: &'static str,
    },
    /// A volume.
    #[error(transparent)]
    Store(#[from] VolumeError),
}

impl Explain for MountError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Volume { .. } | Self::Spec { .. } => {
                "a volume is NAME:/inside, /on/this/machine:/inside, either with :ro, or /inside alone".into()
            }
            Self::Mode(_) => "ro or rw, nocopy for a volume, rslave or rshared for a folder; a comma between".into(),
            Self::Flag { flag: "--mount", .. } | Self::Config { .. } => {
                "`--mount type=bind,src=/here,dst=/inside,readonly`; type is bind, volume or tmpfs".into()
            }
            Self::Tmpfs(_) | Self::Target(_) => "`--tmpfs /inside:size=64m,mode=1777,noexec`".into(),
            Self::NotShared { mount, .. } => format!(
                "`mount --make-shared {}` lets mounts pass; most machines have it so from the start",
                mount.display()
            ),
            Self::Store(error) => return error.hint(),
            _ => return None,
        })
    }

    /// What docker's client refuses is 125 also with `create`; what its daemon refuses is 1 there.
    fn exit(&self) -> Exit {
        match self {
            Self::Flag { .. } | Self::Spec { .. } => Exit::Engine,
            _ => Exit::Failed,
        }
    }
}
