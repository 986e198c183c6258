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
//! takes our bridge for its client. UDP has no connections: `datagrams`.
//!
//! `-P` asks the image for its ports, so the image has to be known before that step: one that is not here is downloaded out
//! here, its doors are opened, and only then is it unpacked in there.

mod datagrams;

use super::beside::{Beside, Crew, Task};
use super::connect::{networks_of, way_out};
use super::lease::{Lease, Published};
use super::publish::{Publish, local_range};
use super::{Mode, NetworkError, Wish, leases_of};
use crate::kernel::nft::Protocol;
use crate::kernel::{self, port, process};
use crate::state::{Claim, Roots};
use datagrams::Window;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::{Deserialize, Serialize};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
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

/// What the container that is to have the ports has of them already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// None.
    Nothing,
    /// It answers there still, for it is about to be stopped and to be started again: the new door opens beside the old.
    Answering(Vec<Published>),
    /// `network up` has published them behind: it is these out here too, or an error.
    Behind(Vec<Published>),
}

impl Before {
    /// Of a container as the record of addresses has it now.
    ///
    /// # Errors
    /// [`NetworkError::Record`].
    pub fn of(roots: &Roots, container_id: &str) -> Result<Self, NetworkError> {
        let leases = leases_of(roots, container_id)?;
        let kept = leases.iter().all(|lease| lease.holder.is_none());
        let published: Vec<Published> = leases.into_iter().flat_map(|lease| lease.published).collect();
        Ok(match published {
            none if none.is_empty() => Self::Nothing,
            published if kept => Self::Behind(published),
            published => Self::Answering(published),
        })
    }

    /// The ports of this machine that will do, and whether the container has such a one. Each is taken once.
    fn candidates(&mut self, wish: Publish) -> ((u16, u16), Option<u16>) {
        let is_it = |one: &Published| {
            (one.to, one.protocol, one.at) == (wish.to.number, wish.to.protocol, wish.at)
                && wish.from.is_none_or(|(first, last)| (first..=last).contains(&one.port))
        };
        let range = wish.from.unwrap_or_else(local_range);
        match self {
            Self::Nothing => (range, None),
            Self::Answering(all) => (range, all.extract_if(.., |one| is_it(one)).next().map(|one| one.port)),
            Self::Behind(all) => match all.extract_if(.., |one| is_it(one)).next() {
                Some(one) => ((one.port, one.port), None),
                None => (range, None),
            },
        }
    }
}

impl Door {
    /// Opens the doors of a container for these of its ports, before stepping into the keeper's namespaces. Root needs
    /// none.
    ///
    /// # Errors
    /// [`NetworkError::PortInUse`].
    pub fn open(
        roots: &Roots,
        (mode, wish): (&Mode, &Wish),
        wanted: &[Publish],
        mut before: Before,
    ) -> Result<Vec<Self>, NetworkError> {
        if nix::unistd::geteuid().is_root() || mode.network().is_none() {
            return Ok(Vec::new());
        }
        // Whoever connects it says what is wrong with its networks.
        let networks = networks_of(roots, mode, wish).unwrap_or_default();
        let six = way_out(&networks).is_some_and(|network| network.six.is_some());
        let mut doors = Vec::new();
        for one in wanted {
            doors.extend(Self::open_one(*one, six, &mut before)?);
        }
        Ok(doors)
    }

    /// The first port of those that will do; what was wrong with the first of them, where none does. At all addresses
    /// means those of IPv6 too, where the container has one (`publish::take`): a door each, at the same port.
    fn open_one(wish: Publish, six: bool, before: &mut Before) -> Result<Vec<Self>, NetworkError> {
        let ((first, last), ours) = before.candidates(wish);
        let all = six && wish.at == IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let mut failure = None;
        for port in first..=last {
            let four = Self::at(wish, port, ours);
            let both = four.and_then(|four| {
                let six = Publish { at: Ipv6Addr::UNSPECIFIED.into(), from: Some((port, port)), ..wish };
                let six = all.then(|| Self::at(six, port, before.candidates(six).1)).transpose()?;
                Ok([four].into_iter().chain(six).collect())
            });
            match both {
                Ok(doors) => return Ok(doors),
                Err(error) => failure.get_or_insert(error),
            };
        }
        let nothing = || {
            let source = kernel::Error::quiet("bind", &format_args!("no port"), Errno::EADDRINUSE);
            NetworkError::PortInUse { ip: wish.at, port: first, protocol: wish.to.protocol, source }
        };
        Err(failure.unwrap_or_else(nothing))
    }

    fn at(wish: Publish, port: u16, ours: Option<u16>) -> Result<Self, NetworkError> {
        let listen = if ours == Some(port) { port::listen_beside } else { port::listen };
        let (ip, protocol) = (wish.at, wish.to.protocol);
        let socket =
            listen(ip, port, protocol).map_err(|source| NetworkError::PortInUse { ip, port, protocol, source })?;
        Ok(Self { wish, port, socket })
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
pub fn behind(doors: &[Door], wish: &Wish) -> Vec<Publish> {
    let mut doors: Vec<&Door> = doors.iter().collect();
    let fixed = |wish: Publish| {
        let door = doors.extract_if(.., |door| door.wish == wish).next();
        door.map_or(wish, |door| Publish { from: Some((door.port, door.port)), ..wish })
    };
    wish.ports().into_iter().map(fixed).collect()
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
        let house = House { roots, lease: lease.clone() };
        Beside::start(roots, claim, task, |alive| serve(doors, house, alive)).map(|beside| Some(Self(beside)))
    }

    /// Ends it, and waits for that.
    pub fn stop(self) {
        self.0.stop();
    }
}

/// Where all doors of a container lead.
struct House<'a> {
    roots: &'a Roots,
    lease: Lease,
}

impl House<'_> {
    /// `network connect` and `disconnect` may have given its ports to another of its addresses.
    fn look_again(&mut self) {
        let leases = leases_of(self.roots, &self.lease.container).unwrap_or_default();
        if let Some(lease) = leases.into_iter().find(|lease| !lease.published.is_empty()) {
            self.lease = lease;
        }
    }

    /// As root's packet filter has it: who comes by IPv6 goes on by IPv6.
    fn behind(&self, door: &Door) -> SocketAddr {
        let six = self.lease.six.as_ref().filter(|_| door.wish.at.is_ipv6()).map(|six| six.ip.into());
        SocketAddr::new(six.unwrap_or(self.lease.ip.into()), door.wish.to.number)
    }
}

/// Until the pipe ends; a thread for each connection, and for each client of UDP.
fn serve(doors: &[Door], mut house: House<'_>, alive: &OwnedFd) {
    let of = |protocol| doors.iter().filter(move |door| door.wish.to.protocol == protocol);
    let own = |door: &'_ Door| door.socket.try_clone().ok();
    let crew = Crew::of_at_most(AT_ONCE);
    let mut windows: Vec<(Window, &Door)> =
        of(Protocol::Udp).filter_map(|door| Some((Window::new(own(door)?.into(), house.behind(door)), door))).collect();
    let doors: Vec<(TcpListener, &Door)> =
        of(Protocol::Tcp).filter_map(|door| Some((own(door)?.into(), door))).collect();
    loop {
        let full = crew.is_full();
        let mut all = vec![PollFd::new(alive.as_fd(), PollFlags::POLLIN)];
        all.extend(windows.iter().map(|(window, _)| PollFd::new(window.as_fd(), PollFlags::POLLIN)));
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
        house.look_again();
        for ((window, door), _) in windows.iter_mut().zip(at_windows).filter(|(_, ready)| **ready) {
            window.lead_to(house.behind(door));
            window.pass_in(&crew);
        }
        for ((listening, door), _) in doors.iter().zip(at_doors).filter(|(_, ready)| **ready) {
            match listening.accept() {
                // A client whose container does not answer is told so by the end of its connection.
                Ok((client, _)) => {
                    _ = crew.begin({
                        let to = house.behind(door);
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
