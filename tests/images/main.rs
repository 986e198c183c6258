//! What images promise: what is in the store is whole and true, and nothing that an archive or a registry says reaches
//! beyond it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]

#[path = "../support/mod.rs"]
mod support;

mod archives;
mod equal;
mod fetching;
mod forge;
mod hostile;
mod killed;
mod layers;
mod liars;
mod peers;
mod places;
mod pull;
mod pushed;
mod registry;
mod served;
