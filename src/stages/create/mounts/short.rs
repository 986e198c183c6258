//! `-v` and `--volumes-from`: parts with ':' between (moby volume/mounts/linux_parser.go, `ParseMountRaw`).

use super::{MountError, MountPoint, Propagation, What, absolute, clean, target};

/// `--volumes-from CONTAINER[:ro]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    /// Name or ID.
    pub container: String,
    /// None of it to be written.
    pub read_only: bool,
}

/// What the words of a mode say.
#[derive(Debug, Default)]
struct Mode {
    read_only: bool,
    propagation: Option<Propagation>,
    no_copy: bool,
}

/// Reads what `-v` was given.
///
/// # Errors
/// [`MountError::Spec`], [`MountError::Volume`], [`MountError::Mode`].
pub fn parse_volume(given: &str) -> Result<MountPoint, MountError> {
    let spec = |why| MountError::Spec { given: given.to_owned(), why };
    let wrong = |why| MountError::Volume { given: given.to_owned(), why };
    let parts: Vec<&str> = given.split(':').collect();
    let (source, inside, mode) = match parts[..] {
        [""] => return Err(spec("it is empty")),
        [inside] => ("", inside, ""),
        // `/inside:ro` would be a mode without a source.
        [_, mode] if mode.is_empty() || parse_mode(mode).is_some() => return Err(wrong(String::new())),
        [source, inside] => (source, inside, ""),
        [source, inside, mode] => (source, inside, mode),
        _ => return Err(spec("too many colons")),
    };
    if parts.len() > 1 && source.is_empty() {
        return Err(wrong(String::new()));
    }
    let mode = parse_mode(mode).ok_or_else(|| MountError::Mode(mode.to_owned()))?;
    let what = what(source, &mode);
    let config = |why: String| wrong(format!("invalid mount config for type \"{}\": {why}", what.kind()));
    match &what {
        What::Bind { .. } if mode.no_copy => return Err(config("field VolumeOptions must not be specified".into())),
        What::Volume { .. } if mode.propagation.is_some() => {
            return Err(config("field BindOptions must not be specified".into()));
        }
        _ => {}
    }
    Ok(MountPoint { target: target(inside).map_err(config)?, read_only: mode.read_only, what })
}

/// A path is a folder of this machine, `./here` one from where we stand, as docker's client has it; a name is a volume.
fn what(source: &str, mode: &Mode) -> What {
    let from_here = source.starts_with('.').then(|| std::path::absolute(source).ok()).flatten();
    let path = from_here.map_or_else(|| source.to_owned(), |path| path.to_string_lossy().into_owned());
    if absolute(&path).is_err() {
        let (name, anonymous) = (source.to_owned(), source.is_empty());
        return What::Volume { name, anonymous, copy: !mode.no_copy, labels: Vec::new() };
    }
    let propagation = mode.propagation.unwrap_or_default();
    What::Bind { source: clean(&path), recursive: true, propagation, make: true }
}

/// `None` where a word is unknown, or is the second of its kind. Labels are for SELinux, which we give nobody, and
/// consistency for docker on a Mac: neither means anything here.
fn parse_mode(text: &str) -> Option<Mode> {
    let mut mode = Mode::default();
    let mut seen = Vec::new();
    for word in text.split(',').filter(|_| !text.is_empty()) {
        let kind = match word {
            "ro" | "rw" => "write",
            "z" | "Z" => "label",
            "nocopy" => "copy",
            "consistent" | "cached" | "delegated" | "default" => "consistency",
            _ => {
                mode.propagation = Some(Propagation::parse(word)?);
                "propagation"
            }
        };
        if seen.contains(&kind) {
            return None;
        }
        seen.push(kind);
        mode.read_only |= word == "ro";
        mode.no_copy |= word == "nocopy";
    }
    Some(mode)
}

/// Reads what `--volumes-from` was given.
///
/// # Errors
/// [`MountError::FromNobody`], [`MountError::Mode`].
pub fn parse_from(given: &str) -> Result<From, MountError> {
    if given.is_empty() {
        return Err(MountError::FromNobody);
    }
    let (container, mode) = given.split_once(':').unwrap_or((given, ""));
    let wrong = || MountError::Mode(mode.to_owned());
    let read = parse_mode(mode).filter(|read| read.propagation.is_none() && !read.no_copy).ok_or_else(wrong)?;
    Ok(From { container: container.to_owned(), read_only: read.read_only })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_volume_is_a_path_a_name_or_neither() {
        let bind = parse_volume("/a/../b:/x/:ro,rslave").unwrap();
        assert!(bind.read_only && bind.target == Path::new("/x"));
        assert!(
            matches!(&bind.what, What::Bind { source, propagation: Propagation::Rslave, .. } if source == Path::new("/b"))
        );
        let named = parse_volume("data:/x:nocopy").unwrap().what;
        assert!(matches!(named, What::Volume { name, anonymous: false, copy: false, .. } if name == "data"));
        assert!(matches!(parse_volume("/x").unwrap().what, What::Volume { anonymous: true, .. }));
        let here = std::env::current_dir().unwrap().join("sub");
        assert!(matches!(parse_volume("./sub:/x").unwrap().what, What::Bind { source, .. } if source == here));
    }

    #[test]
    fn what_docker_refuses_is_refused_in_its_words() {
        let told = |given: &str| parse_volume(given).unwrap_err().to_string();
        // Each from docker 20.10.24, `docker run -v …`.
        let config = |kind: &str, why: &str| format!("invalid mount config for type \"{kind}\": {why}");
        let root = config("bind", "invalid specification: destination can't be '/'");
        assert_eq!(told("/tmp:/:ro"), format!("invalid volume specification: '/tmp:/:ro': {root}"));
        let relative = config("volume", "invalid mount path: 'x' mount path must be absolute");
        assert_eq!(told("data:x"), format!("invalid volume specification: 'data:x': {relative}"));
        let binds = config("volume", "field BindOptions must not be specified");
        assert_eq!(told("data:/x:rshared"), format!("invalid volume specification: 'data:/x:rshared': {binds}"));
        let volumes = config("bind", "field VolumeOptions must not be specified");
        assert_eq!(told("/tmp:/x:nocopy"), format!("invalid volume specification: '/tmp:/x:nocopy': {volumes}"));
        assert_eq!(told("/x:ro"), "invalid volume specification: '/x:ro'");
        assert_eq!(told("/a:/b:rx"), "invalid mode: rx");
        assert_eq!(told("data:/x:ro,rw"), "invalid mode: ro,rw");
        assert!(told("/a:/b:ro:z").contains("too many colons") && told("").contains("empty"));
        assert_eq!(parse_from("box:rslave").unwrap_err().to_string(), "invalid mode: rslave");
    }
}
