//! From an archive into the store: whole, checked blobs, and what to call them.

use super::source::Source;
use super::{CONTAINERD_NAME, docker};
use crate::image::digest::Digest;
use crate::image::document::{self, INDEXES, MANIFESTS, Manifest};
use crate::image::layout::{Layout, REF_NAME};
use crate::image::limits::Limits;
use crate::image::platform::Platform;
use crate::image::reference::Name;
use crate::image::{ImageError, catalog};
use crate::state::Roots;
use oci_spec::image::{Descriptor, ImageIndex};
use std::path::{Path, PathBuf};

/// An image whose blobs are in the store now; it has no name there yet.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it is to be called.
    pub name: String,
    /// The descriptor of its manifest.
    pub manifest: Descriptor,
}

/// Which images of an archive.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    /// All of them; without it the only one, or the one of this name.
    pub all: bool,
    /// Its name, or its tag.
    pub name: Option<&'a str>,
    /// For which kind of machine.
    pub platform: Platform,
}

/// Reads images of an archive or a layout folder. `-` is standard input. `on_bytes` hears how much of a tar has been
/// read.
///
/// # Errors
/// [`ImageError::NotAnArchive`], [`ImageError::Choose`], and what is damaged or too large in it.
pub fn load(
    roots: &Roots,
    path: &Path,
    wanted: &Wanted<'_>,
    limits: &Limits,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<Vec<Loaded>, ImageError> {
    let layout = catalog::layout(roots)?;
    let source = Source::open(layout.folder(), path, limits, on_bytes)?;
    let load = Load { layout, source, path: path.to_owned(), wanted, limits };
    if let Some(index) = load.source.text("index.json", limits)? {
        return load.oci(&index);
    }
    match load.source.text("manifest.json", limits)? {
        Some(manifests) => docker::load(&load, &manifests),
        None => Err(load.no_image("it has neither an index.json nor a manifest.json")),
    }
}

/// What both kinds of archive need.
pub(super) struct Load<'a> {
    pub(super) layout: Layout,
    pub(super) source: Source,
    path: PathBuf,
    wanted: &'a Wanted<'a>,
    limits: &'a Limits,
}

impl Load<'_> {
    pub(super) fn no_image(&self, why: impl Into<String>) -> ImageError {
        ImageError::NotAnArchive { path: self.path.clone(), why: why.into() }
    }

    /// Brings a file of the archive into the store under the digest that it must have.
    pub(super) fn bring(&self, name: &Path, digest: &Digest, size: Option<u64>) -> Result<u64, ImageError> {
        let Some((file, found)) = self.source.file(name) else {
            return Err(self.no_image(format!("{} is missing", name.display())));
        };
        let size = size.unwrap_or(found);
        if let Some(slot) = self.layout.claim(digest, size)? {
            self.layout.fill(slot, (digest, size), file, &mut |_| ())?;
        }
        Ok(size)
    }

    fn bring_blob(&self, descriptor: &Descriptor) -> Result<Digest, ImageError> {
        let digest = document::digest_of(descriptor)?;
        self.bring(&Path::new("blobs/sha256").join(digest.hex()), &digest, Some(descriptor.size()))?;
        Ok(digest)
    }

    fn oci(&self, index: &[u8]) -> Result<Vec<Loaded>, ImageError> {
        let index: ImageIndex = serde_json::from_slice(index)
            .map_err(|source| ImageError::Document { what: "index.json of the archive".to_owned(), source })?;
        let is_image = |one: &&Descriptor| {
            let media_type = one.media_type().to_string();
            INDEXES.iter().chain(&MANIFESTS).any(|known| *known == media_type)
        };
        let images = index.manifests().iter().filter(is_image).enumerate();
        let named = images.map(|(number, entry)| Ok((self.name(entry, number)?, entry)));
        let mut loaded = Vec::new();
        for (name, entry) in self.choose(named.collect::<Result<_, ImageError>>()?)? {
            let Some(manifest) = self.image(entry, true)? else { continue };
            loaded.push(Loaded { name, manifest });
        }
        if loaded.is_empty() { Err(self.no_image("no image in it is for this machine")) } else { Ok(loaded) }
    }

    /// Those that are wanted of these, each with its name; nothing of the others is brought in.
    pub(super) fn choose<T>(&self, there: Vec<(String, T)>) -> Result<Vec<(String, T)>, ImageError> {
        if self.wanted.all {
            return Ok(there);
        }
        let names = there.iter().map(|(name, _)| name.clone()).collect();
        let wanted = self.wanted.name;
        // A tag can have no colon, so what follows the last one is the tag.
        let is_wanted =
            |name: &str| wanted.is_none_or(|wanted| name == wanted || name.rsplit(':').next() == Some(wanted));
        let mut chosen: Vec<_> = there.into_iter().filter(|(name, _)| is_wanted(name)).collect();
        match chosen.len() {
            // What is in it is said by whoever finds nothing in it.
            0 if wanted.is_none() => Ok(chosen),
            1 => Ok(chosen),
            // The whole name is one, whatever else ends like it.
            _ if wanted.is_some() && chosen.iter().any(|(name, _)| Some(name.as_str()) == wanted) => {
                chosen.retain(|(name, _)| Some(name.as_str()) == wanted);
                Ok(chosen)
            }
            _ => Err(ImageError::Choose { path: self.path.clone(), wanted: wanted.map(str::to_owned), there: names }),
        }
    }

    /// Brings in all that a manifest names, through one index at most; `None` where it is for other machines.
    fn image(&self, entry: &Descriptor, may_be_index: bool) -> Result<Option<Descriptor>, ImageError> {
        let digest = self.bring_blob(entry)?;
        let bytes = self.layout.small_blob("manifest", &digest, self.limits)?;
        match Manifest::parse(&format!("manifest {digest}"), entry.media_type().as_ref(), &bytes)? {
            Manifest::One(manifest) => {
                for blob in std::iter::once(manifest.config()).chain(manifest.layers()) {
                    self.bring_blob(blob)?;
                }
                let mut descriptor = entry.clone();
                descriptor.set_annotations(None);
                Ok(Some(descriptor))
            }
            Manifest::Index(index) if may_be_index => {
                self.wanted.platform.among(&index).map_or(Ok(None), |fitting| self.image(fitting, false))
            }
            Manifest::Index(_) => Err(self.no_image("an index within an index")),
        }
    }

    /// OCI's annotation where it is a whole name (as ours and skopeo's); what containerd and Docker wrote; OCI's where it
    /// is a tag, as the specification suggests: the archive's own name then is the repository.
    fn name(&self, entry: &Descriptor, number: usize) -> Result<String, ImageError> {
        let annotation = |key: &str| entry.annotations().as_ref()?.get(key);
        match annotation(REF_NAME) {
            Some(name) if name.contains([':', '/']) => return Ok(Name::parse(name)?.to_string()),
            _ => {}
        }
        if let Some(name) = annotation(CONTAINERD_NAME) {
            return Ok(Name::parse(name)?.to_string());
        }
        match annotation(REF_NAME) {
            Some(tag) => Ok(Name::parse(&format!("{}:{tag}", self.stem()))?.to_string()),
            None if number == 0 => Ok(Name::parse(&self.stem())?.to_string()),
            None => Ok(Name::parse(&format!("{}:{number}", self.stem()))?.to_string()),
        }
    }

    /// The archive's file name, made fit for a repository.
    pub(super) fn stem(&self) -> String {
        let stem = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let stem = stem.split('.').next().unwrap_or_default().to_lowercase();
        let fit: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let fit = fit.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
        if fit.is_empty() { "loaded".to_owned() } else { fit }
    }
}
