//! Which functions of a program are called, for the linker to lay side by side: `.ci/release` asks.
//!
//!     called LIST PROGRAM [ARGUMENT…]        # adds to LIST a line for each, by its mangled name
//!
//! A program of ten megabytes of which a start needs one is read by the kernel in pieces of 64 KiB, wherever a call leads:
//! a page fault each, and three processes of ours begin in a start. There is a breakpoint at each function, and it is taken
//! away when it is met, so that all of it takes a tenth of a second. ptrace(2).

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::process::Command;

/// INT3.
const BREAKPOINT: u8 = 0xcc;

/// The functions of a program at a fixed address.
struct Functions {
    /// The file, to know it again whatever it is started as: its device and its number there.
    file: (u64, u64),
    /// Their names by where they begin; one may have several.
    names: BTreeMap<u64, Vec<String>>,
    /// The byte that a breakpoint has covered.
    covered: BTreeMap<u64, u8>,
}

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [list, program, arguments @ ..] = &words[..] else { anyhow::bail!("usage: called LIST PROGRAM [ARGUMENT…]") };
    let mut functions = Functions::of(program)?;
    let mut called: BTreeSet<String> =
        std::fs::read_to_string(list).unwrap_or_default().lines().map(String::from).collect();
    // Stopped before it is the program, so that we are there when it becomes it.
    let script = r#"kill -STOP $$; exec "$0" "$@""#;
    let child = Command::new("sh").args(["-c", script, program]).args(arguments).spawn()?;
    let pid = Pid::from_raw(i32::try_from(child.id())?);
    waitpid(pid, Some(WaitPidFlag::WUNTRACED))?;
    let each = Options::PTRACE_O_TRACEFORK | Options::PTRACE_O_TRACEVFORK | Options::PTRACE_O_TRACECLONE;
    ptrace::seize(pid, each | Options::PTRACE_O_TRACEEXEC)?;
    kill(pid, Signal::SIGCONT)?;
    follow(&mut functions, &mut called)?;
    let lines: Vec<String> = called.into_iter().map(|name| name + "\n").collect();
    Ok(std::fs::write(list, lines.concat())?)
}

/// Until it and all its children have ended.
fn follow(functions: &mut Functions, called: &mut BTreeSet<String>) -> anyhow::Result<()> {
    loop {
        let (pid, signal) = match waitpid(None, Some(WaitPidFlag::__WALL)) {
            Err(Errno::ECHILD) => return Ok(()),
            Ok(WaitStatus::PtraceEvent(pid, _, libc::PTRACE_EVENT_EXEC)) => {
                functions.watch(pid)?;
                (pid, None)
            }
            Ok(WaitStatus::PtraceEvent(pid, ..)) => (pid, None),
            Ok(WaitStatus::Stopped(pid, Signal::SIGTRAP)) => {
                called.extend(functions.met(pid)?);
                (pid, None)
            }
            Ok(WaitStatus::Stopped(pid, signal)) => (pid, Some(signal)),
            Ok(_) => continue,
            Err(errno) => return Err(errno.into()),
        };
        match ptrace::cont(pid, signal) {
            // Killed meanwhile.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn identity(path: &str) -> io::Result<(u64, u64)> {
    std::fs::metadata(path).map(|found| (found.dev(), found.ino()))
}

impl Functions {
    fn of(program: &str) -> anyhow::Result<Self> {
        let bytes = std::fs::read(program)?;
        let elf = goblin::elf::Elf::parse(&bytes)?;
        let mut names: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for symbol in elf.syms.iter().filter(|symbol| symbol.is_function() && symbol.st_size > 0) {
            let name = elf.strtab.get_at(symbol.st_name).unwrap_or_default();
            names.entry(symbol.st_value).or_default().push(name.to_owned());
        }
        let fixed = elf.header.e_type == goblin::elf::header::ET_EXEC;
        anyhow::ensure!(fixed, "{program} is not at a fixed address");
        anyhow::ensure!(!names.is_empty(), "{program} has no names of functions");
        Ok(Self { file: identity(program)?, names, covered: BTreeMap::new() })
    }

    /// A process has become a program: if it is this one, it stops at each function from here on.
    fn watch(&mut self, pid: Pid) -> io::Result<()> {
        if identity(&format!("/proc/{pid}/exe"))? != self.file {
            return Ok(());
        }
        let memory = File::options().read(true).write(true).open(format!("/proc/{pid}/mem"))?;
        let (Some((first, _)), Some((last, _))) = (self.names.first_key_value(), self.names.last_key_value()) else {
            return Ok(());
        };
        let place = |address: u64| usize::try_from(address - first).unwrap_or_default();
        let mut text = vec![0; place(*last) + 1];
        memory.read_exact_at(&mut text, *first)?;
        for address in self.names.keys() {
            self.covered.insert(*address, text[place(*address)]);
        }
        for address in self.names.keys() {
            text[place(*address)] = BREAKPOINT;
        }
        memory.write_all_at(&text, *first)
    }

    /// A process has stopped at a breakpoint: it goes on as if there had been none. What is called there.
    #[cfg(target_arch = "x86_64")]
    fn met(&self, pid: Pid) -> anyhow::Result<Vec<String>> {
        let mut registers = ptrace::getregs(pid)?;
        let address = registers.rip - 1;
        let Some(byte) = self.covered.get(&address) else { return Ok(Vec::new()) };
        File::options().write(true).open(format!("/proc/{pid}/mem"))?.write_all_at(&[*byte], address)?;
        registers.rip = address;
        ptrace::setregs(pid, registers)?;
        Ok(self.names[&address].clone())
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn met(&self, _: Pid) -> anyhow::Result<Vec<String>> {
        anyhow::bail!("this knows the breakpoint of x86-64 alone")
    }
}
