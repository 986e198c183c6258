//! One place that may have a repository: the registry, or a mirror. What it wants to know before it answers, it is told,
//! and nobody else.

use super::auth;
use super::client::Patience;
use super::credentials::{self, Login};
use super::error::RegistryError;
use super::settings::Settings;
use crate::image::limits::Exceeded;
use std::io::Read;
use std::sync::{Mutex, PoisonError};
use ureq::http::{Method, Request, Response, StatusCode};
use ureq::tls::TlsConfig;
use ureq::{Agent, Body, SendBody};

/// Docker Hub answers under another name than the one that references carry.
pub(super) const HUB: (&str, &str) = ("docker.io", "https://registry-1.docker.io");

/// One place.
#[derive(Debug)]
pub(super) struct Endpoint {
    agent: Agent,
    /// Host and port, as people know it.
    name: String,
    /// `https://host:port`, and the path of a mirror that has one.
    base: String,
    /// What it has let us in with.
    authorization: Mutex<Option<String>>,
    patience: Patience,
}

/// What is asked for.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    /// Below `/v2/`.
    pub(super) path: &'a str,
    pub(super) accept: &'a str,
    /// The first byte of it that is wanted.
    pub(super) from: u64,
    /// What it is called in errors.
    pub(super) what: &'a str,
}

/// Gives what is to be sent, from its beginning.
pub(super) type Open<'a> = &'a dyn Fn() -> std::io::Result<Box<dyn Read>>;

/// A request that may carry something.
pub(super) struct Exchange<'a> {
    method: Method,
    url: String,
    /// What it is called in errors.
    what: &'a str,
    /// Media type, length, and what gives it from its beginning: it may be sent twice.
    pub(super) content: Option<(&'a str, u64, Open<'a>)>,
}

impl<'a> Exchange<'a> {
    pub(super) fn of(method: Method, url: String, what: &'a str) -> Self {
        Self { method, url, what, content: None }
    }
}

/// All places to ask for a registry, in this order.
pub(super) fn of(registry: &str, patience: &Patience, settings: &Settings) -> Result<Vec<Endpoint>, RegistryError> {
    let at = |name: &str, base: String, trusting: bool| Endpoint::new(name, base, trusting, patience);
    if registry == HUB.0 {
        let mirrors = settings.mirrors()?.into_iter().map(|(name, base)| {
            let trusting = settings.is_insecure(&name);
            at(&name, base, trusting)
        });
        return Ok(mirrors.chain([at(HUB.0, HUB.1.to_owned(), false)]).collect());
    }
    let (secure, plain) = (format!("https://{registry}"), format!("http://{registry}"));
    Ok(if is_loopback(registry) {
        vec![at(registry, plain, false)]
    } else if settings.is_insecure(registry) {
        // As Docker: TLS whose certificate nobody has to vouch for, else none.
        vec![at(registry, secure, true), at(registry, plain, false)]
    } else {
        vec![at(registry, secure, false)]
    })
}

impl Endpoint {
    fn new(name: &str, base: String, trusting: bool, patience: &Patience) -> Self {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .user_agent(concat!("explore/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(patience.connect))
            .timeout_recv_response(Some(patience.read))
            .timeout_per_read(Some(patience.read))
            // Large, for blobs are: a system call for each 128 KiB.
            .input_buffer_size(128 << 10);
        if is_loopback(name) {
            config = config.proxy(None);
        }
        if trusting {
            config = config.tls_config(TlsConfig::builder().disable_verification(true).build());
        }
        Self {
            agent: config.build().into(),
            name: name.to_owned(),
            base,
            authorization: Mutex::default(),
            patience: patience.clone(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Asks; where that is answered by "who are you?", says so and asks again.
    pub(super) fn get(&self, ask: &Ask<'_>) -> Result<Response<Body>, RegistryError> {
        let response = self.send(ask)?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return self.good(response, ask.what, None);
        }
        let login = credentials::find(&self.name)?;
        if !self.introduce(&response, login.as_ref())? {
            return self.good(response, ask.what, login.as_ref());
        }
        self.good(self.send(ask)?, ask.what, login.as_ref())
    }

    /// An address below `/v2/`.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/v2/{path}", self.base)
    }

    /// An address that the registry gave without its own name.
    pub(super) fn at_root(&self, path: &str) -> String {
        let scheme = self.base.find("://").map_or(0, |at| at + 3);
        let host = self.base[scheme..].find('/').map_or(self.base.as_str(), |end| &self.base[..scheme + end]);
        format!("{host}{path}")
    }

    /// Sends; where that is answered by "who are you?", says so and sends again. Statuses other than success and `also`
    /// are errors.
    pub(super) fn exchange(&self, wanted: &Exchange<'_>, also: &[u16]) -> Result<Response<Body>, RegistryError> {
        let mut response = self.try_exchange(wanted)?;
        let mut user = None;
        if response.status() == StatusCode::UNAUTHORIZED {
            let login = credentials::find(&self.name)?;
            if self.introduce(&response, login.as_ref())? {
                response = self.try_exchange(wanted)?;
            }
            user = login;
        }
        let status = response.status().as_u16();
        let (registry, what) = (self.name.clone(), wanted.what.to_owned());
        match status {
            200 | 201 | 202 | 204 => Ok(response),
            _ if also.contains(&status) => Ok(response),
            401 | 403 | 405 => Err(RegistryError::Refuses { registry, what }),
            _ => self.good(response, wanted.what, user.as_ref()),
        }
    }

    fn try_exchange(&self, wanted: &Exchange<'_>) -> Result<Response<Body>, RegistryError> {
        let mut request = Request::builder().method(wanted.method.clone()).uri(&wanted.url);
        // Where it sends us for a blob may be somebody else: who we are is for the registry alone.
        let authorization = self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(authorization) = authorization.filter(|_| wanted.url.starts_with(&self.at_root("/"))) {
            request = request.header("Authorization", authorization);
        }
        let body = match wanted.content {
            Some((media_type, size, open)) => {
                request = request.header("Content-Type", media_type).header("Content-Length", size);
                let content = open().map_err(|error| self.named(error.into(), wanted.what))?;
                SendBody::from_owned_reader(content.take(size))
            }
            None if wanted.method == Method::POST => {
                request = request.header("Content-Length", 0);
                SendBody::from_owned_reader(std::io::empty())
            }
            None => SendBody::none(),
        };
        let request = request.body(body).map_err(|error| self.named(error.into(), wanted.what))?;
        self.agent.run(request).map_err(|error| self.named(error, wanted.what))
    }

    fn send(&self, ask: &Ask<'_>) -> Result<Response<Body>, RegistryError> {
        let mut request = self.agent.get(format!("{}/v2/{}", self.base, ask.path)).header("Accept", ask.accept);
        if ask.from > 0 {
            request = request.header("Range", format!("bytes={}-", ask.from));
        }
        let authorization = self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(authorization) = authorization {
            request = request.header("Authorization", authorization);
        }
        request.call().map_err(|error| self.named(error, ask.what))
    }

    /// Finds out what lets us in; whether anything does. Over plain HTTP nothing is said to one that is not spoken to
    /// that way itself.
    fn introduce(&self, refusal: &Response<Body>, login: Option<&Login>) -> Result<bool, RegistryError> {
        let challenges: Vec<&str> =
            refusal.headers().get_all("WWW-Authenticate").iter().filter_map(|one| one.to_str().ok()).collect();
        let found = if let Some(challenge) = challenges.iter().find_map(|one| auth::challenge(one)) {
            let is_safe = challenge.realm.starts_with("https://") || self.base.starts_with("http://");
            if is_safe { self.fetch_token(&challenge, login)?.map(|token| format!("Bearer {token}")) } else { None }
        } else if challenges.iter().any(|one| auth::is_basic(one)) {
            login.and_then(Login::basic)
        } else {
            None
        };
        let is_found = found.is_some();
        *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(is_found)
    }

    /// For who we are, or for anybody.
    fn fetch_token(&self, challenge: &auth::Challenge, login: Option<&Login>) -> Result<Option<String>, RegistryError> {
        let what = "token";
        let answer = if let Some(Login::Token(refresh)) = login {
            // distribution, docs/spec/auth/oauth.md: a token that was given for a password once.
            let mut form = vec![("grant_type", "refresh_token"), ("client_id", "explore"), ("refresh_token", refresh)];
            form.extend(challenge.query.iter().map(|(key, value)| (key.as_str(), value.as_str())));
            self.agent.post(&challenge.realm).send_form(form)
        } else {
            let mut request = self.agent.get(&challenge.realm);
            for (key, value) in &challenge.query {
                request = request.query(key, value);
            }
            if let Some(basic) = login.and_then(Login::basic) {
                request = request.header("Authorization", basic);
            }
            request.call()
        };
        let response = self.good(answer.map_err(|error| self.named(error, what))?, what, login)?;
        let bytes = self.small(response, what, 1 << 20)?;
        let answer: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let token = answer.get("token").or_else(|| answer.get("access_token"));
        Ok(token.and_then(serde_json::Value::as_str).map(str::to_owned))
    }

    fn good(
        &self,
        response: Response<Body>,
        what: &str,
        login: Option<&Login>,
    ) -> Result<Response<Body>, RegistryError> {
        let (registry, what) = (self.name.clone(), what.to_owned());
        Err(match (response.status().as_u16(), login.and_then(Login::user)) {
            (200 | 206, _) => return Ok(response),
            (401 | 403, Some(user)) => RegistryError::Forbidden { registry, what, user: user.to_owned() },
            (401 | 403, None) => RegistryError::Denied { registry, what },
            (404, _) => RegistryError::Unknown { registry, what },
            (429, _) => {
                let after = header(&response, "Retry-After");
                RegistryError::TooMany { registry, retry_after: (!after.is_empty()).then_some(after) }
            }
            (status, _) => RegistryError::Status { registry, what, status },
        })
    }

    /// An answer whose status would be good for another question.
    pub(super) fn unfit(&self, response: &Response<Body>, what: &str) -> RegistryError {
        let (registry, what, status) = (self.name.clone(), what.to_owned(), response.status().as_u16());
        RegistryError::Status { registry, what, status }
    }

    pub(super) fn small(&self, response: Response<Body>, what: &str, limit: u64) -> Result<Vec<u8>, RegistryError> {
        let mut bytes = Vec::new();
        let mut reader = response.into_body().into_reader().take(limit + 1);
        reader.read_to_end(&mut bytes).map_err(|error| self.named(error.into(), what))?;
        Exceeded::check(what, bytes.len() as u64, limit, "bytes")?;
        Ok(bytes)
    }

    pub(super) fn named(&self, error: ureq::Error, what: &str) -> RegistryError {
        let registry = self.name.clone();
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

pub(super) fn header<B>(response: &Response<B>, name: &str) -> String {
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
}
