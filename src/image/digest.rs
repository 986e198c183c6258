//! Names made of content: sha256 over the bytes. Four different things are named this way, and they are easily
//! confused: the manifest, the config (whose digest is the image ID), a layer as it is sent (compressed), and a layer
//! as it is unpacked (its *diff ID*). A *chain ID* names a layer together with all below it.
//!
//! image-spec, descriptor.md "Digests" and config.md "Layer ChainID".

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::io::{self, Read, Write};

/// `sha256:` and 64 hex digits. The only algorithm that registries use in practice; others are refused by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest {
    hex: String,
}

/// A digest that is not one.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0:?} is not a digest (sha256: and 64 hex digits)")]
pub struct NotADigest(pub String);

impl Digest {
    /// Reads `sha256:…`.
    ///
    /// # Errors
    /// [`NotADigest`]; it becomes a file name, so nothing else may pass.
    pub fn parse(text: &str) -> Result<Self, NotADigest> {
        let hex = text.strip_prefix("sha256:").ok_or_else(|| NotADigest(text.to_owned()))?;
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if hex.len() != 64 || !hex.bytes().all(is_hex) {
            return Err(NotADigest(text.to_owned()));
        }
        Ok(Self { hex: hex.to_owned() })
    }

    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_hasher(Sha256::new_with_prefix(bytes))
    }

    /// The chain ID of a layer on top of `below`: its own diff ID at the base, else the digest of both names.
    #[must_use]
    pub fn chain(below: Option<&Self>, diff_id: &Self) -> Self {
        below.map_or_else(|| diff_id.clone(), |below| Self::of(format!("{below} {diff_id}").as_bytes()))
    }

    /// The 64 hex digits: the name of the blob's file.
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// The first twelve hex digits, as Docker shows IDs.
    pub fn short(&self) -> &str {
        &self.hex[..12]
    }

    fn from_hasher(hasher: Sha256) -> Self {
        Self { hex: hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect() }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex)
    }
}

impl TryFrom<String> for Digest {
    type Error = NotADigest;
    fn try_from(text: String) -> Result<Self, NotADigest> {
        Self::parse(&text)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// Counts and digests what passes through, in either direction.
#[derive(Debug)]
pub struct Hashing<T> {
    inner: T,
    hasher: Sha256,
    bytes: u64,
}

impl<T> Hashing<T> {
    /// Around a reader or a writer.
    pub fn new(inner: T) -> Self {
        Self { inner, hasher: Sha256::new(), bytes: 0 }
    }

    /// How much has passed.
    pub fn count(&self) -> u64 {
        self.bytes
    }

    /// The inner one, the digest of all that passed, and how much it was.
    pub fn finish(self) -> (T, Digest, u64) {
        (self.inner, Digest::from_hasher(self.hasher), self.bytes)
    }

    fn passed(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.passed(&buffer[..count]);
        Ok(count)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.passed(&buffer[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_can_never_be_a_path() {
        let good = Digest::of(b"").to_string();
        assert_eq!(Digest::parse(&good).unwrap().to_string(), good);
        let upper = good.replace('e', "E");
        for bad in ["", "sha256:", "sha256:../../etc/passwd", "sha512:00", &good[..70], &upper, &format!("{good}0")] {
            assert!(Digest::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_chain_id_depends_on_the_order_of_the_layers() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        assert_eq!(Digest::chain(None, &a), a, "at the base it is the diff ID");
        assert_ne!(Digest::chain(Some(&a), &b), Digest::chain(Some(&b), &a));
        assert_eq!(Digest::chain(Some(&a), &b), Digest::of(format!("{a} {b}").as_bytes()));
    }
}
