//! Two places, laid side by side. Pure: facts in, verdicts out.
//!
//! `Same` is said only where both sides are known and it is so. What could not be told stays `Denied` or `Unknown`.

mod rows;

use super::visit::Uname;
use super::{Fact, Facts, Process};
use crate::kernel::namespace::{Identity, Kind};
use crate::kernel::netlink::Interface;
use serde::{Deserialize, Serialize};

/// Version of the shape of [`Comparison`] as JSON.
pub const SCHEMA: u32 = 1;

/// What the comparison of one thing says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Both sides have the same.
    Same,
    /// Each side has its own.
    Differs,
    /// One thing that has a number on each side.
    Translated {
        /// Its number inside.
        inside: i32,
        /// Its number outside.
        outside: i32,
    },
    /// One side has it, and the other cannot see it.
    Hidden,
    /// The kernel refuses to tell us.
    Denied(String),
    /// It could not be told.
    Unknown(String),
}

impl Verdict {
    /// Its word, the same in text and in JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Differs => "differs",
            Self::Translated { .. } => "translated",
            Self::Hidden => "hidden",
            Self::Denied(_) => "denied",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Why it could not be told.
    pub fn why(&self) -> Option<&str> {
        if let Self::Denied(why) | Self::Unknown(why) = self { Some(why) } else { None }
    }
}

/// What a namespace is to the one who compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// What this is about: it must differ.
    Subject,
    /// Differs only because the subject needs it.
    Helper,
    /// All others: they must be the same.
    Rest,
}

/// One of the two places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The process that was looked at, in our numbers.
    pub pid: i32,
    /// Its command line.
    pub command: Fact<String>,
}

/// One kind of namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceRow {
    /// Which.
    pub kind: Kind,
    /// What it is to this comparison.
    pub group: Group,
    /// What was found.
    pub verdict: Verdict,
    /// Whether it is as its group says; `None` where nothing was expected, or nothing could be told.
    pub as_expected: Option<bool>,
    /// Its identity outside.
    pub outside: Fact<Identity>,
    /// Its identity inside.
    pub inside: Fact<Identity>,
}

/// One field of `uname -a`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnameRow {
    /// Name of the field, as uname(2) has it.
    pub field: String,
    /// What was found.
    pub verdict: Verdict,
    /// Its value outside.
    pub outside: Option<String>,
    /// Its value inside.
    pub inside: Option<String>,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRow {
    /// What was found.
    pub verdict: Verdict,
    /// Whether it has to do with the place: one of its processes, its parent, or the process that looks.
    pub related: bool,
    /// As the outside has it.
    pub outside: Option<Process>,
    /// As the inside has it.
    pub inside: Option<Process>,
}

/// One interface name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRow {
    /// What was found. `Same` is the very same interface; two of one name in two namespaces differ.
    pub verdict: Verdict,
    /// As the outside has it.
    pub outside: Option<Interface>,
    /// As the inside has it.
    pub inside: Option<Interface>,
    /// The interface on the other side that is the other end of this one (a veth pair).
    pub peer: Option<String>,
}

/// One thing that `/proc/PID` says of the two processes themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceRow {
    /// Which: `uid-map`, `gid-map`, `setgroups`, `root`, `mounts`, `cgroup …`, `capabilities`, `no-new-privileges`, `seccomp`.
    pub code: String,
    /// What was found.
    pub verdict: Verdict,
    /// Its value outside, as text.
    pub outside: Option<String>,
    /// Its value inside, as text.
    pub inside: Option<String>,
}

/// The rows of one kind, and what they come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section<R> {
    /// `Same` where all rows are, the reason where one side could not be told, `Differs` otherwise.
    pub verdict: Verdict,
    /// The rows, sorted.
    pub rows: Vec<R>,
}

/// Two places side by side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The one place.
    pub outside: Side,
    /// The other.
    pub inside: Side,
    /// Namespaces: subject, helpers, rest.
    pub namespaces: Section<NamespaceRow>,
    /// `uname -a`, field by field.
    pub uname: Section<UnameRow>,
    /// `uname -a` as text: outside and inside.
    pub uname_text: [Option<String>; 2],
    /// `ps`: what the inside sees first, then what it does not.
    pub processes: Section<ProcessRow>,
    /// Processes that may be inside as well, but the kernel would not tell.
    pub undetermined: usize,
    /// `ip a`.
    pub links: Section<LinkRow>,
    /// Ids, mounts, cgroups, privileges of the two processes.
    pub place: Section<PlaceRow>,
}

impl Comparison {
    /// Whether every namespace is as its group says: `Some(false)` where one is not, `None` where nothing was expected
    /// or one could not be told.
    pub fn as_expected(&self) -> Option<bool> {
        let rows = || self.namespaces.rows.iter();
        if rows().any(|row| row.as_expected == Some(false)) {
            return Some(false);
        }
        rows().all(|row| row.as_expected == Some(true)).then_some(true)
    }
}

/// Lays two places side by side.
///
/// `subject` are the kinds of namespace that this is about, `helpers` those that differ only because the subject needs
/// them. With neither, nothing is expected and every kind is in [`Group::Rest`].
pub fn compare(outside: &Facts, inside: &Facts, subject: &[Kind], helpers: &[Kind]) -> Comparison {
    let side = |facts: &Facts| Side { pid: facts.pid, command: facts.command.clone() };
    let uname_text = |facts: &Facts| facts.uname.known().map(Uname::text);
    Comparison {
        schema: SCHEMA,
        outside: side(outside),
        inside: side(inside),
        namespaces: rows::namespaces(outside, inside, subject, helpers),
        uname: rows::uname(outside, inside),
        uname_text: [uname_text(outside), uname_text(inside)],
        processes: rows::processes(outside, inside),
        undetermined: inside.processes.known().map_or(0, |seen| seen.undetermined),
        links: rows::links(outside, inside),
        place: rows::place(outside, inside),
    }
}
