//! Who listens to a container: the command that started it, those who attached later, and those who only wait for its end.

use super::super::message::{self, Stream, ToClient};
use super::super::{StartFailure, socket};
use crate::kernel::process::Ended;
use crate::narrate;
use crate::stages::failure::Failure;
use std::os::fd::OwnedFd;

/// One connection.
pub(super) struct Client {
    pub(super) number: u32,
    pub(super) socket: OwnedFd,
    /// What the container says is sent to it.
    pub(super) hears: bool,
    /// More can come from it.
    pub(super) speaks: bool,
}

/// All connections.
#[derive(Default)]
pub(in crate::stages::exec) struct Audience {
    /// Where new ones come in.
    pub(super) door: Option<OwnedFd>,
    pub(super) clients: Vec<Client>,
    /// The container's input ends with that of the first who leaves (docker's StdinOnce).
    pub(super) input_is_for_one: bool,
    /// Called when the container no longer depends on the command that started it: that has let it go, or another has
    /// come for it.
    pub(super) let_go: Option<Box<dyn FnMut()>>,
    /// Called when the container has been put on one more network.
    pub(super) connected: Option<Box<dyn FnMut() -> Result<(), StartFailure>>>,
    /// Where the command that started it hears of system calls.
    pub(in crate::stages::exec) narration: Option<OwnedFd>,
    /// What of the container's output is lost: who comes later must know that, too.
    lost: Vec<(Stream, Failure)>,
    next: u32,
}

impl Audience {
    /// Only the one who asked, until it ends or leaves.
    pub(in crate::stages::exec) fn of(first: OwnedFd) -> Self {
        let mut audience = Self { input_is_for_one: true, ..Self::default() };
        audience.add(first, true);
        audience
    }

    /// Lets others in, too. `let_go` is called when the container depends no more on the command that started it.
    pub(super) fn open(&mut self, door: Option<OwnedFd>, let_go: Box<dyn FnMut()>) {
        (self.door, self.let_go) = (door, Some(let_go));
    }

    fn add(&mut self, socket: OwnedFd, hears: bool) {
        self.clients.push(Client { number: self.next, socket, hears, speaks: true });
        self.next += 1;
    }

    /// Opens to those who have called.
    pub(super) fn let_in(&mut self) {
        while let Some(socket) = self.door.as_ref().and_then(socket::accept) {
            self.add(socket, false);
        }
    }

    /// From now on it hears what the container says.
    pub(super) fn attach(&mut self, number: u32) {
        for client in self.clients.iter_mut().filter(|client| client.number == number) {
            client.hears = true;
            for (stream, failure) in &self.lost {
                let _ = message::send(&client.socket, &ToClient::Lost(*stream, failure.clone()));
            }
        }
        self.release();
    }

    /// It goes, and leaves the container running.
    pub(super) fn detach(&mut self, number: u32) {
        if number == 0 {
            self.silence();
        }
        self.release();
        // Last: to see its connection close is how it knows that all this is so.
        self.leave(number);
    }

    /// Tells no more system calls: a reader that waits for the end of them must see it.
    pub(in crate::stages::exec) fn silence(&mut self) {
        narrate::silence();
        self.narration = None;
    }

    /// Has names served inside, and says so.
    pub(super) fn serve_names(&mut self, number: u32) {
        let served = self.connected.as_mut().map_or(Ok(()), |connected| connected());
        let answer = served.map_or_else(ToClient::Failed, |()| ToClient::Served);
        for client in self.clients.iter().filter(|client| client.number == number) {
            let _ = message::send(&client.socket, &answer);
        }
        self.leave(number);
    }

    fn release(&mut self) {
        if let Some(mut let_go) = self.let_go.take() {
            let_go();
        }
    }

    pub(super) fn leave(&mut self, number: u32) {
        self.clients.retain(|client| client.number != number);
    }

    /// What the container has said on descriptor 1 or 2.
    pub(super) fn tell(&mut self, descriptor: u8, data: &[u8]) {
        self.clients.retain(|client| !client.hears || message::send_data(&client.socket, descriptor, data).is_ok());
    }

    /// Some of what the container has said cannot be had any more.
    pub(super) fn tell_loss(&mut self, stream: Stream, failure: &Failure) {
        for client in self.clients.iter().filter(|client| client.hears) {
            let _ = message::send(&client.socket, &ToClient::Lost(stream, failure.clone()));
        }
        self.lost.push((stream, failure.clone()));
    }

    /// The last word, also for those who have just called.
    pub(in crate::stages::exec) fn tell_end(mut self, ended: Ended) {
        self.let_in();
        for client in self.clients {
            let _ = message::send(&client.socket, &ToClient::Ended(ended));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel;
    use message::Packet;
    use nix::errno::Errno;

    #[test]
    fn who_comes_after_a_loss_hears_of_it() {
        let mut audience = Audience::default();
        let error = kernel::Error::quiet("read", &format_args!("its pipe"), Errno::EIO);
        audience.tell_loss(Stream::Stderr, &Failure::at("read all")(error));
        let (near, far) = message::pair().unwrap();
        audience.add(far, false);
        audience.attach(0);
        let Packet::Message(bytes, _) = message::receive(&near).unwrap() else { panic!("no message") };
        assert!(matches!(Packet::parse(&bytes), Some(ToClient::Lost(Stream::Stderr, _))));
    }
}
