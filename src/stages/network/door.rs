//! Published ports without root.
//!
//! ```text
//!   this machine's network                 the keeper's, where our bridge is
//!   client ──► 8080, the door  ═ accept ═  a process in here  ── connect ──► 172.30.0.2:80
//! ```
//!
//! A **door** is a socket that a command opens before it steps into the keeper's namespaces. It listens out here from
//! then on, whoever holds it and wherever they stand: a socket belongs to the network namespace that it was made in
//! (network_namespaces(7)). The supervisor inherits it, and a process beside it, "explore: doors", answers: what root's
//! packet filter does to headers, it does by reading and writing, as docker-proxy and rootlesskit do. The container
//! takes our bridge for its client. UDP has no connections: `datagrams`. Left out: `-P`, which asks the image for its ports
//! when the command is inside already.

mod datagrams;

use super::beside::{Beside, Crew, Task};
use super::lease::Lease;
use super::publish::{Publish, local_range};
use super::{Mode, NetworkError, Wish};
use crate::kernel::nft::Protocol;
use crate::kernel::{self, port, process};
use crate::state::{Claim, Roots};
use datagrams::Window;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::{Deserialize, Serialize};
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// How long the container is waited for.
const PATIENCE: Duration = Duration::from_secs(4);
/// Connections at one time; more wait in the door's own queue.
const AT_ONCE: usize = 512;

/// A port of this machine that listens.
#[derive(Debug)]
pub struct Door {
    wish: Publish,
    port: u16,
    socket: OwnedFd,
}

/// A door as the program is told of it that inherits it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Inherited {
    wish: Publish,
    port: u16,
    descriptor: RawFd,
}

/// Whether the container that is to have the ports may have them still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Nobody has them, or it is an error.
    Free,
    /// It is about to be stopped, and to be started again.
    Ours,
}

impl Door {
    /// Opens the doors of a container, before stepping into the keeper's namespaces. Root needs none.
    ///
    /// # Errors
    /// [`NetworkError::PortInUse`].
    pub fn open(mode: &Mode, wish: &Wish, before: Before) -> Result<Vec<Self>, NetworkError> {
        if nix::unistd::geteuid().is_root() || mode.network().is_none() {
            return Ok(Vec::new());
        }
        wish.publish.iter().map(|one| Self::open_one(*one, before)).collect()
    }

    /// The first port of those that will do; what was wrong with the first of them, where none does.
    fn open_one(wish: Publish, before: Before) -> Result<Self, NetworkError> {
        let (first, last) = wish.from.unwrap_or_else(local_range);
        let mut failure = None;
        for port in first..=last {
            match listen(wish.at, port, wish.to.protocol, before) {
                Ok(socket) => return Ok(Self { wish, port, socket }),
                Err(source) => failure.get_or_insert(source),
            };
        }
        let nothing = || kernel::Error::quiet("bind", &format_args!("no port"), Errno::EADDRINUSE);
        let source = failure.unwrap_or_else(nothing);
        Err(NetworkError::PortInUse { ip: wish.at, port: first, protocol: wish.to.protocol, source })
    }

    /// What the program that inherits it is told.
    pub fn told(&self) -> Inherited {
        Inherited { wish: self.wish, port: self.port, descriptor: self.socket.as_raw_fd() }
    }

    /// The socket.
    pub fn socket(&self) -> &OwnedFd {
        &self.socket
    }
}

impl Inherited {
    /// The door, now this program's.
    pub fn take(self) -> Door {
        Door { wish: self.wish, port: self.port, socket: process::own(self.descriptor) }
    }
}

/// What to publish in the keeper's namespaces, so that it is the same port there as out here.
pub fn behind(doors: &[Door], wanted: &[Publish]) -> Vec<Publish> {
    let fixed = |wish: &Publish| {
        let door = doors.iter().find(|door| door.wish == *wish);
        door.map_or(*wish, |door| Publish { from: Some((door.port, door.port)), ..*wish })
    };
    wanted.iter().map(fixed).collect()
}

/// Several sockets may listen at one port where all of them say so (SO_REUSEPORT), as the old doors of a container do
/// and its new ones, for the moment between. A first one that does not say so finds out whether anybody is there.
fn listen(at: IpAddr, number: u16, protocol: Protocol, before: Before) -> kernel::Result<OwnedFd> {
    if before == Before::Free {
        drop(port::hold(at, number, protocol)?);
    }
    port::listen_shared(at, number, protocol)
}

/// The process that answers at the doors of a container.
#[derive(Debug)]
pub struct Doors(Beside);

impl Doors {
    /// Begins to answer, for a container that has an address. Nothing where there are no doors.
    ///
    /// # Errors
    /// [`NetworkError::Doors`]; the journal.
    pub fn answer(
        roots: &Roots,
        claim: &Claim,
        doors: &[Door],
        leases: &[Lease],
    ) -> Result<Option<Self>, NetworkError> {
        let Some(lease) = leases.iter().find(|lease| !lease.published.is_empty()) else { return Ok(None) };
        if doors.is_empty() {
            return Ok(None);
        }
        let kept: Vec<RawFd> = doors.iter().map(|door| door.socket.as_raw_fd()).collect();
        let why = "a process that answers at the ports out here";
        let task = Task { name: c"explore: doors", why, kept: &kept, failed: NetworkError::Doors };
        let ip = lease.ip.into();
        Beside::start(roots, claim, task, |alive| serve(doors, ip, alive)).map(|beside| Some(Self(beside)))
    }

    /// Ends it, and waits for that.
    pub fn stop(self) {
        self.0.stop();
    }
}

/// Until the pipe ends; a thread for each connection, and for each client of UDP.
fn serve(doors: &[Door], ip: IpAddr, alive: &OwnedFd) {
    let of = |protocol| doors.iter().filter(move |door| door.wish.to.protocol == protocol);
    let to = |door: &Door| SocketAddr::new(ip, door.wish.to.number);
    let own = |door: &Door| door.socket.try_clone().map(|socket| (socket, to(door))).ok();
    let crew = Crew::of_at_most(AT_ONCE);
    let mut windows: Vec<Window> =
        of(Protocol::Udp).filter_map(own).map(|(socket, to)| Window::new(socket.into(), to)).collect();
    let doors: Vec<(TcpListener, SocketAddr)> =
        of(Protocol::Tcp).filter_map(own).map(|(socket, to)| (socket.into(), to)).collect();
    loop {
        let full = crew.is_full();
        let mut all = vec![PollFd::new(alive.as_fd(), PollFlags::POLLIN)];
        all.extend(windows.iter().map(|window| PollFd::new(window.as_fd(), PollFlags::POLLIN)));
        all.extend(doors.iter().filter(|_| !full).map(|(door, _)| PollFd::new(door.as_fd(), PollFlags::POLLIN)));
        let soon = if full { PollTimeout::from(20_u8) } else { PollTimeout::NONE };
        if poll(&mut all, soon).is_err() {
            continue;
        }
        let ready: Vec<bool> = all.iter().map(|one| one.any() == Some(true)).collect();
        if ready[0] {
            return;
        }
        let (at_windows, at_doors) = ready[1..].split_at(windows.len());
        windows.iter_mut().zip(at_windows).filter(|(_, ready)| **ready).for_each(|(window, _)| window.pass_in(&crew));
        for ((door, to), _) in doors.iter().zip(at_doors).filter(|(_, ready)| **ready) {
            match door.accept() {
                // A client whose container does not answer is told so by the end of its connection.
                Ok((client, _)) => {
                    _ = crew.begin({
                        let to = *to;
                        move || drop(lead(&client, to))
                    });
                }
                // Without descriptors left: the client waits in the queue.
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

/// Both ways, until both have said that nothing more comes.
fn lead(client: &TcpStream, to: SocketAddr) -> io::Result<()> {
    let container = TcpStream::connect_timeout(&to, PATIENCE)?;
    std::thread::scope(|scope| {
        scope.spawn(|| pour(client, &container));
        pour(&container, client);
    });
    Ok(())
}

fn pour(mut from: &TcpStream, mut into: &TcpStream) {
    let end = match io::copy(&mut from, &mut into) {
        Ok(_) => Shutdown::Write,
        Err(_) => Shutdown::Both,
    };
    let _ = into.shutdown(end);
    if end == Shutdown::Both {
        let _ = from.shutdown(end);
    }
}
