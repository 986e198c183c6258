//! Whether a lesson can run here: what it needs, and what is missing.

use super::page::Page;
use super::recording::Recording;
use super::run::Tier;
use crate::probe::need::{self, Answer};
use crate::state::Roots;
use serde::Serialize;
use std::cell::RefCell;
use std::collections::HashMap;

/// Something that a lesson needs and that this machine does not give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The need, by the name that `explore doctor` uses.
    pub need: String,
    /// What was seen, and which layer says no.
    pub why: String,
    /// What helps, where something does.
    pub fix: Option<String>,
    /// A command that is refused by the same layer, for `explore why --`, where there is a short one.
    pub ask: Option<String>,
    /// The lesson about that layer.
    pub lesson: Option<&'static str>,
}

/// How a lesson can be followed here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "way")]
pub enum Way {
    /// On this kernel.
    Live {
        /// As whom.
        tier: Tier,
    },
    /// As a recording of another machine.
    Replay {
        /// Why not live.
        missing: Vec<Missing>,
    },
    /// Not at all.
    No {
        /// Why.
        missing: Vec<Missing>,
    },
}

impl Way {
    /// In a word, for a list.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Live { tier } => tier.word(),
            Self::Replay { .. } => "replay",
            Self::No { .. } => "no",
        }
    }

    /// What keeps it from running live.
    pub fn missing(&self) -> &[Missing] {
        match self {
            Self::Live { .. } => &[],
            Self::Replay { missing } | Self::No { missing } => missing,
        }
    }
}

/// How `page` can be followed here. Needs are tried, not guessed.
pub fn way(page: &Page, roots: &Roots) -> Way {
    way_with(page, Tier::mine(), |name| need::check(name, roots))
}

/// How each of `pages` can be followed here. What several need is tried once: each trial makes namespaces of its own.
pub fn ways(pages: &[Page], roots: &Roots) -> Vec<Way> {
    let known: RefCell<HashMap<String, Answer>> = RefCell::default();
    let answer = |name: &str| {
        let tried = || need::check(name, roots);
        known.borrow_mut().entry(name.to_owned()).or_insert_with(tried).clone()
    };
    pages.iter().map(|page| way_with(page, Tier::mine(), answer)).collect()
}

/// The same for whoever has these answers to give: a machine that was asked once for all lessons, or another one.
pub fn way_with(page: &Page, tier: Tier, answer: impl Fn(&str) -> Answer) -> Way {
    let missing: Vec<Missing> = page.front.needs.iter().filter_map(|name| missing(name, answer(name))).collect();
    if missing.is_empty() {
        Way::Live { tier }
    } else if Recording::built_in(page).is_some() {
        Way::Replay { missing }
    } else {
        Way::No { missing }
    }
}

fn missing(name: &str, answer: Answer) -> Option<Missing> {
    match answer {
        Answer::Met { .. } => None,
        Answer::Unmet { why, fix, .. } => {
            Some(Missing { need: name.to_owned(), why, fix, ask: ask(name), lesson: lesson(name) })
        }
    }
}

/// What `explore why` can watch being refused, for a need that is a namespace or hangs on one.
fn ask(need: &str) -> Option<String> {
    let words = match need {
        "uts-namespace" => "--uts true",
        "pid-namespace" => "--pid --fork true",
        "mount-namespace" => "--mount true",
        "network-namespace" => "--net true",
        "ipc-namespace" => "--ipc true",
        "cgroup-namespace" => "--cgroup true",
        "time-namespace" => "--time true",
        "user-namespace" | "unprivileged-userns" | "apparmor-userns" | "max-namespaces" => "--user true",
        "fresh-proc" => "--pid --fork --mount-proc true",
        _ => return None,
    };
    let root = nix::unistd::geteuid().is_root() || words.starts_with("--user");
    Some(format!("unshare {}{words}", if root { "" } else { "--user --map-root-user " }))
}

/// The lesson that shows the layer which a need depends on.
fn lesson(need: &str) -> Option<&'static str> {
    Some(match need {
        "uts-namespace"
        | "pid-namespace"
        | "mount-namespace"
        | "network-namespace"
        | "ipc-namespace"
        | "cgroup-namespace"
        | "time-namespace"
        | "user-namespace"
        | "unprivileged-userns"
        | "apparmor-userns"
        | "max-namespaces" => "user-namespace",
        "subuid" => "id-maps",
        "fresh-proc" | "fresh-sysfs" => "masked-paths",
        "overlay" | "state-folder" => "union",
        "overlay-marks" => "whiteout",
        "veth" => "veth",
        "bridge" => "bridge",
        "vxlan" => "overlay-network",
        "nf-tables" => "nat",
        "cgroups" | "cgroup-pids" | "cgroup-freezer" | "cgroup-memory" | "cgroup-cpu" | "cgroup-devices"
        | "cgroup-io" => "cgroup-hierarchy",
        "seccomp" => "seccomp",
        "landlock" => "lsm",
        "guest" | "runsc" => "container-or-vm",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::library::Library;

    #[test]
    fn what_a_missing_need_points_to_is_there() {
        let library = Library::built_in();
        let pointed: Vec<&str> = need::ids().filter_map(lesson).collect();
        assert!(pointed.len() > 20, "{pointed:?}");
        for name in pointed {
            assert!(library.find(name).is_ok(), "{name}");
        }
        assert!(need::ids().all(|id| ask(id).is_none() || lesson(id).is_some()));
    }
}
