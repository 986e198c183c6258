//! The layers of an image, and what a container has written on top of them.

use super::{Node, Picture, Side, called, words};
use crate::image::{self, Image};
use crate::lesson::catalog::Catalog;
use crate::stages::create::{self, Container};
use crate::stages::layer::{self, LayerError};
use crate::state::Roots;
use std::path::Path;

/// How many files of an upper are named; the rest is counted.
const NAMED: usize = 8;

/// The stack from the top down: the upper of a container where one is asked for, then the image's layers.
///
/// # Errors
/// [`LayerError::Image`], [`LayerError::TooLong`].
pub fn layers(
    roots: &Roots,
    image: &Image,
    container: Option<&Container>,
    catalog: &Catalog,
) -> Result<Picture, LayerError> {
    let of = container.map_or_else(|| image.reference.clone(), called);
    let mut picture = Picture::new(catalog.say(words::LAYERS, &[("of", &of)]));
    let mut above = None;
    let then_in = catalog.say(words::THEN_IN, &[]);
    if let Some(container) = container {
        let view = layer::view(roots, container)?;
        let place = if view.mounted { words::MOUNTED_HERE } else { words::MOUNTED_INSIDE };
        let union = Node::new(Side::Inside, catalog.say(words::SEEN, &[]), vec![catalog.say(place, &[])]);
        let number = picture.add(None, union);
        let upper = Node::new(Side::Inside, catalog.say(words::UPPER, &[]), written(&view.upper_entries, catalog));
        let upper = picture.add(Some((number, &catalog.say(words::LOOKS_FIRST, &[]))), upper);
        // What a container has beside its image's layers: the one that `create` has put on top of them.
        let added = view.union.lower.len().saturating_sub(image.layers.len());
        above = Some((upper, then_in.as_str()));
        for folder in view.union.lower.iter().take(added) {
            let lines = vec![catalog.say(words::LACKS, &[("names", &names(folder))])];
            let node = Node::new(Side::Outside, catalog.say(words::MOUNT_POINTS, &[]), lines);
            above = Some((picture.add(above, node), &then_in));
        }
    }
    let (steps, all) = (steps(roots, image), image.layers.len().to_string());
    for (number, layer) in image.layers.iter().enumerate().rev() {
        let mut lines = vec![catalog.say(words::CHAIN_ID, &[("digest", short(&layer.chain_id.to_string()))])];
        if let Some(record) = image::layer_record(&layer.folder) {
            let (entries, size) = (record.entries.to_string(), create::size(record.bytes));
            lines.push(catalog.say(words::HOLDS, &[("entries", &entries), ("size", &size)]));
        }
        lines.extend(
            steps
                .get(number)
                .filter(|step| !step.is_empty())
                .map(|step| catalog.say(words::MADE_BY, &[("step", step)])),
        );
        let title = catalog.say(words::LAYER, &[("number", &(number + 1).to_string()), ("all", &all)]);
        above = Some((picture.add(above, Node::new(Side::Outside, title, lines)), &then_in));
    }
    Ok(picture)
}

/// What lies in a folder of `create`'s own, and in `etc` below it.
fn names(folder: &Path) -> String {
    let list = |below: &str| {
        let entries = std::fs::read_dir(folder.join(below)).into_iter().flatten().filter_map(Result::ok);
        entries.map(|entry| format!("{below}/{}", entry.file_name().to_string_lossy())).collect::<Vec<_>>()
    };
    let mut all: Vec<String> = list("").into_iter().filter(|name| name != "/etc").collect();
    all.extend(list("etc").into_iter().map(|name| format!("/{name}")));
    all.sort();
    all.join(" ")
}

fn written(entries: &[(char, std::path::PathBuf)], catalog: &Catalog) -> Vec<String> {
    let word = |kind: char| if kind == 'D' { words::DELETED } else { words::WRITTEN };
    let line =
        |(kind, path): &(char, std::path::PathBuf)| catalog.say(word(*kind), &[("path", &path.display().to_string())]);
    let mut lines: Vec<String> = entries.iter().take(NAMED).map(line).collect();
    if entries.is_empty() {
        lines.push(catalog.say(words::EMPTY, &[]));
    } else if entries.len() > NAMED {
        lines.push(catalog.say(words::MORE, &[("number", &(entries.len() - NAMED).to_string())]));
    }
    lines
}

/// By which command each layer was made, the base first.
fn steps(roots: &Roots, image: &Image) -> Vec<String> {
    let mut steps = image::history(roots, &image.reference).unwrap_or_default();
    steps.reverse();
    // A step without a layer (a label, a command) is marked in the config; only those with one are counted here.
    let empty: Vec<bool> =
        image.config.history().iter().flatten().map(|step| step.empty_layer().unwrap_or(false)).collect();
    let with_layer = steps.into_iter().zip(empty.into_iter().chain(std::iter::repeat(false)));
    with_layer.filter(|(_, empty)| !empty).map(|(step, _)| step.created_by).collect()
}

fn short(digest: &str) -> &str {
    let hex = digest.trim_start_matches("sha256:");
    hex.get(..12).unwrap_or(hex)
}
