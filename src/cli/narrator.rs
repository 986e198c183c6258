//! `--narrate`: a process of its own reads the events and writes them to standard error, so that whoever tells never
//! waits for a person to read.

use super::explained;
use crate::kernel::process;
use crate::narrate::{self, Role};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

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
