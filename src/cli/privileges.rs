//! The flags of `create` and `run` that say what a container may do.

use crate::stages::create::Privileges;

/// Named as docker names them.
#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// Let root inside keep one more capability: SYS_ADMIN, CAP_NET_ADMIN, ALL
    #[arg(long, value_name = "CAPABILITY")]
    cap_add: Vec<String>,
    /// Take one of the fourteen away: CHOWN, ALL
    #[arg(long, value_name = "CAPABILITY")]
    cap_drop: Vec<String>,
    /// All capabilities, no filter on system calls, nothing of /proc and /sys covered
    #[arg(long)]
    privileged: bool,
    /// Change one guard: seccomp=unconfined, seccomp=FILE.json, no-new-privileges, systempaths=unconfined
    #[arg(long, value_name = "OPTION")]
    security_opt: Vec<String>,
}

impl From<Flags> for Privileges {
    fn from(flags: Flags) -> Self {
        Self { add: flags.cap_add, drop: flags.cap_drop, privileged: flags.privileged, options: flags.security_opt }
    }
}
