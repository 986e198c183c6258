//! What a process gives up before it becomes its program, and in which order: each step needs what a later one takes
//! away. The order is runc's (`libcontainer/standard_init_linux.go`, `init_linux.go`).
//!
//! ```text
//! without no_new_privs                      with it
//!                                           no_new_privs       what follows can only be less
//! filter on system calls                                       attaching one needs CAP_SYS_ADMIN …
//! bounding set                              bounding set       needs CAP_SETPCAP
//! groups, group, user                       groups, group, user    need CAP_SETGID, CAP_SETUID
//! effective, permitted                      effective, permitted
//!                                           filter             … or no_new_privs, and then it can come last
//! execve                                    execve
//! ```
//!
//! Last is better: what we still do ourselves need not be allowed by the filter.

use crate::kernel::capability::{self, Set};
use crate::kernel::seccomp::{self, Filter};
use crate::kernel::{self, process};
use crate::stages::failure::Failure;
use nix::errno::Errno;
use oci_spec::runtime::{Capabilities, Process, Spec};
use serde_json::json;

/// The filter that a configuration asks for, as a program.
///
/// # Errors
/// Rules that cannot be followed: `create` refuses them, so somebody has changed config.json since.
pub(super) fn filter(spec: &Spec) -> Result<Option<Filter>, Failure> {
    let Some(rules) = spec.linux().as_ref().and_then(|linux| linux.seccomp().as_ref()) else { return Ok(None) };
    seccomp::compile(rules).map(Some).map_err(|error| Failure {
        step: format!("follow linux.seccomp of config.json: {error}"),
        program: None,
        error: kernel::Error::quiet("seccomp", &format_args!("SECCOMP_SET_MODE_FILTER, …"), Errno::EINVAL),
    })
}

/// `exec --privileged`: all capabilities that there are. The filter stays the container's, as docker has it.
pub(super) fn privileged(process: &mut Process) -> Result<(), Failure> {
    let ours = capability::permitted().map_err(Failure::at("see which capabilities there are"))?.names();
    let sets = json!({ "bounding": ours, "effective": ours, "permitted": ours });
    process.set_capabilities(serde_json::from_value(sets).ok());
    Ok(())
}

/// All but a filter that can wait: see [`last`]. With `tied` it still ends with its parent.
pub(super) fn give_up(process: &Process, filter: Option<&Filter>, tied: bool) -> Result<(), Failure> {
    let step = || Failure::at("give up privileges");
    // Nobody can keep what he does not have: root on this machine may lack some himself.
    let ours = capability::permitted().map_err(step())?;
    let sets = process.capabilities().as_ref();
    let kept = |names: Option<&Capabilities>| Set(set_of(names).0 & ours.0);
    let bounding = kept(sets.and_then(|sets| sets.bounding().as_ref()));
    if waits(process) {
        capability::no_new_privileges("set-user-ID programs give nothing").map_err(step())?;
    } else {
        install(filter)?;
    }
    capability::bound(bounding, "no program inside can ever get it back").map_err(step())?;
    let user = process.user();
    let groups: Vec<u32> = user.additional_gids().iter().flatten().copied().collect();
    if user.uid() != 0 || user.gid() != 0 {
        capability::keep_across_setuid(true, "what is kept is chosen after the user has changed").map_err(step())?;
    }
    let why = "the user that the container runs as";
    kernel::user::become_user(user.uid(), user.gid(), &groups, why).map_err(step())?;
    if tied {
        process::die_with_parent("the kernel forgets it when the user changes").map_err(step())?;
    }
    let effective = kept(sets.and_then(|sets| sets.effective().as_ref()));
    let permitted = kept(sets.and_then(|sets| sets.permitted().as_ref()));
    let inheritable = kept(sets.and_then(|sets| sets.inheritable().as_ref()));
    let ambient = kept(sets.and_then(|sets| sets.ambient().as_ref()));
    if inheritable.0 != 0 {
        let why = "as its configuration says, for programs that it starts";
        return capability::set_with_ambient(effective, permitted, inheritable, ambient, why).map_err(step());
    }
    if user.uid() != 0 {
        // What execve(2) makes of an ordinary user whose program has no capabilities of its own.
        return capability::set(Set(0), Set(0), "an ordinary user has none").map_err(step());
    }
    capability::set(effective, permitted, "root inside keeps what docker's root keeps").map_err(step())
}

/// The filter that has waited until everything of ours is done.
pub(super) fn last(process: &Process, filter: Option<&Filter>) -> Result<(), Failure> {
    if waits(process) { install(filter) } else { Ok(()) }
}

fn waits(process: &Process) -> bool {
    process.no_new_privileges() == Some(true)
}

fn install(filter: Option<&Filter>) -> Result<(), Failure> {
    let Some(filter) = filter else { return Ok(()) };
    let looked_up = "each system call is now looked up in its rules";
    // A rule for a call of another architecture has no number to compare with.
    let why = filter.skipped().map_or_else(
        || looked_up.to_owned(),
        |names| {
            format!("each system call is now looked up in its rules; skipped, with no number on this machine: {names}")
        },
    );
    seccomp::install(filter, &why).map_err(Failure::at("filter its system calls"))
}

fn set_of(names: Option<&Capabilities>) -> Set {
    let names: Vec<String> = names.into_iter().flatten().map(|one| format!("CAP_{one}")).collect();
    Set::of(&names)
}
