//! PID 1 of a guest: mounts, drivers, one command, and its bytes over the cable.

mod relay;

use super::modprobe::{Index, LoadError};
use super::wire::Frame;
use super::{Order, archive, modules};
use crate::exit::Exit;
use crate::kernel::{self, cgroup, machine, mount, netlink, process, pty, user, uts};
use crate::narrate::Role;
use nix::mount::MsFlags;
use nix::unistd::Pid;
use std::ffi::CString;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The ordinary user, whom the guest's /etc/passwd knows as `learner`.
const LEARNER: u32 = 1000;

/// How long a device may take to appear.
const PATIENCE: Duration = Duration::from_secs(30);

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What may fail on the way to the command.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Whether this is a guest, and not some container that an image with our program was run in.
pub fn is_guest() -> bool {
    Path::new("/").join(archive::ORDER).exists() && Path::new("/").join(super::modprobe::FOLDER).is_dir()
}

/// All of a guest's life. Returns only if it cannot even be ended.
pub fn main() -> Exit {
    let cable = prepare();
    let last = match &cable {
        Ok(cable) => live(cable).unwrap_or_else(|error| Frame::Failed(error.to_string())),
        Err(error) => Frame::Failed(error.to_string()),
    };
    match &cable {
        Ok(cable) => {
            let _ = (&*cable).write_all(&last.encode());
            // The host ends the machine once it has heard that; where it does not, the machine ends itself.
            relay::until_heard(cable);
        }
        // Nobody can be told but the console, of which the host quotes the end.
        Err(error) => {
            let _ = std::io::stderr().write_all(format!("explore guest: {error}\n").as_bytes());
        }
    }
    let _ = machine::reboot();
    Exit::Failed
}

/// Up to where the host can be talked to.
fn prepare() -> Result<File> {
    machine::take_first_root(Path::new("/new-root"))?;
    for (what, target, kind) in [
        ("devtmpfs", "/dev", "devtmpfs"),
        ("proc", "/proc", "proc"),
        ("sysfs", "/sys", "sysfs"),
        ("tmpfs", "/run", "tmpfs"),
        ("cgroup2", "/sys/fs/cgroup", "cgroup2"),
    ] {
        mount::mount(what, Path::new(target), kind, MsFlags::empty(), "", "what every system has")?;
    }
    for (target, kind, options) in
        [("/dev/pts", "devpts", "gid=5,mode=620,ptmxmode=666"), ("/dev/shm", "tmpfs", "mode=1777")]
    {
        std::fs::create_dir_all(target)?;
        mount::mount(kind, Path::new(target), kind, MsFlags::empty(), options, "what every system has")?;
    }
    for (link, target) in [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")] {
        symlink(target, Path::new("/dev").join(link))?;
    }
    let index = Index::read()?;
    for name in modules::AT_BOOT {
        match index.load(name) {
            // It is built in, as most are in Debian's cloud kernels since 6.12: else the cable does not appear, or no disk.
            Ok(()) | Err(LoadError::Unknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(File::options().read(true).write(true).open(cable_device()?)?)
}

/// The device of the cable, which its driver makes when it has heard from the host that there is one. Its number depends
/// on what else is plugged in; its name is the one that the host gave it.
fn cable_device() -> Result<PathBuf> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        for port in std::fs::read_dir("/sys/class/virtio-ports").into_iter().flatten().filter_map(std::io::Result::ok) {
            let name = std::fs::read_to_string(port.path().join("name")).unwrap_or_default();
            let device = Path::new("/dev").join(port.file_name());
            if name.trim_end() == super::machine::CABLE && device.exists() {
                return Ok(device);
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Err("the cable to the host has not appeared".into())
}

/// The rest of the system, the command, and what the host hears last.
fn live(cable: &File) -> Result<Frame> {
    let order: Order = serde_json::from_slice(&std::fs::read(Path::new("/").join(archive::ORDER))?)?;
    furnish()?;
    let group = groups(order.user)?;
    (&*cable).write_all(&Frame::Ready.encode())?;
    let ends = relay::Ends::make(order.terminal)?;
    let child = process::fork(Role::Init, "the command, as a child of PID 1", || {
        let error = become_command(&order, &ends, group.as_deref());
        let text = format!("explore guest: {error}\n");
        let _ = std::io::stderr().write_all(text.as_bytes());
        if text.contains("ENOENT") { 127 } else { 126 }
    })?;
    let ended = relay::run(cable, ends.near(), child)?;
    Ok(Frame::Ended(ended.code()))
}

/// Disk, host name, loopback, folders.
fn furnish() -> Result<()> {
    let why = "what the guest writes lies on a disk that is thrown away";
    if Path::new("/dev/vda").exists() {
        mount::mount("/dev/vda", Path::new("/var"), "ext4", MsFlags::empty(), "", why)?;
        lie_on_disk()?;
    }
    for (folder, mode) in [("/var/lib", 0o755), ("/var/log", 0o755), ("/var/tmp", 0o1777), ("/var/home", 0o755)] {
        make(folder, mode)?;
    }
    for (folder, shown_at, mode) in
        [("/var/root", "/root", 0o700), ("/var/home", "/home", 0o755), ("/var/tmp-of-all", "/tmp", 0o1777)]
    {
        make(folder, mode)?;
        mount::bind(Path::new(folder), Path::new(shown_at), why)?;
    }
    for folder in ["/home/learner", "/run/user/1000"] {
        make(folder, 0o700)?;
        std::os::unix::fs::chown(folder, Some(LEARNER), Some(LEARNER))?;
    }
    make("/run/lock", 0o1777)?;
    std::fs::write("/etc/hostname", "guest\n")?;
    std::fs::write("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 guest\n")?;
    uts::sethostname("guest", "a machine has a name")?;
    netlink::Socket::open()?.loopback_up("a machine can talk to itself")?;
    Ok(())
}

/// Lets `explore` lie on the disk, as it does on other machines: what is read from memory no io controller sees.
fn lie_on_disk() -> Result<()> {
    let program = Path::new("/").join(archive::PROGRAM);
    let copy = Path::new("/var/explore");
    std::fs::copy(&program, copy)?;
    mount::bind(copy, &program, "the program's file is one of a disk")?;
    Ok(())
}

fn make(folder: &str, mode: u32) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    Ok(())
}

/// Hands the controllers on from the top, as systemd does, and gives an ordinary user a group of his own, as systemd does
/// for `Delegate=yes`: the folder, and the files that cgroups(7), "Delegation", names.
fn groups(for_user: bool) -> Result<Option<PathBuf>> {
    let top = Path::new("/sys/fs/cgroup");
    let has = std::fs::read_to_string(top.join("cgroup.controllers"))?;
    let all: Vec<&str> =
        has.split_whitespace().filter(|name| ["cpu", "io", "memory", "pids", "cpuset"].contains(name)).collect();
    if !for_user {
        return Ok(None);
    }
    cgroup::delegation::hand_on(top, &all, "as systemd does for whom it delegates to")?;
    let group = top.join("learner");
    std::fs::create_dir(&group)?;
    for file in ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"] {
        std::os::unix::fs::chown(group.join(file), Some(LEARNER), Some(LEARNER))?;
    }
    Ok(Some(group))
}

/// In the child.
fn become_command(order: &Order, ends: &relay::Ends, group: Option<&Path>) -> kernel::Error {
    match prepare_command(order, ends, group) {
        Ok((argv, env)) => process::exec(&argv, &env, "what the guest was made for"),
        Err(error) => error,
    }
}

fn prepare_command(
    order: &Order,
    ends: &relay::Ends,
    group: Option<&Path>,
) -> kernel::Result<(Vec<CString>, Vec<CString>)> {
    let quiet = |name: &'static str| move |errno| kernel::Error::quiet(name, &format_args!(""), errno);
    nix::unistd::setsid().map_err(quiet("setsid"))?;
    let far: [&OwnedFd; 3] = ends.far();
    process::take_stdio(far.map(AsRawFd::as_raw_fd)).map_err(quiet("dup2"))?;
    if order.terminal {
        pty::set_controlling(&process::borrow(0), "the command's own terminal")?;
    }
    process::close_from(3);
    process::restore_signals();
    if let Some(group) = group {
        cgroup::join(group, Pid::this(), "the group that was delegated")?;
    }
    let home = if order.user { "/home/learner" } else { "/root" };
    if order.user {
        user::become_user(LEARNER, LEARNER, &[], "an ordinary user")?;
    }
    nix::unistd::chdir(home).map_err(quiet("chdir"))?;
    let name = if order.user { "learner" } else { "root" };
    let mut env =
        vec![format!("PATH={PATH}"), format!("HOME={home}"), format!("USER={name}"), format!("LOGNAME={name}")];
    env.push(format!("XDG_RUNTIME_DIR=/run{}", if order.user { "/user/1000" } else { "" }));
    env.extend(order.env.iter().map(|(name, value)| format!("{name}={value}")));
    let text = |words: &[String]| words.iter().filter_map(|word| CString::new(word.as_str()).ok()).collect();
    Ok((text(&order.argv), text(&env)))
}
