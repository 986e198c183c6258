//! Filesystems that a container needs: a fresh /proc and /sys, layers as one folder, and a place for the writable one.

use super::trial::{as_this_user, attempt, become_root_of_a_user_namespace, unshare};
use super::{Answer, Who, blame};
use crate::kernel::namespace::Kind;
use crate::kernel::{self, mount, overlay, rootfs};
use crate::state::Roots;
use nix::errno::Errno;
use nix::mount::MsFlags;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const WHY: &str = "to see whether it can be mounted";
const QUIET: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV).union(MsFlags::MS_NOEXEC);

pub(super) fn proc(_: &Roots) -> Answer {
    as_this_user("mounted in a new PID namespace", || {
        unshare(&[Kind::Mnt, Kind::Pid])?;
        // A proc shows the PID namespace of the one who mounts it: a child that is PID 1 there.
        in_child(|| mount::mount("proc", Path::new("/proc"), "proc", QUIET, "", WHY))
    })
}

pub(super) fn sysfs(_: &Roots) -> Answer {
    as_this_user("mounted in a new network namespace", || {
        unshare(&[Kind::Mnt, Kind::Net])?;
        mount::mount("sysfs", Path::new("/sys"), "sysfs", QUIET, "", WHY)
    })
}

pub(super) fn overlay(_: &Roots) -> Answer {
    as_this_user("two layers joined, and one written", || {
        unshare(&[Kind::Mnt])?;
        let folder = Path::new("/tmp");
        mount::mount("tmpfs", folder, "tmpfs", MsFlags::empty(), "", WHY)?;
        join_layers(folder)
    })
}

/// Lays an overlay out below `folder` and writes through it.
fn join_layers(folder: &Path) -> kernel::Result<()> {
    let [lower, upper, work, joined] = ["lower", "upper", "work", "joined"].map(|name| folder.join(name));
    let made = [&lower, &upper, &work, &joined].into_iter().try_for_each(std::fs::create_dir);
    let failed = |call| move |error: std::io::Error| of_io(call, folder, &error);
    made.map_err(failed("mkdir"))?;
    std::fs::write(lower.join("file"), "below").map_err(failed("write"))?;
    let manner = overlay::Manner { in_user_namespace: kernel::user::in_user_namespace(), volatile: false };
    let options = overlay::options(&[&lower], &upper, &work, manner);
    overlay::mount_overlay(&joined, &options, WHY)?;
    std::fs::write(joined.join("file"), "above").map_err(failed("write"))?;
    std::fs::remove_file(joined.join("file")).map_err(failed("unlink"))
}

/// Whether overlayfs can note in a tmpfs that a folder hides what is below it. Root's mark is as old as overlayfs; that of
/// a user namespace has the prefix `user.`, which tmpfs knows since Linux 6.6: tmpfs(5), xattr(7).
pub(super) fn marks(_: &Roots) -> Answer {
    let tried = as_this_user("a folder in a tmpfs was marked as opaque", || {
        unshare(&[Kind::Mnt])?;
        let folder = Path::new("/tmp");
        mount::mount("tmpfs", folder, "tmpfs", MsFlags::empty(), "", WHY)?;
        let open = std::fs::File::open(folder).map_err(|error| of_io("open", folder, &error))?;
        rootfs::set_attribute(open.as_fd(), overlay::opaque_attribute().as_ref(), b"y")
    });
    match tried {
        Answer::Unmet { why, .. } if why.contains("fsetxattr") => {
            let why = "a tmpfs of this kernel has no attributes of users (since Linux 6.6)";
            Answer::unmet(why, "root does without, and so does a newer kernel", Who::Root)
        }
        answer => answer,
    }
}

fn of_io(call: &'static str, path: &Path, error: &std::io::Error) -> kernel::Error {
    kernel::Error::quiet(
        call,
        &format_args!("\"{}\"", path.display()),
        Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)),
    )
}

fn in_child(work: impl FnOnce() -> kernel::Result<()>) -> kernel::Result<()> {
    attempt(work)
}

/// Whether the writable layer of a container can lie in the state folder. NFS cannot hold one, nor can an overlay.
pub(super) fn upper(roots: &Roots) -> Answer {
    let missing = missing_folders(roots);
    let answer = try_upper(roots);
    // What was made only to be tried goes again; a folder that somebody filled meanwhile stays.
    for folder in missing {
        let _ = std::fs::remove_dir(folder);
    }
    answer
}

/// The folders that preparing the state would make, the deepest first.
fn missing_folders(roots: &Roots) -> Vec<PathBuf> {
    let ancestors = roots.data.ancestors().chain(roots.run.ancestors());
    let mut missing: Vec<PathBuf> = ancestors.filter(|folder| !folder.exists()).map(Path::to_owned).collect();
    missing.sort_by_key(|folder| std::cmp::Reverse(folder.as_os_str().len()));
    missing
}

fn try_upper(roots: &Roots) -> Answer {
    if let Err(error) = roots.prepare() {
        return Answer::unmet(error.to_string(), "choose a local folder of your own with --root DIR", Who::You);
    }
    let filesystem = filesystem_of(&roots.data);
    let folder = match tempfile::Builder::new().prefix(".doctor-").tempdir_in(&roots.data) {
        Ok(folder) => folder,
        Err(error) => {
            let why = format!("{} cannot be written: {error}", roots.data.display());
            return Answer::unmet(why, "choose a local folder of your own with --root DIR", Who::You);
        }
    };
    let tried = attempt(|| {
        if !nix::unistd::geteuid().is_root() {
            become_root_of_a_user_namespace()?;
        }
        unshare(&[Kind::Mnt])?;
        join_layers(folder.path())
    });
    // Overlay leaves work/work with mode 000, which remove_dir_all cannot enter.
    let _ = std::fs::set_permissions(folder.path().join("work/work"), std::fs::Permissions::from_mode(0o700));
    match tried {
        Ok(()) => Answer::met(format!("{} ({filesystem}) holds one", roots.data.display())),
        Err(error) if error.args.contains("CLONE_NEW") => blame::answer(&error),
        Err(error) => Answer::unmet(
            format!("{} ({filesystem}) cannot hold one: {error}", roots.data.display()),
            "choose a folder on a local disk or tmpfs with --root DIR",
            Who::You,
        ),
    }
}

/// The name of the filesystem that a folder lies on, by its number (statfs(2)).
fn filesystem_of(folder: &Path) -> String {
    let Ok(found) = nix::sys::statfs::statfs(folder) else { return "unknown filesystem".into() };
    let name = match found.filesystem_type().0 {
        0xef53 => "ext4",
        0x5846_5342 => "xfs",
        0x9123_683e => "btrfs",
        0x0102_1994 => "tmpfs",
        0x6969 => "nfs",
        0x794c_7630 => "overlay",
        0x6573_5546 => "fuse",
        0x2fc1_2fc1 => "zfs",
        0x0102_1997 => "9p",
        0xff53_4d42 | 0xfe53_4d42 => "cifs",
        0xf2f5_2010 => "f2fs",
        other => return format!("filesystem {other:#x}"),
    };
    name.into()
}
