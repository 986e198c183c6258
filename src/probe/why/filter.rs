//! Filters on system calls: those that were seen being laid are asked exactly, one that was there before is tried.

use super::subject::Subject;
use super::verdict::{Layer, Verdict};
use crate::kernel::seccomp;
use crate::kernel::trace::{self, Call};
use crate::probe::need::{Who, trial};
use libc::sock_filter;
use nix::errno::Errno;

/// The filter that a call lays on its process, read from its memory.
pub(super) fn laid_by(process: nix::unistd::Pid, call: &Call) -> Option<Vec<sock_filter>> {
    // SECCOMP_SET_MODE_FILTER; PR_SET_SECCOMP with SECCOMP_MODE_FILTER.
    let (("seccomp", [1, _, address, ..]) | ("prctl", [22, 2, address, ..])) = (call.name?, call.args) else {
        return None;
    };
    // struct sock_fprog: a length, padding, an address.
    let program = trace::memory(process, address, 16);
    let length = u16::from_ne_bytes(program.get(..2)?.try_into().ok()?);
    let at = u64::from_ne_bytes(program.get(8..16)?.try_into().ok()?);
    let bytes = trace::memory(process, at, usize::from(length) * 8);
    Some(bytes.chunks_exact(8).filter_map(|eight| eight.try_into().ok().map(seccomp::instruction)).collect())
}

/// What the filters that we know answer to this call, where they do not let it pass.
pub(super) fn exact(filters: &[Vec<sock_filter>], call: &Call, errno: Errno) -> Option<Verdict> {
    let answer = seccomp::answer(filters, call.number, call.args);
    let refuses = answer & libc::SECCOMP_RET_ACTION_FULL == libc::SECCOMP_RET_ERRNO;
    (refuses && answer & libc::SECCOMP_RET_DATA == errno as u32).then(|| verdict(call, "says so in its program"))
}

/// Whether the filters that we know end a process that makes this call.
pub(super) fn kills(filters: &[Vec<sock_filter>], call: &Call) -> Option<Verdict> {
    let action = seccomp::answer(filters, call.number, call.args) & libc::SECCOMP_RET_ACTION_FULL;
    [libc::SECCOMP_RET_KILL_THREAD, libc::SECCOMP_RET_KILL_PROCESS, libc::SECCOMP_RET_TRAP]
        .contains(&action)
        .then(|| verdict(call, "ends whoever makes it"))
}

pub(super) fn verdict(call: &Call, how: &str) -> Verdict {
    let name = call.name.map_or_else(|| format!("number {}", call.number), str::to_owned);
    let because = format!("a seccomp filter that the process cannot take off {how}: {name} never reached the kernel");
    let help = "in a container: a profile that allows it (--security-opt seccomp=FILE)";
    Verdict::new(Layer::Seccomp, because, help, Who::Admin)
}

/// A filter that was there before us answers nonsense in the same way; the kernel would say what is wrong with it. Not for a
/// call that the kernel refuses to anybody without a capability, whatever is asked.
pub(super) fn inherited(subject: &Subject, call: &Call, errno: Errno) -> Option<Verdict> {
    if !subject.is_filtered() || super::capability::is_asked_first(call) {
        return None;
    }
    let answer = trial::attempt(|| Ok(seccomp::answer_to_nonsense(call.number).map(|errno| errno as i32)));
    (answer == Ok(Some(errno as i32)))
        .then(|| verdict(call, "was here before the command, and answers nonsense in the same way"))
}

/// ENOSYS: no such call in this kernel, or a filter that says so.
pub(super) fn no_such_call(subject: &Subject, call: &Call) -> Verdict {
    let name = call.name.map_or_else(|| format!("number {}", call.number), str::to_owned);
    if subject.is_filtered() && call.name.is_some_and(is_in_kernel) {
        return verdict(call, "hides it");
    }
    let because = format!("this kernel has no system call {name}: it is too old, or was built without it");
    Verdict::new(Layer::KernelLacks, because, "a kernel that has it", Who::Admin)
}

/// A call that was left out at build time is a weak symbol (kernel/sys_ni.c, `COND_SYSCALL`).
fn is_in_kernel(name: &str) -> bool {
    let symbols = std::fs::read_to_string("/proc/kallsyms").unwrap_or_default();
    symbols.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let kind = fields.next();
        let symbol = fields.next().unwrap_or_default();
        symbol.strip_suffix(name).is_some_and(|arch| arch == "__x64_sys_" || arch == "__arm64_sys_")
            && kind == Some("T")
    })
}
