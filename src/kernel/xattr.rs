//! Reading extended attributes (xattr(7)): file capabilities, ACLs, and the marks that overlayfs leaves in an upper.
//!
//! Where `file` is a handle (O_PATH), which the calls by descriptor refuse with EBADF, they go through `/proc/self/fd/N`: to
//! open a device acts on it, and a link cannot be opened at all.

use super::{Error, Result, overlay};
use nix::errno::Errno;
use std::ffi::{CStr, CString, OsString};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;

/// Attributes larger than that do not exist (`XATTR_SIZE_MAX`, `XATTR_LIST_MAX` in linux/limits.h).
const LARGEST: usize = 65_536;

/// All attributes of what `file` holds, by name, in order; none where the filesystem has none.
///
/// # Errors
/// The listxattr(2) or getxattr(2) that failed.
pub fn all(file: BorrowedFd<'_>) -> Result<Vec<(OsString, Vec<u8>)>> {
    let path = path_of(file);
    let mut names = vec![0_u8; LARGEST];
    // SAFETY: the buffer is as long as we say and outlives the call.
    let by_descriptor = unsafe { libc::flistxattr(file.as_raw_fd(), names.as_mut_ptr().cast(), names.len()) };
    // SAFETY: the path ends with NUL, and the buffer is as long as we say; both outlive the call.
    let by_path = || unsafe { libc::listxattr(path.as_ptr(), names.as_mut_ptr().cast(), names.len()) };
    let length = match Errno::result(by_descriptor).or_else(|errno| or_by_path(errno, by_path)) {
        Ok(length) => usize::try_from(length).unwrap_or(0),
        Err(Errno::ENOTSUP) => return Ok(Vec::new()),
        Err(errno) => return Err(Error::quiet("listxattr", &format_args!("{path:?}"), errno)),
    };
    names.truncate(length);
    let mut found = Vec::new();
    for name in names.split_inclusive(|byte| *byte == 0).filter_map(|name| CStr::from_bytes_with_nul(name).ok()) {
        // One that is gone by now was not there.
        if let Some(value) = get(file, name)? {
            found.push((OsString::from_vec(name.to_bytes().to_vec()), value));
        }
    }
    found.sort();
    Ok(found)
}

/// One attribute; `None` where it is not there.
///
/// # Errors
/// The getxattr(2) that failed.
pub fn get(file: BorrowedFd<'_>, name: &CStr) -> Result<Option<Vec<u8>>> {
    let path = path_of(file);
    let mut value = vec![0_u8; LARGEST];
    let (into, room) = (value.as_mut_ptr().cast(), value.len());
    // SAFETY: the name ends with NUL, and the buffer is as long as we say; both outlive the call.
    let by_descriptor = unsafe { libc::fgetxattr(file.as_raw_fd(), name.as_ptr(), into, room) };
    // SAFETY: both strings end with NUL, and the buffer is as long as we say; all outlive the call.
    let by_path = || unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), into, room) };
    match Errno::result(by_descriptor).or_else(|errno| or_by_path(errno, by_path)) {
        Ok(length) => {
            value.truncate(usize::try_from(length).unwrap_or(0));
            Ok(Some(value))
        }
        Err(Errno::ENODATA | Errno::ENOTSUP) => Ok(None),
        Err(errno) => Err(Error::quiet("getxattr", &format_args!("{path:?}, {name:?}"), errno)),
    }
}

/// Whether a folder hides what lower layers have under its name.
///
/// # Errors
/// The getxattr(2) that failed.
pub fn is_opaque(folder: BorrowedFd<'_>) -> Result<bool> {
    let name = CString::new(overlay::opaque_attribute()).unwrap_or_default();
    Ok(get(folder, &name)?.is_some_and(|value| value == b"y"))
}

fn or_by_path(errno: Errno, by_path: impl FnOnce() -> isize) -> nix::Result<isize> {
    if errno == Errno::EBADF { Errno::result(by_path()) } else { Err(errno) }
}

fn path_of(file: BorrowedFd<'_>) -> CString {
    CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn what_was_set_is_read_and_a_link_has_none() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let set = crate::kernel::rootfs::set_attribute(file.as_file().as_fd(), "user.x".as_ref(), b"\0y");
        if set.is_err() {
            return; // this filesystem has none
        }
        let read = all(file.as_file().as_fd()).unwrap();
        assert!(read.contains(&("user.x".into(), b"\0y".to_vec())), "{read:?}");
        assert_eq!(get(file.as_file().as_fd(), c"user.none").unwrap(), None);
        let link = file.path().with_extension("link");
        std::os::unix::fs::symlink(file.path(), &link).unwrap();
        let flags = nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_NOFOLLOW;
        let held = nix::fcntl::open(&link, flags, nix::sys::stat::Mode::empty()).unwrap();
        std::fs::remove_file(link).unwrap();
        assert_eq!(all(held.as_fd()).unwrap(), Vec::new(), "the link itself is asked, not what it leads to");
    }
}
