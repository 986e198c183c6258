//! The second half: from blobs to folders that overlayfs can stack, and the name.
//!
//! Runs as whoever is to own the files: root, or the root of the keeper's user namespace. Where the first half could do
//! this already, only the name is left.

use super::bring::{Bring, Brought};
use super::{Downloaded, Options, Progress, PullError, Pulled, PulledLayer, Step};
use crate::image::{Image, ImageError, catalog};
use crate::state::Roots;

/// Unpacks the layers that are not unpacked yet, then gives the image its name.
///
/// # Errors
/// [`PullError::Image`].
pub fn unpack(
    roots: &Roots,
    downloaded: &Downloaded,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Pulled, PullError> {
    let layout = catalog::layout(roots)?;
    std::fs::create_dir_all(roots.layers()).map_err(ImageError::store("cannot make", roots.layers()))?;
    let mut image = catalog::read(roots, &layout, &downloaded.manifest)?;
    image.reference.clone_from(&downloaded.name);
    let before = |number: usize| downloaded.layers.get(number).copied().unwrap_or_default();
    let mut quiet = Quietly { progress, downloaded, image: &image };
    let layers = &image.layers;
    let bring = Bring { roots, layout: &layout, layers, source: None, unpack: true, limits: &options.limits };
    let now = bring.run(&mut quiet)?;
    let layer = |number: usize, now: &Brought| {
        let (layer, before) = (&layers[number], before(number));
        PulledLayer {
            digest: layer.digest.to_string(),
            diff_id: layer.diff_id.to_string(),
            chain_id: layer.chain_id.to_string(),
            size: layer.size,
            downloaded: before.fetched,
            unpacked: before.unpacked || now.unpacked,
        }
    };
    let done: Vec<PulledLayer> = now.iter().enumerate().map(|(number, now)| layer(number, now)).collect();
    let already_here = downloaded.named_before && !done.iter().any(|layer| layer.downloaded || layer.unpacked);
    if !already_here {
        layout.tag(&downloaded.name, &downloaded.manifest)?;
    }
    Ok(Pulled { image, already_here, layers: done, bytes: downloaded.bytes })
}

/// Says what the first half has not said; a layer that it fetched is new, not old.
struct Quietly<'a> {
    progress: &'a mut dyn Progress,
    downloaded: &'a Downloaded,
    image: &'a Image,
}

impl Progress for Quietly<'_> {
    fn step(&mut self, step: Step<'_>) {
        let Step::Exists { layer } = step else { return self.progress.step(step) };
        let number = self.image.layers.iter().position(|one| one.digest.to_string() == layer);
        let before = number.and_then(|number| self.downloaded.layers.get(number)).copied().unwrap_or_default();
        if !before.told {
            self.progress.step(if before.fetched { Step::Complete { layer } } else { step });
        }
    }
}
