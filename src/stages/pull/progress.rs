//! What a pull tells while it goes on.

/// One thing that has happened. Layers are named by their digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// The demo image is packed: so many files of so many.
    Assembling {
        /// Done.
        done: usize,
        /// Of.
        total: usize,
    },
    /// So much of an archive is read.
    Reading {
        /// Bytes.
        bytes: u64,
    },
    /// The registry is about to be asked what the name stands for.
    Asking {
        /// Host and port.
        registry: &'a str,
    },
    /// It has answered; layers are next.
    Pulling {
        /// As people write it.
        repository: &'a str,
        /// Tag or digest.
        tag: &'a str,
    },
    /// A layer is here already: neither fetched nor unpacked.
    Exists {
        /// Which.
        layer: &'a str,
    },
    /// So much of a layer has come.
    Downloading {
        /// Which.
        layer: &'a str,
        /// Bytes.
        done: u64,
        /// Of.
        total: u64,
    },
    /// A layer is here and its digest is right.
    Downloaded {
        /// Which.
        layer: &'a str,
    },
    /// So much of a layer is unpacked.
    Unpacking {
        /// Which.
        layer: &'a str,
        /// Bytes of file content.
        bytes: u64,
    },
    /// A layer is unpacked.
    Complete {
        /// Which.
        layer: &'a str,
    },
}

/// Who hears it.
pub trait Progress {
    /// Called for every step, in order, and often: must be quick.
    fn step(&mut self, step: Step<'_>);
}

/// Nobody.
impl Progress for () {
    fn step(&mut self, _: Step<'_>) {}
}
