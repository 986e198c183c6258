//! The client: one repository of one registry, or of a mirror of it, over HTTP that blocks.
//!
//! TLS to every host but this machine's own (as Docker treats 127.0.0.0/8 and localhost) and those that the settings name.

use super::DIGEST_HEADER;
use super::body::Body;
use super::endpoint::{self, Ask, Endpoint, header};
use super::settings::Settings;
use crate::image::digest::Digest;
use crate::image::document::{INDEXES, MANIFESTS};
use crate::image::limits::Limits;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use ureq::http::Response;

pub use super::error::RegistryError;

/// How long to wait for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the beginning of an answer, and for each next piece of it.
    pub read: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), read: Duration::from_secs(30) }
    }
}

/// A manifest or an index, as it came.
#[derive(Debug)]
pub struct Fetched {
    /// The very bytes that have the digest.
    pub bytes: Vec<u8>,
    /// Its media type, as the registry says.
    pub media_type: String,
    /// The digest of the bytes.
    pub digest: Digest,
}

/// A connection to one repository. Threads may share it.
#[derive(Debug)]
pub struct Client {
    endpoints: Vec<Endpoint>,
    /// The one that has answered; those before it have not.
    chosen: AtomicUsize,
    repository: String,
}

impl Client {
    /// For `repository` (`library/debian`) at `registry` (host and port). Nothing is sent yet.
    ///
    /// # Errors
    /// [`RegistryError::Settings`].
    pub fn new(
        registry: &str,
        repository: &str,
        patience: &Patience,
        settings: &Settings,
    ) -> Result<Self, RegistryError> {
        let endpoints = endpoint::of(registry, patience, settings)?;
        Ok(Self { endpoints, chosen: AtomicUsize::new(0), repository: repository.to_owned() })
    }

    /// Fetches what a tag or a digest stands for. By digest, the answer must have it.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn manifest(&self, reference: &str, limits: &Limits) -> Result<Fetched, RegistryError> {
        self.first_that_gives(|endpoint| self.manifest_from(endpoint, reference, limits))
    }

    fn manifest_from(&self, from: &Endpoint, reference: &str, limits: &Limits) -> Result<Fetched, RegistryError> {
        let what = format!("manifest {reference}");
        let accept = MANIFESTS.iter().chain(&INDEXES).copied().collect::<Vec<_>>().join(", ");
        let path = format!("{}/manifests/{reference}", self.repository);
        let response = from.get(&Ask { path: &path, accept: &accept, from: 0, what: &what })?;
        let media_type = header(&response, "Content-Type").split(';').next().unwrap_or_default().trim().to_owned();
        let said = header(&response, DIGEST_HEADER);
        let bytes = from.small(response, &what, limits.document)?;
        let digest = Digest::of(&bytes);
        let asked = Digest::parse(reference).map(|digest| digest.to_string()).unwrap_or_default();
        if let Some(expected) = [asked, said].into_iter().find(|one| !one.is_empty() && *one != digest.to_string()) {
            let (registry, actual) = (from.name().to_owned(), digest.to_string());
            return Err(RegistryError::Lies { registry, expected, actual });
        }
        Ok(Fetched { bytes, media_type, digest })
    }

    /// Begins to fetch a blob from byte `at` on; what is read has to be digested by the reader. Nothing is sent yet where
    /// this is the end of it.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn blob(&self, digest: &Digest, at: u64) -> Result<Body<'_>, RegistryError> {
        Body::open(self, digest, at)
    }

    /// A blob, and the byte that it begins with: `at`, or 0 where the registry gives whole ones only.
    pub(super) fn blob_from(&self, digest: &Digest, at: u64) -> Result<(Box<dyn Read>, u64), RegistryError> {
        let path = format!("{}/blobs/{digest}", self.repository);
        let what = format!("blob {}", digest.short());
        self.first_that_gives(|endpoint| {
            let response = endpoint.get(&Ask { path: &path, accept: "*/*", from: at, what: &what })?;
            let begins = if response.status() == 206 { begins(&response) } else { Some(0) };
            // One that sends another part than was asked for is taken at its first byte, or not at all.
            let begins = begins.filter(|begins| *begins <= at).ok_or_else(|| endpoint.unfit(&response, &what))?;
            Ok((Box::new(response.into_body().into_reader()) as Box<dyn Read>, begins))
        })
    }

    /// Why reading a blob failed, in our words.
    pub fn broken_while_reading(&self, digest: &Digest, error: std::io::Error) -> RegistryError {
        self.at().named(error.into(), &format!("next piece of blob {}", digest.short()))
    }

    fn at(&self) -> &Endpoint {
        &self.endpoints[self.chosen.load(Ordering::Relaxed).min(self.endpoints.len() - 1)]
    }

    /// Mirrors first, in their order, then the registry itself, whose word is the last.
    fn first_that_gives<T>(&self, ask: impl Fn(&Endpoint) -> Result<T, RegistryError>) -> Result<T, RegistryError> {
        let mut number = self.chosen.load(Ordering::Relaxed);
        loop {
            match ask(&self.endpoints[number]) {
                Err(_) if number + 1 < self.endpoints.len() => number += 1,
                other => {
                    if other.is_ok() {
                        self.chosen.store(number, Ordering::Relaxed);
                    }
                    return other;
                }
            }
        }
    }
}

/// `Content-Range: bytes 100-199/200`.
fn begins<B>(response: &Response<B>) -> Option<u64> {
    header(response, "Content-Range").strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}
