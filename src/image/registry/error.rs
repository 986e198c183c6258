//! Why a registry did not give what was asked for: which of the many ways, because each has another remedy.

use super::credentials::CredentialError;
use super::settings::SettingsError;
use crate::image::limits::Exceeded;

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
    /// 401 and 403, to somebody who said who he is.
    #[error("the registry {registry} does not give {what} to {user}, or there is none")]
    Forbidden {
        /// The registry.
        registry: String,
        /// Which manifest or blob.
        what: String,
        /// The user name.
        user: String,
    },
    /// 401, 403 and 405 to one who wants to write.
    #[error("the registry {registry} does not take {what}")]
    Refuses {
        /// The registry.
        registry: String,
        /// Which manifest or blob.
        what: String,
    },
    /// Who we are cannot be found out.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// Where to ask cannot be found out.
    #[error(transparent)]
    Settings(#[from] SettingsError),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_to_wait_is_said_with_its_unit() {
        assert_eq!(wait(Some("30")), "; it asks to wait 30 seconds");
        assert_eq!(wait(None), "");
    }
}
