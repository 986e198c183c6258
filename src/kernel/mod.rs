//! The only place that isolates, and the only place with `unsafe`. A file a mechanism; each function is one system
//! call, or the fixed sequence that the manual page asks for, and says why it is made.

#![allow(unsafe_code)]
// Numbers cross this border in the types that the kernel has, not in those that we would choose.
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]
// Paths are shown in quotes with what is odd in them escaped, as strace shows them.
#![allow(clippy::unnecessary_debug_formatting)]

pub mod attribute;
pub mod bpf;
mod call;
pub mod capability;
pub mod cgroup;
pub mod chroot;
pub mod clock;
pub mod feature;
pub mod fifo;
pub mod fs;
mod hint;
pub mod keyring;
pub mod landlock;
pub mod machine;
pub mod mount;
pub mod namespace;
pub mod netlink;
pub mod netns;
pub mod nft;
pub mod nsfs;
pub mod overlay;
pub mod port;
pub mod process;
pub mod pty;
pub mod rlimit;
pub mod rootfs;
pub mod seccomp;
pub mod sysctl;
pub mod thread;
pub mod trace;
pub mod user;
pub mod uts;
pub mod xattr;

pub use call::{Answer, Error, Result, call};
pub use hint::hint;
