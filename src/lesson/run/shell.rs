//! The shell of one side, into which `sh` blocks are typed. Inside it is PID 1 of the place.
//!
//! It reads its commands from a fifo that it holds open for writing as well, so it never sees an end of file and stays
//! when the lesson leaves (`--keep`). That a block has ended is told through a second fifo, by a word that nobody can
//! guess: what the commands print is never looked at.

use super::RunError;
use super::output::{Woken, follow};
use super::scene::Scene;
use super::step::{output_pipe, spawn_outside};
use crate::lesson::page::Side;
use crate::stages::place::{Place, Program, Stdio};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A shell that waits for blocks.
#[derive(Debug)]
pub(super) struct Shell {
    script: File,
    output: OwnedFd,
    ended: File,
    ended_path: PathBuf,
    pidfd: OwnedFd,
}

/// How a block ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockEnd {
    Status(u8),
    Hung,
    /// The shell itself has ended.
    NoShell,
}

impl Shell {
    /// Starts the outside's shell.
    pub(super) fn outside(folder: &Path, program: &Program) -> Result<(Self, i32), RunError> {
        let (script, stdio, output) = channels(folder, Side::Outside)?;
        let child = spawn_outside(program, stdio)?;
        let pid = child.pid.as_raw();
        Ok((Self::new(folder, Side::Outside, script, output, child.pidfd)?, pid))
    }

    /// Makes a place whose PID 1 is this shell.
    pub(super) fn inside(
        folder: &Path,
        program: Program,
        make: impl FnOnce(Program, Stdio) -> Result<Place, RunError>,
    ) -> Result<(Self, Place), RunError> {
        let (script, stdio, output) = channels(folder, Side::Inside)?;
        let place = make(program, stdio)?;
        let pid = nix::unistd::Pid::from_raw(place.init.pid);
        let pidfd = crate::kernel::process::pidfd_open(pid, "to notice the end of PID 1")?;
        Ok((Self::new(folder, Side::Inside, script, output, pidfd)?, place))
    }

    fn new(folder: &Path, side: Side, script: File, output: OwnedFd, pidfd: OwnedFd) -> Result<Self, RunError> {
        let ended_path = folder.join(format!("{}.ended", side.word()));
        let ended = fifo(&ended_path, OFlag::O_NONBLOCK)?;
        Ok(Self { script, output, ended, ended_path, pidfd })
    }

    // ANCHOR: type-in
    /// Types `commands`, after the variables that they may use, and follows them to their end.
    pub(super) fn type_in(
        &mut self,
        commands: &str,
        variables: &[(String, String)],
        limit: Duration,
        told: &mut dyn FnMut(&str) -> io::Result<()>,
    ) -> Result<BlockEnd, RunError> {
        let word = Scene::random_word().map_err(own)?;
        let mut script = String::new();
        for (name, value) in variables {
            let _ = writeln!(script, "export {name}={value}");
        }
        // In braces, so that what is typed is read whole before any of it runs, and does not eat what follows it.
        let _ = writeln!(script, "{{\n{commands}\n}} </dev/null");
        let _ = writeln!(script, "echo \"{word} $?\" >'{}'", self.ended_path.display());
        self.script.write_all(script.as_bytes()).map_err(own)?;
        let signals = [self.ended.as_fd(), self.pidfd.as_fd()];
        let woken = follow(self.output.as_fd(), &signals, limit, told).map_err(RunError::Screen)?;
        match woken {
            Woken::TimeUp => Ok(BlockEnd::Hung),
            Woken::By(0) => Ok(self.status(&word).map_or(BlockEnd::NoShell, BlockEnd::Status)),
            Woken::By(_) => Ok(BlockEnd::NoShell),
        }
    }
    // ANCHOR_END: type-in

    fn status(&mut self, word: &str) -> Option<u8> {
        let mut line = [0; 256];
        let count = self.ended.read(&mut line).ok()?;
        let line = std::str::from_utf8(&line[..count]).ok()?;
        line.trim().strip_prefix(word)?.trim().parse().ok()
    }
}

/// The three descriptors of a shell, and our ends of them.
fn channels(folder: &Path, side: Side) -> Result<(File, Stdio, OwnedFd), RunError> {
    let script = fifo(&folder.join(format!("{}.script", side.word())), OFlag::empty())?;
    let (output, printing) = output_pipe()?;
    let commands = script.try_clone().map_err(own)?;
    let stdio = Stdio { stdin: commands.into(), stdout: printing.try_clone().map_err(own)?, stderr: printing };
    Ok((script, stdio, output))
}

/// Makes a fifo and opens it for both, so that neither end waits for the other.
fn fifo(path: &Path, flags: OFlag) -> Result<File, RunError> {
    let failed = |errno: nix::errno::Errno| own(errno.into());
    nix::unistd::mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR).map_err(failed)?;
    let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC | flags;
    Ok(nix::fcntl::open(path, flags, Mode::empty()).map_err(failed)?.into())
}

fn own(source: io::Error) -> RunError {
    RunError::Own { step: "talk to a shell", source }
}
