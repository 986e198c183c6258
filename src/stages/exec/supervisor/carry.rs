//! Bytes between the container and whoever listens, until PID 1 has ended and its last words are read.

use super::super::log::Log;
use super::super::message::{self, CHUNK, FromClient, Packet, Stream};
use super::super::wiring::Ends;
use super::audience::Audience;
use crate::kernel::process::{self, Child};
use crate::kernel::{self, pty};
use crate::stages::failure::Failure;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::{AsFd, BorrowedFd};

/// The state of the carrying.
struct Carrier<'a> {
    ends: Ends,
    terminal: bool,
    audience: &'a mut Audience,
    log: Option<Log>,
    child: &'a Child,
}

/// What one of the polled descriptors is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Init,
    Door,
    Client(u32),
    Output,
    Errors,
}

/// Carries until PID 1 has ended, and what it left in the pipes is read.
pub(in crate::stages::exec) fn carry(child: &Child, ends: Ends, audience: &mut Audience, log: Option<Log>) {
    let terminal = ends.errors.is_none();
    let mut carrier = Carrier { ends, terminal, audience, log, child };
    while !carrier.one_round(PollTimeout::NONE) {}
    // A process that left the PID namespace alive cannot exist; but a pipe may have been handed to somebody outside,
    // who could keep it open for ever. What is there now is read, and no more is waited for.
    while carrier.has_output() && !carrier.drain() {}
    if let Some(log) = carrier.log {
        log.finish();
    }
}

impl Carrier<'_> {
    /// Waits for something to happen and deals with it; says whether PID 1 has ended.
    fn one_round(&mut self, timeout: PollTimeout) -> bool {
        let ready = self.ready(timeout);
        for source in &ready {
            match source {
                Source::Output | Source::Errors => self.pass_output(*source),
                Source::Client(number) => self.obey(*number),
                Source::Door => self.audience.let_in(),
                Source::Init => {}
            }
        }
        ready.contains(&Source::Init)
    }

    fn has_output(&self) -> bool {
        self.ends.output.is_some() || self.ends.errors.is_some()
    }

    /// Reads what is there without waiting; says whether nothing is left.
    fn drain(&mut self) -> bool {
        let ready: Vec<Source> = self.ready(PollTimeout::ZERO);
        let outputs: Vec<Source> =
            ready.into_iter().filter(|one| matches!(one, Source::Output | Source::Errors)).collect();
        for source in &outputs {
            self.pass_output(*source);
        }
        outputs.is_empty()
    }

    fn ready(&self, timeout: PollTimeout) -> Vec<Source> {
        let mut watched: Vec<(Source, BorrowedFd<'_>)> = vec![(Source::Init, self.child.pidfd.as_fd())];
        watched.extend(self.audience.door.as_ref().map(|fd| (Source::Door, fd.as_fd())));
        let heard = self.audience.clients.iter().filter(|client| client.speaks);
        watched.extend(heard.map(|client| (Source::Client(client.number), client.socket.as_fd())));
        watched.extend(self.ends.output.as_ref().map(|fd| (Source::Output, fd.as_fd())));
        watched.extend(self.ends.errors.as_ref().map(|fd| (Source::Errors, fd.as_fd())));
        let mut polled: Vec<PollFd<'_>> = watched.iter().map(|(_, fd)| PollFd::new(*fd, PollFlags::POLLIN)).collect();
        while poll(&mut polled, timeout) == Err(Errno::EINTR) {}
        let happened = |one: &PollFd<'_>| one.revents().is_some_and(|events| !events.is_empty());
        watched.iter().zip(&polled).filter(|(_, one)| happened(one)).map(|((source, _), _)| *source).collect()
    }

    /// From the container to the log and to whoever listens.
    fn pass_output(&mut self, source: Source) {
        let (end, stream) = match source {
            Source::Errors => (&mut self.ends.errors, Stream::Stderr),
            _ => (&mut self.ends.output, Stream::Stdout),
        };
        let Some(fd) = end else { return };
        let mut buffer = vec![0; CHUNK];
        match nix::unistd::read(&*fd, &mut buffer) {
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Ok(0) => *end = None,
            // So a terminal ends whose last user has gone.
            Err(Errno::EIO) if self.terminal => *end = None,
            // What was in it is lost, and what comes would be: the container learns that nobody reads (SIGPIPE), and whoever
            // listens that this is not all. Docker's client fails, too, where the stream to it breaks.
            Err(errno) => {
                *end = None;
                let error = kernel::Error::quiet("read", &format_args!("its pipe"), errno);
                self.audience.tell_loss(stream, &Failure::at("read all that the container says")(error));
            }
            Ok(length) => {
                if let Some(log) = &mut self.log {
                    log.add(stream, &buffer[..length]);
                }
                self.audience.tell(if stream == Stream::Stderr { 2 } else { 1 }, &buffer[..length]);
            }
        }
    }

    /// From one who listens to the container.
    fn obey(&mut self, number: u32) {
        let Some(client) = self.audience.clients.iter_mut().find(|client| client.number == number) else { return };
        match message::receive(&client.socket) {
            Ok(Packet::Data(_, data)) => self.pass_input(&data),
            Ok(Packet::Message(bytes, _)) => match Packet::parse::<FromClient>(&bytes) {
                Some(FromClient::Attached) => self.audience.attach(number),
                Some(FromClient::Joined) => self.audience.serve_names(number),
                Some(FromClient::Detached) => self.audience.detach(number),
                Some(FromClient::InputEnded) => self.end_input(),
                Some(FromClient::Resize { rows, columns }) => self.resize(rows, columns),
                Some(FromClient::Signal(number)) => {
                    let _ = process::signal(self.child.pidfd.as_fd(), number, "passed on from the command's terminal");
                }
                Some(FromClient::Made) | None => {}
            },
            // It does not listen any more; the container goes on, and its input has ended.
            Ok(Packet::End) => {
                let hears = client.hears;
                self.audience.leave(number);
                if hears {
                    self.end_input();
                }
            }
            // It may be there all the same, and what the container says is still for it.
            Err(_) => {
                client.speaks = false;
                self.end_input();
            }
        }
    }

    fn pass_input(&mut self, data: &[u8]) {
        let target = if self.terminal { self.ends.output.as_ref() } else { self.ends.input.as_ref() };
        let Some(target) = target else { return };
        let mut rest = data;
        while !rest.is_empty() {
            match nix::unistd::write(target, rest) {
                Ok(length) => rest = &rest[length..],
                Err(Errno::EINTR) => {}
                // It has closed its input; that is its own affair.
                Err(_) => {
                    self.ends.input = None;
                    return;
                }
            }
        }
    }

    /// The end of a pipe is its close; the end of a terminal's input is a character (^D), which its reader has typed.
    /// The input of a container that was started in the background is for whoever attaches next.
    fn end_input(&mut self) {
        if self.audience.input_is_for_one {
            self.ends.input = None;
        }
    }

    fn resize(&self, rows: u16, columns: u16) {
        if let (true, Some(master)) = (self.terminal, self.ends.output.as_ref()) {
            let size = nix::libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
            let _ = pty::set_window_size(master, &size);
        }
    }
}
