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

use super::limits::{Exceeded, Limits};
use crate::kernel::rootfs::{self, Root};
use crate::kernel::{self, xattr};
use nix::sys::stat::{FileStat, SFlag, major, minor};
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

/// What a ustar header holds of a name, and of a number (octal digits).
const NAME: usize = 100;
const LARGEST_ID: u32 = 0o7_777_777;
const LARGEST_SIZE: u64 = 0o77_777_777_777;

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
    let mut pack = Pack { archive: Builder::new(to), names: HashMap::new(), packed: Packed::default(), limits };
    pack.folder(&root, top)?;
    let to = pack.archive.into_inner()?;
    Ok((to, pack.packed))
}

struct Pack<'a, W: Write> {
    archive: Builder<W>,
    /// The first name of a file that has several, by device and inode.
    names: HashMap<(u64, u64), PathBuf>,
    packed: Packed,
    limits: &'a Limits,
}

impl<W: Write> Pack<'_, W> {
    fn folder(&mut self, here: &OwnedFd, path: &Path) -> Result<(), PackError> {
        let mut names = rootfs::names(here.as_fd()).map_err(at(path))?;
        names.sort();
        names.iter().try_for_each(|name| self.entry(here, path, name))
    }

    fn entry(&mut self, here: &OwnedFd, above: &Path, name: &OsStr) -> Result<(), PackError> {
        let path = above.join(name);
        // What is gone since the folder was listed was not there: the container may still run.
        let Some(stat) = rootfs::look(here.as_fd(), name).map_err(at(&path))? else { return Ok(()) };
        if rootfs::is_whiteout(&stat) {
            return self.mark(&above.join(whiteout(name)), &stat);
        }
        let kind = rootfs::kind_of(&stat);
        if kind == SFlag::S_IFSOCK {
            self.packed.sockets += 1;
            return Ok(());
        }
        if kind != SFlag::S_IFDIR && stat.st_nlink > 1 {
            if let Some(first) = self.names.get(&(stat.st_dev, stat.st_ino)).cloned() {
                return self.write(&Entry::new(&path, &stat, EntryType::Link).to(first.as_os_str()), io::empty());
            }
            self.names.insert((stat.st_dev, stat.st_ino), path.clone());
        }
        let Some(handle) = rootfs::handle(here.as_fd(), name).map_err(at(&path))? else { return Ok(()) };
        let attributes = attributes(handle.as_fd(), &path)?;
        let entry = |kind| Entry::new(&path, &stat, kind).with(attributes);
        match kind {
            SFlag::S_IFDIR => {
                let inside = rootfs::open_folder(here.as_fd(), name).map_err(at(&path))?;
                self.write(&entry(EntryType::Directory), io::empty())?;
                if xattr::is_opaque(inside.as_fd()).map_err(at(&path))? {
                    self.mark(&path.join(".wh..wh..opq"), &stat)?;
                }
                self.folder(&inside, &path)
            }
            SFlag::S_IFREG => {
                let file = rootfs::open_file(here.as_fd(), name).map_err(at(&path))?;
                self.content(entry(EntryType::Regular), file)
            }
            SFlag::S_IFLNK => {
                let target = rootfs::link_target(here.as_fd(), name).unwrap_or_default();
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

/// One entry.
struct Entry {
    path: PathBuf,
    kind: EntryType,
    mode: u32,
    uid: u32,
    gid: u32,
    size: u64,
    seconds: i64,
    nanos: i64,
    device: u64,
    target: Vec<u8>,
    attributes: Vec<(OsString, Vec<u8>)>,
}

impl Entry {
    fn new(path: &Path, stat: &FileStat, kind: EntryType) -> Self {
        Self {
            path: path.to_owned(),
            kind,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: 0,
            seconds: stat.st_mtime,
            nanos: stat.st_mtime_nsec,
            device: stat.st_rdev,
            target: Vec::new(),
            attributes: Vec::new(),
        }
    }

    fn to(mut self, target: &OsStr) -> Self {
        target.as_bytes().clone_into(&mut self.target);
        self
    }

    fn with(mut self, attributes: Vec<(OsString, Vec<u8>)>) -> Self {
        self.attributes = attributes;
        self
    }

    /// A folder's name ends with a slash.
    fn name(&self) -> Vec<u8> {
        let slash: &[u8] = if self.kind == EntryType::Directory { b"/" } else { b"" };
        [self.path.as_os_str().as_bytes(), slash].concat()
    }

    /// What the header has no room for: pax(1p).
    fn extensions(&self) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        let mut add = |needed: bool, key: &str, value: Vec<u8>| {
            if needed {
                all.push((key.to_owned(), value));
            }
        };
        add(self.name().len() > NAME, "path", self.name());
        add(self.target.len() > NAME, "linkpath", self.target.clone());
        add(self.uid > LARGEST_ID, "uid", self.uid.to_string().into_bytes());
        add(self.gid > LARGEST_ID, "gid", self.gid.to_string().into_bytes());
        add(self.size > LARGEST_SIZE, "size", self.size.to_string().into_bytes());
        add(self.nanos != 0 || self.seconds < 0, "mtime", self.time().into_bytes());
        for (name, value) in &self.attributes {
            add(true, &format!("SCHILY.xattr.{}", name.to_string_lossy()), value.clone());
        }
        all
    }

    /// POSIX counts the fraction away from zero, the kernel always forward.
    fn time(&self) -> String {
        if self.seconds < 0 && self.nanos > 0 {
            let (seconds, nanos) = (-(self.seconds + 1), 1_000_000_000 - self.nanos);
            return format!("-{seconds}.{nanos:09}");
        }
        format!("{}.{:09}", self.seconds, self.nanos)
    }

    fn header(&self) -> io::Result<Header> {
        let mut header = Header::new_ustar();
        header.set_entry_type(self.kind);
        header.set_mode(self.mode);
        header.set_uid(u64::from(self.uid));
        header.set_gid(u64::from(self.gid));
        header.set_size(self.size);
        header.set_mtime(u64::try_from(self.seconds).unwrap_or(0));
        if matches!(self.kind, EntryType::Char | EntryType::Block) {
            let number = |part: u64| u32::try_from(part).map_err(io::Error::other);
            header.set_device_major(number(major(self.device))?)?;
            header.set_device_minor(number(minor(self.device))?)?;
        }
        // As long as they fit; the pax header has the whole.
        let mut put = |at: usize, bytes: &[u8]| {
            let length = bytes.len().min(NAME);
            header.as_mut_bytes()[at..at + length].copy_from_slice(&bytes[..length]);
        };
        put(0, &self.name());
        put(157, &self.target);
        header.set_cksum();
        Ok(header)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at_time(seconds: i64, nanos: i64) -> String {
        let stat = nix::sys::stat::stat("/").unwrap();
        let mut entry = Entry::new(Path::new("x"), &stat, EntryType::Regular);
        (entry.seconds, entry.nanos) = (seconds, nanos);
        entry.time()
    }

    #[test]
    fn a_time_before_1970_is_written_as_pax_reads_it() {
        let table = [((1, 5), "1.000000005"), ((-1, 0), "-1.000000000"), ((-2, 750_000_000), "-1.250000000")];
        for ((seconds, nanos), text) in table {
            assert_eq!(at_time(seconds, nanos), text);
        }
    }
}
