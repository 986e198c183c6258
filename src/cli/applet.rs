//! Started under another name: in the demo image, where the machine has no `ps` or no `ip`, that name is ours.

use crate::exit::Exit;
use crate::probe::applet;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

/// Runs the program whose name this process was started by; `None` where that is none of ours.
pub(super) fn run(arguments: &[OsString]) -> Option<anyhow::Result<Exit>> {
    let name = Path::new(arguments.first()?).file_name()?.to_str().filter(|name| applet::NAMES.contains(name))?;
    let rest: Vec<String> = arguments.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let output = applet::run(name, &rest, width())?;
    let told = io::stderr().write_all(output.err.as_bytes()).and_then(|()| {
        let mut out = io::stdout().lock();
        out.write_all(output.out.as_bytes())?;
        out.flush()
    });
    Some(told.map(|()| Exit::Container(output.code)).map_err(Into::into))
}

/// Columns of the terminal that reads, or what COLUMNS says; `None` for a pipe, where nothing is cut.
fn width() -> Option<usize> {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = io::stdout().is_terminal();
    said.or_else(|| terminal.then(|| super::Screen::stdout(false).width)).filter(|&columns| columns > 0)
}
