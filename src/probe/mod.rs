//! Looking at a place: what a process sees of the machine, told from outside of it.
//!
//! [`look`] gathers the facts of one process, [`compare`] lays two of them side by side. Both return data and print
//! nothing.
//!
//! What is looked at is never trusted, and never touched. Processes, mounts and ids are read from *our* `/proc`, which
//! the place cannot forge; interfaces and the host name come from a child that joins the network and UTS namespace
//! alone, asks the kernel and leaves. Nobody joins a mount namespace, so no file of the place is read, loaded or run.
//!
//! "Could not tell" is an answer here and not an error: see [`Fact`] and [`Verdict`].

pub mod applet;
mod comparison;
mod fact;
mod inspect;
pub mod iproute;
pub mod need;
mod place;
mod process;
mod users;
mod visit;
pub mod why;

pub use comparison::{
    Comparison, Group, LinkRow, NamespaceRow, PlaceRow, ProcessRow, SCHEMA, Section, Side, UnameRow, Verdict, compare,
};
pub use fact::Fact;
pub use inspect::{Facts, look};
pub use place::{CgroupMembership, IdMap, Ids, Mount, Privileges};
pub(crate) use process::command_line;
pub use process::{Process, Processes};
pub use visit::Uname;

/// The name of a user of this machine, or the number.
pub(crate) fn user_name(uid: u32) -> String {
    users::Users::of_machine().name(uid)
}

/// A gid by its name in our `/etc/group`, or as a number.
pub(crate) fn group_name(gid: u32) -> String {
    users::Users::groups_of_machine().name(gid)
}
