//! An archive becomes files in a folder that is there: `cp`. As a layer is unpacked, but names are only names (`.wh.x` is a
//! file), what is there stays unless the archive has something of that name, and a folder and a file do not replace each
//! other (moby pkg/archive, `NoOverwriteDirNonDir`).

use super::entry;
use super::limits::Limits;
use super::placing::Placing;
use super::stream::LayerStream;
use super::unpack::{LeftOut, UnpackError, make};
use crate::kernel::rootfs::Root;
use std::io::{self, Read};
use std::path::PathBuf;
use tar::EntryType;

/// What came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extracted {
    /// Entries of the archive.
    pub entries: u64,
    /// Bytes of file content.
    pub bytes: u64,
    /// What is missing.
    pub left_out: LeftOut,
    /// Which devices, by their names in the archive: the first of them.
    pub devices: Vec<PathBuf>,
}

/// Unpacks `from`, compressed or not, below `into`. With `owners` each file gets the owner that the archive says, else
/// root's.
///
/// # Errors
/// [`UnpackError`]; what had come by then is there.
pub fn extract(from: Box<dyn Read>, into: Root, owners: bool, limits: &Limits) -> Result<Extracted, UnpackError> {
    let stream = LayerStream::new(from, limits.unpacked, "archive", limits).map_err(UnpackError::Archive)?;
    let gate = stream.gate();
    let mut placing = Placing::below(into, limits);
    placing.owner = (!owners).then_some((0, 0));
    let mut archive = tar::Archive::new(stream);
    let mut entries = 0;
    gate.expect_header();
    for entry in archive.entries().map_err(UnpackError::Archive)? {
        let mut entry = entry.map_err(UnpackError::Archive)?;
        gate.expect_content();
        entries += 1;
        let kind = entry.header().entry_type();
        let name = entry.path().map_err(UnpackError::Archive)?.into_owned();
        match entry::place(&name)? {
            Some(place) if kind != EntryType::XGlobalHeader => {
                let is_folder = kind == EntryType::Directory;
                if let Some(there) = placing.clashes(&place, is_folder)? {
                    return Err(UnpackError::Clash { name, there });
                }
                make(&mut entry, kind, &name, &place, &mut placing)?;
            }
            // The folder itself is there, and stays as it is.
            _ => {}
        }
        io::copy(&mut entry, &mut io::sink()).map_err(UnpackError::Archive)?;
        gate.expect_header();
    }
    drop(archive);
    placing.finish(&[])?;
    Ok(Extracted { entries, bytes: placing.bytes, left_out: placing.left_out, devices: placing.stand_ins })
}
