//! An OCI image layout: a folder that other tools read as well. image-spec, image-layout.md.
//!
//! ```text
//! oci-layout                 {"imageLayoutVersion": "1.0.0"}
//! index.json                 names, each a descriptor of a manifest
//! blobs/sha256/<64 hex>      manifests, configs, layers: all named by their own content
//! ```
//! A blob gets its name only when it is whole and its digest was checked. `index.json` is replaced by rename, under a
//! lock. So at any moment the folder is a valid layout.

use super::ImageError;
use super::digest::{Digest, Hashing};
use super::limits::{Exceeded, Limits};
use super::slot::Slot;
use crate::state::{Lock, write_record};
use oci_spec::image::{Descriptor, ImageIndex, MediaType};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The annotation that carries a name: image-spec, annotations.md.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// A layout on disk.
#[derive(Debug, Clone)]
pub struct Layout {
    folder: PathBuf,
}

impl Layout {
    /// The layout in `folder`; made empty where there is none.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub fn open(folder: &Path) -> Result<Self, ImageError> {
        let layout = Self { folder: folder.to_owned() };
        let blobs = layout.blobs();
        std::fs::create_dir_all(&blobs).map_err(ImageError::store("cannot make", &blobs))?;
        let version = folder.join("oci-layout");
        if !is_there(&version)? {
            layout.write("oci-layout", &serde_json::json!({ "imageLayoutVersion": "1.0.0" }))?;
        }
        let _lock = layout.lock()?;
        if !is_there(&folder.join("index.json"))? {
            layout.write_index(&empty_index())?;
        }
        Ok(layout)
    }

    /// The layout in `folder`, if it is one; nothing is made.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub fn existing(folder: &Path) -> Result<Option<Self>, ImageError> {
        Ok(is_there(&folder.join("index.json"))?.then(|| Self { folder: folder.to_owned() }))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn blobs(&self) -> PathBuf {
        self.folder.join("blobs/sha256")
    }

    /// Where a blob is, or would be.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    /// Whether a blob is here, whole (`size` bytes).
    pub fn has(&self, digest: &Digest, size: u64) -> bool {
        self.blob_path(digest).metadata().is_ok_and(|file| file.is_file() && file.len() == size)
    }

    /// Opens a blob.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub fn open_blob(&self, digest: &Digest) -> Result<File, ImageError> {
        let path = self.blob_path(digest);
        File::open(&path).map_err(ImageError::store("cannot read", path))
    }

    /// Reads a JSON blob: its bytes, checked against its digest again, and what they say.
    ///
    /// # Errors
    /// [`ImageError::Limit`], [`ImageError::Digest`], [`ImageError::Document`], [`ImageError::Store`].
    pub fn document<T: DeserializeOwned>(&self, what: &str, digest: &Digest, limits: &Limits) -> Result<T, ImageError> {
        let bytes = self.small_blob(what, digest, limits)?;
        serde_json::from_slice(&bytes)
            .map_err(|source| ImageError::Document { what: format!("{what} {digest}"), source })
    }

    /// The bytes of a small blob.
    ///
    /// # Errors
    /// [`ImageError::Limit`], [`ImageError::Digest`], [`ImageError::Store`].
    pub fn small_blob(&self, what: &str, digest: &Digest, limits: &Limits) -> Result<Vec<u8>, ImageError> {
        // Most are a kilobyte or two; the second read finds the end.
        let mut bytes = Vec::with_capacity(8192);
        let failed = ImageError::store("cannot read", self.blob_path(digest));
        self.open_blob(digest)?.take(limits.document + 1).read_to_end(&mut bytes).map_err(failed)?;
        Exceeded::check(&format!("{what} {digest}"), bytes.len() as u64, limits.document, "bytes")?;
        let actual = Digest::of(&bytes);
        if actual != *digest {
            let what = format!("{what} in the store");
            return Err(ImageError::Digest { what, expected: digest.to_string(), actual: actual.to_string() });
        }
        Ok(bytes)
    }

    /// Waits until nobody else brings in this blob, and says where it may grow; `None` where it is here by then.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub fn claim(&self, digest: &Digest, size: u64) -> Result<Option<Slot>, ImageError> {
        if self.has(digest, size) {
            return Ok(None);
        }
        let slot = Slot::claim(&self.folder, digest.hex())?;
        Ok(if self.has(digest, size) { None } else { Some(slot) })
    }

    /// As [`Layout::claim`], with what an earlier try has left of the blob.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub fn take_over(&self, digest: &Digest, size: u64) -> Result<Option<Slot>, ImageError> {
        if self.has(digest, size) {
            return Ok(None);
        }
        let slot = Slot::take_over(&self.folder, digest.hex())?;
        Ok(if self.has(digest, size) { None } else { Some(slot) })
    }

    /// Brings in a blob that must have this digest and size; nothing is kept of another. `on_bytes` hears how much
    /// has come.
    ///
    /// # Errors
    /// [`ImageError::Digest`], [`ImageError::Size`], [`ImageError::Limit`], [`ImageError::Store`].
    pub fn fill(
        &self,
        slot: Slot,
        expected: (&Digest, u64),
        from: impl Read,
        on_bytes: &mut dyn FnMut(u64),
    ) -> Result<(), ImageError> {
        let (digest, size) = expected;
        let what = || format!("blob {}", digest.short());
        // One byte more than was said: enough to see that there is more, and no more is read.
        let (actual, bytes) = grow(&slot, from.take(size.saturating_add(1)), on_bytes)?;
        if bytes != size {
            return Err(ImageError::Size { what: what(), expected: size, actual: bytes });
        }
        if actual != *digest {
            let (expected, actual) = (digest.to_string(), actual.to_string());
            return Err(ImageError::Digest { what: what(), expected, actual });
        }
        slot.publish(&self.blob_path(digest))
    }

    /// Brings in a small blob whose content is known.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub fn put(&self, bytes: &[u8]) -> Result<(Digest, u64), ImageError> {
        let (digest, size) = (Digest::of(bytes), bytes.len() as u64);
        if let Some(slot) = self.claim(&digest, size)? {
            self.fill(slot, (&digest, size), bytes, &mut |_| ())?;
        }
        Ok((digest, size))
    }

    /// Brings in a blob that gets its name from what `write` makes of it. `name` tells it apart while it grows.
    ///
    /// # Errors
    /// [`ImageError::Store`], and those of `write`.
    pub fn put_written<T>(
        &self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> std::io::Result<T>,
    ) -> Result<(Digest, u64, T), ImageError> {
        let slot = Slot::claim(&self.folder, name)?;
        let failed = || ImageError::store("cannot write", &slot.path);
        let file = File::create_new(&slot.path).map_err(failed())?;
        let mut hashing = Hashing::new(std::io::BufWriter::with_capacity(1 << 17, file));
        let value = write(&mut hashing).map_err(failed())?;
        let (buffered, digest, bytes) = hashing.finish();
        let file = buffered.into_inner().map_err(|error| failed()(error.into_error()))?;
        file.sync_all().map_err(failed())?;
        slot.publish(&self.blob_path(&digest))?;
        Ok((digest, bytes, value))
    }

    /// The index: every name and what it stands for.
    ///
    /// # Errors
    /// [`ImageError::Store`], [`ImageError::Document`].
    pub fn index(&self) -> Result<ImageIndex, ImageError> {
        let path = self.folder.join("index.json");
        let bytes = std::fs::read(&path).map_err(ImageError::store("cannot read", &path))?;
        serde_json::from_slice(&bytes)
            .map_err(|source| ImageError::Document { what: path.display().to_string(), source })
    }

    /// Gives `descriptor` the name `name`, which loses what it stood for. That image stays, without a name if it has no
    /// other: a container may stand on it.
    ///
    /// # Errors
    /// [`ImageError::Store`], [`ImageError::Document`].
    pub fn tag(&self, name: &str, descriptor: &Descriptor) -> Result<(), ImageError> {
        let mut named = descriptor.clone();
        let mut annotations: HashMap<String, String> = named.annotations().clone().unwrap_or_default();
        annotations.insert(REF_NAME.to_owned(), name.to_owned());
        named.set_annotations(Some(annotations));
        self.change_index(|manifests| {
            let before = manifests.iter().position(|one| name_of(one) == Some(name)).map(|at| manifests.remove(at));
            // It has a name now.
            manifests.retain(|one| name_of(one).is_some() || one.digest() != named.digest());
            manifests.push(named);
            if let Some(mut before) =
                before.filter(|before| manifests.iter().all(|one| one.digest() != before.digest()))
            {
                unname(&mut before);
                manifests.push(before);
            }
        })
    }

    /// Keeps an image that has no name, unless it is kept already.
    ///
    /// # Errors
    /// [`ImageError::Store`], [`ImageError::Document`].
    pub fn keep(&self, descriptor: &Descriptor) -> Result<(), ImageError> {
        self.change_index(|manifests| {
            if manifests.iter().all(|one| one.digest() != descriptor.digest()) {
                manifests.push(descriptor.clone());
            }
        })
    }

    /// Takes a name away, or an image that has none; whether it was there.
    ///
    /// # Errors
    /// [`ImageError::Store`], [`ImageError::Document`].
    pub fn untag(&self, entry: &Descriptor) -> Result<bool, ImageError> {
        let mut found = false;
        self.change_index(|manifests| {
            let before = manifests.len();
            let same = |one: &Descriptor| one.digest() == entry.digest() && name_of(one) == name_of(entry);
            manifests.retain(|one| !same(one));
            found = manifests.len() < before;
        })?;
        Ok(found)
    }

    fn change_index(&self, change: impl FnOnce(&mut Vec<Descriptor>)) -> Result<(), ImageError> {
        let _lock = self.lock()?;
        let mut index = self.index()?;
        let mut manifests = index.manifests().clone();
        change(&mut manifests);
        index.set_manifests(manifests);
        self.write_index(&index)
    }

    fn write_index(&self, index: &ImageIndex) -> Result<(), ImageError> {
        self.write("index.json", index)
    }

    fn write<T: serde::Serialize>(&self, name: &str, value: &T) -> Result<(), ImageError> {
        let path = self.folder.join(name);
        write_record(&path, value, true).map_err(|error| match error {
            crate::state::RecordError::Write { path, source } => {
                ImageError::Store { doing: "cannot write", path, source }
            }
            other => ImageError::Inconsistent { what: path.display().to_string(), why: other.to_string() },
        })
    }

    fn lock(&self) -> Result<Lock, ImageError> {
        let path = self.folder.join(".lock");
        Lock::wait(&path).map_err(ImageError::store("cannot lock", path))
    }
}

/// The name that a descriptor of the index carries.
pub fn name_of(descriptor: &Descriptor) -> Option<&str> {
    descriptor.annotations().as_ref()?.get(REF_NAME).map(String::as_str)
}

fn unname(descriptor: &mut Descriptor) {
    let mut annotations = descriptor.annotations().clone().unwrap_or_default();
    annotations.remove(REF_NAME);
    descriptor.set_annotations(Some(annotations).filter(|left| !left.is_empty()));
}

fn empty_index() -> ImageIndex {
    let mut index = ImageIndex::default();
    index.set_schema_version(2);
    index.set_media_type(Some(MediaType::ImageIndex));
    index
}

/// Copies into the slot, counting and digesting, and syncs: a power cut must not leave a named blob without content.
fn grow(slot: &Slot, mut from: impl Read, on_bytes: &mut dyn FnMut(u64)) -> Result<(Digest, u64), ImageError> {
    let failed = || ImageError::store("cannot write", &slot.path);
    let mut file = Hashing::new(File::create_new(&slot.path).map_err(failed())?);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(ImageError::Store { doing: "cannot receive", path: slot.path.clone(), source }),
        };
        file.write_all(&buffer[..count]).map_err(failed())?;
        on_bytes(file.count());
    }
    let (file, digest, bytes) = file.finish();
    file.sync_all().map_err(failed())?;
    Ok((digest, bytes))
}

/// What cannot be looked at may be there: it is not made anew.
fn is_there(path: &Path) -> Result<bool, ImageError> {
    path.try_exists().map_err(ImageError::store("cannot look for", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> (tempfile::TempDir, Layout) {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::open(&folder.path().join("images")).unwrap();
        (folder, layout)
    }

    #[test]
    fn a_blob_with_another_digest_or_length_is_not_kept() {
        let (_folder, layout) = layout();
        let digest = Digest::of(b"right");
        for body in ["wrong", "righ", "right and more"] {
            let slot = layout.claim(&digest, 5).unwrap().unwrap();
            assert!(layout.fill(slot, (&digest, 5), body.as_bytes(), &mut |_| ()).is_err(), "{body}");
            assert!(!layout.blob_path(&digest).exists());
        }
        let slot = layout.claim(&digest, 5).unwrap().unwrap();
        layout.fill(slot, (&digest, 5), b"right".as_slice(), &mut |_| ()).unwrap();
        assert!(layout.claim(&digest, 5).unwrap().is_none(), "it is fetched once");
    }

    #[test]
    fn a_name_stands_for_one_manifest() {
        let (_folder, layout) = layout();
        let one = |text: &[u8]| {
            let (digest, size) = layout.put(text).unwrap();
            Descriptor::new(
                MediaType::ImageManifest,
                size,
                digest.to_string().parse::<oci_spec::image::Digest>().unwrap(),
            )
        };
        layout.tag("a:1", &one(b"{}")).unwrap();
        layout.tag("b:1", &one(b"{}")).unwrap();
        layout.tag("a:1", &one(b"[]")).unwrap();
        assert_eq!(layout.index().unwrap().manifests().len(), 2);
        layout.tag("b:1", &one(b"[]")).unwrap();
        let names = || layout.index().unwrap().manifests().iter().map(|one| name_of(one).map(str::to_owned)).collect();
        let all: Vec<Option<String>> = names();
        assert_eq!(
            all,
            [Some("a:1".to_owned()), Some("b:1".to_owned()), None],
            "the first has no name left, and stays"
        );
        let unnamed = layout.index().unwrap().manifests()[2].clone();
        assert!(layout.untag(&unnamed).unwrap());
        assert!(!layout.untag(&unnamed).unwrap());
        layout.keep(&unnamed).unwrap();
        layout.tag("a:1", &one(b"{}")).unwrap();
        let all: Vec<Option<String>> = names();
        assert_eq!(all, [Some("b:1".to_owned()), Some("a:1".to_owned())], "it has a name again");
    }
}
