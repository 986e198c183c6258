//! Flags of mounts, and the calls that make and unmake mounts. mount(2), mount_namespaces(7).

use super::path::{self, Place};
use super::subject::{Over, Subject};
use super::verdict::{Layer, Verdict};
use crate::kernel::namespace::Kind;
use crate::kernel::trace::{self, Call};
use crate::probe::need::Who;
use nix::errno::Errno;
use nix::sys::statvfs::FsFlags;

/// What decides over mounts.
const MOUNTS: Over = Over::Namespace(Kind::Mnt);

/// EROFS: of the mount, or of the filesystem below it.
pub(super) fn read_only(subject: &Subject, place: &Place) -> Verdict {
    let mount = place.mount(subject);
    let at = if mount.point.is_empty() { "its mount".to_owned() } else { format!("the mount at {}", mount.point) };
    let has = |options: &str| options.split(',').any(|option| option == "ro");
    if has(&mount.super_options) && !has(&mount.options) {
        let because =
            format!("{} lies on a filesystem ({}, {at}) that is read-only as a whole", place.path, mount.kind);
        return Verdict::new(
            Layer::FilesystemReadOnly,
            because,
            format!("mount -o remount,rw {}", mount.point),
            who(subject),
        );
    }
    let because = format!("{} lies on {at}, which is mounted read-only (ro)", place.path);
    Verdict::new(Layer::MountReadOnly, because, remount(&mount.point, "rw"), who(subject))
}

fn remount(point: &str, option: &str) -> String {
    format!(
        "mount -o remount,bind,{option} {point}; in a container: mount it without that flag (-v, --tmpfs, --read-only)"
    )
}

/// Who may mount here anew.
fn who(subject: &Subject) -> Who {
    if subject.in_user_namespace() { Who::Admin } else { Who::Root }
}

/// Another flag, and what it means.
pub(super) fn flag(subject: &Subject, place: &Place, layer: Layer, name: &str, means: &str) -> Verdict {
    let mount = place.mount(subject);
    let because = format!("{} lies on the mount at {}, which has the flag {name}: {means}", place.path, mount.point);
    Verdict::new(layer, because, remount(&mount.point, &name.replacen("no", "", 1)), who(subject))
}

/// A filesystem that was mounted in a user namespace opens no devices either, without a flag that says so
/// (`SB_I_NODEV`, fs/namei.c `may_open_dev`).
pub(super) fn is_nodev(subject: &Subject, place: &Place) -> bool {
    place.flags().contains(FsFlags::ST_NODEV) || subject.in_user_namespace() && place.mount(subject).kind == "tmpfs"
}

/// Which layer refused a call about mounts.
pub(super) fn judge(subject: &Subject, call: &Call, errno: Errno) -> Option<Verdict> {
    let name = call.name?;
    let known = [
        "mount",
        "umount2",
        "pivot_root",
        "fsopen",
        "fsconfig",
        "fsmount",
        "move_mount",
        "mount_setattr",
        "open_tree",
        "fspick",
    ];
    if !known.contains(&name) {
        return None;
    }
    if errno == Errno::EPERM && subject.lacks("CAP_SYS_ADMIN", MOUNTS).is_some() {
        return Some(super::capability::missing(subject, "CAP_SYS_ADMIN", MOUNTS));
    }
    match (name, errno) {
        ("mount", _) => mount(subject, call, errno),
        ("fsopen", Errno::ENODEV) => Some(no_such_filesystem(&text(subject, call.args[0]))),
        ("fsmount", Errno::EPERM) if subject.in_user_namespace() => Some(covered("proc or sysfs")),
        ("mount_setattr", Errno::EPERM) if subject.in_user_namespace() => Some(locked_flags("this mount")),
        ("umount2", Errno::EINVAL | Errno::EPERM) => unmount(subject, call),
        ("pivot_root", Errno::EINVAL | Errno::EBUSY) => Some(pivot(subject, call)),
        _ => None,
    }
}

fn text(subject: &Subject, address: u64) -> String {
    trace::text(subject.pid, address).map_or_else(String::new, |text| String::from_utf8_lossy(&text).into_owned())
}

fn mount(subject: &Subject, call: &Call, errno: Errno) -> Option<Verdict> {
    let flags = call.args[3];
    let (kind, target) = (text(subject, call.args[2]), text(subject, call.args[1]));
    let has = |bit: libc::c_ulong| flags & bit != 0;
    let changes =
        libc::MS_BIND | libc::MS_MOVE | libc::MS_SHARED | libc::MS_PRIVATE | libc::MS_SLAVE | libc::MS_UNBINDABLE;
    match errno {
        Errno::EPERM if has(libc::MS_REMOUNT) && subject.in_user_namespace() => Some(locked_flags(&target)),
        Errno::EINVAL
            if has(libc::MS_BIND | libc::MS_MOVE) && !has(libc::MS_REMOUNT) && subject.in_user_namespace() =>
        {
            let because = format!(
                "what is mounted below {} came from a namespace with more rights, and would be laid bare",
                text(subject, call.args[0])
            );
            Some(Verdict::new(Layer::MountLocked, because, "take the whole tree: mount --rbind", Who::You))
        }
        Errno::ENODEV if !has(changes) => Some(no_such_filesystem(&kind)),
        Errno::EPERM if !has(changes) && ["proc", "sysfs"].contains(&kind.as_str()) => Some(covered(&kind)),
        Errno::EPERM if !has(changes) && subject.in_user_namespace() => {
            let because = format!(
                "a filesystem of the kind {kind} is mounted by the machine's root only, not in a user namespace"
            );
            Some(Verdict::new(Layer::MountKind, because, "mount it outside and hand it in (a bind mount)", Who::Root))
        }
        _ => None,
    }
}

fn no_such_filesystem(kind: &str) -> Verdict {
    let because = format!(
        "this kernel has no filesystem called {kind} (/proc/filesystems), and no module of that name was loaded"
    );
    Verdict::new(Layer::KernelLacks, because, format!("modprobe {kind}, or a kernel that has it"), Who::Admin)
}

/// fs/namespace.c, `mount_too_revealing`.
fn covered(kind: &str) -> Verdict {
    let because = format!(
        "a new {kind} may be mounted in a user namespace only where the one that is there is not covered in parts, and \
         here something is mounted over a part of it"
    );
    let help = "leave it uncovered outside; in Docker: --security-opt systempaths=unconfined";
    Verdict::new(Layer::ProcCovered, because, help, Who::Admin)
}

fn locked_flags(target: &str) -> Verdict {
    let because = format!(
        "{target} came with its flags from a namespace with more rights: here they can be added to, never taken away"
    );
    Verdict::new(Layer::MountLocked, because, "change it where it was mounted", Who::Admin)
}

fn unmount(subject: &Subject, call: &Call) -> Option<Verdict> {
    let path = trace::text(subject.pid, call.args[0])?;
    let found = path::go(subject, libc::AT_FDCWD, &path, true).found?;
    let point = found.mount(subject).point;
    if point != found.path || !subject.in_user_namespace() {
        return None;
    }
    let because = format!(
        "the mount at {point} came from a namespace with more rights, together with those around it: to take it away would \
         show what it covers"
    );
    Some(Verdict::new(Layer::MountLocked, because, "unmount it where it was mounted", Who::Admin))
}

fn pivot(subject: &Subject, call: &Call) -> Verdict {
    let path = trace::text(subject.pid, call.args[0]).unwrap_or_default();
    let shown = String::from_utf8_lossy(&path).into_owned();
    let found = path::go(subject, libc::AT_FDCWD, &path, true).found;
    let is_mount = found.is_some_and(|found| found.mount(subject).point == found.path);
    if !is_mount {
        let because = format!("the new root, {shown}, is no mount point");
        return Verdict::new(Layer::PivotRoot, because, format!("mount --bind {shown} {shown}"), Who::You);
    }
    let because =
        "the mount that the new root lies on, or its parent, is shared: what is done here would be done elsewhere too";
    Verdict::new(Layer::PivotRoot, because, "mount --make-rprivate /", Who::You)
}
