//! Why a pull failed.

use crate::error::Explain;
use crate::exit::Exit;
use crate::image::ImageError;
use crate::image::demo::DemoError;
use crate::image::limits::Exceeded;
use crate::image::reference::InvalidName;
use crate::image::registry::client::RegistryError;
use crate::kernel;
use crate::state::RecordError;

/// Why a pull failed, a variant per step.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The reference is not one.
    #[error(transparent)]
    Reference(#[from] InvalidName),
    /// The demo image cannot be assembled.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// The loopback registry cannot be started.
    #[error("cannot start the loopback registry")]
    Listen(#[source] std::io::Error),
    /// A call that starts it, or gives it a network, failed.
    #[error("cannot run the loopback registry")]
    Process(#[from] kernel::Error),
    /// It cannot be entered in the journal, so it was not started.
    #[error("cannot run the loopback registry")]
    Journal(#[from] RecordError),
    /// The registry did not give the image.
    #[error("cannot pull {name}")]
    Registry {
        /// The image.
        name: String,
        /// Why.
        source: RegistryError,
    },
    /// The image is not for this machine.
    #[error("{name} is not made for {wanted}, only for {}", offered.join(", "))]
    Platform {
        /// The image.
        name: String,
        /// What this machine is.
        wanted: String,
        /// What there is.
        offered: Vec<String>,
    },
    /// Too much of something.
    #[error(transparent)]
    Limit(#[from] Exceeded),
    /// What came is no good, or cannot be kept.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A process that pulled for us, in a network of its own, failed; these are its words.
    #[error("{message}")]
    There {
        /// The chain of errors.
        message: String,
        /// What can be done.
        hint: Option<String>,
    },
}

impl Explain for PullError {
    fn hint(&self) -> Option<String> {
        const OFFLINE: &str = "without a network: `explore pull demo`, made from this machine, or `explore load FILE`";
        match self {
            Self::Registry { source, .. } => Some(match source {
                RegistryError::NoNetwork { .. } | RegistryError::Down { .. } | RegistryError::Slow { .. } => {
                    OFFLINE.to_owned()
                }
                RegistryError::Unknown { .. } => "look at the name and the tag; `demo` is always there".to_owned(),
                RegistryError::Denied { .. } => {
                    "what `docker login` writes to ~/.docker/config.json is used here; look at the name, too".to_owned()
                }
                RegistryError::Forbidden { .. } | RegistryError::Credentials(_) => {
                    "`docker login` writes ~/.docker/config.json anew; look at the name, too".to_owned()
                }
                RegistryError::TooMany { registry, .. } if registry == "docker.io" => {
                    "it counts all who share an address: log in, or have `registries.json` in the data folder name a mirror \
                     of your network, {\"registry-mirrors\": [\"http://10.0.0.1:5000\"]}"
                        .to_owned()
                }
                RegistryError::TooMany { .. } => "wait, or use `explore pull demo`".to_owned(),
                RegistryError::Settings(_) => {
                    "it is JSON: {\"registry-mirrors\": [\"https://HOST\"], \"insecure-registries\": [\"HOST:PORT\"]}".to_owned()
                }
                RegistryError::Lies { .. } => "nothing of it was kept; somebody in between may have changed it".into(),
                _ => return None,
            }),
            Self::Image(error) => error.hint(),
            Self::Demo(error) => error.hint(),
            Self::Process(error) => error.hint(),
            Self::Journal(error) => error.hint(),
            Self::There { hint, .. } => hint.clone(),
            _ => None,
        }
    }

    fn exit(&self) -> Exit {
        Exit::Failed
    }
}
