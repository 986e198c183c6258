//! Networks with names: addresses, names, and the walls between them.

use super::lab::{Lab, seen_by};
use crate::support::{HostState, Learner, Output, is_root, require};
use explore::kernel::netlink::Socket;
use explore::kernel::netns;
use nix::fcntl::FlockArg;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

const ROOT: &str = "needs root for a machine of its own";

fn explore(learner: &Learner, line: &str) -> Output {
    learner.explore(line.split_whitespace()).run()
}

/// Starts a container and gives back its network namespace and its addresses.
fn start(learner: &Learner, name: &str, flags: &str) -> (OwnedFd, Vec<Ipv4Addr>) {
    explore(learner, &format!("run -d --name {name} {flags} demo sleep 600")).status(0);
    let all = explore(learner, "ps --json").status(0).json();
    let own = all.as_array().unwrap().iter().find(|one| one["container"]["name"] == name).unwrap().clone();
    let pid = own["running"]["init"]["pid"].as_i64().unwrap();
    let id = own["container"]["id"].as_str().unwrap();
    let leases = explore(learner, "network leases --json").status(0).json();
    let ours = leases.as_array().unwrap().iter().filter(|one| one["container"] == id);
    let addresses = ours.map(|one| one["lease"]["ip"].as_str().unwrap().parse().unwrap()).collect();
    (learner.at_machine(|| netns::open(Path::new(&format!("/proc/{pid}/ns/net"))).unwrap()), addresses)
}

/// What `getent ahostsv4` finds inside.
fn found(learner: &Learner, container: &str, name: &str) -> Option<String> {
    let told = learner.explore(["exec", container, "getent", "ahostsv4", name]).run();
    told.out.split_whitespace().next().map(str::to_owned)
}

#[test]
fn containers_of_a_named_network_find_each_other_by_name_and_others_do_not() {
    require!("stages::network::names", is_root(), ROOT);
    let learner = Learner::new();
    let before = HostState::of(&learner);
    explore(&learner, "pull -q demo").status(0);
    for network in ["back", "front"] {
        explore(&learner, &format!("network create {network}")).status(0);
    }
    let (_, db) = start(&learner, "db", "--network back --network-alias store --hostname vault");
    start(&learner, "web", "--network back");
    start(&learner, "far", "--network front");
    start(&learner, "plain", "");
    let db = Some(db[0].to_string());
    for name in ["db", "DB", "store", "vault", "db.back"] {
        assert_eq!(found(&learner, "web", name), db, "{name}");
    }
    assert_eq!(found(&learner, "web", "far"), None, "the network has no such name");
    assert_eq!((found(&learner, "far", "db"), found(&learner, "plain", "db")), (None, None));
    let resolv = learner.explore(["exec", "web", "cat", "/etc/resolv.conf"]).run().status(0).out;
    assert!(resolv.contains("nameserver 127.0.0.11\n") && resolv.contains("options ndots:0\n"), "{resolv}");

    explore(&learner, "network connect front db").status(0).stdout("").stderr("");
    assert!(found(&learner, "far", "db").is_some(), "connected while it runs");
    explore(&learner, "network disconnect front db").status(0);
    assert_eq!(found(&learner, "far", "db"), None);

    explore(&learner, "rm -f db web far plain").status(0);
    explore(&learner, "network rm back front").status(0).stdout("back\nfront\n");
    before.assert_unchanged_but(&["file"]);
}

#[test]
fn a_container_that_has_left_its_first_network_can_be_connected_to_a_third() {
    require!("stages::network::left", is_root(), ROOT);
    let learner = Learner::new();
    explore(&learner, "pull -q demo").status(0);
    for network in ["one", "two", "three"] {
        explore(&learner, &format!("network create {network}")).status(0);
    }
    let (inside, _) = start(&learner, "box", "--network one");
    for words in ["connect two", "disconnect one", "connect three"] {
        explore(&learner, &format!("network {words} box")).status(0).stderr("");
    }
    let mut socket = learner.at_machine(|| Socket::open_in(inside.as_fd(), "links inside").unwrap());
    let links = socket.links("which are there").unwrap();
    let names: Vec<&str> = links.iter().map(|link| link.name.as_str()).filter(|name| *name != "lo").collect();
    assert_eq!(names, ["eth1", "eth0"], "the name that became free, and not that of the one that stays");
    explore(&learner, "rm -f box").status(0);
    explore(&learner, "network rm one two three").status(0);
}

#[test]
fn two_networks_are_apart_and_an_internal_one_from_everything() {
    require!("stages::network::apart", is_root(), ROOT);
    let lab = Lab::new();
    let learner = &lab.learner;
    explore(learner, "pull -q demo").status(0);
    explore(learner, "network create back").status(0);
    explore(learner, "network create --internal deep").status(0);
    let (one, own) = start(learner, "one", "");
    let (two, other) = start(learner, "two", "--network back");
    let (three, inner) = start(learner, "three", "--network deep");
    let (four, beside) = start(learner, "four", "--network deep");
    let reach =
        |server: &OwnedFd, ip: &[Ipv4Addr], client| seen_by(server, ip[0], client).map_err(|error| error.kind());
    assert_eq!(reach(&two, &other, &one).unwrap_err(), ErrorKind::TimedOut);
    assert_eq!(reach(&one, &own, &two).unwrap_err(), ErrorKind::TimedOut);
    assert_eq!(reach(&three, &inner, &two).unwrap_err(), ErrorKind::TimedOut);
    assert_eq!(reach(&two, &other, &three).unwrap_err(), ErrorKind::NetworkUnreachable);
    assert_eq!(reach(&four, &beside, &three).unwrap(), inner[0], "neighbours on an internal network");
    assert!(seen_by(&lab.server, super::lab::SERVER, &two).is_ok(), "a named network has a way out");
}

#[test]
fn an_address_can_be_chosen_where_the_subnet_was() {
    require!("stages::network::chosen", is_root(), ROOT);
    let learner = Learner::new();
    explore(&learner, "pull -q demo").status(0);
    explore(&learner, "network create --subnet 10.77.0.0/24 --gateway 10.77.0.254 deep").status(0);
    explore(&learner, "network create auto").status(0);
    let (_, ip) = start(&learner, "one", "--network deep --ip 10.77.0.9 --mac-address 02:42:00:00:00:09");
    assert_eq!(ip, [Ipv4Addr::new(10, 77, 0, 9)]);
    let inspected = explore(&learner, "network inspect deep").status(0).json();
    assert_eq!(inspected[0]["IPAM"]["Config"][0]["Gateway"], "10.77.0.254");
    let container = inspected[0]["Containers"].as_object().unwrap().values().next().unwrap().clone();
    assert_eq!((&container["MacAddress"], &container["Name"]), (&"02:42:00:00:00:09".into(), &"one".into()));
    for (flags, says) in [
        ("--network deep --ip 10.77.0.9", "Address already in use"),
        ("--network deep --ip 10.78.0.9", "no configured subnet or ip-range contain the IP address 10.78.0.9"),
        ("--network deep --ip 10.77.0.255", "no configured subnet or ip-range contain"),
        ("--network auto --ip 10.77.0.9", "supported only when connecting to networks with user configured subnets"),
        ("--ip 10.77.0.9", "supported on user defined networks only"),
        ("--network-alias x", "network-scoped alias is supported only for containers in user defined networks"),
        ("--network nosuch", "network nosuch not found"),
        ("--network container:nosuch", "no such container: nosuch"),
        (
            "--network container:one -p 80:80",
            "conflicting options: port publishing and the container type network mode",
        ),
        ("--network container:one --hostname x", "conflicting options: hostname and the network mode"),
    ] {
        let refused = explore(&learner, &format!("run --rm {flags} demo true")).status(125).stdout("");
        assert!(refused.err.contains(says), "{flags}: {}", refused.err);
    }
}

#[test]
fn addresses_come_from_the_part_of_the_subnet_that_was_chosen_for_them() {
    require!("stages::network::part", is_root(), ROOT);
    let learner = Learner::new();
    explore(&learner, "pull -q demo").status(0);
    explore(&learner, "network create --subnet 10.76.0.0/24 --ip-range 10.76.0.128/25 part").status(0);
    let config = |name: &str| explore(&learner, &format!("network inspect {name}")).json()[0]["IPAM"]["Config"].clone();
    // The bridge takes the first of them, as docker's does.
    let expected =
        serde_json::json!([{ "Subnet": "10.76.0.0/24", "IPRange": "10.76.0.128/25", "Gateway": "10.76.0.128" }]);
    assert_eq!(config("part"), expected);
    assert_eq!(start(&learner, "one", "--network part").1, [Ipv4Addr::new(10, 76, 0, 129)]);
    assert_eq!(start(&learner, "two", "--network part --ip 10.76.0.5").1, [Ipv4Addr::new(10, 76, 0, 5)]);
    // From a gateway of its own, too; and a part that is used up gives nothing, however much is beside it.
    explore(&learner, "network create --subnet 10.75.0.0/24 --gateway 10.75.0.1 --ip-range 10.75.0.252/31 few")
        .status(0);
    assert_eq!(start(&learner, "three", "--network few").1, [Ipv4Addr::new(10, 75, 0, 252)]);
    assert_eq!(start(&learner, "four", "--network few").1, [Ipv4Addr::new(10, 75, 0, 253)]);
    explore(&learner, "run --rm --network few demo true").fails(125, "10.75.0.252/31");
    let six = "--ipv6 --subnet fd00:76::/64 --ip-range fd00:76::100/120 --subnet 10.74.0.0/24 --ip-range 10.74.0.64/26";
    explore(&learner, &format!("network create {six} both")).status(0);
    assert_eq!(config("both")[1]["Gateway"], "fd00:76::100");
    let (_, ip) = start(&learner, "five", "--network both");
    assert_eq!(ip, [Ipv4Addr::new(10, 74, 0, 65)]);
    explore(&learner, "exec five ip -6 addr show dev eth0").status(0).stdout_has("fd00:76::101/64");
}

/// As a supervisor does that notes how its container has ended: it reads the record, and writes it again.
#[test]
fn who_changes_a_container_waits_for_whoever_writes_its_record() {
    require!("stages::network::record", is_root(), ROOT);
    let learner = Learner::new();
    explore(&learner, "pull -q demo").status(0);
    explore(&learner, "network create net").status(0);
    let id = explore(&learner, "create --name box demo true").status(0).out;
    let folder = learner.state().join("data/containers").join(id.trim());
    let lock = || nix::fcntl::Flock::lock(std::fs::File::open(&folder).unwrap(), FlockArg::LockExclusive).unwrap();
    let read = || -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(folder.join("container.json")).unwrap()).unwrap()
    };
    let state = |record: &serde_json::Value| {
        (record["wish"]["also"].as_array().unwrap().len(), record["layer_mounted"].as_bool().unwrap())
    };
    for (line, expected) in [
        ("network connect net box", (1, false)),
        ("network disconnect net box", (0, false)),
        ("layer mount box", (0, true)),
        ("layer umount box", (0, false)),
    ] {
        let (held, mut record) = (lock(), read());
        let other = learner.explore(line.split(' ')).spawn();
        // One that does not wait has written by then.
        std::thread::sleep(std::time::Duration::from_millis(500));
        record["labels"][line] = "kept".into();
        std::fs::write(folder.join("container.json"), record.to_string()).unwrap();
        drop(held);
        other.finish(line).status(0);
        let now = read();
        assert_eq!(now["labels"][line], "kept", "{line}: {now}");
        assert_eq!(state(&now), expected, "{line}: {now}");
    }
}

#[test]
fn what_cannot_be_a_network_is_refused_and_nothing_is_written() {
    require!("stages::network::refused", is_root(), ROOT);
    let learner = Learner::new();
    explore(&learner, "network create --subnet 10.77.0.0/24 deep").status(0);
    for (line, says) in [
        ("network create deep", "network with name deep already exists"),
        ("network create --subnet 10.77.0.128/25 other", "Pool overlaps with other one on this address space"),
        ("network create --subnet 10.78.0.0/24 --gateway 10.79.0.1 other", "no matching subnet for gateway 10.79.0.1"),
        (
            "network create --ip-range 10.78.0.128/25 other",
            "every ip-range or gateway must have a corresponding subnet",
        ),
        (
            "network create --subnet 10.78.0.0/24 --ip-range 10.79.0.128/25 other",
            "no matching subnet for range 10.79.0.128/25",
        ),
        (
            "network create --subnet 10.78.0.0/24 --ip-range 10.78.0.0/16 other",
            "no matching subnet for range 10.78.0.0/16",
        ),
        ("network create --subnet 10.78.0.0/24 --ip-range 10.78.0.7/28 other", "it should be 10.78.0.0/28"),
        ("network create --subnet 10.78.0.0/24 --ip-range x other", "invalid ip-range x: an IPv4 network such as"),
        ("network create host", "operation is not permitted on predefined host network"),
        ("network create ../x", "is no name for a network"),
        ("network rm bridge", "bridge is a pre-defined network and cannot be removed"),
        ("network rm nosuch", "network nosuch not found"),
    ] {
        let refused = explore(&learner, line).status(1).stdout("");
        assert!(refused.err.contains(says), "{line}: {}", refused.err);
    }
    let left = std::fs::read_dir(learner.state().join("data/networks")).unwrap().count();
    assert_eq!(left, 1, "only the first was made");
    explore(&learner, "network prune -f").status(0).stdout("Deleted Networks:\ndeep\n\n");
}

#[test]
fn the_network_of_another_container_or_of_this_machine_is_shared() {
    require!("stages::network::shared", is_root(), ROOT);
    let learner = Learner::new();
    explore(&learner, "pull -q demo").status(0);
    start(&learner, "one", "");
    let inode = |line: &str| learner.explore(line.split(' ')).run().status(0).out;
    let of_one = inode("exec one readlink /proc/self/ns/net");
    assert_eq!(inode("run --rm --network container:one demo readlink /proc/self/ns/net"), of_one);
    assert_eq!(inode("run --rm --network container:one demo hostname"), inode("exec one hostname"));
    let ours = learner.program("readlink", ["/proc/1/ns/net"]).run().status(0).out;
    assert_eq!(inode("run --rm --network host demo readlink /proc/self/ns/net"), ours);
    let name = learner.program("hostname", [""; 0]).run().status(0).out;
    assert_eq!(inode("run --rm --network host demo hostname"), name);
    explore(&learner, "stop -t 0 one").status(0);
    let refused = explore(&learner, "run --rm --network container:one demo true").status(125);
    assert!(refused.err.contains("cannot join network of a non running container: one"), "{}", refused.err);
}
