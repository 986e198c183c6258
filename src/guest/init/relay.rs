//! The guest's end of the cable: what the command writes goes to the host, what the host sends goes to the command, and
//! whoever ends is collected.

use crate::guest::wire::{Frame, Incoming};
use crate::kernel::process::{self, Ended};
use crate::kernel::{self, pty};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc::winsize;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{Pid, pipe2, read, write};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};

/// A pipe's own size: nothing is read ahead of it.
const PIECE: usize = 64 * 1024;

/// How long the machine waits for the host to end it.
const GRACE: u16 = 10_000;

/// Standard input, output and error of the command, both ends of each; of a terminal there is one.
#[derive(Debug)]
pub(super) struct Ends {
    near: Near,
    far: Vec<OwnedFd>,
}

/// Our ends.
#[derive(Debug)]
pub(super) struct Near {
    input: Option<OwnedFd>,
    /// Standard output or the terminal, then standard error.
    outputs: Vec<Option<OwnedFd>>,
    terminal: bool,
}

impl Ends {
    pub(super) fn make(terminal: bool) -> kernel::Result<Self> {
        if terminal {
            let (master, slave) = pty::open("a terminal for the command")?;
            let copy = master.try_clone().map_err(quiet("fcntl"))?;
            let near = Near { input: Some(copy), outputs: vec![Some(master)], terminal };
            return Ok(Self { near, far: vec![slave] });
        }
        let new = || pipe2(OFlag::O_CLOEXEC).map_err(|errno| kernel::Error::quiet("pipe2", &format_args!(""), errno));
        let ((input, near_input), (near_out, out), (near_err, err)) = (new()?, new()?, new()?);
        let near = Near { input: Some(near_input), outputs: vec![Some(near_out), Some(near_err)], terminal };
        Ok(Self { near, far: vec![input, out, err] })
    }

    /// For descriptors 0, 1 and 2 of the command.
    pub(super) fn far(&self) -> [&OwnedFd; 3] {
        std::array::from_fn(|number| &self.far[number.min(self.far.len() - 1)])
    }

    /// Ours alone: the command has its own by now, and ours would keep it from ever hearing an end.
    pub(super) fn near(self) -> Near {
        self.near
    }
}

fn quiet(name: &'static str) -> impl Fn(io::Error) -> kernel::Error {
    move |error| {
        let errno = Errno::from_raw(error.raw_os_error().unwrap_or(0));
        kernel::Error::quiet(name, &format_args!(""), errno)
    }
}

/// What is under way.
struct Relay<'a> {
    cable: &'a File,
    near: Near,
    incoming: Incoming,
    /// For the command's input, and not yet taken.
    waiting: Vec<u8>,
    input_ended: bool,
    child: Pid,
}

/// Carries bytes until `child` has ended and all that it wrote is sent.
pub(super) fn run(cable: &File, near: Near, child: Pid) -> io::Result<Ended> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGCHLD);
    set.thread_block()?;
    let ends = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    for fd in near.input.iter().chain(near.outputs.iter().flatten()) {
        fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK | OFlag::O_RDWR))?;
    }
    let mut relay =
        Relay { cable, near, incoming: Incoming::default(), waiting: Vec::new(), input_ended: false, child };
    loop {
        if let Some(ended) = collect(child) {
            while relay.pass_output()? {}
            return Ok(ended);
        }
        relay.wait(&ends)?;
        while let Ok(Some(_)) = ends.read_signal() {}
        relay.pass_output()?;
        relay.feed()?;
    }
}

/// Everybody who has ended; whether `child` was among them.
fn collect(child: Pid) -> Option<Ended> {
    let mut found = None;
    while let Some((pid, ended)) = process::reap_one() {
        if pid == child {
            found = Some(ended);
        }
    }
    found
}

impl Relay<'_> {
    /// Until something can be done, and what came over the cable.
    fn wait(&mut self, ends: &SignalFd) -> io::Result<()> {
        let listening = self.waiting.len() < PIECE;
        let mut heard = false;
        {
            let mut watched = vec![PollFd::new(ends.as_fd(), PollFlags::POLLIN)];
            let hear = if listening { PollFlags::POLLIN } else { PollFlags::empty() };
            watched.push(PollFd::new(self.cable.as_fd(), hear));
            watched.extend(self.near.outputs.iter().flatten().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)));
            if let Some(input) = self.near.input.as_ref().filter(|_| !self.waiting.is_empty()) {
                watched.push(PollFd::new(input.as_fd(), PollFlags::POLLOUT));
            }
            match poll(&mut watched, PollTimeout::NONE) {
                Ok(_) => heard = watched[1].revents().is_some_and(|events| events.contains(PollFlags::POLLIN)),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        if heard {
            let mut bytes = vec![0; PIECE];
            let length = read(self.cable, &mut bytes)?;
            self.incoming.add(&bytes[..length]);
            while let Some(frame) = self.incoming.take_frame()? {
                self.obey(frame);
            }
        }
        Ok(())
    }

    fn obey(&mut self, frame: Frame) {
        match frame {
            Frame::In(bytes) => self.waiting.extend(bytes),
            Frame::InEnded => self.input_ended = true,
            Frame::Size(rows, columns) => {
                let size = winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
                if let Some(terminal) =
                    self.near.outputs.first().and_then(Option::as_ref).filter(|_| self.near.terminal)
                {
                    let _ = pty::set_window_size(terminal, &size);
                }
            }
            // The command leads a session, and so a group: as a terminal does, the signal is for all of it.
            Frame::Signal(number) => {
                if let Ok(signal) = Signal::try_from(i32::from(number)) {
                    let _ = kill(Pid::from_raw(-self.child.as_raw()), signal);
                }
            }
            _ => {}
        }
    }

    /// Sends what there is; whether there was something.
    fn pass_output(&mut self) -> io::Result<bool> {
        let mut some = false;
        for number in 0..self.near.outputs.len() {
            let Some(output) = &self.near.outputs[number] else { continue };
            let mut bytes = vec![0; PIECE];
            match read(output, &mut bytes) {
                Ok(length) if length > 0 => {
                    bytes.truncate(length);
                    let frame = if number == 0 { Frame::Out(bytes) } else { Frame::Err(bytes) };
                    (&*self.cable).write_all(&frame.encode())?;
                    some = true;
                }
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                // All who had it open have ended; of a terminal that is told as an error.
                _ => self.near.outputs[number] = None,
            }
        }
        Ok(some)
    }

    /// Gives the command what waits for it; at the end of it, the end.
    fn feed(&mut self) -> io::Result<()> {
        let Some(input) = &self.near.input else {
            self.waiting.clear();
            return Ok(());
        };
        if !self.waiting.is_empty() {
            match write(input, &self.waiting) {
                Ok(length) => drop(self.waiting.drain(..length)),
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(Errno::EPIPE | Errno::EIO) => self.near.input = None,
                Err(errno) => return Err(errno.into()),
            }
        }
        if self.waiting.is_empty() && self.input_ended && !self.near.terminal {
            self.near.input = None;
        }
        Ok(())
    }
}

/// Waits for the host to end this machine, which it does as soon as it has read the last word.
pub(super) fn until_heard(cable: &File) {
    let mut watched = [PollFd::new(cable.as_fd(), PollFlags::empty())];
    let _ = poll(&mut watched, PollTimeout::from(GRACE));
}
