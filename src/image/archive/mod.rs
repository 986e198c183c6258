//! Images in files: what `docker save` writes, an OCI archive, an OCI layout folder.
//!
//! Since Docker 25 the first two are one: a tar with `index.json` (OCI) *and* `manifest.json` (Docker's own, older). We
//! write both, read either, and prefer OCI's, which has digests for everything. image-spec, image-layout.md; moby,
//! image/tarexport.

mod docker;
mod load;
mod place;
mod save;
mod source;

pub use load::{Loaded, Wanted, load};
pub use place::Place;
pub use save::{save, save_folder};

/// Where containerd and Docker write the whole name; OCI's own annotation often has the tag alone.
const CONTAINERD_NAME: &str = "io.containerd.image.name";
