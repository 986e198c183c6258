//! The two folders: one whose content survives a boot, one whose content must not.
//!
//! | who | data (images, layers, containers) | run (journal, sockets, pins) |
//! |---|---|---|
//! | root | `/var/lib/explore` | `/run/explore` |
//! | others | `$XDG_DATA_HOME/explore` | `$XDG_RUNTIME_DIR/explore`, else `/tmp/explore-UID` |
//! | `--root DIR`, `EXPLORE_ROOT` | `DIR/data` | `DIR/run` |
//!
//! Runtime state belongs on tmpfs: what the kernel holds does not survive a boot, so neither should its record.

use crate::error::Explain;
use etcetera::BaseStrategy;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The two folders of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// Images, layers, containers, progress.
    pub data: PathBuf,
    /// Journal, sockets, pinned namespaces.
    pub run: PathBuf,
}

/// Why a state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// Neither HOME nor the XDG variables say where it should be.
    #[error("no home folder: neither HOME nor XDG_DATA_HOME is set")]
    NoHome(#[source] etcetera::HomeDirError),
    /// It cannot be made.
    #[error("cannot make the state folder {}", path.display())]
    Make {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is somebody else's.
    #[error("the state folder {} belongs to uid {owner}, not to uid {us}", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who runs this.
        us: u32,
    },
    /// It is a link or a file.
    #[error("the state folder {} is not a folder", path.display())]
    NotAFolder {
        /// What stands there.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error("the state folder {} cannot be written", path.display())]
    ReadOnly {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: nix::errno::Errno,
    },
}

impl Explain for RootError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Foreign { .. } | Self::NotAFolder { .. } => {
                "choose another with --root DIR; it was left as it is".into()
            }
            _ => "choose a local folder of your own with --root DIR".into(),
        })
    }

    fn exit(&self) -> crate::exit::Exit {
        crate::exit::Exit::Engine
    }
}

impl Roots {
    /// The folders that this user's state lives in; `chosen` is what `--root` said. Nothing is made yet.
    ///
    /// # Errors
    /// [`RootError::NoHome`].
    pub fn find(chosen: Option<&Path>) -> Result<Self, RootError> {
        if let Some(folder) = chosen {
            let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
            return Ok(Self { data: folder.join("data"), run: folder.join("run") });
        }
        let uid = nix::unistd::geteuid();
        if uid.is_root() {
            return Ok(Self { data: "/var/lib/explore".into(), run: "/run/explore".into() });
        }
        let base = etcetera::base_strategy::Xdg::new().map_err(RootError::NoHome)?;
        let run = base
            .runtime_dir()
            .filter(|folder| folder.is_dir())
            .map_or_else(|| std::env::temp_dir().join(format!("explore-{uid}")), |folder| folder.join("explore"));
        Ok(Self { data: base.data_dir().join("explore"), run })
    }

    /// Makes both folders where they are missing, and refuses ones that are not ours alone.
    ///
    /// # Errors
    /// All variants of [`RootError`] but `NoHome`.
    pub fn prepare(&self) -> Result<(), RootError> {
        for path in [&self.data, &self.run] {
            prepare_one(path)?;
        }
        Ok(())
    }

    /// The OCI image layout.
    pub fn images(&self) -> PathBuf {
        self.data.join("images")
    }

    /// Unpacked layers by chain ID.
    pub fn layers(&self) -> PathBuf {
        self.data.join("layers")
    }

    /// Beside each image's layers, the mount points that it lacks; by the chain ID of its topmost layer.
    pub fn init_layers(&self) -> PathBuf {
        self.data.join("init")
    }

    /// One folder a container, by its full ID.
    pub fn containers(&self) -> PathBuf {
        self.data.join("containers")
    }

    /// Volumes by name.
    pub fn volumes(&self) -> PathBuf {
        self.data.join("volumes")
    }

    /// What the kernel must be asked to undo.
    pub fn journal(&self) -> PathBuf {
        self.run.join("journal")
    }

    /// Sockets and pids of running containers, a folder each.
    pub fn running(&self) -> PathBuf {
        self.run.join("containers")
    }

    /// Named places without an image.
    pub fn places(&self) -> PathBuf {
        self.run.join("ns")
    }

    /// Eight hex digits that tell this state from others on the machine: part of names in the kernel.
    pub fn tag(&self) -> String {
        use sha2::Digest;
        let digest = sha2::Sha256::digest(self.run.as_os_str().as_encoded_bytes());
        digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The name of the cgroup that those of our containers are in.
    pub fn cgroup(&self) -> String {
        // `--root DIR` keeps its data in DIR/data.
        if self.data.ends_with("explore") { "explore".into() } else { format!("explore-{}", self.tag()) }
    }
}

fn prepare_one(path: &Path) -> Result<(), RootError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| RootError::Make { path: path.to_owned(), source })?;
    // lstat: in /tmp somebody else could have put a link under our name.
    let found = std::fs::symlink_metadata(path).map_err(|source| RootError::Make { path: path.to_owned(), source })?;
    if !found.is_dir() {
        return Err(RootError::NotAFolder { path: path.to_owned() });
    }
    let us = nix::unistd::geteuid().as_raw();
    if found.uid() != us {
        return Err(RootError::Foreign { path: path.to_owned(), owner: found.uid(), us });
    }
    nix::unistd::access(path, nix::unistd::AccessFlags::W_OK)
        .map_err(|source| RootError::ReadOnly { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_root_holds_both_folders() {
        let roots = Roots::find(Some(Path::new("/x/y"))).unwrap();
        assert_eq!((roots.data, roots.run), ("/x/y/data".into(), "/x/y/run".into()));
    }

    #[test]
    fn a_link_is_not_taken_for_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("data")).unwrap();
        let roots = Roots::find(Some(folder.path())).unwrap();
        assert!(matches!(roots.prepare(), Err(RootError::NotAFolder { .. })));
    }

    #[test]
    fn two_states_have_two_tags() {
        let a = Roots::find(Some(Path::new("/a"))).unwrap();
        let b = Roots::find(Some(Path::new("/b"))).unwrap();
        assert_ne!(a.tag(), b.tag());
        assert_eq!(a.tag().len(), 8);
    }
}
