//! A blob comes over the network into the store: digested while it streams, followed by whoever unpacks it, taken up
//! again where an earlier try was cut off.
//!
//! What a killed pull has left of a blob is not believed: it is digested again, from its first byte, before the rest is
//! asked for. A wrong digest at the end takes all of it away.

use super::ImageError;
use super::digest::{Digest, Hashing};
use super::growing::{Ender, Growing};
use super::layout::Layout;
use super::registry::body::Body;
use super::registry::client::RegistryError;
use super::slot::Slot;
use std::fs::File;
use std::io::Write;

/// Less than that is fetched anew sooner than kept.
const WORTH_KEEPING: u64 = 1 << 20;
const PIECE: usize = 128 << 10;

/// Why a blob did not come in.
#[derive(Debug)]
pub enum IngestError {
    /// The registry did not give it.
    Registry(RegistryError),
    /// It is another one, or cannot be kept.
    Image(ImageError),
    /// Somebody else said to stop.
    Stopped,
}

impl From<ImageError> for IngestError {
    fn from(error: ImageError) -> Self {
        Self::Image(error)
    }
}

/// Fills `slot` with the blob that must have this digest and size. `open` begins to fetch it from a byte on. `on_bytes`
/// hears how much is there, and says whether to go on. Answers how much came over the network.
///
/// # Errors
/// [`IngestError`]; nothing has a name then.
pub fn ingest<'a>(
    layout: &Layout,
    mut slot: Slot,
    (digest, size): (&Digest, u64),
    growing: &Growing,
    open: impl FnOnce(u64) -> Result<Body<'a>, RegistryError>,
    on_bytes: &mut dyn FnMut(u64) -> bool,
) -> Result<u64, IngestError> {
    // However this ends, whoever follows is told.
    let ender = Ender(growing);
    let mut file = take_up(&slot, size)?;
    let had = file.count();
    growing.reached(had);
    if had < size {
        let copied = open(had)
            .map_err(IngestError::Registry)
            .and_then(|body| copy(body, &mut file, (&slot, size), growing, on_bytes));
        if let Err(error) = copied {
            if file.count() >= WORTH_KEEPING && file.count() < size {
                slot.keep_what_is_there();
            }
            return Err(error);
        }
    }
    growing.end(true);
    drop(ender);
    let (file, actual, bytes) = file.finish();
    let what = || format!("blob {}", digest.short());
    if bytes != size {
        return Err(ImageError::Size { what: what(), expected: size, actual: bytes }.into());
    }
    if actual != *digest {
        let (expected, actual) = (digest.to_string(), actual.to_string());
        return Err(ImageError::Digest { what: what(), expected, actual }.into());
    }
    // A power cut must not leave a named blob without content.
    file.sync_all().map_err(ImageError::store("cannot write", &slot.path))?;
    slot.publish(&layout.blob_path(digest))?;
    Ok(size - had)
}

/// Opens what is there already, and digests it.
fn take_up(slot: &Slot, size: u64) -> Result<Hashing<File>, ImageError> {
    let failed = || ImageError::store("cannot write", &slot.path);
    let file = File::options().read(true).write(true).create(true).truncate(false).open(&slot.path).map_err(failed())?;
    if file.metadata().map_err(failed())?.len() > size {
        file.set_len(0).map_err(failed())?;
    }
    // Reading it leaves the file at its end, where the rest is to be written.
    let mut file = Hashing::new(file);
    std::io::copy(&mut file, &mut std::io::sink()).map_err(failed())?;
    Ok(file)
}

fn copy(
    mut body: Body<'_>,
    file: &mut Hashing<File>,
    (slot, size): (&Slot, u64),
    growing: &Growing,
    on_bytes: &mut dyn FnMut(u64) -> bool,
) -> Result<(), IngestError> {
    let mut buffer = vec![0; PIECE];
    // One byte more than was said: enough to see that there is more, and no more is read.
    while file.count() <= size {
        let count = body.next(&mut buffer).map_err(IngestError::Registry)?;
        if count == 0 {
            break;
        }
        file.write_all(&buffer[..count]).map_err(ImageError::store("cannot write", &slot.path))?;
        growing.reached(file.count());
        if !on_bytes(file.count()) {
            return Err(IngestError::Stopped);
        }
    }
    Ok(())
}
