//! Whether a lesson can run here: what it needs, and what is missing.

use super::page::Page;
use super::recording::Recording;
use super::run::Tier;
use crate::probe::need::{self, Answer};
use crate::state::Roots;
use serde::Serialize;

/// Something that a lesson needs and that this machine does not give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The need, by the name that `explore doctor` uses.
    pub need: String,
    /// What was seen, and which layer says no.
    pub why: String,
    /// What helps, where something does.
    pub fix: Option<String>,
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
    let missing: Vec<Missing> = page.front.needs.iter().filter_map(|name| missing(name, roots)).collect();
    if missing.is_empty() {
        Way::Live { tier: Tier::mine() }
    } else if Recording::built_in(page).is_some() {
        Way::Replay { missing }
    } else {
        Way::No { missing }
    }
}

fn missing(name: &str, roots: &Roots) -> Option<Missing> {
    match need::check(name, roots) {
        Answer::Met { .. } => None,
        Answer::Unmet { why, fix, .. } => Some(Missing { need: name.to_owned(), why, fix }),
    }
}
