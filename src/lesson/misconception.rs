//! What people believe, by the names that the options of predictions carry: `lessons/misconceptions.toml`.

use super::library::Library;
use super::page::{BlockKind, Page, Part, Text};
use serde::Deserialize;
use std::collections::BTreeMap;

const SOURCE: &str = include_str!("../../lessons/misconceptions.toml");

/// A belief, and what is so instead.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Misconception {
    /// One sentence, as it is said.
    pub claim: String,
    /// What a kernel shows who is asked.
    pub truth: String,
}

/// All that are known, by name.
pub fn built_in() -> BTreeMap<String, Misconception> {
    toml::from_str(SOURCE).unwrap_or_default()
}

/// Those that are met in the library's lessons, in the order in which a reader meets them, each with the lesson where
/// it is met first.
pub fn met(library: &Library) -> Vec<(Misconception, &Page)> {
    let mut known = built_in();
    let all = library.pages.iter().flat_map(|page| names_in(page).map(move |name| (name, page)));
    all.filter_map(|(name, page)| Some((known.remove(name)?, page))).collect()
}

/// The names that a page's options carry.
fn names_in(page: &Page) -> impl Iterator<Item = &str> {
    named_in(page).map(|myth| &*myth.text)
}

/// The same, with their places.
pub(super) fn named_in(page: &Page) -> impl Iterator<Item = &Text> {
    let predictions = page.parts.iter().filter_map(|part| match part {
        Part::Block(block) => match &block.kind {
            BlockKind::Predict(predict) => Some(predict),
            _ => None,
        },
        Part::Prose(_) => None,
    });
    predictions.flat_map(|predict| &predict.options).filter_map(|option| option.myth.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_misconception_is_met_in_a_prediction_and_every_name_is_told() {
        let library = Library::built_in();
        let used: BTreeSet<&str> = library.pages.iter().flat_map(names_in).collect();
        let told: BTreeMap<String, Misconception> = toml::from_str(SOURCE).unwrap();
        let told: BTreeSet<&str> = told.keys().map(String::as_str).collect();
        let never_met: Vec<_> = told.difference(&used).collect();
        let never_told: Vec<_> = used.difference(&told).collect();
        assert!(never_met.is_empty() && never_told.is_empty(), "never met {never_met:?}, never told {never_told:?}");
        assert!(told.len() >= 50, "the syllabus has about fifty, here are {}", told.len());
    }

    #[test]
    fn no_two_are_the_same_and_each_is_one_claim() {
        let all = built_in();
        let claims: BTreeSet<&str> = all.values().map(|one| one.claim.as_str()).collect();
        assert_eq!(claims.len(), all.len());
        for (name, one) in &all {
            assert!(one.claim.ends_with('.') && one.claim.matches(". ").count() == 0, "{name}: {}", one.claim);
            assert!(one.truth.ends_with('.') && one.truth != one.claim, "{name}: {}", one.truth);
        }
    }

    #[test]
    fn they_are_met_in_the_order_of_the_lessons() {
        let library = Library::built_in();
        let met = met(&library);
        assert_eq!(met.len(), built_in().len());
        let first = library.pages.iter().find(|page| names_in(page).next().is_some()).unwrap();
        assert_eq!(met[0].1.id, first.id);
    }
}
