//! What is told of images and done to their names: `tag`, `history`, `prune`.

use super::catalog::{self, container_on};
use super::layout::{Layout, name_of};
use super::reference::Name;
use super::{Image, ImageError, layers, time};
use crate::state::Roots;
use serde::Serialize;

/// One step of an image's making.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The image's ID, of its last step only.
    pub id: Option<String>,
    /// Seconds after the epoch.
    pub created: Option<u64>,
    /// The command.
    pub created_by: String,
    /// Bytes of file content in its layer; 0 for one that made none.
    pub size: u64,
    /// Why.
    pub comment: String,
}

/// What a prune has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Docker's lines.
    pub told: Vec<String>,
    /// Bytes of file content that are gone.
    pub bytes: u64,
}

/// Gives an image one more name; the name, whole.
///
/// # Errors
/// [`ImageError::Unknown`], [`ImageError::Reference`], [`ImageError::Inconsistent`] for a name that is a digest.
pub fn tag(roots: &Roots, source: &str, target: &str) -> Result<String, ImageError> {
    let name = Name::parse(target)?;
    if name.digest.is_some() {
        let why = "an image gets its digest from what is in it, not by a tag".to_owned();
        return Err(ImageError::Inconsistent { what: target.to_owned(), why });
    }
    let Some(layout) = Layout::existing(&roots.images())? else {
        return Err(ImageError::Unknown { name: source.to_owned() });
    };
    let _in_use = catalog::in_use(roots)?;
    let mut descriptor = catalog::known(&layout, source)?;
    // What the registry said of the other name.
    if name_of(&descriptor) != Some(&name.to_string()) {
        descriptor.set_annotations(None);
    }
    layout.tag(&name.to_string(), &descriptor)?;
    Ok(name.to_string())
}

/// How an image was made, the newest step first.
///
/// # Errors
/// [`ImageError::Unknown`], and what is damaged.
pub fn history(roots: &Roots, reference: &str) -> Result<Vec<Step>, ImageError> {
    let Some(layout) = Layout::existing(&roots.images())? else {
        return Err(ImageError::Unknown { name: reference.to_owned() });
    };
    let image = catalog::read(roots, &layout, &catalog::known(&layout, reference)?)?;
    let mut sizes =
        image.layers.iter().map(|layer| layers::record(&layer.folder).map_or(layer.size, |known| known.bytes));
    let mut steps = Vec::new();
    for step in image.config.history().iter().flatten() {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        steps.push(Step {
            id: None,
            created: step.created().as_deref().and_then(time::seconds),
            created_by: text(step.created_by()),
            size: if step.empty_layer() == Some(true) { 0 } else { sizes.next().unwrap_or(0) },
            comment: text(step.comment()),
        });
    }
    // Layers of which the config tells nothing.
    let untold = |size| Step { id: None, created: None, created_by: String::new(), size, comment: String::new() };
    steps.extend(sizes.map(untold));
    steps.reverse();
    if let Some(last) = steps.first_mut() {
        last.id = Some(image.id);
    }
    Ok(steps)
}

/// Removes images that have no name, or with `all` every one, unless a container stands on it.
///
/// # Errors
/// [`ImageError::Store`], [`ImageError::Document`].
pub fn prune(roots: &Roots, all: bool, wanted: impl Fn(&Image) -> bool) -> Result<Pruned, ImageError> {
    let mut pruned = Pruned::default();
    let Some(layout) = Layout::existing(&roots.images())? else { return Ok(pruned) };
    let mut doomed: Vec<Image> = Vec::new();
    for one in layout.index()?.manifests().iter().filter(|one| all || name_of(one).is_none()) {
        // One that is damaged is for `rmi`, by its name.
        let Ok(image) = catalog::read(roots, &layout, one) else { continue };
        if !wanted(&image) || container_on(roots, &image.id).is_some() {
            continue;
        }
        layout.untag(one)?;
        pruned.told.extend(name_of(one).map(|name| format!("untagged: {name}")));
        doomed.push(image);
    }
    let layers = doomed.iter().flat_map(|image| &image.layers);
    let mut folders: Vec<_> = layers.map(|layer| (layer.folder.clone(), layers::record(&layer.folder))).collect();
    folders.sort_by(|a, b| a.0.cmp(&b.0));
    folders.dedup_by(|a, b| a.0 == b.0);
    catalog::sweep(roots)?;
    folders.retain(|(folder, _)| !folder.exists());
    pruned.bytes = folders.iter().filter_map(|(_, record)| record.as_ref()).map(|record| record.bytes).sum();
    let mut ids: Vec<String> = doomed.into_iter().map(|image| format!("deleted: {}", image.id)).collect();
    ids.dedup();
    pruned.told.extend(ids);
    Ok(pruned)
}
