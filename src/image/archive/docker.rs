//! `manifest.json`, Docker's own description of an archive: it has names, a config, and layers as plain tar files,
//! but no digests and no manifest. We write the manifest that is missing; the image ID, the config's digest, is the
//! same as Docker's.

use super::load::{Load, Loaded};
use crate::image::ImageError;
use crate::image::digest::Digest;
use crate::image::reference::Name;
use crate::image::stream::Compression;
use oci_spec::image::{Descriptor, ImageManifestBuilder, MediaType};
use serde::Deserialize;
use std::io::Read;
use std::path::Path;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

pub(super) fn load(load: &Load<'_>, manifests: &[u8]) -> Result<Vec<Loaded>, ImageError> {
    let described: Vec<Described> = serde_json::from_slice(manifests)
        .map_err(|source| ImageError::Document { what: "manifest.json of the archive".to_owned(), source })?;
    let mut choice = Vec::new();
    for one in &described {
        let names = one.repo_tags.clone().filter(|names| !names.is_empty()).unwrap_or_else(|| vec![load.stem()]);
        for name in names {
            choice.push((Name::parse(&name)?.to_string(), one));
        }
    }
    let mut loaded: Vec<Loaded> = Vec::new();
    for (name, one) in load.choose(choice)? {
        loaded.push(Loaded { name, manifest: image(load, one)? });
    }
    if loaded.is_empty() { Err(load.no_image("its manifest.json names none")) } else { Ok(loaded) }
}

fn image(load: &Load<'_>, described: &Described) -> Result<Descriptor, ImageError> {
    let config = bring(load, &described.config, MediaType::ImageConfig)?;
    let mut layers = Vec::new();
    for name in &described.layers {
        let mut start = [0; 4];
        let read = load.source.file(Path::new(name)).map(|(mut file, _)| file.read(&mut start).unwrap_or(0));
        let media_type = match Compression::of(&start[..read.unwrap_or(0)]) {
            Compression::Gzip => MediaType::ImageLayerGzip,
            Compression::Zstd => MediaType::ImageLayerZstd,
            Compression::Plain => MediaType::ImageLayer,
        };
        layers.push(bring(load, name, media_type)?);
    }
    let manifest = ImageManifestBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageManifest)
        .config(config)
        .layers(layers)
        .build()
        .map_err(|error| load.no_image(error.to_string()))?;
    let bytes = serde_json::to_vec(&manifest).map_err(|error| load.no_image(error.to_string()))?;
    let (digest, size) = load.layout.put(&bytes)?;
    descriptor(load, MediaType::ImageManifest, &digest, size)
}

fn bring(load: &Load<'_>, name: &str, media_type: MediaType) -> Result<Descriptor, ImageError> {
    let path = Path::new(name);
    let Some(digest) = load.source.digest(path) else { return Err(load.no_image(format!("{name} is missing"))) };
    let size = load.bring(path, &digest, None)?;
    descriptor(load, media_type, &digest, size)
}

fn descriptor(load: &Load<'_>, kind: MediaType, digest: &Digest, size: u64) -> Result<Descriptor, ImageError> {
    let digest: oci_spec::image::Digest =
        digest.to_string().parse().map_err(|error: oci_spec::OciSpecError| load.no_image(error.to_string()))?;
    Ok(Descriptor::new(kind, size, digest))
}
