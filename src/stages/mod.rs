//! The six rooms of `docker run`, in the order in which one walks through them: pull, create, layer, network, exec,
//! exit. Each validates, sets up, and tears down; each can be used alone.

pub mod pull;

pub mod copy;

pub mod create;

pub mod layer;

pub mod network;

pub mod commit;

pub mod connection;

pub mod exec;

pub mod exit;

pub mod failure;
mod handle;
pub mod keeper;
pub mod narrator;
pub mod place;
pub mod push;
mod sibling;
pub mod user;
pub mod volume;
