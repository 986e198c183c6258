//! The reader's terminal, joined to a container: raw mode, size, signals, and bytes both ways until it has ended.

mod command;
mod keys;

pub(super) use command::{Attach, run};
pub(super) use keys::DetachKeys;

use super::explained;
use crate::exit::Exit;
use crate::kernel::process::{self, Ended};
use crate::kernel::{self, pty};
use crate::stages::exec::Attachment;
use crate::stages::exec::message::{self, FromClient, Packet, ToClient};
use crate::stages::failure::Failure;
use keys::Watch;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{self, SetArg, Termios};
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;

/// What is joined.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// `-i`: our input goes in.
    pub(super) input: bool,
    /// `-t`: it has a terminal.
    pub(super) terminal: bool,
    /// What leaves it again, where it has a terminal.
    pub(super) keys: Option<DetachKeys>,
    /// `--sig-proxy`: signals for us are for it.
    pub(super) pass_signals: bool,
    /// `-a`: whether its output comes out here, and its errors.
    pub(super) output: [bool; 2],
}

/// What `-a` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Joined {
    Stdin,
    Stdout,
    Stderr,
}

/// How being attached can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// The container has ended, and all is taken back.
    Ended(Ended),
    /// The reader has left it, and it runs on.
    Detached,
    /// So has a signal that was not passed on.
    Signal(i32),
}

impl Left {
    /// The exit code of `run` and `start`: who leaves on purpose has not failed.
    pub(super) fn exit(self) -> Exit {
        match self {
            Self::Ended(ended) => Exit::Container(ended.code()),
            Self::Detached => Exit::Ok,
            Self::Signal(number) => Exit::Signal(number),
        }
    }

    /// That of `exec` and `attach`, which docker's client ends with an error then.
    ///
    /// # Errors
    /// [`AttachError::Detached`].
    pub(super) fn exit_or_detached(self) -> anyhow::Result<Exit> {
        if self == Self::Detached { Err(explained(AttachError::Detached)) } else { Ok(self.exit()) }
    }
}

/// Why a terminal cannot be joined.
#[derive(Debug, thiserror::Error)]
pub(super) enum AttachError {
    /// `-it` without a terminal.
    #[error("cannot attach stdin to a TTY-enabled container because stdin is not a terminal")]
    NoTerminal,
    /// The keys were typed.
    #[error("read escape sequence")]
    Detached,
    /// The supervisor went away without a word.
    #[error("the supervisor of the container has died")]
    Died,
    /// Its supervisor could not read all of its output.
    #[error(transparent)]
    Lost(#[from] Failure),
    /// A system call of our own; the container may run on.
    #[error("cannot {step}")]
    Call {
        /// To follow "cannot".
        step: &'static str,
        /// The call.
        source: kernel::Error,
    },
}

impl AttachError {
    fn call(step: &'static str, name: &'static str) -> impl FnOnce(Errno) -> anyhow::Error {
        move |errno| explained(Self::Call { step, source: kernel::Error::quiet(name, &format_args!("…"), errno) })
    }
}

impl crate::error::Explain for AttachError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoTerminal => "leave out -t, or run it in a terminal".into(),
            Self::Detached => "the container runs on; `explore attach` joins it again".into(),
            Self::Died => "`explore clean` takes back what it left".into(),
            Self::Lost(failure) => {
                let lost = "part of its output is missing, by no fault of the container: the kernel log (`dmesg`) may say more";
                failure.hint().unwrap_or_else(|| lost.into())
            }
            Self::Call { source, .. } => return kernel::hint(source),
        })
    }

    fn exit(&self) -> Exit {
        match self {
            Self::NoTerminal | Self::Detached => Exit::Failed,
            Self::Died | Self::Lost(_) | Self::Call { .. } => Exit::Engine,
        }
    }
}

/// Refuses what could not be joined, before anything is made.
pub(super) fn check(wanted: &Wanted) -> anyhow::Result<()> {
    if wanted.input && wanted.terminal && !std::io::stdin().is_terminal() {
        return Err(explained(AttachError::NoTerminal));
    }
    Ok(())
}

/// From here on a signal for us waits until it can be passed on. To be called before the start: the container may run
/// before we hear of it, and a signal that ended us then would leave it alone.
pub(super) fn hold_signals() -> anyhow::Result<()> {
    signals()?;
    Ok(())
}

/// Carries bytes until the container has ended and all is taken back, or the reader leaves it.
pub(super) fn attach(attachment: &Attachment, wanted: &Wanted) -> anyhow::Result<Left> {
    let signals = signals()?;
    let _raw = (wanted.terminal && wanted.input).then(Raw::set).flatten();
    send_size(attachment, wanted);
    // Of one that was started by another, the input is not ours to end.
    if !wanted.input && attachment.supervisor.is_some() {
        let _ = message::send(&attachment.socket, &FromClient::InputEnded);
    }
    let mut watch = wanted.keys.as_ref().filter(|_| wanted.terminal).map(Watch::for_keys);
    let mut input = if wanted.input { Input::Open } else { Input::Ended };
    let mut lost = None;
    loop {
        let ready = ready(attachment, &signals, input == Input::Open);
        let signal = if ready[1] { pass_signals(attachment, &signals, wanted) } else { None };
        if ready[2] {
            input = pass_input(attachment, watch.as_mut());
        }
        let left = signal.map(Left::Signal).or((input == Input::Left).then_some(Left::Detached));
        if let Some(left) = left {
            return leave(attachment, wanted.output).map(|ended| ended.map_or(left, Left::Ended));
        }
        match if ready[0] { pass_output(attachment, wanted.output)? } else { Heard::More } {
            Heard::More => {}
            Heard::Lost(failure) => lost = lost.or(Some(failure)),
            Heard::Closed => return Err(explained(AttachError::Died)),
            Heard::Ended(ended) => {
                if let Some(supervisor) = attachment.supervisor {
                    let _ = process::wait(supervisor);
                }
                // Whoever reads what came must not take it for all, whatever the container ended with.
                return lost.map_or(Ok(Left::Ended(ended)), |failure| Err(explained(AttachError::Lost(failure))));
            }
        }
    }
}

/// Says good-bye, and waits until that was heard: from then on the container does not depend on us. It may end just now.
fn leave(attachment: &Attachment, output: [bool; 2]) -> anyhow::Result<Option<Ended>> {
    if message::send(&attachment.socket, &FromClient::Detached).is_err() {
        return Ok(None);
    }
    loop {
        match pass_output(attachment, output)? {
            Heard::More | Heard::Lost(_) => {}
            Heard::Closed => return Ok(None),
            Heard::Ended(ended) => return Ok(Some(ended)),
        }
    }
}

/// Our input: more can come, none will, or the reader wants to go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    Open,
    Ended,
    Left,
}

/// Which of them have something for us: the supervisor, a signal, our input.
fn ready(attachment: &Attachment, signals: &SignalFd, input_open: bool) -> [bool; 3] {
    let stdin = std::io::stdin();
    let mut polled = vec![
        PollFd::new(attachment.socket.as_fd(), PollFlags::POLLIN),
        PollFd::new(signals.as_fd(), PollFlags::POLLIN),
    ];
    if input_open {
        polled.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
    }
    while poll(&mut polled, PollTimeout::NONE) == Err(Errno::EINTR) {}
    let happened =
        |number: usize| polled.get(number).and_then(PollFd::revents).is_some_and(|events| !events.is_empty());
    [happened(0), happened(1), happened(2)]
}

/// What a terminal, or another process, may send to a command is for the container: `docker run --sig-proxy`.
fn signals() -> anyhow::Result<SignalFd> {
    let mut set = SigSet::empty();
    for signal in [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGWINCH,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
    ] {
        set.add(signal);
    }
    let step = "hold signals for the container";
    set.thread_block().map_err(AttachError::call(step, "rt_sigprocmask"))?;
    SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .map_err(AttachError::call(step, "signalfd4"))
}

/// Passes signals on; one that is to be ours is answered.
fn pass_signals(attachment: &Attachment, signals: &SignalFd, wanted: &Wanted) -> Option<i32> {
    while let Ok(Some(signal)) = signals.read_signal() {
        if signal.ssi_signo == libc::SIGWINCH.cast_unsigned() {
            send_size(attachment, wanted);
        } else {
            let number = signal.ssi_signo.cast_signed();
            if !wanted.pass_signals {
                return Some(number);
            }
            let _ = message::send(&attachment.socket, &FromClient::Signal(number));
        }
    }
    None
}

fn send_size(attachment: &Attachment, wanted: &Wanted) {
    if !wanted.terminal {
        return;
    }
    let Ok(size) = pty::window_size(&std::io::stdout()) else { return };
    let send = |columns| {
        let resize = FromClient::Resize { rows: size.ws_row, columns };
        let _ = message::send(&attachment.socket, &resize);
    };
    // A program is told of a size only when it changes; one who comes later wants to see the whole screen.
    if attachment.supervisor.is_none() {
        send(size.ws_col.saturating_add(1));
    }
    send(size.ws_col);
}

/// Our input to the container.
fn pass_input(attachment: &Attachment, watch: Option<&mut Watch<'_>>) -> Input {
    let mut buffer = [0; 16 * 1024];
    let length = match nix::unistd::read(std::io::stdin(), &mut buffer) {
        Err(Errno::EINTR | Errno::EAGAIN) => return Input::Open,
        Ok(length) if length > 0 => length,
        _ => {
            let _ = message::send(&attachment.socket, &FromClient::InputEnded);
            return Input::Ended;
        }
    };
    let (passed, left) = match watch {
        Some(watch) => watch.read(&buffer[..length]),
        None => (buffer[..length].to_vec(), false),
    };
    match passed.is_empty() || message::send_data(&attachment.socket, 0, &passed).is_ok() {
        _ if left => Input::Left,
        true => Input::Open,
        false => Input::Ended,
    }
}

/// What a packet from the supervisor says.
enum Heard {
    More,
    Lost(Failure),
    Closed,
    Ended(Ended),
}

/// The container's output to ours, where it is wanted.
fn pass_output(attachment: &Attachment, output: [bool; 2]) -> anyhow::Result<Heard> {
    let heard = message::receive(&attachment.socket);
    match heard.map_err(AttachError::call("hear from the container's supervisor", "recvmsg"))? {
        Packet::Data(stream, _) if !output[usize::from(stream == 2)] => {}
        Packet::Data(2, data) => std::io::stderr().write_all(&data)?,
        Packet::Data(_, data) => super::screen::write_out(&data)?,
        Packet::Message(bytes, _) => match Packet::parse(&bytes) {
            Some(ToClient::Ended(ended)) => return Ok(Heard::Ended(ended)),
            Some(ToClient::Lost(stream, failure)) if output[stream as usize] => return Ok(Heard::Lost(failure)),
            _ => {}
        },
        Packet::End => return Ok(Heard::Closed),
    }
    Ok(Heard::More)
}

/// Our terminal passes every key on: ^C is a byte for the container's terminal, which makes a signal of it. Put back
/// when dropped.
#[derive(Debug)]
pub(super) struct Raw {
    before: Termios,
}

impl Raw {
    pub(super) fn set() -> Option<Self> {
        let before = termios::tcgetattr(std::io::stdin()).ok()?;
        let mut raw = before.clone();
        termios::cfmakeraw(&mut raw);
        termios::tcsetattr(std::io::stdin(), SetArg::TCSANOW, &raw).ok()?;
        Some(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, &self.before);
    }
}
