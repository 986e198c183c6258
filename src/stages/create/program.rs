//! What is asked for the program that a container runs, besides its command: who it is, how it is ended, its limits.

use super::ulimit::Ulimit;
use crate::image::Image;
use crate::stages::exit::Signal;
use crate::stages::user::Wanted;
use serde::{Deserialize, Serialize};

/// As it was typed; in a container's record, with what the image says where nothing was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Program {
    /// `--entrypoint`: what stands before the command; empty for nothing.
    pub entrypoint: Option<String>,
    /// `--init`: PID 1 is an init of ours, and the program its child.
    pub init: bool,
    /// `--user`.
    pub user: Option<String>,
    /// `--group-add`.
    pub groups: Vec<String>,
    /// `--ulimit`.
    pub ulimits: Vec<Ulimit>,
    /// `--stop-signal`.
    pub stop_signal: Option<Signal>,
    /// `--stop-timeout`: seconds.
    pub stop_timeout: Option<i64>,
}

impl Program {
    /// Who that is, to be looked up.
    pub fn who(&self) -> Wanted {
        Wanted { user: self.user.clone().unwrap_or_default(), groups: self.groups.clone() }
    }

    /// What `stop` sends: SIGTERM where nobody said anything else.
    pub fn stop_signal(&self) -> Signal {
        self.stop_signal.unwrap_or(Signal::TERM)
    }

    /// With what the image says.
    pub(super) fn of_image(&self, image: &Image) -> Self {
        let config = image.config.config();
        let mut program = self.clone();
        let config = config.as_ref();
        program.user = program.user.or_else(|| config.and_then(|config| config.user().clone()));
        // An image that names no signal we know is stopped as any other.
        let of_image = || config.and_then(|config| config.stop_signal().as_ref()?.parse().ok());
        program.stop_signal = program.stop_signal.or_else(of_image);
        program
    }

    /// The command: what was typed, or the image's own; before it the entry point. One that was typed replaces both of
    /// the image's, for the image's command was written for the image's entry point (moby daemon/commit.go, `merge`).
    pub(super) fn command(&self, typed: &[String], image: &Image) -> Vec<String> {
        let (entry, rest) = self.words(typed, image);
        [entry, rest].concat()
    }

    /// The same in its two parts: the entry point, and what it is given.
    pub(super) fn words(&self, typed: &[String], image: &Image) -> (Vec<String>, Vec<String>) {
        let config = image.config.config();
        let listed = |list: Option<&Vec<String>>| list.cloned().unwrap_or_default();
        let (entry, rest) = match &self.entrypoint {
            Some(entry) if entry.is_empty() => (Vec::new(), Vec::new()),
            Some(entry) => (vec![entry.clone()], Vec::new()),
            None => (
                listed(config.as_ref().and_then(|config| config.entrypoint().as_ref())),
                listed(config.as_ref().and_then(|config| config.cmd().as_ref())),
            ),
        };
        if typed.is_empty() { (entry, rest) } else { (entry, typed.to_vec()) }
    }
}
