//! What a registry demands before it answers: `WWW-Authenticate: Bearer realm="…",service="…",scope="…"`.
//!
//! Docker Hub wants a token even from those who have no account; with one, more may be pulled before 429 comes. Small
//! registries want `Basic`: name and password with every request. What lets us in goes to the registry only, never to where
//! the registry sends us for a blob.

/// The parameters of a Bearer challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) realm: String,
    /// `service` and `scope`, as they are to be sent on.
    pub(super) query: Vec<(String, String)>,
}

/// Reads the header; `None` where it wants something else than a Bearer token.
pub(super) fn challenge(header: &str) -> Option<Challenge> {
    let (scheme, rest) = header.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let mut realm = None;
    let mut query = Vec::new();
    for (key, value) in parameters(rest) {
        match key.as_str() {
            "realm" => realm = Some(value),
            "service" | "scope" => query.push((key, value)),
            _ => {}
        }
    }
    Some(Challenge { realm: realm?, query })
}

/// Whether name and password are wanted with the request itself (RFC 7617).
pub(super) fn is_basic(header: &str) -> bool {
    header.trim().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic"))
}

/// `key="value, with commas",key=value`
fn parameters(mut text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    while let Some((key, rest)) = text.split_once('=') {
        let (value, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(',').unwrap_or((rest, "")),
        };
        found.push((key.trim_matches([' ', ',']).to_ascii_lowercase(), value.to_owned()));
        text = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_of_docker_hub_is_understood() {
        let header = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/debian:pull,push""#;
        let found = challenge(header).unwrap();
        assert_eq!(found.realm, "https://auth.docker.io/token");
        assert_eq!(found.query[1], ("scope".to_owned(), "repository:library/debian:pull,push".to_owned()));
        assert_eq!(challenge("Basic realm=\"x\""), None);
        assert_eq!(challenge("Bearer service=\"x\""), None);
        assert!(is_basic("Basic realm=\"x\"") && is_basic("basic") && !is_basic(header) && !is_basic(""));
    }
}
