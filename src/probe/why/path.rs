//! The way to a file, as the process that was refused goes it: folder by folder from its own root, with a handle on each.
//!
//! Only handles (`O_PATH`) are taken: to open a device or a FIFO acts on it. Each name is looked up by the kernel in the
//! folder before it, a link is read and never followed by it, so `..` and links stay below the process's root.

use super::subject::Subject;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, fstat};
use nix::sys::statvfs::{FsFlags, fstatvfs};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

/// A file or folder on the way.
pub(super) struct Place {
    pub(super) path: String,
    pub(super) handle: OwnedFd,
    pub(super) stat: FileStat,
}

/// Where the way ended.
pub(super) struct Way {
    /// The first folder that the process may not search, if there is one. Nothing was looked at behind it.
    pub(super) closed: Option<Place>,
    /// The folder that has, or would have, the last name.
    pub(super) folder: Option<Place>,
    /// What the path names, if it is there.
    pub(super) found: Option<Place>,
}

/// A line of `/proc/PID/mountinfo`.
#[derive(Debug, Default)]
pub(super) struct MountLine {
    pub(super) point: String,
    pub(super) options: String,
    pub(super) kind: String,
    pub(super) super_options: String,
}

/// As many links as the kernel follows (`MAXSYMLINKS`).
const MAX_LINKS: usize = 40;

impl Place {
    fn of(path: String, handle: OwnedFd) -> Option<Self> {
        let stat = fstat(&handle).ok()?;
        Some(Self { path, handle, stat })
    }

    pub(super) fn is(&self, kind: u32) -> bool {
        self.stat.st_mode & libc::S_IFMT == kind
    }

    /// The mode as `ls` users know it, and the owner.
    pub(super) fn described(&self) -> String {
        let owner = crate::probe::user_name(self.stat.st_uid);
        format!("{} has mode {:04o} and belongs to {owner}", self.path, self.stat.st_mode & 0o7777)
    }

    /// The flags of its mount and its filesystem, which statvfs(3) gives together.
    pub(super) fn flags(&self) -> FsFlags {
        fstatvfs(&self.handle).map_or(FsFlags::empty(), |found| found.flags())
    }

    /// The mount that it is on, as the process's own table has it.
    pub(super) fn mount(&self, subject: &Subject) -> MountLine {
        let info =
            std::fs::read_to_string(format!("/proc/self/fdinfo/{}", self.handle.as_raw_fd())).unwrap_or_default();
        let number = info.lines().find_map(|line| line.strip_prefix("mnt_id:")).unwrap_or_default().trim();
        subject
            .file("mountinfo")
            .lines()
            .find(|line| line.split(' ').next() == Some(number))
            .map_or_else(MountLine::default, parse)
    }
}

pub(super) fn parse(line: &str) -> MountLine {
    let (left, right) = line.split_once(" - ").unwrap_or((line, ""));
    let field = |number: usize| left.split(' ').nth(number).unwrap_or_default().to_owned();
    let mut right = right.split(' ').map(str::to_owned);
    let (kind, _, super_options) = (right.next(), right.next(), right.next());
    MountLine {
        point: field(4),
        options: field(5),
        kind: kind.unwrap_or_default(),
        super_options: super_options.unwrap_or_default(),
    }
}

/// A descriptor of the process, as a handle: `None` where it has none of that number.
pub(super) fn descriptor(subject: &Subject, number: i32) -> Option<Place> {
    let link = format!("/proc/{}/fd/{number}", subject.number);
    let path = std::fs::read_link(&link).ok()?.to_string_lossy().into_owned();
    Place::of(path, magic(&link)?)
}

/// Opens what a link of /proc stands for, whatever its text.
fn magic(link: &str) -> Option<OwnedFd> {
    nix::fcntl::open(link, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).ok()
}

/// Goes to `path`, from `folder` (a descriptor of the process, or `AT_FDCWD`) where it does not begin at the root.
/// With `follow` a link at its end is followed too.
pub(super) fn go(subject: &Subject, folder: i32, path: &[u8], follow: bool) -> Way {
    let mut way = Way { closed: None, folder: None, found: None };
    let _ = walk(subject, folder, &String::from_utf8_lossy(path), follow, &mut way);
    way
}

fn walk(subject: &Subject, folder: i32, path: &str, follow: bool, way: &mut Way) -> Option<()> {
    let root = magic(&format!("/proc/{}/root", subject.number))?;
    let root_place = || Place::of("/".to_owned(), root.try_clone().ok()?);
    let start = beginning(subject, folder, path.starts_with('/'))?;
    let mut links = 0;
    let mut left: Vec<String> = path.split('/').rev().filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let mut here = start;
    while let Some(name) = left.pop() {
        let last = left.is_empty();
        if name == "." {
            continue;
        }
        if !may(subject, &here.stat, 1, true) {
            way.closed = Some(here);
            return None;
        }
        let at_root = fstat(&root).is_ok_and(|root| (root.st_dev, root.st_ino) == (here.stat.st_dev, here.stat.st_ino));
        if name == ".." && at_root {
            continue;
        }
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let opened = openat(here.handle.as_fd(), name.as_str(), flags, Mode::empty());
        let path = Path::new(&here.path).join(&name).to_string_lossy().into_owned();
        match opened {
            Ok(handle) => {
                let next = Place::of(path, handle)?;
                if next.is(libc::S_IFLNK) && (follow || !last) && !(last && is_magic(&next.path)) {
                    links += 1;
                    if links > MAX_LINKS {
                        return None;
                    }
                    let target = readlinkat(next.handle.as_fd(), "").ok()?.to_string_lossy().into_owned();
                    left.extend(target.split('/').rev().filter(|name| !name.is_empty()).map(str::to_owned));
                    if target.starts_with('/') {
                        here = root_place()?;
                    }
                    continue;
                }
                way.folder = Some(std::mem::replace(&mut here, next));
            }
            // We ourselves may not: the mode that was looked at allows it, so something else does not.
            Err(Errno::EACCES) => {
                way.closed = Some(here);
                return None;
            }
            Err(_) => {
                if last {
                    way.folder = Some(here);
                }
                return None;
            }
        }
    }
    way.found = Some(here);
    Some(())
}

/// Where a path begins: at the root, in the working folder, or in a folder that is open.
fn beginning(subject: &Subject, folder: i32, at_root: bool) -> Option<Place> {
    let link = match folder {
        _ if at_root => return Place::of("/".to_owned(), magic(&format!("/proc/{}/root", subject.number))?),
        libc::AT_FDCWD => format!("/proc/{}/cwd", subject.number),
        number => return descriptor(subject, number),
    };
    let name = std::fs::read_link(&link).map_or_else(|_| ".".into(), |name| name.to_string_lossy().into_owned());
    Place::of(name, magic(&link)?)
}

/// A link of `/proc/PID` that leads to a thing without a path: who may follow it is decided at the link.
fn is_magic(path: &str) -> bool {
    let mut parts = path.split('/').skip(1);
    parts.next() == Some("proc") && parts.nth(1).is_some_and(|kind| ["ns", "fd", "exe", "cwd", "root"].contains(&kind))
}

/// Whether mode, owner, groups and capabilities let the process do this: 4 read, 2 write, 1 execute or search
/// (path_resolution(7), "Permissions").
pub(super) fn may(subject: &Subject, stat: &FileStat, wanted: u32, folder: bool) -> bool {
    by_mode(subject, stat, wanted) || by_capability(subject, stat, wanted, folder)
}

pub(super) fn by_mode(subject: &Subject, stat: &FileStat, wanted: u32) -> bool {
    let shift = if stat.st_uid == subject.fsuid() {
        6
    } else if subject.is_in_group(stat.st_gid) {
        3
    } else {
        0
    };
    stat.st_mode >> shift & wanted == wanted
}

fn by_capability(subject: &Subject, stat: &FileStat, wanted: u32, folder: bool) -> bool {
    let looks_only = wanted & 2 == 0 && (folder || wanted == 4);
    let held = subject.holds("CAP_DAC_OVERRIDE") || looks_only && subject.holds("CAP_DAC_READ_SEARCH");
    // A file that nobody may execute is not executable for root either.
    let executable = folder || wanted & 1 == 0 || stat.st_mode & 0o111 != 0;
    held && executable && is_mapped(subject, stat)
}

/// A capability counts over a file only where owner and group of the file are somebody in one's user namespace
/// (`capable_wrt_inode_uidgid`).
pub(super) fn is_mapped(subject: &Subject, stat: &FileStat) -> bool {
    subject.maps_outside("uid_map", stat.st_uid) && subject.maps_outside("gid_map", stat.st_gid)
}
