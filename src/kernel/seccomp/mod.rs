//! A filter on system calls: seccomp(2), a program of the kernel's classic BPF that runs before every call and says
//! what becomes of it. It is inherited by every child, can only be added to, and never goes away.
//!
//! ```text
//! default.json ──profile::resolve──► linux.seccomp of config.json ──filter::compile──► BPF ──install──► the kernel
//!  Docker's rules, with             the rules for this container:      numbers for      one check on
//!  "only with CAP_…", "only on …"   names, still readable              names            every call
//! ```
//!
//! The first step is taken by `create`, the second by `start` and `exec`, from the stored config.json: runc and crun read
//! the same list. What they answer is answered here (libseccomp's rules, runc's `libcontainer/seccomp`):
//!
//! - a call of an ABI that the list does not name kills the thread (SIGSYS);
//! - a call that no rule allows gets the default action: EPERM in Docker's profile;
//! - a number above the highest that the rules name gets ENOSYS: a program that asks for a call of tomorrow must hear
//!   "there is no such call", and falls back (runc `patchbpf`, 2021);
//! - a name that has no number here is skipped: another architecture's, or one of tomorrow.
//!
//! Left out: SCMP_ACT_NOTIFY, which needs a second process that answers for the kernel; and, for 32-bit x86 programs, the
//! calls hidden in socketcall(2) and ipc(2), which Docker's profile allows as a whole.

mod condition;
mod evaluate;
mod filter;
mod numbers;
mod profile;
#[cfg(test)]
mod tests;

pub use evaluate::{ALLOW, NATIVE_AUDIT, answer, answer_to_nonsense, instruction, name_of};
pub use filter::{Filter, FilterError, compile};
pub use profile::{Place, Profile, ProfileError};

use super::{Result, call};
use nix::errno::Errno;

/// seccomp(2): attach a filter.
const SET_MODE_FILTER: libc::c_ulong = 1;

/// From here on every system call of this process, and of all that come from it, is asked about.
///
/// # Errors
/// The seccomp(2) that failed: EACCES for one who has neither CAP_SYS_ADMIN nor no_new_privs; a filter could otherwise
/// make a set-user-ID program believe that it had given up its rights (Linux 3.5, commit 259e5e6c75a9).
pub fn install(filter: &Filter, why: &str) -> Result<()> {
    let program = libc::sock_fprog {
        // `compile` refuses what is longer than BPF_MAXINSNS, 4096.
        len: filter.program.len() as libc::c_ushort,
        filter: filter.program.as_ptr().cast_mut(),
    };
    let flags = filter.flags_text();
    call(why, "seccomp", format_args!("SECCOMP_SET_MODE_FILTER, {flags}, {{len={}, filter=…}}", program.len), || {
        // SAFETY: the kernel reads `len` instructions from `filter`, which outlives the call, and writes nothing.
        Errno::result(unsafe { libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, filter.flags, &raw const program) })
            .map(drop)
    })
}
