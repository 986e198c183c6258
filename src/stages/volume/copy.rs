//! A copy of a folder as the image's layers show it: hard links, links, devices, fifos, owners, modes, attributes,
//! times. Nothing is followed, neither where it is read nor where it is written.

use crate::kernel::{self, rootfs, xattr};
use crate::stages::layer::{Below, Found};
use nix::sys::stat::{FileStat, SFlag, major, minor};
use nix::sys::time::TimeSpec;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Marks that are not content: overlayfs' own, and a label that would be the image's and not the volume's.
const LEFT_OUT: [&[u8]; 3] = [b"trusted.overlay.", b"user.overlay.", b"security.selinux"];

/// One copy under way.
struct Copy {
    /// The folder that it goes to.
    root: OwnedFd,
    /// Files with several names that have been copied, by device and number, and the first of their names.
    linked: HashMap<(u64, u64), PathBuf>,
}

/// Copies what is in `found` into the empty folder `to`, which nobody else can reach.
pub(super) fn folder(found: &Found, to: &Path) -> kernel::Result<()> {
    let root =
        rootfs::Root::open(to, "the volume, to be filled with what the image has there")?.folder(Path::new(""))?;
    let mut copy = Copy { root, linked: HashMap::new() };
    let root = copy.root.try_clone().map_err(|error| quiet("dup", &error))?;
    copy.inside(&found.inside, root.as_fd(), Path::new(""))?;
    settle(found.inside.topmost(), &found.stat, root.as_fd())
}

impl Copy {
    fn inside(&mut self, from: &Below, to: BorrowedFd<'_>, path: &Path) -> kernel::Result<()> {
        for name in from.names()? {
            if let Some(found) = from.look(&name)? {
                self.entry(from, &found, to, &name, &path.join(&name))?;
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        from: &Below,
        found: &Found,
        to: BorrowedFd<'_>,
        name: &OsStr,
        path: &Path,
    ) -> kernel::Result<()> {
        let stat = &found.stat;
        let kind = rootfs::kind_of(stat);
        if kind == SFlag::S_IFDIR {
            rootfs::make_folder(to, name)?;
            let below = rootfs::open_folder(to, name)?;
            self.inside(&found.inside, below.as_fd(), path)?;
            return settle(found.inside.topmost(), stat, below.as_fd());
        }
        let number = (stat.st_dev, stat.st_ino);
        if let Some(first) = self.linked.get(&number) {
            return rootfs::make_link(self.root.as_fd(), first.as_os_str(), to, name);
        }
        if stat.st_nlink > 1 {
            self.linked.insert(number, path.to_owned());
        }
        match kind {
            SFlag::S_IFREG => file(from, stat, to, name),
            SFlag::S_IFLNK => {
                let holder = from.holder(name)?.ok_or_else(|| gone(name))?;
                let target: OsString = rootfs::link_target(holder, name).ok_or_else(|| gone(name))?.into();
                rootfs::make_symlink(to, name, &target)?;
                rootfs::set_owner(to, name, stat.st_uid, stat.st_gid)?;
                rootfs::set_time(to, name, modified(stat))
            }
            // A socket is nothing without the process that listens.
            SFlag::S_IFSOCK => Ok(()),
            _ => node(stat, kind, to, name),
        }
    }
}

fn file(from: &Below, stat: &FileStat, to: BorrowedFd<'_>, name: &OsStr) -> kernel::Result<()> {
    let holder = from.holder(name)?.ok_or_else(|| gone(name))?;
    let handle = rootfs::handle(holder, name)?.ok_or_else(|| gone(name))?;
    if rootfs::kind_of(&rootfs::about(handle.as_fd())?) != SFlag::S_IFREG {
        return Err(gone(name));
    }
    let mut source = rootfs::reopen_file(handle.as_fd())?;
    let mut copy = rootfs::create_file(to, name, 0o600)?;
    std::io::copy(&mut source, &mut copy).map_err(|error| quiet("copy_file_range", &error))?;
    settle(Some(source.as_fd()), stat, copy.as_fd())
}

fn node(stat: &FileStat, kind: SFlag, to: BorrowedFd<'_>, name: &OsStr) -> kernel::Result<()> {
    let number = |part: u64| u32::try_from(part).unwrap_or(u32::MAX);
    rootfs::make_node(to, name, kind, number(major(stat.st_rdev)), number(minor(stat.st_rdev)))?;
    rootfs::set_owner(to, name, stat.st_uid, stat.st_gid)?;
    // Nobody else can reach this folder: the name is still the node that we have made.
    rootfs::set_mode_of_node(to, name, stat.st_mode & 0o7777)?;
    rootfs::set_time(to, name, modified(stat))
}

/// Owner first, for chown(2) takes set-user-ID and capabilities away; the time last, for all else changes it.
pub(super) fn settle(from: Option<BorrowedFd<'_>>, stat: &FileStat, to: BorrowedFd<'_>) -> kernel::Result<()> {
    rootfs::set_owner_of(to, stat.st_uid, stat.st_gid)?;
    rootfs::set_mode(to, stat.st_mode & 0o7777)?;
    for (name, value) in from.map(xattr::all).transpose()?.unwrap_or_default() {
        if LEFT_OUT.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix)) {
            continue;
        }
        match rootfs::set_attribute(to, &name, &value) {
            // The filesystem that volumes are on has none.
            Err(error) if error.errno() == nix::errno::Errno::ENOTSUP => {}
            other => other?,
        }
    }
    rootfs::set_time_of(to, modified(stat))
}

fn modified(stat: &FileStat) -> TimeSpec {
    TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec)
}

fn gone(name: &OsStr) -> kernel::Error {
    kernel::Error::quiet("openat", &format_args!("{}", name.display()), nix::errno::Errno::ENOENT)
}

fn quiet(call: &'static str, error: &std::io::Error) -> kernel::Error {
    let errno = nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
    kernel::Error::quiet(call, &format_args!("…"), errno)
}
