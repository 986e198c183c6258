//! The first half: from a name to whole, checked blobs in the store.

use super::bring::{Bring, Brought};
use super::{Options, Progress, PullError, Step, local};
use crate::image::archive::Place;
use crate::image::document::{self, Manifest, PULLED};
use crate::image::growing::Growing;
use crate::image::layout::Layout;
use crate::image::limits::Exceeded;
use crate::image::platform;
use crate::image::reference::Name;
use crate::image::registry::client::{Client, Fetched, RegistryError};
use crate::image::registry::settings::Settings;
use crate::image::{Digest, Image, ImageError, IngestError, LayerOnDisk, catalog, ingest};
use crate::state::{Lock, Roots};
use oci_spec::image::{Descriptor, ImageManifest, MediaType};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// What has been downloaded, for [`super::unpack()`]. It crosses from one process to another.
#[derive(Debug, Serialize, Deserialize)]
pub struct Downloaded {
    /// The name that the image will have.
    pub name: String,
    /// The descriptor of its manifest.
    pub manifest: Descriptor,
    /// What became of each layer, base first; empty where they were not looked at.
    pub(super) layers: Vec<Brought>,
    /// Bytes that came over the network.
    pub bytes: u64,
    /// Whether this name stood for this manifest before.
    pub named_before: bool,
    /// Keeps others from removing blobs that have no name yet.
    #[serde(skip)]
    pub(super) in_use: Option<Lock>,
}

impl Downloaded {
    /// The image that it will be: its layers may not be unpacked yet.
    ///
    /// # Errors
    /// [`PullError::Image`].
    pub fn image(&self, roots: &Roots) -> Result<Image, PullError> {
        Ok(catalog::read(roots, &catalog::layout(roots)?, &self.manifest)?)
    }
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
    if let Some(place) = Place::parse(reference) {
        return super::load::read_place(roots, &place, options, progress);
    }
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
    let named = |source: RegistryError| PullError::Registry { name: name.to_string(), source };
    let settings = Settings::read(&roots.data).map_err(|error| named(error.into()))?;
    let client = Client::new(host, &name.repository, &options.patience, &settings).map_err(named)?;
    Download { roots, layout, client, name, options, progress, bytes: 0 }.run()
}

struct Download<'a> {
    roots: &'a Roots,
    layout: Layout,
    client: Client,
    name: &'a Name,
    options: &'a Options,
    progress: &'a mut dyn Progress,
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
        self.config(config)?;
        let (_, layers) = document::config_and_layers(self.roots, &self.layout, &manifest, limits)?;
        let layers = self.layers(&layers)?;
        let name = self.name.to_string();
        let named_before = self
            .layout
            .index()?
            .manifests()
            .iter()
            .any(|one| crate::image::layout::name_of(one) == Some(&name) && one.digest() == descriptor.digest());
        Ok(Downloaded { name, manifest: descriptor, layers, bytes: self.bytes, named_before, in_use: None })
    }

    fn layers(&mut self, layers: &[LayerOnDisk]) -> Result<Vec<Brought>, PullError> {
        let unpack = self.options.unpack_at_once;
        if unpack {
            let folder = self.roots.layers();
            std::fs::create_dir_all(&folder).map_err(ImageError::store("cannot make", &folder))?;
        }
        let name = self.name.to_string();
        let source = Some((&self.client, name.as_str()));
        let limits = &self.options.limits;
        let bring = Bring { roots: self.roots, layout: &self.layout, layers, source, unpack, limits };
        let brought = bring.run(self.progress)?;
        self.bytes += brought.iter().map(|layer| layer.bytes).sum::<u64>();
        Ok(brought)
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
        let wanted = self.options.platform.clone().unwrap_or_default();
        let Some(fitting) = wanted.among(&index) else {
            return Err(PullError::Platform {
                name: self.name.to_string(),
                wanted: wanted.to_string(),
                offered: platform::offered(&index),
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

    fn config(&mut self, descriptor: &Descriptor) -> Result<(), PullError> {
        let (digest, size) = (document::digest_of(descriptor)?, descriptor.size());
        let Some(slot) = self.layout.take_over(&digest, size)? else { return Ok(()) };
        let open = |at| self.client.blob(&digest, at);
        let came = ingest(&self.layout, slot, (&digest, size), &Growing::default(), open, &mut |_| true);
        self.bytes += came.map_err(|error| match error {
            IngestError::Registry(source) => PullError::Registry { name: self.name.to_string(), source },
            IngestError::Image(error) => error.into(),
            IngestError::Stopped => unreachable!("nobody says to stop"),
        })?;
        Ok(())
    }
}
