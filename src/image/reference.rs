//! What one calls an image: `debian` means `docker.io/library/debian:latest`.
//!
//! The grammar is distribution's, read by the oci-spec crate. `demo`, without a registry in front, is ours: the image
//! that `explore` assembles from this machine. (`docker.io/library/demo` reaches the one on Docker Hub.)

use super::Digest;
use oci_spec::distribution::Reference;
use std::fmt;

/// The registry that is not one: it runs only while `demo` is pulled.
pub const DEMO: &str = "demo";
const HUB: &str = "docker.io";

/// A parsed reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Host and port of the registry; `None` for the demo image.
    pub registry: Option<String>,
    /// Path of the repository there: `library/debian`.
    pub repository: String,
    /// The tag; `latest` where neither tag nor digest was said.
    pub tag: Option<String>,
    /// The digest that pins the content.
    pub digest: Option<Digest>,
}

/// A reference that is not one.
#[derive(Debug, Clone, thiserror::Error)]
#[error("invalid reference format: {why}: {text:?}")]
pub struct InvalidName {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl Name {
    /// Reads a reference as Docker does.
    ///
    /// # Errors
    /// [`InvalidName`].
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let invalid = |why: &str| InvalidName { text: text.to_owned(), why: why.to_owned() };
        let path = text.split('@').next().unwrap_or(text);
        let first = path.split('/').next().unwrap_or(path);
        let is_host = path.contains('/') && (first.contains(['.', ':']) || first == "localhost");
        let repository = if is_host { path.split_once('/').map_or("", |(_, rest)| rest) } else { path };
        let without_tag = repository.rsplit_once(':').map_or(repository, |(name, _)| name);
        if without_tag.chars().any(char::is_uppercase) {
            return Err(invalid("a repository name must be lowercase"));
        }
        let reference: Reference = text.parse().map_err(|error: oci_spec::distribution::ParseError| {
            invalid(error.to_string().trim_start_matches("invalid reference format").trim_matches([':', ' ']))
        })?;
        let digest = reference.digest().map(Digest::parse).transpose().map_err(|error| invalid(&error.to_string()))?;
        let is_demo = !is_host && without_tag == DEMO;
        Ok(Self {
            registry: (!is_demo).then(|| reference.registry().to_owned()),
            repository: if is_demo { DEMO.to_owned() } else { reference.repository().to_owned() },
            tag: reference.tag().map(str::to_owned),
            digest,
        })
    }

    /// Whether it is the image made from this machine.
    pub fn is_demo(&self) -> bool {
        self.registry.is_none()
    }

    /// The repository as people write it: `debian`, `demo`, `127.0.0.1:5000/x`.
    pub fn familiar_repository(&self) -> String {
        match self.registry.as_deref() {
            None => self.repository.clone(),
            Some(HUB) => match self.repository.strip_prefix("library/") {
                Some(DEMO) => format!("{HUB}/{}", self.repository),
                short => short.unwrap_or(&self.repository).to_owned(),
            },
            Some(host) => format!("{host}/{}", self.repository),
        }
    }

    /// What a registry is asked for: the digest where there is one, else the tag.
    pub fn wanted(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }
}

/// As people write it, always with its tag or digest; this is also its name in `index.json`.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.digest.is_some() { '@' } else { ':' };
        write!(f, "{}{separator}{}", self.familiar_repository(), self.wanted())
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn short_names_mean_what_docker_makes_of_them() {
        let table = [
            ("debian", Some("docker.io"), "library/debian", "debian:latest"),
            ("debian:12", Some("docker.io"), "library/debian", "debian:12"),
            ("me/tool", Some("docker.io"), "me/tool", "me/tool:latest"),
            ("docker.io/library/debian", Some("docker.io"), "library/debian", "debian:latest"),
            ("127.0.0.1:5000/x/y:z", Some("127.0.0.1:5000"), "x/y", "127.0.0.1:5000/x/y:z"),
            ("localhost/x", Some("localhost"), "x", "localhost/x:latest"),
            ("demo", None, "demo", "demo:latest"),
            ("demo:other", None, "demo", "demo:other"),
            ("docker.io/library/demo", Some("docker.io"), "library/demo", "docker.io/library/demo:latest"),
            ("demo/demo", Some("docker.io"), "demo/demo", "demo/demo:latest"),
        ];
        for (text, registry, repository, shown) in table {
            let name = Name::parse(text).unwrap();
            assert_eq!(
                (name.registry.as_deref(), name.repository.as_str(), name.to_string().as_str()),
                (registry, repository, shown),
                "{text}"
            );
        }
    }

    #[test]
    fn a_digest_outranks_the_tag() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let name = Name::parse(&format!("debian:12@{digest}")).unwrap();
        assert_eq!(name.wanted(), digest);
    }

    #[test]
    fn what_docker_refuses_is_refused() {
        for text in
            ["", "UPPER/x", "x/UPPER", "Debian", ":tag", "a b", "../x", "x:", "x@sha256:12", "example.com/Debian"]
        {
            assert!(Name::parse(text).is_err(), "{text}");
        }
        let error = Name::parse("Debian").unwrap_err().to_string();
        assert!(error.contains("must be lowercase"), "{error}");
    }
}
