//! `commit`: what a container has written becomes the topmost layer of a new image.
//!
//! ```text
//!   upper/  ──pack──► tar ──gzip──► blob (its digest)       a layer: only what was changed
//!                      └─ its own digest: the diff ID
//!   the image's config + diff ID + history + what the container was asked to run  ──►  config: the image ID
//!   the image's layers + the new one                                              ──►  manifest, and a name
//! ```
//! The container stays what it is. All is written beside its place and named last: an image is there whole, or not at all.
//! What has run is not in it: no process, no memory, no volume, nothing of what is mounted in the container.

mod change;
mod config;
mod error;

pub use change::{Change, ChangeError};
pub use error::CommitError;

use crate::image::layers::{self, LayerOnDisk};
use crate::image::layout::Layout;
use crate::image::limits::Limits;
use crate::image::pack::{PackError, Packed, pack};
use crate::image::reference::Name;
use crate::image::{Digest, Hashing, Image, ImageError, catalog, document, find};
use crate::kernel::rootfs::Root;
use crate::stages::create::{self, Container, CreateError};
use crate::stages::exec::{self, Held};
use crate::state::{Lock, Roots};
use flate2::{Compression, GzBuilder};
use oci_spec::image::{Descriptor, MediaType};
use serde_json::{Value, json};

/// What is asked of a commit.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// What the image is to be called; without one it has its ID only.
    pub name: Option<Name>,
    /// `--author`.
    pub author: Option<String>,
    /// `--message`.
    pub message: Option<String>,
    /// `--change`.
    pub changes: Vec<Change>,
    /// Hold a container that runs while it is read.
    pub pause: bool,
}

/// A commit.
#[derive(Debug, Clone)]
pub struct Committed {
    /// The new image's ID.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// The new layer's digest as it is stored; `None` where the container has written nothing.
    pub layer: Option<String>,
    /// What went into it.
    pub packed: Packed,
    /// Why a container that runs was not held.
    pub not_held: Option<String>,
}

/// Makes an image of a container.
///
/// # Errors
/// [`CommitError`]; no image is there then, and the container is as before.
pub fn commit(roots: &Roots, container: &Container, request: &Request) -> Result<Committed, CommitError> {
    let _in_use = catalog::in_use(roots)?;
    let layout = catalog::layout(roots)?;
    let image = find(roots, &container.image_id)?;
    let spec = create::spec(roots, &container.id)?;
    let whole: Value = layout.document("config", &digest(&image.id)?, &Limits::default())?;
    let mut config = config::of_container(&whole, container, &spec);
    let ran = config::strings(&config, "Cmd").join(" ");
    change::apply(&request.changes, &mut config)?;
    let (stays, not_held) = hold(roots, container, request.pause)?;
    let layer = write_layer(roots, &layout, container);
    drop(stays);
    let (layer, packed) = layer?;
    let step = config::step(request, &ran, layer.is_none());
    let whole = config::child(whole, config, step, layer.as_ref().map(|layer| &layer.diff_id))?;
    let manifest = write_documents(&layout, &image, &whole, layer.as_ref())?;
    let id = unpack(roots, &layout, &manifest)?;
    match &request.name {
        Some(name) => layout.tag(&name.to_string(), &manifest)?,
        None => layout.keep(&manifest)?,
    }
    let layer = layer.map(|layer| layer.digest.to_string());
    Ok(Committed { id, name: request.name.as_ref().map(Name::to_string), layer, packed, not_held })
}

/// What keeps the upper as it is: its processes stand still, or none can be started.
enum Stays {
    Held(#[allow(dead_code, reason = "lets it go on when it is dropped")] Held),
    Locked(#[allow(dead_code, reason = "held until it is dropped")] Lock),
    Runs,
}

fn hold(roots: &Roots, container: &Container, pause: bool) -> Result<(Stays, Option<String>), CommitError> {
    let path = create::folder(roots, &container.id);
    match exec::lock_at_rest(roots, &container.id).map_err(|source| CreateError::Folder { path, source })? {
        Ok(lock) => Ok((Stays::Locked(lock), None)),
        Err(_) if !pause => Ok((Stays::Runs, None)),
        Err(_) => match exec::hold(roots, container) {
            Ok(Some(held)) => Ok((Stays::Held(held), None)),
            // Held already, by somebody else.
            Ok(None) => Ok((Stays::Runs, None)),
            // As Docker: an image that may be of two moments is better than none. But it is said.
            Err(error) => Ok((Stays::Runs, Some(error.to_string()))),
        },
    }
}

/// The new layer's names.
struct Layer {
    diff_id: Digest,
    digest: Digest,
    size: u64,
}

/// The upper as a blob in the store; no layer where nothing was written.
fn write_layer(roots: &Roots, layout: &Layout, container: &Container) -> Result<(Option<Layer>, Packed), CommitError> {
    let folder = create::folder(roots, &container.id).join("upper");
    let upper = Root::open(&folder, "what the container has written, and nothing outside of it")
        .map_err(|source| PackError::Entry { path: "/".into(), source })?;
    let mut failed = None;
    let written = layout.put_written(&format!("commit-{}", std::process::id()), |file| {
        // No time and no name in the header: the same upper gives the same bytes.
        let gzip = Hashing::new(GzBuilder::new().mtime(0).write(file, Compression::default()));
        match pack(&upper, gzip, &Limits::default()) {
            Ok((tar, packed)) => {
                let (gzip, diff_id, _) = tar.finish();
                gzip.finish()?.flush()?;
                Ok((diff_id, packed))
            }
            Err(PackError::Write(error)) => Err(error),
            Err(error) => {
                failed = Some(error);
                Err(std::io::ErrorKind::Other.into())
            }
        }
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    let (digest, size, (diff_id, packed)) = written?;
    Ok(((packed.entries > 0).then_some(Layer { diff_id, digest, size }), packed))
}

/// Config and manifest, in the tongue (OCI's or Docker's) that the image below has.
fn write_documents(
    layout: &Layout,
    below: &Image,
    config: &Value,
    layer: Option<&Layer>,
) -> Result<Descriptor, CommitError> {
    let old: Value = layout.document("manifest", &digest(&below.manifest_digest)?, &Limits::default())?;
    let is_docker = old["config"]["mediaType"].as_str().is_some_and(|kind| kind.contains("docker"));
    let of_layer = if is_docker { document::DOCKER_LAYER_GZIP } else { "application/vnd.oci.image.layer.v1.tar+gzip" };
    let (config, size) = layout.put(config.to_string().as_bytes())?;
    let mut layers = old["layers"].as_array().cloned().unwrap_or_default();
    layers.extend(
        layer.map(|layer| json!({ "mediaType": of_layer, "digest": layer.digest.to_string(), "size": layer.size })),
    );
    let kind = if is_docker { document::MANIFESTS[1] } else { document::MANIFESTS[0] };
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": kind,
        "config": { "mediaType": old["config"]["mediaType"], "digest": config.to_string(), "size": size },
        "layers": layers,
    });
    let (digest, size) = layout.put(manifest.to_string().as_bytes())?;
    let digest: oci_spec::image::Digest =
        digest.to_string().parse().map_err(|error: oci_spec::OciSpecError| unfit(&error))?;
    Ok(Descriptor::new(MediaType::from(kind), size, digest))
}

/// The new layer as a folder, for the containers that will stand on it. Answers the image's ID.
fn unpack(roots: &Roots, layout: &Layout, manifest: &Descriptor) -> Result<String, CommitError> {
    let image = catalog::read(roots, layout, manifest)?;
    let Some((top, below)) = image.layers.split_last() else { return Ok(image.id) };
    place(roots, layout, top, below)?;
    Ok(image.id)
}

fn place(roots: &Roots, layout: &Layout, top: &LayerOnDisk, below: &[LayerOnDisk]) -> Result<(), ImageError> {
    let Some(mut unpacking) = layers::begin(roots, top)? else { return Ok(()) };
    unpacking.place(top, Box::new(layout.open_blob(&top.digest)?), &Limits::default(), &mut |_| ())?;
    unpacking.settle(top, below)?;
    Ok(())
}

fn digest(text: &str) -> Result<Digest, ImageError> {
    Digest::parse(text).map_err(|error| unfit(&error))
}

fn unfit(error: &dyn std::error::Error) -> ImageError {
    ImageError::Inconsistent { what: "the image below".to_owned(), why: error.to_string() }
}
