//! A layer becomes a folder that overlayfs can stack.
//!
//! The tar crate reads the archive; where each entry goes is decided here, below a root descriptor
//! ([`crate::kernel::rootfs`]). The corner cases follow umoci's `oci/layer/tar_extract.go` and the way Docker's overlay2
//! and containerd translate whiteouts: `.wh.x` becomes a character device 0:0, an opaque folder an extended attribute,
//! because those are the signs that overlayfs itself knows (Documentation/filesystems/overlayfs.rst, "whiteouts and
//! opaque directories").
//!
//! Left out: AUFS's own files, attributes on links and nodes, and old GNU sparse maps are written with their holes
//! filled. In a user namespace an owner without a number there, or a device, cannot be made: it is counted, and the
//! blob, which stays, keeps the truth.

use super::digest::Digest;
use super::entry::{self, BadName, Meaning, Place};
use super::limits::{Exceeded, Limits};
use super::placing::Placing;
use super::stream::{Gate, LayerStream};
use crate::kernel;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use tar::EntryType;

/// Why a layer cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The stream is broken: not a tar archive, cut short, bad compression.
    #[error("the archive cannot be read")]
    Archive(#[source] io::Error),
    /// An entry with a name that means nothing good.
    #[error(transparent)]
    Name(#[from] BadName),
    /// The root of the layer is said to be something else than a folder (CVE-2021-29136).
    #[error("entry {name:?} would replace the root by something that is not a folder")]
    Root {
        /// The name in the archive.
        name: PathBuf,
    },
    /// A kind of entry that we do not know.
    #[error("entry {name:?} is of the unknown type {kind:?}")]
    Kind {
        /// The name in the archive.
        name: PathBuf,
        /// Its type byte.
        kind: u8,
    },
    /// A call for an entry failed.
    #[error("entry {name:?}")]
    Entry {
        /// The name in the archive.
        name: PathBuf,
        /// The call.
        source: kernel::Error,
    },
    /// The content of an entry cannot be written.
    #[error("cannot write entry {name:?}")]
    Content {
        /// The name in the archive.
        name: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A hard link to what is not in this layer.
    #[error("entry {name:?} is a hard link to {target:?}, which is not in this layer")]
    NoTarget {
        /// The name in the archive.
        name: PathBuf,
        /// What it should be linked to.
        target: PathBuf,
    },
    /// A folder where something else is, or the other way round.
    #[error("cannot put {name:?} there: {there}")]
    Clash {
        /// The name in the archive.
        name: PathBuf,
        /// What is in the way.
        there: &'static str,
    },
    /// Too much of something.
    #[error(transparent)]
    Limit(#[from] Exceeded),
    /// The folder to unpack into cannot be opened.
    #[error(transparent)]
    Target(#[from] kernel::Error),
}

/// What could not be made here, by number of entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LeftOut {
    /// Owners that have no number in this user namespace, or that we may not give.
    pub owners: u64,
    /// Devices that we may not make: an empty file without permissions stands there.
    pub devices: u64,
    /// Extended attributes that we may not, or the filesystem cannot, set; those of overlayfs are always refused.
    pub attributes: u64,
}

/// An unpacked layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// The digest of the tar stream.
    pub diff_id: Digest,
    /// Bytes of file content.
    pub bytes: u64,
    /// Entries in the archive.
    pub entries: u64,
    /// What is missing.
    pub left_out: LeftOut,
}

/// A layer whose entries are all placed, and which does not know yet what it stands on.
#[derive(Debug)]
pub struct Placed {
    placing: Placing,
    /// The digest of the tar stream.
    pub diff_id: Digest,
    entries: u64,
}

/// Unpacks `blob`, which is `size` bytes long as it was sent, into the empty folder `into`. Needs nothing of the layers
/// below, so that all layers of an image can be placed at once. `on_bytes` hears how much has been unpacked.
///
/// # Errors
/// [`UnpackError`]; what is in `into` by then is worth nothing.
pub fn place(
    blob: Box<dyn Read + Send>,
    size: u64,
    name: &str,
    into: &Path,
    limits: &Limits,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<Placed, UnpackError> {
    let stream = LayerStream::of_layer(blob, size, name, limits).map_err(UnpackError::Archive)?;
    let gate = stream.gate();
    let named = |error: UnpackError| gate.exceeded().map_or(error, UnpackError::Limit);
    let mut placing = Placing::new(into, limits)?;
    let mut archive = tar::Archive::new(stream);
    let entries = each_entry(&mut archive, &mut placing, limits, &gate, on_bytes).map_err(named)?;
    let (diff_id, _) = archive.into_inner().finish().map_err(|error| named(UnpackError::Archive(error)))?;
    Ok(Placed { placing, diff_id, entries })
}

impl Placed {
    /// Sets what had to wait. `lowers` are the unpacked layers below, topmost first: a folder that this layer only
    /// passes through gets its owner and mode from there.
    ///
    /// # Errors
    /// [`UnpackError::Target`].
    pub fn settle(mut self, lowers: &[PathBuf]) -> Result<Unpacked, UnpackError> {
        self.placing.finish(lowers)?;
        let Placing { bytes, left_out, .. } = self.placing;
        Ok(Unpacked { diff_id: self.diff_id, bytes, entries: self.entries, left_out })
    }
}

/// Both at once: [`place`], then [`Placed::settle`].
///
/// # Errors
/// [`UnpackError`].
pub fn unpack(
    blob: File,
    name: &str,
    into: &Path,
    lowers: &[PathBuf],
    limits: &Limits,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<Unpacked, UnpackError> {
    let size = blob.metadata().map_err(UnpackError::Archive)?.len();
    place(Box::new(blob), size, name, into, limits, on_bytes)?.settle(lowers)
}

fn each_entry(
    archive: &mut tar::Archive<LayerStream>,
    placing: &mut Placing,
    limits: &Limits,
    gate: &Gate,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<u64, UnpackError> {
    let mut count = 0;
    gate.expect_header();
    for entry in archive.entries().map_err(UnpackError::Archive)? {
        let mut entry = entry.map_err(UnpackError::Archive)?;
        gate.expect_content();
        count += 1;
        Exceeded::check("the number of entries in a layer", count, limits.entries, "entries")?;
        let name = entry.path().map_err(UnpackError::Archive)?.into_owned();
        let depth = name.components().count();
        Exceeded::check(
            &format!("the depth of entry {}/…", start_of(&name).display()),
            depth as u64,
            limits.depth as u64,
            "folders",
        )?;
        place_one(&mut entry, &name, placing)?;
        // What nobody wanted is read here, so that after it only a header is expected.
        placing.pass_over(&mut entry).map_err(UnpackError::Archive)?;
        on_bytes(placing.bytes);
        gate.expect_header();
    }
    Ok(count)
}

/// As much of a long name as an error message can bear.
fn start_of(name: &Path) -> PathBuf {
    name.components().take(4).collect()
}

fn place_one(entry: &mut tar::Entry<'_, LayerStream>, name: &Path, placing: &mut Placing) -> Result<(), UnpackError> {
    let kind = entry.header().entry_type();
    if matches!(kind, EntryType::XGlobalHeader) {
        return Ok(());
    }
    let failed = |source| UnpackError::Entry { name: name.to_owned(), source };
    match entry::meaning(name)? {
        Meaning::Ignored => Ok(()),
        Meaning::Whiteout(place) => placing.whiteout(&place).map_err(failed),
        Meaning::Opaque(folder) => placing.opaque(&folder).map_err(failed),
        Meaning::Root if kind == EntryType::Directory => placing.root(entry).map_err(failed),
        Meaning::Root => Err(UnpackError::Root { name: name.to_owned() }),
        Meaning::Place(place) => make(entry, kind, name, &place, placing),
    }
}

pub(super) fn make(
    entry: &mut tar::Entry<'_, LayerStream>,
    kind: EntryType,
    name: &Path,
    place: &Place,
    placing: &mut Placing,
) -> Result<(), UnpackError> {
    let failed = |source| UnpackError::Entry { name: name.to_owned(), source };
    match kind {
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            let file = placing.new_file(entry, place).map_err(failed)?;
            let content = |source| UnpackError::Content { name: name.to_owned(), source };
            let written = placing.write(entry, &file).map_err(content)??;
            placing.finish_file(entry, &file, written).map_err(failed)
        }
        EntryType::Directory => placing.folder(entry, place).map_err(failed),
        EntryType::Symlink => {
            let target = link_target(entry, name)?;
            placing.symlink(entry, place, &target).map_err(failed)
        }
        EntryType::Link => {
            let target = link_target(entry, name)?;
            let Some(old) = entry::place(&target)? else { return Err(UnpackError::Root { name: name.to_owned() }) };
            match placing.hard_link(place, &old) {
                Err(error) if error.errno == libc::ENOENT => {
                    Err(UnpackError::NoTarget { name: name.to_owned(), target })
                }
                other => other.map_err(failed),
            }
        }
        EntryType::Char | EntryType::Block | EntryType::Fifo => placing.node(entry, kind, place).map_err(failed),
        other => Err(UnpackError::Kind { name: name.to_owned(), kind: other.as_byte() }),
    }
}

fn link_target(entry: &tar::Entry<'_, LayerStream>, name: &Path) -> Result<PathBuf, UnpackError> {
    let target = entry.link_name().map_err(UnpackError::Archive)?;
    target
        .map(std::borrow::Cow::into_owned)
        .ok_or_else(|| UnpackError::NoTarget { name: name.to_owned(), target: PathBuf::new() })
}
