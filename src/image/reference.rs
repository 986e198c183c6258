//! What one calls an image: `debian` means `docker.io/library/debian:latest`.
//!
//! The grammar is distribution's (reference/reference.go):
//!
//! ```text
//! reference  = [ host [ ":" port ] "/" ] path { "/" path } [ ":" tag ] [ "@" digest ]
//! path       = lower { ( "." | "_" | "__" | "-" … ) lower }      lower: a-z, 0-9
//! tag        = word { word | "." | "-" }, 128 at most            word: A-Z, a-z, 0-9, "_"
//! ```
//! oci-spec reads it too, by a regular expression that takes 40 ms to compile, more than all else that `explore run`
//! does; it is the judge in the test below. `demo`, without a registry in front, is ours: the image that `explore`
//! assembles from this machine. (`docker.io/library/demo` reaches the one on Docker Hub.)

use super::Digest;
use std::fmt;

/// The registry that is not one: it runs only while `demo` is pulled.
pub const DEMO: &str = "demo";
const HUB: &str = "docker.io";
/// As distribution has them.
const LONGEST_REPOSITORY: usize = 255;
const LONGEST_TAG: usize = 128;

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
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(Digest::parse(digest).map_err(|error| invalid(&error.to_string()))?)),
            None => (text, None),
        };
        let (host, path) = split_host(rest);
        let (path, tag) = path.split_once(':').map_or((path, None), |(path, tag)| (path, Some(tag)));
        if path.chars().any(char::is_uppercase) {
            return Err(invalid("a repository name must be lowercase"));
        }
        if !path.split('/').all(is_component) || path.len() > LONGEST_REPOSITORY {
            return Err(invalid("this is no repository name"));
        }
        if !host.is_none_or(is_host) {
            return Err(invalid("this is no host name"));
        }
        if !tag.is_none_or(is_tag) {
            return Err(invalid("this is no tag"));
        }
        let registry = match host {
            None if path == DEMO => None,
            None | Some("index.docker.io") => Some(HUB.to_owned()),
            Some(host) => Some(host.to_owned()),
        };
        let is_official = registry.as_deref() == Some(HUB) && !path.contains('/');
        let tag = tag.or(if digest.is_none() { Some("latest") } else { None }).map(str::to_owned);
        let repository = if is_official { format!("library/{path}") } else { path.to_owned() };
        Ok(Self { registry, repository, tag, digest })
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
                // As in distribution (reference/normalize.go): what has a slash of its own is not short for anything.
                Some(short) if !short.contains('/') => short.to_owned(),
                // Short, it would be read as the name of another registry.
                _ if split_host(&self.repository).0.is_some() => format!("{HUB}/{}", self.repository),
                _ => self.repository.clone(),
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

/// Before the first slash stands a host if it looks like one; else it is a part of the path.
fn split_host(text: &str) -> (Option<&str>, &str) {
    match text.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), path),
        _ => (None, text),
    }
}

/// Lower-case letters and digits, and between them one dot, one or two underscores, or any number of dashes.
fn is_component(text: &str) -> bool {
    let is_lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends_well = text.bytes().next().is_some_and(is_lower) && text.bytes().last().is_some_and(is_lower);
    let mut separators = text.split(|c: char| u8::try_from(c).is_ok_and(is_lower)).filter(|part| !part.is_empty());
    ends_well && separators.all(|part| matches!(part, "." | "_" | "__") || part.bytes().all(|byte| byte == b'-'))
}

fn is_host(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let is_label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    host.split('.').all(is_label)
        && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= LONGEST_TAG
        && text.bytes().next().is_some_and(is_word)
        && text.bytes().all(|byte| is_word(byte) || byte == b'.' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_spec::distribution::Reference;

    /// Every text of up to six of these pieces, read by both.
    #[test]
    fn oci_spec_reads_every_reference_in_the_same_way() {
        let pieces = ["a", "Z", "0", ".", ":", "/", "-", "_", "localhost"];
        let mut texts = vec![String::new()];
        let mut read = 0;
        for _ in 0..6 {
            let longer = |text: &String| pieces.map(|piece| text.clone() + piece);
            let next: Vec<String> = texts.iter().filter(|text| !text.contains("//")).flat_map(longer).collect();
            for text in next.iter().step_by(if next.len() > 10_000 { 97 } else { 1 }) {
                let theirs = text.parse::<Reference>().ok();
                // Docker refuses upper case in repository names; oci-spec lets some of it pass as a host without a dot.
                let theirs = theirs.filter(|one| !one.repository().chars().any(char::is_uppercase));
                let ours = Name::parse(text).ok();
                let said = |name: &Name| (name.registry.clone(), name.repository.clone(), name.tag.clone());
                let expected = theirs.map(|one| {
                    (Some(one.registry().to_owned()), one.repository().to_owned(), one.tag().map(str::to_owned))
                });
                assert_eq!(ours.as_ref().map(said), expected, "{text:?}");
                read += usize::from(ours.is_some());
            }
            texts = next;
        }
        assert!(read > 500, "only {read} of the texts were references");
    }

    #[test]
    fn short_names_mean_what_docker_makes_of_them() {
        let table = [
            ("debian", Some("docker.io"), "library/debian", "debian:latest"),
            ("debian:12", Some("docker.io"), "library/debian", "debian:12"),
            ("me/tool", Some("docker.io"), "me/tool", "me/tool:latest"),
            ("docker.io/library/debian", Some("docker.io"), "library/debian", "debian:latest"),
            ("docker.io/library/a/b", Some("docker.io"), "library/a/b", "library/a/b:latest"),
            ("127.0.0.1:5000/x/y:z", Some("127.0.0.1:5000"), "x/y", "127.0.0.1:5000/x/y:z"),
            ("localhost/x", Some("localhost"), "x", "localhost/x:latest"),
            ("demo", None, "demo", "demo:latest"),
            ("demo:other", None, "demo", "demo:other"),
            ("docker.io/library/demo", Some("docker.io"), "library/demo", "docker.io/library/demo:latest"),
            ("demo/demo", Some("docker.io"), "demo/demo", "demo/demo:latest"),
            ("docker.io/a.example/x", Some("docker.io"), "a.example/x", "docker.io/a.example/x:latest"),
            ("docker.io/localhost/x", Some("docker.io"), "localhost/x", "docker.io/localhost/x:latest"),
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
