//! One step: a new process on one side, followed to its end. What `act`, `if`, `verify`, `solution` and `wrong` are.

use super::RunError;
use super::output::{Woken, follow};
use crate::kernel::process::{self, Child, Ended};
use crate::lesson::page::Side;
use crate::stages::place::{Place, Program, Stdio};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::time::Duration;

/// What a test of the kernel's state says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Status 0.
    Holds,
    /// Status 1.
    DoesNot,
    /// Anything else: the lesson is wrong, not its reader.
    Broken {
        /// The status.
        status: u8,
        /// What it printed.
        printed: String,
    },
}

/// How one step ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepEnd {
    Status(u8),
    Hung,
}

/// Runs `program` on one side; `told` gets what it prints, as it comes.
pub(super) fn run(
    place: Option<&Place>,
    side: Side,
    program: &Program,
    limit: Duration,
    told: &mut dyn FnMut(&str) -> io::Result<()>,
) -> Result<StepEnd, RunError> {
    let (output, printing) = output_pipe()?;
    let stdio = Stdio { stdin: nothing()?, stdout: printing.try_clone().map_err(own)?, stderr: printing };
    let child = match (side, place) {
        (Side::Inside, Some(place)) => place.spawn(program, stdio)?,
        _ => spawn_outside(program, stdio)?,
    };
    let woken = follow(output.as_fd(), &[child.pidfd.as_fd()], limit, told).map_err(RunError::Screen)?;
    if woken == Woken::TimeUp {
        end(&child, side);
        return Ok(StepEnd::Hung);
    }
    let ended = process::wait(child.pid).unwrap_or(Ended::Exited(255));
    Ok(StepEnd::Status(ended.code()))
}

/// A pipe whose reading end does not wait.
pub(super) fn output_pipe() -> Result<(OwnedFd, OwnedFd), RunError> {
    let (read, write) = io::pipe().map_err(own)?;
    fcntl(&read, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(|errno| own(errno.into()))?;
    Ok((read.into(), write.into()))
}

fn nothing() -> Result<OwnedFd, RunError> {
    Ok(std::fs::File::open("/dev/null").map_err(own)?.into())
}

fn own(source: io::Error) -> RunError {
    RunError::Own { step: "start a step", source }
}

/// Runs a program on the descriptors that it is given, in our own process group, for as long as it likes.
pub(super) fn run_to_end(place: Option<&Place>, program: &Program, stdio: Stdio) -> Result<(), RunError> {
    let child = match place {
        Some(place) => place.spawn(program, stdio)?,
        None => spawn(program, stdio, false)?,
    };
    let _ = process::wait(child.pid);
    Ok(())
}

/// Starts a program in the learner's own namespaces, at the head of a process group of its own.
pub(super) fn spawn_outside(program: &Program, stdio: Stdio) -> Result<Child, RunError> {
    spawn(program, stdio, true)
}

fn spawn(program: &Program, stdio: Stdio, own_group: bool) -> Result<Child, RunError> {
    let (name, arguments) = program.argv.split_first().ok_or_else(|| own(io::ErrorKind::InvalidInput.into()))?;
    let mut command = std::process::Command::new(name);
    command.args(arguments).env_clear().envs(program.env.iter().cloned());
    command.stdin(stdio.stdin).stdout(stdio.stdout).stderr(stdio.stderr);
    if own_group {
        command.process_group(0);
    }
    if let Some(folder) = &program.cwd {
        command.current_dir(folder);
    }
    let child = command.spawn().map_err(|source| RunError::Own { step: "start a shell", source })?;
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    let pidfd = process::pidfd_open(pid, "to notice the end of a step")?;
    Ok(Child { pid, pidfd })
}

/// Ends a step that hangs; outside its whole group, inside the place is taken down with what is left.
pub(super) fn end(child: &Child, side: Side) {
    if side == Side::Outside {
        let _ = nix::sys::signal::killpg(child.pid, nix::sys::signal::Signal::SIGKILL);
    }
    let _ = process::signal(child.pidfd.as_fd(), libc::SIGKILL, "a step that does not end");
    let _ = process::wait(child.pid);
}
