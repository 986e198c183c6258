//! The only place that isolates, and the only place with `unsafe`. A file a mechanism; each function is one system
//! call, or the fixed sequence that the manual page asks for, and says why it is made.

#![allow(unsafe_code)]
// Numbers cross this border in the types that the kernel has, not in those that we would choose.
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

mod call;
mod hint;
pub mod interfaces;
pub mod namespace;
pub mod netlink;
pub mod netns;
pub mod nft;
pub mod nsfs;
pub mod process;
pub mod pty;
pub mod sysctl;

pub use call::{Answer, Error, Result, call};
pub use hint::hint;
