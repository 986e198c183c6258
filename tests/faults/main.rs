//! What may go wrong does: each system call fails, each process is killed at each call, many start at once.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]

#[path = "../support/mod.rs"]
mod support;

mod errors;
mod sweep;
mod tracer;
