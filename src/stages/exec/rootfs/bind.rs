//! Files and folders of the host shown inside: volumes, the three files of /etc, whatever `-v` names.
//!
//! A copy of the mount is taken (open_tree(2)), made as it was asked for while nobody sees it, and only then attached.

use super::{Manner, Options, Taken};
use crate::kernel::fs::{self, Links, Shape};
use crate::kernel::{self, mount};
use crate::stages::failure::Failure;
use nix::errno::Errno;
use nix::mount::MsFlags;
use nix::sys::stat::SFlag;
use oci_spec::runtime::{Mount, Spec};
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Files of /proc that may be shown otherwise (runc libcontainer/rootfs_linux.go, `checkProcMount`): lxcfs does.
const SHOWN_OTHERWISE: [&str; 10] = [
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/slabinfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/uptime",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/sys/crypto/fips_enabled",
];

/// Copies of those mounts that stay peers of the host's, by target. They are taken while we still are one: once our
/// mounts are slaves, nothing that is made here goes out any more (mount_namespaces(7)).
#[derive(Debug, Default)]
pub(super) struct Shared(Vec<(PathBuf, OwnedFd)>);

impl Shared {
    pub(super) fn take(spec: &Spec) -> Result<Self, Failure> {
        let mut taken = Vec::new();
        for one in spec.mounts().iter().flatten() {
            let options = Options::read(one.options().as_deref().unwrap_or_default());
            if options.propagation.is_some_and(|how| how.contains(MsFlags::MS_SHARED)) {
                taken.push((one.destination().clone(), copy(one, options.recursive)?));
            }
        }
        Ok(Self(taken))
    }

    fn get(&self, target: &Path) -> Option<std::io::Result<OwnedFd>> {
        self.0.iter().find(|(other, _)| other == target).map(|(_, copy)| copy.try_clone())
    }
}

fn step_of(wanted: &Mount) -> String {
    let source = wanted.source().clone().unwrap_or_default();
    format!("show {} at {}", source.display(), wanted.destination().display())
}

fn copy(wanted: &Mount, recursive: bool) -> Result<OwnedFd, Failure> {
    let source = wanted.source().clone().unwrap_or_default();
    let name = CString::new(source.as_os_str().as_encoded_bytes()).unwrap_or_default();
    mount::copy_tree(mount::here(), &name, recursive, "of the host, to be shown inside")
        .map_err(Failure::at(&step_of(wanted)))
}

/// One of them. The image's own links are followed, inside the root: /etc/resolv.conf often is one.
pub(super) fn show(taken: &Taken, wanted: &Mount, options: &Options) -> Result<(), Failure> {
    let root = taken.root.as_fd();
    let target = wanted.destination();
    let step = step_of(wanted);
    let copy = match taken.shared.get(target) {
        Some(shared) => shared.map_err(|error| quiet("dup", &error)).map_err(Failure::at(&step))?,
        None => copy(wanted, options.recursive)?,
    };
    let kind = fs::file_type(&copy);
    let is_device = matches!(kind, Ok(SFlag::S_IFCHR | SFlag::S_IFBLK));
    let shape = if matches!(kind, Ok(SFlag::S_IFDIR)) { Shape::Folder } else { Shape::File };
    match taken.manner {
        // One device, and the device rules say which may be opened: `-v /dev/null:/etc/shadow` covers a file.
        Manner::Ours if is_device => set(&copy, options, 0),
        Manner::Ours => set(&copy, options, libc::MOUNT_ATTR_NODEV),
        Manner::ByTheLetter { .. } => set_exactly(&copy, options, taken.manner),
    }
    .map_err(Failure::at(&step))?;
    let place = fs::mount_point(root, target, shape, Links::Inside).map_err(Failure::at(&step))?;
    guard(root, &place, target, &step)?;
    mount::attach(&copy, place.as_fd(), "seen inside under this name").map_err(Failure::at(&step))
}

/// What it is made while nobody sees it.
fn set(copy: &OwnedFd, options: &Options, nodev_or_not: u64) -> kernel::Result<()> {
    let how = options.propagation.unwrap_or(MsFlags::empty());
    let (deep, kind) = (how.contains(MsFlags::MS_REC), how & !MsFlags::MS_REC);
    let nodev = "root inside can make a node for any device of the host";
    if deep {
        let why = "root inside can make a node for any device of the host; and what passes to and from here";
        mount::set_attributes_and_propagation(copy, nodev_or_not, kind.bits(), true, why)?;
    } else {
        if nodev_or_not != 0 {
            mount::set_attributes(copy, nodev_or_not, true, nodev)?;
        }
        if !kind.is_empty() {
            mount::set_attributes_and_propagation(copy, 0, kind.bits(), false, "what passes to and from here")?;
        }
    }
    if options.flags.contains(MsFlags::MS_RDONLY) {
        mount::set_attributes(copy, libc::MOUNT_ATTR_RDONLY, true, "it was asked for read-only")?;
    }
    Ok(())
}

/// Exactly what was asked for; read-only also below, for who asks for it does not mean all but some.
fn set_exactly(copy: &OwnedFd, options: &Options, manner: Manner) -> kernel::Result<()> {
    let set = Options::attributes(options.flags | manner.also());
    let mut clear = Options::attributes(options.cleared - manner.also());
    // The three ways of keeping access times exclude each other, and are changed as one.
    if (set | clear) & libc::MOUNT_ATTR__ATIME != 0 {
        clear |= libc::MOUNT_ATTR__ATIME;
    }
    let why = "as its configuration says";
    if set | clear != 0 {
        mount::change(copy, set, clear, 0, true, why)?;
    }
    let Some(how) = options.propagation else { return Ok(()) };
    mount::change(copy, 0, 0, (how - MsFlags::MS_REC).bits(), how.contains(MsFlags::MS_REC), why)
}

/// What may not be mounted on: the root itself, or the /proc of this container, where a fake could keep from being
/// masked what is masked (CVE-2019-16884). Asked of the descriptor: a path may have led here through links.
pub(super) fn guard(root: BorrowedFd<'_>, place: &OwnedFd, target: &Path, step: &str) -> Result<(), Failure> {
    if SHOWN_OTHERWISE.iter().any(|file| target == Path::new(file)) {
        return Ok(());
    }
    let refuse = |why: &str, call, errno| {
        let error = kernel::Error::quiet(call, &format_args!("{}", target.display()), errno);
        Err(Failure::at(&format!("{step}: {why}"))(error))
    };
    if target == Path::new("/proc") || fs::is_proc(place) {
        return refuse(
            "nothing else is mounted inside /proc, where it could hide what is masked",
            "fstatfs",
            Errno::EXDEV,
        );
    }
    if fs::is_same(&root, place).map_err(Failure::at(step))? {
        return refuse("it leads to the root of the container", "fstat", Errno::EBUSY);
    }
    Ok(())
}

fn quiet(call: &'static str, error: &std::io::Error) -> kernel::Error {
    let errno = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
    kernel::Error::quiet(call, &format_args!("…"), errno)
}
