//! `exec`: one more process in a container, with the rights that its own description gives it and the container's filter.

use super::super::init::{self, Who};
use super::super::message;
use super::super::privileges;
use super::super::supervisor;
use super::super::wiring::Stdio;
use super::follow::follow;
use super::record::{Folder, Record, Status};
use super::{OciError, console};
use crate::kernel::process::{self, Child};
use crate::kernel::{cgroup, keyring};
use crate::narrate::Role;
use crate::stages::failure::Failure;
use crate::stages::sibling::{Elsewhere, in_helper};
use oci_spec::runtime::{Process, Spec};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;

/// What `exec` was asked for.
#[derive(Debug, Clone)]
pub struct Beside {
    /// `--root`.
    pub root: PathBuf,
    /// The container.
    pub id: String,
    /// `--process`; without it the container's own, with what else was typed.
    pub process: Option<Process>,
    /// The command, where there is no `--process`.
    pub argv: Vec<String>,
    /// `--env`.
    pub env: Vec<String>,
    /// `--cwd`.
    pub cwd: Option<PathBuf>,
    /// `--tty`.
    pub terminal: bool,
    /// `--pid-file`.
    pub pid_file: Option<PathBuf>,
    /// `--console-socket`.
    pub console_socket: Option<PathBuf>,
    /// `--preserve-fds`.
    pub preserved: u32,
}

/// Runs it, and returns once it has become its program: a child of ours, and an orphan when we leave.
///
/// # Errors
/// All of [`OciError`]; nothing runs then.
pub fn exec(order: &Beside) -> Result<Child, OciError> {
    let folder = Folder::of(&order.root, &order.id)?;
    let (spec, record) = {
        let _alone = folder.lock()?;
        let record = folder.read()?;
        let status = folder.status(&record);
        if !matches!(status, Status::Running | Status::Created) {
            return Err(OciError::Status { verb: "exec in", id: order.id.clone(), status: status.word() });
        }
        (folder.spec()?, record)
    };
    let process = process_of(order, &spec);
    console::check(Some(&process), order.console_socket.as_deref())?;
    let (ours, child) = join(order, &spec, &record, process)?;
    // There is nothing to mount for one who joins.
    let mounted = || Err(supervisor::killed().into());
    if let Err(error) = follow(&ours, order.console_socket.as_deref(), mounted) {
        // Its own parent must collect it: the container's PID 1 could not end before (pid_namespaces(7)).
        let _ = process::signal(child.pidfd.as_fd(), libc::SIGKILL, "it has not become what it was to be");
        let _ = process::wait(child.pid);
        return Err(error);
    }
    if let Some(path) = &order.pid_file {
        super::write_pid(path, child.pid.as_raw())?;
    }
    Ok(child)
}

fn process_of(order: &Beside, spec: &Spec) -> Process {
    if let Some(process) = &order.process {
        return process.clone();
    }
    let mut process = spec.process().clone().unwrap_or_default();
    process.set_args(Some(order.argv.clone())).set_terminal(Some(order.terminal));
    let mut env = process.env().clone().unwrap_or_default();
    env.extend(order.env.iter().cloned());
    process.set_env(Some(env));
    if let Some(folder) = &order.cwd {
        process.set_cwd(folder.clone());
    }
    process
}

fn join(order: &Beside, spec: &Spec, record: &Record, process: Process) -> Result<(OwnedFd, Child), OciError> {
    let init = record.alive().ok_or(OciError::NotRunning)?;
    let filter = privileges::filter(spec)?;
    let (ours, theirs) = message::pair().map_err(supervisor::quiet("socketpair"))?;
    let stdio = if process.terminal() == Some(true) { Stdio::Terminal } else { Stdio::Inherited };
    let hidden = ours.as_raw_fd();
    let elsewhere = Elsewhere::of(init)?;
    let child = in_helper("to join without leaving our own namespaces", elsewhere.memory(), || {
        let _ = nix::unistd::close(hidden);
        // First the cgroups: their folders cannot be seen from inside, and a child is born where its parent is.
        for (version, group) in &record.cgroups {
            cgroup::join_alone(*version, group, "what runs in a container is counted with it")
                .map_err(Failure::at("join its cgroup"))?;
        }
        keyring::begin_session(&init::keyring_of(&record.id), "the container's keys, and none of the caller's")
            .map_err(Failure::at("join its session keyring"))?;
        elsewhere.enter()?;
        let flags = libc::CLONE_PARENT as u64;
        let child = process::clone(Role::Exec, flags, None, "the PID namespace takes only children", || {
            let (filter, socket, stdio) = (filter.as_ref(), &theirs, &stdio);
            let preserved = order.preserved;
            init::run_beside(
                process,
                &init::Beside { who: Who::Configured, filter, socket, stdio, tied: false, preserved },
            )
        })
        .map_err(Failure::at("fork in the container"))?;
        Ok(child.pid.as_raw())
    })?;
    Ok((ours, child))
}
