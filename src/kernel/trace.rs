//! Watching every system call of a command and of all that it starts: ptrace(2), as strace(1) does.
//!
//! Each call stops its process twice: before the kernel looks at it, and before the answer is handed back. At the second
//! stop the process still has everything that the call was judged by (its folder, its descriptors, its mounts, its
//! capabilities), so whoever wants to know why it was refused can look at just that.
//!
//! Left out: calls of another ABI (a 32-bit program), which have other numbers and are passed over; and changing anything.

use super::process::{self, Ended};
use super::seccomp;
use super::{Error, Result};
use crate::narrate::Role;
use nix::errno::Errno;
use nix::sys::ptrace::{self, Event, Options};
use nix::sys::signal::Signal;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::io::{IoSliceMut, Read};
use std::os::fd::AsRawFd;

/// A system call as its process makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Its number, in this machine's own ABI.
    pub number: u32,
    /// Its name; `None` for a number that nobody has given a name to.
    pub name: Option<&'static str>,
    /// Its arguments, whatever they mean.
    pub args: [u64; 6],
}

impl Call {
    /// An argument as an int of C: a descriptor, flags.
    pub fn int(&self, index: usize) -> i32 {
        self.args[index] as i32
    }

    /// An argument as an unsigned int of C: a user, a mode.
    pub fn word(&self, index: usize) -> u32 {
        self.args[index] as u32
    }
}

/// Whoever watches.
pub trait Watcher {
    /// A call is about to be made. False lets its process go: from here on it is seen no more.
    fn entered(&mut self, process: Pid, call: &Call) -> bool;
    /// A call was answered; its process waits until this returns.
    fn returned(&mut self, process: Pid, call: &Call, answer: std::result::Result<i64, Errno>);
    /// One has become another program; it has not run yet.
    fn executed(&mut self, process: Pid);
    /// One was born (a thread counts as one too).
    fn born(&mut self, parent: Pid, child: Pid);
    /// One is gone.
    fn ended(&mut self, process: Pid, how: Ended);
}

/// The ABI of this program, as `seccomp_data.arch` and ptrace(2) call it.
const NATIVE: u32 = seccomp::NATIVE_AUDIT;

/// What `PTRACE_GET_SYSCALL_INFO` (Linux 5.3) fills: `struct ptrace_syscall_info` of linux/ptrace.h.
#[repr(C)]
#[derive(Default)]
struct Info {
    op: u8,
    reserved: u8,
    flags: u16,
    arch: u32,
    instruction_pointer: u64,
    stack_pointer: u64,
    /// On entry the number and six arguments; on exit the answer, and in the next byte whether it is an error.
    data: [u64; 8],
}

const GET_SYSCALL_INFO: libc::c_uint = 0x420e;
const ENTRY: u8 = 1;
const EXIT: u8 = 2;
/// ptrace(2), "Group-stop": only one that was seized hears it, and answers `PTRACE_LISTEN`.
const EVENT_STOP: i32 = 128;
const LISTEN: libc::c_uint = 0x4208;

/// Runs a command under the eyes of `watcher`, and waits for its end. What it has left in the background goes on unseen.
///
/// The caller is single-threaded.
///
/// # Errors
/// The fork(2), ptrace(2) or execve(2) that failed: EPERM where a tracer is there already, or a policy forbids it.
pub fn run(argv: &[CString], env: &[CString], watcher: &mut dyn Watcher) -> Result<Ended> {
    let broken = |_| Error::quiet("pipe2", &format_args!("O_CLOEXEC"), Errno::last());
    let (go, hold) = std::io::pipe().map_err(broken)?;
    let (mut failed, fails) = std::io::pipe().map_err(broken)?;
    let hidden = hold.as_raw_fd();
    let child = process::fork(Role::Helper, "to become the command", || {
        let (mut go, mut fails) = (go, fails);
        let _ = nix::unistd::close(hidden);
        // Rust ignores it, and what is ignored stays so across execve.
        disposition(&[libc::SIGPIPE], libc::SIG_DFL);
        // End of file: we are traced.
        let _ = go.read(&mut [0]);
        let error = process::exec(argv, env, "the command");
        let _ = std::io::Write::write_all(&mut fails, &error.errno.to_ne_bytes());
        if error.errno() == Errno::ENOENT { 127 } else { 126 }
    })?;
    let seized = seize(child);
    drop(hold);
    seized?;
    // ^C is for the command.
    disposition(&[libc::SIGINT, libc::SIGQUIT], libc::SIG_IGN);
    let ended = Family::of(child, watcher).follow();
    let mut errno = [0; 4];
    match failed.read_exact(&mut errno) {
        Ok(()) if i32::from_ne_bytes(errno) != libc::EACCES => {
            let shown = argv.first().map_or_else(String::new, |program| format!("{program:?}, ..."));
            Err(Error::quiet("execve", &format_args!("{shown}"), Errno::from_raw(i32::from_ne_bytes(errno))))
        }
        _ => Ok(ended),
    }
}

fn disposition(signals: &[i32], what: libc::sighandler_t) {
    for signal in signals {
        // SAFETY: both dispositions are valid for each signal that can be caught.
        unsafe { libc::signal(*signal, what) };
    }
}

fn seize(child: Pid) -> Result<()> {
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL;
    ptrace::seize(child, options)
        .and_then(|()| ptrace::interrupt(child))
        .map_err(|errno| Error::quiet("ptrace", &format_args!("PTRACE_SEIZE, {child}"), errno))
}

/// The number of a process in the /proc that is mounted here, which may be that of another PID namespace than ours: a
/// descriptor for a process tells it (`Pid` in proc_pid_fdinfo(5), Linux 5.4).
pub fn number_in_proc(process: Pid) -> Option<i32> {
    let ours = std::fs::read_link("/proc/self").ok()?;
    if ours.to_str() == Some(std::process::id().to_string().as_str()) {
        return Some(process.as_raw());
    }
    let held = process::pidfd_open(process, "to find it in /proc").ok()?;
    let told = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", held.as_raw_fd())).ok()?;
    told.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim().parse().ok().filter(|number| *number > 0)
}

/// The bytes at an address of a process; as many as can be read, none where nothing is there.
pub fn memory(process: Pid, address: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let remote = [RemoteIoVec { base: address as usize, len: length }];
    let read = process_vm_readv(process, &mut [IoSliceMut::new(&mut bytes)], &remote).unwrap_or(0);
    bytes.truncate(read);
    bytes
}

/// The text at an address of a process, up to its NUL.
pub fn text(process: Pid, address: u64) -> Option<Vec<u8>> {
    const PAGE: u64 = 4096;
    let mut found = Vec::new();
    while found.len() <= libc::PATH_MAX as usize {
        let at = address + found.len() as u64;
        // To the end of its page: the next one may not be there.
        let bytes = memory(process, at, (PAGE - at % PAGE) as usize);
        if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
            found.extend(&bytes[..end]);
            return Some(found);
        }
        if bytes.is_empty() {
            return None;
        }
        found.extend(bytes);
    }
    None
}

struct Family<'a> {
    root: Pid,
    watcher: &'a mut dyn Watcher,
    /// What each is in the middle of.
    members: BTreeMap<Pid, Option<Call>>,
    /// Born, and its parent has not told us yet.
    early: BTreeSet<Pid>,
    root_ended: Option<Ended>,
}

impl<'a> Family<'a> {
    fn of(root: Pid, watcher: &'a mut dyn Watcher) -> Self {
        Self { root, watcher, members: BTreeMap::from([(root, None)]), early: BTreeSet::new(), root_ended: None }
    }

    fn follow(&mut self) -> Ended {
        loop {
            match waitpid(None::<Pid>, Some(WaitPidFlag::__WALL)) {
                Ok(status) => self.see(status),
                Err(Errno::EINTR) => {}
                Err(_) => return self.root_ended.unwrap_or(Ended::Killed(libc::SIGKILL)),
            }
            if let Some(ended) = self.root_ended.filter(|_| self.members.is_empty()) {
                return ended;
            }
        }
    }

    fn see(&mut self, status: WaitStatus) {
        match status {
            WaitStatus::Exited(pid, code) => self.ended(pid, Ended::Exited(code)),
            WaitStatus::Signaled(pid, signal, _) => self.ended(pid, Ended::Killed(signal as i32)),
            WaitStatus::PtraceSyscall(pid) => self.syscall(pid),
            WaitStatus::PtraceEvent(pid, signal, event) => self.event(pid, signal, event),
            WaitStatus::Stopped(pid, signal) => self.resume(pid, Some(signal)),
            _ => {}
        }
    }

    fn ended(&mut self, pid: Pid, how: Ended) {
        self.members.remove(&pid);
        self.early.remove(&pid);
        self.watcher.ended(pid, how);
        if pid == self.root {
            self.root_ended = Some(how);
            // Who is left is let go at its next stop.
            for pid in self.members.keys() {
                let _ = ptrace::interrupt(*pid);
            }
        }
    }

    fn event(&mut self, pid: Pid, signal: Signal, event: i32) {
        let births = [Event::PTRACE_EVENT_FORK, Event::PTRACE_EVENT_VFORK, Event::PTRACE_EVENT_CLONE];
        if births.iter().any(|birth| *birth as i32 == event) {
            if let Ok(number) = ptrace::getevent(pid) {
                let child = Pid::from_raw(number as i32);
                self.watcher.born(pid, child);
                self.members.insert(child, None);
                if self.early.remove(&child) {
                    self.resume(child, None);
                }
            }
        } else if event == Event::PTRACE_EVENT_EXEC as i32 {
            self.watcher.executed(pid);
        } else if event == EVENT_STOP {
            if !self.members.contains_key(&pid) {
                // It waits until its parent has told us whose child it is.
                self.early.insert(pid);
                return;
            }
            if signal != Signal::SIGTRAP && self.root_ended.is_none() {
                // SAFETY: a number of a process that is stopped, and two zeroes.
                unsafe { libc::ptrace(LISTEN as _, pid.as_raw(), 0, 0) };
                return;
            }
        }
        self.resume(pid, None);
    }

    fn syscall(&mut self, pid: Pid) {
        let mut info = Info::default();
        // SAFETY: the kernel writes at most the size that we say into `info`, which is plain numbers.
        let filled = unsafe {
            libc::ptrace(GET_SYSCALL_INFO as _, pid.as_raw(), size_of::<Info>(), (&raw mut info).cast::<libc::c_void>())
        };
        if filled > 0 && info.arch == NATIVE {
            match info.op {
                ENTRY => {
                    let number = info.data[0] as u32;
                    let mut args = [0; 6];
                    args.copy_from_slice(&info.data[1..7]);
                    let call = Call { number, name: seccomp::name_of(number), args };
                    self.members.insert(pid, Some(call));
                    if !self.watcher.entered(pid, &call) {
                        return self.let_go(pid, None);
                    }
                }
                EXIT => {
                    if let Some(Some(call)) = self.members.insert(pid, None) {
                        let failed = info.data[1].to_ne_bytes()[0] != 0;
                        let value = info.data[0].cast_signed();
                        let answer = if failed { Err(Errno::from_raw(-value as i32)) } else { Ok(value) };
                        self.watcher.returned(pid, &call, answer);
                    }
                }
                _ => {}
            }
        }
        self.resume(pid, None);
    }

    /// One that was killed meanwhile cannot go on, and needs not.
    fn resume(&mut self, pid: Pid, signal: Option<Signal>) {
        if self.root_ended.is_some() {
            return self.let_go(pid, signal);
        }
        let _ = ptrace::syscall(pid, signal);
    }

    fn let_go(&mut self, pid: Pid, signal: Option<Signal>) {
        if pid != self.root {
            self.members.remove(&pid);
        }
        let _ = ptrace::detach(pid, signal);
    }
}
