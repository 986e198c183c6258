//! ```text
//!   containers ── bridge ─[ the learner's machine ]─ uplink 203.0.113.1 ──── 203.0.113.9 [ the server ]
//! ```

use crate::support::Learner;
use explore::kernel::netlink::{Change, Link, Socket, VethEnd, Which};
use explore::kernel::{netns, nft};
use explore::stages::create::{Container, Limits, Program, Status};
use explore::stages::network;
use nix::sched::{CloneFlags, setns};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

/// Documentation addresses (RFC 5737): no network of ours may be one.
pub(super) const HOST_OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);
pub(super) const UPLINK: &str = "up0";

/// What exists of a container before it has a network: its folder.
pub(super) const CONTAINERS: [&str; 2] = [
    "3f2a1b4c5d6e7f8091a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b1c2d3e4",
    "4f2a1b4c5d6e7f8091a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b1c2d3e4",
];

/// How long a connection that cannot come about is waited for.
const WAIT: Duration = Duration::from_millis(1500);
const WHY: &str = "for a test";

/// A machine with an uplink, and the server at its other end.
pub(super) struct Lab {
    pub(super) learner: Learner,
    host: OwnedFd,
    pub(super) server: OwnedFd,
}

impl Lab {
    pub(super) fn new() -> Self {
        let learner = Learner::new();
        make_containers(&learner);
        let host = learner.at_machine(|| netns::open(Path::new("/proc/1/ns/net")).unwrap());
        // IPv6 goes on configuring links for a second or two, and the host would never be as it was.
        learner.program("sh", ["-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6"]).run().status(0);
        let server = empty_namespace();
        at(&host, || {
            let end = |name, mac| VethEnd { name, mac, netns: None, master: None };
            let there = VethEnd { netns: Some(server.as_fd()), ..end("eth0", [2, 0, 0, 0, 0, 9]) };
            Socket::open().unwrap().create_veth(end(UPLINK, [2, 0, 0, 0, 0, 1]), there, WHY).unwrap();
        });
        at(&host, || address(UPLINK, HOST_OUTSIDE));
        at(&server, || address("eth0", SERVER));
        at(&host, || Socket::open().unwrap().set_default_route(SERVER, WHY).unwrap());
        Self { learner, host, server }
    }

    /// Connects a container and gives back its address.
    pub(super) fn up(&self, number: usize) -> Ipv4Addr {
        let told = self.learner.explore(["network", "up", CONTAINERS[number], "--json"]).run().status(0);
        told.json()["lease"]["ip"].as_str().unwrap().parse().unwrap()
    }

    /// As `explore create` with these flags: what it wants of the network, before it is up.
    pub(super) fn wish(&self, number: usize, flags: &[&str]) {
        let ports = flags.iter().filter(|flag| **flag != "-p").flat_map(|text| network::publish::parse(text).unwrap());
        let wish = network::Wish { publish: ports.collect(), ..network::Wish::default() };
        let record = serde_json::to_string(&wished(CONTAINERS[number], wish)).unwrap();
        let folder = self.learner.state().join("data/containers").join(CONTAINERS[number]);
        std::fs::write(folder.join("container.json"), record).unwrap();
    }

    /// Connects a container that was made with these flags.
    pub(super) fn up_with(&self, number: usize, flags: &[&str]) -> Ipv4Addr {
        self.wish(number, flags);
        self.up(number)
    }

    /// What is said where it cannot be connected.
    pub(super) fn refused(&self, number: usize) -> String {
        self.learner.explore(["network", "up", CONTAINERS[number]]).run().status(125).stdout("").err
    }

    /// The bridge's address.
    pub(super) fn gateway(&self, number: usize) -> Ipv4Addr {
        let told = self.learner.explore(["network", "show", CONTAINERS[number], "--json"]).run().status(0);
        told.json()["network"]["lease"]["gateway"].as_str().unwrap().parse().unwrap()
    }

    /// As on every machine but a test's: 127.0.0.1 works.
    pub(super) fn host_has_its_loopback(&self) {
        at(&self.host, || Socket::open().unwrap().loopback_up(WHY).unwrap());
    }

    pub(super) fn host(&self) -> &OwnedFd {
        &self.host
    }

    /// Its own loopback is down, so that the address is another machine's like any other.
    pub(super) fn server_routes_loopback_to_the_host(&self) {
        at(&self.server, || shell(&format!("ip route add 127.0.0.1/32 via {HOST_OUTSIDE}")));
    }

    /// As root of a container with CAP_NET_ADMIN could do it.
    pub(super) fn container_routes_loopback_to_the_host(&self, number: usize) {
        let gateway = self.gateway(number);
        at(&self.container(number), || {
            shell("ip address del 127.0.0.1/8 dev lo; echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet");
            shell(&format!("ip route add 127.0.0.1/32 via {gateway}"));
        });
    }

    pub(super) fn down(&self, number: usize) {
        self.learner.explore(["network", "down", CONTAINERS[number]]).run().status(0).stderr("");
    }

    /// The network namespace of a container.
    pub(super) fn container(&self, number: usize) -> OwnedFd {
        let pin = self.learner.state().join("run/netns").join(CONTAINERS[number]);
        self.learner.at_machine(|| netns::open(&pin).unwrap())
    }

    /// Whose address the server sees when a container connects.
    pub(super) fn server_sees(&self, number: usize) -> Result<Ipv4Addr, ErrorKind> {
        seen_by(&self.server, SERVER, &self.container(number)).map_err(|error| error.kind())
    }

    /// As a router of the neighbourhood would: the host is the way to that container.
    pub(super) fn server_learns_the_way_to(&self, _container: Ipv4Addr) {
        at(&self.server, || Socket::open().unwrap().set_default_route(HOST_OUTSIDE, WHY).unwrap());
    }

    pub(super) fn bridge(&self) -> Option<Link> {
        let name = format!("ex{}", self.learner.tag());
        at(&self.host, || Socket::open().unwrap().link_named(&name, WHY).unwrap())
    }

    pub(super) fn remove_our_table(&self) {
        let table = format!("explore_{}", self.learner.tag());
        at(&self.host, || nft::Socket::open().unwrap().remove(&table, WHY).unwrap());
    }

    /// Which links of the host forward.
    pub(super) fn forwarding(&self) -> Vec<String> {
        let told = self.learner.program("sh", ["-c", "grep . /proc/sys/net/ipv4/conf/*/forwarding"]).run().status(0);
        told.out.lines().map(str::to_owned).collect()
    }

    /// Runs `work` in the host's network namespace.
    pub(super) fn on_the_host<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        at(&self.host, work)
    }
}

/// Whose address a server in one namespace sees when a client in another connects to it.
pub(super) fn seen_by(server: &OwnedFd, address: Ipv4Addr, client: &OwnedFd) -> io::Result<Ipv4Addr> {
    let listener = at(server, || TcpListener::bind((address, 0)))?;
    let door = SocketAddr::from((address, listener.local_addr()?.port()));
    let _open = at(client, || TcpStream::connect_timeout(&door, WAIT))?;
    match listener.accept()?.1.ip() {
        IpAddr::V4(ip) => Ok(ip),
        IpAddr::V6(ip) => panic!("{ip}"),
    }
}

/// As [`seen_by`], for a server at one address and a client that knows it by another.
pub(super) fn seen_by_door(
    server: &OwnedFd,
    address: (Ipv4Addr, u16),
    client: &OwnedFd,
    door: (Ipv4Addr, u16),
) -> io::Result<Ipv4Addr> {
    let listener = at(server, || TcpListener::bind(address))?;
    let _open = at(client, || TcpStream::connect_timeout(&door.into(), WAIT))?;
    match listener.accept()?.1.ip() {
        IpAddr::V4(ip) => Ok(ip),
        IpAddr::V6(ip) => panic!("{ip}"),
    }
}

/// What a client hears that sends a datagram to a server which sends everything back.
pub(super) fn echoed(
    server: &OwnedFd,
    address: (Ipv4Addr, u16),
    client: &OwnedFd,
    door: (Ipv4Addr, u16),
) -> io::Result<String> {
    let socket = at(server, || UdpSocket::bind(address))?;
    let client = at(client, || UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)))?;
    for socket in [&socket, &client] {
        socket.set_read_timeout(Some(WAIT))?;
    }
    client.connect(door)?;
    client.send(b"?")?;
    let mut room = [0; 16];
    let (length, from) = socket.recv_from(&mut room)?;
    socket.send_to(&room[..length], from)?;
    let length = client.recv(&mut room)?;
    Ok(String::from_utf8_lossy(&room[..length]).into_owned())
}

/// In the network namespace of this thread.
fn shell(script: &str) {
    let done = std::process::Command::new("sh").args(["-ec", script]).status().unwrap();
    assert!(done.success(), "{script}");
}

pub(super) fn make_containers(learner: &Learner) {
    for id in CONTAINERS {
        make_container(&learner.state(), id);
    }
}

/// What `explore create` leaves, as far as this stage looks at it.
pub(super) fn make_container(root: &Path, id: &str) {
    let folder = root.join("data/containers").join(id);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("container.json"), record(id)).unwrap();
}

/// Its record.
pub(super) fn record(id: &str) -> String {
    serde_json::to_string(&wished(id, network::Wish::default())).unwrap()
}

fn wished(id: &str, wish: network::Wish) -> Container {
    Container {
        schema: 1,
        labels: std::collections::BTreeMap::default(),
        spaces: explore::stages::create::Spaces::default(),
        id: id.into(),
        name: format!("box-{}", &id[..4]),
        image: "none".into(),
        image_id: "sha256:0".into(),
        command: vec!["true".into()],
        program: Program::default(),
        hostname: id[..12].into(),
        terminal: false,
        interactive: false,
        remove: false,
        network: network::Mode::Bridge,
        wish,
        mounts: Vec::new(),
        limits: Limits::default(),
        asked: explore::stages::create::Asked::default(),
        created: 1,
        created_nanos: 1,
        status: Status::Created,
        layer_mounted: false,
    }
}

/// Runs `work` in a network namespace: a thread of its own joins it, so that a socket it opens belongs there.
pub(super) fn at<T: Send>(namespace: &OwnedFd, work: impl FnOnce() -> T + Send) -> T {
    let inside = || {
        setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
        work()
    };
    std::thread::scope(|scope| match scope.spawn(inside).join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

fn empty_namespace() -> OwnedFd {
    let made = || {
        nix::sched::unshare(CloneFlags::CLONE_NEWNET).unwrap();
        netns::open(Path::new("/proc/thread-self/ns/net")).unwrap()
    };
    std::thread::spawn(made).join().unwrap()
}

fn address(link: &str, ip: Ipv4Addr) {
    let mut socket = Socket::open().unwrap();
    let index = socket.link_named(link, WHY).unwrap().unwrap().index;
    socket.set_link(Which::Index(index), Change { up: true, ..Change::default() }, WHY).unwrap();
    socket.add_address(index, ip, 24, WHY).unwrap();
}
