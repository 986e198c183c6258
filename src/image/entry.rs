//! What the name of an entry in a layer means: a place below the root, the root itself, or a whiteout.
//!
//! image-spec, layer.md. A layer is a *difference*, so it must be able to say that something is gone: `.wh.NAME` takes
//! NAME away, `.wh..wh..opq` takes away all that lower layers have in its folder.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// AUFS kept its own files under this prefix; old images still carry them (`.wh..wh.aufs`, `.wh..wh.plnk`).
const AUFS: &[u8] = b".wh..wh.";

/// A name, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The root of the layer.
    Root,
    /// Something in a folder.
    Place(Place),
    /// NAME of lower layers is gone.
    Whiteout(Place),
    /// All that lower layers have in this folder is gone.
    Opaque(PathBuf),
    /// Nothing to us.
    Ignored,
}

/// A folder and a name in it, both below the root, without `.` and `..`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) folder: PathBuf,
    pub(super) name: OsString,
}

impl Place {
    /// Both together.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }
}

/// A name that means nothing good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// It climbs above the root.
    #[error("entry {0:?} leads out of the image")]
    Outside(PathBuf),
    /// A whiteout of nothing, of `.` or of `..`.
    #[error("entry {0:?} is a whiteout of no name")]
    EmptyWhiteout(PathBuf),
}

/// Understands the name of an entry.
pub(super) fn meaning(name: &Path) -> Result<Meaning, BadName> {
    let Some(place) = place(name)? else { return Ok(Meaning::Root) };
    let bytes = place.name.as_bytes();
    if bytes == OPAQUE {
        return Ok(Meaning::Opaque(place.folder));
    }
    if bytes.starts_with(AUFS) {
        return Ok(Meaning::Ignored);
    }
    let Some(hidden) = bytes.strip_prefix(WHITEOUT) else { return Ok(Meaning::Place(place)) };
    if matches!(hidden, b"" | b"." | b"..") {
        return Err(BadName::EmptyWhiteout(name.to_owned()));
    }
    let name = OsStr::from_bytes(hidden).to_owned();
    Ok(Meaning::Whiteout(Place { folder: place.folder, name }))
}

/// The place that a name or the target of a hard link stands for; `None` for the root. A leading `/` means the root of
/// the image, and `a/../b` means `b`; a name that climbs above the root was not made by a friend.
pub(super) fn place(name: &Path) -> Result<Option<Place>, BadName> {
    let mut parts: Vec<&OsStr> = Vec::new();
    for component in name.components() {
        match component {
            Component::Normal(part) => parts.push(part),
            Component::ParentDir => {
                parts.pop().ok_or_else(|| BadName::Outside(name.to_owned()))?;
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    let Some(last) = parts.pop() else { return Ok(None) };
    Ok(Some(Place { folder: parts.into_iter().collect(), name: last.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(folder: &str, name: &str) -> Place {
        Place { folder: folder.into(), name: name.into() }
    }

    #[test]
    fn a_name_means_what_it_means_to_umoci_and_docker() {
        let table = [
            ("etc/passwd", Meaning::Place(at("etc", "passwd"))),
            ("/etc/passwd", Meaning::Place(at("etc", "passwd"))),
            ("./etc//passwd", Meaning::Place(at("etc", "passwd"))),
            ("a/../b", Meaning::Place(at("", "b"))),
            ("", Meaning::Root),
            ("/", Meaning::Root),
            ("./", Meaning::Root),
            ("/.", Meaning::Root),
            ("a/..", Meaning::Root),
            ("etc/.wh.motd", Meaning::Whiteout(at("etc", "motd"))),
            ("etc/.wh..wh..opq", Meaning::Opaque("etc".into())),
            (".wh..wh..opq", Meaning::Opaque("".into())),
            (".wh..wh.plnk", Meaning::Ignored),
            ("etc/.wh", Meaning::Place(at("etc", ".wh"))),
        ];
        for (name, expected) in table {
            assert_eq!(meaning(Path::new(name)), Ok(expected), "{name:?}");
        }
    }

    #[test]
    fn a_name_that_leads_out_is_refused() {
        for name in ["..", "../x", "a/../../x", "/..", ".wh.", "etc/.wh..", "etc/.wh..."] {
            assert!(meaning(Path::new(name)).is_err(), "{name:?}");
        }
    }
}
