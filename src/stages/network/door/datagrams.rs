//! A door for datagrams. Nobody says when a conversation begins or ends: who sends gets a socket of his own towards the
//! container, so that its answers find him, for as long as the two have something to say.

use super::super::beside::Crew;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

/// A client whom the container tells nothing for so long has left, as docker-proxy has it (`UDPConnTrackTimeout`).
const PATIENCE: Duration = Duration::from_secs(90);
/// The largest that a datagram can be.
const LARGEST: usize = 1 << 16;
/// Datagrams that are taken in one turn: others wait too.
const IN_ONE_TURN: usize = 64;

/// One port of this machine, and who has sent something there.
pub(super) struct Window {
    socket: Arc<UdpSocket>,
    to: SocketAddr,
    /// The second holder of each socket is the thread that waits for answers.
    clients: BTreeMap<SocketAddr, Arc<UdpSocket>>,
}

impl Window {
    pub(super) fn new(socket: UdpSocket, to: SocketAddr) -> Self {
        let _ = socket.set_nonblocking(true);
        Self { socket: Arc::new(socket), to, clients: BTreeMap::new() }
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// From now on to this address. Who has sent something before is led there, too.
    pub(super) fn lead_to(&mut self, to: SocketAddr) {
        if self.to != to {
            self.to = to;
            self.clients.clear();
        }
    }

    /// What has come goes on to the container. What cannot is lost, as datagrams are.
    pub(super) fn pass_in(&mut self, crew: &Crew) {
        let mut room = vec![0; LARGEST];
        for _ in 0..IN_ONE_TURN {
            match self.socket.recv_from(&mut room) {
                Ok((length, from)) => {
                    if let Some(towards) = self.towards(from, crew) {
                        let _ = towards.send(&room[..length]);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// The socket of this client; a new one for one who is new, or was silent for too long.
    fn towards(&mut self, client: SocketAddr, crew: &Crew) -> Option<Arc<UdpSocket>> {
        self.clients.retain(|_, socket| Arc::strong_count(socket) > 1);
        if let Some(known) = self.clients.get(&client) {
            return Some(known.clone());
        }
        // Of the network namespace of this process, where the bridge is.
        let any: IpAddr = if self.to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let towards = UdpSocket::bind((any, 0)).ok()?;
        towards.connect(self.to).ok()?;
        towards.set_read_timeout(Some(PATIENCE)).ok()?;
        let towards = Arc::new(towards);
        let (out, answers) = (self.socket.clone(), towards.clone());
        crew.begin(move || pass_out(&answers, &out, client)).then(|| {
            self.clients.insert(client, towards.clone());
            towards
        })
    }
}

/// What the container answers goes to the client, from the port that he has asked.
fn pass_out(answers: &UdpSocket, out: &UdpSocket, client: SocketAddr) {
    let mut room = vec![0; LARGEST];
    loop {
        match answers.recv(&mut room) {
            Ok(length) => _ = out.send_to(&room[..length], client),
            // Nobody listens in the container yet, and it has said so (ICMP): the client may try again.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::Interrupted) => {}
            Err(_) => return,
        }
    }
}
