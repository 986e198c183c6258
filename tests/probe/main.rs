//! Looking at places: what differs is said to differ, what could not be told is never said to be the same, and nothing
//! in a place can lie to who looks at it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]

#[path = "../support/mod.rs"]
mod support;

mod applet;
mod doctor;
mod places;
mod profiles;
mod rendering;
mod target;
mod untold;
mod why;
