//! From the store into an archive: the blobs as they came, so that what could not be made on this disk (owners in a
//! user namespace, devices) is in it all the same.

use super::CONTAINERD_NAME;
use crate::image::digest::Digest;
use crate::image::layout::{Layout, REF_NAME};
use crate::image::reference::Name;
use crate::image::{Image, ImageError, catalog};
use crate::state::Roots;
use oci_spec::image::Descriptor;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use tar::{EntryType, Header};

/// Writes images as one tar that is an OCI archive and what `docker load` takes, old Docker included. The same images
/// give the same bytes.
///
/// # Errors
/// [`ImageError::NotFound`], [`ImageError::Store`].
pub fn save(roots: &Roots, references: &[String], to: impl Write, shown: &Path) -> Result<(), ImageError> {
    let layout = catalog::layout(roots)?;
    let mut content = Content::default();
    for reference in references {
        let descriptor = catalog::known(&layout, reference)?;
        content.add(&catalog::read(roots, &layout, &descriptor)?, &descriptor)?;
    }
    content.write(&layout, to).map_err(|error| match error {
        Failure::Blob(error) => error,
        Failure::Output(source) => ImageError::Store { doing: "cannot write", path: shown.to_owned(), source },
    })
}

/// Writes images as an OCI layout folder, which other tools know as `oci:DIR` and `oci-dir`. What is there already stays.
///
/// # Errors
/// [`ImageError::Unknown`], [`ImageError::Store`]; an image has its name there only once it is whole.
pub fn save_folder(roots: &Roots, references: &[String], to: &Path) -> Result<(), ImageError> {
    let layout = catalog::layout(roots)?;
    let known = |reference: &String| {
        let descriptor = catalog::known(&layout, reference)?;
        Ok((catalog::read(roots, &layout, &descriptor)?, descriptor))
    };
    let images = references.iter().map(known).collect::<Result<Vec<_>, ImageError>>()?;
    let folder = Layout::open(to)?;
    for (image, descriptor) in images {
        let mut content = Content::default();
        content.add(&image, &descriptor)?;
        for digest in content.blobs.values() {
            let file = layout.open_blob(digest)?;
            let size = file.metadata().map_err(ImageError::store("cannot read", layout.blob_path(digest)))?.len();
            if let Some(slot) = folder.claim(digest, size)? {
                folder.fill(slot, (digest, size), file, &mut |_| ())?;
            }
        }
        let mut plain = descriptor.clone();
        plain.set_annotations(None);
        folder.tag(&image.reference, &plain)?;
    }
    // Ours, and no part of a layout.
    let _ = std::fs::remove_dir(to.join(".ingest"));
    let _ = std::fs::remove_file(to.join(".lock"));
    Ok(())
}

#[derive(Default)]
struct Content {
    blobs: BTreeMap<String, Digest>,
    index: Vec<Value>,
    docker: Vec<Value>,
}

enum Failure {
    Blob(ImageError),
    Output(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Content {
    fn add(&mut self, image: &Image, descriptor: &Descriptor) -> Result<(), ImageError> {
        let wrong = |why: String| ImageError::Inconsistent { what: image.reference.clone(), why };
        let parse = |text: &str| Digest::parse(text).map_err(|error| wrong(error.to_string()));
        let (manifest, config) = (parse(&image.manifest_digest)?, parse(&image.id)?);
        let whole = match Name::parse(&image.reference)?.registry.as_deref() {
            // What others read: a name without a registry is one of Docker Hub's to them.
            None => format!("docker.io/library/{}", image.reference),
            Some("docker.io") if !image.reference.starts_with("docker.io/") => {
                let library = if image.reference.contains('/') { "" } else { "library/" };
                format!("docker.io/{library}{}", image.reference)
            }
            Some(_) => image.reference.clone(),
        };
        self.index.push(json!({
            "mediaType": descriptor.media_type(),
            "digest": descriptor.digest(),
            "size": descriptor.size(),
            "annotations": { REF_NAME: image.reference, CONTAINERD_NAME: whole },
        }));
        let path = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
        let layers: Vec<String> = image.layers.iter().map(|layer| path(&layer.digest)).collect();
        self.docker.push(json!({ "Config": path(&config), "RepoTags": [image.reference], "Layers": layers }));
        let layers = image.layers.iter().map(|layer| layer.digest.clone());
        self.blobs.extend([manifest, config].into_iter().chain(layers).map(|digest| (path(&digest), digest)));
        Ok(())
    }

    fn write(&self, layout: &Layout, to: impl Write) -> Result<(), Failure> {
        let mut archive = tar::Builder::new(to);
        folder(&mut archive, "blobs")?;
        folder(&mut archive, "blobs/sha256")?;
        for (path, digest) in &self.blobs {
            let file = layout.open_blob(digest).map_err(Failure::Blob)?;
            let size = file.metadata()?.len();
            append(&mut archive, path, size, file)?;
        }
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": self.index,
        });
        for (name, value) in [
            ("index.json", index),
            ("manifest.json", Value::Array(self.docker.clone())),
            ("oci-layout", json!({ "imageLayoutVersion": "1.0.0" })),
        ] {
            let bytes = value.to_string().into_bytes();
            append(&mut archive, name, bytes.len() as u64, bytes.as_slice())?;
        }
        archive.into_inner()?.flush()?;
        Ok(())
    }
}

fn folder<W: Write>(archive: &mut tar::Builder<W>, path: &str) -> io::Result<()> {
    let mut header = header(0o755, 0);
    header.set_entry_type(EntryType::Directory);
    archive.append_data(&mut header, PathBuf::from(path), io::empty())
}

fn append<W: Write>(archive: &mut tar::Builder<W>, path: &str, size: u64, content: impl Read) -> io::Result<()> {
    archive.append_data(&mut header(0o644, size), path, content)
}

fn header(mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}
