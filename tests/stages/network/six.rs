//! `network create --ipv6`: the same promises as for IPv4, with a server outside that knows no way back.

use super::lab::{Lab, UPLINK, at};
use crate::support::{HostState, Learner, has_program, is_root, require};
use explore::kernel::netns;
use std::io::{self, ErrorKind};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

const ROOT: &str = "needs root, nft(8), and a kernel that forwards IPv6 by link (6.17)";

/// Documentation addresses (RFC 3849).
const HOST: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9);
const BOX: Ipv6Addr = Ipv6Addr::new(0xfd00, 9, 0, 0, 0, 0, 0, 2);
const GATEWAY: Ipv6Addr = Ipv6Addr::new(0xfd00, 9, 0, 0, 0, 0, 0, 1);

fn can() -> bool {
    is_root() && has_program("nft") && Path::new("/proc/sys/net/ipv6/conf/all/force_forwarding").exists()
}

fn explore(learner: &Learner, line: &str) -> String {
    learner.explore(line.split_whitespace()).run().status(0).out
}

/// The machine's uplink and the server have IPv6, and the server knows no network of ours.
fn lab() -> Lab {
    let lab = Lab::new();
    let host = format!(
        "echo 0 >/proc/sys/net/ipv6/conf/{UPLINK}/disable_ipv6; echo 0 >/proc/sys/net/ipv6/conf/{UPLINK}/accept_ra
         ip -6 address add {HOST}/64 dev {UPLINK} nodad; ip -6 route add default via {SERVER}"
    );
    lab.learner.program("sh", ["-ec", &host]).run().status(0);
    shell(&lab.server, &format!("ip -6 address add {SERVER}/64 dev eth0 nodad"));
    // Neighbours are asked from this address, and it is not there before nobody else has claimed it.
    for (namespace, link) in [(lab.host(), UPLINK), (&lab.server, "eth0")] {
        let settled = format!(
            "for i in $(seq 100); do ip -6 -o address show dev {link} | grep -q tentative || exit 0; sleep 0.1; done; exit 1"
        );
        shell(namespace, &settled);
    }
    explore(&lab.learner, "pull -q demo");
    explore(&lab.learner, "network create --ipv6 --subnet 10.82.0.0/24 --subnet fd00:9::/64 six");
    lab
}

fn shell(namespace: &OwnedFd, script: &str) {
    let done = at(namespace, || std::process::Command::new("sh").args(["-ec", script]).status().unwrap());
    assert!(done.success(), "{script}");
}

/// A container that is connected, and its network namespace.
fn up(lab: &Lab, flags: &str) -> (String, OwnedFd) {
    let id = explore(&lab.learner, &format!("create --network six {flags} demo true")).trim_end().to_owned();
    explore(&lab.learner, &format!("network up {id}"));
    let pin = lab.learner.state().join("run/netns").join(&id);
    let namespace = lab.learner.at_machine(|| netns::open(&pin).unwrap());
    (id, namespace)
}

/// Whose address a server in one namespace sees that is asked from another by the address `door`.
fn seen(
    server: &OwnedFd,
    address: (Ipv6Addr, u16),
    client: &OwnedFd,
    door: (Ipv6Addr, u16),
) -> Result<Ipv6Addr, ErrorKind> {
    let visit = || -> io::Result<Ipv6Addr> {
        let listener = at(server, || TcpListener::bind(address))?;
        let _open = at(client, || TcpStream::connect_timeout(&door.into(), Duration::from_millis(1500)))?;
        match listener.accept()?.1 {
            SocketAddr::V6(from) => Ok(*from.ip()),
            SocketAddr::V4(from) => panic!("{from}"),
        }
    };
    visit().map_err(|error| error.kind())
}

#[test]
fn a_network_with_ipv6_gives_an_address_a_route_and_a_way_out() {
    require!("stages::network::six", can(), ROOT);
    let lab = lab();
    let (id, container) = up(&lab, "");
    let six = "{{.GlobalIPv6Address}}/{{.GlobalIPv6PrefixLen}} {{.IPv6Gateway}}";
    let format = format!("{{{{range .NetworkSettings.Networks}}}}{six}{{{{end}}}}");
    let told = lab.learner.explore(["inspect", "-f", &format, &id]).run().status(0);
    assert_eq!(told.out, format!("{BOX}/64 {GATEWAY}\n"));
    let shown = lab.learner.explore(["network", "inspect", "six"]).run().status(0).json();
    assert_eq!(shown[0]["EnableIPv6"], true);
    assert_eq!(shown[0]["IPAM"]["Config"][1]["Subnet"], "fd00:9::/64");
    assert_eq!(shown[0]["Containers"][&id]["IPv6Address"], format!("{BOX}/64"));
    let hosts = lab.learner.state().join("data/containers").join(&id).join("hosts");
    let hosts = std::fs::read_to_string(hosts).unwrap();
    assert!(hosts.ends_with(&format!("{BOX}\t{}\n", &id[..12])), "{hosts}");

    assert_eq!(seen(&lab.server, (SERVER, 7001), &container, (SERVER, 7001)), Ok(HOST), "nobody knows the container");
    let table = format!("explore_{}", lab.learner.tag());
    let tables = lab.learner.program("nft", ["list", "tables"]).run().status(0).out;
    let ours = tables.lines().find(|line| line.starts_with("table ip6") && line.contains(&table)).unwrap();
    let name = ours.rsplit(' ').next().unwrap().to_owned();
    lab.learner.program("nft", ["flush", "chain", "ip6", &name, "postrouting"]).run().status(0);
    let without = seen(&lab.server, (SERVER, 7002), &container, (SERVER, 7002));
    assert_eq!(without, Err(ErrorKind::TimedOut), "without masquerading no answer finds back");
}

#[test]
fn a_published_port_is_reached_by_ipv6_and_no_other_port_is() {
    require!("stages::network::six_published", can(), ROOT);
    let lab = lab();
    lab.host_has_its_loopback();
    let (id, container) = up(&lab, "-p 8080:80");
    assert_eq!(explore(&lab.learner, &format!("port {id}")), "80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n");
    let visit = |client: &OwnedFd, at| seen(&container, (BOX, 80), client, (at, 8080));
    assert_eq!(visit(&lab.server, HOST), Ok(SERVER), "from outside: nobody's address is changed");
    assert_eq!(visit(lab.host(), HOST), Ok(HOST));
    let (_, neighbour) = up(&lab, "");
    assert_eq!(visit(&neighbour, HOST), Ok(GATEWAY), "a neighbour");
    assert_eq!(visit(&neighbour, GATEWAY), Ok(GATEWAY), "a neighbour, by its gateway's address");

    // Somebody outside may take this machine for the way to the container.
    shell(&lab.server, &format!("ip -6 route add fd00:9::/64 via {HOST}"));
    let enter = || seen(&container, (BOX, 81), &lab.server, (BOX, 81));
    assert_eq!(enter(), Err(ErrorKind::TimedOut), "what was not published is reached from outside");
    let tables = lab.learner.program("nft", ["list", "tables"]).run().status(0).out;
    for line in tables.lines().filter(|line| line.starts_with("table ip6") && !line.contains("_ports_")) {
        lab.learner
            .program("nft", ["flush", "chain", "ip6", line.rsplit(' ').next().unwrap(), "forward"])
            .run()
            .status(0);
    }
    assert_eq!(enter(), Ok(SERVER), "only our rules stood in between: the test would not see them fail");
}

#[test]
fn forwarding_of_ipv6_is_switched_on_by_link_and_put_back() {
    require!("stages::network::six_forwarding", can(), ROOT);
    let lab = lab();
    explore(&lab.learner, "network rm six");
    let settings = || {
        let script = "grep . /proc/sys/net/ipv6/conf/*/force_forwarding /proc/sys/net/ipv6/conf/*/forwarding | sort";
        lab.learner.program("sh", ["-c", script]).run().status(0).out
    };
    let (before, state) = (settings(), HostState::of(&lab.learner));
    explore(&lab.learner, "network create --ipv6 six");
    let format = "{{(index .IPAM.Config 1).Subnet}}";
    let drawn = lab.learner.explore(["network", "inspect", "-f", format, "six"]).run().status(0).out;
    assert!(drawn.starts_with("fd") && drawn.ends_with("::/64\n"), "{drawn}");
    let (id, _) = up(&lab, "");
    let changed: Vec<String> = settings().lines().filter(|line| !before.contains(line)).map(str::to_owned).collect();
    let uplink = format!("/proc/sys/net/ipv6/conf/{UPLINK}/force_forwarding:1");
    assert!(changed.contains(&uplink), "{changed:?}");
    let others =
        changed.iter().filter(|line| **line != uplink).all(|line| line.contains("/ex-") || line.contains("/veth"));
    assert!(others, "only our own links and the way out: {changed:?}");
    explore(&lab.learner, &format!("rm -f {id}"));
    explore(&lab.learner, "network rm six");
    assert_eq!(settings(), before);
    state.assert_unchanged();
}

#[test]
fn names_have_addresses_of_ipv6_and_what_cannot_be_is_refused() {
    require!("stages::network::six_names", can(), ROOT);
    let lab = lab();
    let learner = &lab.learner;
    explore(learner, "run -d --name one --network six --ip6 fd00:9::77 demo sleep 1000");
    explore(learner, "run -d --name two --network six demo sleep 1000");
    assert!(explore(learner, "exec two getent ahostsv6 one").starts_with("fd00:9::77 "));
    // Of an address: whose it is, as of one of IPv4.
    assert_eq!(explore(learner, "exec two getent hosts fd00:9::77").split_whitespace().nth(1), Some("one.six"));
    assert!(explore(learner, "exec two ip -6 route").contains("default via fd00:9::1 dev eth0"));
    explore(learner, "rm -f one two");
    for (line, code, says) in [
        (
            "run --rm --network six --ip6 fd00:8::2 demo true",
            125,
            "no configured subnet or ip-range contain the IP address",
        ),
        ("run --rm --network six --ip6 fd00:9::1 demo true", 125, "Address already in use: fd00:9::1"),
        ("run --rm --ip6 fd00:9::2 demo true", 125, "supported on user defined networks only"),
        ("run --rm -p [::1]:80:80 demo true", 125, "needs a container with IPv6"),
        ("network create --subnet fd00:7::/64 other", 1, "addresses of IPv6 are for a network with --ipv6"),
        ("network create --ipv6 --subnet fd00:9::/80 other", 1, "Pool overlaps with other one"),
        ("network create --ipv6 --subnet fe80::/64 other", 1, "these addresses cannot be given to containers"),
        ("network create --ipv6 --subnet fd00:7::/64 --gateway fd00:6::1 other", 1, "no matching subnet for gateway"),
    ] {
        learner.explore(line.split_whitespace()).run().fails(code, says);
    }
}
