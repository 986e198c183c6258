//! Stage 1, pull: a name becomes layers on this disk.
//!
//! 1. **Resolve**: the registry says which manifest the name stands for ([`crate::image::registry`]).
//! 2. **Download** ([`download()`]): the blobs that are not here yet, each checked against its digest while it streams.
//! 3. **Unpack** ([`unpack()`]): each layer once, into a folder named by its chain ID; then the name is written down.
//!
//! As root 2 and 3 go together, layer by layer and several at once. The two halves are separate because without root they
//! run in two places: the network is the host's, and the files are made by the root of a user namespace. After the pull no
//! process, thread, mount or interface is left: an image is files.
//!
//! Left out: signatures, and images in Docker's oldest format (schema 1).

mod bring;
mod download;
mod error;
mod load;
mod local;
pub use local::listen;
mod progress;
mod unpack;

pub use download::{Downloaded, download};
pub use error::PullError;
pub use load::{load, read_archive};
pub use progress::{Progress, Step};
pub use unpack::unpack;

use crate::image::Image;
use crate::image::demo::Recipe;
use crate::image::limits::Limits;
use crate::image::platform::Platform;
use crate::image::registry::client::Patience;
use crate::state::Roots;

/// What may be asked of a pull.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How much an image may cost.
    pub limits: Limits,
    /// How long to wait for a registry.
    pub patience: Patience,
    /// What the demo image is made of.
    pub recipe: Recipe,
    /// The platform of an index that is wanted; this machine's where it is `None`.
    pub platform: Option<Platform>,
    /// Unpack each layer while it still comes. Only where files can have their owners: see [`crate::stages::keeper`].
    pub unpack_at_once: bool,
}

/// What became of one layer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PulledLayer {
    /// Its digest as it was sent.
    pub digest: String,
    /// The digest of its tar stream.
    pub diff_id: String,
    /// It and all below it: the name of its folder.
    pub chain_id: String,
    /// Bytes as it was sent.
    pub size: u64,
    /// Whether it had to be fetched.
    pub downloaded: bool,
    /// Whether it had to be unpacked.
    pub unpacked: bool,
}

/// A finished pull.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// The image.
    pub image: Image,
    /// Whether nothing had to be done.
    pub already_here: bool,
    /// Its layers, base first.
    pub layers: Vec<PulledLayer>,
    /// Bytes that came over the network, manifests included.
    pub bytes: u64,
}

/// Pulls an image: [`download()`], then [`unpack()`].
///
/// # Errors
/// [`PullError`]; the store is then as before, but for whole blobs and layers that the next try will find there.
pub fn pull(
    roots: &Roots,
    reference: &str,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Pulled, PullError> {
    let downloaded = download(roots, reference, options, progress)?;
    unpack(roots, &downloaded, options, progress)
}
