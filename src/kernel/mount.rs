//! Mounts: mount(2), umount2(2), pivot_root(2), and the descriptor-based calls of Linux 5.2 and later.
//!
//! A target inside an image is always a descriptor from [`super::fs`], and a mount is made *on it* by changing into it
//! and mounting on `"."`: no name is resolved a second time.

use super::call::flags as flag_text;
use super::{Error, Result, call};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags};
use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

const MS_NAMES: [(u64, &str); 15] = [
    (libc::MS_RDONLY, "MS_RDONLY"),
    (libc::MS_NOSUID, "MS_NOSUID"),
    (libc::MS_NODEV, "MS_NODEV"),
    (libc::MS_NOEXEC, "MS_NOEXEC"),
    (libc::MS_REMOUNT, "MS_REMOUNT"),
    (libc::MS_NOATIME, "MS_NOATIME"),
    (libc::MS_BIND, "MS_BIND"),
    (libc::MS_MOVE, "MS_MOVE"),
    (libc::MS_REC, "MS_REC"),
    (libc::MS_UNBINDABLE, "MS_UNBINDABLE"),
    (libc::MS_PRIVATE, "MS_PRIVATE"),
    (libc::MS_SLAVE, "MS_SLAVE"),
    (libc::MS_SHARED, "MS_SHARED"),
    (libc::MS_RELATIME, "MS_RELATIME"),
    (libc::MS_STRICTATIME, "MS_STRICTATIME"),
];

/// Mounts a new filesystem on a path of our own.
///
/// # Errors
/// The mount(2) that failed.
pub fn mount(source: &str, target: &Path, fstype: &str, flags: MsFlags, data: &str, why: &str) -> Result<()> {
    let shown = flag_text(flags.bits(), &MS_NAMES, "0");
    let options = if data.is_empty() { None } else { Some(data) };
    call(why, "mount", format_args!("{source:?}, {target:?}, {fstype:?}, {shown}, {}", Quoted(options)), || {
        nix::mount::mount(Some(source), target, Some(fstype), flags, options)
    })
}

/// Mounts a new filesystem on exactly the folder that `target` holds.
///
/// # Errors
/// The fchdir(2) or mount(2) that failed.
pub fn mount_at(
    target: BorrowedFd<'_>,
    source: &str,
    fstype: &str,
    flags: MsFlags,
    data: &str,
    why: &str,
) -> Result<()> {
    nix::unistd::fchdir(target)
        .map_err(|errno| Error::quiet("fchdir", &format_args!("{}", target.as_raw_fd()), errno))?;
    mount(source, Path::new("."), fstype, flags, data, why)
}

/// Changes how mounts under `target` pass on to other namespaces (mount_namespaces(7)).
///
/// # Errors
/// The mount(2) that failed.
pub fn set_propagation(target: &Path, how: MsFlags, why: &str) -> Result<()> {
    let shown = flag_text(how.bits(), &MS_NAMES, "0");
    call(why, "mount", format_args!("NULL, {target:?}, NULL, {shown}, NULL"), || {
        nix::mount::mount(None::<&str>, target, None::<&str>, how, None::<&str>)
    })
}

/// Shows a folder or file of ours a second time.
///
/// # Errors
/// The mount(2) that failed.
pub fn bind(source: &Path, target: &Path, why: &str) -> Result<()> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    call(why, "mount", format_args!("{source:?}, {target:?}, NULL, MS_BIND|MS_REC, NULL"), || {
        nix::mount::mount(Some(source), target, None::<&str>, flags, None::<&str>)
    })
}

/// Takes a mount away. With MNT_DETACH it leaves the tree at once and goes when its last user has.
///
/// # Errors
/// The umount2(2) that failed.
pub fn unmount(target: &Path, flags: MntFlags, why: &str) -> Result<()> {
    let names = [(MntFlags::MNT_DETACH.bits() as u64, "MNT_DETACH"), (libc::UMOUNT_NOFOLLOW as u64, "UMOUNT_NOFOLLOW")];
    let shown = flag_text(flags.bits() as u64, &names, "0");
    call(why, "umount2", format_args!("{target:?}, {shown}"), || nix::mount::umount2(target, flags))
}

/// Makes `new_root` (which must be a mount point) the root of this mount namespace, and takes the old one away.
///
/// `pivot_root(".", ".")` stacks the old root on top of the new one, so that no folder inside the image has to hold it
/// for a moment; the old one is then the topmost mount at "." and is popped. pivot_root(2), NOTES.
///
/// # Errors
/// The call that failed.
pub fn pivot_into(new_root: BorrowedFd<'_>, why: &str) -> Result<()> {
    let fchdir = |fd: BorrowedFd<'_>| {
        nix::unistd::fchdir(fd).map_err(|errno| Error::quiet("fchdir", &format_args!("{}", fd.as_raw_fd()), errno))
    };
    let old_root =
        nix::fcntl::open("/", nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_CLOEXEC, nix::sys::stat::Mode::empty())
            .map_err(|errno| Error::quiet("openat", &format_args!("AT_FDCWD, \"/\", O_PATH|O_CLOEXEC"), errno))?;
    fchdir(new_root)?;
    call(why, "pivot_root", format_args!("\".\", \".\""), || nix::unistd::pivot_root(".", "."))?;
    fchdir(old_root.as_fd())?;
    set_propagation(
        Path::new("."),
        MsFlags::MS_SLAVE | MsFlags::MS_REC,
        "so that taking it away here takes nothing away outside",
    )?;
    unmount(Path::new("."), MntFlags::MNT_DETACH, "the host's files are gone from here")?;
    fchdir(new_root)
}

/// Takes a detached copy of a mount (open_tree(2), Linux 5.2): of the host's `/dev/null`, of a volume, of our own
/// program. It can be given other attributes before anyone sees it, and attached where we hold a descriptor.
///
/// # Errors
/// The open_tree(2) that failed.
pub fn copy_tree(at: BorrowedFd<'_>, path: &CStr, recursive: bool, why: &str) -> Result<OwnedFd> {
    let mut flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | libc::AT_EMPTY_PATH as u32;
    if recursive {
        flags |= libc::AT_RECURSIVE as u32;
    }
    let shown = if recursive { "|AT_RECURSIVE" } else { "" };
    let at_shown = DirFd(at.as_raw_fd());
    call(
        why,
        "open_tree",
        format_args!("{at_shown}, {path:?}, OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH{shown}"),
        || {
            // SAFETY: `path` ends with NUL and lives until the call returns.
            let fd = unsafe { libc::syscall(libc::SYS_open_tree, at.as_raw_fd(), path.as_ptr(), flags) };
            // SAFETY: the kernel has just given us this descriptor.
            Errno::result(fd).map(|fd| unsafe { OwnedFd::from_raw_fd(fd as i32) })
        },
    )
}

/// The current folder, for calls that resolve a path of our own.
pub fn here() -> BorrowedFd<'static> {
    // SAFETY: AT_FDCWD is no descriptor that could be closed; every *at call understands it.
    unsafe { BorrowedFd::borrow_raw(libc::AT_FDCWD) }
}

/// Sets attributes (MOUNT_ATTR_RDONLY, …) on a mount that we hold (mount_setattr(2), Linux 5.12).
///
/// # Errors
/// The mount_setattr(2) that failed.
pub fn set_attributes<Fd: AsFd>(mount: &Fd, set: u64, recursive: bool, why: &str) -> Result<()> {
    change(mount, set, 0, 0, recursive, why)
}

/// Sets how mounts pass to and from a mount that we hold (MS_PRIVATE, MS_SLAVE, MS_SHARED), and attributes with it.
///
/// # Errors
/// The mount_setattr(2) that failed.
pub fn set_attributes_and_propagation<Fd: AsFd>(
    mount: &Fd,
    set: u64,
    propagation: u64,
    recursive: bool,
    why: &str,
) -> Result<()> {
    change(mount, set, 0, propagation, recursive, why)
}

/// Sets and takes off attributes in one call, and says how mounts below pass on: what the options of a mount in config.json
/// can ask for. `propagation` is MS_PRIVATE, MS_SLAVE, … or 0 for "as it is".
///
/// # Errors
/// The mount_setattr(2) that failed.
pub fn change<Fd: AsFd>(mount: &Fd, set: u64, clear: u64, propagation: u64, recursive: bool, why: &str) -> Result<()> {
    let attributes = libc::mount_attr { attr_set: set, attr_clr: clear, propagation, userns_fd: 0 };
    set_attr(mount.as_fd(), &attributes, recursive, why)
}

/// Takes attributes off a mount that we hold, not off those below it.
///
/// # Errors
/// The mount_setattr(2) that failed: EPERM where another user namespace has set them.
pub fn clear_attributes<Fd: AsFd>(mount: &Fd, clear: u64, why: &str) -> Result<()> {
    change(mount, 0, clear, 0, false, why)
}

fn set_attr(mount: BorrowedFd<'_>, attributes: &libc::mount_attr, recursive: bool, why: &str) -> Result<()> {
    let fd = mount.as_raw_fd();
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    let flags_shown = if recursive { "AT_EMPTY_PATH|AT_RECURSIVE" } else { "AT_EMPTY_PATH" };
    call(why, "mount_setattr", format_args!("{fd}, \"\", {flags_shown}, {{{}}}", Attributes(attributes)), || {
        // SAFETY: an empty path that ends with NUL, and a mount_attr that lives until the call returns.
        let answer = unsafe {
            libc::syscall(
                libc::SYS_mount_setattr,
                fd,
                c"".as_ptr(),
                flags,
                std::ptr::from_ref(attributes),
                size_of::<libc::mount_attr>(),
            )
        };
        Errno::result(answer).map(drop)
    })
}

/// The members of a mount_attr that say something.
struct Attributes<'a>(&'a libc::mount_attr);

impl std::fmt::Display for Attributes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = [
            (libc::MOUNT_ATTR_RDONLY, "MOUNT_ATTR_RDONLY"),
            (libc::MOUNT_ATTR_NOSUID, "MOUNT_ATTR_NOSUID"),
            (libc::MOUNT_ATTR_NODEV, "MOUNT_ATTR_NODEV"),
            (libc::MOUNT_ATTR_NOEXEC, "MOUNT_ATTR_NOEXEC"),
            (libc::MOUNT_ATTR_NOATIME, "MOUNT_ATTR_NOATIME"),
            (libc::MOUNT_ATTR_NODIRATIME, "MOUNT_ATTR_NODIRATIME"),
        ];
        let attributes = [("attr_set", self.0.attr_set), ("attr_clr", self.0.attr_clr)];
        let shown = attributes.into_iter().map(|(field, value)| (field, value, flag_text(value, &names, "0")));
        let propagation = ("propagation", self.0.propagation, flag_text(self.0.propagation, &MS_NAMES, "0"));
        let said: Vec<String> = shown
            .chain([propagation])
            .filter(|(_, value, _)| *value != 0)
            .map(|(field, _, text)| format!("{field}={text}"))
            .collect();
        f.write_str(&said.join(", "))
    }
}

/// Attaches a detached mount on exactly the thing that `target` holds (move_mount(2), Linux 5.2).
///
/// # Errors
/// The move_mount(2) that failed.
pub fn attach<Fd: AsFd>(mount: &Fd, target: BorrowedFd<'_>, why: &str) -> Result<()> {
    let (from, to) = (mount.as_fd().as_raw_fd(), target.as_raw_fd());
    let flags = libc::MOVE_MOUNT_F_EMPTY_PATH | libc::MOVE_MOUNT_T_EMPTY_PATH;
    call(
        why,
        "move_mount",
        format_args!("{from}, \"\", {to}, \"\", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH"),
        || {
            // SAFETY: two open descriptors and two empty paths that end with NUL.
            let answer = unsafe { libc::syscall(libc::SYS_move_mount, from, c"".as_ptr(), to, c"".as_ptr(), flags) };
            Errno::result(answer).map(drop)
        },
    )
}

struct Quoted<'a>(Option<&'a str>);

impl std::fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(text) => write!(f, "{text:?}"),
            None => f.write_str("NULL"),
        }
    }
}

struct DirFd(i32);

impl std::fmt::Display for DirFd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 == libc::AT_FDCWD { f.write_str("AT_FDCWD") } else { write!(f, "{}", self.0) }
    }
}
