//! Running a lesson: one engine, and a [`Reader`] for each way of following it.
//!
//! `sh` blocks are typed into one shell a side; inside it is PID 1. Everything else that runs is a new process that
//! joins, as `explore exec` does, so only the kernel's state and files carry over from one to the next. The kernel marks
//! predictions: whichever option holds here and now is the right one, and exactly one must.

mod asked;
mod compared;
mod container;
mod engine;
mod event;
mod output;
mod prove;
mod replay;
mod scene;
mod shell;
mod step;
mod sweep;
mod syntax;
mod verdict;
mod visit;
mod watch;

pub use asked::{Call, NARRATE_TO};
pub use engine::{Outcome, run};
pub use event::{Event, SCHEMA, Tier};
pub use prove::{once, prove};
pub use replay::replay;
pub use scene::Setting;
pub use step::Answer;
pub use sweep::{Scope, clear_all};
pub use syntax::unreadable;
pub use watch::{WatchError, Watched, watched};

use super::page::{Exercise, Page, Position, Predict};
use crate::error::Explain;
use crate::kernel;
use crate::stages::create::CreateError;
use crate::stages::place::PlaceError;
use crate::state::{RecordError, RootError};
use std::io;

/// Why a lesson stops before its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The lesson says something that is not so.
    #[error("{at}: {what}: expected {expected}, found {found}")]
    Broken {
        /// Where it says so.
        at: Position,
        /// The block, and what was done.
        what: String,
        /// What it expects.
        expected: String,
        /// What was found.
        found: String,
        /// What was printed, and what else helps to see why.
        evidence: String,
    },
    /// A step does not end.
    #[error("{at}: `{command}` has not ended after {seconds} seconds")]
    Hung {
        /// Where it stands.
        at: Position,
        /// The command.
        command: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The shell of one side has ended while it was needed.
    #[error("{at}: the shell {side} has ended")]
    NoShell {
        /// What was to be typed into it.
        at: Position,
        /// Which.
        side: &'static str,
        /// What was printed last.
        printed: String,
    },
    /// The place cannot be made or entered.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The container that the lesson compares with.
    #[error(transparent)]
    Container(#[from] CreateError),
    /// A system call.
    #[error(transparent)]
    Kernel(#[from] kernel::Error),
    /// The reader's answers cannot be kept.
    #[error(transparent)]
    Progress(#[from] crate::lesson::progress::ProgressError),
    /// The journal.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The lesson's own state folder.
    #[error(transparent)]
    Roots(#[from] RootError),
    /// A step of our own.
    #[error("cannot {step}")]
    Own {
        /// Which.
        step: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What we write to, or read answers from.
    #[error("cannot go on with the reader")]
    Screen(#[source] io::Error),
    /// An answer was asked for, and nobody is there to give one.
    #[error("no answer: standard input has ended")]
    NoAnswer,
}

impl Explain for RunError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Broken { evidence, .. } => {
                let told =
                    "the lesson is wrong here, or this machine is one that it does not know; your answers are not";
                Some(if evidence.is_empty() { told.into() } else { format!("{told}\n{}", evidence.trim_end()) })
            }
            Self::Hung { .. } => Some("`--timeout SECONDS` waits longer".into()),
            Self::NoShell { printed, .. } if !printed.trim().is_empty() => {
                Some(format!("the last that it printed:\n{}", printed.trim_end()))
            }
            Self::NoShell { .. } => Some("a syntax error, or `exit`, ends a shell".into()),
            Self::NoAnswer => Some("`--yes` shows the lesson with its answers, and asks nothing".into()),
            Self::Place(error) => error.hint(),
            Self::Container(error) => error.hint(),
            Self::Kernel(error) => kernel::hint(error),
            Self::Progress(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::Roots(error) => error.hint(),
            Self::Own { .. } | Self::Screen(_) => None,
        }
    }
}

/// What the reader says to a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// This option, from 0.
    Chosen(usize),
    /// A hint, then again.
    Hint,
    /// Nobody is asked here.
    Unasked,
    /// Enough.
    Leave,
}

/// What the reader wants at a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// The next block; an exercise that is not done is shown.
    GoOn,
    /// A shell on that side.
    Visit(super::page::Side),
    /// To know whether the exercise is done.
    Verify,
    /// A hint.
    Hint,
    /// The block again, in a place made anew.
    Again,
    /// Enough.
    Leave,
}

/// A stop: what was just done, and whether there is something to verify.
#[derive(Debug, Clone, Copy)]
pub struct Stop<'a> {
    /// Id of the block.
    pub block: &'a str,
    /// The exercise that is open, if it is one.
    pub exercise: Option<&'a Exercise>,
    /// Whether the lesson has an inside.
    pub has_inside: bool,
    /// Whether anything runs here: in a replay there is no shell to be had, and nothing to do again.
    pub is_live: bool,
}

/// Somebody who follows a lesson: a person at a terminal, a page of text, a program.
pub trait Reader {
    /// Is told what happens.
    ///
    /// # Errors
    /// Those of writing.
    fn tell(&mut self, page: &Page, event: &Event) -> io::Result<()>;

    /// Predicts.
    ///
    /// # Errors
    /// [`RunError::NoAnswer`], [`RunError::Screen`].
    fn predict(&mut self, block: &str, predict: &Predict) -> Result<Reply, RunError>;

    /// Says what to do at a stop.
    ///
    /// # Errors
    /// As [`Reader::predict`].
    fn stop(&mut self, stop: &Stop<'_>) -> Result<Wish, RunError>;
}
