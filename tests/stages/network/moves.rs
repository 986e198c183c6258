//! Between networks, while a container runs and while it does not: what is seen inside at once, and after the next start.

use super::lab::{self, CONTAINERS, Lab};
use crate::support::{HostState, Learner, Output, is_root, require};
use std::net::Ipv4Addr;

const ROOT: &str = "needs root for a machine of its own";

fn explore(learner: &Learner, line: &str) -> Output {
    learner.explore(line.split_whitespace()).run()
}

fn inside(learner: &Learner, container: &str, line: &str) -> String {
    explore(learner, &format!("exec {container} {line}")).out
}

/// Machines with the image and these networks: one of root, one of somebody else.
fn with_networks(networks: &[&str]) -> [Learner; 2] {
    let learners = [Learner::new(), Learner::user()];
    for learner in &learners {
        explore(learner, "pull -q demo").status(0);
        for name in networks {
            explore(learner, &format!("network create {name}")).status(0);
        }
    }
    learners
}

/// `eth0`, `eth1`, … and where the default route leads.
fn links(learner: &Learner, container: &str) -> (Vec<String>, Option<String>) {
    let links = inside(learner, container, "ls /sys/class/net");
    let links = links.split_whitespace().filter(|name| *name != "lo").map(str::to_owned).collect();
    let routes = inside(learner, container, "ip route");
    let default = routes.lines().find_map(|line| line.strip_prefix("default via "));
    (links, default.and_then(|rest| rest.split_whitespace().nth(2)).map(str::to_owned))
}

/// Its addresses as its hosts file has them.
fn in_hosts(learner: &Learner, container: &str) -> Vec<String> {
    let hosts = inside(learner, container, "cat /etc/hosts");
    let own = hosts.lines().filter(|line| line.ends_with("\tbox"));
    own.map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

/// What `inspect` says that it is on.
fn is_on(learner: &Learner, container: &str) -> Vec<String> {
    let told = learner.explore(["inspect", "-f", "{{json .NetworkSettings.Networks}}", container]).run();
    told.status(0).json().as_object().unwrap().keys().cloned().collect()
}

#[test]
fn one_that_runs_finds_names_as_soon_as_it_is_connected() {
    require!("stages::network::connected", is_root(), ROOT);
    for learner in with_networks(&["back"]) {
        let before = HostState::of(&learner);
        for line in ["--name db --network back", "--name box --hostname box", "--name cut --network none"] {
            explore(&learner, &format!("run -d {line} demo sleep 600")).status(0);
        }
        // Somebody inside has a line of his own.
        learner.explore(["exec", "box", "sh", "-c", "printf 192.0.2.7\\\\tmine >>/etc/hosts"]).run().status(0);
        assert_eq!(inside(&learner, "box", "getent hosts db"), "");
        explore(&learner, "network connect --alias front back box").status(0).stdout("").stderr("");
        for name in ["db", "front", "box.back"] {
            assert_ne!(inside(&learner, "box", &format!("getent ahostsv4 {name}")), "", "{name}");
        }
        assert_ne!(inside(&learner, "db", "getent hosts front"), "");
        let resolv = inside(&learner, "box", "cat /etc/resolv.conf");
        assert!(resolv.contains("nameserver 127.0.0.11\n") && resolv.contains("options ndots:0\n"), "{resolv}");
        assert_eq!(in_hosts(&learner, "box").len(), 2);
        assert!(inside(&learner, "box", "cat /etc/hosts").contains("\n192.0.2.7\tmine\n"));

        // One without a network is no different, once it has left that.
        explore(&learner, "network connect back cut").fails(1, "one of the networks in private (none) mode");
        explore(&learner, "network disconnect none cut").status(0);
        explore(&learner, "network connect back cut").status(0);
        assert_ne!(inside(&learner, "cut", "getent hosts db"), "");
        assert_eq!(links(&learner, "cut"), (vec!["eth0".to_owned()], Some("eth0".to_owned())));

        // Its name server ends with it.
        explore(&learner, "rm -f db box cut").status(0);
        explore(&learner, "network prune -f").status(0);
        before.assert_unchanged_but(&["file"]);
    }
}

#[test]
fn what_it_has_left_it_has_left_at_the_next_start_too() {
    require!("stages::network::disconnected", is_root(), ROOT);
    for learner in with_networks(&["back", "front"]) {
        explore(&learner, "run -d --name box --hostname box demo sleep 600").status(0);
        for line in ["connect front box", "connect back box", "disconnect bridge box"] {
            explore(&learner, &format!("network {line}")).status(0).stderr("");
            let way = if line == "connect front box" { "eth0" } else { "eth2" };
            assert_eq!(links(&learner, "box").1.as_deref(), Some(way), "the first by name: {line}");
        }
        let two = vec!["eth1".to_owned(), "eth2".to_owned()];
        assert_eq!(links(&learner, "box"), (two, Some("eth2".to_owned())));
        assert_eq!((in_hosts(&learner, "box").len(), is_on(&learner, "box")), (2, vec!["back".into(), "front".into()]));
        explore(&learner, "network disconnect back box").status(0);
        assert_eq!(links(&learner, "box"), (vec!["eth1".to_owned()], Some("eth1".to_owned())));
        assert_eq!(in_hosts(&learner, "box").len(), 1);
        explore(&learner, "network disconnect back box").fails(1, "is not connected to network back");

        explore(&learner, "restart -t 0 box").status(0);
        assert_eq!(links(&learner, "box"), (vec!["eth0".to_owned()], Some("eth0".to_owned())));
        assert_eq!(is_on(&learner, "box"), ["front"]);
        explore(&learner, "network disconnect front box").status(0);
        assert_eq!((links(&learner, "box"), is_on(&learner, "box")), ((vec![], None), vec![]));
        explore(&learner, "restart -t 0 box").status(0);
        assert_eq!((links(&learner, "box"), in_hosts(&learner, "box")), ((vec![], None), vec![]));
        assert!(inside(&learner, "box", "ip addr show lo").contains("127.0.0.1"), "its loopback is up all the same");
        // And back again, to the one that it was made for.
        explore(&learner, "network connect bridge box").status(0);
        assert_eq!(links(&learner, "box"), (vec!["eth0".to_owned()], Some("eth0".to_owned())));
    }
}

#[test]
fn one_that_does_not_run_is_connected_and_taken_off_for_its_next_start() {
    require!("stages::network::at_rest", is_root(), ROOT);
    for learner in with_networks(&["back"]) {
        explore(&learner, "create --name box --hostname box demo sleep 600").status(0);
        explore(&learner, "network connect back box").status(0);
        explore(&learner, "network connect --alias store back box").status(0);
        explore(&learner, "network disconnect bridge box").status(0).stdout("").stderr("");
        explore(&learner, "network disconnect bridge box").fails(1, "is not connected to network bridge");
        assert_eq!(is_on(&learner, "box"), ["back"]);
        explore(&learner, "start box").status(0);
        assert_eq!(links(&learner, "box"), (vec!["eth0".to_owned()], Some("eth0".to_owned())));
        assert_ne!(inside(&learner, "box", "getent hosts store"), "");
    }
}

/// Ports lead to the address on the network that is the way out.
#[test]
fn published_ports_go_along_with_the_way_out() {
    require!("stages::network::ports_move", is_root(), ROOT);
    let lab = Lab::new();
    lab.up_with(0, &["-p", "8080:80"]);
    let container = CONTAINERS[0];
    explore(&lab.learner, "network create back").status(0);
    // By name it comes before `bridge`; and once it is gone the other one is the way again.
    for (verb, network) in [("connect", "back"), ("disconnect", "bridge")] {
        explore(&lab.learner, &format!("network {verb} back {container}")).status(0).stderr("");
        let leases = explore(&lab.learner, "network leases --json").status(0).json();
        let lease = leases.as_array().unwrap().iter().find(|one| one["lease"]["network"] == network).unwrap();
        let ip: Ipv4Addr = lease["lease"]["ip"].as_str().unwrap().parse().unwrap();
        let seen = lab::seen_by_door(&lab.container(0), (ip, 80), &lab.server, (lab::HOST_OUTSIDE, 8080));
        assert_eq!(seen.expect(verb), lab::SERVER);
    }
}
