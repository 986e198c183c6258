//! The host name: uts_namespaces(7), sethostname(2).

use super::{Result, call};

/// Names the machine, as this UTS namespace shows it. At most 64 bytes.
///
/// # Errors
/// The sethostname(2) that failed: EPERM without CAP_SYS_ADMIN in the user namespace that owns the UTS namespace.
pub fn sethostname(name: &str, why: &str) -> Result<()> {
    call(why, "sethostname", format_args!("{name:?}, {}", name.len()), || nix::unistd::sethostname(name))
}

/// The other name of a UTS namespace, which NIS once used.
///
/// # Errors
/// The setdomainname(2) that failed.
pub fn setdomainname(name: &str, why: &str) -> Result<()> {
    call(why, "setdomainname", format_args!("{name:?}, {}", name.len()), || {
        // SAFETY: the name lives until the call returns, and is as long as we say.
        nix::errno::Errno::result(unsafe { libc::setdomainname(name.as_ptr().cast(), name.len()) }).map(drop)
    })
}
