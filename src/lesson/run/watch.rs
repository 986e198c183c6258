//! A lesson runs in a child; its parent waits, and takes down what the child has made, however the child has ended.

use super::{Outcome, RunError, sweep};
use crate::error::Explain;
use crate::exit::Exit;
use crate::kernel::process::{self, Ended};
use crate::narrate::Role;
use crate::state::{ProcessIdentity, Roots};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill};
use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::io::{self, IsTerminal, Read, Write};

/// How a watched run ended.
#[derive(Debug)]
pub enum Watched {
    /// By itself, with what it answered.
    Ended(Outcome),
    /// By this signal, its own or one that we were sent.
    Signalled(i32),
}

/// An error of the child, as it crosses to the parent.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    text: String,
    hint: Option<String>,
    exit: u8,
}

/// What the child says last.
#[derive(Debug, Serialize, Deserialize)]
enum LastWord {
    Finished,
    Left,
    Failed(Told),
}

/// A run that failed in the child.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// It said why.
    #[error("{text}")]
    Failed {
        /// The chain of causes.
        text: String,
        /// What the reader can do.
        hint: Option<String>,
        /// The exit code.
        exit: u8,
    },
    /// It ended without a word.
    #[error("the lesson has ended without a word")]
    Silent,
    /// It could not be started, or what it made could not be taken down.
    #[error(transparent)]
    Own(#[from] RunError),
}

impl Explain for WatchError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Failed { hint, .. } => hint.clone(),
            Self::Silent => Some("what it made is taken down; this is a bug".into()),
            Self::Own(error) => error.hint(),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Failed { exit, .. } => Exit::Container(*exit),
            Self::Silent => Exit::Failed,
            Self::Own(error) => error.exit(),
        }
    }
}

/// Runs `work` in a child and takes down afterwards whatever its scenes have left.
///
/// # Errors
/// [`WatchError`]; a failure of the child comes first.
pub fn watched(
    roots: &Roots,
    keep: bool,
    work: impl FnOnce(ProcessIdentity) -> Result<Outcome, RunError>,
) -> Result<Watched, WatchError> {
    let own = |source: io::Error| RunError::Own { step: "watch over the lesson", source };
    let terminal = tcgetattr(io::stdin()).ok();
    let (mut heard, telling) = io::pipe().map_err(own)?;
    let signals = watched_signals();
    let before = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK).map_err(|errno| own(errno.into()))?;
    let me = ProcessIdentity::myself();
    let child = process::fork(Role::Cli, "the lesson, so that its parent can tidy up after it", || {
        let _ = before.thread_set_mask();
        let mut telling = telling;
        // Whoever tidies up must not be outlived: the place dies with us in turn.
        let last = match process::die_with_parent("a lesson without its parent has nobody to tidy up after it") {
            Ok(()) => last_word(work(me)),
            Err(error) => last_word(Err(error.into())),
        };
        let _ = telling.write_all(&serde_json::to_vec(&last).unwrap_or_default());
        0
    })
    .map_err(RunError::from)?;
    let (ended, told_to) = wait(child, &signals);
    let mut said = Vec::new();
    let _ = heard.read_to_end(&mut said);
    if let (Some(settings), Some(_)) = (terminal, signal_of(ended).or(told_to)) {
        restore(&settings);
    }
    let cleared = if keep { Ok(()) } else { sweep::clear_all(roots, sweep::Scope::HeldBy(me)).map(drop) };
    let _ = before.thread_set_mask();
    if let Some(number) = told_to.or(signal_of(ended)) {
        cleared?;
        return Ok(Watched::Signalled(number));
    }
    let answer = understand(&said);
    answer.and_then(|outcome| cleared.map(|()| Watched::Ended(outcome)).map_err(WatchError::from))
}

fn watched_signals() -> SigSet {
    let mut set = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT] {
        set.add(signal);
    }
    set
}

/// Waits for the child; passes on signals that ask us to end, the second time as one that cannot be refused.
fn wait(child: Pid, signals: &SigSet) -> (Ended, Option<i32>) {
    let mut told_to = None;
    loop {
        match waitpid(child, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, status)) => return (Ended::Exited(status), told_to),
            Ok(WaitStatus::Signaled(_, signal, _)) => return (Ended::Killed(signal as i32), told_to),
            Ok(_) => {}
            Err(_) => return (Ended::Exited(255), told_to),
        }
        match signals.wait() {
            Ok(Signal::SIGCHLD) | Err(_) => {}
            Ok(signal) => {
                let passed = if told_to.is_some() { Signal::SIGKILL } else { signal };
                let _ = kill(child, passed);
                told_to = Some(signal as i32);
            }
        }
    }
}

fn signal_of(ended: Ended) -> Option<i32> {
    match ended {
        Ended::Killed(number) => Some(number),
        Ended::Exited(_) => None,
    }
}

/// A prompt that was killed may have left the terminal raw and its cursor hidden.
fn restore(settings: &nix::sys::termios::Termios) {
    let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, settings);
    if io::stderr().is_terminal() {
        let _ = io::stderr().write_all(b"\x1b[?25h\n");
    }
}

fn last_word(result: Result<Outcome, RunError>) -> LastWord {
    match result {
        Ok(Outcome::Finished) => LastWord::Finished,
        Ok(Outcome::Left) => LastWord::Left,
        Err(error) => {
            let exit = match &error {
                RunError::Screen(source) if source.kind() == io::ErrorKind::BrokenPipe => CLOSED_PIPE,
                _ => error.exit().code(),
            };
            LastWord::Failed(Told { text: chain(&error), hint: error.hint(), exit })
        }
    }
}

/// How a shell shows an end by SIGPIPE.
const CLOSED_PIPE: u8 = 141;

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        let said = one.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = one.source();
    }
    text
}

fn understand(word: &[u8]) -> Result<Outcome, WatchError> {
    match serde_json::from_slice(word) {
        Ok(LastWord::Finished) => Ok(Outcome::Finished),
        Ok(LastWord::Left) => Ok(Outcome::Left),
        Ok(LastWord::Failed(told)) if told.exit == CLOSED_PIPE => {
            Err(RunError::Screen(io::ErrorKind::BrokenPipe.into()).into())
        }
        Ok(LastWord::Failed(Told { text, hint, exit })) => Err(WatchError::Failed { text, hint, exit }),
        Err(_) => Err(WatchError::Silent),
    }
}
