//! PID 1 between its birth and its program. Everything that it must not be able to do later, it does to itself here;
//! the order is runc's (libcontainer/standard_init_linux.go).

use super::message::{self, FromInit, Packet, ToInit};
use super::{StartFailure, cgroup, devices, nodes, oom, privileges, rootfs, stand_in};
use crate::kernel::namespace::{self, Kind};
use crate::kernel::rlimit::{self, Limit, Resource};
use crate::kernel::seccomp::Filter;
use crate::kernel::{self, fs, mount, process, pty, uts};
use crate::stages::failure::Failure;
use crate::stages::layer::Union;
use crate::stages::user::{Files, UserError, Wanted};
use crate::state::Roots;
use nix::errno::Errno;
use oci_spec::runtime::{PosixRlimit, Process, Spec};
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// What the supervisor has prepared.
pub(super) struct Plan<'a> {
    pub(super) roots: &'a Roots,
    pub(super) spec: &'a Spec,
    pub(super) union: &'a Union,
    /// The union is mounted on the host already.
    pub(super) layer_mounted: bool,
    /// Who its program is, to be looked up in its own files.
    pub(super) who: Wanted,
    /// The network namespace that `network up` has made, to be joined.
    pub(super) network: Option<OwnedFd>,
    /// Where it is counted and limited.
    pub(super) cgroups: &'a [cgroup::Joined],
    /// Device rules are in force, and nodes that are made inside are to be opened.
    pub(super) opens_nodes: bool,
    /// PID 1 stays ours, and the program is its child.
    pub(super) stands_in: bool,
    /// Its end of the socket to the supervisor.
    pub(super) socket: OwnedFd,
    /// Descriptors 0, 1, 2; none where it makes a terminal for itself.
    pub(super) stdio: Option<[OwnedFd; 3]>,
}

/// The whole life of it; returns only where it could not become its program.
pub(super) fn run(plan: &Plan<'_>) -> i32 {
    match prepare(plan) {
        Ok((process, filter)) if plan.stands_in => {
            let command = process.args().clone().unwrap_or_default();
            let program = || fail(&plan.socket, become_program(&process, filter.as_ref()).into());
            stand_in::run(&command, program).unwrap_or_else(|failure| fail(&plan.socket, failure.into()))
        }
        Ok((process, filter)) => fail(&plan.socket, become_program(&process, filter.as_ref()).into()),
        Err(failure) => fail(&plan.socket, failure),
    }
}

fn fail(socket: &OwnedFd, failure: StartFailure) -> i32 {
    let code = i32::from(failure.code());
    let _ = message::send(socket, &FromInit::Failed(failure));
    code
}

/// The life of one more process in a container: it stands in its namespaces already.
pub(super) fn run_beside(
    process: Process,
    who: &Wanted,
    filter: Option<&Filter>,
    socket: &OwnedFd,
    stdio: Option<&[OwnedFd; 3]>,
) -> i32 {
    let failure = match prepare_beside(process, who, filter, socket, stdio) {
        Ok(process) => become_program(&process, filter).into(),
        Err(failure) => failure,
    };
    fail(socket, failure)
}

fn prepare_beside(
    mut process: Process,
    who: &Wanted,
    filter: Option<&Filter>,
    socket: &OwnedFd,
    stdio: Option<&[OwnedFd; 3]>,
) -> Result<Process, StartFailure> {
    process::die_with_parent("nobody could collect it otherwise").map_err(Failure::at("tie it to the command"))?;
    become_known(who, root()?.as_fd(), &mut process)?;
    take_stdio(socket, stdio, Console::Leave)?;
    settle(&process, filter, socket, Missing::Refuse)?;
    Ok(process)
}

fn prepare(plan: &Plan<'_>) -> Result<(Process, Option<Filter>), StartFailure> {
    wait_for(plan, ToInit::Go)?;
    process::set_name(c"explore: init");
    process::die_with_parent("a container without its supervisor could not be ended")
        .map_err(Failure::at("tie it to its supervisor"))?;
    cgroup::join(plan.cgroups)?;
    if let Some(network) = &plan.network {
        namespace::setns(network, &[Kind::Net], "the network that `network up` has made")
            .map_err(Failure::at("join its network"))?;
    }
    let mut process = plan.spec.process().clone().ok_or_else(|| missing("a process"))?;
    let taken = rootfs::take(plan.roots, plan.union, plan.layer_mounted, plan.spec)?;
    let root = &taken.root;
    // Before a volume can cover the files that say so, as docker does.
    become_known(&plan.who, root.as_fd(), &mut process)?;
    rootfs::furnish(&taken, plan.spec)?;
    nodes::show(root.as_fd(), plan.spec, plan.opens_nodes)?;
    let filter = privileges::filter(plan.spec)?;
    wait_for(plan, ToInit::Connected)?;
    mount::pivot_into(root.as_fd(), "the union becomes /").map_err(Failure::at("change the root"))?;
    if let Some(hostname) = plan.spec.hostname() {
        uts::sethostname(hostname, "its own host name").map_err(Failure::at("set its host name"))?;
    }
    take_stdio(&plan.socket, plan.stdio.as_ref(), Console::Bind)?;
    rootfs::seal(root.as_fd(), plan.spec)?;
    oom::adjust(&process)?;
    settle(&process, filter.as_ref(), &plan.socket, Missing::Make)?;
    Ok((process, filter))
}

/// Limits, working directory, and what it must not be able to do. The folder is entered by root, as runc does: a user
/// need not be able to reach it. Where not even root can (a network filesystem may take root for nobody), the user may.
fn settle(process: &Process, filter: Option<&Filter>, socket: &OwnedFd, missing: Missing) -> Result<(), Failure> {
    for one in process.rlimits().iter().flatten() {
        limit(one)?;
    }
    let entered = enter_workdir(process, missing);
    say_ready(socket)?;
    privileges::give_up(process, filter)?;
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
fn become_known(who: &Wanted, root: BorrowedFd<'_>, process: &mut Process) -> Result<(), UserError> {
    let identity = who.identify(&Files::under(root)?)?;
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
fn take_stdio(socket: &OwnedFd, stdio: Option<&[OwnedFd; 3]>, console: Console) -> Result<(), Failure> {
    nix::unistd::setsid().map_err(quiet("setsid")).map_err(Failure::at("start a session"))?;
    let take =
        |three| process::take_stdio(three).map_err(quiet("dup2")).map_err(Failure::at("take its input and output"));
    if let Some([input, output, errors]) = stdio {
        return take([input.as_raw_fd(), output.as_raw_fd(), errors.as_raw_fd()]);
    }
    let slave = terminal(socket, console)?;
    take([slave.as_raw_fd(); 3])
}

fn terminal(socket: &OwnedFd, console: Console) -> Result<OwnedFd, Failure> {
    let step = || Failure::at("make a terminal");
    let (master, slave) = pty::open("a terminal of the container's own devpts").map_err(step())?;
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

fn become_program(process: &Process, filter: Option<&Filter>) -> Failure {
    let argv = texts(process.args().as_deref().unwrap_or_default());
    let env = texts(process.env().as_deref().unwrap_or_default());
    let name = process.args().as_ref().and_then(|args| args.first().cloned()).unwrap_or_default();
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    process::restore_signals();
    if let Err(error) = fs::close_on_exec_from(3, "the program inherits 0, 1, 2 and nothing else") {
        return Failure::at("hand over to the program")(error);
    }
    if let Err(failure) = privileges::last(process, filter) {
        return failure;
    }
    let error = process::exec(&argv, &env, "PID 1 becomes the container's program");
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
