//! What will stand in the image: paths, and what each is. Sorted, so that the same content gives the same archive.

use super::DemoError;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

/// As the kernel, path_resolution(7).
const MOST_LINKS: usize = 40;

/// One thing in the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Folder {
        mode: u32,
    },
    /// A copy of a file of the host.
    Copy {
        from: PathBuf,
        size: u64,
        mode: u32,
        mtime: u64,
    },
    Text {
        content: Vec<u8>,
        mode: u32,
    },
    Link {
        target: PathBuf,
    },
}

/// All of them, by their path below the root (without a leading slash).
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) nodes: BTreeMap<PathBuf, Node>,
}

impl Tree {
    pub(crate) fn folder(&mut self, path: &str, mode: u32) {
        self.insert(Path::new(path), Node::Folder { mode });
    }

    pub(crate) fn text(&mut self, path: &str, content: impl Into<Vec<u8>>) {
        self.insert(Path::new(path), Node::Text { content: content.into(), mode: 0o644 });
    }

    pub(crate) fn link(&mut self, path: &str, target: impl Into<PathBuf>) {
        self.insert(Path::new(path), Node::Link { target: target.into() });
    }

    /// Puts a file of this host at `path`, which may differ from where it is here.
    pub(crate) fn copy(&mut self, from: &Path, path: &Path) -> Result<(), DemoError> {
        let found = fs::metadata(from).map_err(|source| DemoError::Read { path: from.to_owned(), source })?;
        // Without setuid bits: this image gives nobody what they have not got.
        let mode = if found.permissions().mode() & 0o111 == 0 { 0o644 } else { 0o755 };
        let mtime = u64::try_from(found.mtime()).unwrap_or(0);
        self.insert(path, Node::Copy { from: from.to_owned(), size: found.len(), mode, mtime });
        Ok(())
    }

    /// Puts a file of this host where it is here, with every link on the way to it: `/bin -> usr/bin`,
    /// `awk -> /etc/alternatives/awk -> /usr/bin/mawk`. Answers the path of the file itself.
    pub(crate) fn copy_with_links(&mut self, path: &Path) -> Result<PathBuf, DemoError> {
        let failed = |source| DemoError::Read { path: path.to_owned(), source };
        let mut to_do: Vec<PathBuf> = parts(path);
        let mut here = PathBuf::from("/");
        let mut links = 0;
        while let Some(part) = to_do.pop() {
            if part == Path::new("..") {
                here.pop();
                continue;
            }
            let next = here.join(&part);
            if !fs::symlink_metadata(&next).map_err(failed)?.is_symlink() {
                here = next;
                continue;
            }
            links += 1;
            if links > MOST_LINKS {
                return Err(failed(std::io::Error::from_raw_os_error(libc::ELOOP)));
            }
            let target = fs::read_link(&next).map_err(failed)?;
            if target.is_absolute() {
                here = PathBuf::from("/");
            }
            to_do.extend(parts(&target));
            self.insert(&next, Node::Link { target });
        }
        if fs::metadata(&here).map_err(failed)?.is_file() {
            let place = here.clone();
            self.copy(&here, &place)?;
        }
        Ok(here)
    }

    fn insert(&mut self, path: &Path, node: Node) {
        let path = path.strip_prefix("/").unwrap_or(path);
        for above in path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()) {
            self.nodes.entry(above.to_owned()).or_insert(Node::Folder { mode: 0o755 });
        }
        self.nodes.insert(path.to_owned(), node);
    }
}

/// The parts of a path, last first, without `.` and the root.
fn parts(path: &Path) -> Vec<PathBuf> {
    let is_part = |component: &Component<'_>| !matches!(component, Component::RootDir | Component::CurDir);
    path.components().filter(is_part).rev().map(|component| PathBuf::from(component.as_os_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_on_the_way_comes_along_and_the_file_once() {
        let host = tempfile::tempdir().unwrap();
        let at = |path: &str| host.path().join(path);
        fs::create_dir_all(at("usr/bin")).unwrap();
        fs::create_dir_all(at("alternatives")).unwrap();
        fs::write(at("usr/bin/mawk"), "the program").unwrap();
        std::os::unix::fs::symlink("usr/bin", at("bin")).unwrap();
        std::os::unix::fs::symlink(at("alternatives/awk"), at("usr/bin/awk")).unwrap();
        std::os::unix::fs::symlink("../bin/mawk", at("alternatives/awk")).unwrap();
        let mut tree = Tree::default();
        assert_eq!(tree.copy_with_links(&at("bin/awk")).unwrap(), at("usr/bin/mawk"));
        let is = |path: &str| tree.nodes.get(at(path).strip_prefix("/").unwrap());
        assert!(matches!(is("bin"), Some(Node::Link { .. })));
        assert!(matches!(is("usr/bin/awk"), Some(Node::Link { .. })));
        assert!(matches!(is("alternatives/awk"), Some(Node::Link { .. })));
        assert!(matches!(is("usr/bin/mawk"), Some(Node::Copy { size: 11, .. })));
    }

    #[test]
    fn a_circle_of_links_ends() {
        let host = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("b", host.path().join("a")).unwrap();
        std::os::unix::fs::symlink("a", host.path().join("b")).unwrap();
        assert!(Tree::default().copy_with_links(&host.path().join("a")).is_err());
    }
}
