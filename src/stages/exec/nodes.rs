//! `--device`: further devices in the container's `/dev`, one by one.
//!
//! The `/dev` of a container is mounted MS_NODEV, so that no node made there opens. What is to open is a mount of its own:
//! root makes the node anew, with the owner and mode that the configuration says; in a user namespace nobody can make one
//! (mknod(2), EPERM), and the host's own is shown.

use crate::kernel::fs::{self, Links, Shape};
use crate::kernel::{self, mount, user};
use crate::stages::failure::Failure;
use nix::errno::Errno;
use nix::sys::stat::{Mode, SFlag, makedev};
use oci_spec::runtime::{LinuxDevice, LinuxDeviceType, Spec};
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Nodes that are made on the root later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// They are let open: device rules of the cgroup are what guards the host's.
    Let,
    /// As the mount of the root was made.
    AsMounted,
}

/// Shows what `linux.devices` lists.
pub(super) fn show(root: BorrowedFd<'_>, spec: &Spec, nodes: Opening) -> Result<(), Failure> {
    if nodes == Opening::Let {
        let why = "the device rules say which nodes may be opened";
        mount::clear_attributes(&root, libc::MOUNT_ATTR_NODEV, why).map_err(Failure::at("let nodes be opened"))?;
    }
    let listed = spec.linux().as_ref().and_then(|linux| linux.devices().as_ref());
    let Some(listed) = listed.filter(|list| !list.is_empty()) else { return Ok(()) };
    let step = || Failure::at("open the new /dev");
    let dev = fs::resolve(root, Path::new("dev"), Links::Refused).map_err(step())?;
    let of_host = user::in_user_namespace();
    for device in listed {
        let text = format!("show the device {}", device.path().display());
        show_one(&dev, of_host, device).map_err(Failure::at(&text))?;
    }
    Ok(())
}

fn show_one(dev: &OwnedFd, of_host: bool, device: &LinuxDevice) -> kernel::Result<()> {
    let outside =
        |_| kernel::Error::quiet("mknodat", &format_args!("{}: not in /dev", device.path().display()), Errno::EXDEV);
    let name = device.path().strip_prefix("/dev").map_err(outside)?;
    // It is the container's own, and a link there already (runc, libcontainer/rootfs_linux.go, `createDevices`).
    if name == Path::new("ptmx") {
        return Ok(());
    }
    // `--privileged` lists all, also those that every container has.
    if fs::resolve(dev.as_fd(), name, Links::Refused).and_then(|found| fs::device_number(&found)) == Ok(number(device))
    {
        return Ok(());
    }
    let copy = if of_host { find(device)? } else { make(dev, name, device)? };
    let place = fs::mount_point(dev.as_fd(), name, Shape::File, Links::Refused)?;
    mount::attach(&copy, place.as_fd(), "this device, and no other")
}

fn number(device: &LinuxDevice) -> u64 {
    makedev(device.major().cast_unsigned(), device.minor().cast_unsigned())
}

/// A new node, and a mount of nothing but it, on which it opens.
fn make(dev: &OwnedFd, name: &Path, device: &LinuxDevice) -> kernel::Result<OwnedFd> {
    let folder = match name.parent() {
        Some(parent) if parent != Path::new("") => fs::mount_point(dev.as_fd(), parent, Shape::Folder, Links::Refused)?,
        _ => fs::resolve(dev.as_fd(), Path::new("."), Links::Refused)?,
    };
    let name = Path::new(name.file_name().unwrap_or_default());
    let kind = if device.typ() == LinuxDeviceType::B { SFlag::S_IFBLK } else { SFlag::S_IFCHR };
    let mode = Mode::from_bits_truncate(device.file_mode().unwrap_or(0o666));
    let owner = (device.uid().unwrap_or(0), device.gid().unwrap_or(0));
    fs::make_node(folder.as_fd(), name, kind, mode, number(device), owner, "a node for exactly this device")?;
    let text = CString::new(name.as_os_str().as_encoded_bytes()).unwrap_or_default();
    let copy = mount::copy_tree(folder.as_fd(), &text, false, "the node as a mount of its own")?;
    mount::clear_attributes(&copy, libc::MOUNT_ATTR_NODEV, "on which it opens")?;
    Ok(copy)
}

/// The host's node: the kernel tells under which name a device number was made.
fn find(device: &LinuxDevice) -> kernel::Result<OwnedFd> {
    let kind = if device.typ() == LinuxDeviceType::B { "block" } else { "char" };
    let told = std::fs::read_to_string(format!("/sys/dev/{kind}/{}:{}/uevent", device.major(), device.minor()));
    let name = told.unwrap_or_default().lines().find_map(|line| line.strip_prefix("DEVNAME=").map(PathBuf::from));
    let path = Path::new("/dev")
        .join(name.unwrap_or_else(|| device.path().strip_prefix("/dev").unwrap_or(device.path()).to_owned()));
    let text = CString::new(path.as_os_str().as_encoded_bytes()).unwrap_or_default();
    let copy = mount::copy_tree(mount::here(), &text, false, "one device of the host, to be shown inside")?;
    if fs::device_number(&copy)? == number(device) {
        return Ok(copy);
    }
    Err(kernel::Error::quiet("fstat", &format_args!("{}", path.display()), Errno::ENODEV))
}
