//! What changes around a network while it stands: firewalls of others, ways out that come and go, those who tidy up.

use super::lab::{self, CONTAINERS, Lab, seen_by_door};
use crate::support::{HostState, Learner, eventually, has_program, is_root, require};
use std::io::ErrorKind;
use std::net::Ipv4Addr;

const ROOT: &str = "needs root for a machine of its own";

fn shell(lab: &Lab, script: &str) {
    lab.learner.program("sh", ["-ec", script]).run().status(0);
}

/// The rules that are named to whoever connects a container.
fn rules(lab: &Lab, number: usize) -> Vec<String> {
    let told = lab.learner.explore(["network", "up", CONTAINERS[number], "--json"]).run().status(0).json();
    let notes = told["lease"]["notes"].as_array().unwrap().clone();
    let rule = |note: &serde_json::Value| note.as_str().unwrap().rsplit_once(": ").unwrap().1.to_owned();
    notes.iter().map(rule).collect()
}

/// Whether the server reaches a published port, and a container the server.
fn ways(lab: &Lab, ip: Ipv4Addr) -> [Result<Ipv4Addr, ErrorKind>; 2] {
    let visitor = seen_by_door(&lab.container(0), (ip, 80), &lab.server, (lab::HOST_OUTSIDE, 8080));
    [visitor.map_err(|error| error.kind()), lab.server_sees(0)]
}

fn address(lab: &Lab) -> Ipv4Addr {
    let shown = lab.learner.explore(["network", "show", CONTAINERS[0], "--json"]).run().status(0).json();
    shown["network"]["lease"]["ip"].as_str().unwrap().parse().unwrap()
}

/// Each named rule opens its own way and not the other.
fn each_rule_opens_its_way(lab: &Lab) {
    lab.wish(0, &["-p", "8080:80"]);
    let named = rules(lab, 0);
    let [out, visitors] = &named[..] else { panic!("{named:?}") };
    let (ip, closed) = (address(lab), Err(ErrorKind::TimedOut));
    assert_eq!(ways(lab, ip), [closed, closed], "the firewall of others stays as it was");
    shell(lab, visitors);
    assert_eq!(ways(lab, ip), [Ok(lab::SERVER), closed], "{visitors}");
    shell(lab, out);
    assert_eq!(ways(lab, ip), [Ok(lab::SERVER), Ok(lab::HOST_OUTSIDE)], "{out}");
}

#[test]
fn beside_a_firewall_of_nft_each_rule_that_is_named_opens_one_way() {
    require!("stages::network::nft_firewall", is_root() && has_program("nft"), "needs root and nft(8)");
    let lab = Lab::new();
    shell(
        &lab,
        "nft 'add table inet walls; add chain inet walls pass { type filter hook forward priority 10; policy drop; }'",
    );
    each_rule_opens_its_way(&lab);
}

#[test]
fn beside_docker_the_rules_go_into_the_chain_that_it_leaves_to_others() {
    let known = is_root() && has_program("iptables");
    require!("stages::network::docker_firewall", known, "needs root and iptables(8)");
    let lab = Lab::new();
    // As dockerd leaves it.
    shell(&lab, "iptables -P FORWARD DROP; iptables -N DOCKER-USER; iptables -A FORWARD -j DOCKER-USER");
    let rules = || lab.learner.program("iptables", ["-S"]).run().status(0).out;
    let before = rules();
    lab.wish(0, &["-p", "8080:80"]);
    lab.up(0);
    assert_eq!(rules(), before, "nothing is inserted unasked");
    lab.down(0);
    each_rule_opens_its_way(&lab);
    assert!(rules().contains("-A DOCKER-USER -m conntrack --ctorigsrc"), "{}", rules());
}

#[test]
fn a_firewall_that_comes_later_is_named_to_the_next() {
    require!("stages::network::later_firewall", is_root() && has_program("nft"), "needs root and nft(8)");
    let lab = Lab::new();
    assert!(rules(&lab, 0).is_empty());
    shell(
        &lab,
        "nft 'add table ip walls; add chain ip walls pass { type filter hook forward priority 10; policy drop; }'",
    );
    assert_eq!(rules(&lab, 1).len(), 1);
}

#[test]
fn a_way_out_that_comes_later_is_opened_for_the_next_and_closed_with_the_last() {
    require!("stages::network::later_uplink", is_root(), ROOT);
    let lab = Lab::new();
    let closed = lab.forwarding();
    shell(&lab, "ip link set up0 down");
    lab.up(0);
    let is_open = |lab: &Lab| lab.forwarding().contains(&"/proc/sys/net/ipv4/conf/up0/forwarding:1".into());
    assert!(!is_open(&lab), "there is nothing to forward to");
    shell(&lab, "ip link set up0 up; ip route add default via 203.0.113.9");
    assert!(lab.server_sees(0).is_err());
    lab.up(1);
    assert_eq!(lab.server_sees(1), Ok(lab::HOST_OUTSIDE));
    assert_eq!(lab.server_sees(0), Ok(lab::HOST_OUTSIDE), "for those before it too");
    lab.server_learns_the_way_to(address(&lab));
    let seen = seen_by_door(&lab.container(0), (address(&lab), 80), &lab.server, (address(&lab), 80));
    assert_eq!(seen.unwrap_err().kind(), ErrorKind::TimedOut, "only answers come in by it");
    assert!(is_open(&lab));
    lab.down(0);
    lab.down(1);
    assert_eq!(lab.forwarding(), closed);
}

/// The process that removes later what is slow to remove.
fn sweeper(learner: &Learner) -> Option<i32> {
    let name = |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    learner.processes().into_iter().find(|pid| name(*pid).trim_end() == "explore: sweep")
}

#[test]
fn the_bridge_waits_a_moment_for_the_next_container_and_who_stops_one_by_hand_sees_it_go() {
    require!("stages::network::sweep", is_root(), ROOT);
    let lab = Lab::new();
    let explore = |line: &str| lab.learner.explore(line.split(' ')).run().status(0);
    explore("pull -q demo");
    let before = HostState::of(&lab.learner);
    explore("run --rm demo true");
    let first = lab.bridge().expect("it is left to the sweeper");
    explore("run --rm demo true");
    assert_eq!(lab.bridge().map(|link| link.index), Some(first.index), "the next one found it standing");
    eventually("the bridge goes", || lab.bridge().is_none());
    eventually("the sweeper goes", || sweeper(&lab.learner).is_none());

    explore("run -d --name box demo sleep 600");
    explore("rm -f box");
    assert!(lab.bridge().is_none() && sweeper(&lab.learner).is_none(), "something is left for later");
    assert_eq!(std::fs::read_dir(lab.learner.state().join("run/journal")).unwrap().count(), 0);
    before.assert_unchanged();
}

#[test]
fn what_a_sweeper_that_was_killed_has_left_the_next_command_removes() {
    require!("stages::network::sweeper_killed", is_root(), ROOT);
    let lab = Lab::new();
    let explore = |line: &str| lab.learner.explore(line.split(' ')).run().status(0);
    explore("pull -q demo");
    let (before, forwards) = (HostState::of(&lab.learner), lab.forwarding());
    // It is there for half a second, which a busy machine can miss.
    let caught = (0..20).find_map(|_| {
        explore("run --rm demo true");
        sweeper(&lab.learner)
    });
    let pid = caught.expect("it is there for a moment");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    eventually("it is gone", || sweeper(&lab.learner).is_none());
    assert!(lab.bridge().is_some(), "it was killed too late to show anything");
    explore("ps");
    assert!(lab.bridge().is_none(), "the next command has not noticed");
    assert_eq!(lab.forwarding(), forwards);
    before.assert_unchanged();
}
