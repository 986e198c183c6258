//! Each stage by itself, on a real kernel: what it makes, and that nothing of it stays.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]

#[path = "../support/mod.rs"]
mod support;

mod attach;
mod caller;
mod changes;
mod commit;
mod containers;
mod cp;
mod crafted;
mod deep;
mod docker;
#[path = "../images/forge.rs"]
#[allow(dead_code, reason = "each test binary uses a part of this")]
mod forge;
mod guest;
mod known;
mod layer;
mod lifecycle;
mod limits;
mod map;
mod network;
mod privileges;
mod program;
mod rootless;
mod safety;
mod seccomp;
mod spaces;
mod stand_in;
mod sysctl;
mod volumes;
mod walk;
mod way_out;
mod without;
