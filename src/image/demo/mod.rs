//! The image `demo`: made of the reader's own machine, without a network.
//!
//! Its programs and libraries are copies of this host's (`/bin/sh`, `ls`, `ip`, …), so it runs on exactly the kernel
//! and processor that are here, and nothing is fetched or shipped. What makes it an *image* is the form: two layers,
//! one that adds and one that changes and removes, a config, a manifest, all named by their digests, in an OCI layout
//! that the loopback registry serves. The same machine gives the same digests.
//!
//! Left out: the host's settings and users (`/etc` here is our own), its locales, and setuid bits.

mod assemble;
mod etc;
mod host;
mod recipe;
mod tree;

pub use recipe::Recipe;
pub(crate) use tree::{Node, Tree};

use super::ImageError;
use super::layout::Layout;
use crate::error::Explain;
use crate::exit::Exit;
use crate::state::{Lock, Roots, read_record, write_record};
use std::io;
use std::path::{Path, PathBuf};

/// Why the demo image cannot be assembled.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A program without which the image is of no use.
    #[error("this machine has no {name}, of which the demo image would be made (looked in {})", looked.join(", "))]
    Missing {
        /// Its name.
        name: &'static str,
        /// The folders that were searched.
        looked: Vec<String>,
    },
    /// A file of the host cannot be read.
    #[error("cannot read {} for the demo image", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The result cannot be kept.
    #[error(transparent)]
    Store(#[from] ImageError),
}

impl Explain for DemoError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { .. } => Some("`explore load FILE` takes an image from elsewhere".into()),
            Self::Read { .. } => None,
            Self::Store(error) => error.hint(),
        }
    }

    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

/// What a machine that is made of this one stands on: the programs of the demo image, `more` where this machine has them,
/// and `explore` itself, with all that they load.
///
/// # Errors
/// [`DemoError`].
pub(crate) fn userland(recipe: &Recipe, more: &[&str], explore_at: &str) -> Result<Tree, DemoError> {
    let mut tree = Tree::default();
    host::collect(&mut tree, recipe, more)?;
    host::add_own(&mut tree, recipe, explore_at)?;
    etc::base(&mut tree);
    Ok(tree)
}

/// The layout that holds `demo:latest`, assembled anew only if something that it is made of has changed. `on_file`
/// hears how many files of how many have been packed.
///
/// # Errors
/// [`DemoError`].
pub fn prepare(roots: &Roots, recipe: &Recipe, on_file: &mut dyn FnMut(usize, usize)) -> Result<Layout, DemoError> {
    let folder = folder(roots);
    let _one_at_a_time = one_at_a_time(&folder)?;
    fresh(&folder, recipe, on_file)
}

/// Gives `to` a copy of the layout of `from`, which is assembled there first if need be. Each lesson has a state folder of
/// its own, and would assemble the same image again. What a learner does to the copy the next lesson does not see.
///
/// # Errors
/// [`DemoError`].
pub(crate) fn lend(from: &Roots, to: &Roots, recipe: &Recipe) -> Result<(), DemoError> {
    let (from, to) = (folder(from), folder(to));
    let _one_at_a_time = one_at_a_time(&from)?;
    fresh(&from, recipe, &mut |_, _| {})?;
    Layout::open(&to)?;
    copy(&from, &to).map_err(ImageError::store("cannot copy the demo image to", &to))?;
    Ok(())
}

/// The files of a layout: a folder of blobs by algorithm, and three files above; hidden ones are locks.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if kind.is_dir() {
            copy(&entry.path(), &to.join(name))?;
        } else {
            std::fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}

fn folder(roots: &Roots) -> PathBuf {
    roots.data.join("demo")
}

fn one_at_a_time(folder: &Path) -> Result<Lock, DemoError> {
    Layout::open(folder)?;
    let lock = folder.join(".assembling");
    Ok(Lock::wait(&lock).map_err(ImageError::store("cannot lock", &lock))?)
}

fn fresh(folder: &Path, recipe: &Recipe, on_file: &mut dyn FnMut(usize, usize)) -> Result<Layout, DemoError> {
    let layout = Layout::open(folder)?;
    let kept = folder.join("made-of.json");
    let is_fresh = read_record::<recipe::MadeOf>(&kept).is_ok_and(|made_of| made_of.still_holds(recipe, &layout));
    if is_fresh {
        return Ok(layout);
    }
    let made_of = assemble::assemble(&layout, recipe, on_file)?;
    write_record(&kept, &made_of, false)
        .map_err(|error| ImageError::Inconsistent { what: kept.display().to_string(), why: error.to_string() })?;
    Ok(layout)
}
