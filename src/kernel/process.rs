//! Processes: fork, clone into new namespaces, wait, leave. fork(2), clone(2), pidfd_open(2), waitid(2).
//!
//! Everything here wants a single-threaded caller: a clone copies one thread, and a lock that another thread held
//! stays locked in the copy for ever. The CLI joins its download threads before it comes here.

mod exec;
mod inherit;
mod stand_in;
mod standing;
mod vfork;

pub use exec::{environment, exec, exec_fd, find_program};
pub use inherit::{
    UsualUmask, WorkingFolder, borrow, close_all_but, close_from, draw_no_stacks, ignore_callers_signals, own,
    restore_signals, silence_stdio, take_stdio, take_usual_umask,
};
pub use stand_in::{forget_arguments, hold_signals, lead_the_foreground, pass_signals_on};
pub use standing::take_usual_standing;
pub use vfork::{Descriptors, vfork};

use super::{Error, Result, call};
use crate::narrate::{self, Role};
use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Linux 5.7; libc's own constant has the wrong width.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// A child, held by a descriptor as well: a PID may be reused, a pidfd (Linux 5.3) never names another process.
#[derive(Debug)]
pub struct Child {
    /// Its number in our PID namespace.
    pub pid: Pid,
    /// It, and no other.
    pub pidfd: OwnedFd,
}

impl super::Answer for Child {
    fn number(&self) -> i64 {
        i64::from(self.pid.as_raw())
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Killed(i32),
}

impl Ended {
    /// As a shell, and Docker, show it: 128+n for signal n.
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(status) => u8::try_from(status & 0xff).unwrap_or(u8::MAX),
            Self::Killed(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }
}

/// Ends this process without running anything of ours: no Drop, no atexit(3). What a forked child does.
pub fn leave(status: i32) -> ! {
    // SAFETY: _exit(2) takes a number and does not return; it touches no memory of ours.
    unsafe { libc::_exit(status) }
}

/// Starts a copy of this process that runs `child` and leaves with what it returns.
///
/// # Errors
/// The fork(2) that failed.
pub fn fork(role: Role, why: &str, child: impl FnOnce() -> i32) -> Result<Pid> {
    call(why, "fork", format_args!(""), || {
        // SAFETY: we are single-threaded (see the module), so the child may go on as the parent would; it never
        // returns from here, so no guard of the parent is dropped twice.
        match unsafe { libc::fork() } {
            -1 => Err(Errno::last()),
            0 => become_child(role, child),
            pid => Ok(Pid::from_raw(pid)),
        }
    })
}

/// Starts a child that is born inside new namespaces: `flags` are CLONE_NEW* bits of clone(2), and CLONE_PARENT for a
/// child whose parent is *our* parent: a helper that joins namespaces can then leave, and its caller waits. With `cgroup` (a folder
/// of cgroup v2) it is also born inside that, so that not one of its instructions runs unlimited.
///
/// clone3(2) is Linux 5.3, CLONE_INTO_CGROUP 5.7. Where clone3 answers ENOSYS (older kernels, and seccomp profiles
/// that cannot look into its argument, such as Docker's) clone(2) does the same without the cgroup.
///
/// # Errors
/// The clone3(2) or clone(2) that failed.
pub fn clone(
    role: Role,
    flags: u64,
    cgroup: Option<BorrowedFd<'_>>,
    why: &str,
    child: impl FnOnce() -> i32,
) -> Result<Child> {
    let shown = super::namespace::flags_text(flags);
    let mut child = Some(child);
    let first = call(
        why,
        "clone3",
        format_args!(
            "{{flags=CLONE_PIDFD{shown}, exit_signal=SIGCHLD, cgroup={}}}",
            cgroup.map_or(0, |fd| fd.as_raw_fd())
        ),
        || {
            let (pid, pidfd) = clone3(flags, cgroup)?;
            if pid == 0 {
                become_child(role, child.take().unwrap_or_else(|| unreachable!("taken once")))
            }
            Ok(Child { pid: Pid::from_raw(pid), pidfd })
        },
    );
    match first {
        Err(Error { errno: libc::ENOSYS, .. }) => {}
        other => return other,
    }
    call(why, "clone", format_args!("NULL, flags=CLONE_PIDFD{shown}|SIGCHLD"), || {
        let (pid, pidfd) = clone_classic(flags)?;
        if pid == 0 {
            become_child(role, child.take().unwrap_or_else(|| unreachable!("taken once")))
        }
        Ok(Child { pid: Pid::from_raw(pid), pidfd })
    })
}

/// In the child the descriptor is a placeholder; it is never used and never dropped, since the child leaves.
fn clone3(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> nix::Result<(i32, OwnedFd)> {
    let mut pidfd: i32 = -1;
    // SAFETY: clone_args is plain data, for which all zeroes mean "nothing asked".
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flags | libc::CLONE_PIDFD as u64;
    args.pidfd = &raw mut pidfd as u64;
    // With CLONE_PARENT the child inherits our own exit signal, and clone3 insists on being told none.
    let sibling = flags & libc::CLONE_PARENT as u64 != 0;
    args.exit_signal = if sibling { 0 } else { libc::SIGCHLD as u64 };
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: `args` and `pidfd` live until the call returns; without CLONE_VM the child has its own copy of both.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<libc::clone_args>()) };
    finish_clone(pid, pidfd, flags)
}

fn clone_classic(flags: u64) -> nix::Result<(i32, OwnedFd)> {
    let mut pidfd: i32 = -1;
    let flags = flags | (libc::CLONE_PIDFD | libc::SIGCHLD) as u64;
    // SAFETY: the stack is NULL, so the child goes on with a copy of ours; `pidfd` is where CLONE_PIDFD writes.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, &raw mut pidfd, 0, 0) };
    finish_clone(pid, pidfd, flags)
}

fn finish_clone(pid: i64, pidfd: i32, flags: u64) -> nix::Result<(i32, OwnedFd)> {
    if pid < 0 {
        return Err(Errno::last());
    }
    if pid == 0 {
        super::user::elsewhere(flags);
    }
    // SAFETY: in the parent the kernel has just given us this descriptor. In the child `become_child` leaves before
    // it could be dropped.
    let pidfd = unsafe { OwnedFd::from_raw_fd(if pid == 0 { 0 } else { pidfd }) };
    Ok((i32::try_from(pid).unwrap_or(i32::MAX), pidfd))
}

fn become_child(role: Role, child: impl FnOnce() -> i32) -> ! {
    narrate::set_role(role);
    // A panic must not unwind into the copy of the parent's stack.
    leave(catch_unwind(AssertUnwindSafe(child)).unwrap_or(101))
}

/// Waits for a child to end.
///
/// # Errors
/// The waitpid(2) that failed.
pub fn wait(pid: Pid) -> Result<Ended> {
    loop {
        match waitpid(pid, Some(WaitPidFlag::__WALL)) {
            Ok(status) => {
                if let Some((_, ended)) = ended(status) {
                    return Ok(ended);
                }
            }
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::quiet("wait4", &format_args!("{pid}, ..."), errno)),
        }
    }
}

/// Collects one child that has ended, whichever it is; `None` where none has.
pub fn reap_one() -> Option<(Pid, Ended)> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
            Ok(WaitStatus::StillAlive) => return None,
            Ok(status) => {
                if let Some(one) = ended(status) {
                    return Some(one);
                }
            }
            Err(Errno::EINTR) => {}
            Err(_) => return None,
        }
    }
}

fn ended(status: WaitStatus) -> Option<(Pid, Ended)> {
    match status {
        WaitStatus::Exited(pid, code) => Some((pid, Ended::Exited(code))),
        WaitStatus::Signaled(pid, signal, _) => Some((pid, Ended::Killed(signal as i32))),
        _ => None,
    }
}

/// Collects children, ours and those orphaned to us, until a signal ends this process. What every PID 1 owes.
///
/// # Errors
/// The sigprocmask(2) or sigwait(3) that failed.
pub fn reap_for_ever() -> Result<std::convert::Infallible> {
    use nix::sys::signal::{SigSet, Signal};
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    let failed = |errno| Error::quiet("rt_sigtimedwait", &format_args!("[CHLD]"), errno);
    children.thread_block().map_err(failed)?;
    loop {
        while reap_one().is_some() {}
        children.wait().map_err(failed)?;
    }
}

/// Waits until a process has ended, be it our child or not; whoever is its parent still has to collect it.
pub fn wait_for_end(pidfd: BorrowedFd<'_>) {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut one = [PollFd::new(pidfd, PollFlags::POLLIN)];
    while poll(&mut one, PollTimeout::NONE) == Err(Errno::EINTR) {}
}

/// Waits as [`wait_for_end`] does, for `milliseconds` at most; says whether it has ended.
pub fn ends_within(pidfd: BorrowedFd<'_>, milliseconds: u64) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let deadline = std::time::Instant::now() + std::time::Duration::from_millis(milliseconds);
    loop {
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(pidfd, PollFlags::POLLIN)], timeout) {
            Err(Errno::EINTR) => {}
            answer => return answer.is_ok_and(|ready| ready > 0),
        }
    }
}

/// A descriptor for a process that runs already.
///
/// # Errors
/// The pidfd_open(2) that failed: ESRCH where it is gone.
pub fn pidfd_open(pid: Pid, why: &str) -> Result<OwnedFd> {
    call(why, "pidfd_open", format_args!("{pid}, 0"), || {
        // SAFETY: two numbers in, a new descriptor out.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
        // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
        if fd < 0 { Err(Errno::last()) } else { Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) }) }
    })
}

/// Sends a signal to exactly this process.
///
/// # Errors
/// The pidfd_send_signal(2) that failed: ESRCH where it has ended.
pub fn signal(pidfd: BorrowedFd<'_>, number: i32, why: &str) -> Result<()> {
    call(why, "pidfd_send_signal", format_args!("{}, {number}, NULL, 0", pidfd.as_raw_fd()), || {
        // SAFETY: a descriptor that is open for the call, two numbers and no siginfo.
        let answer = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), number, 0, 0) };
        Errno::result(answer).map(drop)
    })
}

/// Asks to be killed when the parent ends, prctl(2) PR_SET_PDEATHSIG. The kernel forgets it when this process changes
/// its user, so it is asked again after that.
///
/// # Errors
/// The prctl(2) that failed.
pub fn die_with_parent(why: &str) -> Result<()> {
    call(why, "prctl", format_args!("PR_SET_PDEATHSIG, SIGKILL"), || {
        nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)
    })
}

/// Lets nobody but root of the machine look into this process, or trace it, until it becomes another program (prctl(2),
/// PR_SET_DUMPABLE). One that stands among a container's processes with the same rights as they have could otherwise be
/// made to hand over what it holds (CVE-2016-9962).
///
/// # Errors
/// The prctl(2) that failed.
pub fn keep_out(why: &str) -> Result<()> {
    call(why, "prctl", format_args!("PR_SET_DUMPABLE, SUID_DUMP_DISABLE"), || nix::sys::prctl::set_dumpable(false))
}

/// A name that `ps` shows in its CMD column, 15 bytes at most.
pub fn set_name(name: &CStr) {
    let _ = nix::sys::prctl::set_name(name);
}

/// Ends this process by a signal, as if it had not been caught, so that the shell that waits sees the truth.
pub fn die_by(number: i32) {
    // SAFETY: the default action of a signal, then the signal to ourselves; both take numbers only.
    unsafe {
        libc::signal(number, libc::SIG_DFL);
        libc::raise(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_a_signal_is_128_and_its_number() {
        assert_eq!(Ended::Killed(libc::SIGKILL).code(), 137);
        assert_eq!(Ended::Exited(3).code(), 3);
    }
}
