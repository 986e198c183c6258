//! ptrace(2) on a command and on all that it starts: makes one chosen system call of one chosen process fail, or kills
//! the process there.
//!
//! strace(1) can inject failures too, but counts calls in each process by itself: the fifth `openat` of a supervisor
//! cannot be told from the fifth of the command, which comes first. Here a call is named by the process's place in
//! the family as well: `0` is the command, `0.1` its first child, `0.1.2` that one's second.

use crate::support::{Learner, PATIENCE, Run, built};
use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::ptrace::{self, Event, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};

/// One call of one process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    /// The place in the family.
    pub(crate) role: String,
    /// The system call.
    pub(crate) call: &'static str,
    /// Which of its calls of this name, from 1.
    pub(crate) nth: u32,
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} number {} of process {}", self.call, self.nth, self.role)
    }
}

/// What is done at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The call is not made, and answers this. (`close` is made: Linux closes whatever it answers, close(2).)
    Fails(Errno),
    /// The process is killed before the call.
    Killed,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Traced {
    /// The exit code, 128+n for signal n.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
    /// Every point that was met, in order.
    pub(crate) points: Vec<Point>,
    /// Whether the chosen point was met.
    pub(crate) hit: bool,
    /// It did not end, and was killed.
    pub(crate) hung: bool,
}

/// Runs a command to the end of its whole family.
pub(crate) fn trace(learner: &Learner, run: Run, at: Option<(&Point, Fault)>) -> Traced {
    let files = ["out", "err"].map(|name| learner.home().join(name));
    let paths = files.clone().map(|path| path.display().to_string());
    // The shell waits until it is traced. What it becomes is the command, by the same number.
    let script = format!("read -r _ && exec \"$@\" </dev/null >{} 2>{}", paths[0], paths[1]);
    let mut command = run.wrapped_by(["sh", "-c", &script, "sh"]).command();
    command.stdin(Stdio::piped());
    let hung = AtomicBool::new(false);
    // Kept from out here: the machine's own knows other numbers.
    let proc = File::open("/proc").unwrap();
    let (finished, watch) = channel::<()>();
    let (code, points, hit) = std::thread::scope(|scope| {
        let hung = &hung;
        // Out here: a thread that makes its children in another PID namespace can start no thread.
        scope.spawn(move || {
            if watch.recv_timeout(PATIENCE / 3) == Err(RecvTimeoutError::Timeout) {
                hung.store(true, Ordering::Relaxed);
                for pid in learner.processes() {
                    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
                }
            }
        });
        learner.at_machine(move || {
            #[allow(
                clippy::zombie_processes,
                reason = "whoever traces it hears of its end first, and has then waited for it"
            )]
            let mut child = command.spawn().unwrap();
            let mut family = Family::of(Pid::from_raw(child.id().cast_signed()), at, proc);
            child.stdin.take().unwrap().write_all(b"\n").unwrap();
            let code = family.follow();
            drop(finished);
            (code, family.points, family.hit)
        })
    });
    let [out, err] = files.map(|path| {
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()).into_owned();
        let _ = std::fs::remove_file(path);
        text
    });
    Traced { code, out, err, points, hit, hung: hung.load(Ordering::Relaxed) }
}

/// Threads are not told apart from processes: what we trace has none.
struct Process {
    role: String,
    children: u32,
    /// Between execve and the start of Rust's runtime it is the loader that runs: its failures are not ours to tell.
    loading: bool,
    /// Not yet `explore`: the shell.
    before: bool,
    calls: BTreeMap<&'static str, u32>,
    /// What the call that it is in shall answer.
    answer: Option<Errno>,
}

struct Family<'a> {
    root: Pid,
    at: Option<(&'a Point, Fault)>,
    proc: File,
    /// The inode of `explore`.
    program: u64,
    members: BTreeMap<Pid, Process>,
    /// Born, and its parent has not told us yet.
    unknown: Vec<Pid>,
    points: Vec<Point>,
    hit: bool,
    code: i32,
}

impl<'a> Family<'a> {
    fn of(root: Pid, at: Option<(&'a Point, Fault)>, proc: File) -> Self {
        let program = std::fs::metadata(built()).unwrap().ino();
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC;
        ptrace::seize(root, options).unwrap();
        ptrace::interrupt(root).unwrap();
        let first = Process {
            role: "0".into(),
            children: 0,
            loading: false,
            before: true,
            calls: BTreeMap::new(),
            answer: None,
        };
        let members = BTreeMap::from([(root, first)]);
        Self { root, at, proc, program, members, unknown: Vec::new(), points: Vec::new(), hit: false, code: -1 }
    }

    /// Until nobody is left; the exit code of the first.
    fn follow(&mut self) -> i32 {
        // Only our own: other threads have children too.
        let flags = WaitPidFlag::__WALL | WaitPidFlag::from_bits_retain(libc::__WNOTHREAD);
        loop {
            match waitpid(None::<Pid>, Some(flags)) {
                Ok(status) => self.see(status),
                Err(Errno::EINTR) => {}
                Err(_) => return self.code,
            }
        }
    }

    fn see(&mut self, status: WaitStatus) {
        match status {
            WaitStatus::PtraceSyscall(pid) => self.syscall(pid),
            WaitStatus::PtraceEvent(pid, _, event) => self.event(pid, event),
            WaitStatus::Stopped(pid, signal) => resume(pid, Some(signal)),
            WaitStatus::Exited(pid, code) => self.ended(pid, code),
            WaitStatus::Signaled(pid, signal, _) => self.ended(pid, 128 + signal as i32),
            _ => {}
        }
    }

    fn ended(&mut self, pid: Pid, code: i32) {
        self.members.remove(&pid);
        if pid == self.root {
            self.code = code;
        }
    }

    fn event(&mut self, pid: Pid, event: i32) {
        if event == Event::PTRACE_EVENT_EXEC as i32 {
            return self.executed(pid);
        }
        if [Event::PTRACE_EVENT_FORK, Event::PTRACE_EVENT_VFORK, Event::PTRACE_EVENT_CLONE]
            .map(|one| one as i32)
            .contains(&event)
        {
            if let (Ok(number), Some(parent)) = (ptrace::getevent(pid), self.members.get_mut(&pid)) {
                let child = Pid::from_raw(i32::try_from(number).unwrap());
                parent.children += 1;
                let role = format!("{}.{}", parent.role, parent.children);
                let (loading, before) = (parent.loading, parent.before);
                let member = Process { role, children: 0, loading, before, calls: BTreeMap::new(), answer: None };
                self.members.insert(child, member);
                if let Some(place) = self.unknown.iter().position(|one| *one == child) {
                    self.unknown.remove(place);
                    resume(child, None);
                }
            }
            return resume(pid, None);
        }
        // PTRACE_EVENT_STOP: the first stop of one that was just born, or of the root.
        if self.members.contains_key(&pid) { resume(pid, None) } else { self.unknown.push(pid) }
    }

    /// It runs another program: `explore`, or the container's, which is let go.
    fn executed(&mut self, pid: Pid) {
        // By its inode: a copy of a mount that is nowhere attached has no name.
        let path = format!("{pid}/exe");
        let inode = nix::sys::stat::fstatat(&self.proc, path.as_str(), AtFlags::empty()).map(|found| found.st_ino);
        let ours = inode.is_ok_and(|inode| inode == self.program);
        let Some(member) = self.members.get_mut(&pid) else { return resume(pid, None) };
        if ours {
            (member.loading, member.before) = (true, false);
            return resume(pid, None);
        }
        if pid == self.root {
            return resume(pid, None);
        }
        self.members.remove(&pid);
        let _ = ptrace::detach(pid, None);
    }

    fn syscall(&mut self, pid: Pid) {
        let info = ptrace::syscall_info(pid);
        let (Ok(info), Some(member)) = (info, self.members.get_mut(&pid)) else { return resume(pid, None) };
        if info.op == libc::PTRACE_SYSCALL_INFO_ENTRY {
            // SAFETY of the union is the operation that was just looked at; the number is in the registers as well.
            let number = ptrace::getregs(pid).map_or(0, |registers| registers.orig_rax);
            self.entered(pid, number);
        } else if let Some(errno) = member.answer.take()
            && let Ok(mut registers) = ptrace::getregs(pid)
        {
            registers.rax = i64::from(-(errno as i32)).cast_unsigned();
            let _ = ptrace::setregs(pid, registers);
        }
        resume(pid, None);
    }

    fn entered(&mut self, pid: Pid, number: u64) {
        let Some(member) = self.members.get_mut(&pid) else { return };
        let call = crate::errors::name_of(number);
        if member.loading {
            // Rust's runtime begins with a look at descriptors 0, 1 and 2.
            member.loading = call != "poll";
            return;
        }
        if member.before {
            return;
        }
        let nth = member.calls.entry(call).or_default();
        *nth += 1;
        let point = Point { role: member.role.clone(), call, nth: *nth };
        let chosen = self.at.filter(|(wanted, _)| **wanted == point).map(|(_, fault)| fault);
        self.points.push(point);
        let Some(fault) = chosen else { return };
        self.hit = true;
        match fault {
            Fault::Killed => drop(kill(pid, Signal::SIGKILL)),
            Fault::Fails(errno) => {
                member.answer = Some(errno);
                if call != "close"
                    && let Ok(mut registers) = ptrace::getregs(pid)
                {
                    registers.orig_rax = u64::MAX;
                    let _ = ptrace::setregs(pid, registers);
                }
            }
        }
    }
}

/// One that was killed meanwhile cannot go on, and needs not.
fn resume(pid: Pid, signal: Option<Signal>) {
    let _ = ptrace::syscall(pid, signal);
}
