//! The way back: an upper becomes a layer, a tar archive of what was changed.
//!
//! | in the upper | in the archive |
//! |---|---|
//! | a character device 0:0 | an empty file `.wh.NAME`: NAME of the layers below is gone |
//! | a folder that is opaque | the folder, and in it `.wh..wh..opq` |
//! | a second name of a file | a hard link to the first |
//! | anything else | itself: kind, mode, owner, time to the nanosecond, attributes, content |
//!
//! image-spec, layer.md; the same entries as moby's (pkg/archive, `OverlayWhiteoutFormat`), in the order of their names, so
//! that the same upper gives the same bytes. What a ustar header has no room for (long names, large numbers, attributes)
//! stands in a pax header before it. Left out: sockets, which mean nothing without the process that listens, as Docker
//! does; overlayfs's own marks; SELinux's labels. Holes of sparse files are written as zeroes, because few readers of
//! layers know sparse entries (layer.md advises against them); the compression makes nothing of them.
//!
//! In a user namespace the kernel shows owners as those inside see them, and those are the image's.

mod entry;

use self::entry::Entry;
use super::limits::{Exceeded, Limits};
use crate::kernel::rootfs::{self, Root};
use crate::kernel::{self, xattr};
use nix::sys::stat::{FileStat, SFlag};
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType};

/// Why an upper cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Something in it cannot be read.
    #[error("cannot read {}", path.display())]
    Entry {
        /// From the container's root on.
        path: PathBuf,
        /// The call.
        source: kernel::Error,
    },
    /// A file's content cannot be read, or is not as long as it was.
    #[error("cannot read {}", path.display())]
    Content {
        /// From the container's root on.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder that another overlay has renamed.
    #[error("{} is a renamed folder, by the mark {mark}: our overlays do not write that", path.display())]
    Foreign {
        /// From the container's root on.
        path: PathBuf,
        /// The attribute.
        mark: String,
    },
    /// The archive cannot be written.
    #[error("cannot write the layer")]
    Write(#[from] io::Error),
    /// It is larger than anybody would unpack.
    #[error(transparent)]
    Limit(#[from] Exceeded),
}

/// What became of an upper.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packed {
    /// Entries in the archive.
    pub entries: u64,
    /// Bytes of file content.
    pub bytes: u64,
    /// Sockets that are not in it.
    pub sockets: u64,
}

/// Writes the folder that `upper` holds as a layer; answers the writer, and what went in.
///
/// # Errors
/// [`PackError`]; what was written by then is worth nothing.
pub fn pack<W: Write>(upper: &Root, to: W, limits: &Limits) -> Result<(W, Packed), PackError> {
    let top = Path::new("");
    let root = upper.folder(top).map_err(|source| PackError::Entry { path: "/".into(), source })?;
    let mut pack = Pack::new(to, true, limits);
    pack.folder(&root, top)?;
    pack.end()
}

/// Writes what `handle` holds, and all in it, as an archive in which it is called `name`; without a name only what is in
/// it. As it is seen: nothing in it is a mark. For `cp`.
///
/// # Errors
/// [`PackError`].
pub fn pack_tree<W: Write>(handle: &OwnedFd, name: &Path, to: W, limits: &Limits) -> Result<(W, Packed), PackError> {
    let stat = rootfs::about(handle.as_fd()).map_err(at(name))?;
    let mut pack = Pack::new(to, false, limits);
    pack.one(handle, name, &stat)?;
    pack.end()
}

struct Pack<'a, W: Write> {
    archive: Builder<W>,
    /// The first name of a file that has several, by device and inode.
    names: HashMap<(u64, u64), PathBuf>,
    packed: Packed,
    limits: &'a Limits,
    /// Whether whiteouts and opaque folders are marks.
    of_upper: bool,
}

impl<'a, W: Write> Pack<'a, W> {
    fn new(to: W, of_upper: bool, limits: &'a Limits) -> Self {
        Self { archive: Builder::new(to), names: HashMap::new(), packed: Packed::default(), limits, of_upper }
    }

    fn end(self) -> Result<(W, Packed), PackError> {
        Ok((self.archive.into_inner()?, self.packed))
    }

    fn folder(&mut self, here: &OwnedFd, path: &Path) -> Result<(), PackError> {
        let mut names = rootfs::names(here.as_fd()).map_err(at(path))?;
        names.sort();
        names.iter().try_for_each(|name| self.entry(here, path, name))
    }

    fn entry(&mut self, here: &OwnedFd, above: &Path, name: &OsStr) -> Result<(), PackError> {
        let path = above.join(name);
        // What is gone since the folder was listed was not there: the container may still run.
        let Some(handle) = rootfs::handle(here.as_fd(), name).map_err(at(&path))? else { return Ok(()) };
        let stat = rootfs::about(handle.as_fd()).map_err(at(&path))?;
        if self.of_upper && rootfs::is_whiteout(&stat) {
            return self.mark(&above.join(whiteout(name)), &stat);
        }
        self.one(&handle, &path, &stat)
    }

    /// What `handle` holds, under the name `path`; a folder without a name is what is in it.
    fn one(&mut self, handle: &OwnedFd, path: &Path, stat: &FileStat) -> Result<(), PackError> {
        let kind = rootfs::kind_of(stat);
        if kind == SFlag::S_IFSOCK {
            self.packed.sockets += 1;
            return Ok(());
        }
        if kind != SFlag::S_IFDIR && stat.st_nlink > 1 {
            if let Some(first) = self.names.get(&(stat.st_dev, stat.st_ino)).cloned() {
                // docker gives each entry its owner again, which takes file capabilities away, and then its attributes.
                let link = Entry::new(path, stat, EntryType::Link).with(attributes(handle.as_fd(), path)?);
                return self.write(&link.to(first.as_os_str()), io::empty());
            }
            self.names.insert((stat.st_dev, stat.st_ino), path.to_owned());
        }
        let attributes = attributes(handle.as_fd(), path)?;
        let entry = |kind| Entry::new(path, stat, kind).with(attributes);
        match kind {
            SFlag::S_IFDIR => {
                let inside = rootfs::open_folder(handle.as_fd(), OsStr::new(".")).map_err(at(path))?;
                if !path.as_os_str().is_empty() {
                    self.write(&entry(EntryType::Directory), io::empty())?;
                }
                if self.of_upper && xattr::is_opaque(inside.as_fd()).map_err(at(path))? {
                    self.mark(&path.join(".wh..wh..opq"), stat)?;
                }
                self.folder(&inside, path)
            }
            SFlag::S_IFREG => {
                let file = rootfs::reopen_file(handle.as_fd()).map_err(at(path))?;
                self.content(entry(EntryType::Regular), file)
            }
            SFlag::S_IFLNK => {
                let gone = || {
                    kernel::Error::quiet("readlinkat", &format_args!("{}", path.display()), nix::errno::Errno::ENOENT)
                };
                let target = rootfs::link_target(handle.as_fd(), OsStr::new("")).ok_or_else(gone).map_err(at(path))?;
                self.write(&entry(EntryType::Symlink).to(target.as_os_str()), io::empty())
            }
            SFlag::S_IFCHR => self.write(&entry(EntryType::Char), io::empty()),
            SFlag::S_IFBLK => self.write(&entry(EntryType::Block), io::empty()),
            _ => self.write(&entry(EntryType::Fifo), io::empty()),
        }
    }

    /// An empty file whose name says something.
    fn mark(&mut self, path: &Path, like: &FileStat) -> Result<(), PackError> {
        let mut entry = Entry::new(path, like, EntryType::Regular);
        entry.mode = 0o600;
        (entry.uid, entry.gid, entry.device) = (0, 0, 0);
        self.write(&entry, io::empty())
    }

    fn content(&mut self, mut entry: Entry, file: File) -> Result<(), PackError> {
        let path = entry.path.clone();
        let content = |source| PackError::Content { path: Path::new("/").join(&path), source };
        // Of the file that is open: its name may be another's by now.
        entry.size = file.metadata().map_err(content)?.len();
        let so_far = self.packed.bytes.saturating_add(entry.size);
        Exceeded::check("the content of the layer", so_far, self.limits.unpacked, "bytes")?;
        self.packed.bytes = so_far;
        let mut counted = Exactly { file: file.take(entry.size), left: entry.size, failed: None };
        let written = self.write(&entry, &mut counted);
        counted.failed.map_or(written, |source| Err(content(source)))
    }

    fn write(&mut self, entry: &Entry, content: impl Read) -> Result<(), PackError> {
        self.packed.entries += 1;
        let extensions = entry.extensions();
        if !extensions.is_empty() {
            self.archive
                .append_pax_extensions(extensions.iter().map(|(key, value)| (key.as_str(), value.as_slice())))?;
        }
        Ok(self.archive.append(&entry.header()?, content)?)
    }
}

fn at(path: &Path) -> impl FnOnce(kernel::Error) -> PackError {
    let path = Path::new("/").join(path);
    move |source| PackError::Entry { path, source }
}

fn whiteout(name: &OsStr) -> OsString {
    OsString::from_vec([b".wh.", name.as_bytes()].concat())
}

/// Those that belong to the image. A mark that this is another folder's content is not passed over.
fn attributes(file: BorrowedFd<'_>, path: &Path) -> Result<Vec<(OsString, Vec<u8>)>, PackError> {
    let mut all = xattr::all(file).map_err(at(path))?;
    let starts = |name: &OsStr, with: &str| name.as_bytes().starts_with(with.as_bytes());
    let ours = |name: &OsStr| starts(name, "trusted.overlay.") || starts(name, "user.overlay.");
    if let Some((mark, _)) = all.iter().find(|(name, _)| ours(name) && name.as_bytes().ends_with(b".redirect")) {
        let mark = mark.to_string_lossy().into_owned();
        return Err(PackError::Foreign { path: Path::new("/").join(path), mark });
    }
    // pax: what stands before the first '=' is the name.
    all.retain(|(name, _)| !ours(name) && !starts(name, "security.selinux") && !name.as_bytes().contains(&b'='));
    Ok(all)
}

/// A file of which so much was promised. That it gives less is an error, not an archive whose next header is lost.
struct Exactly {
    file: io::Take<File>,
    left: u64,
    failed: Option<io::Error>,
}

impl Read for &mut Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.file.read(buffer) {
            Ok(0) if self.left > 0 && !buffer.is_empty() => {
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was read"))
            }
            read => read,
        };
        match read {
            Ok(count) => {
                self.left -= count as u64;
                Ok(count)
            }
            Err(error) => {
                let told = io::Error::new(error.kind(), error.to_string());
                self.failed = Some(error);
                Err(told)
            }
        }
    }
}
