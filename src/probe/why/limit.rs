//! Limits: of a process (getrlimit(2)), of its cgroup (cgroups(7)), of a filesystem; and the rules for devices.

use super::path::Place;
use super::subject::{Over, Subject};
use super::verdict::{Layer, Verdict};
use crate::kernel::cgroup::{self, Version};
use crate::kernel::trace::Call;
use crate::probe::need::Who;
use nix::errno::Errno;
use std::path::PathBuf;

/// Which limit was reached; `None` where it is not about one.
pub(super) fn judge(subject: &Subject, call: &Call, errno: Errno) -> Option<Verdict> {
    let name = call.name?;
    match errno {
        Errno::EMFILE if name != "inotify_init1" && name != "inotify_init" => {
            Some(reached(subject, "Max open files", "nofile", "ulimit -n", "it may have open"))
        }
        Errno::ENOSPC if name == "inotify_add_watch" => Some(Verdict::new(
            Layer::Sysctl,
            "fs.inotify.max_user_watches is used up by this user",
            "sysctl -w fs.inotify.max_user_watches=524288",
            Who::Root,
        )),
        Errno::EMFILE => Some(Verdict::new(
            Layer::Sysctl,
            "fs.inotify.max_user_instances is used up by this user",
            "sysctl -w fs.inotify.max_user_instances=1024",
            Who::Root,
        )),
        Errno::ENFILE => Some(Verdict::new(
            Layer::Sysctl,
            "fs.file-max is reached: the whole machine has too many files open",
            "sysctl -w fs.file-max=…",
            Who::Root,
        )),
        Errno::EFBIG => Some(reached(subject, "Max file size", "fsize", "ulimit -f", "a file may be long")),
        Errno::ENOMEM | Errno::EPERM | Errno::EAGAIN if name.starts_with("mlock") => {
            Some(reached(subject, "Max locked memory", "memlock", "ulimit -l", "of memory it may lock"))
        }
        Errno::ENOMEM if ["mmap", "brk", "mremap"].contains(&name) => {
            subject.limit("Max address space")?;
            Some(reached(subject, "Max address space", "as", "ulimit -v", "of memory it may map"))
        }
        Errno::EDQUOT => Some(Verdict::new(
            Layer::FilesystemFull,
            "the disk quota of its user is used up (quota(1))",
            "remove files, or a larger quota",
            Who::Root,
        )),
        _ => None,
    }
}

fn reached(subject: &Subject, title: &str, docker: &str, shell: &str, what: &str) -> Verdict {
    let limit = subject.limit(title).map_or_else(|| "no more".to_owned(), |limit| limit.to_string());
    let because = format!("RLIMIT_{} is reached: {limit} is what {what}", docker.to_uppercase());
    let help =
        format!("{shell} in the shell that starts it, up to the hard limit; in a container: --ulimit {docker}=…");
    Verdict::new(Layer::Rlimit, because, help, Who::You)
}

/// ENOSPC where something is written.
pub(super) fn full(subject: &Subject, place: &Place) -> Option<Verdict> {
    let found = nix::sys::statvfs::fstatvfs(&place.handle).ok()?;
    let (what, look) = match (found.blocks_available(), found.files(), found.files_available()) {
        (_, all, 0) if all > 0 => ("inodes", "df -i"),
        _ => ("space", "df"),
    };
    let mount = place.mount(subject);
    let because = format!("the filesystem at {} ({}) has no {what} left ({look})", mount.point, mount.kind);
    Some(Verdict::new(Layer::FilesystemFull, because, "remove something from it, or make it larger", Who::Root))
}

/// Opening or making a device was refused though mode and mount allow it.
pub(super) fn device(subject: &Subject, place: &Place) -> Verdict {
    let node = place.is(libc::S_IFCHR) || place.is(libc::S_IFBLK);
    let number = place.stat.st_rdev;
    let (major, minor) = (nix::sys::stat::major(number), nix::sys::stat::minor(number));
    let kind = if place.is(libc::S_IFBLK) { 'b' } else { 'c' };
    if node && (major, kind) == (1, 'c') && minor <= 4 && subject.lacks("CAP_SYS_RAWIO", Over::Machine).is_some() {
        return super::capability::missing(subject, "CAP_SYS_RAWIO", Over::Machine);
    }
    let (what, rule) = if node {
        (format!("{} ({kind} {major}:{minor})", place.path), format!("{kind} {major}:{minor} rwm"))
    } else {
        (format!("a device made in {}", place.path), "c 10:229 rwm".to_owned())
    };
    let because = format!("mode and mount allow {what}, the device rules of its cgroup do not");
    let help = format!("in a container: --device, or --device-cgroup-rule '{rule}'");
    Verdict::new(Layer::DeviceCgroup, because, help, Who::Root)
}

/// The folder of the process's group that has a controller, and all above it up to the tree's top.
fn groups(subject: &Subject, controller: &str) -> Vec<(Version, PathBuf)> {
    let membership = subject.file("cgroup");
    let mut found = Vec::new();
    for tree in cgroup::hierarchies().unwrap_or_default() {
        let path = membership.lines().find_map(|line| {
            let (names, path) = line.split_once(':')?.1.split_once(':')?;
            let here = match tree.version {
                Version::V2 => names.is_empty(),
                Version::V1 => names.split(',').any(|name| name == controller) && tree.has(controller),
            };
            here.then_some(path)
        });
        let Some(path) = path else { continue };
        let mut folder = tree.mount.join(path.trim_start_matches('/'));
        while folder.starts_with(&tree.mount) {
            found.push((tree.version, folder.clone()));
            if !folder.pop() {
                break;
            }
        }
    }
    found
}

/// EAGAIN from fork(2): the pids cgroup, the limit of the user, or that of the machine.
pub(super) fn processes(subject: &Subject) -> Verdict {
    for (_, folder) in groups(subject, "pids") {
        let (most, now) = (cgroup::number(&folder, "pids.max"), cgroup::number(&folder, "pids.current"));
        if let (Some(most), Some(now)) = (most, now)
            && now >= most
        {
            let because = format!(
                "the pids cgroup {} has {now} processes and threads, and no more than {most} may be in it",
                folder.display()
            );
            return Verdict::new(
                Layer::CgroupPids,
                because,
                "in a container: --pids-limit; else write pids.max there",
                Who::Root,
            );
        }
    }
    if let Some(most) = subject.limit("Max processes") {
        let because = format!("RLIMIT_NPROC is reached: this user may have {most} processes and threads");
        let help = "ulimit -u in the shell that starts it; in a container: --ulimit nproc=…";
        return Verdict::new(Layer::Rlimit, because, help, Who::You);
    }
    let because = "kernel.threads-max or kernel.pid_max is reached: the machine has no numbers left";
    Verdict::new(Layer::Sysctl, because, "sysctl -w kernel.pid_max=4194304", Who::Root)
}

/// How often the kernel has killed in the process's memory cgroup for want of memory.
pub(super) fn memory_kills(subject: &Subject) -> (u64, String) {
    let groups = groups(subject, "memory");
    let Some((_, folder)) = groups.first() else { return (0, String::new()) };
    (cgroup::oom_kills(folder), folder.display().to_string())
}

/// A signal that ended a process and that a limit sends.
pub(super) fn by_signal(signal: i32) -> Option<Verdict> {
    let (name, shell, what) = match signal {
        libc::SIGXFSZ => ("FSIZE", "ulimit -f", "the length of a file"),
        libc::SIGXCPU => ("CPU", "ulimit -t", "processor time"),
        _ => return None,
    };
    let because = format!("RLIMIT_{name} is reached, the limit of {what}, and the kernel sends a signal");
    let help = format!("{shell} in the shell that starts it; in a container: --ulimit {}=…", name.to_lowercase());
    Some(Verdict::new(Layer::Rlimit, because, help, Who::You))
}

/// The memory cgroup killed it.
pub(super) fn out_of_memory(group: &str) -> Verdict {
    let because = format!("the memory cgroup {group} reached its limit, and the kernel killed in it");
    Verdict::new(Layer::CgroupMemory, because, "more memory for it: --memory in a container", Who::Root)
}
