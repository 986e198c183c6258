//! What can go wrong with an experiment.

use super::Mechanism;
use crate::error::Explain;
use crate::exit::Exit;
use crate::stages::exit::UndoError;
use crate::stages::place::PlaceError;
use crate::state::RecordError;
use serde::{Deserialize, Serialize};

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
pub enum WithoutError {
    /// The stand-in for the host.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The journal.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// What could not be taken back.
    #[error(transparent)]
    Undo(#[from] UndoError),
    /// It went wrong on the stand-in.
    #[error("{}", .0.chain.join(": "))]
    There(There),
    /// The process that stands for the host ended without a word.
    #[error("the process that stands for the host has ended")]
    Silent,
    /// It is not there, so it cannot be taken away.
    #[error("there are no limits to take away: no cgroup is this user's to write")]
    NoLimits,
    /// What runs without it could do something to the machine.
    #[error("as root of this machine no command is run without {}: it could reach what is the machine's", .0.title())]
    Unsafe(Mechanism),
    /// Something of our own that should not fail.
    #[error("cannot {step}")]
    Io {
        /// What was being done.
        step: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// A failure, as it crosses from the stand-in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct There {
    /// From the outermost to the cause.
    pub chain: Vec<String>,
    /// What helps.
    pub hint: Option<String>,
    /// The exit code.
    pub code: u8,
}

impl There {
    /// Of an error that knows what helps.
    pub(super) fn of<E: Explain>(error: &E) -> Self {
        Self { chain: crate::error::chain(error), hint: error.hint(), code: error.exit().code() }
    }
}

impl Explain for WithoutError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Place(error) => error.hint(),
            Self::Record(error) => error.hint(),
            Self::There(there) => there.hint.clone(),
            Self::Silent => Some("`dmesg` tells what the kernel kills".into()),
            Self::NoLimits => Some(format!(
                "run `explore without {}` as root, or in a scope that systemd delegates: `systemd-run --user --scope -p Delegate=yes explore …`",
                Mechanism::CgroupLimits.word()
            )),
            Self::Unsafe(one) => Some(format!(
                "`explore without {}` alone shows what changes and runs nothing; an ordinary user may give a command, for it can do no more than he",
                one.word()
            )),
            Self::Undo(_) | Self::Io { .. } => None,
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Place(error) => error.exit(),
            Self::There(there) => Exit::Container(there.code),
            Self::NoLimits | Self::Unsafe(_) => Exit::Failed,
            _ => Exit::Engine,
        }
    }
}
