//! Stage 4. The learner's machine is the host; beside it there is a server in a network namespace of its own, which
//! knows no way back to a container.

mod faults;
mod lab;
mod moves;
mod named;
mod published;
mod six;
mod strangers;
mod surroundings;

use crate::support::{HostState, Learner, has_program, is_root, require};
use lab::{CONTAINERS, Lab};
use std::io::ErrorKind;

const ROOT: &str = "needs root for a machine of its own";

#[test]
fn a_server_sees_the_address_of_the_host_and_without_our_table_it_sees_nothing() {
    require!("stages::network::masquerade", is_root(), ROOT);
    let lab = Lab::new();
    lab.up(0);
    let seen = lab.server_sees(0).expect("the container reaches the server");
    assert_eq!(seen, lab::HOST_OUTSIDE, "the server must see the host's address and not the container's");

    lab.remove_our_table();
    assert_eq!(lab.server_sees(0).unwrap_err(), ErrorKind::TimedOut, "without masquerading no answer finds back");
}

#[test]
fn containers_reach_each_other_by_their_own_addresses() {
    require!("stages::network::neighbours", is_root(), ROOT);
    let lab = Lab::new();
    let (one, two) = (lab.up(0), lab.up(1));
    assert_ne!(one, two);
    let seen = lab::seen_by(&lab.container(1), two, &lab.container(0)).expect("a neighbour is reached");
    assert_eq!(seen, one, "the bridge is one network: nobody's address is translated in it");
}

#[test]
fn nothing_enters_by_the_uplink_that_did_not_before() {
    require!("stages::network::answers_only", is_root(), ROOT);
    let lab = Lab::new();
    let container = lab.up(0);
    lab.server_learns_the_way_to(container);
    let reach = || lab::seen_by(&lab.container(0), container, &lab.server).map_err(|error| error.kind());
    assert_eq!(reach().unwrap_err(), ErrorKind::TimedOut, "we have opened the host to its uplink");

    lab.remove_our_table();
    assert_eq!(reach().expect("only our rule stood in between"), lab::SERVER);
}

#[test]
fn beside_a_firewall_that_drops_the_one_rule_that_is_named_lets_containers_out() {
    require!("stages::network::firewall", is_root() && has_program("nft"), "needs root and nft(8)");
    let lab = Lab::new();
    let firewall =
        "add table inet walls; add chain inet walls pass { type filter hook forward priority 10; policy drop; }";
    lab.learner.program("nft", [firewall]).run().status(0);
    let told = lab.learner.explore(["network", "up", CONTAINERS[0], "--json"]).run().status(0);
    let notes = told.json()["lease"]["notes"].clone();
    let rule = notes[0].as_str().expect("the reader is told").split("containers out: ").nth(1).unwrap().to_owned();
    assert_eq!(lab.server_sees(0).unwrap_err(), ErrorKind::TimedOut, "the firewall of others stays as it was");

    lab.learner.program("sh", ["-c", &rule]).run().status(0);
    assert_eq!(lab.server_sees(0).expect("the rule lets it out"), lab::HOST_OUTSIDE);
}

#[test]
fn up_and_down_leave_the_host_as_it_was() {
    require!("stages::network::nothing_left", is_root(), ROOT);
    let lab = Lab::new();
    let (before, forwards) = (HostState::of(&lab.learner), lab.forwarding());
    lab.up(0);
    lab.up(1);
    assert_ne!(lab.forwarding(), forwards, "the uplink must forward while there is a container");
    lab.down(0);
    assert!(lab.server_sees(1).is_ok(), "the first to go took the bridge along");
    lab.down(1);
    assert_eq!(lab.forwarding(), forwards);
    before.assert_unchanged();
}

#[test]
fn both_ends_name_each_other() {
    require!("stages::network::pair", is_root(), ROOT);
    let lab = Lab::new();
    lab.up(0);
    let shown = lab.learner.explore(["network", "show", "3f2a", "--json"]).run().status(0).json()["network"].clone();
    let inside = shown["links"].as_array().unwrap().iter().find(|link| link["name"] == "eth0").unwrap().clone();
    let outside = &shown["host_link"];
    assert_eq!((&inside["peer"], &outside["peer"]), (&outside["index"], &inside["index"]));
    assert_eq!(outside["master"], shown["bridge"]["index"]);
    let ip: std::net::Ipv4Addr = shown["lease"]["ip"].as_str().unwrap().parse().unwrap();
    let mac: Vec<u8> = serde_json::from_value(inside["mac"].clone()).unwrap();
    assert_eq!(mac[..2], [0x02, 0x42]);
    assert_eq!(mac[2..], ip.octets(), "the address on the wire ends in the IPv4 address");
}

#[test]
fn a_machine_without_a_network_still_connects_its_containers_and_says_that_this_is_all() {
    require!("stages::network::alone", is_root(), ROOT);
    let learner = Learner::new();
    lab::make_containers(&learner);
    let before = HostState::of(&learner);
    learner
        .explore(["network", "up", CONTAINERS[0]])
        .run()
        .status(0)
        .stdout_has("nothing: this network namespace has no route");
    learner.explore(["network", "down", CONTAINERS[0]]).run().status(0);
    before.assert_unchanged();
}

#[test]
fn without_root_the_same_commands_work_in_a_network_namespace_of_ones_own() {
    require!("stages::network::user", is_root(), "needs root to become somebody else");
    let learner = Learner::user();
    let id = CONTAINERS[0];
    let folder = learner.state().join("data/containers").join(id);
    let script = format!(
        "mkdir -p {folder} && printf %s '{record}' >{folder}/container.json && \
         $EXPLORE network up {id} && $EXPLORE network show {id} && $EXPLORE network down {id}",
        folder = folder.display(),
        record = lab::record(id),
    );
    let told = learner.program("sh", ["-c", &script]).run().status(0).stderr("");
    assert!(told.out.contains("masquerade") && told.out.ends_with(&format!("{id}\n")), "{}", told.out);
}
