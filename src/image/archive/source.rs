//! The files of an archive by name, whether they are in a folder or in a tar.

use crate::image::ImageError;
use crate::image::digest::{Digest, Hashing};
use crate::image::entry;
use crate::image::limits::{Exceeded, Limits};
use crate::image::slot::Slot;
use crate::image::stream::LayerStream;
use crate::kernel::fs::{self, Links};
use crate::kernel::rootfs;
use nix::sys::stat::SFlag;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Names of images are found in here, and nothing outside is.
pub(super) enum Source {
    /// Nobody has checked it: what it names is resolved by the kernel below this descriptor, links too.
    Folder(OwnedFd),
    /// A tar can be read only once and in its own order: its files are laid out under numbers first.
    Spool(Spool),
}

/// The files of a tar.
pub(super) struct Spool {
    slot: Slot,
    files: HashMap<PathBuf, Spooled>,
    links: HashMap<PathBuf, PathBuf>,
}

struct Spooled {
    number: usize,
    digest: Digest,
}

impl Source {
    /// A folder, a tar file, or what standard input gives (`-`).
    pub(super) fn open(
        store: &Path,
        path: &Path,
        limits: &Limits,
        on_bytes: &mut dyn FnMut(u64),
    ) -> Result<Self, ImageError> {
        if path.is_dir() {
            let folder = File::open(path).map_err(ImageError::store("cannot read", path))?;
            return Ok(Self::Folder(folder.into()));
        }
        let failed = || ImageError::store("cannot read", path);
        let (from, size): (Box<dyn Read>, u64) = if path == Path::new("-") {
            (Box::new(io::stdin()), limits.blob)
        } else {
            let file = File::open(path).map_err(failed())?;
            let size = file.metadata().map_err(failed())?.len();
            (Box::new(file), size)
        };
        let stream = LayerStream::new(from, size, &path.display().to_string(), limits).map_err(failed())?;
        Spool::fill(store, path, Reading { stream, on_bytes }, limits).map(Self::Spool)
    }

    /// A file of the archive and its length; `None` where there is none of that name.
    pub(super) fn file(&self, name: &Path) -> Option<(File, u64)> {
        let name = entry::place(name).ok()??.path();
        let file = match self {
            Self::Folder(folder) => {
                let handle = fs::resolve(folder.as_fd(), &name, Links::Inside).ok()?;
                // Looked at before it is opened: a pipe would wait for a writer, a device would act.
                let is_file = fs::file_type(&handle).ok()? == SFlag::S_IFREG;
                is_file.then(|| rootfs::reopen_file(handle.as_fd()).ok())??
            }
            Self::Spool(spool) => File::open(spool.slot.path.join(spool.find(&name)?.number.to_string())).ok()?,
        };
        let size = file.metadata().ok()?.len();
        Some((file, size))
    }

    /// The digest of a file of a tar, as it was seen going by.
    pub(super) fn digest(&self, name: &Path) -> Option<Digest> {
        match self {
            Self::Folder(_) => None,
            Self::Spool(spool) => spool.find(&entry::place(name).ok()??.path()).map(|found| found.digest.clone()),
        }
    }

    /// A small file whole.
    pub(super) fn text(&self, name: &str, limits: &Limits) -> Result<Option<Vec<u8>>, ImageError> {
        let Some((file, size)) = self.file(Path::new(name)) else { return Ok(None) };
        Exceeded::check(name, size, limits.document, "bytes")?;
        let mut bytes = Vec::new();
        file.take(limits.document).read_to_end(&mut bytes).map_err(ImageError::store("cannot read", name))?;
        Ok(Some(bytes))
    }
}

impl Spool {
    fn fill(store: &Path, path: &Path, reading: Reading<'_>, limits: &Limits) -> Result<Self, ImageError> {
        // By process: two loads at once are two loads.
        let slot = Slot::claim(store, &format!("load-{}", std::process::id()))?;
        std::fs::create_dir(&slot.path).map_err(ImageError::store("cannot make", &slot.path))?;
        let mut spool = Self { slot, files: HashMap::new(), links: HashMap::new() };
        let gate = reading.stream.gate();
        let mut archive = tar::Archive::new(reading);
        let read = spool.take_in(&mut archive, limits, || gate.expect_header(), || gate.expect_content());
        match (read, gate.exceeded()) {
            (_, Some(exceeded)) => Err(exceeded.into()),
            (Err(Failure::Archive(error)), None) => Err(ImageError::NotAnArchive {
                path: path.to_owned(),
                why: format!("it cannot be read as a tar: {error}"),
            }),
            (Err(Failure::Other(error)), None) => Err(error),
            (Ok(()), None) => Ok(spool),
        }
    }

    fn take_in(
        &mut self,
        archive: &mut tar::Archive<Reading<'_>>,
        limits: &Limits,
        header: impl Fn(),
        content: impl Fn(),
    ) -> Result<(), Failure> {
        header();
        for (number, entry) in archive.entries().map_err(Failure::Archive)?.enumerate() {
            let mut entry = entry.map_err(Failure::Archive)?;
            content();
            Exceeded::check("the number of files in the archive", number as u64, limits.entries, "files")?;
            let name = entry.path().map_err(Failure::Archive)?.into_owned();
            let Ok(Some(place)) = entry::place(&name) else { continue };
            match entry.header().entry_type() {
                tar::EntryType::Regular | tar::EntryType::Continuous => {
                    let digest = self.keep(number, &mut entry, limits)?;
                    self.files.insert(place.path(), Spooled { number, digest });
                }
                // docker save before 25 has the same layer of two images once, and a link to it.
                tar::EntryType::Symlink | tar::EntryType::Link => {
                    let target = entry.link_name().map_err(Failure::Archive)?.unwrap_or_default().into_owned();
                    let is_relative = entry.header().entry_type() == tar::EntryType::Symlink;
                    let target = if is_relative { place.folder.join(target) } else { target };
                    self.links.insert(place.path(), target);
                }
                _ => {}
            }
            io::copy(&mut entry, &mut io::sink()).map_err(Failure::Archive)?;
            header();
        }
        Ok(())
    }

    fn keep(&self, number: usize, entry: &mut impl Read, limits: &Limits) -> Result<Digest, Failure> {
        let path = self.slot.path.join(number.to_string());
        let failed = || ImageError::store("cannot write", &path);
        let mut file = Hashing::new(File::create_new(&path).map_err(failed())?);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = entry.read(&mut buffer).map_err(Failure::Archive)?;
            if count == 0 {
                let (_, digest, _) = file.finish();
                return Ok(digest);
            }
            io::Write::write_all(&mut file, &buffer[..count]).map_err(failed())?;
            Exceeded::check("a file of the archive", file.count(), limits.unpacked, "bytes")?;
        }
    }

    fn find(&self, name: &Path) -> Option<&Spooled> {
        let linked = || self.files.get(&entry::place(self.links.get(name)?).ok()??.path());
        self.files.get(name).or_else(linked)
    }
}

/// The stream of a tar, and who hears how far it is.
struct Reading<'a> {
    stream: LayerStream,
    on_bytes: &'a mut dyn FnMut(u64),
}

impl Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        (self.on_bytes)(self.stream.count());
        Ok(count)
    }
}

/// Told apart because only one of them is about the archive.
enum Failure {
    Archive(io::Error),
    Other(ImageError),
}

impl<E: Into<ImageError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}
