//! PID 1 between its birth and its program. Everything that it must not be able to do later, it does to itself here;
//! the order is runc's (libcontainer/standard_init_linux.go).

use super::message::{self, FromInit, Packet, ToInit};
use super::{devices, nodes, oom, privileges, rootfs};
use crate::kernel::namespace::{self, Kind};
use crate::kernel::seccomp::Filter;
use crate::kernel::{self, fs, mount, process, pty, uts};
use crate::stages::failure::Failure;
use crate::stages::layer::Union;
use crate::state::Roots;
use nix::errno::Errno;
use oci_spec::runtime::{Process, Spec};
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// What the supervisor has prepared.
pub(super) struct Plan<'a> {
    pub(super) roots: &'a Roots,
    pub(super) spec: &'a Spec,
    pub(super) union: &'a Union,
    /// The union is mounted on the host already.
    pub(super) layer_mounted: bool,
    /// The network namespace that `network up` has made, to be joined.
    pub(super) network: Option<OwnedFd>,
    /// Device rules are in force, and nodes that are made inside are to be opened.
    pub(super) opens_nodes: bool,
    /// Its end of the socket to the supervisor.
    pub(super) socket: OwnedFd,
    /// Descriptors 0, 1, 2; none where it makes a terminal for itself.
    pub(super) stdio: Option<[OwnedFd; 3]>,
}

/// The whole life of it; returns only where it could not become its program.
pub(super) fn run(plan: &Plan<'_>) -> i32 {
    let failure = match prepare(plan) {
        Ok((process, filter)) => become_program(process, filter.as_ref()),
        Err(failure) => failure,
    };
    let code = i32::from(failure.exit().code());
    let _ = message::send(&plan.socket, &FromInit::Failed(failure));
    code
}

/// The life of one more process in a container: it stands in its namespaces already.
pub(super) fn run_beside(
    process: &Process,
    filter: Option<&Filter>,
    socket: &OwnedFd,
    stdio: Option<&[OwnedFd; 3]>,
) -> i32 {
    let ready = process::die_with_parent("nobody could collect it otherwise")
        .map_err(Failure::at("tie it to the command"))
        .and_then(|()| take_stdio(socket, stdio, Console::Leave))
        .and_then(|()| enter_workdir(process))
        .and_then(|()| privileges::give_up(process, filter));
    let failure = match ready {
        Ok(()) => become_program(process, filter),
        Err(failure) => failure,
    };
    let code = i32::from(failure.exit().code());
    let _ = message::send(socket, &FromInit::Failed(failure));
    code
}

fn prepare<'a>(plan: &'a Plan<'_>) -> Result<(&'a Process, Option<Filter>), Failure> {
    wait_for(plan, ToInit::Go);
    process::set_name(c"explore: init");
    process::die_with_parent("a container without its supervisor could not be ended")
        .map_err(Failure::at("tie it to its supervisor"))?;
    if let Some(network) = &plan.network {
        namespace::setns(network, &[Kind::Net], "the network that `network up` has made")
            .map_err(Failure::at("join its network"))?;
    }
    let root = rootfs::build(plan.roots, plan.union, plan.layer_mounted, plan.spec)?;
    nodes::show(root.as_fd(), plan.spec, plan.opens_nodes)?;
    let filter = privileges::filter(plan.spec)?;
    wait_for(plan, ToInit::Connected);
    mount::pivot_into(root.as_fd(), "the union becomes /").map_err(Failure::at("change the root"))?;
    if let Some(hostname) = plan.spec.hostname() {
        uts::sethostname(hostname, "its own host name").map_err(Failure::at("set its host name"))?;
    }
    let process = plan.spec.process().as_ref().ok_or_else(|| missing("a process"))?;
    take_stdio(&plan.socket, plan.stdio.as_ref(), Console::Bind)?;
    oom::adjust(process)?;
    enter_workdir(process)?;
    privileges::give_up(process, filter.as_ref())?;
    Ok((process, filter))
}

/// End of file instead of the message: the supervisor has died, and nothing that was begun may go on.
fn wait_for(plan: &Plan<'_>, expected: ToInit) {
    let heard = match message::receive(&plan.socket) {
        Ok(Packet::Message(bytes, _)) => Packet::parse::<ToInit>(&bytes),
        _ => None,
    };
    if heard != Some(expected) {
        process::leave(125);
    }
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

/// Goes where the program is to start, and makes it where it is missing, as docker does: while it is still root, who
/// may enter more than the program's user (runc, `finalizeNamespace`). A name such as
/// /proc/self/fd/7 would lead out through a descriptor of ours (CVE-2024-21626): the kernel is told to follow no such
/// link, and what cannot be named from the root is not inside it.
fn enter_workdir(process: &Process) -> Result<(), Failure> {
    let folder = process.cwd();
    let step = format!("enter the working directory {}", folder.display());
    let root = nix::fcntl::open("/", nix::fcntl::OFlag::O_PATH, nix::sys::stat::Mode::empty())
        .map_err(quiet("openat"))
        .map_err(Failure::at(&step))?;
    let place =
        fs::mount_point(root.as_fd(), folder, fs::Shape::Folder, fs::Links::Inside).map_err(Failure::at(&step))?;
    nix::unistd::fchdir(&place).map_err(quiet("fchdir")).map_err(Failure::at(&step))?;
    match nix::unistd::getcwd() {
        Ok(path) if path.starts_with("/") => Ok(()),
        _ => Err(Failure::at(&step)(kernel::Error::quiet("getcwd", &format_args!(""), Errno::ENOENT))),
    }
}

fn become_program(process: &Process, filter: Option<&Filter>) -> Failure {
    let argv = texts(process.args().as_deref().unwrap_or_default());
    let env = texts(process.env().as_deref().unwrap_or_default());
    let name = process.args().as_ref().and_then(|args| args.first().cloned()).unwrap_or_default();
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    process::restore_signals();
    let closed = fs::close_on_exec_from(3, "the program inherits 0, 1, 2 and nothing else");
    if let Err(failure) = privileges::last(process, filter) {
        return failure;
    }
    let error = closed.err().unwrap_or_else(|| process::exec(&argv, &env, "PID 1 becomes the container's program"));
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
