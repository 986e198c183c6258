//! What `ps` calls the image of a container: what was typed, for as long as that means the image that the container stands
//! on. Where the name is another image's by now, or nobody's, the ID is all that is true.

use super::filter::Candidate;
use crate::image;
use crate::image::reference::Name;
use crate::stages::create::Container;
use crate::state::Roots;
use std::collections::{BTreeMap, BTreeSet};

/// What each name that was typed means now: the ID of an image.
pub(super) struct Images(BTreeMap<String, String>);

impl Images {
    pub(super) fn of(roots: &Roots, all: &[Candidate]) -> Self {
        let typed: BTreeSet<&str> = all.iter().map(|one| typed(&one.container)).collect();
        let found = |name: &str| Some((name.to_owned(), image::find(roots, name).ok()?.id));
        Self(typed.into_iter().filter_map(found).collect())
    }

    /// As the daemon (daemon/list.go) and its client (cli/command/formatter/container.go) have it; `whole` is `--no-trunc`.
    pub(super) fn shown(&self, one: &Container, whole: bool) -> String {
        let name = typed(one);
        let is_meant = self.0.get(name).is_some_and(|id| *id == one.image_id);
        match (is_meant, whole) {
            (false, true) => one.image_id.clone(),
            (true, true) => name.to_owned(),
            (is_meant, false) if !is_meant || short(name) == short(&one.image_id) => short(&one.image_id),
            _ => without_digest(name),
        }
    }
}

fn typed(one: &Container) -> &str {
    // Records of before do not have it.
    if one.asked.image.is_empty() { &one.image } else { &one.asked.image }
}

fn short(id: &str) -> String {
    id.strip_prefix("sha256:").unwrap_or(id).chars().take(12).collect()
}

/// As people write it, with a tag only where one was typed.
fn without_digest(text: &str) -> String {
    let Ok(name) = Name::parse(text) else { return text.to_owned() };
    let before = text.split('@').next().unwrap_or(text);
    let has_tag = before.rsplit('/').next().is_some_and(|last| last.contains(':'));
    let repository = name.familiar_repository();
    match name.tag.filter(|_| has_tag) {
        Some(tag) => format!("{repository}:{tag}"),
        None => repository,
    }
}

#[cfg(test)]
mod tests {
    use super::without_digest;

    #[test]
    fn a_name_is_shown_as_it_was_typed_but_for_a_digest_and_what_goes_without_saying() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (typed, shown) in [
            ("demo", "demo"),
            ("demo:latest", "demo:latest"),
            ("docker.io/library/debian:12", "debian:12"),
            ("localhost:5000/a/b", "localhost:5000/a/b"),
            (&format!("localhost:5000/a@{digest}"), "localhost:5000/a"),
            (&format!("debian:12@{digest}"), "debian:12"),
            ("50d123", "50d123"),
        ] {
            assert_eq!(without_digest(typed), shown);
        }
    }
}
