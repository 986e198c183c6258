//! The second half: from blobs to folders that overlayfs can stack, and the name.
//!
//! Runs as whoever is to own the files: root, or the root of the keeper's user namespace. Starts no thread.

use super::{Downloaded, Options, Progress, PullError, Pulled, PulledLayer, Step};
use crate::image::{ImageError, catalog, layers};
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
    let mut done: Vec<PulledLayer> = Vec::new();
    for (position, layer) in image.layers.iter().enumerate() {
        let text = layer.digest.to_string();
        let mut tell = |bytes| progress.step(Step::Unpacking { layer: &text, bytes });
        let below = &image.layers[..position];
        let unpacked = layers::unpack(roots, &layout, layer, below, &options.limits, &mut tell)?.is_some();
        let downloaded = downloaded.fetched.contains(&layer.digest);
        let step = if downloaded || unpacked { Step::Complete { layer: &text } } else { Step::Exists { layer: &text } };
        progress.step(step);
        done.push(PulledLayer {
            digest: text,
            diff_id: layer.diff_id.to_string(),
            chain_id: layer.chain_id.to_string(),
            size: layer.size,
            downloaded,
            unpacked,
        });
    }
    let already_here = downloaded.named_before && !done.iter().any(|layer| layer.downloaded || layer.unpacked);
    if !already_here {
        layout.tag(&downloaded.name, &downloaded.manifest)?;
    }
    Ok(Pulled { image, already_here, layers: done, bytes: downloaded.bytes })
}
