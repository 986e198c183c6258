//! What a file says about itself beyond owner and mode: the marks of chattr(1), and whether there is an ACL (acl(5)).

use super::xattr;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Marks that bind root as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// `i`: neither content, nor name, nor mode change.
    pub immutable: bool,
    /// `a`: it can be written at its end only.
    pub append_only: bool,
}

/// The marks of what `file` holds, asked by statx(2), which takes a handle (O_PATH) too: the ioctl of chattr(1) would have
/// to open the file. `None` where the filesystem has none.
pub fn marks(file: BorrowedFd<'_>) -> Option<Marks> {
    let found = look(file, 0)?;
    let told = |bit: libc::c_int| found.stx_attributes & found.stx_attributes_mask & bit as u64 != 0;
    Some(Marks { immutable: told(libc::STATX_ATTR_IMMUTABLE), append_only: told(libc::STATX_ATTR_APPEND) })
}

/// Where a folder is: its filesystem, its number there, and the number of the mount that it is reached by, which is what
/// tells a folder from the same one seen through another mount (statx(2), `STATX_MNT_ID`, Linux 5.8; before that 0).
pub fn whereabouts(file: BorrowedFd<'_>) -> Option<(u32, u32, u64, u64)> {
    let found = look(file, libc::STATX_INO | libc::STATX_MNT_ID)?;
    Some((found.stx_dev_major, found.stx_dev_minor, found.stx_ino, found.stx_mnt_id))
}

fn look(file: BorrowedFd<'_>, mask: u32) -> Option<libc::statx> {
    // SAFETY: statx is plain data, for which all zeroes are a value.
    let mut found: libc::statx = unsafe { std::mem::zeroed() };
    // SAFETY: an open descriptor, a string that ends with NUL, and a statx that outlives the call and is written once.
    let answer = unsafe { libc::statx(file.as_raw_fd(), c"".as_ptr(), libc::AT_EMPTY_PATH, mask, &raw mut found) };
    (answer == 0).then_some(found)
}

/// Whether an access control list says more than the mode.
pub fn has_acl(file: BorrowedFd<'_>) -> bool {
    xattr::get(file, c"system.posix_acl_access").is_ok_and(|found| found.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_plain_file_has_neither() {
        let file = tempfile::tempfile().unwrap();
        assert!(marks(file.as_fd()).is_some_and(|marks| !marks.immutable && !marks.append_only));
        assert!(!has_acl(file.as_fd()));
    }
}
