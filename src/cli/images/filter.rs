//! `images --filter` and `image prune --filter`, with docker's names.

use crate::cli::explained;
use crate::cli::moment::Moment;
use crate::cli::ps::{FilterError, has_label};
use crate::image::{self, Image, Summary, time};
use crate::state::Roots;
use std::collections::BTreeMap;

/// What must hold of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    Dangling(bool),
    Reference(String),
    Label(String),
    NoLabel(String),
    Before(String),
    Since(String),
    Until(Moment),
}

pub(super) fn parse(text: &str) -> Result<Filter, String> {
    let (name, value) = text.split_once('=').ok_or("bad format of filter (expected name=value)")?;
    Ok(match (name, value) {
        ("dangling", "true" | "1") => Filter::Dangling(true),
        ("dangling", "false" | "0") => Filter::Dangling(false),
        ("dangling", _) => return Err("dangling is true or false".into()),
        ("reference", _) => Filter::Reference(value.to_owned()),
        ("label", _) => Filter::Label(value.to_owned()),
        ("label!", _) => Filter::NoLabel(value.to_owned()),
        ("before", _) => Filter::Before(value.to_owned()),
        ("since", _) => Filter::Since(value.to_owned()),
        ("until", _) => Filter::Until(value.parse()?),
        _ => {
            let text = format!("invalid filter '{name}'; there are dangling, reference, label, before, since, until");
            return Err(text);
        }
    })
}

/// With the times of the images that they name.
pub(super) struct Filters<'a> {
    all: &'a [Filter],
    before: Vec<u64>,
    since: Vec<u64>,
}

impl<'a> Filters<'a> {
    pub(super) fn of(roots: &Roots, all: &'a [Filter]) -> anyhow::Result<Self> {
        let (mut before, mut since) = (Vec::new(), Vec::new());
        for filter in all {
            let (name, times) = match filter {
                Filter::Before(name) => (name, &mut before),
                Filter::Since(name) => (name, &mut since),
                _ => continue,
            };
            times.push(created(&image::find(roots, name).map_err(explained)?));
        }
        Ok(Self { all, before, since })
    }

    /// Of several patterns one is enough; all else must hold.
    pub(super) fn hold(&self, roots: &Roots, one: &Summary) -> bool {
        let then = one.created.unwrap_or(0);
        let mut patterns = self.all.iter().filter_map(|filter| match filter {
            Filter::Reference(pattern) => Some(pattern),
            _ => None,
        });
        let is_like = patterns.clone().next().is_none() || patterns.any(|pattern| refers(pattern, one));
        let labels = self.all.iter().any(|filter| matches!(filter, Filter::Label(_) | Filter::NoLabel(_)));
        let labels = labels.then(|| image::find(roots, &one.id).map(|image| labels_of(&image)).unwrap_or_default());
        let labels = labels.unwrap_or_default();
        let holds = |filter: &Filter| match filter {
            Filter::Dangling(wanted) => (one.repository == "<none>") == *wanted,
            Filter::Label(label) => has_label(&labels, label),
            Filter::NoLabel(label) => !has_label(&labels, label),
            Filter::Until(until) => then < until.seconds(),
            Filter::Reference(_) | Filter::Before(_) | Filter::Since(_) => true,
        };
        is_like
            && self.before.iter().all(|limit| then < *limit)
            && self.since.iter().all(|limit| then > *limit)
            && self.all.iter().all(holds)
    }
}

/// What `image prune` is told of images with a name, if anything.
///
/// # Errors
/// A filter that is for lists.
pub(super) fn of_prune(filters: &[Filter]) -> anyhow::Result<Option<bool>> {
    let mut dangling = None;
    let for_lists = |name: &str| Err(explained(FilterError::Name(name.to_owned())));
    for filter in filters {
        match filter {
            Filter::Dangling(wanted) => dangling = Some(*wanted),
            Filter::Label(_) | Filter::NoLabel(_) | Filter::Until(_) => {}
            Filter::Reference(_) => return for_lists("reference"),
            Filter::Before(_) => return for_lists("before"),
            Filter::Since(_) => return for_lists("since"),
        }
    }
    Ok(dangling)
}

/// Whether one that is not used is to go.
pub(super) fn holds_for_prune(filters: &[Filter], image: &Image) -> bool {
    let labels = labels_of(image);
    filters.iter().all(|filter| match filter {
        Filter::Label(label) => has_label(&labels, label),
        Filter::NoLabel(label) => !has_label(&labels, label),
        Filter::Until(until) => created(image) < until.seconds(),
        _ => true,
    })
}

fn created(image: &Image) -> u64 {
    image.config.created().as_deref().and_then(time::seconds).unwrap_or(0)
}

fn labels_of(image: &Image) -> BTreeMap<String, String> {
    let labels = image.config.config().as_ref().and_then(|config| config.labels().clone());
    labels.into_iter().flatten().collect()
}

/// Whether a name with `*` and `?` in it, which no `/` is among, is that of an image; without a tag, with any.
pub(super) fn refers(pattern: &str, one: &Summary) -> bool {
    let pattern = pattern.strip_prefix("docker.io/").unwrap_or(pattern);
    let pattern = pattern.strip_prefix("library/").unwrap_or(pattern);
    let whole = format!("{}:{}", one.repository, one.tag);
    is_like(pattern.as_bytes(), one.repository.as_bytes()) || is_like(pattern.as_bytes(), whole.as_bytes())
}

fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => {
            let end = text.iter().position(|byte| *byte == b'/').unwrap_or(text.len());
            (0..=end).any(|length| is_like(rest, &text[length..]))
        }
        ([b'?', rest @ ..], [first, others @ ..]) => *first != b'/' && is_like(rest, others),
        ([one, rest @ ..], [first, others @ ..]) => one == first && is_like(rest, others),
        _ => false,
    }
}
