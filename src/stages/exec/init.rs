//! PID 1 between its birth and its program. Everything that it must not be able to do later, it does to itself here;
//! the order is runc's (libcontainer/standard_init_linux.go).

use super::message::{self, FromInit, Packet, ToInit};
use super::rootfs::{Manner, Source};
use super::waiting::Waiting;
use super::wiring::Stdio;
use super::{StartFailure, cgroup, devices, nodes, oom, privileges, rootfs, stand_in, wiring};
use crate::kernel::namespace::{self, Kind};
use crate::kernel::rlimit::{self, Limit, Resource};
use crate::kernel::seccomp::Filter;
use crate::kernel::{self, chroot, fs, keyring, mount, netlink, process, pty, uts};
use crate::stages::failure::Failure;
use crate::stages::user::{self, Files, UserError, Wanted};
use nix::errno::Errno;
use oci_spec::runtime::{PosixRlimit, Process, Spec};
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// What the supervisor has prepared.
pub(super) struct Plan<'a> {
    pub(super) spec: &'a Spec,
    pub(super) source: Source<'a>,
    pub(super) change: Change,
    pub(super) manner: Manner,
    pub(super) who: Who,
    /// Namespaces that are there already, to be joined, and why.
    pub(super) joined: Vec<Existing>,
    /// Where it is counted and limited.
    pub(super) cgroups: &'a [cgroup::Joined],
    pub(super) opens_nodes: nodes::Opening,
    /// PID 1 stays ours, and the program is its child.
    pub(super) stands_in: bool,
    /// It gets a cgroup namespace once it is in its groups: the namespace begins where it stands then.
    pub(super) unshares_cgroup: bool,
    /// Its network namespace is new: a loopback that is down, which nobody is nearer to than itself.
    pub(super) loopback: bool,
    /// Its end of the socket to the supervisor.
    pub(super) socket: OwnedFd,
    pub(super) stdio: Stdio,
    /// The session keyring that it begins with.
    pub(super) keyring: Option<String>,
    /// Where another engine made it and starts it later, by itself and not under a supervisor of ours.
    pub(super) waiting: Option<Waiting<'a>>,
}

/// How its root becomes `/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// pivot_root(2): the old root leaves its mount namespace.
    Pivot,
    /// chroot(2): the old root stays, above it. What runc does where there is no mount namespace (libcontainer/rootfs_linux.go,
    /// `prepareRootfs`), and what only a stand-in for the host is used for.
    Chroot,
}

/// A namespace that is there already, and why it is joined.
pub(super) type Existing = (Kind, OwnedFd, &'static str);

/// Who its program is.
pub(super) enum Who {
    /// To be looked up in its own files.
    Wanted(Wanted),
    /// The numbers that its configuration has.
    Configured,
}

/// What else is so for one more process.
pub(super) struct Beside<'a> {
    pub(super) who: Who,
    pub(super) filter: Option<&'a Filter>,
    /// Its end of the socket to the one who joined for it.
    pub(super) socket: &'a OwnedFd,
    pub(super) stdio: &'a Stdio,
    /// It ends with the command that started it.
    pub(super) tied: bool,
    /// How many descriptors from 3 on it keeps.
    pub(super) preserved: u32,
}

/// As runc calls it (libcontainer/init_linux.go, `getSessionRingName`).
pub(super) fn keyring_of(id: &str) -> String {
    format!("_ses.{id}")
}

/// The whole life of it; returns only where it could not become its program.
pub(super) fn run(plan: &Plan<'_>) -> i32 {
    let (process, filter) = match prepare(plan) {
        Ok(both) => both,
        Err(failure) => return fail(&plan.socket, failure),
    };
    let preserved = plan.waiting.as_ref().map_or(0, |waiting| waiting.preserved);
    let program = || become_program(&process, filter.as_ref(), preserved);
    match &plan.waiting {
        Some(waiting) => match find_program(&process) {
            Ok(()) => waiting.wait(&plan.socket, program),
            Err(failure) => fail(&plan.socket, failure.into()),
        },
        None if plan.stands_in => {
            let command = process.args().clone().unwrap_or_default();
            let program = || fail(&plan.socket, program().into());
            stand_in::run(&command, program).unwrap_or_else(|failure| fail(&plan.socket, failure.into()))
        }
        None => fail(&plan.socket, program().into()),
    }
}

fn fail(socket: &OwnedFd, failure: StartFailure) -> i32 {
    let code = i32::from(failure.code());
    let _ = message::send(socket, &FromInit::Failed(failure));
    code
}

/// The life of one more process in a container: it stands in its namespaces already.
pub(super) fn run_beside(process: Process, beside: &Beside<'_>) -> i32 {
    let failure = match prepare_beside(process, beside) {
        Ok(process) => become_program(&process, beside.filter, beside.preserved).into(),
        Err(failure) => failure,
    };
    fail(beside.socket, failure)
}

fn prepare_beside(mut process: Process, beside: &Beside<'_>) -> Result<Process, StartFailure> {
    if beside.tied {
        process::die_with_parent("nobody could collect it otherwise").map_err(Failure::at("tie it to the command"))?;
    }
    become_known(&beside.who, root()?.as_fd(), &mut process)?;
    take_stdio(beside.socket, beside.stdio, &process, Console::Leave)?;
    oom::adjust(&process)?;
    settle(&process, beside.filter, beside.socket, (Missing::Refuse, beside.tied))?;
    Ok(process)
}

fn prepare(plan: &Plan<'_>) -> Result<(Process, Option<Filter>), StartFailure> {
    wait_for(plan, ToInit::Go)?;
    process::set_name(c"explore: init");
    if plan.waiting.is_none() {
        process::die_with_parent("a container without its supervisor could not be ended")
            .map_err(Failure::at("tie it to its supervisor"))?;
    }
    enter_groups(plan)?;
    let mut process = plan.spec.process().clone().ok_or_else(|| missing("a process"))?;
    let taken = rootfs::take(&plan.source, plan.spec, plan.manner)?;
    let root = &taken.root;
    // Before a volume can cover the files that say so, as docker does.
    become_known(&plan.who, root.as_fd(), &mut process)?;
    rootfs::furnish(&taken, plan.spec, plan.cgroups)?;
    nodes::show(root.as_fd(), plan.spec, plan.opens_nodes)?;
    let filter = privileges::filter(plan.spec)?;
    if plan.waiting.is_some() {
        message::send(&plan.socket, &FromInit::Mounted).map_err(quiet("sendmsg")).map_err(Failure::at("speak up"))?;
    }
    wait_for(plan, ToInit::Connected)?;
    if let Some(waiting) = &plan.waiting {
        waiting.run_create_hooks()?;
    }
    let changed = match plan.change {
        Change::Pivot => mount::pivot_into(root.as_fd(), "the union becomes /"),
        Change::Chroot => chroot::enter(root.as_fd(), "the union becomes / of this process, and of its children"),
    };
    changed.map_err(Failure::at("change the root"))?;
    take_names(plan.spec)?;
    take_stdio(&plan.socket, &plan.stdio, &process, Console::Bind)?;
    rootfs::seal(root.as_fd(), plan.spec)?;
    oom::adjust(&process)?;
    settle(&process, filter.as_ref(), &plan.socket, (Missing::Make, plan.waiting.is_none()))?;
    Ok((process, filter))
}

/// The cgroups, the namespaces that others have made, a view of the cgroups that begins where it now is, and what a new
/// network has of itself.
fn enter_groups(plan: &Plan<'_>) -> Result<(), Failure> {
    cgroup::join(plan.cgroups)?;
    for (kind, namespace, why) in &plan.joined {
        let step = if *kind == Kind::Net { "join its network" } else { "join a namespace" };
        namespace::setns(namespace, &[*kind], why).map_err(Failure::at(step))?;
    }
    if plan.unshares_cgroup {
        namespace::unshare(&[Kind::Cgroup], "the group that it is in looks like the top")
            .map_err(Failure::at("make its cgroup namespace"))?;
    }
    if plan.loopback {
        netlink::Socket::open()
            .and_then(|mut socket| socket.loopback_up("127.0.0.1 works"))
            .map_err(Failure::at("switch on its loopback"))?;
    }
    if let Some(name) = &plan.keyring {
        keyring::begin_session(name, "none of the caller's keys").map_err(Failure::at("begin a session keyring"))?;
    }
    Ok(())
}

fn take_names(spec: &Spec) -> Result<(), Failure> {
    if let Some(hostname) = spec.hostname().as_ref().filter(|name| !name.is_empty()) {
        uts::sethostname(hostname, "its own host name").map_err(Failure::at("set its host name"))?;
    }
    if let Some(name) = spec.domainname().as_ref().filter(|name| !name.is_empty()) {
        uts::setdomainname(name, "its own domain name").map_err(Failure::at("set its domain name"))?;
    }
    Ok(())
}

/// Limits, working directory, and what it must not be able to do. The folder is entered by root, as runc does: a user
/// need not be able to reach it. Where not even root can (a network filesystem may take root for nobody), the user may.
fn settle(
    process: &Process,
    filter: Option<&Filter>,
    socket: &OwnedFd,
    (missing, tied): (Missing, bool),
) -> Result<(), Failure> {
    for one in process.rlimits().iter().flatten() {
        limit(one)?;
    }
    let entered = enter_workdir(process, missing);
    say_ready(socket)?;
    process::keep_out("it will have no more rights than those beside it, and still holds what they must not have")
        .map_err(Failure::at("keep others out"))?;
    privileges::give_up(process, filter, tied)?;
    match entered {
        Err(failure) if failure.error.errno() == Errno::EACCES => enter_workdir(process, Missing::Refuse),
        other => other,
    }
}

fn limit(wanted: &PosixRlimit) -> Result<(), Failure> {
    let name = wanted.typ().to_string();
    let step = || format!("set the limit {name}");
    let Some(resource) = Resource::of_oci(&name) else {
        let error = kernel::Error::quiet("setrlimit", &format_args!("{name}"), Errno::EINVAL);
        return Err(Failure::at(&step())(error));
    };
    rlimit::set(resource, Limit { soft: wanted.soft(), hard: wanted.hard() }, "as it was asked for")
        .map_err(Failure::at(&step()))
}

/// Who the program is, by the files of its own root, and where it is at home.
fn become_known(who: &Who, root: BorrowedFd<'_>, process: &mut Process) -> Result<(), UserError> {
    let Who::Wanted(wanted) = who else {
        user::bring_home(root, process);
        return Ok(());
    };
    let identity = wanted.identify(&Files::under(root)?)?;
    identity.apply(process);
    identity.bring_home(process);
    Ok(())
}

/// End of file instead of the message: the supervisor has died, and nothing that was begun may go on.
fn wait_for(plan: &Plan<'_>, expected: ToInit) -> Result<(), Failure> {
    let heard =
        message::receive(&plan.socket).map_err(quiet("recvmsg")).map_err(Failure::at("hear from its supervisor"))?;
    match heard {
        Packet::Message(bytes, _) if Packet::parse(&bytes) == Some(expected) => Ok(()),
        _ => process::leave(125),
    }
}

/// Before the filter, which may allow no word any more; after it comes nothing that takes long.
fn say_ready(socket: &OwnedFd) -> Result<(), Failure> {
    message::send(socket, &FromInit::Ready).map_err(quiet("sendmsg")).map_err(Failure::at("speak to its supervisor"))
}

/// Whether the terminal is also to be `/dev/console`: it is for PID 1.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Console {
    Bind,
    Leave,
}

/// A session of its own, and the three descriptors: pipes, or a terminal of the container's devpts.
fn take_stdio(socket: &OwnedFd, stdio: &Stdio, process: &Process, console: Console) -> Result<(), Failure> {
    nix::unistd::setsid().map_err(quiet("setsid")).map_err(Failure::at("start a session"))?;
    let take =
        |three| process::take_stdio(three).map_err(quiet("dup2")).map_err(Failure::at("take its input and output"));
    match stdio {
        Stdio::Pipes([input, output, errors]) => take([input.as_raw_fd(), output.as_raw_fd(), errors.as_raw_fd()])?,
        Stdio::Terminal => take([terminal(socket, process, console)?.as_raw_fd(); 3])?,
        Stdio::Inherited => {}
    }
    wiring::reopen_null().map_err(quiet("openat")).map_err(Failure::at("open its own /dev/null"))?;
    wiring::hand_over(process.user().uid());
    Ok(())
}

fn terminal(socket: &OwnedFd, process: &Process, console: Console) -> Result<OwnedFd, Failure> {
    let step = || Failure::at("make a terminal");
    let (master, slave) = pty::open("a terminal of the container's own devpts").map_err(step())?;
    if let Some(size) = process.console_size().filter(|size| size.height() > 0 && size.width() > 0) {
        let short = |number: u64| u16::try_from(number).unwrap_or(u16::MAX);
        let size =
            libc::winsize { ws_row: short(size.height()), ws_col: short(size.width()), ws_xpixel: 0, ws_ypixel: 0 };
        pty::set_window_size(&master, &size).map_err(step())?;
    }
    pty::set_controlling(&slave, "^C and job control need a controlling terminal").map_err(step())?;
    if console == Console::Bind {
        devices::bind_console(&slave)?;
    }
    message::send_with(socket, &FromInit::Terminal, &[master.as_raw_fd()]).map_err(quiet("sendmsg")).map_err(step())?;
    Ok(slave)
}

/// What is done about a working directory that is not there: docker makes it for a container, and not for one more
/// process in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Make,
    Refuse,
}

/// Goes where the program is to start. A name such as
/// /proc/self/fd/7 would lead out through a descriptor of ours (CVE-2024-21626): the kernel is told to follow no such
/// link, and what cannot be named from the root is not inside it.
fn enter_workdir(process: &Process, missing: Missing) -> Result<(), Failure> {
    let folder = process.cwd();
    let step = format!("enter the working directory {}", folder.display());
    let root = root()?;
    let place = match missing {
        Missing::Make => fs::mount_point(root.as_fd(), folder, fs::Shape::Folder, fs::Links::Inside),
        Missing::Refuse => fs::resolve(root.as_fd(), folder, fs::Links::Inside),
    };
    let place = place.map_err(Failure::at(&step))?;
    nix::unistd::fchdir(&place).map_err(quiet("fchdir")).map_err(Failure::at(&step))?;
    match nix::unistd::getcwd() {
        Ok(path) if path.starts_with("/") => Ok(()),
        _ => Err(Failure::at(&step)(kernel::Error::quiet("getcwd", &format_args!(""), Errno::ENOENT))),
    }
}

fn root() -> Result<OwnedFd, Failure> {
    let flags = nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_DIRECTORY | nix::fcntl::OFlag::O_CLOEXEC;
    nix::fcntl::open("/", flags, nix::sys::stat::Mode::empty())
        .map_err(quiet("openat"))
        .map_err(Failure::at("open the root"))
}

fn become_program(process: &Process, filter: Option<&Filter>, preserved: u32) -> Failure {
    let (argv, env) = words(process);
    let umask = process.user().umask().unwrap_or(0o022);
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(umask));
    process::restore_signals();
    let first = 3u32.saturating_add(preserved);
    if let Err(error) = fs::close_on_exec_from(first, "the program inherits 0, 1, 2 and nothing else") {
        return Failure::at("hand over to the program")(error);
    }
    if let Err(failure) = privileges::last(process, filter) {
        return failure;
    }
    not_started(process, process::exec(&argv, &env, "PID 1 becomes the container's program"))
}

/// For one that is started much later: whoever makes it wants to know now.
fn find_program(process: &Process) -> Result<(), Failure> {
    let (argv, env) = words(process);
    process::find_program(&argv, &env).map_err(|error| not_started(process, error))
}

fn words(process: &Process) -> (Vec<CString>, Vec<CString>) {
    (texts(process.args().as_deref().unwrap_or_default()), texts(process.env().as_deref().unwrap_or_default()))
}

fn not_started(process: &Process, error: kernel::Error) -> Failure {
    let name = process.args().as_ref().and_then(|args| args.first().cloned()).unwrap_or_default();
    Failure { step: format!("start {name:?}"), program: Some(name), error }
}

fn texts(list: &[String]) -> Vec<CString> {
    list.iter().map(|text| CString::new(text.as_str()).unwrap_or_default()).collect()
}

fn missing(what: &str) -> Failure {
    let error = kernel::Error::quiet("read", &format_args!("config.json"), Errno::EINVAL);
    Failure { step: format!("find {what} in config.json"), program: None, error }
}

fn quiet(call: &'static str) -> impl Fn(Errno) -> kernel::Error {
    move |errno| kernel::Error::quiet(call, &format_args!("…"), errno)
}
