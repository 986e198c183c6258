//! A shell for the reader at a stop, on either side, on the reader's own terminal.

use super::RunError;
use super::scene::Scene;
use super::step::run_to_end;
use crate::lesson::page::Side;
use crate::stages::place::{Program, Stdio};
use nix::sys::signal::{SigSet, Signal};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Gives the reader a shell on `side` until they leave it.
pub(super) fn visit(scene: &Scene, side: Side) -> Result<(), RunError> {
    let stdio = Stdio { stdin: copy(&io::stdin())?, stdout: copy(&io::stdout())?, stderr: copy(&io::stderr())? };
    let mut program = scene.program(side, "");
    program.argv = shell(&program);
    program.env.push(("PS1".into(), format!("{}# ", side.word())));
    let place = scene.place.as_ref().filter(|_| side == Side::Inside);
    let result = run_to_end(place, &program, stdio);
    take_terminal_back();
    result
}

/// Bash without its start files (they would take our prompt away), or what every system has.
fn shell(program: &Program) -> Vec<String> {
    let path = program.env.iter().find(|(name, _)| name == "PATH").map_or("", |(_, value)| value.as_str());
    let there = path.split(':').any(|folder| std::path::Path::new(folder).join("bash").exists());
    let words: &[&str] = if there { &["bash", "--norc", "--noprofile", "-i"] } else { &["sh", "-i"] };
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn copy<Fd: AsFd>(fd: &Fd) -> Result<OwnedFd, RunError> {
    fd.as_fd().try_clone_to_owned().map_err(|source| RunError::Own { step: "give a shell the terminal", source })
}

/// A shell makes its own process group the one that the terminal listens to. Inside a PID namespace it cannot name ours
/// to give it back (it has no number there), so we take it; tcsetpgrp(3) from the background would stop us otherwise.
fn take_terminal_back() {
    let mut blocked = SigSet::empty();
    blocked.add(Signal::SIGTTOU);
    let Ok(before) = blocked.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK) else { return };
    let _ = nix::unistd::tcsetpgrp(io::stdin(), nix::unistd::getpgrp());
    let _ = before.thread_set_mask();
}
