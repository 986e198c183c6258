//! Makes the entries of a layer, one call after the other, below a root descriptor.

use super::entry::Place;
use super::limits::{Exceeded, Limits};
use super::stamp;
use super::stream::LayerStream;
use super::unpack::LeftOut;
use crate::kernel::rootfs::{self, Root};
use crate::kernel::{Result, overlay};
use nix::sys::stat::SFlag;
use nix::sys::time::TimeSpec;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tar::EntryType;

/// As the kernel, path_resolution(7).
const MOST_LINKS: usize = 40;
/// A person reads no more names than that.
const MOST_NAMED: usize = 8;
/// What is written at once.
const PIECE: usize = 128 << 10;
/// Less than that is no hole on any filesystem.
const BLOCK: usize = 4096;

type Entry<'a> = tar::Entry<'a, LayerStream>;

/// A layer under construction.
#[derive(Debug)]
pub(super) struct Placing {
    root: Root,
    /// Who owns it all, whatever the archive says.
    pub(super) owner: Option<(u32, u32)>,
    /// Folders that no entry has named. What they are, the layers below say at the end.
    passed_through: BTreeSet<PathBuf>,
    /// Archives go folder by folder: the one that was last used stays open.
    last: Option<(PathBuf, Rc<OwnedFd>)>,
    /// Mode and time of folders, set at the end: filling a folder changes its time, and may need a mode of our own.
    folders: BTreeMap<PathBuf, (u32, TimeSpec)>,
    opaque: &'static str,
    buffer: Vec<u8>,
    most_bytes: u64,
    pub(super) bytes: u64,
    pub(super) left_out: LeftOut,
    /// Where an empty file stands for a device, the first of them.
    pub(super) stand_ins: Vec<PathBuf>,
}

impl Placing {
    pub(super) fn new(into: &Path, limits: &Limits) -> Result<Self> {
        let why = "everything of the layer is made below this descriptor, and nothing outside";
        Ok(Self::below(Root::open(into, why)?, limits))
    }

    /// In a folder that is open.
    pub(super) fn below(root: Root, limits: &Limits) -> Self {
        Self {
            root,
            owner: None,
            passed_through: BTreeSet::new(),
            last: None,
            folders: BTreeMap::new(),
            opaque: overlay::opaque_attribute(),
            buffer: vec![0; PIECE],
            most_bytes: limits.unpacked,
            bytes: 0,
            left_out: LeftOut::default(),
            stand_ins: Vec::new(),
        }
    }

    /// What is in the way of a folder, or of something else; a folder may stand where one is wanted.
    pub(super) fn clashes(&mut self, place: &Place, is_folder: bool) -> Result<Option<&'static str>> {
        let there = rootfs::look(self.enter(&place.folder)?.as_fd(), &place.name)?;
        Ok(match there.map(|found| rootfs::kind_of(&found) == SFlag::S_IFDIR) {
            Some(true) if !is_folder => Some("a folder of that name is there"),
            Some(false) if is_folder => Some("something that is no folder is there"),
            _ => None,
        })
    }

    /// Sets what had to wait: owner of the folders on the way, mode and time of all folders, deepest first.
    pub(super) fn finish(&mut self, lowers: &[PathBuf]) -> Result<()> {
        self.last = None;
        self.resemble(lowers)?;
        for (path, (mode, time)) in std::mem::take(&mut self.folders).into_iter().rev() {
            let folder = self.root.folder(&path)?;
            rootfs::set_mode(folder.as_fd(), mode)?;
            rootfs::set_time(folder.as_fd(), OsStr::new("."), time)?;
        }
        Ok(())
    }

    /// The folder at `path`, made with all above it where it is missing.
    fn enter(&mut self, path: &Path) -> Result<Rc<OwnedFd>> {
        if let Some((_, fd)) = self.last.as_ref().filter(|(last, _)| last == path) {
            return Ok(fd.clone());
        }
        let fd = Rc::new(match self.root.folder(path) {
            Err(error) if error.errno == libc::ENOENT => self.make_way(path, MOST_LINKS)?,
            other => other?,
        });
        self.last = Some((path.to_owned(), fd.clone()));
        Ok(fd)
    }

    /// Makes the folders on the way that no entry has named, with owner and mode as the layers below have them. A link
    /// of this layer to what is only in a lower one (`var/run -> /run`) is followed, below the root.
    fn make_way(&mut self, path: &Path, links: usize) -> Result<OwnedFd> {
        let mut above = PathBuf::new();
        let mut parts = path.components();
        while let Some(part) = parts.next() {
            let here = above.join(part);
            match self.root.folder(&here) {
                Ok(_) => {}
                Err(error) if error.errno == libc::ENOENT => {
                    let parent = self.root.folder(&above)?;
                    match rootfs::link_target(parent.as_fd(), part.as_os_str()) {
                        Some(_) if links == 0 => return Err(error),
                        Some(target) => {
                            let onward = below_root(&above.join(target).join(parts.as_path()));
                            return self.make_way(&onward, links - 1);
                        }
                        None => self.make_passed_through(&above, part.as_os_str(), &here)?,
                    }
                }
                Err(error) => return Err(error),
            }
            above = here;
        }
        self.root.folder(path)
    }

    fn make_passed_through(&mut self, above: &Path, name: &OsStr, here: &Path) -> Result<()> {
        let parent = self.root.folder(above)?;
        rootfs::make_folder(parent.as_fd(), name)?;
        self.folders.insert(here.to_owned(), (0o755, TimeSpec::new(0, 0)));
        self.passed_through.insert(here.to_owned());
        Ok(())
    }

    /// Folders that no entry has named become what the layers below have there.
    fn resemble(&mut self, lowers: &[PathBuf]) -> Result<()> {
        if self.passed_through.is_empty() {
            return Ok(());
        }
        let why = "what the lower layer says about the folders that this one passes through";
        let lowers = lowers.iter().map(|lower| Root::open(lower, why)).collect::<Result<Vec<_>>>()?;
        for path in std::mem::take(&mut self.passed_through) {
            let like = lowers.iter().find_map(|lower| {
                let folder = lower.folder(&path).ok()?;
                rootfs::look(folder.as_fd(), OsStr::new(".")).ok().flatten()
            });
            if let Some(found) = like.filter(|_| self.folders.contains_key(&path)) {
                let here = self.root.folder(&path)?;
                self.own(here.as_fd(), OsStr::new("."), found.st_uid, found.st_gid)?;
                self.folders.insert(path, (found.st_mode & 0o7777, TimeSpec::new(found.st_mtime, found.st_mtime_nsec)));
            }
        }
        Ok(())
    }

    /// Makes room for a new entry: what an earlier one of this layer has made there goes. Whether it was a whiteout.
    fn make_room(&mut self, place: &Place) -> Result<bool> {
        let folder = self.enter(&place.folder)?;
        let Some(found) = rootfs::look(folder.as_fd(), &place.name)? else { return Ok(false) };
        rootfs::remove(folder.as_fd(), &place.name)?;
        let path = place.path();
        if rootfs::kind_of(&found) == SFlag::S_IFDIR {
            self.folders.retain(|folder, _| !folder.starts_with(&path));
            self.passed_through.retain(|folder| !folder.starts_with(&path));
        }
        self.last = None;
        Ok(rootfs::is_whiteout(&found))
    }

    /// With the mode of its entry, as far as the umask lets it, and without the bits that are not for an owner that it
    /// does not have yet. Almost never is something in its way: that is asked only then.
    pub(super) fn new_file(&mut self, entry: &Entry<'_>, place: &Place) -> Result<File> {
        let mode = stamp::mode(entry, 0o644) & 0o777;
        match rootfs::create_file(self.enter(&place.folder)?.as_fd(), &place.name, mode) {
            Err(error) if error.errno == libc::EEXIST => {
                self.make_room(place)?;
                rootfs::create_file(self.enter(&place.folder)?.as_fd(), &place.name, mode)
            }
            other => other,
        }
    }

    /// Writes the content of an entry, zeroes as holes; how much it was. The archive itself is limited where it is read, but one byte of
    /// an old sparse map can stand for a terabyte of holes.
    pub(super) fn write(
        &mut self,
        entry: &mut Entry<'_>,
        mut file: &File,
    ) -> io::Result<std::result::Result<u64, Exceeded>> {
        let (mut written, mut ends_in_hole) = (0, false);
        loop {
            let count = entry.read(&mut self.buffer)?;
            if count == 0 {
                // A hole at the end is no write.
                if ends_in_hole {
                    file.set_len(written)?;
                }
                return Ok(Ok(written));
            }
            let piece = &self.buffer[..count];
            ends_in_hole = count >= BLOCK && piece.iter().all(|byte| *byte == 0);
            if ends_in_hole {
                file.seek(SeekFrom::Current(i64::try_from(count).unwrap_or(0)))?;
            } else {
                file.write_all(piece)?;
            }
            written += count as u64;
            if let Err(exceeded) =
                Exceeded::check("the content of a layer", self.bytes + written, self.most_bytes, "bytes unpacked")
            {
                return Ok(Err(exceeded));
            }
        }
    }

    /// Reads the rest of an entry, which nobody wants.
    pub(super) fn pass_over(&mut self, entry: &mut Entry<'_>) -> io::Result<()> {
        while entry.read(&mut self.buffer)? > 0 {}
        Ok(())
    }

    /// Owner first: chown(2) takes away setuid bits and capabilities. Time last: writing changes it.
    ///
    /// Most files have owner and mode already, from being made by root under an ordinary umask. To look is cheap; to set
    /// either would write into the filesystem's journal.
    pub(super) fn finish_file(&mut self, entry: &mut Entry<'_>, file: &File, bytes: u64) -> Result<()> {
        self.bytes += bytes;
        let (mode, time) = (stamp::mode(entry, 0o644), stamp::modified(entry));
        let (uid, gid) = self.owner.unwrap_or_else(|| stamp::owner(entry));
        let found = rootfs::about(file.as_fd())?;
        if (found.st_uid, found.st_gid) != (uid, gid) {
            self.owned(rootfs::set_owner_of(file.as_fd(), uid, gid))?;
        }
        if found.st_mode & 0o7777 != mode {
            rootfs::set_mode(file.as_fd(), mode)?;
        }
        self.attributes(entry, file.as_fd())?;
        rootfs::set_time_of(file.as_fd(), time)
    }

    pub(super) fn folder(&mut self, entry: &mut Entry<'_>, place: &Place) -> Result<()> {
        let parent = self.enter(&place.folder)?;
        let found = rootfs::look(parent.as_fd(), &place.name)?;
        let mut hides_lower = false;
        if found.is_none_or(|found| rootfs::kind_of(&found) != SFlag::S_IFDIR) {
            hides_lower = self.make_room(place)?;
            rootfs::make_folder(parent.as_fd(), &place.name)?;
        }
        let (uid, gid) = stamp::owner(entry);
        self.own(parent.as_fd(), &place.name, uid, gid)?;
        let folder = rootfs::open_folder(parent.as_fd(), &place.name)?;
        if hides_lower {
            // A whiteout said before: what was here below is gone, and now a new folder stands in its place.
            rootfs::set_attribute(folder.as_fd(), OsStr::new(self.opaque), b"y")?;
        }
        self.attributes(entry, folder.as_fd())?;
        self.folders.insert(place.path(), (stamp::mode(entry, 0o755), stamp::modified(entry)));
        Ok(())
    }

    pub(super) fn root(&mut self, entry: &mut Entry<'_>) -> Result<()> {
        let root = self.root.folder(Path::new(""))?;
        let (uid, gid) = stamp::owner(entry);
        self.own(root.as_fd(), OsStr::new("."), uid, gid)?;
        self.attributes(entry, root.as_fd())?;
        self.folders.insert(PathBuf::new(), (stamp::mode(entry, 0o755), stamp::modified(entry)));
        Ok(())
    }

    pub(super) fn symlink(&mut self, entry: &mut Entry<'_>, place: &Place, target: &Path) -> Result<()> {
        self.make_room(place)?;
        let folder = self.enter(&place.folder)?;
        rootfs::make_symlink(folder.as_fd(), &place.name, target.as_os_str())?;
        let (uid, gid) = stamp::owner(entry);
        self.own(folder.as_fd(), &place.name, uid, gid)?;
        rootfs::set_time(folder.as_fd(), &place.name, stamp::modified(entry))
    }

    /// The target has owner, mode and time already; the entry of the link only repeats them.
    pub(super) fn hard_link(&mut self, place: &Place, old: &Place) -> Result<()> {
        let from = self.root.folder(&old.folder)?;
        if *place == *old {
            return Ok(());
        }
        self.make_room(place)?;
        rootfs::make_link(from.as_fd(), &old.name, self.enter(&place.folder)?.as_fd(), &place.name)
    }

    pub(super) fn node(&mut self, entry: &mut Entry<'_>, kind: EntryType, place: &Place) -> Result<()> {
        self.make_room(place)?;
        let header = entry.header();
        let number = |field: std::io::Result<Option<u32>>| field.ok().flatten().unwrap_or(0);
        let (major, minor) = (number(header.device_major()), number(header.device_minor()));
        let kind = match kind {
            EntryType::Char => SFlag::S_IFCHR,
            EntryType::Block => SFlag::S_IFBLK,
            _ => SFlag::S_IFIFO,
        };
        let folder = self.enter(&place.folder)?;
        match rootfs::make_node(folder.as_fd(), &place.name, kind, major, minor) {
            Err(error) if error.errno == libc::EPERM => {
                // As umoci does without root: something stands there, and nobody can take it for the device.
                self.left_out.devices += 1;
                if self.stand_ins.len() < MOST_NAMED {
                    self.stand_ins.push(place.path());
                }
                return rootfs::create_file(folder.as_fd(), &place.name, 0).map(drop);
            }
            other => other?,
        }
        let (uid, gid) = stamp::owner(entry);
        self.own(folder.as_fd(), &place.name, uid, gid)?;
        rootfs::set_mode_of_node(folder.as_fd(), &place.name, stamp::mode(entry, 0o644))?;
        rootfs::set_time(folder.as_fd(), &place.name, stamp::modified(entry))
    }

    /// `.wh.NAME`. It speaks of lower layers only: what this layer itself has there stays, and hides the lower one.
    pub(super) fn whiteout(&mut self, place: &Place) -> Result<()> {
        let opaque = self.opaque;
        let folder = self.enter(&place.folder)?;
        match rootfs::look(folder.as_fd(), &place.name)?.as_ref().map(rootfs::kind_of) {
            None => rootfs::make_node(folder.as_fd(), &place.name, SFlag::S_IFCHR, 0, 0),
            Some(SFlag::S_IFDIR) => {
                let here = rootfs::open_folder(folder.as_fd(), &place.name)?;
                rootfs::set_attribute(here.as_fd(), OsStr::new(opaque), b"y")
            }
            Some(_) => Ok(()),
        }
    }

    pub(super) fn opaque(&mut self, path: &Path) -> Result<()> {
        let opaque = OsStr::new(self.opaque);
        rootfs::set_attribute(self.enter(path)?.as_fd(), opaque, b"y")
    }

    fn own(&mut self, folder: BorrowedFd<'_>, name: &OsStr, uid: u32, gid: u32) -> Result<()> {
        let (uid, gid) = self.owner.unwrap_or((uid, gid));
        self.owned(rootfs::set_owner(folder, name, uid, gid))
    }

    /// EINVAL: the id has no number in this user namespace. EPERM: we may give nothing away.
    fn owned(&mut self, answer: Result<()>) -> Result<()> {
        match answer {
            Err(error) if matches!(error.errno, libc::EINVAL | libc::EPERM) => self.left_out.owners += 1,
            other => other?,
        }
        Ok(())
    }

    fn attributes(&mut self, entry: &mut Entry<'_>, file: BorrowedFd<'_>) -> Result<()> {
        const PREFIX: &[u8] = b"SCHILY.xattr.";
        let Ok(Some(extensions)) = entry.pax_extensions() else { return Ok(()) };
        for extension in extensions.filter_map(std::result::Result::ok) {
            let Some(name) = extension.key_bytes().strip_prefix(PREFIX) else { continue };
            if !is_welcome(name) {
                self.left_out.attributes += 1;
                continue;
            }
            match rootfs::set_attribute(file, OsStr::from_bytes(name), extension.value_bytes()) {
                Err(error) if matches!(error.errno, libc::EPERM | libc::ENOTSUP | libc::EACCES) => {
                    self.left_out.attributes += 1;
                }
                other => other?,
            }
        }
        Ok(())
    }
}

/// A path without `..`: at the root it stays there, as it does for the kernel.
fn below_root(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            std::path::Component::Normal(part) => clean.push(part),
            std::path::Component::ParentDir => {
                clean.pop();
            }
            _ => {}
        }
    }
    clean
}

/// Overlayfs's own signs would let an image redirect a folder; SELinux's labels belong to the machine.
fn is_welcome(name: &[u8]) -> bool {
    ![b"trusted.overlay.".as_slice(), b"user.overlay.", b"security.selinux"].iter().any(|bad| name.starts_with(bad))
}
