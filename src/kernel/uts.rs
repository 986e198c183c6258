//! The host name: uts_namespaces(7), sethostname(2).

use super::{Result, call};

/// Names the machine, as this UTS namespace shows it. At most 64 bytes.
///
/// # Errors
/// The sethostname(2) that failed: EPERM without CAP_SYS_ADMIN in the user namespace that owns the UTS namespace.
pub fn sethostname(name: &str, why: &str) -> Result<()> {
    call(why, "sethostname", format_args!("{name:?}, {}", name.len()), || nix::unistd::sethostname(name))
}
