//! Lessons: that each is true, that a reader can follow them, and that nothing is left of them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]

#[path = "../support/mod.rs"]
mod support;

mod audit;
mod book;
mod broken;
mod ends;
mod followed;
mod reader;
mod tiers;
mod written;
