//! Files that are switches of the kernel, and paths inside a root that somebody else made.
//!
//! A path inside an image is never resolved as a string: between looking and using, a link can be put in its place.
//! openat2(2) (Linux 5.6) lets the kernel resolve it under a root descriptor, and what comes back is a descriptor of
//! exactly the thing that was found.

use super::{Error, Result, call};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{Mode, SFlag};
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// What a file of /proc or /sys/fs/cgroup says. Such a file has no size, and `std::fs::read_to_string` goes by the size: it
/// asks for it, and then reads 32 bytes, 32 more, 64, and so on. Here it is one read(2), and one that finds the end.
///
/// # Errors
/// Of open(2) and read(2); InvalidData where it is not UTF-8.
pub fn contents(path: impl AsRef<Path>) -> std::io::Result<String> {
    let mut text = String::with_capacity(FILE_OF_PROC);
    std::fs::File::open(path)?.take(u64::MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// Longer than most of them; what is longer is read in more steps.
const FILE_OF_PROC: usize = 4096;

/// Writes `content` in one write(2), as files under /proc and /sys/fs/cgroup want it.
///
/// # Errors
/// The open(2), or the write(2), which the kernel uses to say no.
pub fn write_file(path: &Path, content: &str, why: &str) -> Result<()> {
    let file = nix::fcntl::open(path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())
        .or_else(|errno| call(why, "openat", format_args!("AT_FDCWD, {path:?}, O_WRONLY|O_CLOEXEC"), || Err(errno)))?;
    call(why, "write", format_args!("{path:?}, {content:?}, {}", content.len()), || {
        nix::unistd::write(&file, content.as_bytes())
    })
    .map(drop)
}

/// Writes to an open file that must be one of procfs: what an image has put in its place is not written to.
///
/// # Errors
/// EXDEV for a file of another filesystem; the write(2), which the kernel uses to say no.
pub fn write_proc(file: &OwnedFd, path: &Path, content: &str, why: &str) -> Result<()> {
    let found = nix::sys::statfs::fstatfs(file);
    if !found.is_ok_and(|found| found.filesystem_type() == nix::sys::statfs::PROC_SUPER_MAGIC) {
        return Err(Error::quiet("fstatfs", &format_args!("{path:?}"), Errno::EXDEV));
    }
    call(why, "write", format_args!("{path:?}, {content:?}, {}", content.len()), || {
        nix::unistd::write(file, content.as_bytes())
    })
    .map(drop)
}

/// How far a name inside a root may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Links are followed, and stay inside: `/` and `..` mean the root.
    Inside,
    /// No component may be a link.
    Refused,
}

/// Resolves `path` under `root` and opens what is there with O_PATH: a handle, no access.
///
/// # Errors
/// The openat2(2) that failed; ELOOP for a link that is refused.
pub fn resolve(root: BorrowedFd<'_>, path: &Path, links: Links) -> Result<OwnedFd> {
    open_inside(root, path, OFlag::O_PATH | OFlag::O_CLOEXEC, links)
}

/// Resolves `path` under `root` and opens it with `flags`.
///
/// # Errors
/// The openat2(2) that failed; ELOOP for a link that is refused.
pub fn open_inside(root: BorrowedFd<'_>, path: &Path, flags: OFlag, links: Links) -> Result<OwnedFd> {
    let relative = path.strip_prefix("/").unwrap_or(path);
    let relative = if relative.as_os_str().is_empty() { Path::new(".") } else { relative };
    let confined = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let resolve = match links {
        Links::Inside => confined,
        Links::Refused => confined | ResolveFlag::RESOLVE_NO_SYMLINKS,
    };
    let how = OpenHow::new().flags(flags).resolve(resolve);
    retry(|| openat2(root, relative, how)).map_err(|errno| {
        Error::quiet("openat2", &format_args!("{}, {relative:?}, {{resolve={resolve:?}}}", root.as_raw_fd()), errno)
    })
}

/// openat2 answers EAGAIN when a rename ran beside it and it could not be sure to have stayed inside.
fn retry<T>(mut attempt: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    for _ in 0..64 {
        match attempt() {
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            other => return other,
        }
    }
    attempt()
}

/// What kind of thing a mount point must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A folder.
    Folder,
    /// A file of any kind.
    File,
}

/// The handle of a mount point inside `root`, made where it is missing, component by component under the descriptor
/// of its parent. Links are followed inside the root; where one leads to nothing yet, that is made, as many images have
/// /etc/resolv.conf lead to a file that only a running system has.
///
/// # Errors
/// The openat2(2), mkdirat(2) or mknodat(2) that failed; ENOTDIR or EISDIR where the thing found has the wrong shape.
pub fn mount_point(root: BorrowedFd<'_>, path: &Path, shape: Shape, links: Links) -> Result<OwnedFd> {
    // As many links as the kernel follows by itself (path_resolution(7)).
    mount_point_within(root, path, shape, links, 40)
}

fn mount_point_within(
    root: BorrowedFd<'_>,
    path: &Path,
    shape: Shape,
    links: Links,
    links_left: u32,
) -> Result<OwnedFd> {
    match resolve(root, path, links) {
        Ok(found) => return check_shape(found, path, shape),
        Err(error) if error.errno() == Errno::ENOENT => {}
        Err(error) => return Err(error),
    }
    let above = match path.parent() {
        Some(above) if above != Path::new("") => {
            Some(mount_point_within(root, above, Shape::Folder, links, links_left)?)
        }
        _ => None,
    };
    let parent = above.as_ref().map_or(root, AsFd::as_fd);
    let name = Path::new(path.file_name().unwrap_or_default());
    let made = match shape {
        Shape::Folder => nix::sys::stat::mkdirat(parent, name, Mode::from_bits_truncate(0o755)),
        Shape::File => nix::sys::stat::mknodat(parent, name, SFlag::S_IFREG, Mode::from_bits_truncate(0o644), 0),
    };
    match made {
        // It is there and cannot be resolved: a link to nothing. What it names is made, under the same root.
        Err(Errno::EEXIST) if links == Links::Inside && links_left > 0 => {
            if let Ok(target) = nix::fcntl::readlinkat(parent, name) {
                let target = path.parent().unwrap_or(Path::new("/")).join(target);
                return mount_point_within(root, &target, shape, links, links_left - 1);
            }
        }
        Ok(()) | Err(Errno::EEXIST) => {}
        Err(errno) => return Err(Error::quiet("mkdirat", &format_args!("{}, {name:?}", parent.as_raw_fd()), errno)),
    }
    check_shape(resolve(parent, name, Links::Refused)?, path, shape)
}

fn check_shape(found: OwnedFd, path: &Path, shape: Shape) -> Result<OwnedFd> {
    let mode = file_type(&found)?;
    let errno = match (shape, mode == SFlag::S_IFDIR) {
        (Shape::Folder, false) => Errno::ENOTDIR,
        (Shape::File, true) => Errno::EISDIR,
        _ => return Ok(found),
    };
    Err(Error::quiet("openat2", &format_args!("{path:?}"), errno))
}

/// What a descriptor is: the S_IF* part of its mode.
///
/// # Errors
/// The fstat(2) that failed.
pub fn file_type<Fd: AsFd>(fd: &Fd) -> Result<SFlag> {
    let found = stat(fd)?;
    Ok(SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits()))
}

/// The permissions of what a descriptor holds: the lower twelve bits of its mode.
///
/// # Errors
/// The fstat(2) that failed.
pub fn mode<Fd: AsFd>(fd: &Fd) -> Result<u32> {
    stat(fd).map(|found| found.st_mode & 0o7777)
}

/// Whether two descriptors hold the same file or folder.
///
/// # Errors
/// The fstat(2) that failed.
pub fn is_same<One: AsFd, Other: AsFd>(one: &One, other: &Other) -> Result<bool> {
    let (one, other) = (stat(one)?, stat(other)?);
    Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}

/// Whether it is of a procfs. What cannot be asked is none.
pub fn is_proc<Fd: AsFd>(fd: &Fd) -> bool {
    nix::sys::statfs::fstatfs(fd).is_ok_and(|found| found.filesystem_type() == nix::sys::statfs::PROC_SUPER_MAGIC)
}

fn stat<Fd: AsFd>(fd: &Fd) -> Result<nix::sys::stat::FileStat> {
    nix::sys::stat::fstatat(fd.as_fd(), "", AtFlags::AT_EMPTY_PATH)
        .map_err(|errno| Error::quiet("fstat", &format_args!("{}", fd.as_fd().as_raw_fd()), errno))
}

/// The number of the device that a descriptor holds a node of; 0 for anything else.
///
/// # Errors
/// The fstat(2) that failed.
pub fn device_number<Fd: AsFd>(fd: &Fd) -> Result<u64> {
    stat(fd).map(|found| found.st_rdev)
}

/// Makes a node for a device, with this owner and mode (mknod(2)).
///
/// # Errors
/// The mknodat(2), fchownat(2) or fchmodat(2) that failed: EPERM in a user namespace, whoever asks.
pub fn make_node(
    folder: BorrowedFd<'_>,
    name: &Path,
    kind: SFlag,
    mode: Mode,
    device: u64,
    owner: (u32, u32),
    why: &str,
) -> Result<()> {
    let at = folder.as_raw_fd();
    let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
    let letter = if kind == SFlag::S_IFBLK { "S_IFBLK" } else { "S_IFCHR" };
    let shown = format_args!("{at}, {name:?}, {letter}|{:#o}, makedev({major:#x}, {minor:#x})", mode.bits());
    call(why, "mknodat", shown, || nix::sys::stat::mknodat(folder, name, kind, mode, device))?;
    let failed = |call| move |errno| Error::quiet(call, &format_args!("{at}, {name:?}"), errno);
    let (user, group) = (nix::unistd::Uid::from_raw(owner.0), nix::unistd::Gid::from_raw(owner.1));
    nix::unistd::fchownat(folder, name, Some(user), Some(group), AtFlags::AT_SYMLINK_NOFOLLOW)
        .map_err(failed("fchownat"))?;
    // The umask may have taken away from what mknodat was given.
    nix::sys::stat::fchmodat(folder, name, mode, nix::sys::stat::FchmodatFlags::FollowSymlink)
        .map_err(failed("fchmodat"))
}

/// Whether a descriptor is a whiteout, overlayfs' sign that something below was deleted: a character device 0:0.
pub fn is_whiteout<Fd: AsFd>(fd: &Fd) -> bool {
    nix::sys::stat::fstatat(fd.as_fd(), "", AtFlags::AT_EMPTY_PATH)
        .is_ok_and(|found| found.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFCHR.bits() && found.st_rdev == 0)
}

/// Marks every descriptor from `first` on to close at the next execve(2): what we hold must not be inherited by a
/// program of an image (CVE-2024-21626 was one descriptor too many).
///
/// Where the kernel does not know the call (before Linux 5.9) or the flag (before 5.11), each is marked by itself.
///
/// # Errors
/// The close_range(2) that failed for another reason.
pub fn close_on_exec_from(first: u32, why: &str) -> Result<()> {
    let marked = call(why, "close_range", format_args!("{first}, {}, CLOSE_RANGE_CLOEXEC", u32::MAX), || {
        // SAFETY: three numbers; descriptors stay open and valid until the program is replaced.
        let answer = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
        Errno::result(answer).map(drop)
    });
    match marked {
        Err(Error { errno: libc::ENOSYS | libc::EINVAL, .. }) => {
            for descriptor in descriptors_from(first) {
                // SAFETY: three numbers; a descriptor that is not open answers EBADF, which changes nothing.
                unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
            }
            Ok(())
        }
        other => other,
    }
}

/// The open descriptors of this process from `first` on, as proc lists them; where proc does not show this process
/// (another PID namespace's), every number that could be one.
pub(super) fn descriptors_from(first: u32) -> Vec<i32> {
    let first = first as i32;
    let listed = std::fs::read_dir("/proc/self/fd").map(|folder| {
        folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).filter(|&fd| fd >= first).collect()
    });
    listed.unwrap_or_else(|_| {
        let limit = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE);
        let limit = limit.map_or(1024, |(soft, _)| soft.min(1 << 20) as i32);
        (first..limit).collect()
    })
}

/// Lets a descriptor close at the next execve(2).
///
/// # Errors
/// The fcntl(2) that failed.
pub fn close_on_exec<Fd: AsFd>(fd: &Fd) -> Result<()> {
    nix::fcntl::fcntl(fd, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC))
        .map(drop)
        .map_err(|errno| Error::quiet("fcntl", &format_args!("{}, F_SETFD, FD_CLOEXEC", fd.as_fd().as_raw_fd()), errno))
}

/// Lets a descriptor live through execve(2).
///
/// # Errors
/// The fcntl(2) that failed.
pub fn keep_on_exec<Fd: AsFd>(fd: &Fd) -> Result<()> {
    nix::fcntl::fcntl(fd, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty()))
        .map(drop)
        .map_err(|errno| Error::quiet("fcntl", &format_args!("{}, F_SETFD, 0", fd.as_fd().as_raw_fd()), errno))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn a_link_cannot_lead_out_of_the_root() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("out")).unwrap();
        std::os::unix::fs::symlink("../../../../etc", folder.path().join("up")).unwrap();
        let root = File::open(folder.path()).unwrap();
        for name in ["out/passwd", "up/passwd"] {
            let error = resolve(root.as_fd(), Path::new(name), Links::Inside).unwrap_err();
            assert_eq!(error.errno(), Errno::ENOENT, "{name} was found outside");
        }
        let error = resolve(root.as_fd(), Path::new("out"), Links::Refused).unwrap_err();
        assert_eq!(error.errno(), Errno::ELOOP);
    }

    #[test]
    fn a_missing_mount_point_is_made_inside() {
        let folder = tempfile::tempdir().unwrap();
        let root = File::open(folder.path()).unwrap();
        mount_point(root.as_fd(), Path::new("/a/b/c"), Shape::Folder, Links::Inside).unwrap();
        mount_point(root.as_fd(), Path::new("/a/f"), Shape::File, Links::Inside).unwrap();
        assert!(folder.path().join("a/b/c").is_dir() && folder.path().join("a/f").is_file());
        let error = mount_point(root.as_fd(), Path::new("/a/f"), Shape::Folder, Links::Inside).unwrap_err();
        assert_eq!(error.errno(), Errno::ENOTDIR);
    }
}
