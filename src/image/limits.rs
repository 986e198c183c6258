//! How much an image may cost us. Whoever made it is not trusted: a kilobyte can unpack to a terabyte.

/// What is refused beyond. Each refusal names the limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a manifest, an index or a config. Registries themselves refuse manifests over 4 MiB.
    pub document: u64,
    /// Layers of an image; overlayfs takes 500 (`OVL_MAX_STACK`).
    pub layers: usize,
    /// Bytes of one blob as it is sent.
    pub blob: u64,
    /// Bytes of one layer unpacked.
    pub unpacked: u64,
    /// How often its own size a layer may unpack to, once it is over [`Limits::ratio_from`]. gzip reaches 1032 at most.
    pub ratio: u64,
    /// Unpacked bytes below which the ratio does not matter: a small file of zeroes is no bomb.
    pub ratio_from: u64,
    /// Entries of one layer.
    pub entries: u64,
    /// Folders above one entry.
    pub depth: usize,
    /// Bytes of what the archive says about one entry: its long name, its attributes.
    pub header: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document: 4 << 20,
            layers: 500,
            blob: 10 << 30,
            unpacked: 20 << 30,
            ratio: 200,
            ratio_from: 256 << 20,
            entries: 1_000_000,
            depth: 128,
            header: 1 << 20,
        }
    }
}

/// A limit that was reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is over the limit of {limit} {unit}")]
pub struct Exceeded {
    /// What is too much.
    pub what: String,
    /// How much is allowed.
    pub limit: u64,
    /// Of what.
    pub unit: &'static str,
}

impl Exceeded {
    /// For a result: `Err` where `amount` is over `limit`.
    ///
    /// # Errors
    /// [`Exceeded`].
    pub fn check(what: &str, amount: u64, limit: u64, unit: &'static str) -> Result<(), Self> {
        if amount <= limit { Ok(()) } else { Err(Self { what: what.to_owned(), limit, unit }) }
    }
}
