//! Images: what a registry sends and a container stands on.
//!
//! | what | where |
//! |---|---|
//! | manifests, configs, layers as they were sent | an OCI image layout ([`layout`]), `<data>/images` |
//! | layers unpacked, once each, as overlayfs wants them | `<data>/layers/<chain ID>` |
//! | the image `demo`, made from this machine ([`demo`]) | a layout of its own, `<data>/demo` |
//!
//! Nothing here trusts an image or a registry: every blob is digested while it streams, everything has a limit
//! ([`limits`]), and a layer is unpacked below a root descriptor ([`unpack`]). Left out: signatures, other digests than
//! sha256, building.

mod ahead;
pub mod archive;
pub(crate) mod catalog;
pub mod demo;
pub(crate) mod digest;
pub mod document;
mod entry;
mod error;
pub mod extract;
pub mod growing;
mod ingest;
pub mod layers;
pub mod layout;
pub mod limits;
mod lore;
pub mod pack;
mod placing;
pub mod platform;
pub mod reference;
pub mod registry;
mod slot;
mod stamp;
pub mod stream;
pub mod time;
pub mod unpack;

pub use catalog::{Image, Summary, find, list, remove, sweep};
pub use digest::{Digest, Hashing, NotADigest};
pub use error::ImageError;
pub use ingest::{IngestError, ingest};
pub use layers::{LayerOnDisk, record as layer_record};
pub use lore::{Pruned, Step, history, prune, tag};
pub use slot::Slot;
