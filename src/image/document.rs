//! The three documents of an image: an index chooses a manifest by platform, a manifest names a config and layers, the
//! config says how to run it and which diff IDs the layers must have.
//!
//! OCI's and Docker's "schema 2" differ in their media types alone. A document must not be both an index and a manifest
//! (CVE-2021-41190): then two readers of the same bytes would see two images.

use super::ImageError;
use super::digest::Digest;
use super::layers::LayerOnDisk;
use super::layout::Layout;
use super::limits::{Exceeded, Limits};
use crate::state::Roots;
use oci_spec::image::{Descriptor, ImageConfiguration, ImageIndex, ImageManifest};

/// Annotation in our `index.json`: the digest that the registry gave for the name. Where a tag stands for several
/// platforms it is the index's, and the descriptor's own is the manifest's.
pub const PULLED: &str = "io.explore.pulled.digest";

/// Media types of an index.
pub const INDEXES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];
/// Media types of a manifest.
pub const MANIFESTS: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];
/// Docker's first format, which has no config and no digests of its own: registries and Docker itself have given it up
/// (docs.docker.com/engine/deprecated, "Image manifest v2 schema 1").
const SCHEMA_1: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
/// A layer in Docker's own tongue.
pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const LAYERS: [&str; 5] = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    DOCKER_LAYER_GZIP,
];

/// What the bytes that a name stands for can be.
#[derive(Debug)]
pub enum Manifest {
    /// Several images, one a platform.
    Index(Box<ImageIndex>),
    /// One image.
    One(Box<ImageManifest>),
}

impl Manifest {
    /// Reads what came with `media_type`; `what` names it in errors.
    ///
    /// # Errors
    /// [`ImageError::Document`], [`ImageError::Inconsistent`], [`ImageError::Limit`].
    pub fn parse(what: &str, media_type: &str, bytes: &[u8]) -> Result<Self, ImageError> {
        let damaged = |source| ImageError::Document { what: what.to_owned(), source };
        let wrong = |why: String| ImageError::Inconsistent { what: what.to_owned(), why };
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(damaged)?;
        let says = value.get("mediaType").and_then(serde_json::Value::as_str);
        if let Some(says) = says.filter(|says| *says != media_type) {
            return Err(wrong(format!("sent as {media_type}, but says itself that it is {says}")));
        }
        let has = |key: &str| value.get(key).is_some();
        if has("manifests") && (has("config") || has("layers")) {
            return Err(wrong("is an index and a manifest at once".to_owned()));
        }
        if INDEXES.contains(&media_type) {
            return serde_json::from_value(value).map(|index| Self::Index(Box::new(index))).map_err(damaged);
        }
        if SCHEMA_1.contains(&media_type) {
            return Err(wrong(
                "is in Docker's schema 1, which nobody pulls any more; it has to be pushed anew".to_owned(),
            ));
        }
        if !MANIFESTS.contains(&media_type) {
            return Err(wrong(format!("has the media type {media_type:?}, which is no image")));
        }
        let manifest: ImageManifest = serde_json::from_value(value).map_err(damaged)?;
        check(what, &manifest)?;
        Ok(Self::One(Box::new(manifest)))
    }
}

fn check(what: &str, manifest: &ImageManifest) -> Result<(), ImageError> {
    let wrong = |why: String| ImageError::Inconsistent { what: what.to_owned(), why };
    let config = manifest.config().media_type().to_string();
    if !CONFIGS.contains(&config.as_str()) {
        return Err(wrong(format!("its config has the media type {config:?}, so it is no container image")));
    }
    for layer in manifest.layers() {
        let media_type = layer.media_type().to_string();
        if !LAYERS.contains(&media_type.as_str()) {
            return Err(wrong(format!("a layer has the media type {media_type:?}, which we cannot unpack")));
        }
    }
    Ok(())
}

/// Our digest of a descriptor.
///
/// # Errors
/// [`ImageError::Inconsistent`] where it is not sha256.
pub fn digest_of(descriptor: &Descriptor) -> Result<Digest, ImageError> {
    Digest::parse(descriptor.digest().as_ref())
        .map_err(|error| ImageError::Inconsistent { what: "a descriptor".to_owned(), why: error.to_string() })
}

/// The config of a manifest that is in the store, and its layers, in order from the base.
///
/// # Errors
/// [`ImageError`]: what is missing, damaged, too large or does not fit together.
pub fn config_and_layers(
    roots: &Roots,
    layout: &Layout,
    manifest: &ImageManifest,
    limits: &Limits,
) -> Result<(ImageConfiguration, Vec<LayerOnDisk>), ImageError> {
    let config_digest = digest_of(manifest.config())?;
    let config: ImageConfiguration = layout.document("config", &config_digest, limits)?;
    let diff_ids = config.rootfs().diff_ids();
    let wrong = |why: String| ImageError::Inconsistent { what: format!("config {config_digest}"), why };
    if diff_ids.len() != manifest.layers().len() {
        return Err(wrong(format!(
            "it has {} diff IDs, but its manifest has {} layers",
            diff_ids.len(),
            manifest.layers().len()
        )));
    }
    Exceeded::check("the number of layers", diff_ids.len() as u64, limits.layers as u64, "layers")?;
    let mut layers: Vec<LayerOnDisk> = Vec::new();
    for (descriptor, diff_id) in manifest.layers().iter().zip(diff_ids) {
        let diff_id = Digest::parse(diff_id).map_err(|error| wrong(error.to_string()))?;
        let chain_id = Digest::chain(layers.last().map(|below| &below.chain_id), &diff_id);
        let folder = roots.layers().join(chain_id.hex());
        layers.push(LayerOnDisk { diff_id, digest: digest_of(descriptor)?, size: descriptor.size(), folder, chain_id });
    }
    Ok((config, layers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(config: &str, layer: &str) -> String {
        let digest = format!("sha256:{}", "a".repeat(64));
        format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"{config}","digest":"{digest}","size":2}},
                "layers":[{{"mediaType":"{layer}","digest":"{digest}","size":2}}]}}"#
        )
    }

    #[test]
    fn ocis_and_dockers_documents_are_the_same_thing() {
        for (kind, config, layer) in [(MANIFESTS[0], CONFIGS[0], LAYERS[1]), (MANIFESTS[1], CONFIGS[1], LAYERS[4])] {
            let parsed = Manifest::parse("it", kind, manifest(config, layer).as_bytes()).unwrap();
            assert!(matches!(parsed, Manifest::One(_)));
        }
    }

    #[test]
    fn a_document_that_is_two_things_is_refused() {
        let both = manifest(CONFIGS[0], LAYERS[0]).replacen('{', r#"{"manifests":[],"#, 1);
        for kind in INDEXES.into_iter().chain(MANIFESTS) {
            assert!(Manifest::parse("it", kind, both.as_bytes()).is_err(), "{kind}");
        }
        let lying = manifest(CONFIGS[0], LAYERS[0]).replacen('{', &format!(r#"{{"mediaType":"{}","#, INDEXES[0]), 1);
        assert!(Manifest::parse("it", MANIFESTS[0], lying.as_bytes()).is_err());
    }

    #[test]
    fn what_is_no_image_is_refused_by_its_media_type() {
        let good = manifest(CONFIGS[0], LAYERS[0]);
        assert!(Manifest::parse("it", "text/html", good.as_bytes()).is_err());
        let old = Manifest::parse("it", SCHEMA_1[1], br#"{"schemaVersion":1,"fsLayers":[]}"#).unwrap_err().to_string();
        assert!(old.contains("schema 1"), "{old}");
        let helm = manifest("application/vnd.cncf.helm.config.v1+json", LAYERS[0]);
        let error = Manifest::parse("it", MANIFESTS[0], helm.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("no container image"), "{error}");
        assert!(Manifest::parse("it", MANIFESTS[0], manifest(CONFIGS[0], "image/png").as_bytes()).is_err());
    }
}
