//! What is mounted beside the image: folders of this machine, volumes, and memory. As it is asked for here; how it
//! is granted in [`mod@resolve`].

mod bind;
mod csv;
mod error;
mod resolve;
mod short;
mod tmpfs;

pub use csv::parse_mount;
pub use error::MountError;
pub use short::{From, parse_from, parse_volume};
pub use tmpfs::parse_tmpfs;

pub(super) use resolve::resolve;

use serde::{Deserialize, Serialize};
use std::path::{Component, Path, PathBuf};

/// All that was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `-v`, `--mount`, `--tmpfs`.
    pub mounts: Vec<MountPoint>,
    /// `--volumes-from`.
    pub from: Vec<From>,
    /// `--shm-size`: bytes; docker's 64 MiB without.
    pub shm_size: Option<i64>,
    /// `--read-only`.
    pub read_only: bool,
    /// All of it in the words that were typed.
    pub typed: super::Files,
}

/// One thing beside the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountPoint {
    /// Where inside: absolute, without `.`, `..` and `//`.
    pub target: PathBuf,
    /// Not to be written.
    pub read_only: bool,
    /// What it is.
    #[serde(flatten)]
    pub what: What,
}

/// The three kinds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum What {
    /// A file or folder of this machine.
    Bind {
        /// Which.
        source: PathBuf,
        /// With what is mounted below it.
        recursive: bool,
        /// What passes between the two views of it.
        propagation: Propagation,
        /// A missing folder is made when the container starts: so with `-v`, not with `--mount`.
        make: bool,
    },
    /// A folder that explore keeps.
    Volume {
        /// Its name; empty for one that is still to be drawn.
        name: String,
        /// Nobody has named it: `rm -v` and `run --rm` take it along.
        anonymous: bool,
        /// An empty one is filled with what the image has at its place.
        copy: bool,
        /// Given to a volume that is made for this.
        #[serde(default, skip_serializing)]
        labels: Vec<(String, String)>,
    },
    /// Memory that goes with the container.
    Tmpfs {
        /// Its options, as mount(8) has them.
        options: Vec<String>,
    },
}

/// What passes between a mount here and its copy inside: mount_namespaces(7). In each, the `r` says: below it too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the words of mount(8)
pub enum Propagation {
    Private,
    #[default]
    Rprivate,
    Slave,
    Rslave,
    Shared,
    Rshared,
}

impl Propagation {
    const ALL: [(&'static str, Self); 6] = [
        ("private", Self::Private),
        ("rprivate", Self::Rprivate),
        ("slave", Self::Slave),
        ("rslave", Self::Rslave),
        ("shared", Self::Shared),
        ("rshared", Self::Rshared),
    ];

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| *name == word).map(|(_, one)| *one)
    }

    /// As mount(8) and config.json have it.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, one)| *one == self).map_or("rprivate", |(word, _)| word)
    }
}

impl What {
    /// As `--mount type=` has it.
    fn kind(&self) -> &'static str {
        match self {
            Self::Bind { .. } => "bind",
            Self::Volume { .. } => "volume",
            Self::Tmpfs { .. } => "tmpfs",
        }
    }
}

impl MountPoint {
    /// The volume that it shows, if it is one.
    pub fn volume(&self) -> Option<&str> {
        match &self.what {
            What::Volume { name, .. } => Some(name),
            _ => None,
        }
    }

    /// How many names its path has: what is mounted deeper is mounted later, or it would be covered.
    pub fn depth(&self) -> usize {
        self.target.components().count()
    }
}

/// A path without `.`, `..` and `//`: by its letters, as Go's `path.Clean`, for nobody has looked at the links yet.
fn clean(path: &str) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir if cleaned == Path::new("/") => {}
            Component::ParentDir => drop(cleaned.pop()),
            Component::CurDir => {}
            other => cleaned.push(other),
        }
    }
    cleaned
}

/// A target as docker takes it.
fn target(given: &str) -> Result<PathBuf, String> {
    let cleaned = clean(given);
    if given.is_empty() {
        return Err("field Target must not be empty".into());
    }
    if cleaned == Path::new("/") {
        return Err("invalid specification: destination can't be '/'".into());
    }
    absolute(given)?;
    Ok(cleaned)
}

fn absolute(given: &str) -> Result<(), String> {
    if given.starts_with('/') {
        Ok(())
    } else {
        Err(format!("invalid mount path: '{given}' mount path must be absolute"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_cleaned_by_its_letters() {
        for (given, cleaned) in [("/a//b/./c/", "/a/b/c"), ("/a/../b", "/b"), ("/../../b", "/b")] {
            assert_eq!(target(given).unwrap(), Path::new(cleaned), "{given}");
        }
        for bad in ["", "/", "//", "/a/..", "a", "./a"] {
            assert!(target(bad).is_err(), "{bad:?}");
        }
    }
}
