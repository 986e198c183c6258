//! `oci:FOLDER:TAG` and its kin: an image named by where it lies. containers-transports(5), which skopeo and podman follow.

use std::path::{Path, PathBuf};

/// What each prefix means: a folder, or else a file.
const PREFIXES: [(&str, bool); 3] = [("oci:", true), ("oci-archive:", false), ("docker-archive:", false)];

/// Where an image lies, and which of those that lie there it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The folder or file.
    pub path: PathBuf,
    /// Whether it must be a folder.
    pub is_folder: bool,
    /// Its name or tag; the only image there is where it is `None`.
    pub wanted: Option<String>,
}

impl Place {
    /// Reads it; `None` for what is a name in a registry. As skopeo has it, the path ends at the first colon.
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, is_folder) =
            PREFIXES.iter().find_map(|(prefix, is_folder)| Some((text.strip_prefix(prefix)?, *is_folder)))?;
        let (path, wanted) = rest.split_once(':').map_or((rest, None), |(path, wanted)| (path, Some(wanted)));
        let wanted = wanted.filter(|wanted| !wanted.is_empty()).map(str::to_owned);
        Some(Self { path: path.into(), is_folder, wanted })
    }

    /// What is wrong with the path, if it is not what the prefix says.
    pub fn unfit(&self) -> Option<&'static str> {
        if self.path == Path::new("") {
            return Some("no path stands after the colon");
        }
        match (self.is_folder, self.path.is_dir()) {
            (true, false) if self.path.exists() => Some("it is no folder; a file is oci-archive:FILE"),
            (false, true) => Some("it is a folder, which is oci:FOLDER"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_ends_at_the_first_colon_and_a_name_in_a_registry_is_none() {
        let parse = |text: &str| Place::parse(text).map(|one| (one.path, one.is_folder, one.wanted));
        assert_eq!(parse("oci:a/b"), Some(("a/b".into(), true, None)));
        assert_eq!(parse("oci:/a:1.2"), Some(("/a".into(), true, Some("1.2".into()))));
        assert_eq!(parse("oci:a:host:5000/x:1"), Some(("a".into(), true, Some("host:5000/x:1".into()))));
        assert_eq!(parse("docker-archive:x.tar:"), Some(("x.tar".into(), false, None)));
        assert!(parse("oci:").is_some() && parse("docker.io/library/oci:latest").is_none() && parse("demo").is_none());
    }
}
