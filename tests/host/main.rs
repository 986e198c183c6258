//! What the host sees of us: nothing afterwards, whatever happens meanwhile. These tests run one at a time.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]
#![allow(clippy::print_stderr, reason = "a sweep tells how many of its kills met somebody")]

#[path = "../support/mod.rs"]
mod support;

mod crowd;
mod fallback;
mod kill;
mod leak_check;
mod witness;
