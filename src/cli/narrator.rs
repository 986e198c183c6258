//! `--narrate`: each system call on standard error. A lesson that is recorded has it in a file as well, from every `explore`
//! that is typed in it.

use super::{Global, explained};
use crate::lesson::catalog::Catalog;
use crate::lesson::run::NARRATE_TO;
use crate::narrate::{self, Heard};
use crate::stages::narrator::{self, Narrator};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
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
        if let Some(file) = kept.as_ref() {
            write_down(file, heard)?;
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

fn write_down(mut file: &File, heard: &Heard) -> io::Result<()> {
    file.write_all(format!("{}\n", narrate::json_line(heard)).as_bytes())
}

/// As [`start`] for a command line that has no `--narrate` of its own: into the file of a recorded lesson, if there is one.
pub(super) fn start_for_a_lesson() -> anyhow::Result<Option<Narrator>> {
    let Some(file) = wanted_in() else { return Ok(None) };
    let begun = narrator::start(Some(file.as_raw_fd()), move |heard| write_down(&file, heard));
    Ok(Some(begun.map_err(explained)?))
}

fn tell(heard: &Heard, json: bool, catalog: &Catalog) -> io::Result<()> {
    let heard = &Heard { why: catalog.sentence(&heard.why), ..heard.clone() };
    let line = if json { Some(narrate::json_line(heard)) } else { narrate::text_line(heard) };
    line.map_or(Ok(()), |line| io::stderr().write_all(format!("{line}\n").as_bytes()))
}

/// As [`start`], into a file, by a process that nobody waits for: it ends when the last one that tells becomes another
/// program, and that may be long after this command.
pub(super) fn append_to(path: &Path) -> anyhow::Result<()> {
    let mut file = File::options().create(true).append(true).open(path)?;
    let begun = narrator::start(Some(file.as_raw_fd()), move |heard| {
        narrate::text_line(heard).map_or(Ok(()), |line| file.write_all(format!("{line}\n").as_bytes()))
    });
    std::mem::forget(begun.map_err(explained)?);
    Ok(())
}
