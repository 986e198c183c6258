//! `--init`: PID 1 stays ours, and the program is its child.
//!
//! Docker shows a program of its own inside, tini, and runs it as PID 1. Here PID 1 simply does not become the program:
//! it forks, and what stays is the sealed program of ours that it has been all along, in a container's root, with the
//! container's user and rights and filter. What it knew it must not keep: its descriptors are closed, what it was called
//! with is overwritten, and nobody inside may look into it, for it is not dumpable (ptrace(2), CVE-2019-5736).
//!
//! Under another runtime it is a program after all, which does the same (`create::bundled_init`).

use crate::kernel::process;
use crate::narrate::{self, Role};
use crate::stages::failure::Failure;

/// Forks: the child runs `program`, which does not come back where all goes well. PID 1 waits for it.
///
/// # Errors
/// What failed before there was a child.
pub fn run(command: &[String], program: impl FnOnce() -> i32) -> Result<i32, Failure> {
    let step = || Failure::at("make room for an init");
    process::keep_out("nobody inside looks into the one that made it").map_err(step())?;
    // Where it is not PID 1 (`--pid host`), orphans come to it all the same.
    let _ = nix::sys::prctl::set_child_subreaper(true);
    process::hold_signals();
    let child = process::fork(Role::Init, "the program is the child of an init", || {
        let _ = process::lead_the_foreground();
        program()
    })
    .map_err(step())?;
    narrate::silence();
    process::close_from(3);
    process::forget_arguments(&format!("explore-init\0--\0{}", command.join("\0")));
    process::set_name(c"explore-init");
    Ok(i32::from(process::pass_signals_on(child).code()))
}
