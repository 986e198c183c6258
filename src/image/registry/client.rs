//! The client: one repository of one registry, over HTTP that blocks.
//!
//! TLS to every host but this machine's own (as Docker treats 127.0.0.0/8 and localhost). Errors say which of the many
//! ways in which a network fails it was, because each has another remedy.

use super::{DIGEST_HEADER, auth};
use crate::image::digest::Digest;
use crate::image::document::{INDEXES, MANIFESTS};
use crate::image::limits::{Exceeded, Limits};
use std::io::Read;
use std::time::Duration;
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

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

/// Why a registry did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// There is no way to it: no such host, no network.
    #[error("cannot reach the registry {registry}: no network, or no such host")]
    NoNetwork {
        /// The registry.
        registry: String,
        /// What the resolver or the kernel said.
        source: Box<ureq::Error>,
    },
    /// Nothing listens there.
    #[error("no registry answers at {registry}")]
    Down {
        /// The registry.
        registry: String,
        /// What the kernel said.
        source: Box<ureq::Error>,
    },
    /// It takes too long.
    #[error("the registry {registry} is too slow: no {what} within {seconds} s")]
    Slow {
        /// The registry.
        registry: String,
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
    },
    /// The connection broke, or what came is no HTTP.
    #[error("the connection to the registry {registry} broke")]
    Broken {
        /// The registry.
        registry: String,
        /// How.
        source: Box<ureq::Error>,
    },
    /// 404.
    #[error("the registry {registry} has no {what}")]
    Unknown {
        /// The registry.
        registry: String,
        /// Which manifest or blob.
        what: String,
    },
    /// 401 and 403, after an anonymous token was tried.
    #[error("the registry {registry} does not give {what} without a login, or there is none")]
    Denied {
        /// The registry.
        registry: String,
        /// Which manifest or blob.
        what: String,
    },
    /// 429.
    #[error("the registry {registry} has had too many requests from here{}", wait(retry_after.as_deref()))]
    TooMany {
        /// The registry.
        registry: String,
        /// Its Retry-After header: seconds, or a date.
        retry_after: Option<String>,
    },
    /// Any other status.
    #[error("the registry {registry} answers {status} for {what}")]
    Status {
        /// The registry.
        registry: String,
        /// Which manifest or blob.
        what: String,
        /// The status.
        status: u16,
    },
    /// Its manifest is not the one that was asked for, or that it names.
    #[error("the registry {registry} sent a manifest with the digest {actual}, not {expected}")]
    Lies {
        /// The registry.
        registry: String,
        /// What it should be.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// Too much of something.
    #[error(transparent)]
    Limit(#[from] Exceeded),
}

fn wait(retry_after: Option<&str>) -> String {
    retry_after.map_or_else(String::new, |text| {
        let unit = if text.bytes().all(|byte| byte.is_ascii_digit()) { " seconds" } else { "" };
        format!("; it asks to wait {text}{unit}")
    })
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

/// A connection to one repository.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    registry: String,
    base: String,
    token: Option<String>,
    patience: Patience,
}

impl Client {
    /// For `repository` (`library/debian`) at `registry` (host and port). Nothing is sent yet.
    pub fn new(registry: &str, repository: &str, patience: &Patience) -> Self {
        let is_here = is_loopback(registry);
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .user_agent(concat!("explore/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(patience.connect))
            .timeout_recv_response(Some(patience.read))
            .timeout_per_read(Some(patience.read));
        if is_here {
            config = config.proxy(None);
        }
        // Docker Hub answers under another name than the one that references carry.
        let host = if registry == "docker.io" { "registry-1.docker.io" } else { registry };
        let scheme = if is_here { "http" } else { "https" };
        Self {
            agent: config.build().into(),
            registry: registry.to_owned(),
            base: format!("{scheme}://{host}/v2/{repository}"),
            token: None,
            patience: patience.clone(),
        }
    }

    /// Fetches what a tag or a digest stands for. By digest, the answer must have it.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn manifest(&mut self, reference: &str, limits: &Limits) -> Result<Fetched, RegistryError> {
        let what = format!("manifest {reference}");
        let accept = MANIFESTS.iter().chain(&INDEXES).copied().collect::<Vec<_>>().join(", ");
        let response = self.get(&format!("manifests/{reference}"), &accept, &what)?;
        let media_type = header(&response, "Content-Type").split(';').next().unwrap_or_default().trim().to_owned();
        let said = header(&response, DIGEST_HEADER);
        let bytes = self.small(response, &what, limits.document)?;
        let digest = Digest::of(&bytes);
        let asked = Digest::parse(reference).map(|digest| digest.to_string()).unwrap_or_default();
        if let Some(expected) = [asked, said].into_iter().find(|one| !one.is_empty() && *one != digest.to_string()) {
            let (registry, actual) = (self.registry.clone(), digest.to_string());
            return Err(RegistryError::Lies { registry, expected, actual });
        }
        Ok(Fetched { bytes, media_type, digest })
    }

    /// Begins to fetch a blob; what is read has to be digested by the reader.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn blob(&mut self, digest: &Digest) -> Result<impl Read + use<>, RegistryError> {
        let response = self.get(&format!("blobs/{digest}"), "*/*", &format!("blob {}", digest.short()))?;
        Ok(response.into_body().into_reader())
    }

    /// Why reading a blob failed, in our words.
    pub fn broken_while_reading(&self, digest: &Digest, error: std::io::Error) -> RegistryError {
        self.named(error.into(), &format!("next piece of blob {}", digest.short()))
    }

    fn get(&mut self, path: &str, accept: &str, what: &str) -> Result<Response<Body>, RegistryError> {
        let response = self.send(path, accept, what)?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return self.good(response, what);
        }
        let Some(challenge) = auth::challenge(&header(&response, "WWW-Authenticate")) else {
            return self.good(response, what);
        };
        self.token = self.fetch_token(&challenge)?;
        let response = self.send(path, accept, what)?;
        self.good(response, what)
    }

    fn send(&self, path: &str, accept: &str, what: &str) -> Result<Response<Body>, RegistryError> {
        let mut request = self.agent.get(format!("{}/{path}", self.base)).header("Accept", accept);
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        request.call().map_err(|error| self.named(error, what))
    }

    /// An anonymous one. Over plain HTTP only where the registry is spoken to that way, too.
    fn fetch_token(&self, challenge: &auth::Challenge) -> Result<Option<String>, RegistryError> {
        let is_safe = challenge.realm.starts_with("https://");
        if !is_safe && !self.base.starts_with("http://") {
            return Ok(None);
        }
        let mut request = self.agent.get(&challenge.realm);
        for (key, value) in &challenge.query {
            request = request.query(key, value);
        }
        let what = "token";
        let response = self.good(request.call().map_err(|error| self.named(error, what))?, what)?;
        let bytes = self.small(response, what, 1 << 20)?;
        let answer: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let token = answer.get("token").or_else(|| answer.get("access_token"));
        Ok(token.and_then(serde_json::Value::as_str).map(str::to_owned))
    }

    fn good(&self, response: Response<Body>, what: &str) -> Result<Response<Body>, RegistryError> {
        let (registry, what) = (self.registry.clone(), what.to_owned());
        Err(match response.status().as_u16() {
            200 => return Ok(response),
            401 | 403 => RegistryError::Denied { registry, what },
            404 => RegistryError::Unknown { registry, what },
            429 => {
                let after = header(&response, "Retry-After");
                RegistryError::TooMany { registry, retry_after: (!after.is_empty()).then_some(after) }
            }
            status => RegistryError::Status { registry, what, status },
        })
    }

    fn small(&self, response: Response<Body>, what: &str, limit: u64) -> Result<Vec<u8>, RegistryError> {
        let mut bytes = Vec::new();
        let mut reader = response.into_body().into_reader().take(limit + 1);
        reader.read_to_end(&mut bytes).map_err(|error| self.named(error.into(), what))?;
        Exceeded::check(what, bytes.len() as u64, limit, "bytes")?;
        Ok(bytes)
    }

    fn named(&self, error: ureq::Error, what: &str) -> RegistryError {
        let registry = self.registry.clone();
        let error = unwrapped(error);
        match &error {
            ureq::Error::Timeout(timeout) => {
                let connecting = matches!(timeout, ureq::Timeout::Connect | ureq::Timeout::Resolve);
                let waited = if connecting { self.patience.connect } else { self.patience.read };
                let what = if connecting { "connection".to_owned() } else { what.to_owned() };
                RegistryError::Slow { registry, what, seconds: waited.as_secs() }
            }
            ureq::Error::HostNotFound => RegistryError::NoNetwork { registry, source: Box::new(error) },
            ureq::Error::Io(io) if is_no_network(io) => RegistryError::NoNetwork { registry, source: Box::new(error) },
            ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => {
                RegistryError::Down { registry, source: Box::new(error) }
            }
            ureq::Error::ConnectionFailed => RegistryError::Down { registry, source: Box::new(error) },
            _ => RegistryError::Broken { registry, source: Box::new(error) },
        }
    }
}

/// A body that is read gives its errors as [`std::io::Error`], with ureq's own inside.
fn unwrapped(error: ureq::Error) -> ureq::Error {
    match error {
        ureq::Error::Io(io) if io.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<ureq::Error>) => io
            .into_inner()
            .and_then(|inner| inner.downcast().ok())
            .map_or(ureq::Error::ConnectionFailed, |inner| *inner),
        other => other,
    }
}

fn is_no_network(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{AddrNotAvailable, HostUnreachable, NetworkDown, NetworkUnreachable};
    matches!(error.kind(), HostUnreachable | NetworkUnreachable | NetworkDown | AddrNotAvailable)
        || error.to_string().contains("failed to lookup address information")
}

fn header(response: &Response<Body>, name: &str) -> String {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// Whether `host[:port]` is this machine: then plain HTTP is spoken.
fn is_loopback(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for here in ["127.0.0.1:5000", "localhost", "localhost:5000", "[::1]:5000", "127.9.9.9"] {
            assert!(is_loopback(here), "{here}");
        }
        for there in ["docker.io", "localhost.example.com", "10.0.0.1:5000", "127.0.0.1.example.com:80"] {
            assert!(!is_loopback(there), "{there}");
        }
    }

    #[test]
    fn how_long_to_wait_is_said_with_its_unit() {
        assert_eq!(wait(Some("30")), "; it asks to wait 30 seconds");
        assert_eq!(wait(None), "");
    }
}
