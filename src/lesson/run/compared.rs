//! The two sides of a comparison, and what must differ.

use super::RunError;
use super::scene::Scene;
use crate::kernel::namespace::Kind;
use crate::lesson::page::{Block, CompareWith, Page};
use crate::probe::Comparison;
use std::error::Error;

/// The process that stands for the inside, the kinds it is about, and those that only help.
pub(super) fn sides(
    page: &Page,
    scene: &Scene,
    block: &Block,
    with: &CompareWith,
) -> Result<(i32, Vec<Kind>, Vec<Kind>), RunError> {
    match (with, &scene.place) {
        (CompareWith::Container(name), _) => {
            super::container::sides(scene.roots(), name).map_err(|error| RunError::Broken {
                at: block.at.clone(),
                what: "compare".into(),
                expected: "a container that runs".into(),
                found: error.source().map_or_else(|| error.to_string(), ToString::to_string),
                evidence: String::new(),
            })
        }
        (CompareWith::Place, Some(place)) => {
            let mut helpers = page.front.helpers.clone();
            helpers.extend(&place.helpers);
            let subject = place.spec.kinds().into_iter().filter(|kind| !helpers.contains(kind)).collect();
            Ok((place.init.pid, subject, helpers))
        }
        // The parser refuses such a page.
        (CompareWith::Place, None) => {
            Err(RunError::Own { step: "compare without an inside", source: std::io::ErrorKind::NotFound.into() })
        }
    }
}

/// A namespace that is not as its group says.
pub(super) fn unexpected(block: &Block, comparison: &Comparison) -> RunError {
    let rows = comparison.namespaces.rows.iter().filter(|row| row.as_expected == Some(false));
    let found: Vec<String> = rows
        .map(|row| format!("{} ({:?}) is {}", row.kind.link(), row.group, row.verdict.word()).to_lowercase())
        .collect();
    RunError::Broken {
        at: block.at.clone(),
        what: "compare".into(),
        expected: "the subject and its helpers to differ, and the rest to be the same".into(),
        found: found.join(", "),
        evidence: String::new(),
    }
}
