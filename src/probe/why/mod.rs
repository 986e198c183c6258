//! Why not? A command is run and watched, and for each system call that was refused the layer is found that said no.
//!
//! Watching is ptrace(2), and not the other two ways that were at hand. A seccomp notifier sees a call before it is made
//! and never its answer, needs no_new_privs (which is itself one of the layers), and is one filter more to be blamed.
//! strace(1) prints text after the fact. A process that is stopped at its call still has everything it was judged by.
//!
//! Finding the layer is looking and trying: modes, mounts, maps, capabilities and limits are read from /proc as that
//! process has them; a filter whose program was seen is worked out, one that was here before is asked nonsense; Landlock
//! rules are counted by laying more on a child. "No layer that we know" is an answer ([`Layer::Unknown`]).

mod capability;
mod delegation;
mod file;
mod filter;
mod identity;
mod judge;
mod limit;
mod mount;
mod namespace;
mod network;
mod path;
mod render;
mod subject;
mod sysctl;
mod verdict;
mod watch;

pub use verdict::{Layer, Verdict};
pub use watch::Refusal;

use crate::kernel::process::Ended;
use crate::kernel::trace;
use serde::Serialize;
use std::ffi::CString;

/// What a command met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// Its exit code; 128+n where signal n ended it.
    pub code: u8,
    /// The refusal that it failed by: the last one of a process that failed. None where it succeeded, or nothing was refused.
    pub refused: Option<Refusal>,
    /// What else was refused, in order.
    pub others: Vec<Refusal>,
    /// A set-user-ID program that could not be watched.
    pub unseen: Option<String>,
}

/// Runs a command and watches it. With `only_inside` only refusals in a mount namespace other than ours count.
///
/// # Errors
/// Those of [`trace::run`].
pub fn watch(argv: &[CString], env: &[CString], only_inside: bool) -> crate::kernel::Result<Findings> {
    let mut watch = watch::Watch::new(only_inside);
    let ended: Ended = trace::run(argv, env, &mut watch)?;
    let mut others = watch.refusals;
    let failed = ended != Ended::Exited(0);
    let of_failed = others.iter().rposition(|one| watch.failed.contains(&one.process));
    let decisive = of_failed.or_else(|| others.len().checked_sub(1)).filter(|_| failed);
    let refused = decisive.map(|place| others.remove(place));
    Ok(Findings { code: ended.code(), refused, others, unseen: watch.unseen })
}
