//! What the command line promises: help, exit codes, one sentence for each mistake, any width, any pipe.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]

#[path = "../support/mod.rs"]
mod support;

mod chinese;
mod dockers_words;
mod kit;
mod mistakes;
mod state_folder;
mod usage;
