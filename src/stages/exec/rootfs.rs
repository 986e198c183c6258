//! What the container sees as `/`, built before anyone can stand in it.
//!
//! Every target is a descriptor that the kernel resolved under the new root (`kernel::fs`): between looking and
//! mounting no name is resolved again. `/proc`, `/sys` and `/dev` must be plain folders of the image; a link there is
//! an attack on what is masked later (CVE-2019-19921, CVE-2025-52881) and is refused by name.

mod bind;
pub(super) mod options;

use self::bind::Shared;
use self::options::Options;
use super::cgroup::Joined;
use super::{cgroup_view, devices, sysctl};
use crate::kernel::fs::{self, Links, Shape};
use crate::kernel::{self, mount};
use crate::stages::failure::Failure;
use crate::stages::layer::Union;
use crate::state::Roots;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::MsFlags;
use nix::sys::stat::{Mode, SFlag};
use oci_spec::runtime::{Mount, Spec};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// Where the root comes from.
pub(super) enum Source<'a> {
    /// The layers of an image; `mounted` where `layer mount` has done it.
    Union {
        /// The state folders.
        roots: &'a Roots,
        /// The layers.
        union: &'a Union,
        /// It is mounted on the host already.
        mounted: bool,
    },
    /// A folder that somebody else has prepared (`root.path`).
    Folder(&'a Path),
}

/// How config.json is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// It is ours, and says less than we do: devices open nowhere but where we show them.
    Ours,
    /// It is another engine's, and what it says is done. Where no device rules are in force, nodes open nowhere.
    ByTheLetter {
        /// Device rules are in force.
        guarded: bool,
    },
}

impl Manner {
    /// What every mount gets besides its own flags. Root inside may make nodes (CAP_MKNOD), and must not open them.
    fn also(self) -> MsFlags {
        if self == (Self::ByTheLetter { guarded: true }) { MsFlags::empty() } else { MsFlags::MS_NODEV }
    }
}

/// The root of the container, and what was taken of the host for it before the two went apart.
pub(super) struct Taken {
    /// With nothing over it yet.
    pub(super) root: OwnedFd,
    shared: Shared,
    manner: Manner,
}

/// Makes the root of the container in this mount namespace.
pub(super) fn take(source: &Source<'_>, spec: &Spec, manner: Manner) -> Result<Taken, Failure> {
    let shared = Shared::take(spec)?;
    let asked = spec.linux().as_ref().and_then(|linux| linux.rootfs_propagation().as_deref());
    // What is to pass out is taken already; a root that did, pivot_root(2) would refuse.
    let closed = asked.and_then(options::propagation).filter(|how| how.contains(MsFlags::MS_PRIVATE));
    let how = closed.unwrap_or(MsFlags::MS_SLAVE) | MsFlags::MS_REC;
    mount::set_propagation(Path::new("/"), how, "mounts made here stay here; the host's new ones still come in")
        .map_err(Failure::at("separate its mounts"))?;
    let root = match source {
        Source::Union { roots, union, mounted } => root(roots, union, *mounted)?,
        Source::Folder(folder) => root_folder(folder, manner)?,
    };
    Ok(Taken { root, shared, manner })
}

/// The root of a container that does not run, with its volumes, in this mount namespace: for who looks into it or puts
/// something there. Nothing is covered: nobody runs in it.
///
/// # Errors
/// The call that failed.
pub fn at_rest(roots: &Roots, union: &Union, mounted: bool, spec: &Spec) -> Result<OwnedFd, Failure> {
    let taken = take(&Source::Union { roots, union, mounted }, spec, Manner::Ours)?;
    let of_ours =
        |target: &Path| ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"].iter().any(|one| target == Path::new(one));
    let listed = spec.mounts().iter().flatten();
    for one in listed.filter(|one| one.typ().as_deref() == Some("bind") && !of_ours(one.destination())) {
        place(&taken, one, spec, &[])?;
    }
    Ok(taken.root)
}

/// Mounts what its configuration lists, furnishes `/dev`, covers what is not to be seen.
pub(super) fn furnish(taken: &Taken, spec: &Spec, groups: &[Joined]) -> Result<(), Failure> {
    let root = taken.root.as_fd();
    for one in spec.mounts().iter().flatten() {
        place(taken, one, spec, groups)?;
    }
    if !brings_dev(spec) {
        let dev = fs::mount_point(root, Path::new("dev"), Shape::Folder, Links::Refused)
            .map_err(refuse_link(Path::new("/dev"), "open the new /dev"))?;
        devices::furnish(dev.as_fd())?;
    }
    sysctl::write(root.as_fd(), spec)?;
    if let Some(linux) = spec.linux() {
        for path in linux.readonly_paths().iter().flatten() {
            make_read_only(root, Path::new(path))?;
        }
        for path in linux.masked_paths().iter().flatten() {
            mask(root, Path::new(path))?;
        }
    }
    Ok(())
}

/// A folder of the user's as /dev has what it has (runc libcontainer, `needsSetupDev`).
fn brings_dev(spec: &Spec) -> bool {
    let is_it = |one: &Mount| one.destination() == Path::new("/dev") && one.typ().as_deref() == Some("bind");
    spec.mounts().iter().flatten().any(is_it)
}

/// `--read-only`: what was mounted on the union has its own say; the union itself takes nothing any more. The working
/// directory is made before, as docker does.
pub(super) fn seal(root: BorrowedFd<'_>, spec: &Spec) -> Result<(), Failure> {
    if !spec.root().as_ref().is_some_and(|root| root.readonly().unwrap_or(false)) {
        return Ok(());
    }
    let workdir = spec.process().as_ref().map_or(Path::new("/"), |process| process.cwd());
    let step = format!("make the working directory {}", workdir.display());
    fs::mount_point(root, workdir, Shape::Folder, Links::Inside).map_err(Failure::at(&step))?;
    let why = "the container was asked for read-only; its volumes and its /dev stay as they are";
    mount::set_attributes(&root, libc::MOUNT_ATTR_RDONLY, false, why).map_err(Failure::at("make the root read-only"))
}

/// The union as a mount, for pivot_root(2) takes nothing else. Where `layer mount` has mounted it, it is shown again.
fn root(roots: &Roots, union: &Union, mounted: bool) -> Result<OwnedFd, Failure> {
    if mounted {
        mount::bind(&union.rootfs, &union.rootfs, "the union that is mounted already, as a root of its own")
            .map_err(Failure::at("take over the mounted layer"))?;
    } else {
        union.mount(roots).map_err(mount_failure)?;
    }
    open_root(&union.rootfs)
}

fn open_root(path: &Path) -> Result<OwnedFd, Failure> {
    nix::fcntl::open(path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| kernel::Error::quiet("openat", &format_args!("{:?}", path.display()), errno))
        .map_err(Failure::at("open the new root"))
}

/// A folder as a mount of its own, for pivot_root(2) takes nothing else.
fn root_folder(folder: &Path, manner: Manner) -> Result<OwnedFd, Failure> {
    let step = || Failure::at("make a root of its folder");
    mount::bind(folder, folder, "the bundle's folder, as a root of its own").map_err(step())?;
    let root = open_root(folder)?;
    if manner.also().contains(MsFlags::MS_NODEV) {
        let why = "no device rules are in force, so no node may open";
        mount::set_attributes(&root, libc::MOUNT_ATTR_NODEV, false, why).map_err(step())?;
    }
    Ok(root)
}

fn mount_failure(error: crate::stages::layer::LayerError) -> Failure {
    use crate::stages::layer::LayerError;
    let step = error.to_string();
    let step = step.trim_start_matches("cannot ").to_owned();
    match error {
        LayerError::Mount { source, .. } => Failure { step, program: None, error: source },
        other => {
            let source = std::error::Error::source(&other).and_then(|one| one.downcast_ref::<std::io::Error>());
            let errno = Errno::from_raw(source.and_then(std::io::Error::raw_os_error).unwrap_or(libc::EIO));
            Failure { step, program: None, error: kernel::Error::quiet("chdir", &format_args!("…"), errno) }
        }
    }
}

/// One entry of `mounts` in config.json.
fn place(taken: &Taken, wanted: &Mount, spec: &Spec, groups: &[Joined]) -> Result<(), Failure> {
    let root = taken.root.as_fd();
    let target = wanted.destination();
    let kind = wanted.typ().as_deref().unwrap_or("none");
    let options = Options::read(wanted.options().as_deref().unwrap_or_default());
    if kind == "bind" || options.bind {
        return bind::show(taken, wanted, &options);
    }
    let ours = (taken.manner == Manner::Ours).then_some(groups);
    if kind == "cgroup" && cgroup_view::show(root, target, &options, spec, ours)? {
        return Ok(());
    }
    let step = || format!("mount {kind} at {}", target.display());
    // Memory may be asked for anywhere, and many images have links such as /var/run; ours never lie behind one.
    let links = if kind == "tmpfs" && !is_ours(target) { Links::Inside } else { Links::Refused };
    let mut data = options.data;
    if links == Links::Inside && !data.split(',').any(|word| word.starts_with("mode=")) {
        data = as_found(root, target, data);
    }
    let place = fs::mount_point(root, target, Shape::Folder, links).map_err(refuse_link(target, &step()))?;
    if links == Links::Inside {
        bind::guard(root, &place, target, &step())?;
    }
    let source = wanted.source().as_ref().map_or(kind, |source| source.to_str().unwrap_or(kind));
    let fstype = if kind == "cgroup" { "cgroup2" } else { kind };
    // A devpts has terminals, and takes no other nodes.
    let also = if kind == "devpts" { MsFlags::empty() } else { taken.manner.also() };
    mount::mount_at(place.as_fd(), source, fstype, options.flags | also, &data, why(target))
        .map_err(Failure::at(&step()))
}

fn is_ours(target: &Path) -> bool {
    matches!(target.to_str(), Some("/dev" | "/dev/shm"))
}

/// Memory where a folder is has that folder's mode (runc libcontainer/rootfs_linux.go, `tmpfs`).
fn as_found(root: BorrowedFd<'_>, target: &Path, data: String) -> String {
    let found = fs::resolve(root, target, Links::Inside).and_then(|found| fs::mode(&found));
    match (found, data.is_empty()) {
        (Ok(mode), true) => format!("mode={mode:o}"),
        (Ok(mode), false) => format!("{data},mode={mode:o}"),
        (Err(_), _) => data,
    }
}

fn why(target: &Path) -> &'static str {
    match target.to_str() {
        Some("/proc") => "a /proc of the new PID namespace: the old one would show the host's processes",
        Some("/dev") => "an empty /dev: devices come one by one",
        Some("/dev/pts") => "terminals of its own, numbered from 0",
        Some("/sys") => "a /sys of the new network namespace, not to be written",
        Some("/dev/mqueue") => "message queues of the new IPC namespace",
        Some("/dev/shm") => "shared memory of its own",
        Some("/sys/fs/cgroup") => "its own part of the cgroup tree, not to be written",
        _ => "as its configuration says",
    }
}

/// Covers what tells too much: a file by the host's /dev/null, a folder by an empty tmpfs. What is not there needs none.
fn mask(root: BorrowedFd<'_>, path: &Path) -> Result<(), Failure> {
    let step = format!("mask {}", path.display());
    let place = match fs::resolve(root, path, Links::Refused) {
        Ok(place) => place,
        Err(error) if matches!(error.errno(), Errno::ENOENT | Errno::ENOTDIR) => return Ok(()),
        Err(error) => return Err(Failure::at(&step)(error)),
    };
    if fs::file_type(&place).map_err(Failure::at(&step))? == SFlag::S_IFDIR {
        return mount::mount_at(
            place.as_fd(),
            "tmpfs",
            "tmpfs",
            MsFlags::MS_RDONLY,
            "",
            "an empty folder in its place",
        )
        .map_err(Failure::at(&step));
    }
    let null = devices::host_device("null")?;
    mount::attach(&null, place.as_fd(), "an empty file in its place").map_err(Failure::at(&step))
}

/// Shows a path over itself, not to be written. What is not there needs no guard.
fn make_read_only(root: BorrowedFd<'_>, path: &Path) -> Result<(), Failure> {
    let step = format!("make {} read-only", path.display());
    let place = match fs::resolve(root, path, Links::Refused) {
        Ok(place) => place,
        Err(error) if matches!(error.errno(), Errno::ENOENT | Errno::ENOTDIR) => return Ok(()),
        Err(error) => return Err(Failure::at(&step)(error)),
    };
    let copy = mount::copy_tree(place.as_fd(), c"", true, "a second view of it").map_err(Failure::at(&step))?;
    mount::set_attributes(&copy, libc::MOUNT_ATTR_RDONLY, true, "a setting of the whole machine, to be read only")
        .map_err(Failure::at(&step))?;
    mount::attach(&copy, place.as_fd(), "the view that cannot be written covers the one that can")
        .map_err(Failure::at(&step))
}

fn refuse_link(target: &Path, step: &str) -> impl FnOnce(kernel::Error) -> Failure {
    let (step, ours) = (step.to_owned(), matches!(target.to_str(), Some("/proc" | "/sys" | "/dev")));
    move |error| {
        let of_image = ours && matches!(error.errno(), Errno::ELOOP | Errno::ENOTDIR);
        let why = if of_image { ": the image has something else there than a plain folder" } else { "" };
        Failure { step: step + why, program: None, error }
    }
}
