//! Who we are to a registry: what `docker login` has left in `~/.docker/config.json`.
//!
//! ```json
//! { "auths": { "localhost:5000": { "auth": "bmFtZTpwYXNzd29yZA==" } },
//!   "credHelpers": { "other.example": "pass" }, "credsStore": "secretservice" }
//! ```
//! `auth` is `name:password` in base64. A helper is a program `docker-credential-NAME`: `get`, the host on its standard
//! input, the answer as JSON (docker/docker-credential-helpers). Looked up only once a registry asks. Left out: writing
//! the file; `docker login`, `podman login --authfile` and others do.

use crate::state::{RecordError, read_record};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What Docker Hub is called in the file, since its first version.
const HUB: &str = "https://index.docker.io/v1/";

/// One who is known.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// Name and password.
    Password(String, String),
    /// A token that stands for a password: `identitytoken`, or what a helper gives for the name `<token>`.
    Token(String),
}

/// A secret is never shown.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Login").field(&self.user()).finish_non_exhaustive()
    }
}

impl Login {
    /// The name, for messages.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Password(name, _) => Some(name),
            Self::Token(_) => Some("the holder of the identity token"),
        }
    }

    /// The header `Authorization: Basic …` (RFC 7617).
    pub fn basic(&self) -> Option<String> {
        match self {
            Self::Password(name, password) => Some(format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))),
            Self::Token(_) => None,
        }
    }
}

/// Why a login that should be there cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The file cannot be read, or is not what it should be.
    #[error(transparent)]
    File(#[from] RecordError),
    /// `auth` is not `name:password` in base64.
    #[error("the login for {host} in {} is not name:password in base64", path.display())]
    Login {
        /// The file.
        path: PathBuf,
        /// The registry.
        host: String,
    },
    /// The helper cannot be run.
    #[error("cannot run docker-credential-{helper}")]
    Start {
        /// Its name.
        helper: String,
        /// Why.
        source: io::Error,
    },
    /// The helper says no.
    #[error("docker-credential-{helper} has no login to give for {host}: {said}")]
    Helper {
        /// Its name.
        helper: String,
        /// The registry.
        host: String,
        /// Its words.
        said: String,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct File {
    auths: HashMap<String, Entry>,
    cred_helpers: HashMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: String,
    identitytoken: String,
    username: String,
    password: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// The login for a registry (host and port); `None` where there is none.
///
/// # Errors
/// [`CredentialError`].
pub(super) fn find(registry: &str) -> Result<Option<Login>, CredentialError> {
    let named = std::env::var_os("DOCKER_CONFIG").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let at_home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".docker"));
    let Some(folder) = named.or_else(at_home) else { return Ok(None) };
    find_in(&folder.join("config.json"), registry)
}

fn find_in(path: &Path, registry: &str) -> Result<Option<Login>, CredentialError> {
    let file: File = match read_record(path) {
        Ok(file) => file,
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let host = if registry == "docker.io" { HUB } else { registry };
    if let Some(helper) = file.cred_helpers.get(host).or(file.creds_store.as_ref()).filter(|name| !name.is_empty()) {
        return ask(helper, host);
    }
    // Docker writes the bare host; older ones wrote an address.
    let fits = |key: &&String| {
        let bare = key.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
        key.as_str() == host || bare == registry || bare.strip_suffix("/v1") == Some(registry)
    };
    let Some(key) = file.auths.keys().find(fits) else { return Ok(None) };
    login(&file.auths[key]).ok_or_else(|| CredentialError::Login { path: path.to_owned(), host: key.clone() })
}

/// `Some(None)` for an entry that says nothing: a helper has it, or somebody has logged out.
#[allow(clippy::option_option)] // three answers: none there, one there, not readable
fn login(entry: &Entry) -> Option<Option<Login>> {
    if !entry.identitytoken.is_empty() {
        return Some(Some(Login::Token(entry.identitytoken.clone())));
    }
    if entry.auth.is_empty() {
        let named =
            (!entry.username.is_empty()).then(|| Login::Password(entry.username.clone(), entry.password.clone()));
        return Some(named);
    }
    let text = String::from_utf8(STANDARD.decode(&entry.auth).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some(Some(Login::Password(name.to_owned(), password.trim_end_matches('\0').to_owned())))
}

fn ask(helper: &str, host: &str) -> Result<Option<Login>, CredentialError> {
    let failed = |source| CredentialError::Start { helper: helper.to_owned(), source };
    if helper.contains('/') {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "a helper is a name, not a path")));
    }
    let mut command = Command::new(format!("docker-credential-{helper}"));
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that ends without listening has said no, and says why.
        let _ = stdin.write_all(host.as_bytes());
    }
    let output = child.wait_with_output().map_err(failed)?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() {
        // The protocol's own words for "nobody has logged in there".
        if said.contains("credentials not found") {
            return Ok(None);
        }
        return Err(CredentialError::Helper { helper: helper.to_owned(), host: host.to_owned(), said });
    }
    let answer: Answer = serde_json::from_slice(&output.stdout).map_err(|_| CredentialError::Helper {
        helper: helper.to_owned(),
        host: host.to_owned(),
        said: "what it says is no login".to_owned(),
    })?;
    Ok(Some(match answer.username.as_str() {
        "<token>" => Login::Token(answer.secret),
        _ => Login::Password(answer.username, answer.secret),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, registry: &str) -> Result<Option<Login>, CredentialError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), text).unwrap();
        find_in(&folder.path().join("config.json"), registry)
    }

    #[test]
    fn what_docker_login_writes_is_read() {
        let me = Some(Login::Password("me".into(), "se:cret".into()));
        let file = r#"{"auths":{
            "localhost:5000":{"auth":"bWU6c2U6Y3JldA=="}, "https://old.example/v1/":{"auth":"bWU6c2U6Y3JldA=="},
            "https://index.docker.io/v1/":{"identitytoken":"it"}, "out.example":{}, "bad.example":{"auth":"%"}}}"#;
        assert_eq!(find(file, "localhost:5000").unwrap(), me);
        assert_eq!(find(file, "old.example").unwrap(), me);
        assert_eq!(find(file, "docker.io").unwrap(), Some(Login::Token("it".into())));
        assert_eq!(find(file, "out.example").unwrap(), None);
        assert_eq!(find(file, "localhost:5001").unwrap(), None);
        assert!(find(file, "bad.example").unwrap_err().to_string().contains("bad.example"));
        assert!(find("{", "x").is_err());
        assert_eq!(find("{}", "x").unwrap(), None);
    }

    #[test]
    fn a_secret_is_not_shown() {
        let shown = format!("{:?}", Login::Password("me".into(), "se:cret".into()));
        assert!(shown.contains("me") && !shown.contains("cret"), "{shown}");
        assert_eq!(
            Login::Password("Aladdin".into(), "open sesame".into()).basic().unwrap(),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
    }

    #[test]
    fn a_helper_that_is_not_there_is_named() {
        let error = find(r#"{"credHelpers":{"x.example":"no-such-helper"}}"#, "x.example").unwrap_err();
        assert_eq!(error.to_string(), "cannot run docker-credential-no-such-helper");
        assert!(find(r#"{"credsStore":"../evil"}"#, "x.example").is_err());
    }
}
