//! The container's cgroups: a folder `explore/<id>` in each tree that is needed, with what was asked for written into it.
//!
//! Version 2 takes PID 1 at its birth (CLONE_INTO_CGROUP); version 1 takes it before it becomes its program. There each
//! further tree costs about 0.1 ms, so trees of which nothing was asked are left alone until they are needed (`update`,
//! `pause`).

mod devices;
mod groups;
mod setting;

pub(super) use devices::opens_more;
pub(super) use groups::{Joined, Place};

use super::StartFailure;
use super::running::Running;
use crate::kernel::cgroup::{self, Version};
use crate::kernel::user;
use crate::stages::failure::Failure;
use crate::state::{Claim, Journal};
use groups::Groups;
use oci_spec::runtime::{LinuxResources, Spec};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// The controllers that every container is put under: three that count for `stats`, and the one that closes devices.
const ALWAYS: [&str; 4] = ["pids", "memory", "cpuacct", "devices"];

/// Makes the groups and writes the limits. Where the trees are not ours to write (a user without delegation) there are
/// none, and a limit that was asked for is refused.
pub(super) fn create(place: Place, journal: &Journal, claim: &Claim, spec: &Spec) -> Result<Vec<Joined>, StartFailure> {
    let resources = spec.linux().as_ref().and_then(|linux| linux.resources().as_ref());
    let settings = resources.map(setting::of).unwrap_or_default();
    let mut groups = Groups::new(place, journal, claim)?;
    groups.have(&ALWAYS, &settings)?;
    for one in &settings {
        one.write(&groups.made)?;
    }
    match resources {
        Some(resources) if user::in_user_namespace() => devices::refuse_rules(resources)?,
        Some(resources) => devices::guard(&groups.made, resources)?,
        None => {}
    }
    Ok(groups.made)
}

/// Whether device rules hold for the members of these groups: then nodes may open as the rules say.
pub(super) fn has_device_rules(groups: &[Joined]) -> bool {
    let decides = |one: &Joined| one.tree.has("devices") && one.folder.join("devices.allow").exists();
    !user::in_user_namespace() && groups.iter().any(decides)
}

/// Writes limits into a container that runs. Trees that it is not in yet are joined now, by all of its processes.
pub(super) fn update(
    place: Place,
    journal: &Journal,
    running: &mut Running,
    resources: &LinuxResources,
) -> Result<(), StartFailure> {
    let settings = setting::of(resources);
    let mut groups = groups::of_running(place, journal, running)?;
    groups.have(&[], &settings)?;
    running.cgroups = groups.records();
    for one in &settings {
        one.write(&groups.made)?;
    }
    Ok(())
}

/// The group that can be frozen; in version 1 it is made now. What it needs to be undone stands in the journal.
pub(super) fn freezable(place: Place, journal: &Journal, running: &mut Running) -> Result<PathBuf, StartFailure> {
    let mut groups = groups::of_running(place, journal, running)?;
    let folder = groups.freezable()?;
    running.cgroups = groups.records();
    Ok(folder)
}

/// The group that the child is born into, where version 2 makes that possible.
pub(super) fn born_into(groups: &[Joined]) -> Result<Option<OwnedFd>, StartFailure> {
    let Some(group) = groups.iter().find(|one| one.tree.version == Version::V2) else { return Ok(None) };
    Ok(Some(cgroup::open(&group.folder).map_err(Failure::at("open its cgroup"))?))
}

// ANCHOR: join
/// Puts this process, PID 1 that will be, into the groups of version 1; into that of version 2 it was born.
pub(super) fn join(groups: &[Joined]) -> Result<(), Failure> {
    for group in groups.iter().filter(|one| one.tree.version == Version::V1) {
        cgroup::join_alone(group.tree.version, &group.folder, "before anything that is not our own code")
            .map_err(Failure::at("enter its cgroup"))?;
    }
    Ok(())
}
// ANCHOR_END: join
