//! Calls that take a capability, and over what it must be held. capabilities(7).

use super::subject::{Lack, Over, Subject};
use super::verdict::{Layer, Verdict};
use crate::kernel::namespace::Kind;
use crate::kernel::trace::Call;
use crate::probe::need::Who;
use nix::errno::Errno;

/// The capability that a call takes whatever its arguments are, and over what.
fn needed(call: &Call) -> Option<(&'static str, Over)> {
    let first = call.args[0];
    Some(match call.name? {
        "sethostname" | "setdomainname" => ("CAP_SYS_ADMIN", Over::Namespace(Kind::Uts)),
        "chroot" => ("CAP_SYS_CHROOT", Over::Own),
        "settimeofday" | "clock_settime" | "adjtimex" | "clock_adjtime" | "stime" => ("CAP_SYS_TIME", Over::Machine),
        "reboot" => ("CAP_SYS_BOOT", Over::Namespace(Kind::Pid)),
        "init_module" | "finit_module" | "delete_module" => ("CAP_SYS_MODULE", Over::Machine),
        "kexec_load" | "kexec_file_load" => ("CAP_SYS_BOOT", Over::Machine),
        "swapon" | "swapoff" | "quotactl" | "fanotify_init" | "lookup_dcookie" => ("CAP_SYS_ADMIN", Over::Machine),
        "acct" => ("CAP_SYS_PACCT", Over::Machine),
        "iopl" | "ioperm" => ("CAP_SYS_RAWIO", Over::Machine),
        "open_by_handle_at" => ("CAP_DAC_READ_SEARCH", Over::Machine),
        "vhangup" => ("CAP_SYS_TTY_CONFIG", Over::Machine),
        "setpriority" | "sched_setaffinity" | "sched_setscheduler" | "sched_setattr" | "sched_setparam"
        | "ioprio_set" => ("CAP_SYS_NICE", Over::Machine),
        "setrlimit" | "prlimit64" => ("CAP_SYS_RESOURCE", Over::Machine),
        "shmctl" | "msgctl" | "semctl" => ("CAP_IPC_OWNER", Over::Namespace(Kind::Ipc)),
        // PR_CAPBSET_DROP, and the line of command of another.
        "prctl" if first == 24 => ("CAP_SETPCAP", Over::Own),
        "capset" => ("CAP_SETPCAP", Over::Own),
        _ => return None,
    })
}

/// Whether a capability was missing; `None` where the call takes none, or it is there.
pub(super) fn judge(subject: &Subject, call: &Call, errno: Errno) -> Option<Verdict> {
    if !matches!(errno, Errno::EPERM | Errno::EACCES) {
        return None;
    }
    let (name, over) = needed(call)?;
    if call.name == Some("capset") {
        let because = format!("no capability is taken that is not permitted, and {}", subject.capabilities());
        return Some(Verdict::new(Layer::Capability, because, "leave it what it wants: --cap-add", Who::Admin));
    }
    subject.lacks(name, over).map(|_| missing(subject, name, over))
}

/// The verdict where a capability is missing.
pub(super) fn missing(subject: &Subject, name: &str, over: Over) -> Verdict {
    let short = name.trim_start_matches("CAP_");
    if subject.lacks(name, over) == Some(Lack::WrongOwner) {
        return owned_elsewhere(name, over);
    }
    let because = format!("it takes {name}, and {} does not hold it: {}", subject.who(), subject.capabilities());
    let own = match over {
        Over::Machine => "as root of the machine".to_owned(),
        Over::Namespace(kind) => format!("in a user namespace with {}", article(kind)),
        Over::Own => "as root, or in a user namespace of its own".to_owned(),
    };
    let help = format!("run it {own}; in a container: --cap-add {short}");
    let who = if over == Over::Machine || subject.fsuid() == 0 { Who::Root } else { Who::You };
    Verdict::new(Layer::Capability, because, help, who)
}

fn article(kind: Kind) -> String {
    format!("a {} namespace of its own (explore ns create NAME --user --{})", noun(kind), flag(kind))
}

fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Mnt => "mount",
        Kind::Net => "network",
        Kind::Uts => "UTS",
        Kind::Pid => "PID",
        Kind::Ipc => "IPC",
        Kind::User => "user",
        Kind::Cgroup => "cgroup",
        Kind::Time => "time",
    }
}

fn flag(kind: Kind) -> &'static str {
    match kind {
        Kind::Mnt => "mount",
        other => other.link(),
    }
}

fn owned_elsewhere(name: &str, over: Over) -> Verdict {
    let begin = format!("it holds {name} in its own user namespace only, and");
    if let Over::Namespace(kind) = over {
        let because = format!("{begin} its {} namespace belongs to another one above", noun(kind));
        let (noun, flag) = (noun(kind), flag(kind));
        let advice = format!("make a {noun} namespace together with the user namespace: unshare --user --{flag}");
        return Verdict::new(Layer::NamespaceOwner, because, advice, Who::You);
    }
    let because = format!("{begin} this belongs to the whole machine: the first user namespace counts");
    Verdict::new(Layer::NamespaceOwner, because, "root of the machine can, outside", Who::Root)
}

/// Whether the kernel asks for the capability before it looks at anything else of the call.
pub(super) fn is_asked_first(call: &Call) -> bool {
    needed(call).is_some() || matches!(call.name, Some("bpf" | "perf_event_open" | "syslog" | "userfaultfd" | "fsopen"))
}
