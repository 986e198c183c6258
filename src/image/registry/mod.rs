//! The distribution protocol, both sides of it: OCI distribution-spec, "Pull".
//!
//! ```text
//! client                                        registry
//! GET /v2/NAME/manifests/latest          ->
//!                                        <-     401, WWW-Authenticate: Bearer realm=…     (Docker Hub, even for all)
//! GET https://REALM?service=…&scope=…    ->
//!                                        <-     {"token": …}
//! GET /v2/NAME/manifests/latest          ->
//!                                        <-     an index: digests of manifests, one a platform
//! GET /v2/NAME/manifests/sha256:…        ->
//!                                        <-     a manifest: digests of a config and of layers
//! GET /v2/NAME/blobs/sha256:…            ->     for each that is not here already
//! ```
//! [`client`] speaks to any registry; [`server`] is the one that runs on loopback while `demo` is pulled, read-only.

mod auth;
pub mod body;
pub mod client;
pub mod credentials;
mod endpoint;
mod error;
pub mod push;
pub mod server;
pub mod settings;

/// Where a registry says what a manifest's digest is.
pub(crate) const DIGEST_HEADER: &str = "Docker-Content-Digest";
