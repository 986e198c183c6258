//! Which of the images of an index: `linux/amd64`, `linux/arm/v7`. image-spec, image-index.md, "platform".

use oci_spec::image::{Arch, Descriptor, ImageConfiguration, ImageIndex, Os};
use std::fmt;

/// A platform, as `--platform` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    os: Os,
    architecture: Arch,
    variant: Option<String>,
}

/// What is no platform.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0:?} is no platform: linux/amd64, linux/arm64, linux/arm/v7")]
pub struct NotAPlatform(String);

/// This machine's.
impl Default for Platform {
    fn default() -> Self {
        Self { os: Os::Linux, architecture: Arch::default(), variant: None }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

impl std::str::FromStr for Platform {
    type Err = NotAPlatform;

    fn from_str(text: &str) -> Result<Self, NotAPlatform> {
        let good =
            |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let lower = text.to_ascii_lowercase();
        let parts: Vec<&str> = lower.split('/').collect();
        if !parts.iter().all(good) {
            return Err(NotAPlatform(text.to_owned()));
        }
        // As uname(2) has it, too.
        let architecture = |name: &str| match name {
            "x86_64" => Arch::Amd64,
            "aarch64" => Arch::ARM64,
            "i386" => Arch::i386,
            other => Arch::from(other),
        };
        let (architecture, variant) = match parts[..] {
            ["linux"] => return Ok(Self::default()),
            ["linux", name] => (architecture(name), None),
            ["linux", name, variant] => (architecture(name), Some(variant.to_owned())),
            _ => return Err(NotAPlatform(text.to_owned())),
        };
        Ok(Self { os: Os::Linux, architecture, variant })
    }
}

impl Platform {
    /// What an image is for, as its configuration says.
    pub fn of(config: &ImageConfiguration) -> Self {
        Self { os: config.os().clone(), architecture: config.architecture().clone(), variant: config.variant().clone() }
    }

    /// Whether an image is for this one. A variant counts only where both name one.
    pub fn is_of(&self, config: &ImageConfiguration) -> bool {
        let its = Self::of(config);
        let variant = self.variant.is_none() || its.variant.is_none() || self.variant == its.variant;
        self.os == its.os && self.architecture == its.architecture && variant
    }

    /// The descriptor for it among those of an index. Where a variant is wanted, one that says none will do, too.
    pub fn among<'a>(&self, index: &'a ImageIndex) -> Option<&'a Descriptor> {
        let fits = |one: &&Descriptor| {
            one.platform().as_ref().is_some_and(|it| *it.os() == self.os && *it.architecture() == self.architecture)
        };
        let variant = |one: &Descriptor| one.platform().as_ref().and_then(|it| it.variant().clone());
        let fitting = || index.manifests().iter().filter(fits);
        let Some(wanted) = &self.variant else { return fitting().next() };
        let exact = fitting().find(|one| variant(one).as_ref() == Some(wanted));
        exact.or_else(|| fitting().find(|one| variant(one).is_none()))
    }
}

/// What an index offers, as people write it.
pub fn offered(index: &ImageIndex) -> Vec<String> {
    let platform = |one: &Descriptor| {
        let it = one.platform().as_ref()?;
        Some(Platform { os: it.os().clone(), architecture: it.architecture().clone(), variant: it.variant().clone() })
    };
    let known = |platform: &Platform| platform.os != Os::Other("unknown".to_owned());
    index.manifests().iter().filter_map(platform).filter(known).map(|platform| platform.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_chosen_with_its_variant() {
        let digest = |digit: char| format!("sha256:{}", digit.to_string().repeat(64));
        let one = |digit: char, platform: serde_json::Value| {
            serde_json::json!({ "mediaType": crate::image::document::MANIFESTS[0], "digest": digest(digit), "size": 1,
                "platform": platform })
        };
        let index = serde_json::json!({ "schemaVersion": 2, "manifests": [
            one('1', serde_json::json!({ "os": "unknown", "architecture": "unknown" })),
            one('2', serde_json::json!({ "os": "linux", "architecture": "arm", "variant": "v6" })),
            one('3', serde_json::json!({ "os": "linux", "architecture": "arm", "variant": "v7" })),
            one('4', serde_json::json!({ "os": "linux", "architecture": "arm64" })),
        ]});
        let index: ImageIndex = serde_json::from_value(index).unwrap();
        let chosen = |text: &str| text.parse::<Platform>().unwrap().among(&index).map(|one| one.digest().to_string());
        assert_eq!(chosen("linux/arm/v7"), Some(digest('3')));
        assert_eq!(chosen("linux/arm"), Some(digest('2')));
        assert_eq!(chosen("linux/aarch64/v8"), Some(digest('4')));
        assert_eq!(chosen("linux/s390x"), None);
        assert_eq!(offered(&index), ["linux/arm/v6", "linux/arm/v7", "linux/arm64"]);
        assert_eq!("Linux".parse::<Platform>().unwrap(), Platform::default());
        for bad in ["", "windows", "windows/amd64", "linux/", "linux/a/b/c", "linux/../x"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad:?}");
        }
    }
}
