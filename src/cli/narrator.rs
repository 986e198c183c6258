//! `--narrate`: each system call on standard error. A lesson that is recorded has it in a file as well, from every `explore`
//! that is typed in it.

use super::{Global, explained};
use crate::kernel::process;
use crate::lesson::catalog::Catalog;
use crate::lesson::run::NARRATE_TO;
use crate::narrate::{self, Heard, Role};
use crate::stages::narrator::{self, Narrator};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

/// Starts to narrate all that this process and its children do, where somebody wants to know.
pub(super) fn start(global: &Global) -> anyhow::Result<Option<Narrator>> {
    let kept = wanted_in();
    let (json, aloud) = (global.json, global.narrate);
    if !aloud && kept.is_none() {
        return Ok(None);
    }
    // The reasons are put into the reader's language by the process that writes them.
    let catalog = Catalog::of(global.language());
    let only = kept.as_ref().filter(|_| !aloud).map(AsRawFd::as_raw_fd);
    let begun = narrator::start(only, move |heard| {
        if let Some(mut file) = kept.as_ref() {
            file.write_all(format!("{}\n", narrate::json_line(heard)).as_bytes())?;
        }
        if aloud { tell(heard, json, &catalog) } else { Ok(()) }
    });
    Ok(Some(begun.map_err(explained)?))
}

/// The file that a recorded lesson has named. One that is not for us to write, such as another user's, is nobody's loss: the
/// command does what it is for.
fn wanted_in() -> Option<File> {
    File::options().append(true).open(std::env::var_os(NARRATE_TO)?).ok()
}

fn tell(heard: &Heard, json: bool, catalog: &Catalog) -> io::Result<()> {
    let heard = &Heard { why: catalog.sentence(&heard.why), ..heard.clone() };
    let line = if json { Some(narrate::json_line(heard)) } else { narrate::text_line(heard) };
    line.map_or(Ok(()), |line| io::stderr().write_all(format!("{line}\n").as_bytes()))
}

/// As [`start`], into a file, by a process that nobody waits for: it ends when the last one that tells becomes another
/// program, and that may be long after this command.
pub(super) fn append_to(path: &Path) -> anyhow::Result<()> {
    let file = File::options().create(true).append(true).open(path)?;
    let (reader, socket) = narrate::socket_pair()?;
    process::fork(Role::Helper, "to tell what happens without being waited for", || {
        let _ = nix::unistd::setsid();
        // Nor must it hold anything that others wait to see closed: a pipe of a container's output.
        process::close_all_but(&[Some(reader.as_fd().as_raw_fd()), Some(file.as_raw_fd())]);
        write_lines(&reader, &file)
    })
    .map_err(explained)?;
    narrate::listen_on(socket.as_fd());
    std::mem::forget(socket);
    Ok(())
}

fn write_lines(reader: &narrate::Reader, mut file: &File) -> i32 {
    while let Ok(Some(heard)) = reader.next_event() {
        let Some(line) = narrate::text_line(&heard) else { continue };
        if file.write_all(format!("{line}\n").as_bytes()).is_err() {
            return 1;
        }
    }
    0
}
