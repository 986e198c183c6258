//! Where output goes: text of a known width, or JSON; with colour where it is wanted; a closed pipe is an error like
//! any other and not a panic.

use serde::Serialize;
use std::io::{self, IsTerminal, Write};

/// Standard output as the reader has it.
#[derive(Debug)]
pub struct Screen {
    /// Data instead of text.
    pub json: bool,
    /// Columns of the terminal; 80 where there is none.
    pub width: usize,
    /// Whether somebody sits at a terminal and reads.
    pub terminal: bool,
    /// Whether it is heard, and not seen: a dumb terminal, as speech in Emacs has it, or `EXPLORE_LINEAR`.
    pub linear: bool,
}

impl Screen {
    /// The screen of this process.
    pub fn stdout(json: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        let width = width_of_terminal().unwrap_or(80);
        let linear = std::env::var_os("EXPLORE_LINEAR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        Self { json, width, terminal, linear }
    }

    /// Prints text as it is.
    ///
    /// # Errors
    /// Those of write(2), EPIPE among them.
    pub fn print(&mut self, text: &str) -> io::Result<()> {
        write_out(text.as_bytes())
    }

    /// Prints a line.
    ///
    /// # Errors
    /// As [`Screen::print`].
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        write_out(format!("{text}\n").as_bytes())
    }

    /// Prints a value as JSON: indented for a person at a terminal, one line for a program.
    ///
    /// # Errors
    /// As [`Screen::print`].
    pub fn data<T: Serialize>(&mut self, value: &T) -> io::Result<()> {
        let text = if self.terminal { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
        self.line(&text?)
    }

    /// Prints a table as docker does: the header in capitals, nothing cut.
    ///
    /// # Errors
    /// As [`Screen::print`].
    pub fn table<const N: usize>(&mut self, header: [&str; N], rows: &[[String; N]]) -> io::Result<()> {
        let header = header.map(str::to_owned).to_vec();
        let rows: Vec<Vec<String>> = std::iter::once(header).chain(rows.iter().map(|row| row.to_vec())).collect();
        self.print(&super::columns::table(&rows))
    }
}

/// Writes bytes to standard output.
///
/// # Errors
/// Those of write(2); all but EPIPE, which ends us without a word, say what could not be written.
pub(super) fn write_out(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => error,
        kind => io::Error::new(kind, format!("cannot write to standard output: {error}")),
    })
}

/// `COLUMNS` where it is set (a test, a reader who wants it narrow), else what the terminal says.
pub(super) fn width_of_terminal() -> Option<usize> {
    if let Some(columns) = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()) {
        return Some(columns);
    }
    crate::kernel::pty::window_size(&io::stdout())
        .ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|&columns| columns > 0)
}
