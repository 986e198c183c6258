//! Published ports: who reaches a container by them, and who does not.

use super::lab::{self, Lab, SERVER, seen_by_door};
use crate::support::{HostState, has_program, is_root, require};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

const ROOT: &str = "needs root for a machine of its own";

#[test]
fn a_published_port_is_reached_from_everywhere_and_the_container_sees_who_comes() {
    require!("stages::network::published", is_root(), ROOT);
    let lab = Lab::new();
    lab.host_has_its_loopback();
    let ip = lab.up_with(0, &["-p", "8080:80"]);
    let gateway = lab.gateway(0);
    let visit = |client: &_, at: Ipv4Addr| {
        seen_by_door(&lab.container(0), (ip, 80), client, (at, 8080)).unwrap_or_else(|error| panic!("by {at}: {error}"))
    };
    assert_eq!(visit(&lab.server, lab::HOST_OUTSIDE), SERVER, "from outside: nobody's address is changed");
    assert_eq!(visit(lab.host(), lab::HOST_OUTSIDE), lab::HOST_OUTSIDE);
    assert_eq!(visit(lab.host(), Ipv4Addr::LOCALHOST), gateway, "127.0.0.1 could not be answered from inside");
    assert_eq!(visit(&lab.container(0), lab::HOST_OUTSIDE), gateway, "a container that visits itself");
    lab.up(1);
    assert_eq!(visit(&lab.container(1), lab::HOST_OUTSIDE), gateway, "a neighbour");
    assert_eq!(visit(&lab.container(1), gateway), gateway, "a neighbour, by its gateway's address");
}

#[test]
fn a_port_at_the_loopback_is_for_this_machine_only() {
    require!("stages::network::published_at_loopback", is_root(), ROOT);
    let lab = Lab::new();
    lab.host_has_its_loopback();
    let ip = lab.up_with(0, &["-p", "127.0.0.1:8080:80"]);
    let visit = |client: &_, at: Ipv4Addr| {
        seen_by_door(&lab.container(0), (ip, 80), client, (at, 8080)).map_err(|error| error.kind())
    };
    assert!(visit(lab.host(), Ipv4Addr::LOCALHOST).is_ok());
    assert_eq!(visit(&lab.server, lab::HOST_OUTSIDE).unwrap_err(), ErrorKind::ConnectionRefused);
    // A neighbour on the wire may send what it likes, such as a packet for 127.0.0.1.
    lab.server_routes_loopback_to_the_host();
    assert_eq!(visit(&lab.server, Ipv4Addr::LOCALHOST).unwrap_err(), ErrorKind::TimedOut);
}

#[test]
fn no_container_reaches_the_loopback_of_the_machine_and_without_our_guard_it_would() {
    require!("stages::network::guard", is_root() && has_program("nft"), "needs root and nft(8)");
    let lab = Lab::new();
    lab.host_has_its_loopback();
    lab.up_with(0, &["-p", "8080:80"]);
    lab.container_routes_loopback_to_the_host(0);
    let door = (Ipv4Addr::LOCALHOST, 5555);
    let reach = || seen_by_door(lab.host(), door, &lab.container(0), door).map_err(|error| error.kind());
    assert_eq!(reach().unwrap_err(), ErrorKind::TimedOut, "a container is inside this machine's loopback");

    let table = format!("explore_{}", lab.learner.tag());
    lab.learner.program("nft", ["flush", "chain", "ip", &table, "guard"]).run().status(0);
    assert!(reach().is_ok(), "only our guard stood in between: the test would not see it fail");
}

#[test]
fn what_is_not_published_is_not_reached() {
    require!("stages::network::unpublished", is_root(), ROOT);
    let lab = Lab::new();
    let ip = lab.up_with(0, &["-p", "8080:80"]);
    lab.server_learns_the_way_to(ip);
    for port in [80, 81] {
        let seen = seen_by_door(&lab.container(0), (ip, port), &lab.server, (ip, port));
        assert_eq!(seen.unwrap_err().kind(), ErrorKind::TimedOut, "port {port} by the container's own address");
    }
}

#[test]
fn a_datagram_finds_its_way_and_its_answer_too() {
    require!("stages::network::published_udp", is_root(), ROOT);
    let lab = Lab::new();
    lab.host_has_its_loopback();
    let ip = lab.up_with(0, &["-p", "5353:53/udp"]);
    for (client, at) in [(&lab.server, lab::HOST_OUTSIDE), (lab.host(), Ipv4Addr::LOCALHOST)] {
        assert_eq!(lab::echoed(&lab.container(0), (ip, 53), client, (at, 5353)).unwrap(), "?", "by {at}");
    }
}

#[test]
fn a_port_that_another_has_is_refused_in_dockers_words_before_anything_is_made() {
    require!("stages::network::port_taken", is_root(), ROOT);
    let lab = Lab::new();
    let busy = lab::at(lab.host(), || TcpListener::bind(("0.0.0.0", 7070)).unwrap());
    lab.wish(0, &["-p", "7070:80"]);
    let before = HostState::of(&lab.learner);
    let refused = lab.refused(0);
    assert!(
        refused.starts_with("explore: failed to bind host port 0.0.0.0:7070/tcp: address already in use"),
        "{refused}"
    );
    before.assert_unchanged();
    drop((before, busy));

    lab.up_with(0, &["-p", "8080:80"]);
    lab.wish(1, &["-p", "127.0.0.1:8080:80"]);
    let before = HostState::of(&lab.learner);
    let refused = lab.refused(1);
    assert!(refused.starts_with("explore: Bind for 127.0.0.1:8080 failed: port is already allocated"), "{refused}");
    before.assert_unchanged();
    // The same port of the other protocol is another port.
    lab.up_with(1, &["-p", "8080:80/udp"]);
}

#[test]
fn a_port_of_a_container_that_runs_is_held_against_others() {
    require!("stages::network::port_held", is_root(), ROOT);
    let lab = Lab::new();
    let run = ["run", "-d", "--name", "box", "-p", "8080:80", "-p", "8081:81/udp", "demo", "sleep", "600"];
    lab.learner.explore(run).run().status(0);
    let door = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8080));
    let taken = lab::at(lab.host(), || TcpListener::bind(door)).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    lab.learner.explore(["port", "box"]).run().status(0).stdout("80/tcp -> 0.0.0.0:8080\n81/udp -> 0.0.0.0:8081\n");
    lab.learner.explore(["port", "box", "81/udp"]).run().status(0).stdout("0.0.0.0:8081\n");
    let none = lab.learner.explore(["port", "box", "82"]).run().status(1);
    assert!(none.err.contains("no public port '82' published for box"), "{}", none.err);
    lab.learner.explore(["ps"]).run().status(0).stdout_has("0.0.0.0:8080->80/tcp, 0.0.0.0:8081->81/udp");

    lab.learner.explore(["rm", "-f", "box"]).run().status(0);
    assert!(lab::at(lab.host(), || TcpListener::bind(door)).is_ok());
}

#[test]
fn whatever_a_killed_up_has_published_the_next_one_takes_back() {
    require!("stages::network::kill_published", is_root() && has_program("strace"), "needs root and strace(1)");
    let lab = Lab::new();
    lab.wish(0, &["-p", "8080:80"]);
    let before = HostState::of(&lab.learner);
    for number in 1.. {
        let inject = format!("inject=sendto:signal=SIGKILL:when={number}");
        let up = lab.learner.explore(["network", "up", lab::CONTAINERS[0]]);
        let told = up.wrapped_by(["strace", "-o", "/dev/null", "-e", "trace=sendto", "-e", &inject]).run();
        lab.learner.explore(["network", "up", lab::CONTAINERS[0]]).run();
        lab.down(0);
        if told.code == 0 {
            assert!(number > 15, "only {number} calls: the kills do not come where they should");
            break;
        }
    }
    before.assert_unchanged();
}
