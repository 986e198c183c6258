//! What PID 1 owes, done for a program that does not know of it (`--init`): pass signals on to it, collect whoever has
//! lost his parent, end as it has ended. tini does the same for docker, as a program of its own.

use super::{Ended, ended};
use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::mem::MaybeUninit;

/// Faults of our own, and the two of a terminal that are no wish of anybody's: these are not passed on (tini.c,
/// `configure_signals`).
const OUR_OWN: [i32; 9] = [
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGABRT,
    libc::SIGTRAP,
    libc::SIGSYS,
    libc::SIGTTIN,
    libc::SIGTTOU,
];

/// Holds back all signals that are to be passed on. A blocked signal waits even for a PID 1 that has no handler for it;
/// without the block the kernel would drop it (pid_namespaces(7)).
pub fn hold_signals() {
    let set = to_pass_on();
    // SAFETY: a set that was filled, and no place for the old one.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut()) };
}

/// Passes signals on to `child` until it has ended, and collects every other child that ends meanwhile.
pub fn pass_signals_on(child: Pid) -> Ended {
    let set = to_pass_on();
    loop {
        // Before the first wait, too: it may have ended before we began.
        while let Some((pid, how)) = collect() {
            if pid == child {
                return how;
            }
        }
        // SAFETY: a set that was filled, and no place for what is known of the signal.
        let number = unsafe { libc::sigwaitinfo(&raw const set, std::ptr::null_mut()) };
        if number > 0 && number != libc::SIGCHLD {
            // SAFETY: two numbers. The child is ours, so its number is not another's before we have collected it.
            unsafe { libc::kill(child.as_raw(), number) };
        }
    }
}

/// One that has ended; also one that was killed by a signal of the real-time kind, which nix has no name for.
fn collect() -> Option<(Pid, Ended)> {
    match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
        Ok(WaitStatus::StillAlive) | Err(_) => None,
        Ok(status) => ended(status).or_else(collect),
    }
}

fn to_pass_on() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigfillset(3) writes the whole set, and sigdelset(3) takes known numbers out of it.
    unsafe {
        libc::sigfillset(set.as_mut_ptr());
        for number in OUR_OWN {
            libc::sigdelset(set.as_mut_ptr(), number);
        }
        set.assume_init()
    }
}

/// Makes this process the leader of a group of its own, in the foreground of its terminal if it has one: ^C is then for
/// it, and not for its parent (tini.c, `isolate_child`).
///
/// # Errors
/// The setpgid(2) that failed.
pub fn lead_the_foreground() -> nix::Result<()> {
    nix::unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
    // SAFETY: a disposition, two numbers, the disposition again: one who is in the background would be stopped here.
    unsafe {
        let before = libc::signal(libc::SIGTTOU, libc::SIG_IGN);
        let answer = libc::tcsetpgrp(0, libc::getpid());
        libc::signal(libc::SIGTTOU, before);
        match Errno::result(answer) {
            // It has no terminal, or not as its controlling one.
            Ok(_) | Err(Errno::ENOTTY | Errno::ENXIO | Errno::EBADF) => Ok(()),
            Err(errno) => Err(errno),
        }
    }
}

/// Overwrites what others can read of how this process was called, /proc/PID/cmdline and environ, by `shown` alone. The
/// kernel shows the memory where execve(2) has left both (proc_pid_stat(5), fields 48 to 51).
pub fn forget_arguments(shown: &str) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let Some((_, fields)) = stat.rsplit_once(')') else { return };
    let fields: Vec<usize> = fields.split_whitespace().skip(45).take(4).filter_map(|one| one.parse().ok()).collect();
    let [arguments, arguments_end, variables, variables_end] = fields[..] else { return };
    for (start, end) in [(arguments, arguments_end), (variables, variables_end)] {
        let length = end.saturating_sub(start);
        if start == 0 || length == 0 {
            continue;
        }
        let text = if start == arguments { shown.as_bytes() } else { b"" };
        let text = &text[..text.len().min(length - 1)];
        // SAFETY: the kernel has said that this memory of ours holds our arguments or variables. It is writable, nothing
        // of Rust's lies in it, and this process reads neither from here on.
        unsafe {
            let place = std::ptr::with_exposed_provenance_mut::<u8>(start);
            place.write_bytes(0, length);
            place.copy_from_nonoverlapping(text.as_ptr(), text.len());
        }
    }
}
