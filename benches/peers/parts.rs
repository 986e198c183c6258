//! What `run` is made of: create, start, rm; and exec into one that runs.

use crate::peer::{Peer, Peers, Runtime};
use crate::race::{Contestant, race};
use crate::support::Run;
use std::time::Duration;

const SLEEP: [&str; 2] = ["sleep", "100000"];

pub(crate) fn compare(peers: &Peers) {
    let runtimes = Runtime::all(peers, "sleep", &SLEEP);
    for (title, part) in [("create", Part::Create), ("start", Part::Start), ("rm -f of one that runs", Part::Remove)] {
        let engines = peers.engines.iter().cloned();
        let mut contestants: Vec<_> =
            engines.map(|peer| Contestant::new(peer.name, move || lifecycle(&peer)[part as usize])).collect();
        contestants
            .extend(runtimes.iter().cloned().map(|one| Contestant::new(one.name, move || bundle(&one)[part as usize])));
        race(title, contestants);
    }
    exec(peers, &runtimes);
}

#[derive(Clone, Copy)]
enum Part {
    Create,
    Start,
    Remove,
}

/// All three, in their order.
fn lifecycle(peer: &Peer) -> [Duration; 3] {
    let create = ["create", "--name", "part", "--network", "none", "demo", SLEEP[0], SLEEP[1]];
    [peer.run(&create), peer.run(&["start", "part"]), peer.remove(&["part"])].map(Run::timed)
}

fn bundle(runtime: &Runtime) -> [Duration; 3] {
    let create = ["create", "--bundle", &runtime.bundle, "part"];
    [&create[..], &["start", "part"], &["delete", "--force", "part"]].map(|words| runtime.run(words).timed())
}

fn exec(peers: &Peers, runtimes: &[Runtime]) {
    let mut contestants = Vec::new();
    for peer in peers.engines.iter().cloned() {
        peer.run(&["run", "-d", "--name", "up", "--network", "none", "demo", SLEEP[0], SLEEP[1]]).timed();
        contestants.push(Contestant::new(peer.name, move || peer.run(&["exec", "up", "true"]).timed()));
    }
    for runtime in runtimes.iter().cloned() {
        runtime.run(&["create", "--bundle", &runtime.bundle, "up"]).timed();
        runtime.run(&["start", "up"]).timed();
        contestants.push(Contestant::new(runtime.name, move || runtime.run(&["exec", "up", "true"]).timed()));
    }
    race("exec true", contestants);
    for peer in &peers.engines {
        peer.remove(&["up"]).timed();
    }
    for runtime in runtimes {
        runtime.run(&["delete", "--force", "up"]).timed();
    }
}
