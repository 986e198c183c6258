//! Namespaces that a container shares: found by what is known of the other container, held by descriptors, and looked at
//! again, so that a number that has changed hands in between leads nowhere.

use super::StartFailure;
use super::init::Existing;
use super::running::{self, Running};
use super::supervisor::networking;
use crate::kernel::mount;
use crate::kernel::namespace::{self, Kind};
use crate::kernel::process::{self, Child};
use crate::narrate::Role;
use crate::stages::create::{self, Container, Ipc, Sharing, SpaceError};
use crate::stages::failure::Failure;
use crate::stages::sibling::{Memory, in_helper};
use crate::state::{Claim, Effect, Journal, RecordError, Roots, write_record};
use nix::errno::Errno;
use nix::mount::MsFlags;
use oci_spec::runtime::{LinuxNamespaceType, Spec};
use std::os::fd::{BorrowedFd, OwnedFd};

/// Writes into the configuration what is known only now: where the namespaces are that it joins, which is so for one who
/// reads the bundle, too; and where the shared memory lies that others may join.
pub(super) fn complete(roots: &Roots, container: &Container, spec: &mut Spec) -> Result<(), StartFailure> {
    let mut places = Vec::new();
    if let Sharing::Container(id) = &container.spaces.pid {
        places.push((LinuxNamespaceType::Pid, running_other(roots, id, "PID")?.init.pid));
    }
    if let Ipc::Container(id) = &container.spaces.ipc {
        places.push((LinuxNamespaceType::Ipc, running_other(roots, id, "IPC")?.init.pid));
    }
    if let Some(other) = networking::other(roots, container)? {
        places.push((LinuxNamespaceType::Network, other.init.pid));
    }
    if !places.is_empty() {
        let listed = spec.linux_mut().as_mut().and_then(|linux| linux.namespaces_mut().as_mut());
        for one in listed.into_iter().flatten() {
            if let Some((_, pid)) = places.iter().find(|(kind, _)| *kind == one.typ()) {
                let path = format!("/proc/{pid}/ns/{}", create::kind(one).link());
                one.set_path(Some(path.into()));
            }
        }
        write_record(&create::folder(roots, &container.id).join("config.json"), spec, false)?;
    }
    if container.spaces.ipc == Ipc::Shareable {
        create::bind_shared_memory(spec, &create::shared_memory(roots, &container.id))
            .map_err(create::CreateError::Spec)?;
    }
    Ok(())
}

/// The namespaces of other containers, but for the network: that of processes, into which one must be born; the others.
pub(super) fn joined(roots: &Roots, container: &Container) -> Result<(Option<OwnedFd>, Vec<Existing>), StartFailure> {
    let pid = match &container.spaces.pid {
        Sharing::Container(id) => Some(of_other(roots, id, Kind::Pid, "PID")?),
        _ => None,
    };
    let mut others = Vec::new();
    if let Ipc::Container(id) = &container.spaces.ipc {
        others.push((Kind::Ipc, of_other(roots, id, Kind::Ipc, "IPC")?, "it has the queues of the other container"));
    }
    Ok((pid, others))
}

/// Clones the first process, where that is to be, into the PID namespace of another container: only children enter one
/// (pid_namespaces(7)), so a helper enters it and has the child for us.
pub(super) fn born(
    pid_namespace: Option<&OwnedFd>,
    flags: u64,
    group: Option<BorrowedFd<'_>>,
    life: impl FnOnce() -> i32,
) -> Result<Child, Failure> {
    let born = |flags| {
        process::clone(Role::Init, flags, group, "PID 1, born in its namespaces", life)
            .map_err(Failure::at("make the container's namespaces"))
    };
    let Some(namespace) = pid_namespace else { return born(flags) };
    in_helper("to join a PID namespace without leaving our own", Memory::Copied, || {
        let why = "it sees the processes of the other container";
        namespace::setns(namespace, &[Kind::Pid], why).map_err(Failure::at("join a namespace"))?;
        Ok(born(flags | libc::CLONE_PARENT as u64)?.pid.as_raw())
    })
}

fn of_other(roots: &Roots, id: &str, kind: Kind, shown: &'static str) -> Result<OwnedFd, StartFailure> {
    let running = running_other(roots, id, shown)?;
    match running.namespace(kind) {
        Err(error) if error.errno() == Errno::ESRCH => Err(not_running(shown, id)),
        found => Ok(found.map_err(Failure::at("find the namespace of the other container"))?),
    }
}

fn running_other(roots: &Roots, id: &str, shown: &'static str) -> Result<Running, StartFailure> {
    let other = create::load(roots, id).map_err(|_| StartFailure::of(&SpaceError::NoSuchContainer(id.to_owned())))?;
    running::running(roots, id).ok_or_else(|| not_running(shown, &other.name))
}

fn not_running(kind: &'static str, name: &str) -> StartFailure {
    StartFailure::of(&SpaceError::NotRunning { kind, name: name.to_owned() })
}

/// The shared memory of one that others may join lies where they find it: a mount of this machine, for as long as it
/// runs. Docker keeps it in the same way, as `mounts/shm` of the container's folder.
pub(super) fn share_memory(
    roots: &Roots,
    journal: &Journal,
    claim: &Claim,
    container: &Container,
) -> Result<(), StartFailure> {
    if container.spaces.ipc != Ipc::Shareable {
        return Ok(());
    }
    let target = create::shared_memory(roots, &container.id);
    std::fs::create_dir_all(&target).map_err(|source| RecordError::Write { path: target.clone(), source })?;
    let effect = Effect::Mount { target: target.clone(), fstype: "tmpfs".into(), source: "shm".into() };
    journal.announce(claim, effect)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let why = "shared memory that other containers may join";
    mount::mount("shm", &target, "tmpfs", flags, "mode=1777,size=67108864", why)
        .map_err(Failure::at("make shared memory for others to join"))?;
    Ok(())
}
