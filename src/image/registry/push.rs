//! The other direction: OCI distribution-spec, "Push".
//!
//! ```text
//! client                                                    registry
//! HEAD /v2/NAME/blobs/sha256:…                       ->
//!                                                    <-     200: it is there, nothing is sent
//! POST /v2/NAME/blobs/uploads/?mount=sha256:…&from=B ->
//!                                                    <-     201: taken over from B, nothing is sent
//!                                                    <-     202, Location: where to send it
//! PUT Location?digest=sha256:…   and the blob        ->
//!                                                    <-     201: its digest is right
//! PUT /v2/NAME/manifests/TAG                         ->     last: a manifest may name only what is there
//!                                                    <-     201
//! ```
//! Left out: uploads in several pieces (chunked), which registries take but do not ask for.

use super::DIGEST_HEADER;
use super::client::Patience;
use super::endpoint::{self, Endpoint, Exchange, Open, header};
use super::error::RegistryError;
use super::settings::Settings;
use crate::image::digest::Digest;
use std::io::{self, Read};
use ureq::http::Method;

/// How a blob came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Became {
    /// It was sent.
    Pushed,
    /// It was there.
    Exists,
    /// The registry has it in another repository, and took it from there.
    Mounted,
}

/// One repository of one registry, to be written to.
#[derive(Debug)]
pub struct Upload {
    endpoint: Endpoint,
    repository: String,
}

impl Upload {
    /// For `repository` at `registry`, which must answer. Mirrors are not asked: they hand on, and take nothing.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn begin(
        registry: &str,
        repository: &str,
        patience: &Patience,
        settings: &Settings,
    ) -> Result<Self, RegistryError> {
        let mut places = endpoint::of(registry, patience, settings)?;
        // Of Docker Hub's places the last is its own; of an insecure registry's, the first that answers.
        if registry == endpoint::HUB.0 {
            places = places.split_off(places.len() - 1);
        }
        let mut refusal = None;
        for endpoint in places {
            match endpoint.exchange(&Exchange::of(Method::GET, endpoint.url(""), "answer"), &[404]) {
                Ok(_) | Err(RegistryError::Refuses { .. }) => {
                    return Ok(Self { endpoint, repository: repository.to_owned() });
                }
                Err(error) => refusal = Some(error),
            }
        }
        Err(refusal
            .unwrap_or_else(|| RegistryError::Refuses { registry: registry.to_owned(), what: "anything".into() }))
    }

    /// Sees to it that a blob is there. `open` gives it from its beginning, `from` is a repository of the same registry
    /// that should have it.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn blob(
        &self,
        digest: &Digest,
        size: u64,
        from: Option<&str>,
        open: Open<'_>,
    ) -> Result<Became, RegistryError> {
        let what = format!("blob {}", digest.short());
        let at = self.endpoint.url(&format!("{}/blobs/{digest}", self.repository));
        let there = self.endpoint.exchange(&Exchange::of(Method::HEAD, at, &what), &[404])?;
        if there.status() == 200 {
            return Ok(Became::Exists);
        }
        let mount = from.map_or_else(String::new, |from| format!("?mount={digest}&from={from}"));
        let uploads = self.endpoint.url(&format!("{}/blobs/uploads/{mount}", self.repository));
        let begun = self.endpoint.exchange(&Exchange::of(Method::POST, uploads, &what), &[])?;
        if begun.status() == 201 {
            return Ok(Became::Mounted);
        }
        let place = header(&begun, "Location");
        let place = if place.starts_with('/') { self.endpoint.at_root(&place) } else { place };
        let separator = if place.contains('?') { '&' } else { '?' };
        let mut send = Exchange::of(Method::PUT, format!("{place}{separator}digest={digest}"), &what);
        send.content = Some(("application/octet-stream", size, open));
        self.endpoint.exchange(&send, &[])?;
        Ok(Became::Pushed)
    }

    /// Gives a manifest its name there; the digest must be the registry's too.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn manifest(&self, tag: &str, media_type: &str, bytes: &[u8]) -> Result<Digest, RegistryError> {
        let what = format!("manifest {tag}");
        let at = self.endpoint.url(&format!("{}/manifests/{tag}", self.repository));
        let mut send = Exchange::of(Method::PUT, at, &what);
        let content = bytes.to_vec();
        let open = || Ok(Box::new(io::Cursor::new(content.clone())) as Box<dyn Read>);
        send.content = Some((media_type, bytes.len() as u64, &open));
        let answer = self.endpoint.exchange(&send, &[])?;
        let (digest, said) = (Digest::of(bytes), header(&answer, DIGEST_HEADER));
        if !said.is_empty() && said != digest.to_string() {
            let registry = self.endpoint.name().to_owned();
            return Err(RegistryError::Lies { registry, expected: digest.to_string(), actual: said });
        }
        Ok(digest)
    }
}
