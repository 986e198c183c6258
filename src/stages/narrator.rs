//! The narrating process: it reads what is told and passes it on, so that whoever tells never waits for a reader.

use crate::kernel;
use crate::kernel::process;
use crate::narrate::{self, Heard, Role};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// The narrating process, while it runs.
#[derive(Debug)]
pub struct Narrator {
    pid: nix::unistd::Pid,
    socket: OwnedFd,
}

/// Starts to pass on all that this process and its children do from now on. Where `only` names a descriptor, the narrating
/// process closes all others, such as a pipe of a container's output whose end somebody waits for, and is of no terminal: it
/// may have to tell for longer than its command runs.
///
/// # Errors
/// Those of socketpair(2) and fork(2).
pub fn start(only: Option<i32>, mut pass_on: impl FnMut(&Heard) -> io::Result<()>) -> Result<Narrator, kernel::Error> {
    let (reader, socket) =
        narrate::socket_pair().map_err(|errno| kernel::Error::quiet("socketpair", &format_args!("AF_UNIX"), errno))?;
    let inherited = socket.as_raw_fd();
    let pid = process::fork(Role::Helper, "to tell what happens without being waited for", || {
        match only {
            Some(kept) => {
                let _ = nix::unistd::setsid();
                process::close_all_but(&[Some(reader.as_fd().as_raw_fd()), Some(kept)]);
            }
            // The reader must not hold the tellers' end, or it would wait for itself for ever.
            None => drop(nix::unistd::close(inherited)),
        }
        while let Ok(Some(heard)) = reader.next_event() {
            if pass_on(&heard).is_err() {
                return 1;
            }
        }
        0
    })?;
    narrate::listen_on(socket.as_fd());
    Ok(Narrator { pid, socket })
}

impl Narrator {
    /// Waits until everything is told. A supervisor that goes on in the background has closed its end by then.
    pub fn finish(self) {
        narrate::silence();
        drop(self.socket);
        let _ = process::wait(self.pid);
    }
}
