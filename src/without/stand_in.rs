//! A stand-in for the host: where a container is made that lacks something, nothing that it could reach may be the
//! machine's own.
//!
//! ```text
//! explore without          PID 1 of the stand-in                       the container
//!   fork, seven namespaces ► a second root from the same image
//!                            /sys of the machine, /proc and /dev new
//!                            pivot_root: the machine's files are gone
//!                            a host name, interfaces, a neighbour
//!                            clone ───────────────────────────────────► what config.json says
//!                            looks                                      waits, or runs
//!   ◄─ the facts ─────────── leaves, and all of it with it
//! ```
//!
//! It has mount, PID, UTS, IPC and network namespaces of its own, and for one who is not root the user namespace that gives
//! the right to them. A container without a mount namespace shares *this* table of mounts, one without a PID namespace can
//! signal only whoever is in here. cgroups alone are the machine's (there is one tree for all), and so they stand in the
//! journal.

use super::facts::{self, Outside};
use super::{Build, Mechanism, Outcome, Said, There};
use crate::error::Explain;
use crate::exit::Exit;
use crate::kernel::fs::{self, Links, Shape};
use crate::kernel::namespace::{self, Kind};
use crate::kernel::netlink::{Change, Socket, VethEnd, Which};
use crate::kernel::{self, capability, mount, process, user, uts};
use crate::narrate::Role;
use crate::stages::create::{self, Container, Network, Request};
use crate::stages::exec::oci::{self, Creating, Ground, OciError};
use crate::stages::failure::Failure;
use crate::stages::layer::Union;
use crate::state::{Roots, read_record, write_record};
use nix::fcntl::OFlag;
use nix::mount::MsFlags;
use nix::sys::stat::Mode;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::ffi::CString;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// What is to be made there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) data: PathBuf,
    pub(super) run: PathBuf,
    pub(super) image: String,
    /// What runs in the container; nothing does where it is empty.
    pub(super) command: Vec<String>,
    pub(super) build: Build,
    /// The name of its cgroup, as the journal has it.
    pub(super) id: String,
}

/// Its host name.
pub(super) const HOST_NAME: &str = "host";
/// A process of it.
pub(super) const NEIGHBOUR: &str = "neighbour";
/// A folder in its root folder.
const MARK: &str = "/of-the-host";
/// A message queue of it.
const QUEUE: &str = "of-the-host";
/// Where the container's bundle is seen.
const BOX: &str = "/container";
/// A program that is in every container, and that is never started.
const NOTHING: &str = "/proc/self/exe";
/// How far the container's clock is ahead, in seconds.
const AHEAD: i64 = 86_400;
/// As much as is kept of what a command says.
const SAID: u64 = 64 << 10;

type Answer<T> = Result<T, There>;

fn at(step: &str) -> impl FnOnce(kernel::Error) -> There + use<> {
    let step = step.to_owned();
    move |error| There::of(&AsStart(Failure::at(&step)(error)))
}

/// A step of ours that failed, with the hint of its call.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct AsStart(Failure);

impl Explain for AsStart {
    fn hint(&self) -> Option<String> {
        self.0.hint()
    }

    fn exit(&self) -> Exit {
        self.0.exit()
    }
}

#[allow(clippy::needless_pass_by_value)] // what map_err hands on
fn told<E: Explain>(error: E) -> There {
    There::of(&error)
}

fn io(step: &'static str) -> impl FnOnce(std::io::Error) -> There {
    move |error| {
        let errno = nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
        at(step)(kernel::Error::quiet("openat", &format_args!("…"), errno))
    }
}

/// The whole life of the stand-in.
pub(super) fn run(order: &Order) -> Answer<Outcome> {
    let roots = Roots { data: order.data.clone(), run: order.run.clone() };
    let container = stand_on_its_own(&roots, order)?;
    let spec_path = Path::new(BOX).join("config.json");
    let mut spec: Value = read_record(&spec_path).map_err(told)?;
    let masked = facts::masked_paths(&spec);
    let root = capability::permitted().map_err(at("see which capabilities there are"))?.names();
    let ids = user::mapped_from_zero().min(65_536);
    order.build.apply(&mut spec, ids, &root);
    at_its_new_place(&mut spec, &create::folder(&roots, &container.id));
    spec["linux"]["cgroupsPath"] = json!(super::cgroups_path(&roots, &order.id));
    write_record(&spec_path, &spec, false).map_err(told)?;
    let neighbour = furnish()?;
    if !order.build.has(Mechanism::Proc) {
        leave_the_old_proc()?;
    }
    let groups = oci::groups(&super::cgroups_path(&roots, &order.id), &order.id).map_err(told)?;
    let mounts = facts::mounts();
    let outside = Outside { neighbour, mounts, mark: Path::new(MARK), queue: QUEUE, groups: &groups, masked: &masked };
    in_a_container(order, &outside)
}

/// Two roots from one image, for the host and for the container; then the first of them becomes `/`.
fn stand_on_its_own(roots: &Roots, order: &Order) -> Answer<Container> {
    // What is written from here on is written into memory, and goes with this process.
    for (folder, mode) in [(roots.containers(), "mode=700"), (roots.run.clone(), "mode=700")] {
        let why = "what is made here is gone with this process";
        mount::mount("tmpfs", &folder, "tmpfs", MsFlags::MS_NOSUID | MsFlags::MS_NODEV, mode, why)
            .map_err(at("make a place in memory"))?;
    }
    let (_, host) = make(roots, order, &[])?;
    let (container, _) = make(roots, order, &order.command)?;
    let root = open_root(&host.rootfs)?;
    let bundle = create::folder(roots, &container.id);
    fill(root.as_fd(), &bundle)?;
    mount::pivot_into(root.as_fd(), "from here on nothing of the machine is in reach").map_err(at("leave the host"))?;
    Ok(container)
}

fn open_root(folder: &Path) -> Answer<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    nix::fcntl::open(folder, flags, Mode::empty())
        .map_err(|errno| kernel::Error::quiet("openat", &format_args!("{}", folder.display()), errno))
        .map_err(at("open a root"))
}

/// A container of the image with its union mounted, as `create` and `layer mount` make one.
fn make(roots: &Roots, order: &Order, command: &[String]) -> Answer<(Container, Union)> {
    let request = Request {
        image: order.image.clone(),
        command: if command.is_empty() { vec![NOTHING.into()] } else { command.to_vec() },
        hostname: Some("container".into()),
        network: Network::None,
        ..Request::default()
    };
    let container = create::create(roots, &request).map_err(told)?;
    let union = Union::of(roots, &container).map_err(told)?;
    union.mount(roots).map_err(told)?;
    Ok((container, union))
}

/// What a host has mounted. Each target is resolved below its root: the image is somebody else's.
fn fill(root: BorrowedFd<'_>, bundle: &Path) -> Answer<()> {
    let folder = |path: &str| {
        fs::mount_point(root, Path::new(path), Shape::Folder, Links::Refused)
            .map_err(at(&format!("make {path} of the stand-in")))
    };
    let new = |path: &str, kind: &str, data: &str| {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
        mount::mount_at(folder(path)?.as_fd(), kind, kind, flags, data, "as a host has it")
            .map_err(at(&format!("mount {path} of the stand-in")))
    };
    show(Path::new("/sys"), folder("sys")?.as_fd())?;
    show(bundle, folder(BOX.trim_start_matches('/'))?.as_fd())?;
    new("proc", "proc", "")?;
    new("dev", "tmpfs", "mode=755")?;
    for name in ["null", "zero", "full", "random", "urandom", "tty"] {
        let path = format!("dev/{name}");
        let place = fs::mount_point(root, Path::new(&path), Shape::File, Links::Refused)
            .map_err(at("make a device of the stand-in"))?;
        show(Path::new(&format!("/{path}")), place.as_fd())?;
    }
    new("dev/mqueue", "mqueue", "")?;
    new("dev/shm", "tmpfs", "mode=1777")?;
    drop(folder(MARK.trim_start_matches('/'))?);
    Ok(())
}

/// Shows something of the machine on the stand-in, with all that is mounted below it.
fn show(source: &Path, target: BorrowedFd<'_>) -> Answer<()> {
    let name = CString::new(source.as_os_str().as_encoded_bytes()).unwrap_or_default();
    let step = || at(&format!("show {} on the stand-in", source.display()));
    let copy = mount::copy_tree(mount::here(), &name, true, "the stand-in has it, too").map_err(step())?;
    mount::attach(&copy, target, "the stand-in has it, too").map_err(step())
}

/// The folder of the bundle is at another place now.
fn at_its_new_place(spec: &mut Value, bundle: &Path) {
    for one in spec["mounts"].as_array_mut().into_iter().flatten() {
        let source = one["source"].as_str().map(PathBuf::from).unwrap_or_default();
        if let Ok(rest) = source.strip_prefix(bundle) {
            one["source"] = json!(Path::new(BOX).join(rest));
        }
    }
}

/// A host name, an interface, a message queue and a process, by which the stand-in can be told from the container.
fn furnish() -> Answer<Pid> {
    uts::sethostname(HOST_NAME, "the stand-in's own name").map_err(at("name the stand-in"))?;
    let mut socket = Socket::open().map_err(at("ask for interfaces"))?;
    socket.loopback_up("as on every host").map_err(at("set lo up"))?;
    let end = |name, last| VethEnd { name, mac: [0x02, 0, 0, 0, 0, last], netns: None, master: None };
    socket.create_veth(end("host0", 1), end("host1", 2), "an interface of the host").map_err(at("make a cable"))?;
    for name in ["host0", "host1"] {
        let up = Change { up: true, no_ipv6_address: true, ..Change::default() };
        socket.set_link(Which::Name(name), up, "as on every host").map_err(at("set a cable up"))?;
    }
    std::fs::write(Path::new("/dev/mqueue").join(QUEUE), "")
        .or_else(|error| {
            // A queue takes no write(2) of nothing; that it is there is all that is asked.
            if Path::new("/dev/mqueue").join(QUEUE).exists() { Ok(()) } else { Err(error) }
        })
        .map_err(io("make a message queue"))?;
    process::fork(Role::Helper, "a process of the host", || {
        process::set_name(c"neighbour");
        process::close_from(0);
        loop {
            nix::unistd::pause();
        }
    })
    .map_err(at("start a process of the stand-in"))
}

/// A container that mounts no /proc has an empty folder there. What people forget is to mount a *new* one: here it finds the
/// host's.
fn leave_the_old_proc() -> Answer<()> {
    let root = open_root(&Path::new(BOX).join("rootfs"))?;
    let place = fs::mount_point(root.as_fd(), Path::new("proc"), Shape::Folder, Links::Refused)
        .map_err(at("show the host's /proc"))?;
    show(Path::new("/proc"), place.as_fd())
}

/// Makes the container, looks, lets its program run where one was asked for, and takes it back.
fn in_a_container(order: &Order, outside: &Outside<'_>) -> Answer<Outcome> {
    let build = &order.build;
    if build.has(Mechanism::Time) {
        set_clock().map_err(at("set the clock of the container"))?;
    }
    let said = take_output()?;
    let state = Path::new(BOX).join("state");
    let creating = Creating {
        root: state.clone(),
        id: order.id.clone(),
        bundle: BOX.into(),
        pid_file: None,
        console_socket: None,
        preserved: 0,
        keyring: false,
        ground: Ground::StandIn { chroot: !build.has(Mechanism::Pivot) },
    };
    let init = oci::create(&creating).map_err(told)?;
    // Its first process waits for `start`, and nothing is left for it to do but execve(2): a command could be gone before
    // it has been looked at, and where there is none, nothing of the image ever runs.
    let facts = facts::measure(init.pid, outside);
    let said = if order.command.is_empty() {
        None
    } else {
        start(&state, order)?;
        let ended = oci::wait(&init).map_err(told)?;
        Some(Said { status: ended.code(), output: read(said)? })
    };
    oci::delete(&state, &order.id, true).map_err(told)?;
    Ok(Outcome { facts, said })
}

fn start(state: &Path, order: &Order) -> Answer<()> {
    oci::start(state, &order.id).map(drop).map_err(|error| match error {
        // The code of docker-run(1), not that of a runtime.
        OciError::Program { .. } => {
            let not_found = error.source_errno() == Some(nix::errno::Errno::ENOENT);
            There { code: if not_found { 127 } else { 126 }, ..There::of(&error) }
        }
        other => told(other),
    })
}

/// A new time namespace is for our next children (time_namespaces(7)), and only while nobody is in it can it be set.
fn set_clock() -> kernel::Result<()> {
    namespace::unshare(&[Kind::Time], "the container's clocks are its own")?;
    let path = Path::new("/proc/self/timens_offsets");
    fs::write_file(path, &format!("boottime {AHEAD} 0"), "the container thinks that it is a day later since boot")
}

/// What the container says goes into a file of ours.
fn take_output() -> Answer<OwnedFd> {
    let open = |path: &str, flags| {
        nix::fcntl::open(path, flags | OFlag::O_CLOEXEC, Mode::S_IRUSR | Mode::S_IWUSR)
            .map_err(|errno| kernel::Error::quiet("openat", &format_args!("{path:?}"), errno))
            .map_err(at("keep what it says"))
    };
    let nothing = open("/dev/null", OFlag::O_RDONLY)?;
    let path = format!("{BOX}/said");
    let kept = open(&path, OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_APPEND)?;
    process::take_stdio([nothing.as_raw_fd(), kept.as_raw_fd(), kept.as_raw_fd()])
        .map_err(|errno| kernel::Error::quiet("dup2", &format_args!("…"), errno))
        .map_err(at("keep what it says"))?;
    open(&path, OFlag::O_RDONLY)
}

fn read(said: OwnedFd) -> Answer<String> {
    let mut bytes = Vec::new();
    std::fs::File::from(said).take(SAID).read_to_end(&mut bytes).map_err(io("read what it said"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
