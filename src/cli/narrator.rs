//! `--narrate`: a process of its own reads the events and writes them to standard error, so that whoever tells never
//! waits for a person to read.

use super::explained;
use crate::kernel::process;
use crate::narrate::{self, Role};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

/// The narrating process, while it runs.
#[derive(Debug)]
pub(super) struct Narrator {
    pid: nix::unistd::Pid,
    socket: OwnedFd,
}

/// Starts to narrate all that this process and its children do.
pub(super) fn start(json: bool) -> anyhow::Result<Narrator> {
    let (reader, socket) = narrate::socket_pair()?;
    let inherited = socket.as_raw_fd();
    let pid = process::fork(Role::Helper, "to tell what happens without being waited for", || {
        // The reader must not hold the tellers' end, or it would wait for itself for ever.
        let _ = nix::unistd::close(inherited);
        tell(&reader, json)
    })
    .map_err(explained)?;
    narrate::listen_on(socket.as_fd());
    Ok(Narrator { pid, socket })
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

impl Narrator {
    /// Waits until everything is told. A supervisor that goes on in the background has closed its end by then.
    pub(super) fn finish(self) {
        narrate::silence();
        drop(self.socket);
        let _ = process::wait(self.pid);
    }
}

fn tell(reader: &narrate::Reader, json: bool) -> i32 {
    while let Ok(Some(heard)) = reader.next_event() {
        let line = if json { Some(narrate::json_line(&heard)) } else { narrate::text_line(&heard) };
        let Some(line) = line else { continue };
        if std::io::stderr().write_all(format!("{line}\n").as_bytes()).is_err() {
            return 1;
        }
    }
    0
}
