//! What the demo image is made of, so that it is made again only if that has changed.

use super::host;
use super::tree::{Node, Tree};
use crate::image::digest::Digest;
use crate::image::layout::Layout;
use serde::{Deserialize, Serialize};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Changes with what `demo/` puts in the image; an image of another edition is assembled anew.
const EDITION: u32 = 2;

/// Where to look for programs.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Folders, in order.
    pub search: Vec<PathBuf>,
    /// Our own program, which stands in for what is missing.
    pub program: PathBuf,
}

impl Default for Recipe {
    /// The usual folders, then those of PATH (systems such as NixOS have all their programs elsewhere). What a lesson has
    /// put there is its own, below its state folder, and not this machine's.
    fn default() -> Self {
        let lesson = std::env::var_os("EXPLORE_ROOT").filter(|root| !root.is_empty());
        let of_lesson = |folder: &Path| lesson.as_ref().is_some_and(|root| folder.starts_with(root));
        let mut search: Vec<PathBuf> = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from).into();
        let path = std::env::var_os("PATH").unwrap_or_default();
        for folder in std::env::split_paths(&path).filter(|folder| folder.is_absolute() && !of_lesson(folder)) {
            if !search.contains(&folder) && !folder.starts_with("/root") && !folder.starts_with("/home") {
                search.push(folder);
            }
        }
        Self { search, program: std::env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into()) }
    }
}

/// One thing that went in, with what tells it from a later one at the same place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Input {
    path: PathBuf,
    size: u64,
    modified: (i64, i64),
    inode: u64,
}

impl Input {
    fn at(path: &Path) -> Option<Self> {
        let found: Metadata = std::fs::symlink_metadata(path).ok()?;
        let modified = (found.mtime(), found.mtime_nsec());
        Some(Self { path: path.to_owned(), size: found.len(), modified, inode: found.ino() })
    }
}

/// What an assembled image was made of.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct MadeOf {
    schema: u32,
    edition: u32,
    version: String,
    search: Vec<PathBuf>,
    inputs: Vec<Input>,
    absent: Vec<String>,
    /// Digest and size of each blob.
    blobs: Vec<(Digest, u64)>,
}

impl MadeOf {
    pub(super) fn new(recipe: &Recipe, tree: &Tree, absent: Vec<String>, blobs: Vec<(Digest, u64)>) -> Self {
        let inputs = tree.nodes.iter().filter_map(|(path, node)| match node {
            Node::Copy { from, .. } => Input::at(from),
            // Those of our own making have nothing at their place, or something that may change freely.
            Node::Link { .. } => Input::at(&Path::new("/").join(path)).filter(|_| is_hosts_own(path, node)),
            Node::Folder { .. } | Node::Text { .. } => None,
        });
        Self {
            schema: 1,
            edition: EDITION,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            search: recipe.search.clone(),
            inputs: inputs.collect(),
            absent,
            blobs,
        }
    }

    /// Whether an image made now would be the same.
    pub(super) fn still_holds(&self, recipe: &Recipe, layout: &Layout) -> bool {
        self.schema == 1
            && self.edition == EDITION
            && self.version == env!("CARGO_PKG_VERSION")
            && self.search == recipe.search
            && self.inputs.iter().all(|input| Input::at(&input.path).as_ref() == Some(input))
            && self.absent.iter().all(|name| host::find(name, recipe).is_none())
            && self.blobs.iter().all(|(digest, size)| layout.has(digest, *size))
    }
}

fn is_hosts_own(path: &Path, node: &Node) -> bool {
    let Node::Link { target } = node else { return false };
    std::fs::read_link(Path::new("/").join(path)).is_ok_and(|found| found == *target)
}
