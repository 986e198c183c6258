//! Which images are here: found by name or ID, listed, removed.

use super::ImageError;
use super::digest::Digest;
use super::document::{self, Manifest, PULLED};
use super::layers::{self, LayerOnDisk};
use super::layout::{Layout, name_of};
use super::limits::Limits;
use super::reference::Name;
use super::{slot, time};
use crate::state::{Lock, Roots};
use oci_spec::image::{Descriptor, ImageConfiguration, ImageManifest};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// An image that is here.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its name with tag: `demo:latest`.
    pub reference: String,
    /// The digest of its config, which is what Docker calls the image ID.
    pub id: String,
    /// The digest of its manifest.
    pub manifest_digest: String,
    /// The digest that the registry gave for the name: of an index, where there is one.
    pub pulled_digest: Option<String>,
    /// How it wants to be run.
    pub config: ImageConfiguration,
    /// Its layers, base first.
    pub layers: Vec<LayerOnDisk>,
}

/// A line of `explore images`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// `demo`, `127.0.0.1:5000/x`.
    pub repository: String,
    /// The tag; `<none>` where the name is a digest.
    pub tag: String,
    /// Image ID, whole.
    pub id: String,
    /// Manifest digest.
    pub digest: String,
    /// When it was made, as its config says; seconds after the epoch.
    pub created: Option<u64>,
    /// Bytes of file content over all layers; of the archives, where a layer is not unpacked.
    pub size: u64,
}

/// The layout that images are kept in.
///
/// # Errors
/// [`ImageError::Store`].
pub(crate) fn layout(roots: &Roots) -> Result<Layout, ImageError> {
    Layout::open(&roots.images())
}

/// Says that blobs and layers are about to be used before a name stands for them; [`remove`] and [`sweep`] leave
/// unnamed ones alone while any such lock is held.
///
/// # Errors
/// [`ImageError::Store`].
pub(crate) fn in_use(roots: &Roots) -> Result<Lock, ImageError> {
    let path = roots.images().join(".in-use");
    std::fs::create_dir_all(roots.images()).map_err(ImageError::store("cannot make", roots.images()))?;
    Lock::share(&path).map_err(ImageError::store("cannot lock", path))
}

/// Finds an image by its name, or by its ID or the beginning of it. Local only.
///
/// # Errors
/// [`ImageError::NotFound`], [`ImageError::NotUnpacked`], and what is damaged.
pub fn find(roots: &Roots, reference: &str) -> Result<Image, ImageError> {
    let Some(layout) = Layout::existing(&roots.images())? else {
        Name::parse(reference)?;
        return Err(ImageError::NotFound { name: reference.to_owned() });
    };
    let (descriptor, seen) = look_up(&layout, reference)?;
    let manifest = seen.map_or_else(|| manifest(&layout, &descriptor), Ok)?;
    let image = of_manifest(roots, &layout, &descriptor, &manifest)?;
    for layer in &image.layers {
        if !layer.is_unpacked()? {
            let chain_id = layer.chain_id.to_string();
            return Err(ImageError::NotUnpacked { name: image.reference, chain_id });
        }
    }
    Ok(image)
}

/// The entry of the index that a reference stands for.
pub(crate) fn named(layout: &Layout, reference: &str) -> Result<Descriptor, ImageError> {
    look_up(layout, reference).map(|(descriptor, _)| descriptor)
}

/// As [`named`], with the manifest where it had to be read for that.
fn look_up(layout: &Layout, reference: &str) -> Result<(Descriptor, Option<ImageManifest>), ImageError> {
    let index = layout.index()?;
    let parsed = Name::parse(reference);
    if let Ok(name) = &parsed {
        let wanted = name.to_string();
        let is_pinned = |one: &Descriptor| {
            let of_repository = name_of(one).and_then(|text| Name::parse(text).ok());
            let same = of_repository.is_some_and(|of| of.familiar_repository() == name.familiar_repository());
            let digest = name.digest.as_ref().map(Digest::to_string);
            same && (digest.as_deref() == Some(one.digest().as_ref()) || digest.as_ref() == pulled(one))
        };
        let fits = |one: &&Descriptor| name_of(one) == Some(&wanted) || (name.digest.is_some() && is_pinned(one));
        if let Some(found) = index.manifests().iter().find(fits) {
            return Ok((found.clone(), None));
        }
    }
    match by_id(layout, index.manifests(), reference)? {
        Some((descriptor, manifest)) => Ok((descriptor, Some(manifest))),
        None => parsed.map_err(Into::into).and_then(|_| Err(ImageError::NotFound { name: reference.to_owned() })),
    }
}

/// As [`named`], for one who does not want to fetch what is missing.
pub(crate) fn known(layout: &Layout, reference: &str) -> Result<Descriptor, ImageError> {
    named(layout, reference).map_err(|error| match error {
        ImageError::NotFound { name } => ImageError::Unknown { name },
        other => other,
    })
}

fn by_id(
    layout: &Layout,
    manifests: &[Descriptor],
    text: &str,
) -> Result<Option<(Descriptor, ImageManifest)>, ImageError> {
    let prefix = text.strip_prefix("sha256:").unwrap_or(text);
    if prefix.len() < 2 || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(None);
    }
    let mut found: Option<(Digest, Descriptor, ImageManifest)> = None;
    for one in manifests {
        let read = manifest(layout, one).and_then(|it| Ok((document::digest_of(it.config())?, it)));
        let (id, manifest) = match read {
            Ok(both) => both,
            // What cannot be read now may be the one that is wanted; what is damaged is not.
            Err(ImageError::Store { doing, path, source }) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(ImageError::Store { doing, path, source });
            }
            Err(_) => continue,
        };
        if !id.hex().starts_with(prefix) {
            continue;
        }
        if found.as_ref().is_some_and(|(other, ..)| *other != id) {
            return Err(ImageError::Ambiguous { prefix: text.to_owned() });
        }
        found = Some((id, one.clone(), manifest));
    }
    Ok(found.map(|(_, descriptor, manifest)| (descriptor, manifest)))
}

fn pulled(descriptor: &Descriptor) -> Option<&String> {
    descriptor.annotations().as_ref()?.get(PULLED)
}

fn manifest(layout: &Layout, descriptor: &Descriptor) -> Result<ImageManifest, ImageError> {
    let digest = document::digest_of(descriptor)?;
    let bytes = layout.small_blob("manifest", &digest, &Limits::default())?;
    let what = format!("manifest {digest}");
    match Manifest::parse(&what, descriptor.media_type().as_ref(), &bytes)? {
        Manifest::One(manifest) => Ok(*manifest),
        Manifest::Index(_) => Err(ImageError::Inconsistent { what, why: "is an index".to_owned() }),
    }
}

/// Reads an image whose entry in the index is known; its layers may not be unpacked yet.
pub(crate) fn read(roots: &Roots, layout: &Layout, descriptor: &Descriptor) -> Result<Image, ImageError> {
    of_manifest(roots, layout, descriptor, &manifest(layout, descriptor)?)
}

fn of_manifest(
    roots: &Roots,
    layout: &Layout,
    descriptor: &Descriptor,
    manifest: &ImageManifest,
) -> Result<Image, ImageError> {
    let (config, layers) = document::config_and_layers(roots, layout, manifest, &Limits::default())?;
    Ok(Image {
        reference: name_of(descriptor).unwrap_or("<none>").to_owned(),
        id: manifest.config().digest().to_string(),
        manifest_digest: descriptor.digest().to_string(),
        pulled_digest: pulled(descriptor).cloned(),
        config,
        layers,
    })
}

/// All images, newest first. One that is damaged is left out here; [`find`] says what is wrong with it.
///
/// # Errors
/// [`ImageError::Store`], [`ImageError::Document`] for the index itself.
pub fn list(roots: &Roots) -> Result<Vec<Summary>, ImageError> {
    let Some(layout) = Layout::existing(&roots.images())? else { return Ok(Vec::new()) };
    let index = layout.index()?;
    let images = index.manifests().iter().filter_map(|one| read(roots, &layout, one).ok());
    let mut summaries: Vec<Summary> = images.map(|image| summary(&image)).collect();
    summaries.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.repository.cmp(&b.repository)));
    Ok(summaries)
}

fn summary(image: &Image) -> Summary {
    let size = |layer: &LayerOnDisk| layers::record(&layer.folder).map_or(layer.size, |record| record.bytes);
    let name = Name::parse(&image.reference).ok();
    Summary {
        repository: name.as_ref().map_or_else(|| image.reference.clone(), Name::familiar_repository),
        tag: name.and_then(|name| name.tag).unwrap_or_else(|| "<none>".to_owned()),
        id: image.id.clone(),
        digest: image.manifest_digest.clone(),
        created: image.config.created().as_deref().and_then(time::seconds),
        size: image.layers.iter().map(size).sum(),
    }
}

/// Takes a name away and, if no other name needs them, its blobs and layers. Answers what was removed, as Docker says
/// it: `Untagged: …`, `Deleted: …`.
///
/// # Errors
/// [`ImageError::InUse`] where a container stands on it and this is its last name, [`ImageError::Unknown`];
/// [`ImageError::Names`] for an ID that has several, unless all of them are meant (`force`).
pub fn remove(roots: &Roots, reference: &str, force: bool) -> Result<Vec<String>, ImageError> {
    let Some(layout) = Layout::existing(&roots.images())? else {
        return Err(ImageError::Unknown { name: reference.to_owned() });
    };
    let descriptor = known(&layout, reference)?;
    let name = name_of(&descriptor).map(str::to_owned);
    // A damaged image can be removed, too: what it was does not matter then.
    let id = manifest(&layout, &descriptor)
        .map_or_else(|_| descriptor.digest().to_string(), |manifest| manifest.config().digest().to_string());
    let index = layout.index()?;
    let mut all: Vec<&Descriptor> =
        index.manifests().iter().filter(|one| one.digest() == descriptor.digest()).collect();
    let by_name = Name::parse(reference).is_ok_and(|typed| {
        typed.digest.is_some()
            || name.as_deref().and_then(|name| Name::parse(name).ok()).is_some_and(|own| own == typed)
    });
    let is_last = all.len() == 1 || !by_name;
    if let Some(container) = container_on(roots, &id).filter(|_| is_last) {
        return Err(ImageError::InUse { name: name.unwrap_or(id), container });
    }
    if by_name {
        all.retain(|one| **one == descriptor);
    } else if all.len() > 1 && !force {
        let names = all.iter().filter_map(|one| name_of(one)).map(str::to_owned).collect();
        return Err(ImageError::Names { id: reference.to_owned(), names });
    }
    let mut removed = Vec::new();
    for one in all {
        layout.untag(one)?;
        removed.extend(name_of(one).map(|name| format!("Untagged: {name}")));
    }
    // The same image may be here under another manifest: pushed and pulled again, or loaded.
    let is_left = || {
        layout.index().is_ok_and(|index| {
            let mut others = index.manifests().iter().filter_map(|one| manifest(&layout, one).ok());
            others.any(|other| other.config().digest().to_string() == id)
        })
    };
    if is_last && !is_left() {
        removed.push(format!("Deleted: {id}"));
    }
    collect_garbage(roots, &layout)?;
    Ok(removed)
}

/// The first container whose record names this image ID.
pub(super) fn container_on(roots: &Roots, id: &str) -> Option<String> {
    let containers = std::fs::read_dir(roots.containers()).ok()?;
    containers.filter_map(Result::ok).find_map(|folder| {
        let record = std::fs::read(folder.path().join("container.json")).ok()?;
        let record: serde_json::Value = serde_json::from_slice(&record).ok()?;
        let stands_on_it = record.get("image_id")?.as_str()? == id;
        stands_on_it.then(|| folder.file_name().to_string_lossy().chars().take(12).collect())
    })
}

/// Removes what a killed pull has left: half-grown blobs and layers, and whole ones that no name needs. Answers how
/// many things were removed.
///
/// # Errors
/// [`ImageError::Store`], [`ImageError::Document`].
pub fn sweep(roots: &Roots) -> Result<usize, ImageError> {
    let mut removed =
        slot::sweep(&roots.layers())? + slot::sweep(&roots.init_layers())? + slot::sweep(&roots.data.join("demo"))?;
    if let Some(layout) = Layout::existing(&roots.images())? {
        removed += slot::sweep(layout.folder())?;
        removed += collect_garbage(roots, &layout)?;
    }
    Ok(removed)
}

/// Removes blobs and layers that no name needs, unless a pull is under way, whose blobs have no name yet.
fn collect_garbage(roots: &Roots, layout: &Layout) -> Result<usize, ImageError> {
    let lock = roots.images().join(".in-use");
    let Some(_alone) = Lock::try_now(&lock).map_err(ImageError::store("cannot lock", &lock))? else { return Ok(0) };
    let (mut blobs, mut folders) = (BTreeSet::new(), BTreeSet::new());
    for one in layout.index()?.manifests() {
        // What a damaged image needs is not known, so nothing can be said to be needed by nobody.
        let Ok(image) = read(roots, layout, one) else { return Ok(0) };
        blobs.insert(layout.blob_path(&document::digest_of(one)?));
        blobs.extend(Digest::parse(&image.id).ok().map(|id| layout.blob_path(&id)));
        for layer in &image.layers {
            blobs.insert(layout.blob_path(&layer.digest));
            folders.insert(layer.folder.clone());
            folders.insert(layer.folder.with_extension("json"));
        }
        folders.insert(layers::init_of(roots, &image.layers));
    }
    let removed = remove_all_but(&layout.folder().join("blobs/sha256"), &blobs)?;
    let removed = removed + remove_all_but(&roots.layers(), &folders)?;
    Ok(removed + remove_all_but(&roots.init_layers(), &folders)?)
}

fn remove_all_but(folder: &Path, keep: &BTreeSet<PathBuf>) -> Result<usize, ImageError> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(0) };
    let is_hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let mut removed = 0;
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if keep.contains(&path) || is_hidden(&path) {
            continue;
        }
        let gone = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        gone.map_err(ImageError::store("cannot remove", &path))?;
        removed += 1;
    }
    Ok(removed)
}
