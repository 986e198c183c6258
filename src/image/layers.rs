//! Layers on disk: each unpacked once, however many images have it, in a folder named by its chain ID.
//!
//! A folder that has its name is whole: it grew elsewhere and was renamed. Beside it `<chain ID>.json` says where it
//! came from.

use super::ImageError;
use super::digest::Digest;
use super::limits::Limits;
use super::slot::Slot;
use super::unpack::{self, LeftOut, Placed};
use crate::kernel::xattr;
use crate::state::{Roots, read_record, write_record};
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// One layer of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerOnDisk {
    /// Digest of its tar stream.
    pub diff_id: Digest,
    /// Digest of it and all below it.
    pub chain_id: Digest,
    /// Digest of it as it was sent, usually compressed.
    pub digest: Digest,
    /// Bytes of it as it was sent.
    pub size: u64,
    /// Where it is unpacked: a lower folder for overlayfs.
    pub folder: PathBuf,
}

impl LayerOnDisk {
    /// Whether it is unpacked. A folder that cannot be looked at is not one that is not there.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub fn is_unpacked(&self) -> Result<bool, ImageError> {
        self.folder.try_exists().map_err(ImageError::store("cannot look for", &self.folder))
    }
}

/// What is written beside an unpacked layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// Version of this shape.
    pub schema: u32,
    /// What it was made of.
    #[serde(flatten)]
    pub layer: LayerOnDisk,
    /// Chain ID of the layer below.
    pub below: Option<Digest>,
    /// Bytes of file content.
    pub bytes: u64,
    /// Entries in its archive.
    pub entries: u64,
    /// What could not be made here.
    pub left_out: LeftOut,
}

/// The record of an unpacked layer.
pub fn record(folder: &Path) -> Option<LayerRecord> {
    read_record(&folder.with_extension("json")).ok()
}

/// The folders to stack for an image, topmost first. A layer whose root is opaque hides all below it; overlayfs heeds that
/// mark on every folder but the root of a layer, so the stack ends there.
pub fn lowers(layers: &[LayerOnDisk]) -> Vec<PathBuf> {
    let hides_rest = |folder: &Path| {
        let open = std::fs::File::open(folder).ok();
        open.is_some_and(|open| xattr::is_opaque(open.as_fd()).unwrap_or(false))
    };
    let top_down: Vec<&LayerOnDisk> = layers.iter().rev().collect();
    let last = top_down.iter().position(|layer| hides_rest(&layer.folder)).unwrap_or(layers.len());
    top_down.into_iter().take(last + 1).map(|layer| layer.folder.clone()).collect()
}

/// Where the mount points are that an image of these layers (base first) lacks: a layer of their own, made when a
/// container first needs it.
pub fn init_of(roots: &Roots, layers: &[LayerOnDisk]) -> PathBuf {
    let top = layers.last().map_or("none", |top| top.chain_id.hex());
    roots.init_layers().join(top)
}

/// A layer that is being unpacked.
#[derive(Debug)]
pub struct Unpacking {
    slot: Slot,
    placed: Option<Placed>,
}

/// Begins to unpack a layer; `None` where it is there already.
///
/// # Errors
/// [`ImageError::Store`].
pub fn begin(roots: &Roots, layer: &LayerOnDisk) -> Result<Option<Unpacking>, ImageError> {
    if layer.is_unpacked()? {
        return Ok(None);
    }
    let slot = Slot::claim(&roots.layers(), layer.chain_id.hex())?;
    if layer.is_unpacked()? {
        return Ok(None);
    }
    make_folder(&slot.path)?;
    Ok(Some(Unpacking { slot, placed: None }))
}

impl Unpacking {
    /// Places all that the layer has, whatever it will stand on. `on_bytes` hears how much file content has been written.
    ///
    /// # Errors
    /// [`ImageError::Unpack`], [`ImageError::Digest`] where the content is not what the config says.
    pub fn place(
        &mut self,
        layer: &LayerOnDisk,
        blob: Box<dyn Read + Send>,
        limits: &Limits,
        on_bytes: &mut dyn FnMut(u64),
    ) -> Result<(), ImageError> {
        let placed = unpack::place(blob, layer.size, layer.digest.short(), &self.slot.path, limits, on_bytes);
        let placed = placed.map_err(|source| ImageError::Unpack { layer: layer.diff_id.to_string(), source })?;
        if placed.diff_id != layer.diff_id {
            return Err(ImageError::Digest {
                what: format!("layer {} unpacked", layer.digest.short()),
                expected: layer.diff_id.to_string(),
                actual: placed.diff_id.to_string(),
            });
        }
        self.placed = Some(placed);
        Ok(())
    }

    /// Finishes it on top of `below` (base first), whose folders are there by now, and gives it its name.
    ///
    /// Its files are not synced, unlike blobs: a thousand fsync(2) would take longer than all the rest. What a power cut
    /// takes from them, the blob, which is synced, can give again.
    ///
    /// # Errors
    /// [`ImageError::Unpack`], [`ImageError::Store`].
    pub fn settle(self, layer: &LayerOnDisk, below: &[LayerOnDisk]) -> Result<Option<LayerRecord>, ImageError> {
        let Some(placed) = self.placed else { return Ok(None) };
        let lowers: Vec<PathBuf> = below.iter().rev().map(|one| one.folder.clone()).collect();
        let unpacked =
            placed.settle(&lowers).map_err(|source| ImageError::Unpack { layer: layer.diff_id.to_string(), source })?;
        let record = LayerRecord {
            schema: 1,
            layer: layer.clone(),
            below: below.last().map(|one| one.chain_id.clone()),
            bytes: unpacked.bytes,
            entries: unpacked.entries,
            left_out: unpacked.left_out,
        };
        let beside = layer.folder.with_extension("json");
        write_record(&beside, &record, false)
            .map_err(|error| ImageError::Inconsistent { what: beside.display().to_string(), why: error.to_string() })?;
        self.slot.publish(&layer.folder)?;
        Ok(Some(record))
    }
}

/// The root of a layer is the container's `/`: everybody inside may enter it, whatever our umask is.
fn make_folder(path: &Path) -> Result<(), ImageError> {
    use std::os::unix::fs::PermissionsExt;
    let failed = || ImageError::store("cannot make", path);
    std::fs::create_dir(path).map_err(failed())?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).map_err(failed())
}
