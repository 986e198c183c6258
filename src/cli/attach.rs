//! The reader's terminal, joined to a container: raw mode, size, signals, and bytes both ways until it has ended.

use super::explained;
use crate::exit::Exit;
use crate::kernel::process::{self, Ended};
use crate::kernel::{self, pty};
use crate::stages::exec::Attachment;
use crate::stages::exec::message::{self, FromClient, Packet, ToClient};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{self, SetArg, Termios};
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;

/// What is joined.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// `-i`: our input goes in.
    pub(super) input: bool,
    /// `-t`: it has a terminal.
    pub(super) terminal: bool,
}

/// Why a terminal cannot be joined.
#[derive(Debug, thiserror::Error)]
pub(super) enum AttachError {
    /// `-it` without a terminal.
    #[error("cannot attach stdin to a TTY-enabled container because stdin is not a terminal")]
    NoTerminal,
    /// The supervisor went away without a word.
    #[error("the supervisor of the container has died")]
    Died,
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
            Self::Died => "`explore clean` takes back what it left".into(),
            Self::Call { source, .. } => return kernel::hint(source),
        })
    }

    fn exit(&self) -> Exit {
        match self {
            Self::NoTerminal => Exit::Failed,
            Self::Died | Self::Call { .. } => Exit::Engine,
        }
    }
}

/// Refuses what could not be joined, before anything is made.
pub(super) fn check(wanted: Wanted) -> anyhow::Result<()> {
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

/// Carries bytes until the container has ended and all is taken back.
pub(super) fn attach(attachment: &Attachment, wanted: Wanted) -> anyhow::Result<Exit> {
    Ok(Exit::Container(attach_until_end(attachment, wanted)?.code()))
}

/// As [`attach`], for one who wants to know how it ended.
pub(super) fn attach_until_end(attachment: &Attachment, wanted: Wanted) -> anyhow::Result<Ended> {
    let signals = signals()?;
    let _raw = (wanted.terminal && wanted.input).then(Raw::set).flatten();
    send_size(attachment, wanted);
    if !wanted.input {
        let _ = message::send(&attachment.socket, &FromClient::InputEnded);
    }
    let mut input_open = wanted.input;
    let ended = loop {
        let ready = ready(attachment, &signals, input_open);
        if ready[1] {
            pass_signals(attachment, &signals, wanted);
        }
        if ready[2] {
            input_open = pass_input(attachment);
        }
        if ready[0]
            && let Some(ended) = pass_output(attachment)?
        {
            break ended;
        }
    };
    let _ = process::wait(attachment.supervisor);
    Ok(ended)
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

fn pass_signals(attachment: &Attachment, signals: &SignalFd, wanted: Wanted) {
    while let Ok(Some(signal)) = signals.read_signal() {
        if signal.ssi_signo == libc::SIGWINCH.cast_unsigned() {
            send_size(attachment, wanted);
        } else {
            let number = signal.ssi_signo.cast_signed();
            let _ = message::send(&attachment.socket, &FromClient::Signal(number));
        }
    }
}

fn send_size(attachment: &Attachment, wanted: Wanted) {
    if !wanted.terminal {
        return;
    }
    if let Ok(size) = pty::window_size(&std::io::stdout()) {
        let resize = FromClient::Resize { rows: size.ws_row, columns: size.ws_col };
        let _ = message::send(&attachment.socket, &resize);
    }
}

/// Our input to the container; says whether more can come.
fn pass_input(attachment: &Attachment) -> bool {
    let mut buffer = [0; 16 * 1024];
    match nix::unistd::read(std::io::stdin(), &mut buffer) {
        Err(Errno::EINTR | Errno::EAGAIN) => true,
        Ok(length) if length > 0 => message::send_data(&attachment.socket, 0, &buffer[..length]).is_ok(),
        _ => {
            let _ = message::send(&attachment.socket, &FromClient::InputEnded);
            false
        }
    }
}

/// The container's output to ours; `Some` once it has ended.
fn pass_output(attachment: &Attachment) -> anyhow::Result<Option<Ended>> {
    let heard = message::receive(&attachment.socket);
    match heard.map_err(AttachError::call("hear from the container's supervisor", "recvmsg"))? {
        Packet::Data(2, data) => std::io::stderr().write_all(&data)?,
        Packet::Data(_, data) => super::screen::write_out(&data)?,
        Packet::Message(bytes, _) => {
            if let Some(ToClient::Ended(ended)) = Packet::parse(&bytes) {
                return Ok(Some(ended));
            }
        }
        Packet::End => return Err(explained(AttachError::Died)),
    }
    Ok(None)
}

/// Our terminal passes every key on: ^C is a byte for the container's terminal, which makes a signal of it. Put back
/// when dropped.
struct Raw {
    before: Termios,
}

impl Raw {
    fn set() -> Option<Self> {
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
