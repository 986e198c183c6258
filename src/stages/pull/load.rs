//! An image from a file instead of a registry: the same store, the same second half.

use super::{Downloaded, Options, Progress, PullError, Pulled, Step, unpack};
use crate::image::archive::{self, Place, Wanted};
use crate::image::{ImageError, catalog, layout};
use crate::state::Roots;
use oci_spec::image::Descriptor;
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
    let wanted = Wanted { all: true, ..Wanted::default() };
    read(roots, path, &wanted, options, progress)
}

/// Brings the one image of that place into the store: what `oci:FOLDER:TAG` means where others name a registry.
pub(super) fn read_place(
    roots: &Roots,
    place: &Place,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Downloaded, PullError> {
    let path = if place.path.as_os_str().is_empty() { Path::new("the empty path") } else { place.path.as_path() };
    let nothing = |why: &str| ImageError::NotAnArchive { path: path.to_owned(), why: why.to_owned() };
    if let Some(why) = place.unfit() {
        return Err(nothing(why).into());
    }
    let platform = options.platform.clone().unwrap_or_default();
    let wanted = Wanted { all: false, name: place.wanted.as_deref(), platform };
    let mut one = read(roots, &place.path, &wanted, options, progress)?.pop().ok_or_else(|| nothing("it is empty"))?;
    let index = catalog::layout(roots)?.index()?;
    let is_it =
        |entry: &Descriptor| layout::name_of(entry) == Some(&one.name) && entry.digest() == one.manifest.digest();
    one.named_before = index.manifests().iter().any(is_it);
    Ok(one)
}

fn read(
    roots: &Roots,
    path: &Path,
    wanted: &Wanted<'_>,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Vec<Downloaded>, PullError> {
    let lock = catalog::in_use(roots)?;
    let mut on_bytes = |bytes| progress.step(Step::Reading { bytes });
    let loaded = archive::load(roots, path, wanted, &options.limits, &mut on_bytes)?;
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
