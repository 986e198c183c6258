//! The way in without root: a published port is a socket out here, and a process in there answers at it.

use super::{NEEDS, all_there, learner, learner_and_far, serve};
use crate::support::{HostState, Learner, eventually, require};
use nix::sched::{CloneFlags, setns};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// What a caller hears who stands in that network namespace; the machine's own where there is none.
fn call(learner: &Learner, from: Option<&OwnedFd>, door: impl Into<SocketAddr>) -> Option<String> {
    let door = door.into();
    learner.at_machine(|| {
        if let Some(place) = from {
            setns(place, CloneFlags::CLONE_NEWNET).unwrap();
        }
        let mut stream = TcpStream::connect_timeout(&door, Duration::from_secs(1)).ok()?;
        let mut told = String::new();
        stream.read_to_string(&mut told).ok()?;
        Some(told).filter(|told| told.starts_with("hello "))
    })
}

/// Listens in the network namespace of a container.
fn serve_inside(learner: &Learner, name: &str, at: impl ToSocketAddrs + Send) {
    let pid = learner.explore(["inspect", "-f", "{{.State.Pid}}", name]).run().status(0).out;
    serve(learner.at_machine(|| {
        let place = File::open(format!("/proc/{}/ns/net", pid.trim())).unwrap();
        setns(place, CloneFlags::CLONE_NEWNET).unwrap();
        TcpListener::bind(at).unwrap()
    }));
}

#[test]
fn a_published_port_is_there_for_this_machine_and_for_others() {
    require!("stages::way_out", all_there(), NEEDS);
    let (learner, far) = learner_and_far();
    let before = HostState::of(&learner);
    let (loopback, cable) = ([127, 0, 0, 1], [198, 51, 100, 2]);
    let flags = ["run", "-d", "--name", "box", "-p", "8080:80", "-p", "127.0.0.1:8081:80", "demo", "sleep", "1000"];
    let explore = |words: &[&str]| learner.explore(words).env("EXPLORE_WAY_OUT", "none").run();
    explore(&flags).status(0).stderr("");
    for _ in 0..2 {
        serve_inside(&learner, "box", (Ipv4Addr::UNSPECIFIED, 80));
        for port in [8080, 8081] {
            assert!(call(&learner, None, (loopback, port)).is_some(), "{port}");
        }
        assert!(call(&learner, Some(&far), (cable, 8080)).is_some());
        // What was published for this machine alone is for this machine alone.
        assert_eq!(call(&learner, Some(&far), (cable, 8081)), None);
        explore(&["port", "box"]).status(0).stdout("80/tcp -> 0.0.0.0:8080\n80/tcp -> 127.0.0.1:8081\n");
        explore(&["restart", "-t", "0", "box"]).status(0).stderr("");
    }
    explore(&["rm", "-f", "box"]).status(0);
    eventually("all processes have ended", || learner.processes().is_empty());
    assert_eq!(call(&learner, None, (loopback, 8080)), None);
    before.assert_unchanged();
}

/// The port leads to another of its addresses then.
#[test]
fn a_published_port_stays_when_networks_come_and_go() {
    require!("stages::way_out", all_there(), NEEDS);
    let learner = learner();
    let explore = |line: &str| learner.explore(line.split(' ')).env("EXPLORE_WAY_OUT", "none").run();
    explore("network create back").status(0);
    explore("run -d --name box -p 8080:80 -p 8080:80/udp demo sleep 1000").status(0).stderr("");
    serve_inside(&learner, "box", (Ipv4Addr::UNSPECIFIED, 80));
    echo_inside(&learner, "box", (Ipv4Addr::UNSPECIFIED, 80));
    let door = (Ipv4Addr::LOCALHOST, 8080);
    let client = learner.at_machine(|| {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.connect(door).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        socket
    });
    for line in ["network ls", "network connect back box", "network disconnect bridge box"] {
        explore(line).status(0).stderr("");
        assert!(call(&learner, None, door).is_some(), "{line}");
        eventually("it has its answer", || client.send(b"x").is_ok() && client.recv(&mut [0; 9]).is_ok());
    }
}

/// Answers datagrams in the network namespace of a container, with what came and who it seems to be from.
fn echo_inside(learner: &Learner, name: &str, at: impl ToSocketAddrs + Send) {
    let pid = learner.explore(["inspect", "-f", "{{.State.Pid}}", name]).run().status(0).out;
    let socket = learner.at_machine(|| {
        let place = File::open(format!("/proc/{}/ns/net", pid.trim())).unwrap();
        setns(place, CloneFlags::CLONE_NEWNET).unwrap();
        UdpSocket::bind(at).unwrap()
    });
    std::thread::spawn(move || {
        let mut room = [0; 2000];
        while let Ok((length, from)) = socket.recv_from(&mut room) {
            let _ = socket.send_to(&room[..length], from);
        }
    });
}

#[test]
fn a_published_port_of_udp_is_there_for_this_machine_and_each_client_gets_his_own_answers() {
    require!("stages::way_out", all_there(), NEEDS);
    let (learner, far) = learner_and_far();
    let before = HostState::of(&learner);
    let explore = |words: &[&str]| learner.explore(words).env("EXPLORE_WAY_OUT", "none").run();
    explore(&["run", "-d", "--name", "box", "-p", "5353:53/udp", "demo", "sleep", "1000"]).status(0).stderr("");
    explore(&["port", "box"]).status(0).stdout("53/udp -> 0.0.0.0:5353\n");
    let client = |from: Option<&OwnedFd>, door: [u8; 4]| {
        learner.at_machine(|| {
            if let Some(place) = from {
                setns(place, CloneFlags::CLONE_NEWNET).unwrap();
            }
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
            socket.connect(SocketAddr::from((door, 5353))).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            socket
        })
    };
    let clients = [client(None, [127, 0, 0, 1]), client(None, [127, 0, 0, 1]), client(Some(&far), [198, 51, 100, 2])];
    // Nobody listens yet: what is sent is lost, and the door stays.
    clients[0].send(b"early").unwrap();
    for round in 0..2 {
        echo_inside(&learner, "box", (Ipv4Addr::UNSPECIFIED, 53));
        for turn in 0..3 {
            let mut heard = vec![String::new(); clients.len()];
            eventually("all have their answers", || {
                for (number, one) in clients.iter().enumerate() {
                    let _ = one.send(format!("{round} {turn} {number}").as_bytes());
                }
                for (one, heard) in clients.iter().zip(&mut heard) {
                    let mut room = [0; 100];
                    if let Ok(length) = one.recv(&mut room) {
                        *heard = String::from_utf8_lossy(&room[..length]).into_owned();
                    }
                }
                heard.iter().all(|one| one.starts_with(&format!("{round} {turn} ")))
            });
            let expected: Vec<String> = (0..clients.len()).map(|number| format!("{round} {turn} {number}")).collect();
            assert_eq!(heard, expected);
        }
        explore(&["restart", "-t", "0", "box"]).status(0).stderr("");
    }
    explore(&["rm", "-f", "box"]).status(0);
    eventually("all processes have ended", || learner.processes().is_empty());
    before.assert_unchanged();
}

/// What comes by IPv6 goes on by IPv6, as root's packet filter and docker have it.
#[test]
fn at_all_addresses_means_those_of_ipv6_too_where_the_container_has_one() {
    require!("stages::way_out", all_there(), NEEDS);
    let learner = learner();
    let before = HostState::of(&learner);
    let explore = |line: &str| learner.explore(line.split(' ')).env("EXPLORE_WAY_OUT", "none").run();
    explore("network create --ipv6 six").status(0);
    let (four, six) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST));
    let busy = learner.at_machine(|| TcpListener::bind((Ipv6Addr::LOCALHOST, 8080)).unwrap());
    let run = "run -d --name box --network six -p 8080:80 -p 127.0.0.1:8081:80 -p 5353:53/udp demo sleep 1000";
    explore(run).fails(125, "failed to bind host port [::]:8080/tcp: address already in use");
    drop(busy);
    explore(run).status(0).stderr("");
    for _ in 0..2 {
        let all = "53/udp -> 0.0.0.0:5353\n53/udp -> [::]:5353\n80/tcp -> 0.0.0.0:8080\n80/tcp -> 127.0.0.1:8081\n\
                   80/tcp -> [::]:8080\n";
        explore("port box").status(0).stdout(all);
        serve_inside(&learner, "box", (Ipv6Addr::UNSPECIFIED, 80));
        echo_inside(&learner, "box", (Ipv6Addr::UNSPECIFIED, 53));
        let heard = |door: IpAddr, port: u16| call(&learner, None, (door, port)).unwrap_or_default();
        // An address of IPv6 is tried for a second before it is used.
        eventually("it answers by IPv6", || heard(six, 8080).starts_with("hello fd"));
        assert!(heard(four, 8080).starts_with("hello ::ffff:") && heard(four, 8081).starts_with("hello ::ffff:"));
        assert_eq!(heard(six, 8081), "", "published at one address of IPv4");
        for address in [four, six] {
            let client = learner.at_machine(|| UdpSocket::bind((address, 0)).unwrap());
            client.connect((address, 5353)).unwrap();
            client.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            client.send(b"?").unwrap();
            assert_eq!(client.recv(&mut [0; 9]).unwrap(), 1, "{address}");
        }
        explore("restart -t 0 box").status(0).stderr("");
    }
    explore("rm -f box").status(0);
    explore("network rm six").status(0);
    eventually("all processes have ended", || learner.processes().is_empty());
    assert_eq!(call(&learner, None, (six, 8080)), None);
    before.assert_unchanged();
}

#[test]
fn a_port_that_cannot_be_had_out_here_is_named_and_no_container_is_made() {
    require!("stages::way_out", all_there(), NEEDS);
    let learner = learner();
    let busy = learner.at_machine(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, 8080)).unwrap());
    let run = |port: &str| learner.explore(["run", "--rm", "-p", port, "demo", "true"]).run();
    run("8080:80").fails(125, "failed to bind host port 0.0.0.0:8080/tcp: address already in use");
    let busy_too = learner.at_machine(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 8080)).unwrap());
    run("8080:80/udp").fails(125, "failed to bind host port 0.0.0.0:8080/udp: address already in use");
    drop(busy_too);
    run("443:80").fails(125, "failed to bind host port 0.0.0.0:443/tcp: permission denied").stderr_has("-p 8443:443");
    // The next of a range will do, and so will any.
    run("8080-8081:80").status(0);
    run("80").status(0);
    drop(busy);
    run("8080:80").status(0);
    learner.explore(["ps", "-aq"]).run().status(0).stdout("");
}

/// The ports of this machine that `port` says lead to a container, by the container's.
fn ports_of(learner: &Learner, name: &str) -> BTreeMap<String, u16> {
    let told = learner.explore(["port", name]).run().status(0).out;
    let pair = |line: &str| {
        let (inside, here) = line.split_once(" -> 0.0.0.0:").unwrap();
        (inside.to_owned(), here.parse().unwrap())
    };
    told.lines().map(pair).collect()
}

/// All that is exposed answers, at ports of the range that the kernel gives out, the first of which is somebody else's.
fn assert_exposed(learner: &Learner, name: &str, range: &[u16]) {
    serve_inside(learner, name, (Ipv4Addr::UNSPECIFIED, 80));
    echo_inside(learner, name, (Ipv4Addr::UNSPECIFIED, 53));
    let ports = ports_of(learner, name);
    let drawn: Vec<u16> = ports.iter().filter(|(inside, _)| *inside != "81/tcp").map(|(_, here)| *here).collect();
    assert_eq!(ports.keys().collect::<Vec<_>>(), ["53/udp", "80/tcp", "81/tcp", "82/tcp"]);
    assert!(drawn.iter().all(|port| (range[0]..=range[1]).contains(port)), "{ports:?}");
    assert_eq!(ports["81/tcp"], 8081);
    assert!(ports["80/tcp"] != range[0] && ports["82/tcp"] != range[0], "somebody else's: {ports:?}");
    assert_ne!(ports["80/tcp"], ports["82/tcp"]);
    assert!(call(learner, None, ([127, 0, 0, 1], ports["80/tcp"])).is_some(), "{ports:?}");
    let client = learner.at_machine(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap());
    client.connect((Ipv4Addr::LOCALHOST, ports["53/udp"])).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    client.send(b"?").unwrap();
    assert_eq!(client.recv(&mut [0; 9]).unwrap(), 1);
    learner.explore(["ps"]).run().status(0).stdout_has(&format!("0.0.0.0:{}->80/tcp", ports["80/tcp"]));
    let asked = "{{.HostConfig.PublishAllPorts}} {{(index (index .NetworkSettings.Ports \"53/udp\") 0).HostPort}}";
    learner.explore(["inspect", "-f", asked, name]).run().status(0).stdout(&format!("true {}\n", ports["53/udp"]));
}

#[test]
fn all_exposed_ports_are_there_for_this_machine_each_at_a_free_one() {
    require!("stages::way_out", all_there(), NEEDS);
    let learner = learner();
    let before = HostState::of(&learner);
    let explore = |words: &[&str]| learner.explore(words).env("EXPLORE_WAY_OUT", "none").run();
    explore(&["create", "--name", "made", "demo", "sleep", "1000"]).status(0);
    explore(&["commit", "-c", "EXPOSE 80 81 53/udp", "made", "web"]).status(0);
    explore(&["save", "-o", "web.tar", "web"]).status(0);
    explore(&["rm", "made"]).status(0);
    // The lowest port that the kernel gives out is somebody's.
    let range = learner.at_machine(|| std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")).unwrap();
    let range: Vec<u16> = range.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let busy = learner.at_machine(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, range[0])).unwrap());
    let run = |name: &str, image: &str| {
        // One of them is asked for by its number.
        let flags = ["run", "-d", "--name", name, "-P", "-p", "8081:81", "--expose", "82", image];
        explore(&[&flags[..], &["sleep", "1000"]].concat()).status(0).stderr("");
    };
    run("box", "web");
    assert_exposed(&learner, "box", &range);
    explore(&["restart", "-t", "0", "box"]).status(0).stderr("");
    assert_exposed(&learner, "box", &range);
    // A second one beside it gets others, though nobody but this user's own sockets stands in its way.
    explore(&["run", "-d", "--name", "next", "-P", "web", "sleep", "1000"]).status(0).stderr("");
    explore(&["restart", "-t", "0", "next", "box"]).status(0).stderr("");
    let (first, second) = (ports_of(&learner, "box"), ports_of(&learner, "next"));
    assert!(second.iter().all(|(inside, here)| first.get(inside) != Some(here)), "{first:?} {second:?}");
    assert_eq!(second.keys().collect::<Vec<_>>(), ["53/udp", "80/tcp", "81/tcp"]);
    explore(&["rm", "-f", "box", "next"]).status(0);
    // An image that is not here yet: what it exposes is known before the command steps in there.
    explore(&["rmi", "web"]).status(0);
    run("box", "docker-archive:web.tar");
    assert_exposed(&learner, "box", &range);
    explore(&["stop", "-t", "0", "box"]).status(0);
    explore(&["network", "up", "box"]).status(0);
    let (up, made) = (ports_of(&learner, "box"), explore(&["start", "box"]).status(0).err);
    assert_eq!((ports_of(&learner, "box"), made.as_str()), (up, ""), "what `network up` has said");
    assert_exposed(&learner, "box", &range);
    explore(&["rm", "-f", "box"]).status(0);
    eventually("all processes have ended", || learner.processes().is_empty());
    drop(busy);
    std::fs::remove_file(learner.work().join("web.tar")).unwrap();
    before.assert_unchanged();
}
