//! The name server of a container on a named network, at 127.0.0.11, as in Docker. resolv.conf(5), RFC 1035.
//!
//! It is a process of its own, "explore: resolver", beside the container and in this machine's namespaces: only its two
//! sockets were opened in the container's network namespace (a socket belongs to where it was opened). Names of
//! containers it answers from the record of leases, which is read anew for each question; all else it asks this
//! machine's own servers, from here.
//!
//! The sockets have a port of their own, and the packet filter *of that namespace* sends what goes to port 53 there: a
//! program inside may have port 53 for itself. The rules end with the namespace, and the process with its supervisor,
//! which holds the other end of a pipe. Left out: caching, DNSSEC, anything but A, AAAA and PTR for containers.

use super::beside::{Beside, Crew, Task};
use super::lease::{Lease, Record, read};
use super::mark::comment_of_table;
use super::{NetworkError, Wish, etc_files};
use crate::kernel::nft::{self, Forwarded, PortTable, Protocol};
use crate::kernel::port;
use crate::state::{Claim, Roots};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use simple_dns::rdata::{A, AAAA, PTR, RData};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};
use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// Where a container finds it.
pub(super) const RESOLVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);
/// The port of DNS.
const DOMAIN: u16 = 53;
/// Largest message that fits any datagram of ours (EDNS allows 64 KiB, and nobody sends so much).
const LARGEST: usize = 4096;
/// How long another server is waited for, and how long we wait for one who has connected.
const PATIENCE: Duration = Duration::from_secs(4);
/// Questions that are being asked elsewhere at one time; more are answered SERVFAIL.
const AT_ONCE: usize = 64;
/// Seconds for which an answer holds, as moby says it.
const TTL: u32 = 600;

/// A name server that runs.
#[derive(Debug)]
pub struct Resolver(Beside);

impl Resolver {
    /// Starts the name server of a container that is on a named network. It must have its loopback.
    ///
    /// # Errors
    /// [`NetworkError::Resolver`].
    pub fn start(roots: &Roots, claim: &Claim, netns: BorrowedFd<'_>, wish: &Wish) -> Result<Self, NetworkError> {
        let why = "the container's name server listens there";
        let open = |protocol| port::listen_in(netns, RESOLVER.into(), protocol, why).map_err(NetworkError::Resolver);
        let (datagrams, connections) = (open(Protocol::Udp)?, open(Protocol::Tcp)?);
        redirect(netns, [(&datagrams, Protocol::Udp), (&connections, Protocol::Tcp)])?;
        let kept = [datagrams.as_raw_fd(), connections.as_raw_fd()];
        let server =
            Server { roots: roots.clone(), container: claim.owner.clone(), upstream: etc_files::upstream(wish) };
        let why = "a process that answers for names";
        let task = Task { name: c"explore: resolver", why, kept: &kept, failed: NetworkError::Resolver };
        Beside::start(roots, claim, task, move |alive| server.serve(datagrams, connections, alive)).map(Self)
    }

    /// Ends it, and waits for that.
    pub fn stop(self) {
        self.0.stop();
    }
}

fn redirect(netns: BorrowedFd<'_>, sockets: [(&OwnedFd, Protocol); 2]) -> Result<(), NetworkError> {
    let table = "explore_names";
    let mark = comment_of_table(table).unwrap_or_default();
    let ports = sockets.map(|(socket, protocol)| Forwarded {
        protocol,
        at: RESOLVER.into(),
        port: DOMAIN,
        to: (RESOLVER.into(), port::number_of(socket).unwrap_or(DOMAIN)),
    });
    nft::Socket::open_in(netns, "the packet filter of the container's network namespace")
        .and_then(|mut filter| {
            let wanted = PortTable { table, mark: &mark, ports: &ports };
            filter.publish(&wanted, "what goes to 127.0.0.11:53 inside goes to the name server")
        })
        .map_err(NetworkError::Resolver)
}

#[derive(Debug, Clone)]
struct Server {
    roots: Roots,
    container: String,
    upstream: Vec<IpAddr>,
}

impl Server {
    /// Until the pipe ends. A question of which we know the answer is answered at once; others get a thread each.
    fn serve(self, datagrams: OwnedFd, connections: OwnedFd, alive: &OwnedFd) {
        let (datagrams, connections) = (Arc::new(UdpSocket::from(datagrams)), TcpListener::from(connections));
        let (server, crew) = (Arc::new(self), Crew::of_at_most(AT_ONCE));
        loop {
            let mut all = [
                PollFd::new(datagrams.as_fd(), PollFlags::POLLIN),
                PollFd::new(connections.as_fd(), PollFlags::POLLIN),
                PollFd::new(alive.as_fd(), PollFlags::POLLIN),
            ];
            if poll(&mut all, PollTimeout::NONE).is_err() {
                continue;
            }
            let [asked, connected, ended] = all.map(|one| one.any() == Some(true));
            if ended {
                return;
            }
            if asked {
                server.hear(&datagrams, &crew);
            }
            if connected && let Ok((stream, _)) = connections.accept() {
                let server = Arc::clone(&server);
                crew.begin(move || drop(server.converse(stream)));
            }
        }
    }

    fn hear(self: &Arc<Self>, socket: &Arc<UdpSocket>, crew: &Crew) {
        let mut room = [0; LARGEST];
        let Ok((length, from)) = socket.recv_from(&mut room) else { return };
        let question = room[..length].to_vec();
        if let Some(answer) = self.known(&question) {
            let _ = socket.send_to(&answer, from);
            return;
        }
        let (server, refusal, out) = (Arc::clone(self), failure(&question), Arc::clone(socket));
        let begun = crew.begin(move || {
            let answer = server.ask_by_datagram(&question).or_else(|| failure(&question));
            if let Some(answer) = answer {
                let _ = out.send_to(&answer, from);
            }
        });
        if let (false, Some(refusal)) = (begun, refusal) {
            let _ = socket.send_to(&refusal, from);
        }
    }

    /// DNS over TCP: each message has its length before it (RFC 1035, 4.2.2).
    fn converse(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        loop {
            let question = read_message(&mut stream)?;
            let answer = self.known(&question).or_else(|| self.ask_by_connection(&question));
            let Some(answer) = answer.or_else(|| failure(&question)) else { return Ok(()) };
            write_message(&mut stream, &answer)?;
        }
    }

    /// The answer, where the question is about a container; nothing for others, and for what is no question.
    fn known(&self, question: &[u8]) -> Option<Vec<u8>> {
        let packet = Packet::parse(question).ok()?;
        let asked = packet.questions.first()?;
        let record = read(&self.roots).ok()?;
        let name = asked.qname.to_string().trim_end_matches('.').to_ascii_lowercase();
        let by_address = by_address(&record, &self.container, &name);
        let found = by_name(&record, &self.container, &name);
        let mut known: Vec<RData<'_>> = found
            .into_iter()
            .map(|ip| match ip {
                IpAddr::V4(ip) => RData::A(A { address: ip.into() }),
                IpAddr::V6(ip) => RData::AAAA(AAAA { address: ip.into() }),
            })
            .collect();
        if let Some(host) = &by_address {
            known.push(RData::PTR(PTR(Name::new(host).ok()?)));
        }
        if known.is_empty() {
            return None;
        }
        let wanted = |data: &RData<'_>| match asked.qtype {
            QTYPE::TYPE(TYPE::A) => matches!(data, RData::A(_)),
            QTYPE::TYPE(TYPE::AAAA) => matches!(data, RData::AAAA(_)),
            QTYPE::TYPE(TYPE::PTR) => matches!(data, RData::PTR(_)),
            QTYPE::ANY => true,
            // It has no mail server, …: an answer without entries, and no error. So where it has no IPv6.
            _ => false,
        };
        let mut reply = reply_to(&packet);
        for data in known.into_iter().filter(wanted) {
            reply.answers.push(ResourceRecord::new(asked.qname.clone(), CLASS::IN, TTL, data));
        }
        reply.build_bytes_vec_compressed().ok()
    }

    /// Only a container that gets out may ask who is out there.
    fn servers(&self) -> Vec<SocketAddr> {
        let record = read(&self.roots).unwrap_or_default();
        let leads_out = |network: &String| record.bridges.get(network).is_some_and(|bridge| !bridge.internal);
        let gets_out = record.of(&self.container).any(|lease| leads_out(&lease.network));
        let servers = self.upstream.iter().map(|ip| SocketAddr::new(*ip, DOMAIN));
        if gets_out { servers.collect() } else { Vec::new() }
    }

    /// Handed on as it is; a server that says nothing is passed over for the next.
    fn ask_by_datagram(&self, question: &[u8]) -> Option<Vec<u8>> {
        self.servers().into_iter().find_map(|server| {
            let any: SocketAddr =
                if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { "[::]:0".parse().ok()? };
            let socket = UdpSocket::bind(any).ok()?;
            socket.set_read_timeout(Some(PATIENCE)).ok()?;
            socket.connect(server).ok()?;
            socket.send(question).ok()?;
            let mut room = vec![0; LARGEST];
            let length = socket.recv(&mut room).ok()?;
            room.truncate(length);
            (room.get(..2) == question.get(..2)).then_some(room)
        })
    }

    fn ask_by_connection(&self, question: &[u8]) -> Option<Vec<u8>> {
        self.servers().into_iter().find_map(|server| {
            let mut stream = TcpStream::connect_timeout(&server, PATIENCE).ok()?;
            stream.set_read_timeout(Some(PATIENCE)).ok()?;
            write_message(&mut stream, question).ok()?;
            read_message(&mut stream).ok()
        })
    }
}

/// Addresses of the containers that share a network with this one and go by that name, with or without the network's.
fn by_name(record: &Record, container: &str, name: &str) -> BTreeSet<IpAddr> {
    let networks: Vec<&str> = record.of(container).map(|lease| lease.network.as_str()).collect();
    let shared = record.leases.iter().filter(|lease| networks.contains(&lease.network.as_str()));
    let is_meant = |one: &String, network: &str| {
        let one = one.to_ascii_lowercase();
        name == one || name.strip_suffix(&network.to_ascii_lowercase()) == Some(&format!("{one}."))
    };
    let found = shared.filter(|lease| lease.names.iter().any(|one| is_meant(one, &lease.network)));
    let addresses = |lease: &Lease| {
        let six = lease.six.as_ref().map(|six| IpAddr::V6(six.ip));
        [IpAddr::V4(lease.ip)].into_iter().chain(six)
    };
    found.flat_map(addresses).collect()
}

/// `2.0.30.172.in-addr.arpa` as `name.network`, as moby answers it.
fn by_address(record: &Record, container: &str, name: &str) -> Option<String> {
    let ip = address_in(name)?;
    let has = |lease: &Lease| match ip {
        IpAddr::V4(ip) => lease.ip == ip,
        IpAddr::V6(ip) => lease.six.as_ref().is_some_and(|six| six.ip == ip),
    };
    let networks: Vec<&str> = record.of(container).map(|lease| lease.network.as_str()).collect();
    let found = record.leases.iter().find(|one| has(one) && networks.contains(&one.network.as_str()))?;
    Some(format!("{}.{}", found.names.first()?, found.network))
}

/// The address that a name stands for, last part first: four bytes, or the thirty-two digits of IPv6 (RFC 3596, 2.5).
fn address_in(name: &str) -> Option<IpAddr> {
    if let Some(bytes) = name.strip_suffix(".in-addr.arpa") {
        let mut bytes: Vec<u8> = bytes.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
        bytes.reverse();
        return Some(IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?));
    }
    let digits: Vec<&str> = name.strip_suffix(".ip6.arpa")?.split('.').collect();
    let is_digit = |part: &&str| part.len() == 1 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    if digits.len() != 32 || !digits.iter().all(is_digit) {
        return None;
    }
    let number: String = digits.into_iter().rev().collect();
    u128::from_str_radix(&number, 16).ok().map(|number| IpAddr::V6(number.into()))
}

fn reply_to<'a>(question: &Packet<'a>) -> Packet<'a> {
    let mut reply = Packet::new_reply(question.id());
    reply.set_flags(PacketFlag::RECURSION_AVAILABLE);
    if question.has_flags(PacketFlag::RECURSION_DESIRED) {
        reply.set_flags(PacketFlag::RECURSION_DESIRED);
    }
    reply.questions.clone_from(&question.questions);
    reply
}

/// SERVFAIL; nothing for what is no question.
fn failure(question: &[u8]) -> Option<Vec<u8>> {
    let packet = Packet::parse(question).ok()?;
    let mut reply = reply_to(&packet);
    *reply.rcode_mut() = RCODE::ServerFailure;
    reply.build_bytes_vec_compressed().ok()
}

fn read_message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message)?;
    Ok(message)
}

fn write_message(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    stream.write_all(&[&length.to_be_bytes(), message].concat())
}

#[cfg(test)]
mod tests {
    use super::super::LeaseOfSix;
    use super::super::lease::tests::lease;
    use super::*;

    fn record() -> Record {
        let on = |container: &str, network: &str, ip: &str, names: &[&str]| Lease {
            container: container.into(),
            network: network.into(),
            names: names.iter().map(|&name| name.to_owned()).collect(),
            ..lease(ip)
        };
        let leases = vec![
            on("a", "back", "172.30.1.2", &["web", "front"]),
            on("b", "back", "172.30.1.3", &["DB", "store"]),
            on("c", "back", "172.30.1.4", &["db2", "store"]),
            on("d", "other", "172.30.2.2", &["far"]),
        ];
        Record { leases, ..Record::default() }
    }

    #[test]
    fn a_name_is_found_on_a_shared_network_only_and_in_any_case() {
        let found = |name: &str| by_name(&record(), "a", name).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(found("db"), ["172.30.1.3"]);
        assert_eq!(found("db.back"), ["172.30.1.3"]);
        assert_eq!(found("store"), ["172.30.1.3", "172.30.1.4"], "an alias may be shared");
        assert!(found("far").is_empty() && found("db.other").is_empty() && found("").is_empty());
    }

    #[test]
    fn an_address_has_a_name_only_for_its_neighbours() {
        assert_eq!(by_address(&record(), "a", "3.1.30.172.in-addr.arpa").unwrap(), "DB.back");
        assert_eq!(by_address(&record(), "a", "2.2.30.172.in-addr.arpa"), None);
        assert_eq!(by_address(&record(), "a", "3.1.30.in-addr.arpa"), None);
        let mut record = record();
        let six = LeaseOfSix { ip: "fd00:9::3".parse().unwrap(), prefix: 64, gateway: "fd00:9::1".parse().unwrap() };
        record.leases[1].six = Some(six);
        let of = |first: &str| by_address(&record, "a", &format!("{first}{}9.0.0.0.0.0.d.f.ip6.arpa", "0.".repeat(23)));
        assert_eq!(of("3.").unwrap(), "DB.back");
        assert_eq!([of("2."), of(""), of("3.0."), of("33."), of("+.")], [const { None }; 5]);
    }
}
