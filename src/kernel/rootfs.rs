//! Making files below a root that nobody trusts: openat2(2), and the calls whose names end in "at".
//!
//! A path from an image is never put together as a string and opened. `/etc -> ../../../etc` inside the image would
//! lead such a string out to the host; checking first and opening then leaves a gap in which the link can be made.
//! Instead the *kernel* resolves the folder of each entry, with RESOLVE_IN_ROOT: as if the root descriptor were `/`
//! for this one call, so that absolute links and `..` end inside it (Linux 5.6). The last component is then touched
//! only by calls that do not follow links.
//!
//! A layer has thousands of files. The root is opened through [`call()`] and so is told; the rest is not, and fails with
//! the call all the same.

use super::{Error, Result, call};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, SFlag, UtimensatFlags};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, UnlinkatFlags};
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const FOLDER: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);
/// How deep [`remove`] goes; an archive deeper than that was refused before.
const DEEPEST: usize = 1024;

/// The folder that plays `/` for everything below it.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
}

impl Root {
    /// Opens the folder `path` of the host, which is ours, as a root.
    ///
    /// # Errors
    /// The open(2) that failed.
    pub fn open(path: &Path, why: &str) -> Result<Self> {
        let fd = call(why, "open", format_args!("{path:?}, O_RDONLY|O_DIRECTORY|O_CLOEXEC"), || {
            nix::fcntl::open(path, FOLDER, Mode::empty())
        })?;
        Ok(Self { fd })
    }

    /// A folder that is open already, as a root.
    pub fn at(fd: OwnedFd) -> Self {
        Self { fd }
    }

    /// Opens a folder below the root, however many links its path has; none of them leads out.
    ///
    /// # Errors
    /// The openat2(2) that failed: ENOENT where it is missing, ENOTDIR where it is not a folder, ENOSYS before Linux 5.6.
    pub fn folder(&self, inside: &Path) -> Result<OwnedFd> {
        let inside = if inside.as_os_str().is_empty() { Path::new(".") } else { inside };
        let how =
            OpenHow::new().flags(FOLDER).resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        openat2(&self.fd, inside, how).map_err(|errno| {
            let resolve = "resolve=RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS";
            Error::quiet("openat2", &format_args!("rootfs, {inside:?}, {{flags=O_DIRECTORY, {resolve}}}"), errno)
        })
    }
}

/// Opens a folder that stands directly in `folder`, not a link to one.
///
/// # Errors
/// The openat(2) that failed.
pub fn open_folder(folder: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd> {
    openat(folder, name, FOLDER | OFlag::O_NOFOLLOW, Mode::empty())
        .map_err(|errno| Error::quiet("openat", &format_args!("{name:?}, O_DIRECTORY|O_NOFOLLOW"), errno))
}

/// Makes a new regular file; it must not be there yet. Of `mode` it gets what the umask leaves.
///
/// # Errors
/// The openat(2) that failed.
pub fn create_file(folder: BorrowedFd<'_>, name: &OsStr, mode: u32) -> Result<File> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(folder, name, flags, Mode::from_bits_truncate(mode)).map(File::from).map_err(|errno| {
        Error::quiet("openat", &format_args!("{name:?}, O_CREAT|O_EXCL|O_NOFOLLOW, {mode:04o}"), errno)
    })
}

/// Moves an entry to another folder under the same name, unless that name is taken there (renameat2(2), Linux 3.15).
///
/// # Errors
/// The renameat2(2) that failed: EEXIST where the name is taken.
pub fn rename_new(from: BorrowedFd<'_>, name: &OsStr, to: BorrowedFd<'_>) -> Result<()> {
    nix::fcntl::renameat2(from, name, to, name, nix::fcntl::RenameFlags::RENAME_NOREPLACE)
        .map_err(|errno| Error::quiet("renameat2", &format_args!("{name:?}, {name:?}, RENAME_NOREPLACE"), errno))
}

/// Makes a folder that only its owner may enter, until its own mode is set.
///
/// # Errors
/// The mkdirat(2) that failed.
pub fn make_folder(folder: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    nix::sys::stat::mkdirat(folder, name, Mode::S_IRWXU)
        .map_err(|errno| Error::quiet("mkdirat", &format_args!("{name:?}, 0700"), errno))
}

/// Makes a device node or a fifo. A character device 0:0 is overlayfs's whiteout, which needs no CAP_MKNOD
/// (Linux 5.8).
///
/// # Errors
/// The mknodat(2) that failed: EPERM for devices in a user namespace.
pub fn make_node(folder: BorrowedFd<'_>, name: &OsStr, kind: SFlag, major: u32, minor: u32) -> Result<()> {
    let device = nix::sys::stat::makedev(u64::from(major), u64::from(minor));
    nix::sys::stat::mknodat(folder, name, kind, Mode::S_IRUSR | Mode::S_IWUSR, device)
        .map_err(|errno| Error::quiet("mknodat", &format_args!("{name:?}, {kind:?}, {major}:{minor}"), errno))
}

/// Makes a symbolic link. Where it points is data: it is resolved only by those who live inside.
///
/// # Errors
/// The symlinkat(2) that failed.
pub fn make_symlink(folder: BorrowedFd<'_>, name: &OsStr, target: &OsStr) -> Result<()> {
    nix::unistd::symlinkat(target, folder, name)
        .map_err(|errno| Error::quiet("symlinkat", &format_args!("{target:?}, {name:?}"), errno))
}

/// Gives a file a second name. A link is linked itself, not what it points to.
///
/// # Errors
/// The linkat(2) that failed.
pub fn make_link(from: BorrowedFd<'_>, old: &OsStr, to: BorrowedFd<'_>, new: &OsStr) -> Result<()> {
    nix::unistd::linkat(from, old, to, new, AtFlags::empty())
        .map_err(|errno| Error::quiet("linkat", &format_args!("{old:?}, {new:?}, 0"), errno))
}

/// What stands there; `None` where nothing does. Links are not followed.
///
/// # Errors
/// The fstatat(2) that failed otherwise.
pub fn look(folder: BorrowedFd<'_>, name: &OsStr) -> Result<Option<FileStat>> {
    match nix::sys::stat::fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(found) => Ok(Some(found)),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(Error::quiet("newfstatat", &format_args!("{name:?}, AT_SYMLINK_NOFOLLOW"), errno)),
    }
}

/// Opens the file that `handle` holds, for reading: by its name in /proc/self/fd, proc_pid_fd(5), so that it is that file
/// and no other. The caller has seen that it is a file: to open a device acts on it.
///
/// # Errors
/// The open(2) that failed.
pub fn reopen_file(handle: BorrowedFd<'_>) -> Result<File> {
    let link = format!("/proc/self/fd/{}", handle.as_raw_fd());
    nix::fcntl::open(link.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
        .map(File::from)
        .map_err(|errno| Error::quiet("openat", &format_args!("AT_FDCWD, {link:?}, O_RDONLY"), errno))
}

/// What a descriptor or a handle holds.
///
/// # Errors
/// The fstatat(2) that failed.
pub fn about(handle: BorrowedFd<'_>) -> Result<FileStat> {
    nix::sys::stat::fstatat(handle, "", AtFlags::AT_EMPTY_PATH | AtFlags::AT_SYMLINK_NOFOLLOW).map_err(|errno| {
        Error::quiet("newfstatat", &format_args!("{}, \"\", AT_EMPTY_PATH", handle.as_raw_fd()), errno)
    })
}

/// A handle (O_PATH) of whatever stands there, links too: nothing is opened, so no device acts and no fifo waits. `None`
/// where nothing stands.
///
/// # Errors
/// The openat(2) that failed otherwise.
pub fn handle(folder: BorrowedFd<'_>, name: &OsStr) -> Result<Option<OwnedFd>> {
    match openat(folder, name, OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty()) {
        Ok(found) => Ok(Some(found)),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(Error::quiet("openat", &format_args!("{name:?}, O_PATH|O_NOFOLLOW"), errno)),
    }
}

/// Where a link that stands there points to; `None` where there is no link.
pub fn link_target(folder: BorrowedFd<'_>, name: &OsStr) -> Option<std::path::PathBuf> {
    nix::fcntl::readlinkat(folder, name).ok().map(Into::into)
}

/// The type bits of a mode.
pub fn kind_of(found: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT
}

/// Whether this is a whiteout as overlayfs has them: a character device 0:0.
pub fn is_whiteout(found: &FileStat) -> bool {
    kind_of(found) == SFlag::S_IFCHR && found.st_rdev == 0
}

/// Removes what stands there and, if it is a folder, all below it.
///
/// # Errors
/// The call that failed.
pub fn remove(folder: BorrowedFd<'_>, name: &OsStr) -> Result<()> {
    remove_below(folder, name, DEEPEST)
}

fn remove_below(folder: BorrowedFd<'_>, name: &OsStr, depth: usize) -> Result<()> {
    let failed = |errno| Error::quiet("unlinkat", &format_args!("{name:?}"), errno);
    match nix::unistd::unlinkat(folder, name, UnlinkatFlags::NoRemoveDir) {
        Ok(()) => return Ok(()),
        Err(Errno::EISDIR | Errno::EPERM) if depth > 0 => {}
        Err(errno) => return Err(failed(errno)),
    }
    let below = open_folder(folder, name)?;
    for child in names(below.as_fd())? {
        remove_below(below.as_fd(), &child, depth - 1)?;
    }
    nix::unistd::unlinkat(folder, name, UnlinkatFlags::RemoveDir).map_err(failed)
}

/// The names in a folder, in no order.
///
/// # Errors
/// The getdents64(2) that failed.
pub fn names(folder: BorrowedFd<'_>) -> Result<Vec<std::ffi::OsString>> {
    let failed = |errno| Error::quiet("getdents64", &format_args!("{}", folder.as_raw_fd()), errno);
    let mut open = nix::dir::Dir::openat(folder, ".", FOLDER, Mode::empty()).map_err(failed)?;
    let mut names = Vec::new();
    for entry in open.iter() {
        let entry = entry.map_err(failed)?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name != "." && name != ".." {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// Sets the owner of whatever stands there; a link is not followed.
///
/// # Errors
/// The fchownat(2) that failed: EINVAL where the id has no number in this user namespace, EPERM without CAP_CHOWN.
pub fn set_owner(folder: BorrowedFd<'_>, name: &OsStr, uid: u32, gid: u32) -> Result<()> {
    let (owner, group) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    nix::unistd::fchownat(folder, name, owner, group, AtFlags::AT_SYMLINK_NOFOLLOW)
        .map_err(|errno| Error::quiet("fchownat", &format_args!("{name:?}, {uid}, {gid}, AT_SYMLINK_NOFOLLOW"), errno))
}

/// Sets the owner of an open file or folder.
///
/// # Errors
/// As [`set_owner`].
pub fn set_owner_of(file: BorrowedFd<'_>, uid: u32, gid: u32) -> Result<()> {
    nix::unistd::fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
        .map_err(|errno| Error::quiet("fchown", &format_args!("{uid}, {gid}"), errno))
}

/// Sets the mode of an open file or folder.
///
/// # Errors
/// The fchmod(2) that failed.
pub fn set_mode(file: BorrowedFd<'_>, mode: u32) -> Result<()> {
    nix::sys::stat::fchmod(file, Mode::from_bits_truncate(mode))
        .map_err(|errno| Error::quiet("fchmod", &format_args!("{mode:04o}"), errno))
}

/// Sets the mode of a node that is not opened (opening a device acts on it, opening a fifo waits). Only for names that
/// are known not to be a link: this call would follow it.
///
/// # Errors
/// The fchmodat(2) that failed.
pub fn set_mode_of_node(folder: BorrowedFd<'_>, name: &OsStr, mode: u32) -> Result<()> {
    nix::sys::stat::fchmodat(folder, name, Mode::from_bits_truncate(mode), FchmodatFlags::FollowSymlink)
        .map_err(|errno| Error::quiet("fchmodat", &format_args!("{name:?}, {mode:04o}"), errno))
}

/// Sets access and modification time; a link is not followed.
///
/// # Errors
/// The utimensat(2) that failed.
pub fn set_time(folder: BorrowedFd<'_>, name: &OsStr, time: TimeSpec) -> Result<()> {
    nix::sys::stat::utimensat(folder, name, &time, &time, UtimensatFlags::NoFollowSymlink)
        .map_err(|errno| Error::quiet("utimensat", &format_args!("{name:?}, {time}, AT_SYMLINK_NOFOLLOW"), errno))
}

/// Sets access and modification time of an open file or folder.
///
/// # Errors
/// The futimens(3) that failed.
pub fn set_time_of(file: BorrowedFd<'_>, time: TimeSpec) -> Result<()> {
    nix::sys::stat::futimens(file, &time, &time)
        .map_err(|errno| Error::quiet("utimensat", &format_args!("{}, {time}", file.as_raw_fd()), errno))
}

/// Sets an extended attribute of an open file or folder, xattr(7).
///
/// # Errors
/// The fsetxattr(2) that failed: EPERM for `trusted.*` outside the first user namespace, ENOTSUP where the filesystem
/// has none.
pub fn set_attribute(file: BorrowedFd<'_>, name: &OsStr, value: &[u8]) -> Result<()> {
    let failed = |errno| Error::quiet("fsetxattr", &format_args!("{name:?}, {} bytes", value.len()), errno);
    let text = CString::new(name.as_bytes()).map_err(|_| failed(Errno::EINVAL))?;
    // SAFETY: the name ends in NUL and the value is as long as we say; both outlive the call.
    let answer = unsafe { libc::fsetxattr(file.as_raw_fd(), text.as_ptr(), value.as_ptr().cast(), value.len(), 0) };
    Errno::result(answer).map(drop).map_err(failed)
}

/// The path that an open file has on this host, by the kernel's own word: `/proc/self/fd/N`, proc_pid_fd(5).
///
/// # Errors
/// The readlink(2) that failed.
pub fn path_of(file: BorrowedFd<'_>) -> Result<std::path::PathBuf> {
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    nix::fcntl::readlink(link.as_str())
        .map(Into::into)
        .map_err(|errno| Error::quiet("readlink", &format_args!("{link:?}"), errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_the_hosts_root_ends_in_ours() {
        let host = tempfile::tempdir().unwrap();
        let root = host.path().join("root");
        std::fs::create_dir_all(root.join("etc")).unwrap();
        for (name, target) in [("up", "../../../../etc"), ("absolute", "/etc")] {
            std::os::unix::fs::symlink(target, root.join(name)).unwrap();
        }
        let opened = Root::open(&root, "to test").unwrap();
        for name in ["up", "absolute", "../../etc"] {
            let found = opened.folder(Path::new(name)).unwrap();
            assert_eq!(
                path_of(found.as_fd()).unwrap(),
                path_of(opened.folder(Path::new("etc")).unwrap().as_fd()).unwrap()
            );
        }
    }

    #[test]
    fn what_a_link_points_to_survives_the_removal_of_the_link() {
        let host = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(host.path().join("root/sub")).unwrap();
        std::fs::write(host.path().join("canary"), "alive").unwrap();
        std::os::unix::fs::symlink("../../canary", host.path().join("root/sub/link")).unwrap();
        let root = Root::open(host.path(), "to test").unwrap();
        remove(root.fd.as_fd(), OsStr::new("root")).unwrap();
        assert!(!host.path().join("root").exists());
        assert_eq!(std::fs::read_to_string(host.path().join("canary")).unwrap(), "alive");
    }
}
