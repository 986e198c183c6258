//! What a reader has answered: one line of JSON for each answer, appended to `progress` in the data folder. It never
//! leaves the machine by itself.
//!
//! A file that cannot be read is put aside under another name, and a new one is begun.

use super::run::{RunError, Tier};
use crate::error::Explain;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Version of the shape of [`Entry`].
pub const SCHEMA: u32 = 1;

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Seconds since 1970.
    pub time: u64,
    /// Id of the lesson.
    pub lesson: String,
    /// Hash of its text at that time.
    pub hash: String,
    /// Who ran it.
    pub tier: Tier,
    /// What was done.
    #[serde(flatten)]
    pub what: What,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum What {
    /// The lesson was opened.
    Begun,
    /// A prediction was made.
    Prediction {
        /// Id of the block.
        block: String,
        /// The reader's choice, from 0.
        choice: usize,
        /// The kernel's.
        kernel: usize,
        /// How many hints were taken.
        hints: usize,
    },
    /// An exercise was verified.
    Exercise {
        /// Id of the block.
        block: String,
        /// Whether it was done.
        done: bool,
        /// How many hints were taken.
        hints: usize,
    },
    /// The lesson was followed to its end.
    Done,
}

/// Why the record cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum ProgressError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file to import is not one of ours.
    #[error("{}:{line}: no answer that explore has written: {source}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
}

impl Explain for ProgressError {
    fn hint(&self) -> Option<String> {
        matches!(self, Self::Foreign { .. })
            .then(|| "take a file that `explore progress export` wrote; nothing was changed".into())
    }
}

impl State {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Begun => "begun",
            Self::Done => "done",
        }
    }
}

/// The record of one reader.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    path: PathBuf,
    /// All answers, oldest first.
    pub entries: Vec<Entry>,
    /// Where a damaged record was put.
    pub put_aside: Option<PathBuf>,
}

/// How far a lesson is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Never opened.
    New,
    /// Opened.
    Begun,
    /// Followed to its end.
    Done,
}

impl Progress {
    /// Reads the record in the data folder. Where it is damaged a new one is begun, and `put_aside` says where it is.
    ///
    /// # Errors
    /// [`ProgressError::Read`], [`ProgressError::Write`].
    pub fn read(data: &Path) -> Result<Self, ProgressError> {
        let path = data.join("progress");
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(ProgressError::Read { path, source }),
        };
        if let Ok(entries) = parse(&text) {
            return Ok(Self { path, entries, put_aside: None });
        }
        let aside = free_name(&path);
        std::fs::rename(&path, &aside).map_err(|source| ProgressError::Write { path: path.clone(), source })?;
        Ok(Self { path, entries: Vec::new(), put_aside: Some(aside) })
    }

    /// How far a lesson is. A replay opens one and never finishes it.
    pub fn state(&self, lesson: &str) -> State {
        let mut entries = self.entries.iter().filter(|entry| entry.lesson == lesson).peekable();
        if entries.peek().is_none() {
            return State::New;
        }
        if entries.any(|entry| entry.what == What::Done && entry.tier != Tier::Replay) {
            State::Done
        } else {
            State::Begun
        }
    }

    /// Adds answers at the end.
    ///
    /// # Errors
    /// [`ProgressError::Write`].
    pub fn append(&mut self, entries: &[Entry]) -> Result<(), ProgressError> {
        let failed = |source| ProgressError::Write { path: self.path.clone(), source };
        let mut file = File::options().create(true).append(true).open(&self.path).map_err(failed)?;
        file.write_all(text_of(entries).as_bytes()).map_err(failed)?;
        self.entries.extend_from_slice(entries);
        Ok(())
    }

    /// Forgets everything.
    ///
    /// # Errors
    /// [`ProgressError::Write`].
    pub fn reset(&mut self) -> Result<(), ProgressError> {
        self.entries.clear();
        match std::fs::remove_file(&self.path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(ProgressError::Write { path: self.path.clone(), source })
            }
            _ => Ok(()),
        }
    }

    /// Writes all answers to a file.
    ///
    /// # Errors
    /// [`ProgressError::Write`].
    pub fn export(&self, path: &Path) -> Result<(), ProgressError> {
        std::fs::write(path, text_of(&self.entries))
            .map_err(|source| ProgressError::Write { path: path.to_owned(), source })
    }

    /// Adds the answers of a file that are not here yet; says how many.
    ///
    /// # Errors
    /// All of [`ProgressError`]; with [`ProgressError::Foreign`] nothing was added.
    pub fn import(&mut self, path: &Path) -> Result<usize, ProgressError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ProgressError::Read { path: path.to_owned(), source })?;
        let foreign = |(line, source)| ProgressError::Foreign { path: path.to_owned(), line, source };
        let mut new = parse(&text).map_err(foreign)?;
        new.retain(|entry| !self.entries.contains(entry));
        self.append(&new)?;
        Ok(new.len())
    }
}

fn parse(text: &str) -> Result<Vec<Entry>, (usize, serde_json::Error)> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(number, line)| serde_json::from_str(line).map_err(|error| (number + 1, error))).collect()
}

fn text_of(entries: &[Entry]) -> String {
    entries.iter().filter_map(|entry| serde_json::to_string(entry).ok()).map(|line| line + "\n").collect()
}

fn free_name(path: &Path) -> PathBuf {
    let name = |number: usize| path.with_extension(format!("damaged-{number}"));
    (1..usize::MAX).map(name).find(|name| !name.exists()).unwrap_or_else(|| name(0))
}

/// Appends what happens in one lesson, as it happens.
#[derive(Debug)]
pub struct Recorder {
    progress: Progress,
    lesson: String,
    hash: String,
    tier: Tier,
}

impl Recorder {
    /// Begins to record.
    ///
    /// # Errors
    /// [`ProgressError::Write`].
    pub fn begin(progress: Progress, lesson: &str, hash: &str, tier: Tier) -> Result<Self, RunError> {
        let mut recorder = Self { progress, lesson: lesson.to_owned(), hash: hash.to_owned(), tier };
        recorder.append(What::Begun)?;
        Ok(recorder)
    }

    /// A prediction was made and marked.
    ///
    /// # Errors
    /// [`RunError::Progress`].
    pub fn prediction(&mut self, block: &str, choice: usize, kernel: usize, hints: usize) -> Result<(), RunError> {
        self.append(What::Prediction { block: block.to_owned(), choice, kernel, hints })
    }

    /// An exercise was verified.
    ///
    /// # Errors
    /// [`RunError::Progress`].
    pub fn exercise(&mut self, block: &str, done: bool, hints: usize) -> Result<(), RunError> {
        self.append(What::Exercise { block: block.to_owned(), done, hints })
    }

    /// The lesson has come to its end.
    ///
    /// # Errors
    /// [`RunError::Progress`].
    pub fn finished(&mut self) -> Result<(), RunError> {
        self.append(What::Done)
    }

    fn append(&mut self, what: What) -> Result<(), RunError> {
        let time = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
        let (lesson, hash, tier) = (self.lesson.clone(), self.hash.clone(), self.tier);
        self.progress.append(&[Entry { schema: SCHEMA, time, lesson, hash, tier, what }])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(lesson: &str, what: What) -> Entry {
        Entry { schema: SCHEMA, time: 1, lesson: lesson.into(), hash: "h".into(), tier: Tier::User, what }
    }

    #[test]
    fn answers_come_back_and_say_how_far_a_lesson_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut progress = Progress::read(folder.path()).unwrap();
        let right = What::Prediction { block: "b".into(), choice: 1, kernel: 1, hints: 0 };
        progress.append(&[answer("a", What::Begun), answer("a", right)]).unwrap();
        assert_eq!(progress.state("a"), State::Begun);
        progress.append(&[answer("a", What::Done)]).unwrap();
        let again = Progress::read(folder.path()).unwrap();
        assert_eq!(again.entries, progress.entries);
        assert_eq!((again.state("a"), again.state("b")), (State::Done, State::New));
    }

    #[test]
    fn a_damaged_record_is_put_aside_and_never_lost() {
        let folder = tempfile::tempdir().unwrap();
        for content in ["{\"schema\":1,", "\u{0}\u{0}", "not json at all"] {
            std::fs::write(folder.path().join("progress"), content).unwrap();
            let progress = Progress::read(folder.path()).unwrap();
            assert!(progress.entries.is_empty());
            assert_eq!(std::fs::read_to_string(progress.put_aside.unwrap()).unwrap(), content);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn importing_twice_adds_nothing_and_a_foreign_file_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut progress = Progress::read(folder.path()).unwrap();
        progress.append(&[answer("a", What::Done)]).unwrap();
        let file = folder.path().join("export");
        progress.export(&file).unwrap();
        assert_eq!(progress.import(&file).unwrap(), 0);
        std::fs::write(&file, "{\"schema\":1}\n").unwrap();
        let error = progress.import(&file).unwrap_err();
        assert!(error.to_string().contains("export:1: no answer"), "{error}");
        assert_eq!(progress.entries.len(), 1);
    }
}
