//! An image from a file instead of a registry: the same store, the same second half.

use super::{Downloaded, Options, Progress, PullError, Pulled, Step, unpack};
use crate::image::{archive, catalog};
use crate::state::Roots;
use std::path::Path;

/// Brings the images of an archive into the store, without names yet: what [`super::download()`] is for a registry.
///
/// # Errors
/// [`PullError::Image`].
pub fn read_archive(
    roots: &Roots,
    path: &Path,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Vec<Downloaded>, PullError> {
    let lock = catalog::in_use(roots)?;
    let loaded = archive::load(roots, path, &options.limits, &mut |bytes| progress.step(Step::Reading { bytes }))?;
    let mut all: Vec<Downloaded> = loaded
        .into_iter()
        .map(|one| Downloaded {
            name: one.name,
            manifest: one.manifest,
            layers: Vec::new(),
            bytes: 0,
            named_before: false,
            in_use: None,
        })
        .collect();
    if let Some(last) = all.last_mut() {
        last.in_use = Some(lock);
    }
    Ok(all)
}

/// Loads all images of an archive.
///
/// # Errors
/// [`PullError::Image`].
pub fn load(
    roots: &Roots,
    path: &Path,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Vec<Pulled>, PullError> {
    let downloaded = read_archive(roots, path, options, progress)?;
    downloaded.iter().map(|one| unpack(roots, one, options, progress)).collect()
}
