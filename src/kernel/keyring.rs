//! Keys that the kernel keeps for a session: session-keyring(7), keyctl(2).

use super::{Result, call};
use nix::errno::Errno;
use std::ffi::CString;

/// Leaves the keys of whoever started us, and begins with none of our own: a session keyring is inherited across fork
/// and execve, and is in no namespace. A kernel without keys has none to leave, and one who is forbidden to ask for another
/// (a filter around us, which is around all that we start) is forbidden to read what is in this one.
///
/// # Errors
/// The keyctl(2) that failed otherwise: EDQUOT where this user has too many.
pub fn begin_session(name: &str, why: &str) -> Result<()> {
    /// linux/keyctl.h.
    const JOIN_SESSION_KEYRING: libc::c_long = 1;
    let text = CString::new(name).unwrap_or_default();
    let joined = call(why, "keyctl", format_args!("KEYCTL_JOIN_SESSION_KEYRING, {text:?}"), || {
        // SAFETY: a number, and a text that ends with NUL and lives until the call returns.
        Errno::result(unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, text.as_ptr()) }).map(drop)
    });
    match joined {
        Err(error) if matches!(error.errno, libc::ENOSYS | libc::EPERM) => Ok(()),
        other => other,
    }
}
