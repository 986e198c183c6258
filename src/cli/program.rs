//! Flags of `create` and `run` about the program inside: who it is, how it is ended, what it may use.

use crate::stages::create::{Program, Ulimit};
use crate::stages::exit::Signal;
use std::path::PathBuf;

/// Named as docker names them.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The program inside")]
pub(super) struct ProgramFlags {
    /// Run this before the command, instead of what the image names; '' for nothing
    #[arg(long, value_name = "PROGRAM")]
    entrypoint: Option<String>,
    /// Set the variables that a file lists, NAME=VALUE a line
    #[arg(long, value_name = "FILE")]
    pub(super) env_file: Vec<PathBuf>,
    /// Who it is: a number, or a name of the image's /etc/passwd; with `:GROUP` its group as well
    #[arg(short, long)]
    user: Option<String>,
    /// One more group: a number, or a name of the image's /etc/group
    #[arg(long, value_name = "GROUP")]
    group_add: Vec<String>,
    /// What one process may use: `nofile=1024`, or with the most it may ask for `nofile=1024:4096`
    #[arg(long, value_name = "LIMIT")]
    ulimit: Vec<Ulimit>,
    /// Let an init be PID 1, which passes signals on and collects orphans; the command is its child
    #[arg(long)]
    init: bool,
    /// The signal that `stop` sends; SIGTERM where the image names none
    #[arg(long, value_name = "SIGNAL")]
    stop_signal: Option<Signal>,
    /// Seconds that `stop` waits before it kills; 10 without
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    stop_timeout: Option<i64>,
}

impl ProgramFlags {
    pub(super) fn program(&self) -> Program {
        Program {
            entrypoint: self.entrypoint.clone(),
            init: self.init,
            user: self.user.clone(),
            groups: self.group_add.clone(),
            ulimits: last_of_each(&self.ulimit),
            stop_signal: self.stop_signal,
            stop_timeout: self.stop_timeout,
        }
    }
}

/// The same limit twice: the later word holds.
fn last_of_each(typed: &[Ulimit]) -> Vec<Ulimit> {
    let mut kept: Vec<Ulimit> = Vec::new();
    for one in typed {
        kept.retain(|old| old.resource != one.resource);
        kept.push(*one);
    }
    kept
}
