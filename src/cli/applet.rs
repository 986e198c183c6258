//! Started under another name: in the demo image, where the machine has no `ps` or no `ip`, that name is ours; and so is that
//! of an init in a bundle that another runtime has started.

use crate::error::chain;
use crate::exit::Exit;
use crate::kernel::process;
use crate::probe::applet;
use crate::stages::create::{DASHES, INIT};
use crate::stages::exec;
use crate::stages::failure::Failure;
use std::ffi::{CString, OsString};
use std::io::{self, IsTerminal, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

/// Who speaks, where an init fails.
const NAME: &str = "explore-init";

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

/// `/dev/explore-init -- COMMAND`: the whole life of PID 1 in such a bundle. `None` where this process is something else.
pub(super) fn init(arguments: &[OsString]) -> Option<Exit> {
    let [name, dashes, command @ ..] = arguments else { return None };
    if name != INIT || dashes != DASHES || command.is_empty() {
        return None;
    }
    let words: Vec<String> = command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let lived = exec::stand_in(&words, || {
        process::restore_signals();
        let failure = become_command(command);
        let _ = writeln!(io::stderr(), "{}: {}", NAME, chain(&failure).join(": "));
        i32::from(failure.exit().code())
    });
    Some(match lived {
        Ok(code) => Exit::Container(u8::try_from(code).unwrap_or(u8::MAX)),
        Err(failure) => {
            let _ = writeln!(io::stderr(), "{}: {}", NAME, chain(&failure).join(": "));
            Exit::Engine
        }
    })
}

fn become_command(command: &[OsString]) -> Failure {
    let text = |bytes: Vec<u8>| CString::new(bytes).unwrap_or_default();
    let argv: Vec<CString> = command.iter().map(|word| text(word.clone().into_vec())).collect();
    let env = std::env::vars_os().map(|(name, value)| text([name.into_vec(), value.into_vec()].join(&b'=')));
    let program = command[0].to_string_lossy().into_owned();
    let error = process::exec(&argv, &env.collect::<Vec<_>>(), "the child of an init becomes the container's program");
    Failure { step: format!("start {program:?}"), program: Some(program), error }
}

/// Columns of the terminal that reads, or what COLUMNS says; `None` for a pipe, where nothing is cut.
fn width() -> Option<usize> {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = io::stdout().is_terminal();
    said.or_else(|| terminal.then(|| super::Screen::stdout(false).width)).filter(|&columns| columns > 0)
}
