//! The container's cgroups: one folder a tree, `explore/<id>`, with what was asked for written into it.
//!
//! Version 2 takes PID 1 at its birth (CLONE_INTO_CGROUP); version 1 takes it before it becomes its program.

use super::StartFailure;
use crate::kernel::cgroup::{self, Version};
use crate::kernel::user;
use crate::stages::failure::Failure;
use crate::state::{Claim, Effect, Journal};
use nix::errno::Errno;
use nix::unistd::Pid;
use oci_spec::runtime::Spec;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// The controllers that every container is put under.
const CONTROLLERS: [&str; 2] = ["pids", "memory"];

/// A group that was made for this container.
#[derive(Debug, Clone)]
pub(super) struct Joined {
    pub(super) version: Version,
    pub(super) folder: PathBuf,
}

/// Makes the groups and writes the limits. Where the trees are not ours to write (a user without delegation) there are
/// none, and a limit that was asked for is refused.
pub(super) fn create(journal: &Journal, claim: &Claim, spec: &Spec) -> Result<Vec<Joined>, StartFailure> {
    let wanted = Wanted::of(spec);
    if user::in_user_namespace() {
        return match wanted.first() {
            Some(flag) => Err(not_delegated(flag)),
            None => Ok(Vec::new()),
        };
    }
    let mut made: Vec<Joined> = Vec::new();
    for controller in CONTROLLERS {
        let Some(tree) = cgroup::find(controller) else { continue };
        let folder = tree.mount.join("explore").join(&claim.owner);
        if made.iter().any(|one| one.folder == folder) {
            continue;
        }
        journal.announce(claim, Effect::Cgroup { path: folder.clone() })?;
        let relative = Path::new("explore").join(&claim.owner);
        cgroup::create(&tree, &relative, "what the container uses is counted and limited here")
            .map_err(Failure::at(&format!("make a cgroup for {controller}")))?;
        made.push(Joined { version: tree.version, folder });
    }
    wanted.write(&made)?;
    Ok(made)
}

/// The group that the child is born into, where version 2 makes that possible.
pub(super) fn born_into(groups: &[Joined]) -> Result<Option<OwnedFd>, StartFailure> {
    let Some(group) = groups.iter().find(|one| one.version == Version::V2) else { return Ok(None) };
    Ok(Some(cgroup::open(&group.folder).map_err(Failure::at("open its cgroup"))?))
}

/// Puts the child into the groups of version 1, before it becomes its program.
pub(super) fn join(groups: &[Joined], child: Pid) -> Result<(), StartFailure> {
    for group in groups.iter().filter(|one| one.version == Version::V1) {
        cgroup::join(&group.folder, child, "before its first instruction of its own")
            .map_err(Failure::at("put it into its cgroup"))?;
    }
    Ok(())
}

/// What config.json asks for.
struct Wanted {
    memory: Option<i64>,
    pids: Option<i64>,
}

impl Wanted {
    fn of(spec: &Spec) -> Self {
        let resources = spec.linux().as_ref().and_then(|linux| linux.resources().as_ref());
        Self {
            memory: resources.and_then(|all| all.memory().as_ref()).and_then(oci_spec::runtime::LinuxMemory::limit),
            pids: resources.and_then(|all| all.pids().as_ref()).map(oci_spec::runtime::LinuxPids::limit),
        }
    }

    fn first(&self) -> Option<&'static str> {
        self.memory.map(|_| "--memory").or(self.pids.map(|_| "--pids-limit"))
    }

    fn write(&self, groups: &[Joined]) -> Result<(), StartFailure> {
        if let Some(bytes) = self.memory {
            limit(groups, "--memory", &[("memory.limit_in_bytes", "memory.max")], &bytes.to_string())?;
        }
        if let Some(tasks) = self.pids {
            limit(groups, "--pids-limit", &[("pids.max", "pids.max")], &tasks.to_string())?;
        }
        Ok(())
    }
}

/// Writes into the group that has the file: `(name in version 1, name in version 2)`.
fn limit(groups: &[Joined], flag: &str, files: &[(&str, &str)], value: &str) -> Result<(), StartFailure> {
    for (v1, v2) in files {
        let file_in = |group: &Joined| if group.version == Version::V1 { (*v1).to_owned() } else { (*v2).to_owned() };
        let group = groups.iter().find(|group| group.folder.join(file_in(group)).exists());
        let Some(group) = group else {
            let error = crate::kernel::Error::quiet("openat", &format_args!("{v2:?}"), Errno::ENOENT);
            return Err(Failure::at(&format!("obey {flag}: this machine has no such controller"))(error).into());
        };
        cgroup::limit(&group.folder, &file_in(group), value, "as it was asked for")
            .map_err(Failure::at(&format!("obey {flag}")))?;
    }
    Ok(())
}

fn not_delegated(flag: &str) -> StartFailure {
    StartFailure::Told {
        chain: vec![format!("{flag} needs a cgroup, and none is delegated to this user")],
        hint: Some("run it as root, or leave the limit out; `explore doctor` tells what could delegate one".into()),
        code: 125,
    }
}
