//! A call was refused: which layer did it, what helps, who can do that.

use super::{Answer, Who, users};
use crate::kernel::Error;
use nix::errno::Errno;

/// The answer for a trial that failed with this call.
pub(super) fn answer(error: &Error) -> Answer {
    let why = error.to_string();
    let (fix, who) = match (error.call.as_ref(), error.errno()) {
        ("unshare" | "clone3" | "clone", Errno::EPERM | Errno::EACCES | Errno::ENOSPC) if user_namespace(error) => {
            return users::refused(error);
        }
        // The map is written from inside the new namespace, where AppArmor has just taken the capabilities away.
        ("write" | "openat", Errno::EPERM | Errno::EACCES)
            if error.args.contains("_map") || error.args.contains("setgroups") =>
        {
            return users::refused(error);
        }
        ("unshare" | "clone3" | "clone", Errno::ENOSPC) => {
            ("raise the limit: sysctl -w user.max_user_namespaces=15000, and the others of its kind", Who::Root)
        }
        ("unshare" | "clone3" | "clone", Errno::EINVAL) => ("a kernel that has this kind of namespace", Who::Admin),
        ("unshare" | "clone3" | "clone", _) => {
            ("whatever surrounds us (a container, a service) must leave us CAP_SYS_ADMIN and this call", Who::Admin)
        }
        ("mount", Errno::ENODEV) => ("load the filesystem's module: modprobe overlay", Who::Root),
        // A read-only one cannot be had anew either, and Docker's /sys is read-only whatever else is opened.
        ("mount", Errno::EPERM) if error.args.contains("\"sysfs\"") => {
            ("a /sys that is neither read-only nor covered in parts; in Docker: --volume /sys:/sys", Who::Admin)
        }
        ("mount", Errno::EPERM) => {
            ("a /proc that is not covered in parts; in Docker: --security-opt systempaths=unconfined", Who::Admin)
        }
        ("sendto", Errno::EOPNOTSUPP | Errno::ENOENT | Errno::EPROTONOSUPPORT) | ("socket", _) => {
            ("load the modules: modprobe -a veth bridge nf_tables nft_masq nft_chain_nat", Who::Root)
        }
        (_, Errno::EPIPE) => ("a seccomp filter killed the trial: run explore without that filter", Who::Admin),
        _ => return Answer::Unmet { why, fix: crate::kernel::hint(error), who: Some(Who::Root) },
    };
    Answer::unmet(why, fix, who)
}

fn user_namespace(error: &Error) -> bool {
    error.args.contains("CLONE_NEWUSER")
}
