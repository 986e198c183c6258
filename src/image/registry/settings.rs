//! Where to ask for images: mirrors of Docker Hub, and registries without a certificate that anybody vouches for.
//!
//! ```json
//! { "registry-mirrors": ["http://10.0.0.1:5000"], "insecure-registries": ["10.0.0.1:5000", "192.168.0.0/16"] }
//! ```
//! The keys are those of Docker's daemon.json, and mean the same; the file is `registries.json` in the data folder. A class
//! behind one address soon meets Docker Hub's limit: one mirror on its network (`registry:2` with `proxy.remoteurl`) fetches
//! each layer once for all.

use crate::state::{RecordError, read_record};
use serde::Deserialize;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Name of the file.
pub const FILE: &str = "registries.json";

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Settings {
    registry_mirrors: Vec<String>,
    insecure_registries: Vec<String>,
    #[serde(skip)]
    path: PathBuf,
}

/// Why it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It cannot be read, or is not what it should be.
    #[error(transparent)]
    File(#[from] RecordError),
    /// A mirror that is no address.
    #[error("{mirror:?} in {} is no mirror", path.display())]
    Mirror {
        /// The file.
        path: PathBuf,
        /// What stands there.
        mirror: String,
    },
}

impl Settings {
    /// Reads the file in this folder; without one nothing is set.
    ///
    /// # Errors
    /// [`SettingsError::File`].
    pub fn read(folder: &Path) -> Result<Self, SettingsError> {
        let path = folder.join(FILE);
        match read_record::<Self>(&path) {
            Ok(settings) => Ok(Self { path, ..settings }),
            Err(error) if error.is_missing() => Ok(Self { path, ..Self::default() }),
            Err(error) => Err(error.into()),
        }
    }

    /// The mirrors: host with port, and the whole address without a slash at its end.
    pub(super) fn mirrors(&self) -> Result<Vec<(String, String)>, SettingsError> {
        let mirror = |text: &String| {
            let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
            let host =
                rest.and_then(|rest| rest.split('/').next()).filter(|host| !host.is_empty() && !host.contains('@'));
            let wrong = || SettingsError::Mirror { path: self.path.clone(), mirror: text.clone() };
            Ok((host.ok_or_else(wrong)?.to_owned(), text.trim_end_matches('/').to_owned()))
        };
        self.registry_mirrors.iter().map(mirror).collect()
    }

    /// Whether this host (with port) is one of them, by its name or by a network that its address is in.
    pub(super) fn is_insecure(&self, registry: &str) -> bool {
        let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        self.insecure_registries.iter().any(|one| {
            one == registry || one == host || address.is_some_and(|address| is_in(address, one).unwrap_or(false))
        })
    }
}

/// Whether an address lies in `network/length`.
fn is_in(address: IpAddr, network: &str) -> Option<bool> {
    let (network, length) = network.split_once('/')?;
    let length: u32 = length.parse().ok()?;
    let bits = |address: IpAddr| -> (u128, u32) {
        match address {
            IpAddr::V4(four) => (u128::from(four.to_bits()), 32),
            IpAddr::V6(six) => (six.to_bits(), 128),
        }
    };
    let ((a, width), (b, other)) = (bits(address), bits(network.parse().ok()?));
    let shift = width.checked_sub(length).filter(|_| width == other)?;
    Some(a.checked_shr(shift).unwrap_or(0) == b.checked_shr(shift).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Settings {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn insecure_is_what_the_file_names_and_nothing_else() {
        let settings = of(r#"{ "insecure-registries": ["10.1.0.0/16", "lab.example:5000", "fd00::/8", "x/33"] }"#);
        for named in ["10.1.2.3", "10.1.2.3:5000", "lab.example:5000", "[fd00::1]:80"] {
            assert!(settings.is_insecure(named), "{named}");
        }
        for other in ["10.2.0.1", "lab.example", "docker.io", "[fe80::1]:80", "10.1.example:80"] {
            assert!(!settings.is_insecure(other), "{other}");
        }
    }

    #[test]
    fn a_mirror_is_an_address_and_a_wrong_key_is_not_passed_over() {
        let mirrors = of(r#"{ "registry-mirrors": ["http://10.0.0.1:5000/"] }"#).mirrors().unwrap();
        assert_eq!(mirrors, [("10.0.0.1:5000".to_owned(), "http://10.0.0.1:5000".to_owned())]);
        for bad in ["10.0.0.1:5000", "https://", "http://me:secret@host"] {
            assert!(of(&format!(r#"{{ "registry-mirrors": ["{bad}"] }}"#)).mirrors().is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<Settings>(r#"{ "registry-mirror": [] }"#).is_err());
    }
}
