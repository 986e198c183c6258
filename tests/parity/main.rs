//! The same image under docker, podman, runc, crun and explore: what each shows, as rows of `book/src/parity.md`.
//!
//! The chapter is the truth: every row of it must be what is seen now, everything that is seen must have its row, and
//! where two engines differ the row says why. `EXPLORE_PARITY=write` writes the rows anew and keeps the reason of each
//! that still shows what the reason was given for; a row that is left without one fails the next run.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]
#[path = "../support/mod.rs"]
mod support;

mod changes;
mod chapter;
mod commands;
mod engine;
mod inside;
mod inspect;
mod limits;
mod mistakes;

use crate::engine::Engines;
use crate::support::{has_program, is_root, require};

/// The rows tell of one kind of machine: version 1 of cgroups has the controllers, and version 2 stands beside it.
fn this_machine_is_the_chapters() -> bool {
    let hybrid =
        explore::kernel::cgroup::hierarchies().is_ok_and(|trees| explore::kernel::cgroup::layout(&trees) == "hybrid");
    hybrid && is_root() && ["dockerd", "podman", "runc", "crun"].into_iter().all(has_program)
}

const NEEDS: &str = "needs root, dockerd(8), podman, runc, crun, and cgroups in both versions";

#[test]
fn what_an_image_sees_is_what_the_book_says() {
    require!("parity::inside", this_machine_is_the_chapters(), NEEDS);
    let engines = Engines::start();
    chapter::compare("inside", &engines.all(inside::plain));
    chapter::compare("terminal", &engines.all(inside::terminal));
    chapter::compare("limits", &engines.all(limits::values));
}

#[test]
fn commands_answer_what_the_book_says() {
    require!("parity::commands", this_machine_is_the_chapters(), NEEDS);
    let engines = Engines::start();
    chapter::compare("mounts", &engines.clients(inside::mounts));
    chapter::compare("codes", &engines.clients(commands::codes));
    chapter::compare("diff", &engines.clients(changes::diff));
    mistakes::compare(&engines);
}

#[test]
fn inspect_tells_what_docker_tells() {
    require!("parity::inspect", this_machine_is_the_chapters(), NEEDS);
    let engines = Engines::start();
    inspect::compare(&engines);
}
