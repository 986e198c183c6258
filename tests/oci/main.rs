//! The OCI runtime: `explore oci` beside runc and crun over the same bundles, and under the real dockerd and podman.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]

#[path = "../support/mod.rs"]
mod support;

mod attacks;
mod bundle;
mod devcontainer;
mod docker;
mod hooks;
mod killed;
mod lifecycle;
mod peers;
mod podman;
mod refused;
mod terminal;
