//! Switches of the whole machine, and calls about other processes.

use super::path::{self, Place};
use super::subject::{Over, Subject};
use super::verdict::{Layer, Verdict};
use crate::kernel::trace::Call;
use crate::probe::need::Who;
use nix::errno::Errno;

/// The value of a switch, `/` for `.`; none where this kernel has no such switch.
fn value(name: &str) -> Option<i64> {
    std::fs::read_to_string(format!("/proc/sys/{name}")).ok()?.trim().parse().ok()
}

fn switch(name: &str, at: i64, means: &str, open: i64) -> Verdict {
    let dotted = name.replace('/', ".");
    Verdict::new(Layer::Sysctl, format!("{dotted} is {at}: {means}"), format!("sysctl -w {dotted}={open}"), Who::Root)
}

/// Which switch refused it; `None` where none is about it.
pub(super) fn judge(subject: &Subject, call: &Call, errno: Errno) -> Option<Verdict> {
    if !matches!(errno, Errno::EPERM | Errno::EACCES) {
        return None;
    }
    let set = |name: &'static str, from: i64| value(name).filter(|value| *value >= from).map(|value| (name, value));
    let (found, capability, means, open) = match call.name? {
        "syslog" => (set("kernel/dmesg_restrict", 1), "CAP_SYSLOG", "the kernel's messages are not for everybody", 0),
        "perf_event_open" => {
            (set("kernel/perf_event_paranoid", 2), "CAP_PERFMON", "only one's own programs may be counted", 1)
        }
        "bpf" => (set("kernel/unprivileged_bpf_disabled", 1), "CAP_BPF", "programs for the kernel are for root", 0),
        "userfaultfd" => (
            value("vm/unprivileged_userfaultfd")
                .filter(|value| *value == 0)
                .map(|value| ("vm/unprivileged_userfaultfd", value)),
            "CAP_SYS_PTRACE",
            "faults of the kernel are not handed to everybody",
            1,
        ),
        "io_uring_setup" => (set("kernel/io_uring_disabled", 1), "CAP_SYS_ADMIN", "rings are not for everybody", 0),
        "ptrace" => return Some(traced(subject, call)),
        "kill" | "tkill" | "tgkill" | "rt_sigqueueinfo" | "pidfd_send_signal" | "process_vm_readv"
        | "process_vm_writev" | "pidfd_getfd" | "migrate_pages" | "move_pages" => return Some(other_process(subject)),
        _ => return None,
    };
    let lack = subject.lacks(capability, Over::Machine)?;
    let _ = lack;
    Some(found.map_or_else(
        || super::capability::missing(subject, capability, Over::Machine),
        |(name, value)| switch(name, value, means, open),
    ))
}

fn traced(subject: &Subject, call: &Call) -> Verdict {
    // PTRACE_TRACEME
    if call.args[0] == 0 {
        let because = "a process has one tracer, and this one has us: `explore why` watches it";
        return Verdict::new(Layer::Tracing, because, "look at it without `explore why`", Who::You);
    }
    match value("kernel/yama/ptrace_scope") {
        Some(scope @ 1..) => switch("kernel/yama/ptrace_scope", scope, "a process traces its own children only", 0),
        _ => other_process(subject),
    }
}

fn other_process(subject: &Subject) -> Verdict {
    let because =
        format!("the other process belongs to another user (or another user namespace) than {}", subject.who());
    Verdict::new(Layer::ProcessOwner, because, "let its owner do it, or root", Who::Root)
}

/// Files that a switch, or a process behind them, guards: mode and mount say yes.
pub(super) fn guarded(subject: &Subject, place: &Place, call: &Call) -> Option<Verdict> {
    let restricted = value("kernel/dmesg_restrict").unwrap_or(0);
    if place.path == "/dev/kmsg" && restricted > 0 && subject.lacks("CAP_SYSLOG", Over::Machine).is_some() {
        return Some(switch("kernel/dmesg_restrict", restricted, "the kernel's messages are not for everybody", 0));
    }
    let mut parts = place.path.strip_prefix("/proc/")?.split('/');
    if parts.next()? == "sys" {
        return subject.in_user_namespace().then(|| {
            let because = format!("{} belongs to the machine's first user namespace, or to one above", place.path);
            Verdict::new(Layer::NamespaceOwner, because, "root of the machine can, outside", Who::Root)
        });
    }
    // To look into a process is to be allowed to trace it (ptrace(2), "Ptrace access mode checking").
    let inner = parts.next()?;
    let looks = [
        "mem",
        "maps",
        "environ",
        "auxv",
        "ns",
        "fd",
        "root",
        "cwd",
        "exe",
        "map_files",
        "stack",
        "syscall",
        "pagemap",
    ];
    (looks.contains(&inner) && call.name != Some("write")).then(|| other_process(subject))
}

/// fs.protected_*: rules for folders such as /tmp (proc_sys_fs(5)).
pub(super) fn in_shared_folder(subject: &Subject, folder: &Place, found: &Place, call: &Call) -> Option<Verdict> {
    let shared = folder.stat.st_mode & (libc::S_ISVTX | 0o002) == libc::S_ISVTX | 0o002;
    let foreign = found.stat.st_uid != subject.fsuid();
    let name = match call.name? {
        "open" | "openat" | "openat2" | "creat" if shared && foreign && found.is(libc::S_IFREG) => {
            "fs/protected_regular"
        }
        "open" | "openat" | "openat2" | "creat" if shared && foreign && found.is(libc::S_IFIFO) => "fs/protected_fifos",
        _ => return None,
    };
    let set = value(name).filter(|value| *value > 0)?;
    Some(switch(name, set, "in a folder like /tmp a file of another user is not opened as if one made it oneself", 0))
}

/// link(2) to a file of another user.
pub(super) fn hard_link(subject: &Subject, found: &Place, call: &Call, errno: Errno) -> Option<Verdict> {
    if !matches!(call.name?, "link" | "linkat") || errno != Errno::EPERM || found.stat.st_uid == subject.fsuid() {
        return None;
    }
    let set = value("fs/protected_hardlinks").filter(|value| *value > 0)?;
    let means = "a hard link to another's file is made only by one who may read and write it";
    (!path::may(subject, &found.stat, 6, false) || !found.is(libc::S_IFREG))
        .then(|| switch("fs/protected_hardlinks", set, means, 0))
}
