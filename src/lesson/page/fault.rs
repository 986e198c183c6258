//! What is wrong with a page: where, what was expected, what was found.

use serde::Serialize;
use std::fmt;
use std::ops::Range;

/// A place in a file that an editor can jump to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// The file, as it was named to us.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Position {
    /// Where a byte of `text`, which is what `file` holds, stands.
    pub fn in_text(file: &str, text: &str, offset: usize) -> Self {
        let before = &text[..offset.min(text.len())];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One thing that a page should not have, or lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{at}: expected {expected}, found {found}")]
pub struct Fault {
    /// Where.
    #[serde(flatten)]
    pub at: Position,
    /// What would be right there.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

impl Fault {
    /// A file that is no text: `error` is what came of reading `bytes` as UTF-8.
    pub(in crate::lesson) fn no_text(file: &str, bytes: &[u8], error: std::str::Utf8Error) -> Self {
        let text = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let at = Reading::new(file, &text).position(text.len());
        let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        Self { at, expected: "UTF-8".into(), found: format!("the byte {byte:#04x}") }
    }
}

/// The text of a page, with its name, and the faults found in it so far.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
    pub(super) faults: Vec<Fault>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, faults: Vec::new() }
    }

    /// Line and column of a byte.
    pub(super) fn position(&self, offset: usize) -> Position {
        Position::in_text(self.file, self.text, offset)
    }

    pub(super) fn fault(&mut self, offset: usize, expected: impl Into<String>, found: impl Into<String>) {
        let at = self.position(offset);
        self.faults.push(Fault { at, expected: expected.into(), found: found.into() });
    }

    /// The text of a range, in quotation marks, cut where it is long.
    pub(super) fn quote(&self, range: Range<usize>) -> String {
        quote(&self.text[range])
    }
}

/// `text` in quotation marks, its first line, cut where it is long.
pub(super) fn quote(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    let cut: String = line.chars().take(60).collect();
    let more = if cut.len() < line.len() { "…" } else { "" };
    format!("`{cut}{more}`")
}
