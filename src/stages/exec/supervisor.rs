//! The supervisor: sets up, clones PID 1, carries its bytes, and takes everything back when it ends.

use super::log::Log;
use super::message::{self, FromInit, Packet, ToClient, ToInit};
use super::nodes::Opening;
use super::rootfs::{Manner, Source};
use super::running::{self, Running};
use super::wiring::{self, Ends, Stdio};
use super::{StartFailure, cgroup, init, socket, spaces};
use crate::error::Explain;
use crate::kernel::cgroup::Version;
use crate::kernel::namespace::{self, Kind};
use crate::kernel::process::{self, Child, Ended};
use crate::kernel::{self, fs, user};
use crate::narrate::{self, Role};
use crate::stages::create::{self, Container, Status, What};
use crate::stages::exit::Extent;
use crate::stages::failure::Failure;
use crate::stages::layer::Union;
use crate::stages::network::door::{self, Door};
use crate::stages::{exit, keeper};
use crate::state::{Claim, Effect, Journal, ProcessIdentity, Roots};
use audience::Audience;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use oci_spec::runtime::Spec;
use std::cell::RefCell;
use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;

pub(super) mod audience;
pub(super) mod carry;
pub(super) mod networking;

/// What the supervisor is told on its command line.
#[derive(Debug)]
pub struct Orders {
    /// The container.
    pub id: String,
    /// The socket to the command that started it.
    pub client: OwnedFd,
    /// The state folders.
    pub roots: Roots,
    /// Where to tell what happens; closed once nobody listens.
    pub narrate: Option<OwnedFd>,
    /// The command in whose interest it runs.
    pub attached_to: Option<i32>,
    /// Ports of this machine at which it answers, without root.
    pub doors: Vec<Door>,
    /// The container will have a network of its own, and is still being written down.
    pub begins_network: bool,
}

/// A container that is about to run, or runs.
struct Started {
    child: Child,
    ends: Ends,
    claim: Claim,
    /// Where those who want to attach call.
    door: Option<OwnedFd>,
    cgroups: Vec<cgroup::Joined>,
    network: networking::Networking,
}

/// The whole life of a supervisor.
pub fn supervise(orders: Orders) -> i32 {
    settle_in(&orders, c"explore: superv", Role::Supervisor);
    let share = user::in_user_namespace().then(|| keeper::share(&orders.roots).ok()).flatten();
    let roots = orders.roots.clone();
    let status = oversee(orders);
    if let Some(share) = share {
        share.leave(&roots);
    }
    status
}

fn oversee(orders: Orders) -> i32 {
    let network = networking::begin_ahead(&orders);
    // The command may have begun us before it has made the container, and may fail there, or be ended.
    if !matches!(message::receive(&orders.client), Ok(Packet::Message(bytes, _)) if made(&bytes)) {
        return 125;
    }
    let found = create::find(&orders.roots, &orders.id).map_err(StartFailure::from);
    let begun = found.and_then(|mut container| {
        container.wish.publish = door::behind(&orders.doors, &container.wish);
        start(&orders, &container, network).map(|started| (container, started))
    });
    match begun {
        Ok((container, started)) => live(orders, container, started),
        Err(failure) => {
            let _ = message::send(&orders.client, &ToClient::Failed(failure));
            125
        }
    }
}

fn made(bytes: &[u8]) -> bool {
    matches!(Packet::parse(bytes), Some(message::FromClient::Made))
}

/// What the command's process was is left behind: its name, its descriptors, its umask, its standing, its signals.
pub(super) fn settle_in(orders: &Orders, name: &CStr, role: Role) {
    narrate::set_role(role);
    process::set_name(name);
    let _ = fs::close_on_exec(&orders.client);
    for door in &orders.doors {
        let _ = fs::close_on_exec(door.socket());
    }
    if let Some(sink) = &orders.narrate {
        let _ = fs::close_on_exec(sink);
        narrate::listen_on(sink.as_fd());
    }
    process::take_usual_umask();
    process::take_usual_standing();
    process::restore_signals();
    process::ignore_callers_signals();
    process::silence_stdio();
}

/// From nothing to a PID 1 that runs. What fails is taken back here, in reverse.
fn start(orders: &Orders, container: &Container, network: Option<OwnedFd>) -> Result<Started, StartFailure> {
    let roots = &orders.roots;
    let bundle = create::folder(roots, &container.id);
    let _alone = running::lock_at_rest(roots, &container.id)
        .map_err(|source| create::CreateError::Folder { path: bundle.clone(), source })?
        .map_err(|_| runs_already(container))?;
    let mut spec = create::spec(roots, &container.id)?;
    spaces::complete(roots, container, &mut spec)?;
    let union = Union::of(roots, container)?;
    let there = networking::there(roots, container, &spec, network)?;
    let claim = Claim { owner: container.id.clone(), holder: Some(ProcessIdentity::myself()) };
    let begun = begin(orders, container, (&spec, &union), &claim, there.as_ref());
    if begun.is_err() {
        take_back(roots, container, Extent::Mine);
    }
    begun
}

fn begin(
    orders: &Orders,
    container: &Container,
    (spec, union): (&Spec, &Union),
    claim: &Claim,
    there: Option<&networking::There>,
) -> Result<Started, StartFailure> {
    let roots = &orders.roots;
    let journal = Journal::at(roots.journal());
    make_missing(container)?;
    let cgroups = cgroup::create(cgroup::Place::ours(roots, &container.id), &journal, claim, spec)?;
    spaces::share_memory(roots, &journal, claim, container)?;
    let (ours, theirs) = message::pair().map_err(quiet("socketpair"))?;
    let (stdio, mut ends) = if container.terminal {
        (Stdio::Terminal, Ends::default())
    } else {
        let (theirs, ours) = wiring::pipes(container.interactive).map_err(quiet("pipe2"))?;
        (Stdio::Pipes(theirs), ours)
    };
    let unshares_cgroup = cgroups.iter().any(|one| one.tree.version == Version::V1) && lists_cgroup(spec);
    let flags = flags(spec, there.is_some(), unshares_cgroup);
    let (pid_namespace, others) = spaces::joined(roots, container)?;
    let net = there.map(networking::There::joined).transpose()?;
    let connected = there.is_some_and(|there| there.connected);
    let plan = init::Plan {
        spec,
        source: Source::Union { roots, union, mounted: container.layer_mounted },
        change: init::Change::Pivot,
        manner: Manner::Ours,
        who: init::Who::Wanted(container.program.who()),
        joined: net.into_iter().chain(others).collect(),
        cgroups: &cgroups,
        opens_nodes: if cgroup::opens_more(spec, &cgroups) && !user::in_user_namespace() {
            Opening::Let
        } else {
            Opening::AsMounted
        },
        stands_in: container.program.init,
        unshares_cgroup,
        loopback: container.wish.is_alone(&container.network) && !connected,
        socket: theirs,
        stdio,
        keyring: Some(init::keyring_of(&container.id)),
        waiting: None,
    };
    let group = cgroup::born_into(&cgroups)?;
    let hidden = ours.as_raw_fd();
    let child = spaces::born(pid_namespace.as_ref(), flags, group.as_ref().map(AsFd::as_fd), || {
        // With a copy of our end it would never see us die.
        let _ = nix::unistd::close(hidden);
        init::run(&plan)
    })?;
    drop(plan);
    let init = ProcessIdentity::of(child.pid.as_raw()).ok_or_else(|| gone("it was to be let go"))?;
    journal.announce(claim, Effect::Process(init))?;
    tell(&ours, ToInit::Go)?;
    // While it makes its mounts.
    let door = register(orders, container, init, &cgroups)?;
    let network = match networking::connect(orders, container, child.pid.as_raw(), claim, there) {
        Ok(network) => {
            tell(&ours, ToInit::Connected)?;
            network
        }
        // Nothing can be connected to one that is gone: what it has said counts, or how it was ended.
        Err(_) if has_spoken(&ours) => networking::Networking::default(),
        Err(failure) => return Err(failure),
    };
    hear_out(&ours, &mut ends)?;
    running::become_known(roots, &container.id)?;
    Ok(Started { child, ends, claim: claim.clone(), door, cgroups, network })
}

/// A folder of this machine that `-v` names and that is not there: docker makes it, and leaves it (moby volume/mounts,
/// `MountPoint.Setup`).
fn make_missing(container: &Container) -> Result<(), StartFailure> {
    for mount in &container.mounts {
        if let What::Bind { source, make: true, .. } = &mount.what
            && !source.exists()
        {
            std::fs::create_dir_all(source)
                .map_err(|error| create::CreateError::Folder { path: source.clone(), source: error })?;
        }
    }
    Ok(())
}

/// One that cannot hear it any more has said why, or was killed: both are heard next.
pub(super) fn tell(socket: &OwnedFd, message: ToInit) -> Result<(), Failure> {
    match message::send(socket, &message) {
        Ok(()) | Err(Errno::EPIPE) => Ok(()),
        Err(errno) => Err(quiet("sendmsg")(errno)),
    }
}

/// Whether there is something to read, be it the end.
fn has_spoken(socket: &OwnedFd) -> bool {
    let mut one = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    poll(&mut one, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

/// The CLONE_NEW* bits of config.json, without those that it joins or gets later.
fn flags(spec: &Spec, joins_network: bool, cgroup_later: bool) -> u64 {
    let mut kinds = new_namespaces(spec);
    kinds.retain(|kind| !(joins_network && *kind == Kind::Net || cgroup_later && *kind == Kind::Cgroup));
    namespace::bits(&kinds)
}

/// The namespaces of config.json that are to be new.
fn new_namespaces(spec: &Spec) -> Vec<Kind> {
    let listed = spec.linux().as_ref().and_then(|linux| linux.namespaces().as_ref());
    listed.into_iter().flatten().filter(|one| one.path().is_none()).map(create::kind).collect()
}

fn lists_cgroup(spec: &Spec) -> bool {
    create::kinds(spec).contains(&Kind::Cgroup)
}

/// Says that it runs, before it does: whoever finds a trace of it finds also whose it is.
fn register(
    orders: &Orders,
    container: &Container,
    init: ProcessIdentity,
    cgroups: &[cgroup::Joined],
) -> Result<Option<OwnedFd>, StartFailure> {
    let folder = running::folder(&orders.roots, &container.id);
    let failed = |source| crate::state::RecordError::Write { path: folder.clone(), source };
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let record = Running {
        schema: 1,
        init,
        supervisor: ProcessIdentity::myself(),
        client: orders.attached_to.and_then(ProcessIdentity::of),
        started: seconds(),
        cgroups: cgroups.iter().map(|one| (one.tree.version, one.folder.clone())).collect(),
    };
    // First the socket: whoever finds that it runs may call. Where none can be made, nobody can attach.
    let door = socket::open(&folder).ok();
    running::begin(&orders.roots, &container.id, &record)?;
    Ok(door)
}

/// Waits until PID 1 has become its program, or has said why not.
pub(super) fn hear_out(socket: &OwnedFd, ends: &mut Ends) -> Result<(), StartFailure> {
    let mut ready = false;
    loop {
        match message::receive(socket).map_err(quiet("recvmsg"))? {
            Packet::Message(bytes, descriptor) => match (Packet::parse::<FromInit>(&bytes), descriptor) {
                (Some(FromInit::Terminal), Some(master)) => ends.output = Some(master),
                (Some(FromInit::Ready), _) => ready = true,
                (Some(FromInit::Failed(failure)), _) => return Err(failure),
                _ => return Err(gone("it was to speak").into()),
            },
            Packet::Data(..) => {}
            // The socket closes on exec. It also closes when its process is killed before.
            Packet::End if ready => return Ok(()),
            Packet::End => return Err(killed()),
        }
    }
}

/// Carries bytes until it ends, then takes everything back.
fn live(orders: Orders, mut container: Container, started: Started) -> i32 {
    let started_at = seconds();
    // Before anybody hears that it runs, and wants to read what it says.
    let log = Log::open(&create::folder(&orders.roots, &container.id)).ok();
    let _ = message::send(&orders.client, &ToClient::Started(started.child.pid.as_raw()));
    let roots = orders.roots.clone();
    let mut audience = audience(orders, &container, started.door);
    let network = Rc::new(RefCell::new(started.network));
    audience.connected = Some(networking::serve_later(&network, &roots, &started.claim, started.child.pid.as_raw()));
    carry::carry(&started.child, started.ends, &mut audience, log);
    let ended = process::wait(started.child.pid).unwrap_or(Ended::Killed(libc::SIGKILL));
    let counts_memory = |group: &&cgroup::Joined| group.tree.has("memory");
    let mut counted = started.cgroups.iter().filter(counts_memory);
    let oom_killed = counted.any(|group| kernel::cgroup::oom_kills(&group.folder) > 0);
    // Whoever starts it next waits until all of this is taken back.
    let alone = running::lock(&roots, &container.id).ok();
    // Its name, its limits, its networks may be others by now.
    container = create::load(&roots, &container.id).unwrap_or(container);
    container.layer_mounted = false;
    container.status = Status::Exited { how: ended, started: started_at, at: seconds(), oom_killed };
    if !container.remove {
        let _ = create::save(&roots, &container);
    }
    network.take().end(&roots, &container.id);
    take_back(&roots, &container, Extent::Everything);
    if container.remove {
        let _ = exit::remove_files(&roots, &container, exit::Volumes::Anonymous);
    }
    audience.tell_end(ended);
    drop((started.claim, started.cgroups, alone));
    0
}

/// Whoever may listen: the command that started it, if it stays; and all who call.
fn audience(orders: Orders, container: &Container, door: Option<OwnedFd>) -> Audience {
    let stays = orders.attached_to.is_some();
    let mut audience = if stays { Audience::of(orders.client) } else { Audience::default() };
    audience.narration = orders.narrate;
    if !stays {
        // Nobody waits for what we tell from here on.
        audience.silence();
    }
    let (roots, id) = (orders.roots, container.id.clone());
    audience.open(door, Box::new(move || running::let_go(&roots, &id)));
    audience
}

fn take_back(roots: &Roots, container: &Container, extent: Extent) {
    // What cannot be undone stays in the journal, and the next command tries again and says so.
    let _ = exit::take_back(roots, &container.id, extent);
}

fn seconds() -> u64 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs())
}

pub(super) fn quiet(call: &'static str) -> impl Fn(Errno) -> Failure {
    move |errno| Failure::at("speak with PID 1")(kernel::Error::quiet(call, &format_args!("…"), errno))
}

fn runs_already(container: &Container) -> StartFailure {
    let error = super::StartError::Running(container.name.clone());
    StartFailure::Told { chain: vec![error.to_string()], hint: error.hint(), code: error.exit().code() }
}

pub(super) fn killed() -> StartFailure {
    StartFailure::Told {
        chain: vec!["its first process was killed before it became the program".into()],
        hint: Some(
            "by another command, or because its memory limit is too small: `dmesg` tells what the kernel kills".into(),
        ),
        code: 125,
    }
}

pub(super) fn gone(when: &str) -> Failure {
    Failure::at(&format!("find PID 1 when {when}"))(kernel::Error::quiet(
        "pidfd_open",
        &format_args!("…"),
        Errno::ESRCH,
    ))
}
