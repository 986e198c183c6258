//! PID 1 of a container that another engine made and has not started yet: all is done but becoming its program.
//!
//! ```text
//! explore oci create                          init (PID 1 to be)
//!   its PID is in the record      ── go ──────►  enters its cgroups, joins namespaces, makes its mounts
//!   hooks: prestart, createRuntime ◄── mounted ─
//!                                 ── connected ► hooks: createContainer; pivots, gives up privileges
//!   `created`; leaves             ◄── (end) ────  waits for a byte in start.fifo
//!
//! explore oci start               ── byte ─────►  hooks: startContainer; becomes the program
//!   hooks: poststart              ◄── (end) ────  answer.fifo closes on exec, or says why not
//! ```
//!
//! runc has one fifo for this, `exec.fifo`, and its `start` hears no more than that the byte was taken. Here a second one
//! tells what became of it. While it waits it makes no call but read(2), which every filter lets through.

use super::hooks::{self, Hooks};
use super::{StartFailure, message};
use crate::kernel::{self, fifo, process};
use crate::stages::failure::Failure;
use nix::errno::Errno;
use oci_spec::runtime::ContainerState;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};

/// What such a PID 1 has besides.
pub(super) struct Waiting<'a> {
    /// The byte comes here.
    pub(super) start: OwnedFd,
    /// Why it could not start is written here; it closes on exec.
    pub(super) answer: OwnedFd,
    /// What others want to do on the way, and the state that they are told.
    pub(super) hooks: Option<&'a Hooks>,
    /// How many descriptors from 3 on are for the program.
    pub(super) preserved: u32,
}

impl Waiting<'_> {
    /// `createContainer`: in its namespaces, with the host's root still in sight.
    pub(super) fn run_create_hooks(&self) -> Result<(), StartFailure> {
        let Some(hooks) = self.hooks else { return Ok(()) };
        let state = hooks.told(ContainerState::Creating, process_number());
        Ok(hooks::run("createContainer", hooks.create_container(), &state)?)
    }

    fn run_start_hooks(&self) -> Result<(), StartFailure> {
        let Some(hooks) = self.hooks else { return Ok(()) };
        let state = hooks.told(ContainerState::Created, process_number());
        Ok(hooks::run("startContainer", hooks.start_container(), &state)?)
    }

    /// Waits for the start, and becomes the program; returns only where it could not.
    pub(super) fn wait(&self, socket: &OwnedFd, become_program: impl FnOnce() -> Failure) -> i32 {
        // Whoever made it sees the end, and that is all it waits for.
        let _ = nix::unistd::close(socket.as_raw_fd());
        if fifo::wait(&self.start, "made, and not started: `start` writes one byte").is_err() {
            process::leave(125);
        }
        let failure = match self.run_start_hooks() {
            Ok(()) => StartFailure::from(become_program()),
            Err(failure) => failure,
        };
        let code = i32::from(failure.code());
        let _ = self.say(&failure);
        code
    }

    fn say(&self, failure: &StartFailure) -> std::io::Result<()> {
        std::fs::File::from(self.answer.try_clone()?).write_all(&serde_json::to_vec(failure)?)
    }
}

/// What the one who starts it hears: nothing, or why not.
///
/// # Errors
/// What it says; ESRCH where it is gone.
pub(super) fn hear(answer: &OwnedFd) -> Result<(), StartFailure> {
    let mut bytes = Vec::new();
    let read = std::io::Read::read_to_end(&mut std::fs::File::from(clone(answer)?), &mut bytes);
    read.map_err(|error| quiet("read", Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))))?;
    if bytes.is_empty() {
        return Ok(());
    }
    Err(message::Packet::parse(&bytes).unwrap_or_else(|| StartFailure::Call(Failure::read(&bytes))))
}

/// As a hook in the same namespaces sees it.
fn process_number() -> i32 {
    std::process::id().cast_signed()
}

fn clone(descriptor: &OwnedFd) -> Result<OwnedFd, Failure> {
    descriptor.try_clone().map_err(|_| quiet("dup", Errno::EMFILE))
}

fn quiet(call: &'static str, errno: Errno) -> Failure {
    Failure::at("hear from PID 1")(kernel::Error::quiet(call, &format_args!("answer.fifo"), errno))
}
