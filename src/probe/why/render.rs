//! A call as a line: its name, what of its arguments says something, its answer.

use super::file;
use crate::kernel::namespace::Kind;
use crate::kernel::process::Ended;
use crate::kernel::trace::{self, Call};
use crate::narrate::errno_text;
use nix::errno::Errno;
use nix::unistd::Pid;

/// `openat("/srv/x") = -1 EACCES (Permission denied)`.
pub(super) fn call(process: Pid, call: &Call, errno: Errno) -> String {
    format!("{} = -1 {}", made(process, call), errno_text(errno as i32))
}

fn name(call: &Call) -> String {
    call.name.map_or_else(|| format!("syscall_{}", call.number), str::to_owned)
}

fn made(process: Pid, call: &Call) -> String {
    let number = |index: usize| call.int(index).to_string();
    let text =
        |index: usize| trace::text(process, call.args[index]).map_or_else(|| "NULL".to_owned(), |text| quoted(&text));
    let paths: Vec<String> = file::targets(process, call).iter().map(|target| quoted(&target.path)).collect();
    let arguments = match call.name.unwrap_or_default() {
        _ if !paths.is_empty() => paths.join(", "),
        "mount" => [text(0), text(1), text(2)].join(", "),
        "pivot_root" => [text(0), text(1)].join(", "),
        "umount2" | "fsopen" | "sethostname" => text(0),
        "unshare" | "clone" => flags(call.args[0]),
        "setns" => format!("{}, {}", number(0), flags(call.args[1])),
        "setuid" | "setgid" => number(0),
        "setreuid" | "setregid" | "kill" | "setpriority" => [number(0), number(1)].join(", "),
        "setresuid" | "setresgid" | "socket" => [number(0), number(1), number(2)].join(", "),
        "write" | "read" | "fchown" | "fchmod" | "ftruncate" | "recvmsg" | "recvfrom" | "bind" => {
            described(process, call)
        }
        _ => "...".to_owned(),
    };
    format!("{}({arguments})", name(call))
}

/// The descriptor, and what it is.
fn described(process: Pid, call: &Call) -> String {
    let number = call.int(0);
    let here = trace::number_in_proc(process).unwrap_or(0);
    let path = std::fs::read_link(format!("/proc/{here}/fd/{number}"));
    path.map_or_else(|_| format!("{number}, ..."), |path| format!("{number}<{}>, ...", path.display()))
}

fn quoted(bytes: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(bytes))
}

fn flags(bits: u64) -> String {
    let set: Vec<&str> = Kind::ALL.iter().filter(|kind| bits & kind.flag() != 0).map(|kind| kind.flag_name()).collect();
    if set.is_empty() { format!("{bits:#x}") } else { set.join("|") }
}

/// How one ended that a signal ended, or that gave up.
pub(super) fn end(last: Option<&Call>, how: Ended) -> String {
    match how {
        Ended::Killed(signal) => {
            let shown =
                nix::sys::signal::Signal::try_from(signal).map_or_else(|_| signal.to_string(), |one| one.to_string());
            match last {
                Some(call) if signal == libc::SIGSYS => format!("{}(...): killed by {shown}", name(call)),
                _ => format!("killed by {shown}"),
            }
        }
        Ended::Exited(code) => format!("exit code {code}"),
    }
}
