//! Rules that a process has laid on itself: landlock(7), Linux 5.13. Nothing in /proc shows that it has; only counting does.

use nix::errno::Errno;

/// No more than sixteen rulesets can be stacked on one process (`LANDLOCK_MAX_NUM_LAYERS`, security/landlock/limits.h).
const MOST: usize = 16;
/// `LANDLOCK_ACCESS_FS_MAKE_SYM`: any one right does, since an empty ruleset is refused.
const MAKE_SYM: u64 = 1 << 12;

/// How many rulesets lie on this process already: as many more as fit are laid on it, which cannot be taken back. For a
/// child that leaves. `None` where the kernel has no Landlock, or a filter hides it.
pub fn layers() -> Option<usize> {
    nix::sys::prctl::set_no_new_privs().ok()?;
    let handled = MAKE_SYM;
    // SAFETY: the kernel reads eight bytes, `handled_access_fs` of struct landlock_ruleset_attr, from `handled`.
    let ruleset = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const handled, 8, 0) };
    if ruleset < 0 {
        return None;
    }
    for laid in 0..=MOST {
        // SAFETY: two numbers.
        let answer = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset, 0) };
        match Errno::result(answer) {
            Ok(_) => {}
            Err(Errno::E2BIG) => return Some(MOST - laid),
            Err(_) => return None,
        }
    }
    Some(0)
}
