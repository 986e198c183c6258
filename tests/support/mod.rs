//! What all tests stand on. Read this before writing one.
//!
//! **Where tests live.** One binary for each thing that tests protect (`tests/cli/main.rs`, `tests/host/main.rs`, …),
//! a module in it for each subject: linking is what costs time, so add a module before a binary. A binary begins with
//!
//! ```text
//! #![allow(clippy::unwrap_used, clippy::expect_used)]     // a test may fail by panic
//! #[path = "../support/mod.rs"]
//! mod support;
//! ```
//!
//! **What a test looks like.** Its name says what would be false if the code were wrong. It states status, standard
//! output and standard error in full where they are ours, and relations (same, differs, more than before) where the
//! kernel chooses: never an inode, a PID, a time.
//!
//! ```text
//! explore(["no-such-command"]).run().status(2).stdout("");
//!
//! let learner = Learner::new();                 // a state folder that later commands share
//! let before = HostState::of(&learner);         // nothing else that looks at the host runs meanwhile
//! learner.explore(["run", "--rm", "demo", "true"]).run().status(0).stdout("").stderr("");
//! before.assert_unchanged();                    // mounts, links, routes, rules, sysctls, cgroups, processes, files
//! ```
//!
//! **On which machine it runs.** As root, each [`Learner`] gets a *machine*: mount, PID, network and UTS namespaces of
//! its own on the same kernel. Whatever a failing test leaves behind dies with it, tests run side by side, and the
//! leak check sees only what the test did. `Learner::on_this_host()` is the exception, for tests about the host itself.
//! Without root there is no machine, and tests that want [`Learner::user`] or root are skipped.
//!
//! **Who runs it.** [`Learner::new`] is whoever runs the tests; [`Learner::user`] is a uid that no file lists, with a
//! HOME, a run folder and a copy of the binary of its own.
//!
//! **Skipping.** Only `require!(name, condition, reason)` may skip. It says `SKIPPED name: reason`; with `CI=true` a
//! skip that `tests/skips.txt` does not list fails the test. `.ci/run` counts them.
//!
//! **Terminals.** `learner.explore([..]).terminal(80)` runs the command in a pseudo-terminal of 80 columns with a vt100
//! screen behind it: `wait_for`, `type_line`, `screen`, `finish`.
//!
//! **Time.** Nothing asserts a duration. Waiting has one limit ([`PATIENCE`]), which only a hang reaches.
#![allow(dead_code, unused_imports, unused_macros, reason = "each test binary uses a part of this")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]

mod host_state;
mod learner;
mod machine;
mod nft;
mod random;
mod requirement;
mod run;
mod terminal;

pub(crate) use host_state::{HostState, cgroups_of, pids_in};
pub(crate) use learner::{Learner, built};
pub(crate) use machine::Machine;
pub(crate) use random::Random;
pub(crate) use requirement::{has_program, is_root, require, skip};
pub(crate) use run::{Output, Run, Running};
pub(crate) use terminal::Terminal;

use std::ffi::OsStr;
use std::time::{Duration, Instant};

/// How long a command may take before it counts as hung: eight lessons are proved at once, and gVisor alone computes ten
/// seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// `explore` with these arguments, for a learner who has nothing yet.
pub(crate) fn explore<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Run {
    Learner::new().explore(arguments)
}

/// Where a learner's only container keeps what it writes.
pub(crate) fn upper_of_the_only_container(learner: &Learner) -> std::path::PathBuf {
    let containers = std::fs::read_dir(learner.state().join("data/containers")).unwrap();
    let uppers = containers.map(|one| one.unwrap().path().join("upper"));
    uppers.into_iter().find(|upper| upper.is_dir()).unwrap()
}

/// Waits until something holds; what does not come within [`PATIENCE`] does not come.
#[track_caller]
pub(crate) fn eventually(what: &str, holds: impl FnMut() -> bool) {
    eventually_or(|| what.to_owned(), holds);
}

/// As [`eventually`]; what to say is composed only where it must be said.
#[track_caller]
pub(crate) fn eventually_or(what: impl Fn() -> String, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "this never came: {}", what());
        std::thread::sleep(Duration::from_millis(20));
    }
}
