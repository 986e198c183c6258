//! `explore guest`: a command in a machine of its own, and this terminal in it.

use super::attach::Raw;
use super::{Context, explained};
use crate::exit::Exit;
use crate::guest::wire::{Frame, Incoming};
use crate::guest::{Accelerator, GuestError, Machine, Order, Parts, Tried};
use crate::kernel::pty;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long KVM may take to bring a guest up. Where it works that is a second.
const FOR_KVM: Duration = Duration::from_secs(15);

/// What a lesson's step may take in there: software is ten to thirty times slower than the processor that it plays.
const STEP_SECONDS: &str = "600";

/// What is read at once.
const PIECE: usize = 64 * 1024;

/// Variables that say how somebody wants to be talked to.
const PASSED: [&str; 9] =
    ["TERM", "COLORTERM", "LANG", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "NO_COLOR", "COLUMNS", "EXPLORE_SEED"];

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Where there is no kernel, and without root:\n  apt-get download linux-image-6.1.0-44-cloud-amd64\n  \
    dpkg -x linux-image-*.deb unpacked\n  explore guest --kernel unpacked lesson cgroup-memory"
)]
pub(super) struct Guest {
    /// The kernel: an image such as /boot/vmlinuz-*, or the folder that a kernel package was unpacked into
    #[arg(long, value_name = "PATH")]
    kernel: Option<PathBuf>,
    /// As an ordinary user (`learner`, with a cgroup of his own) instead of root
    #[arg(long)]
    user: bool,
    /// Memory of the machine in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1536, value_parser = clap::value_parser!(u32).range(256..=65536))]
    memory: u32,
    /// What its processor is made of
    #[arg(long, value_enum, default_value_t = Accelerator::Auto)]
    accel: Accelerator,
    /// Take this program of this machine along as well; can be repeated
    #[arg(long, value_name = "PROGRAM")]
    with: Vec<String>,
    /// A command of explore, or after `--` any command
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

impl Guest {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let order = self.order(context).map_err(explained)?;
        let parts = Parts::gather(self.kernel.as_deref(), &order, self.memory).map_err(explained)?;
        let signals = signals()?;
        let kvm = match self.accel {
            Accelerator::Auto => Tried::of(&context.roots()?).may_try(),
            other => other == Accelerator::Kvm,
        };
        if kvm {
            let limit = (self.accel == Accelerator::Auto).then_some(FOR_KVM);
            match Session::start(&parts, Accelerator::Kvm, &order)?.run(&signals, limit)? {
                End::Code(exit) => return Ok(exit),
                End::NeverUp => Tried::of(&context.roots()?).remember(),
            }
        }
        match Session::start(&parts, Accelerator::Tcg, &order)?.run(&signals, None)? {
            End::Code(exit) => Ok(exit),
            End::NeverUp => Ok(Exit::Engine),
        }
    }

    fn order(&self, context: &Context) -> Result<Order, GuestError> {
        let text = |word: &OsString| word.to_str().map(str::to_owned).ok_or_else(|| GuestError::NotText(word.clone()));
        let mut words = self.words.iter().map(text).collect::<Result<Vec<String>, _>>()?;
        let any = after_dashes();
        let argv = match words.first() {
            None => vec!["sh".to_owned(), "-i".to_owned()],
            Some(_) if any => words,
            Some(_) => {
                let mut line = vec!["explore".to_owned()];
                line.extend(global(context));
                line.append(&mut words);
                line
            }
        };
        let variable = |name: &&str| Some(((*name).to_owned(), std::env::var(name).ok()?));
        let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        let mut env: Vec<(String, String)> = PASSED.iter().filter_map(variable).collect();
        env.push(("EXPLORE_STEP_SECONDS".into(), STEP_SECONDS.into()));
        Ok(Order { argv, env, terminal, user: self.user, with: self.with.clone() })
    }
}

/// What was said before `guest` holds in it too.
fn global(context: &Context) -> Vec<String> {
    let mut words = Vec::new();
    words.extend(context.global.json.then(|| "--json".to_owned()));
    words.extend(context.global.narrate.then(|| "--narrate".to_owned()));
    words.extend(context.global.lang.iter().flat_map(|lang| ["--lang".to_owned(), lang.clone()]));
    words
}

/// Whether the command came after `--`, which clap does not tell.
fn after_dashes() -> bool {
    let words: Vec<OsString> = std::env::args_os().collect();
    let guest = words.iter().position(|word| word == "guest").unwrap_or(0);
    let takes_value = ["--kernel", "--memory", "--accel", "--with", "--root", "--lang"];
    let mut rest = words.iter().skip(guest + 1);
    while let Some(word) = rest.next() {
        match word.to_str() {
            Some("--") => return true,
            Some(flag) if takes_value.contains(&flag) => drop(rest.next()),
            Some(flag) if flag.starts_with('-') => {}
            _ => return false,
        }
    }
    false
}

/// How a guest came to its end.
enum End {
    Code(Exit),
    /// It did not get as far as its command in time, or at all.
    NeverUp,
}

/// A guest, and what goes between it and us.
struct Session {
    machine: Machine,
    incoming: Incoming,
    outgoing: VecDeque<u8>,
    terminal: bool,
    input_open: bool,
    up: bool,
    raw: Option<Raw>,
}

impl Session {
    fn start(parts: &Parts, accelerator: Accelerator, order: &Order) -> anyhow::Result<Self> {
        let machine = Machine::start(parts, accelerator).map_err(explained)?;
        machine.cable.set_nonblocking(true)?;
        Ok(Self {
            machine,
            incoming: Incoming::default(),
            outgoing: VecDeque::new(),
            terminal: order.terminal,
            input_open: true,
            up: false,
            raw: None,
        })
    }

    /// Carries bytes both ways until the guest's command has ended. With a limit: until it is up, or has not come up.
    fn run(mut self, signals: &SignalFd, limit: Option<Duration>) -> anyhow::Result<End> {
        let until = limit.map(|limit| Instant::now() + limit);
        loop {
            let [signal, cable, ended, input] = self.wait(signals, until.filter(|_| !self.up))?;
            if !self.up && until.is_some_and(|until| Instant::now() >= until) {
                return Ok(End::NeverUp);
            }
            if signal && let Some(exit) = self.signalled(signals) {
                return Ok(End::Code(exit));
            }
            if cable && let Some(exit) = self.hear()? {
                return Ok(End::Code(exit));
            }
            if ended {
                // What it said last may still be in the cable.
                if let Some(exit) = self.hear()? {
                    return Ok(End::Code(exit));
                }
                if !self.up && limit.is_some() {
                    return Ok(End::NeverUp);
                }
                drop(self.raw.take());
                return Err(explained(GuestError::Died { said: self.machine.last_words() }));
            }
            if input {
                self.read_input();
            }
            self.send()?;
        }
    }

    /// Until something has come: a signal, bytes over the cable, the end of QEMU, input.
    fn wait(&self, signals: &SignalFd, until: Option<Instant>) -> anyhow::Result<[bool; 4]> {
        let cable = PollFlags::POLLIN | if self.outgoing.is_empty() { PollFlags::empty() } else { PollFlags::POLLOUT };
        let listen = self.up && self.input_open && self.outgoing.len() < PIECE;
        let stdin = io::stdin();
        let mut watched = vec![
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.machine.cable.as_fd(), cable),
            PollFd::new(self.machine.process().as_fd(), PollFlags::POLLIN),
        ];
        if listen {
            watched.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
        }
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = left.map_or(PollTimeout::NONE, |left| {
            PollTimeout::from(u16::try_from(left.as_millis() + 1).unwrap_or(u16::MAX))
        });
        match poll(&mut watched, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(io::Error::from(errno).into()),
        }
        let is_ready = |at: usize| {
            let events = watched.get(at).and_then(PollFd::revents).unwrap_or(PollFlags::empty());
            events.intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR)
        };
        Ok([0, 1, 2, 3].map(is_ready))
    }

    /// What the guest says; the exit code, if that is it.
    fn hear(&mut self) -> anyhow::Result<Option<Exit>> {
        let mut bytes = vec![0; PIECE];
        loop {
            match self.machine.cable.read(&mut bytes) {
                Ok(0) => break,
                Ok(length) => self.incoming.add(&bytes[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // QEMU has ended, or there is no more for now.
                Err(_) => break,
            }
            while let Some(frame) = self.incoming.take_frame()? {
                if let Some(exit) = self.take(frame)? {
                    return Ok(Some(exit));
                }
            }
        }
        Ok(None)
    }

    fn take(&mut self, frame: Frame) -> anyhow::Result<Option<Exit>> {
        match frame {
            Frame::Ready => {
                self.up = true;
                self.raw = if self.terminal { Raw::set() } else { None };
                self.send_size();
            }
            Frame::Out(bytes) => super::screen::write_out(&bytes)?,
            Frame::Err(bytes) => io::stderr().write_all(&bytes)?,
            Frame::Ended(code) => return Ok(Some(Exit::Container(code))),
            Frame::Failed(why) => {
                drop(self.raw.take());
                return Err(explained(GuestError::Init(why)));
            }
            _ => {}
        }
        Ok(None)
    }

    /// Before the command runs a signal is for us, afterwards for it.
    fn signalled(&mut self, signals: &SignalFd) -> Option<Exit> {
        while let Ok(Some(signal)) = signals.read_signal() {
            let number = signal.ssi_signo.cast_signed();
            if number == libc::SIGWINCH {
                self.send_size();
            } else if !self.up || number == libc::SIGHUP {
                return Some(Exit::Signal(number));
            } else if let Ok(number) = u8::try_from(number) {
                self.outgoing.extend(Frame::Signal(number).encode());
            }
        }
        None
    }

    fn send_size(&mut self) {
        if self.terminal
            && self.up
            && let Ok(size) = pty::window_size(&io::stdout())
        {
            self.outgoing.extend(Frame::Size(size.ws_row, size.ws_col).encode());
        }
    }

    fn read_input(&mut self) {
        let mut bytes = vec![0; PIECE];
        match nix::unistd::read(io::stdin(), &mut bytes) {
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Ok(length) if length > 0 => {
                bytes.truncate(length);
                self.outgoing.extend(Frame::In(bytes).encode());
            }
            _ => {
                self.input_open = false;
                self.outgoing.extend(Frame::InEnded.encode());
            }
        }
    }

    fn send(&mut self) -> anyhow::Result<()> {
        while !self.outgoing.is_empty() {
            let (bytes, _) = self.outgoing.as_slices();
            match self.machine.cable.write(bytes) {
                Ok(length) => drop(self.outgoing.drain(..length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // Its end is seen, and told, elsewhere.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.outgoing.clear(),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

fn signals() -> anyhow::Result<SignalFd> {
    let mut set = SigSet::empty();
    for signal in [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGQUIT,
        Signal::SIGHUP,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGWINCH,
    ] {
        set.add(signal);
    }
    set.thread_block().map_err(io::Error::from)?;
    Ok(SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).map_err(io::Error::from)?)
}
