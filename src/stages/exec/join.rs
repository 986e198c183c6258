//! `explore exec`: one more process in a container that runs. It joins what PID 1 has, namespaces and cgroups, and
//! gives up what PID 1 gave up: nsenter(1) does the first half only, and is root on the host in all but name.
//!
//! Like PID 1 it is cloned by a process that runs from a sealed copy of our program, and stays its child: its parent
//! inside is 0, nobody that can be seen there.

use super::init::Beside;
use super::message::{self, ToClient};
use super::supervisor::audience::Audience;
use super::supervisor::{Orders, carry};
use super::wiring::{self, Ends, Stdio};
use super::{StartFailure, init, privileges, running};
use crate::kernel::process::{self, Child, Ended};
use crate::kernel::{cgroup, keyring};
use crate::narrate::Role;
use crate::stages::create;
use crate::stages::failure::Failure;
use crate::stages::sibling::{Elsewhere, in_helper};
use oci_spec::runtime::{Process, Spec};
use serde::{Deserialize, Serialize};
use std::os::fd::AsRawFd;

/// What is to run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of docker's
pub struct Joining {
    /// The command.
    pub argv: Vec<String>,
    /// `-t`.
    pub terminal: bool,
    /// `-i`.
    pub interactive: bool,
    /// `-e`.
    pub env: Vec<String>,
    /// `-w`.
    pub workdir: Option<String>,
    /// `--privileged`.
    pub privileged: bool,
    /// `-u`: the container's own user without.
    pub user: Option<String>,
    /// `-d`: nobody waits for its end.
    pub detach: bool,
}

/// The whole life of the process that joins for us.
pub fn join(orders: Orders, joining: &Joining) -> i32 {
    super::supervisor::settle_in(&orders, c"explore: exec", Role::Exec);
    match begin(&orders, joining) {
        Ok((child, ends)) => {
            let _ = message::send(&orders.client, &ToClient::Started(child.pid.as_raw()));
            let mut audience = Audience::of(orders.client);
            audience.narration = orders.narrate;
            if joining.detach {
                audience.silence();
            }
            carry::carry(&child, ends, &mut audience, None);
            let ended = process::wait(child.pid).unwrap_or(Ended::Killed(libc::SIGKILL));
            audience.tell_end(ended);
            0
        }
        Err(failure) => {
            let _ = message::send(&orders.client, &ToClient::Failed(failure));
            125
        }
    }
}

fn begin(orders: &Orders, joining: &Joining) -> Result<(Child, Ends), StartFailure> {
    let roots = &orders.roots;
    let container = create::find(roots, &orders.id)?;
    let running = running::settled(roots, &container.id)?.ok_or_else(|| not_running(&container.name))?;
    if super::is_paused(&running) {
        return Err(paused(&container.name));
    }
    let spec = create::spec(roots, &container.id)?;
    let mut process = process_of(&spec, joining);
    if joining.privileged {
        privileges::privileged(&mut process)?;
    }
    let filter = privileges::filter(&spec)?;
    let mut who = container.program.who();
    // Docker takes an empty one for "not said": a variable of a script that is not set must not make root of anybody.
    if let Some(user) = joining.user.as_ref().filter(|user| !user.is_empty()) {
        who.user.clone_from(user);
    }
    let (ours, theirs) = message::pair().map_err(super::supervisor::quiet("socketpair"))?;
    let (stdio, mut ends) = if joining.terminal {
        (Stdio::Terminal, Ends::default())
    } else {
        let (theirs, ours) = wiring::pipes(joining.interactive).map_err(super::supervisor::quiet("pipe2"))?;
        (Stdio::Pipes(theirs), ours)
    };
    let hidden = ours.as_raw_fd();
    let elsewhere = Elsewhere::of(running.init)?;
    let child = in_helper("to join without leaving our own namespaces", elsewhere.memory(), || {
        let _ = nix::unistd::close(hidden);
        // First the cgroups: their folders cannot be seen from inside, and a child is born where its parent is.
        for (version, group) in &running.cgroups {
            cgroup::join_alone(*version, group, "what runs in a container is counted with it")
                .map_err(Failure::at("join its cgroup"))?;
        }
        keyring::begin_session(&init::keyring_of(&container.id), "the container's keys, and none of the caller's")
            .map_err(Failure::at("join its session keyring"))?;
        elsewhere.enter()?;
        let flags = libc::CLONE_PARENT as u64;
        let child = process::clone(Role::Exec, flags, None, "the PID namespace takes only children", || {
            let (who, filter) = (init::Who::Wanted(who), filter.as_ref());
            let (socket, stdio) = (&theirs, &stdio);
            init::run_beside(process, &Beside { who, filter, socket, stdio, tied: true, preserved: 0 })
        })
        .map_err(Failure::at("fork in the container"))?;
        Ok(child.pid.as_raw())
    })?;
    drop((theirs, stdio));
    match super::supervisor::hear_out(&ours, &mut ends) {
        Ok(()) => Ok((child, ends)),
        Err(failure) => {
            // Left to this machine's PID 1, which may collect nobody, it would keep the container from ending: a PID
            // namespace ends when the last of its processes is collected (zap_pid_ns_processes, kernel/pid_namespace.c).
            let _ = process::wait(child.pid);
            Err(failure)
        }
    }
}

/// The container's own process, with another command: same capabilities, same environment. Who it is is looked up anew.
fn process_of(spec: &Spec, joining: &Joining) -> Process {
    let mut process = spec.process().clone().unwrap_or_default();
    process.set_args(Some(joining.argv.clone()));
    process.set_terminal(Some(joining.terminal));
    let mut env = process.env().clone().unwrap_or_default();
    if joining.terminal && !env.iter().any(|entry| entry.starts_with("TERM=")) {
        env.push("TERM=xterm".into());
    }
    env.extend(joining.env.iter().cloned());
    process.set_env(Some(env));
    if let Some(folder) = joining.workdir.as_ref().filter(|folder| !folder.is_empty()) {
        process.set_cwd(folder.into());
    }
    process
}

fn paused(name: &str) -> StartFailure {
    StartFailure::Told {
        chain: vec![format!("container {name} is paused, unpause the container before exec")],
        hint: Some(format!("`explore unpause {name}`")),
        code: 1,
    }
}

fn not_running(name: &str) -> StartFailure {
    StartFailure::Told {
        chain: vec![format!("container {name} is not running")],
        hint: Some(format!("`explore start {name}` starts it again")),
        code: 1,
    }
}
