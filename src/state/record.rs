//! JSON records: written whole by rename or not at all, read with an error that names the file.

use super::ProcessIdentity;
use crate::error::Explain;
use serde::{Serialize, de::DeserializeOwned};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// How the name of a draft begins; the number of its author follows.
const DRAFT: &str = ".new-";

/// Why a record cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{} is damaged: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl RecordError {
    /// Whether the file is simply not there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

impl Explain for RecordError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Damaged { path, .. } => Some(format!("it was left as it is; move {} away to go on", path.display())),
            Self::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some("the disk is full; nothing was changed".into())
            }
            _ => None,
        }
    }

    fn exit(&self) -> crate::exit::Exit {
        crate::exit::Exit::Engine
    }
}

/// Reads a record.
///
/// # Errors
/// [`RecordError::Read`], [`RecordError::Damaged`].
pub fn read_record<T: DeserializeOwned>(path: &Path) -> Result<T, RecordError> {
    let bytes = std::fs::read(path).map_err(|source| RecordError::Read { path: path.to_owned(), source })?;
    serde_json::from_slice(&bytes).map_err(|source| RecordError::Damaged { path: path.to_owned(), source })
}

/// Writes a record beside its place and renames it there, so that a reader, or one who comes after a kill, finds the
/// old one or the new one. `durable` also syncs file and folder: for what must survive a power cut.
///
/// # Errors
/// [`RecordError::Write`]; the old record is then unchanged.
pub fn write_record<T: Serialize>(path: &Path, record: &T, durable: bool) -> Result<(), RecordError> {
    let failed = |source: io::Error| RecordError::Write { path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new("."));
    let file = draft(folder, record, durable).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    if durable {
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    Ok(())
}

/// The record, whole, under a name that says whose draft it is.
pub(super) fn draft<T: Serialize>(folder: &Path, record: &T, durable: bool) -> io::Result<NamedTempFile> {
    let prefix = format!("{DRAFT}{}-", std::process::id());
    let mut file = tempfile::Builder::new().prefix(&prefix).tempfile_in(folder)?;
    // In one write: serde_json would make one of each bracket and each comma.
    let mut bytes = serde_json::to_vec(record)?;
    bytes.push(b'\n');
    file.write_all(&bytes)?;
    if durable {
        file.as_file().sync_all()?;
    }
    Ok(file)
}

/// Removes drafts whose authors were killed: what they say was never said.
pub fn sweep_drafts(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for (path, name) in entries.map(|entry| (entry.path(), entry.file_name())) {
        let author = name.to_str().and_then(|name| name.strip_prefix(DRAFT)?.split('-').next()?.parse().ok());
        if author.is_some_and(|pid| matches!(ProcessIdentity::look(pid), Ok(None))) {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Refuses;
    impl Serialize for Refuses {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }

    #[test]
    fn a_record_that_cannot_be_written_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it.json");
        write_record(&path, &vec![1, 2], true).unwrap();
        assert!(write_record(&path, &Refuses, true).is_err());
        assert_eq!(read_record::<Vec<i32>>(&path).unwrap(), [1, 2]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a half-written file is left behind");
    }

    #[test]
    fn a_draft_goes_when_its_author_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let names = [format!("{DRAFT}{}-x", std::process::id()), format!("{DRAFT}{}-x", i32::MAX), "it.json".into()];
        for name in &names {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        sweep_drafts(folder.path());
        assert_eq!(names.map(|name| folder.path().join(name).exists()), [true, false, true]);
    }

    #[test]
    fn a_damaged_record_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it.json");
        std::fs::write(&path, "[1, 2").unwrap();
        let error = read_record::<Vec<i32>>(&path).unwrap_err();
        assert!(error.to_string().contains("it.json is damaged"), "{error}");
    }
}
