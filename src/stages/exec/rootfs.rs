//! What the container sees as `/`, built before anyone can stand in it.
//!
//! Every target is a descriptor that the kernel resolved under the new root (`kernel::fs`): between looking and
//! mounting no name is resolved again. `/proc`, `/sys` and `/dev` must be plain folders of the image; a link there is
//! an attack on what is masked later (CVE-2019-19921, CVE-2025-52881) and is refused by name.

use super::{devices, sysctl};
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
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// Makes the root of the container in this mount namespace, and returns it: the union, and nothing over it yet.
pub(super) fn take(roots: &Roots, union: &Union, mounted: bool) -> Result<OwnedFd, Failure> {
    let how = MsFlags::MS_REC | MsFlags::MS_SLAVE;
    mount::set_propagation(Path::new("/"), how, "mounts made here stay here; the host's new ones still come in")
        .map_err(Failure::at("separate its mounts"))?;
    root(roots, union, mounted)
}

/// The root of a container that does not run, with its volumes, in this mount namespace: for who looks into it or puts
/// something there. Nothing is covered: nobody runs in it.
///
/// # Errors
/// The call that failed.
pub fn at_rest(roots: &Roots, union: &Union, mounted: bool, spec: &Spec) -> Result<OwnedFd, Failure> {
    let root = take(roots, union, mounted)?;
    let of_ours =
        |target: &Path| ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"].iter().any(|one| target == Path::new(one));
    let listed = spec.mounts().iter().flatten();
    for one in listed.filter(|one| one.typ().as_deref() == Some("bind") && !of_ours(one.destination())) {
        place(root.as_fd(), one)?;
    }
    Ok(root)
}

/// Mounts what its configuration lists, furnishes `/dev`, covers what is not to be seen.
pub(super) fn furnish(root: BorrowedFd<'_>, spec: &Spec) -> Result<(), Failure> {
    for one in spec.mounts().iter().flatten() {
        place(root, one)?;
    }
    let dev = fs::resolve(root, Path::new("dev"), Links::Refused).map_err(Failure::at("open the new /dev"))?;
    devices::furnish(dev.as_fd())?;
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

/// The union as a mount, for pivot_root(2) takes nothing else. Where `layer mount` has mounted it, it is shown again.
fn root(roots: &Roots, union: &Union, mounted: bool) -> Result<OwnedFd, Failure> {
    if mounted {
        mount::bind(&union.rootfs, &union.rootfs, "the union that is mounted already, as a root of its own")
            .map_err(Failure::at("take over the mounted layer"))?;
    } else {
        union.mount(roots).map_err(mount_failure)?;
    }
    nix::fcntl::open(&union.rootfs, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| kernel::Error::quiet("openat", &format_args!("{:?}", union.rootfs.display()), errno))
        .map_err(Failure::at("open the new root"))
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
fn place(root: BorrowedFd<'_>, wanted: &Mount) -> Result<(), Failure> {
    let target = wanted.destination();
    let kind = wanted.typ().as_deref().unwrap_or("none");
    let options = Options::read(wanted.options().as_deref().unwrap_or_default());
    if kind == "bind" || options.bind {
        return bind(root, wanted, &options);
    }
    let step = || format!("mount {kind} at {}", target.display());
    let place = fs::mount_point(root, target, Shape::Folder, Links::Refused).map_err(refuse_link(target, &step()))?;
    let source = wanted.source().as_ref().map_or(kind, |source| source.to_str().unwrap_or(kind));
    let fstype = if kind == "cgroup" { "cgroup2" } else { kind };
    // Root inside may make nodes (CAP_MKNOD), and must not open them. A devpts has terminals, and takes no other nodes.
    let nodev = if kind == "devpts" { MsFlags::empty() } else { MsFlags::MS_NODEV };
    mount::mount_at(place.as_fd(), source, fstype, options.flags | nodev, &options.data, why(target))
        .map_err(Failure::at(&step()))
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

/// A file or folder of the host. The image's own links are followed, inside the root: /etc/resolv.conf often is one.
fn bind(root: BorrowedFd<'_>, wanted: &Mount, options: &Options) -> Result<(), Failure> {
    let (source, target) = (wanted.source().clone().unwrap_or_default(), wanted.destination());
    let step = format!("show {} at {}", source.display(), target.display());
    let name = CString::new(source.as_os_str().as_encoded_bytes()).unwrap_or_default();
    let copy =
        mount::copy_tree(mount::here(), &name, true, "of the host, to be shown inside").map_err(Failure::at(&step))?;
    let shape = match fs::file_type(&copy) {
        Ok(SFlag::S_IFDIR) => Shape::Folder,
        _ => Shape::File,
    };
    mount::set_attributes(
        &copy,
        libc::MOUNT_ATTR_NODEV,
        true,
        "root inside can make a node for any device of the host",
    )
    .map_err(Failure::at(&step))?;
    if options.flags.contains(MsFlags::MS_RDONLY) {
        mount::set_attributes(&copy, libc::MOUNT_ATTR_RDONLY, true, "it was asked for read-only")
            .map_err(Failure::at(&step))?;
    }
    let place = fs::mount_point(root, target, shape, Links::Inside).map_err(Failure::at(&step))?;
    mount::attach(&copy, place.as_fd(), "seen inside under this name").map_err(Failure::at(&step))
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

/// The options of a mount entry: those that are flags, and those for the filesystem itself.
struct Options {
    flags: MsFlags,
    data: String,
    bind: bool,
}

impl Options {
    fn read(words: &[String]) -> Self {
        let mut options = Self { flags: MsFlags::empty(), data: String::new(), bind: false };
        for word in words {
            match word.as_str() {
                "ro" => options.flags |= MsFlags::MS_RDONLY,
                "nosuid" => options.flags |= MsFlags::MS_NOSUID,
                "nodev" => options.flags |= MsFlags::MS_NODEV,
                "noexec" => options.flags |= MsFlags::MS_NOEXEC,
                "relatime" => options.flags |= MsFlags::MS_RELATIME,
                "strictatime" => options.flags |= MsFlags::MS_STRICTATIME,
                "bind" | "rbind" => options.bind = true,
                "rw" | "private" | "rprivate" => {}
                other if options.data.is_empty() => other.clone_into(&mut options.data),
                other => options.data = format!("{},{other}", options.data),
            }
        }
        options
    }
}
