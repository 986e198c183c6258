//! `push`: a name's blobs and manifest to its registry, the manifest last. What is there already is not sent.

use crate::error::Explain;
use crate::exit::Exit;
use crate::image::document;
use crate::image::layout::{Layout, name_of};
use crate::image::limits::Limits;
use crate::image::reference::Name;
use crate::image::registry::client::{Patience, RegistryError};
use crate::image::registry::push::{Became, Upload};
use crate::image::registry::settings::Settings;
use crate::image::{Digest, Image, ImageError, catalog};
use crate::state::Roots;
use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// Why an image was not pushed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// It is not here.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Its name has no registry.
    #[error("{0} is a name of this machine alone: it has no registry to be pushed to")]
    NoRegistry(String),
    /// The registry did not take it.
    #[error("cannot push {name}")]
    Registry {
        /// The image.
        name: String,
        /// Why.
        source: RegistryError,
    },
}

impl Explain for PushError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Image(error) => error.hint(),
            Self::NoRegistry(name) => {
                Some(format!("give it a name with one: `explore tag {name} 127.0.0.1:5000/{name}`, then push that"))
            }
            Self::Registry { source: RegistryError::Refuses { registry, .. }, .. } => Some(format!(
                "a registry may want a login (`docker login {registry}` writes it where explore reads it), or be read-only, as \
                 `explore registry` is"
            )),
            Self::Registry { .. } => None,
        }
    }

    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

/// What goes on.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// So much of a blob has been sent.
    Sending {
        /// Its digest.
        blob: &'a str,
        /// Bytes.
        done: u64,
        /// Of.
        total: u64,
    },
    /// A layer is there.
    Layer {
        /// Its diff ID.
        diff_id: &'a str,
        /// How.
        became: Became,
    },
}

/// What was pushed.
#[derive(Debug, Clone)]
pub struct Pushed {
    /// The name.
    pub name: Name,
    /// The manifest's digest.
    pub digest: String,
    /// Its length.
    pub size: u64,
    /// Each layer's digest, and how it came to be there, base first.
    pub layers: Vec<(String, Became)>,
}

/// Pushes an image to the registry that its name says.
///
/// # Errors
/// [`PushError`]; blobs that are there by then stay, without a name.
pub fn push(roots: &Roots, reference: &str, tell: &mut dyn FnMut(Step<'_>)) -> Result<Pushed, PushError> {
    let name = Name::parse(reference).map_err(ImageError::from)?;
    let Some(registry) = name.registry.clone() else { return Err(PushError::NoRegistry(name.to_string())) };
    let _in_use = catalog::in_use(roots)?;
    let layout = catalog::layout(roots)?;
    let descriptor = catalog::known(&layout, &name.to_string())?;
    let image = catalog::read(roots, &layout, &descriptor)?;
    let failed = |source| PushError::Registry { name: name.to_string(), source };
    let settings = Settings::read(&roots.data).map_err(|error| failed(error.into()))?;
    let upload = Upload::begin(&registry, &name.repository, &Patience::default(), &settings).map_err(failed)?;
    let mut layers = Vec::new();
    for layer in &image.layers {
        let from = elsewhere(&layout, roots, &name, &layer.digest);
        let became = send(&upload, &layout, (&layer.digest, layer.size), from.as_deref(), tell).map_err(failed)?;
        tell(Step::Layer { diff_id: &layer.diff_id.to_string(), became });
        layers.push((layer.digest.to_string(), became));
    }
    let config = digest(&image, &image.id)?;
    let length = layout.blob_path(&config).metadata().map_or(0, |found| found.len());
    send(&upload, &layout, (&config, length), None, tell).map_err(failed)?;
    let manifest = document::digest_of(&descriptor)?;
    let bytes = layout.small_blob("manifest", &manifest, &Limits::default())?;
    let tag = name.tag.clone().unwrap_or_else(|| name.wanted());
    let digest = upload.manifest(&tag, descriptor.media_type().as_ref(), &bytes).map_err(failed)?;
    Ok(Pushed { name, digest: digest.to_string(), size: bytes.len() as u64, layers })
}

fn digest(image: &Image, text: &str) -> Result<Digest, ImageError> {
    Digest::parse(text)
        .map_err(|error| ImageError::Inconsistent { what: image.reference.clone(), why: error.to_string() })
}

/// Another repository of the same registry that should have this layer: an image here that has it comes from there.
fn elsewhere(layout: &Layout, roots: &Roots, name: &Name, layer: &Digest) -> Option<String> {
    let index = layout.index().ok()?;
    index.manifests().iter().find_map(|one| {
        let other = Name::parse(name_of(one)?).ok()?;
        let fits = other.registry == name.registry && other.repository != name.repository;
        let image = fits.then(|| catalog::read(roots, layout, one).ok()).flatten()?;
        image.layers.iter().any(|has| has.digest == *layer).then_some(other.repository)
    })
}

fn send(
    upload: &Upload,
    layout: &Layout,
    (digest, size): (&Digest, u64),
    from: Option<&str>,
    tell: &mut dyn FnMut(Step<'_>),
) -> Result<Became, RegistryError> {
    let blob = digest.to_string();
    let passed = Rc::new(Cell::new(0));
    let path = layout.blob_path(digest);
    let counted = passed.clone();
    let open = move || {
        counted.set(0);
        Ok(Box::new(Counted { inner: std::fs::File::open(&path)?, passed: counted.clone() }) as Box<dyn Read>)
    };
    tell(Step::Sending { blob: &blob, done: 0, total: size });
    let became = upload.blob(digest, size, from, &open);
    tell(Step::Sending { blob: &blob, done: passed.get(), total: size });
    became
}

/// Counts what is read.
struct Counted {
    inner: std::fs::File,
    passed: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.passed.set(self.passed.get() + count as u64);
        Ok(count)
    }
}
