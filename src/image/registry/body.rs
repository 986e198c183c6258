//! The bytes of a blob, however often the connection breaks.
//!
//! After a break the rest is asked for with `Range: bytes=N-` (RFC 9110, section 14). A registry that does not know it
//! answers 200 and the whole blob, whose beginning is then read and dropped. Whether the pieces fit together is decided by
//! the digest, which the reader takes of all of it.

use super::client::{Client, RegistryError};
use crate::image::Digest;
use std::io::{self, Read};
use std::time::Duration;

/// Tries that bring nothing, one after the other, before it is given up.
const TRIES: u32 = 3;
/// Before the first of them; each next one waits twice as long.
const PAUSE: Duration = Duration::from_millis(200);

/// A blob that is being read.
pub struct Body<'a> {
    client: &'a Client,
    digest: Digest,
    at: u64,
    reader: Option<Box<dyn Read + 'a>>,
    failed: u32,
}

impl std::fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("digest", &self.digest).field("at", &self.at).finish_non_exhaustive()
    }
}

impl<'a> Body<'a> {
    /// From byte `at` on.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub(super) fn open(client: &'a Client, digest: &Digest, at: u64) -> Result<Self, RegistryError> {
        let reader = Some(from(client, digest, at)?);
        Ok(Self { client, digest: digest.clone(), at, reader, failed: 0 })
    }

    /// The next piece; 0 at the end.
    ///
    /// # Errors
    /// [`RegistryError`], once trying again has not helped.
    pub fn next(&mut self, buffer: &mut [u8]) -> Result<usize, RegistryError> {
        loop {
            let error = match self.attempt(buffer) {
                Ok(count) => {
                    self.at += count as u64;
                    self.failed = 0;
                    return Ok(count);
                }
                Err(error) => error,
            };
            self.reader = None;
            self.failed += 1;
            // One that is silent has been waited for already.
            let tries = if matches!(error, RegistryError::Slow { .. }) { 1 } else { TRIES };
            if self.failed > tries || !may_pass(&error) {
                return Err(error);
            }
            std::thread::sleep(PAUSE * 2_u32.pow(self.failed - 1));
        }
    }

    fn attempt(&mut self, buffer: &mut [u8]) -> Result<usize, RegistryError> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => none.insert(from(self.client, &self.digest, self.at)?),
        };
        loop {
            match reader.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map_err(|error| self.client.broken_while_reading(&self.digest, error)),
            }
        }
    }
}

/// Whether trying again can help: the network failed, not the registry.
fn may_pass(error: &RegistryError) -> bool {
    matches!(
        error,
        RegistryError::Broken { .. }
            | RegistryError::Slow { .. }
            | RegistryError::Down { .. }
            | RegistryError::NoNetwork { .. }
            | RegistryError::Status { status: 500..=599, .. }
    )
}

fn from<'a>(client: &'a Client, digest: &Digest, at: u64) -> Result<Box<dyn Read + 'a>, RegistryError> {
    let (mut reader, begins) = client.blob_from(digest, at)?;
    if begins < at {
        io::copy(&mut reader.by_ref().take(at - begins), &mut io::sink())
            .map_err(|error| client.broken_while_reading(digest, error))?;
    }
    Ok(reader)
}
