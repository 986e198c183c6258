//! Two layers, a config, a manifest, a name: how an image is made, without a build tool.

use super::recipe::MadeOf;
use super::tree::{Node, Tree};
use super::{DemoError, Recipe, etc, host};
use crate::image::digest::{Digest, Hashing};
use crate::image::layout::Layout;
use flate2::{Compression, GzBuilder};
use oci_spec::image::{
    Arch, ConfigBuilder, Descriptor, History, HistoryBuilder, ImageConfiguration, ImageConfigurationBuilder,
    ImageManifest, ImageManifestBuilder, MediaType, Os, RootFsBuilder,
};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use tar::{EntryType, Header};

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A layer in the layout.
struct Layer {
    diff_id: Digest,
    digest: Digest,
    size: u64,
}

/// Assembles the image and names it `demo:latest`.
pub(super) fn assemble(
    layout: &Layout,
    recipe: &Recipe,
    on_file: &mut dyn FnMut(usize, usize),
) -> Result<MadeOf, DemoError> {
    let mut base = Tree::default();
    let found = host::collect(&mut base, recipe, &[])?;
    etc::base(&mut base);
    let mut second = Tree::default();
    etc::second(&mut second);
    let newest = newest(&base);
    let layers = [
        write_layer(layout, "layer-1", &base, newest, on_file)?,
        write_layer(layout, "layer-2", &second, newest, &mut |_, _| ())?,
    ];
    let config = config(&layers, &found.folders, newest)?;
    let config = layout.put(&json(&config)?)?;
    let manifest = layout.put(&json(&manifest(&layers, &config)?)?)?;
    layout.tag("demo:latest", &descriptor(MediaType::ImageManifest, &manifest.0, manifest.1)?)?;
    let mut blobs: Vec<(Digest, u64)> = layers.iter().map(|layer| (layer.digest.clone(), layer.size)).collect();
    blobs.extend([config, manifest]);
    remove_others(layout, &blobs);
    Ok(MadeOf::new(recipe, &base, found.absent, blobs))
}

/// The youngest of all that goes in: when this image came to be, the same on every run.
fn newest(tree: &Tree) -> u64 {
    let time = |node: &Node| if let Node::Copy { mtime, .. } = node { *mtime } else { 0 };
    tree.nodes.values().map(time).max().unwrap_or(0)
}

fn write_layer(
    layout: &Layout,
    name: &str,
    tree: &Tree,
    time: u64,
    on_file: &mut dyn FnMut(usize, usize),
) -> Result<Layer, DemoError> {
    let (digest, size, diff_id) = layout.put_written(name, |file| {
        // Level 1: the image travels no further than this machine. No time and no name in the header: same bytes.
        let packed = GzBuilder::new().mtime(0).write(file, Compression::new(1));
        let mut archive = tar::Builder::new(Hashing::new(packed));
        for (done, (path, node)) in tree.nodes.iter().enumerate() {
            append(&mut archive, path, node, time)?;
            on_file(done + 1, tree.nodes.len());
        }
        let (packed, diff_id, _) = archive.into_inner()?.finish();
        packed.finish()?;
        Ok(diff_id)
    })?;
    Ok(Layer { diff_id, digest, size })
}

fn append<W: Write>(archive: &mut tar::Builder<W>, path: &Path, node: &Node, time: u64) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header.set_mtime(time);
    match node {
        Node::Folder { mode } => {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(*mode);
            archive.append_data(&mut header, path, io::empty())
        }
        Node::Link { target } => {
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o777);
            archive.append_link(&mut header, path, target)
        }
        Node::Text { content, mode } => {
            header.set_size(content.len() as u64);
            header.set_mode(*mode);
            archive.append_data(&mut header, path, content.as_slice())
        }
        Node::Copy { from, size, mode, mtime } => {
            header.set_size(*size);
            header.set_mode(*mode);
            header.set_mtime(*mtime);
            let file = File::open(from)?;
            let content = file.take(*size).chain(Short { path: from.clone() });
            archive.append_data(&mut header, path, content.take(*size))
        }
    }
}

/// Stands after a file that has become shorter while it was read: an error, not a broken archive.
struct Short {
    path: PathBuf,
}

impl Read for Short {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{} became shorter", self.path.display())))
    }
}

fn config(layers: &[Layer; 2], folders: &[PathBuf], created: u64) -> Result<ImageConfiguration, DemoError> {
    let usual: Vec<&str> = PATH.split(':').collect();
    let more = folders.iter().filter_map(|folder| folder.to_str()).filter(|folder| !usual.contains(folder));
    let path = more.fold(PATH.to_owned(), |path, folder| path + ":" + folder);
    let labels = HashMap::from([
        ("org.opencontainers.image.title".to_owned(), "demo".to_owned()),
        ("org.opencontainers.image.description".to_owned(), "made from this machine by explore".to_owned()),
    ]);
    let inner = ConfigBuilder::default()
        .env(vec![format!("PATH={path}")])
        .cmd(vec!["/bin/sh".to_owned()])
        .working_dir("/")
        .labels(labels)
        .build();
    let created = crate::image::time::rfc3339(created);
    let diff_ids: Vec<String> = layers.iter().map(|layer| layer.diff_id.to_string()).collect();
    let rootfs = RootFsBuilder::default().typ("layers").diff_ids(diff_ids).build();
    let built = inner.and_then(|inner| {
        ImageConfigurationBuilder::default()
            .created(created.as_str())
            .architecture(Arch::default())
            .os(Os::Linux)
            .config(inner)
            .rootfs(rootfs?)
            .history(vec![
                step(&created, "explore: programs and libraries of this machine")?,
                step(&created, "explore: change /etc/motd, remove /etc/removed-by-layer-2, add one")?,
            ])
            .build()
    });
    built.map_err(unlikely)
}

fn step(created: &str, what: &str) -> Result<History, oci_spec::OciSpecError> {
    HistoryBuilder::default().created(created).created_by(what).build()
}

fn manifest(layers: &[Layer; 2], config: &(Digest, u64)) -> Result<ImageManifest, DemoError> {
    let layers: Result<Vec<Descriptor>, DemoError> =
        layers.iter().map(|layer| descriptor(MediaType::ImageLayerGzip, &layer.digest, layer.size)).collect();
    ImageManifestBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageManifest)
        .config(descriptor(MediaType::ImageConfig, &config.0, config.1)?)
        .layers(layers?)
        .build()
        .map_err(unlikely)
}

fn descriptor(media_type: MediaType, digest: &Digest, size: u64) -> Result<Descriptor, DemoError> {
    let digest: oci_spec::image::Digest = digest.to_string().parse().map_err(unlikely)?;
    Ok(Descriptor::new(media_type, size, digest))
}

/// Keys in order (oci-spec keeps labels in a hash map): the same content gives the same bytes.
fn json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, DemoError> {
    let sorted = serde_json::to_value(value).and_then(|value| serde_json::to_vec(&value));
    sorted.map_err(|source| {
        crate::image::ImageError::Document { what: "the demo image's description".to_owned(), source }.into()
    })
}

/// The builders fail only where a required field is missing, and none is.
#[allow(clippy::needless_pass_by_value)] // for map_err
fn unlikely(error: oci_spec::OciSpecError) -> DemoError {
    crate::image::ImageError::Inconsistent { what: "the demo image".to_owned(), why: error.to_string() }.into()
}

/// What an earlier edition has left.
fn remove_others(layout: &Layout, keep: &[(Digest, u64)]) {
    let unnamed = |one: &Descriptor| crate::image::layout::name_of(one).is_none();
    for one in layout.index().iter().flat_map(oci_spec::image::ImageIndex::manifests).filter(|one| unnamed(one)) {
        let _ = layout.untag(one);
    }
    let Ok(entries) = std::fs::read_dir(layout.folder().join("blobs/sha256")) else { return };
    for entry in entries.filter_map(Result::ok) {
        if !keep.iter().any(|(digest, _)| entry.file_name() == digest.hex()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
