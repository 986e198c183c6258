//! The six rooms of `docker run`, in the order in which one walks through them: pull, create, layer, network, exec,
//! exit. Each validates, sets up, and tears down; each can be used alone.

pub mod network;
pub mod place;
pub mod pull;
