//! `create`: everything but the program.

use super::super::cgroup::{self, Place};
use super::super::hooks::{self, Hooks};
use super::super::init::{self, Change, Plan, Who};
use super::super::message::{self, ToInit};
use super::super::nodes;
use super::super::rootfs::{Manner, Source};
use super::super::supervisor;
use super::super::waiting::Waiting;
use super::super::wiring::Stdio;
use super::bundle::{Bundle, namespaces};
use super::follow::follow;
use super::record::{Folder, Record};
use super::{OciError, console, remove};
use crate::kernel::fifo;
use crate::kernel::namespace::{self, Kind};
use crate::kernel::process::{self, Child};
use crate::kernel::user::{self, MapLine};
use crate::narrate::Role;
use crate::stages::create;
use crate::stages::failure::Failure;
use crate::stages::sibling::{Memory, in_helper};
use crate::state::{Claim, Effect, Lock, ProcessIdentity, write_record};
use nix::unistd::Pid;
use oci_spec::runtime::{ContainerState, LinuxIdMapping, LinuxNamespaceType, Spec};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// What `create` was asked for.
#[derive(Debug, Clone)]
pub struct Creating {
    /// `--root`: where containers are remembered.
    pub root: PathBuf,
    /// The name that its caller gave it.
    pub id: String,
    /// `--bundle`.
    pub bundle: PathBuf,
    /// `--pid-file`.
    pub pid_file: Option<PathBuf>,
    /// `--console-socket`.
    pub console_socket: Option<PathBuf>,
    /// `--preserve-fds`.
    pub preserved: u32,
    /// `--no-new-keyring` was not given.
    pub keyring: bool,
    /// Whose namespaces the caller is in.
    pub ground: Ground,
}

/// What a container without a namespace of its own would share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ground {
    /// The machine's. What would change the host itself is refused.
    #[default]
    Host,
    /// Those of a stand-in for the host, which goes with the caller (`crate::without`): a container may have less than it
    /// should, its root may be changed by chroot(2) alone, and it may have a user namespace.
    StandIn {
        /// Its root is changed by chroot(2), not by pivot_root(2).
        chroot: bool,
    },
}

/// Makes a container whose PID 1 waits for [`super::start()`], and returns that: a child of ours, and soon an orphan.
///
/// # Errors
/// All of [`OciError`]; nothing is left then.
pub fn create(order: &Creating) -> Result<Child, OciError> {
    if !nix::unistd::geteuid().is_root() {
        return Err(OciError::NotRoot);
    }
    let bundle = Bundle::read(&order.bundle, order.ground)?;
    console::check(bundle.spec.process().as_ref(), order.console_socket.as_deref())?;
    check_descriptors(order.preserved)?;
    let folder = Folder::of(&order.root, &order.id)?;
    folder.make()?;
    let made = make(order, &bundle, &folder);
    if made.is_err() {
        // What cannot be taken back stays in the journal, and `delete --force` tries again.
        let _ = remove::take_back(&folder);
    }
    made
}

/// A number that is free could become a descriptor of ours, which the program would then inherit.
fn check_descriptors(count: u32) -> Result<(), OciError> {
    let open = |number: &u32| Path::new(&format!("/proc/self/fd/{number}")).symlink_metadata().is_ok();
    match (3..3u32.saturating_add(count)).find(|number| !open(number)) {
        Some(missing) => Err(OciError::Preserve { count, missing }),
        None => Ok(()),
    }
}

fn make(order: &Creating, bundle: &Bundle, folder: &Folder) -> Result<Child, OciError> {
    let alone = folder.lock()?;
    let spec = &bundle.spec;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    let mut record = Record {
        schema: 1,
        id: folder.id.clone(),
        bundle: bundle.folder.clone(),
        rootfs: bundle.rootfs.clone(),
        created: crate::image::time::rfc3339(now),
        annotations: spec.annotations().clone().unwrap_or_default(),
        creator: ProcessIdentity::myself(),
        complete: false,
        init: None,
        cgroups: Vec::new(),
        above: Vec::new(),
    };
    let place = place(spec, &folder.id);
    record.above = place.missing_above().map_err(OciError::call("find the cgroup trees"))?;
    folder.write(&record)?;
    write_record(&folder.file("config.json"), spec, false)?;
    let claim = Claim { owner: folder.id.clone(), holder: None };
    let cgroups = cgroup::create(place, &folder.journal(), &claim, spec)?;
    record.cgroups = cgroups.iter().map(|one| (one.tree.version, one.folder.clone())).collect();
    folder.write(&record)?;
    let lists = spec.hooks().clone().unwrap_or_default();
    let hooks = Hooks { lists, state: record.told() };
    let (ours, child) = clone_init(order, bundle, (folder, &alone), &cgroups, &hooks)?;
    let init = ProcessIdentity::of(child.pid.as_raw()).ok_or_else(|| supervisor::gone("it was to be let go"))?;
    folder.journal().announce(&claim, Effect::Process(init))?;
    record.init = Some(init);
    folder.write(&record)?;
    map_users(spec, child.pid)?;
    supervisor::tell(&ours, ToInit::Go)?;
    follow(&ours, order.console_socket.as_deref(), || {
        let state = hooks.told(ContainerState::Creating, init.pid);
        hooks::run("createRuntime", &hooks.create_runtime(), &state)?;
        supervisor::tell(&ours, ToInit::Connected).map_err(OciError::from)
    })?;
    if !init.is_alive() {
        return Err(supervisor::killed().into());
    }
    record.complete = true;
    folder.write(&record)?;
    if let Some(path) = &order.pid_file {
        super::write_pid(path, init.pid)?;
    }
    Ok(child)
}

/// Nobody is anybody in a new user namespace until its maps are written.
fn map_users(spec: &Spec, init: Pid) -> Result<(), Failure> {
    let Some(linux) = spec.linux() else { return Ok(()) };
    for (file, lines) in [("uid_map", linux.uid_mappings()), ("gid_map", linux.gid_mappings())] {
        let line =
            |one: &LinuxIdMapping| MapLine { inside: one.container_id(), outside: one.host_id(), length: one.size() };
        let lines: Vec<MapLine> = lines.iter().flatten().map(line).collect();
        if !lines.is_empty() {
            user::write_map(init, file, &lines).map_err(Failure::at("map its users"))?;
        }
    }
    Ok(())
}

/// A root that is a mount of its own mount namespace is changed for good; without one it is the process's alone.
fn change(order: &Creating, spec: &Spec) -> Change {
    let own = namespaces(spec).iter().any(|one| one.typ() == LinuxNamespaceType::Mount);
    if own && order.ground != (Ground::StandIn { chroot: true }) { Change::Pivot } else { Change::Chroot }
}

/// Where the groups of a container can be, by its `linux.cgroupsPath`: one in each tree that is ours to write.
///
/// # Errors
/// The look at the trees that failed.
pub fn groups(path: &Path, id: &str) -> Result<Vec<PathBuf>, OciError> {
    Place::of_path(Some(path), id).folders().map_err(OciError::call("find the cgroup trees"))
}

pub(super) fn place(spec: &Spec, id: &str) -> Place {
    Place::of_path(spec.linux().as_ref().and_then(|linux| linux.cgroups_path().as_deref()), id)
}

/// The namespaces that are there already, by their paths. The PID namespace is not one's own to change: only children of
/// one who has joined are in it.
fn joined(spec: &Spec) -> Result<(Vec<init::Existing>, Option<OwnedFd>), OciError> {
    let (mut others, mut pid) = (Vec::new(), None);
    for one in namespaces(spec) {
        let Some(path) = one.path() else { continue };
        let flags = nix::fcntl::OFlag::O_RDONLY | nix::fcntl::OFlag::O_CLOEXEC;
        let opened = nix::fcntl::open(path, flags, nix::sys::stat::Mode::empty())
            .map_err(|errno| OciError::file("open", path)(errno.into()))?;
        match create::kind(&one) {
            Kind::Pid => pid = Some(opened),
            kind => others.push((kind, opened, "a namespace that somebody else has made")),
        }
    }
    Ok((others, pid))
}

/// The CLONE_NEW* bits. A cgroup namespace begins where its maker is, so it is made later, by who is in the group already.
fn flags(spec: &Spec) -> u64 {
    let new = namespaces(spec).into_iter().filter(|one| one.path().is_none());
    let kinds: Vec<Kind> = new.map(|one| create::kind(&one)).filter(|kind| *kind != Kind::Cgroup).collect();
    namespace::bits(&kinds)
}

fn clone_init(
    order: &Creating,
    bundle: &Bundle,
    (folder, alone): (&Folder, &Lock),
    cgroups: &[cgroup::Joined],
    hooks: &Hooks,
) -> Result<(OwnedFd, Child), OciError> {
    let spec = &bundle.spec;
    let (ours, theirs) = message::pair().map_err(supervisor::quiet("socketpair"))?;
    let (joined, pid) = joined(spec)?;
    let terminal = spec.process().as_ref().and_then(oci_spec::runtime::Process::terminal) == Some(true);
    let guarded = cgroup::has_device_rules(cgroups);
    let fifo = |name: &str| fifo::create(&folder.file(name), "what `create` makes, `start` lets go");
    let waiting = Waiting {
        start: fifo("start.fifo").map_err(Failure::at("make a fifo"))?,
        answer: fifo("answer.fifo").map_err(Failure::at("make a fifo"))?,
        hooks: Some(hooks),
        preserved: order.preserved,
    };
    let plan = Plan {
        spec,
        source: Source::Folder(&bundle.rootfs),
        change: change(order, spec),
        manner: Manner::ByTheLetter { guarded },
        who: Who::Configured,
        joined,
        cgroups,
        opens_nodes: nodes::Opening::AsMounted,
        stands_in: false,
        unshares_cgroup: namespaces(spec)
            .iter()
            .any(|one| one.typ() == LinuxNamespaceType::Cgroup && one.path().is_none()),
        loopback: namespaces(spec).iter().any(|one| one.typ() == LinuxNamespaceType::Network && one.path().is_none()),
        socket: theirs,
        stdio: if terminal { Stdio::Terminal } else { Stdio::Inherited },
        keyring: order.keyring.then(|| init::keyring_of(&folder.id)),
        waiting: Some(waiting),
    };
    let group = cgroup::born_into(cgroups)?;
    let group = group.as_ref().map(AsFd::as_fd);
    // With the lock in its hands, a PID 1 whose creator was killed would keep `delete --force` waiting for ever.
    let hidden = [ours.as_raw_fd(), alone.as_raw_fd()];
    let born = |flags| {
        process::clone(Role::Init, flags, group, "PID 1, born in its namespaces", || {
            for one in hidden {
                let _ = nix::unistd::close(one);
            }
            init::run(&plan)
        })
        .map_err(Failure::at("make the container's namespaces"))
    };
    let Some(pid) = pid else { return Ok((ours, born(flags(spec))?)) };
    let child = in_helper("to join a PID namespace without leaving our own", Memory::Copied, || {
        namespace::setns(&pid, &[Kind::Pid], "its children are born there").map_err(Failure::at("join a namespace"))?;
        Ok(born(flags(spec) | libc::CLONE_PARENT as u64)?.pid.as_raw())
    })?;
    Ok((ours, child))
}
