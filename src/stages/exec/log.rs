//! What a container said, kept for `explore logs`: one JSON object a line, as docker's json-file driver writes them
//! (`log`, `stream`, `time`).

use super::message::Stream;
use crate::state::RecordError;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// One line that was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The text, with its newline where it had one.
    pub log: String,
    /// Where it was said.
    pub stream: Stream,
    /// When: RFC 3339, with nanoseconds.
    pub time: String,
}

/// The log of a container that runs.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    /// The unfinished line of each stream.
    pending: [Vec<u8>; 2],
}

/// A line longer than this is cut into several records.
const LINE_LIMIT: usize = 16 * 1024;

impl Log {
    /// Goes on at the end of the log of this container.
    pub(super) fn open(bundle: &Path) -> Result<Self, RecordError> {
        let path = path(bundle);
        let file = File::options().create(true).append(true).open(&path);
        file.map(|file| Self { file, pending: Default::default() })
            .map_err(|source| RecordError::Write { path, source })
    }

    /// Adds what was said; a full disk must not stop the container, so what cannot be kept is lost.
    pub(super) fn add(&mut self, stream: Stream, data: &[u8]) {
        let pending = &mut self.pending[stream as usize];
        pending.extend_from_slice(data);
        while let Some(end) = line_end(pending) {
            let line: Vec<u8> = pending.drain(..end).collect();
            let _ = write(&mut self.file, stream, &line);
        }
    }

    /// Writes the last lines, which had no newline.
    pub(super) fn finish(mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = std::mem::take(&mut self.pending[stream as usize]);
            if !rest.is_empty() {
                let _ = write(&mut self.file, stream, &rest);
            }
        }
    }
}

fn line_end(pending: &[u8]) -> Option<usize> {
    let newline = pending.iter().position(|&byte| byte == b'\n').map(|at| at + 1);
    newline.filter(|&end| end <= LINE_LIMIT).or((pending.len() >= LINE_LIMIT).then_some(LINE_LIMIT))
}

fn write(file: &mut File, stream: Stream, line: &[u8]) -> std::io::Result<()> {
    let line = Line { log: String::from_utf8_lossy(line).into_owned(), stream, time: now() };
    let mut text = serde_json::to_vec(&line)?;
    text.push(b'\n');
    file.write_all(&text)
}

fn now() -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    let whole = crate::image::time::rfc3339(now.as_secs());
    format!("{}.{:09}Z", whole.trim_end_matches('Z'), now.subsec_nanos())
}

/// The log of a container, oldest line first, read as far as it goes: more may come. A last line that a kill cut short
/// is left out.
#[derive(Debug)]
pub struct LogReader {
    file: BufReader<File>,
    begun: Vec<u8>,
}

impl LogReader {
    /// `None` where it was never started.
    ///
    /// # Errors
    /// [`RecordError::Read`].
    pub fn open(bundle: &Path) -> Result<Option<Self>, RecordError> {
        let path = path(bundle);
        match File::open(&path) {
            Ok(file) => Ok(Some(Self { file: BufReader::new(file), begun: Vec::new() })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(RecordError::Read { path, source }),
        }
    }
}

impl Iterator for LogReader {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        loop {
            self.file.read_until(b'\n', &mut self.begun).ok()?;
            if !self.begun.ends_with(b"\n") {
                return None;
            }
            let line = serde_json::from_slice(&std::mem::take(&mut self.begun));
            if let Ok(line) = line {
                return Some(line);
            }
        }
    }
}

pub(super) fn path(bundle: &Path) -> PathBuf {
    bundle.join("json.log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_whole_and_apart() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::open(folder.path()).unwrap();
        log.add(Stream::Stdout, b"on");
        log.add(Stream::Stderr, b"oops\n");
        log.add(Stream::Stdout, b"e\ntwo");
        log.finish();
        let lines: Vec<Line> = LogReader::open(folder.path()).unwrap().unwrap().collect();
        let said: Vec<(&str, Stream)> = lines.iter().map(|line| (line.log.as_str(), line.stream)).collect();
        assert_eq!(said, [("oops\n", Stream::Stderr), ("one\n", Stream::Stdout), ("two", Stream::Stdout)]);
    }
}
