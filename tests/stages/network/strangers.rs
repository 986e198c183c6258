//! What is not ours stays as it is, whatever it is called.

use super::lab::{CONTAINERS, Lab, make_container};
use crate::support::{HostState, is_root, require};
use explore::kernel::netlink::{Bridge, Change, Link, Socket, VethEnd, Which};

const WHY: &str = "for a test";

fn link(lab: &Lab, name: &str) -> Option<Link> {
    lab.on_the_host(|| Socket::open().unwrap().link_named(name, WHY).unwrap())
}

#[test]
fn a_bridge_of_others_with_our_name_is_refused_and_stays() {
    require!("stages::network::foreign_bridge", is_root(), super::ROOT);
    let lab = Lab::new();
    let name = format!("ex{}", lab.learner.tag());
    lab.on_the_host(|| {
        let mut socket = Socket::open().unwrap();
        socket.create_bridge(Bridge { name: &name, mac: [2, 0, 0, 0, 0, 7] }, WHY).unwrap();
        let theirs = Change { alias: Some("somebody else's"), ..Change::default() };
        socket.set_link(Which::Name(&name), theirs, WHY).unwrap();
    });
    let (before, stranger) = (HostState::of(&lab.learner), link(&lab, &name));
    let told = lab.learner.explore(["network", "up", CONTAINERS[0]]).run();
    told.fails(125, &format!("there is a link named {name} that is not ours"));
    assert_eq!(link(&lab, &name), stranger);
    before.assert_unchanged();
}

#[test]
fn a_link_of_others_with_the_name_that_a_container_would_get_stays_and_another_name_is_found() {
    require!("stages::network::foreign_veth", is_root(), super::ROOT);
    let lab = Lab::new();
    let end = |name, last| VethEnd { name, mac: [2, 0, 0, 0, 1, last], netns: None, master: None };
    lab.on_the_host(|| {
        Socket::open().unwrap().create_veth(end("veth3f2a1b4", 1), end("theirs", 2), WHY).unwrap();
    });
    let (before, stranger) = (HostState::of(&lab.learner), link(&lab, "veth3f2a1b4"));
    lab.up(0);
    assert!(lab.server_sees(0).is_ok());
    lab.down(0);
    assert_eq!(link(&lab, "veth3f2a1b4"), stranger);
    before.assert_unchanged();
}

#[test]
fn a_table_of_others_with_our_name_is_refused_and_stays() {
    require!(
        "stages::network::foreign_table",
        is_root() && crate::support::has_program("nft"),
        "needs root and nft(8)"
    );
    let lab = Lab::new();
    let table = format!("explore_{}", lab.learner.tag());
    lab.learner.program("nft", [format!("add table ip {table}; add chain ip {table} theirs")]).run().status(0);
    let rules = || lab.learner.program("nft", ["list", "ruleset"]).run().status(0).out;
    let (before, theirs) = (HostState::of(&lab.learner), rules());
    let told = lab.learner.explore(["network", "up", CONTAINERS[0]]).run();
    told.fails(125, &format!("there is a table named {table} that is not ours"));
    assert_eq!(rules(), theirs);
    before.assert_unchanged();
}

#[test]
fn a_network_that_is_in_use_is_not_taken() {
    require!("stages::network::subnet", is_root(), super::ROOT);
    let lab = Lab::new();
    let first = lab.up(0);
    lab.down(0);
    let [a, b, c, _] = first.octets();
    lab.on_the_host(|| {
        let mut socket = Socket::open().unwrap();
        socket.add_address(1, std::net::IpAddr::from([a, b, c, 77]), 32, WHY).unwrap();
    });
    let second = lab.up(0);
    assert_ne!(second.octets()[..3], [a, b, c], "{second} meets an address of the host");
}

#[test]
fn a_setting_that_was_on_before_stays_on() {
    require!("stages::network::router", is_root(), super::ROOT);
    let lab = Lab::new();
    lab.learner.program("sh", ["-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"]).run().status(0);
    let forwards = lab.forwarding();
    lab.up(0);
    lab.down(0);
    assert_eq!(lab.forwarding(), forwards);
}

#[test]
fn of_two_states_on_one_machine_the_one_that_stays_keeps_its_way_out() {
    require!("stages::network::two_states", is_root(), super::ROOT);
    let lab = Lab::new();
    let other = lab.learner.work().join("other");
    make_container(&other, CONTAINERS[1]);
    let elsewhere =
        |verb| lab.learner.explore(["network", verb, CONTAINERS[1]]).env("EXPLORE_ROOT", &other).run().status(0);
    let forwards = lab.forwarding();
    elsewhere("up");
    lab.up(0);
    elsewhere("down");
    assert!(lab.server_sees(0).is_ok(), "the other state took the forwarding along");
    lab.down(0);
    assert_eq!(lab.forwarding(), forwards, "the last one must put it back, though the other switched it on");
}

#[test]
fn many_states_that_come_and_go_at_once_take_different_networks_and_leave_nothing() {
    require!("stages::network::at_once", is_root(), super::ROOT);
    let lab = Lab::new();
    let (before, forwards) = (HostState::of(&lab.learner), lab.forwarding());
    let states: Vec<_> = (0..8).map(|number| lab.learner.work().join(format!("state-{number}"))).collect();
    for state in &states {
        make_container(state, CONTAINERS[0]);
    }
    let explore = |state: &std::path::Path, verb: &str| {
        lab.learner.explore(["network", verb, CONTAINERS[0], "--json"]).env("EXPLORE_ROOT", state).run().status(0)
    };
    let at_once = |verb: &str| -> Vec<crate::support::Output> {
        std::thread::scope(|scope| {
            let running: Vec<_> = states.iter().map(|state| scope.spawn(|| explore(state, verb))).collect();
            running.into_iter().map(|one| one.join().unwrap()).collect()
        })
    };
    let gateway = |told: &crate::support::Output| told.json()["lease"]["gateway"].to_string();
    let gateways: std::collections::BTreeSet<String> = at_once("up").iter().map(gateway).collect();
    assert_eq!(gateways.len(), states.len(), "two states have one network: {gateways:?}");
    at_once("down");
    assert_eq!(lab.forwarding(), forwards);
    for state in &states {
        std::fs::remove_dir_all(state).unwrap();
    }
    before.assert_unchanged();
}

#[test]
fn two_commands_on_one_state_wait_for_each_other() {
    require!("stages::network::one_state", is_root(), super::ROOT);
    let lab = Lab::new();
    let before = HostState::of(&lab.learner);
    for _ in 0..5 {
        let (one, two) = std::thread::scope(|scope| {
            let other = scope.spawn(|| lab.up(1));
            (lab.up(0), other.join().unwrap())
        });
        assert_ne!(one, two);
        assert_eq!(one.octets()[..3], two.octets()[..3], "two networks for one state");
        std::thread::scope(|scope| {
            scope.spawn(|| lab.down(1));
            lab.down(0);
        });
        assert!(lab.bridge().is_none());
    }
    before.assert_unchanged();
}
