//! The first half: from a name to whole, checked blobs in the store.

use super::{Options, Progress, PullError, Step, local};
use crate::image::document::{self, Manifest, PULLED};
use crate::image::layout::Layout;
use crate::image::limits::Exceeded;
use crate::image::reference::Name;
use crate::image::registry::client::{Client, Fetched};
use crate::image::{Digest, ImageError, catalog};
use crate::state::{Lock, Roots};
use oci_spec::image::{Descriptor, ImageManifest, MediaType};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::{self, Read};

/// What has been downloaded, for [`super::unpack()`]. It crosses from one process to another.
#[derive(Debug, Serialize, Deserialize)]
pub struct Downloaded {
    /// The name that the image will have.
    pub name: String,
    /// The descriptor of its manifest.
    pub manifest: Descriptor,
    /// Layers that had to be fetched, by digest.
    pub fetched: Vec<Digest>,
    /// Bytes that came over the network.
    pub bytes: u64,
    /// Whether this name stood for this manifest before.
    pub named_before: bool,
    /// Keeps others from removing blobs that have no name yet.
    #[serde(skip)]
    pub(super) in_use: Option<Lock>,
}

/// Downloads an image; what is here already is not fetched again.
///
/// # Errors
/// [`PullError`].
pub fn download(
    roots: &Roots,
    reference: &str,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Downloaded, PullError> {
    let name = Name::parse(reference)?;
    let lock = catalog::in_use(roots)?;
    let mut downloaded = match &name.registry {
        None => local::download_demo(roots, &name, options, progress)?,
        Some(registry) => download_from(roots, registry, &name, options, progress)?,
    };
    downloaded.in_use = Some(lock);
    Ok(downloaded)
}

/// Downloads from the registry at `host` (with port).
pub(super) fn download_from(
    roots: &Roots,
    host: &str,
    name: &Name,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Downloaded, PullError> {
    progress.step(Step::Asking { registry: host });
    let layout = catalog::layout(roots)?;
    let client = Client::new(host, &name.repository, &options.patience);
    let mut download = Download { layout, client, name, options, progress, fetched: Vec::new(), bytes: 0 };
    download.run()
}

struct Download<'a> {
    layout: Layout,
    client: Client,
    name: &'a Name,
    options: &'a Options,
    progress: &'a mut dyn Progress,
    fetched: Vec<Digest>,
    bytes: u64,
}

impl Download<'_> {
    fn run(&mut self) -> Result<Downloaded, PullError> {
        let top = self.manifest(&self.name.wanted())?;
        let pulled = top.digest.clone();
        self.progress.step(Step::Pulling { repository: &self.name.repository, tag: &self.name.wanted() });
        let (chosen, manifest) = self.choose(top)?;
        let descriptor = self.keep(&chosen, &pulled)?;
        let config = manifest.config();
        let limits = &self.options.limits;
        Exceeded::check("the config", config.size(), limits.document, "bytes")?;
        Exceeded::check("the number of layers", manifest.layers().len() as u64, limits.layers as u64, "layers")?;
        for layer in manifest.layers() {
            let what = format!("layer {}", document::digest_of(layer)?.short());
            Exceeded::check(&what, layer.size(), limits.blob, "bytes")?;
        }
        self.blob(config, false)?;
        for layer in manifest.layers() {
            self.blob(layer, true)?;
        }
        let name = self.name.to_string();
        let named_before = self
            .layout
            .index()?
            .manifests()
            .iter()
            .any(|one| crate::image::layout::name_of(one) == Some(&name) && one.digest() == descriptor.digest());
        let fetched = std::mem::take(&mut self.fetched);
        Ok(Downloaded { name, manifest: descriptor, fetched, bytes: self.bytes, named_before, in_use: None })
    }

    fn manifest(&mut self, reference: &str) -> Result<Fetched, PullError> {
        let fetched = self.client.manifest(reference, &self.options.limits);
        let fetched = fetched.map_err(|source| PullError::Registry { name: self.name.to_string(), source })?;
        self.bytes += fetched.bytes.len() as u64;
        Ok(fetched)
    }

    /// Through an index, if there is one, to the manifest for this machine.
    fn choose(&mut self, top: Fetched) -> Result<(Fetched, ImageManifest), PullError> {
        let index = match self.parse(&top)? {
            Manifest::One(manifest) => return Ok((top, *manifest)),
            Manifest::Index(index) => index,
        };
        let Some(fitting) = document::for_this_machine(&index) else {
            return Err(PullError::Platform {
                name: self.name.to_string(),
                wanted: format!("linux/{}", oci_spec::image::Arch::default()),
                offered: document::platforms(&index),
            });
        };
        let digest = document::digest_of(fitting)?;
        let chosen = self.manifest(&digest.to_string())?;
        match self.parse(&chosen)? {
            Manifest::One(manifest) => Ok((chosen, *manifest)),
            Manifest::Index(_) => {
                let what = format!("manifest {digest}");
                Err(ImageError::Inconsistent { what, why: "is an index within an index".to_owned() }.into())
            }
        }
    }

    fn parse(&self, fetched: &Fetched) -> Result<Manifest, PullError> {
        let what = format!("the manifest of {}", self.name);
        Ok(Manifest::parse(&what, &fetched.media_type, &fetched.bytes)?)
    }

    /// Puts the manifest into the store, as the bytes that have the digest.
    fn keep(&self, chosen: &Fetched, pulled: &Digest) -> Result<Descriptor, PullError> {
        let (digest, size) = self.layout.put(&chosen.bytes)?;
        let media_type = MediaType::from(chosen.media_type.as_str());
        let digest = digest
            .to_string()
            .parse::<oci_spec::image::Digest>()
            .map_err(|error| ImageError::Inconsistent { what: "a manifest".to_owned(), why: error.to_string() })?;
        let mut descriptor = Descriptor::new(media_type, size, digest);
        descriptor.set_annotations(Some(HashMap::from([(PULLED.to_owned(), pulled.to_string())])));
        Ok(descriptor)
    }

    fn blob(&mut self, descriptor: &Descriptor, is_layer: bool) -> Result<(), PullError> {
        let (digest, size) = (document::digest_of(descriptor)?, descriptor.size());
        let text = digest.to_string();
        let Some(slot) = self.layout.claim(&digest, size)? else { return Ok(()) };
        let named = |source| PullError::Registry { name: self.name.to_string(), source };
        let mut body = Watched { inner: self.client.blob(&digest).map_err(named)?, failed: None };
        let progress = &mut *self.progress;
        let mut tell = |done| {
            if is_layer {
                progress.step(Step::Downloading { layer: &text, done, total: size });
            }
        };
        let filled = self.layout.fill(slot, (&digest, size), &mut body, &mut tell);
        if let Some(error) = body.failed {
            return Err(named(self.client.broken_while_reading(&digest, error)));
        }
        filled?;
        self.bytes += size;
        if is_layer {
            self.progress.step(Step::Downloaded { layer: &text });
            self.fetched.push(digest);
        }
        Ok(())
    }
}

/// Keeps the error of the network apart from one of the disk.
struct Watched<R> {
    inner: R,
    failed: Option<io::Error>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|error| {
            let kind = error.kind();
            self.failed = Some(error);
            kind.into()
        })
    }
}
