//! From fork to exit: `true` in the same root filesystem.

use crate::peer::{Peers, Runtime};
use crate::race::{Contestant, race};
use crate::support::has_program;

/// Without network, and on a bridge.
pub(crate) fn compare(peers: &Peers) {
    let mut contestants = engines(peers, &["--network", "none"]);
    for runtime in Runtime::all(peers, "true", &["true"]) {
        let name = runtime.name;
        let run = move || runtime.run(&["run", "--bundle", &runtime.bundle, "bench"]).timed();
        contestants.push(Contestant::new(name, run));
    }
    let root = peers.rootfs.to_string_lossy().into_owned();
    let bwrap = ["--unshare-all", "--bind", &root, "/", "--proc", "/proc", "--dev", "/dev", "true"];
    let floor = ["--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "chroot", &root, "true"];
    for (name, program, words) in [("bwrap", "bwrap", &bwrap[..]), ("unshare and chroot", "unshare", &floor)] {
        if !has_program(program) {
            println!("{name}: not installed, left out");
            continue;
        }
        let (learner, words) = (peers.learner.clone(), words.iter().map(ToString::to_string).collect::<Vec<_>>());
        contestants.push(Contestant::new(name, move || learner.program(program, &words).timed()));
    }
    race("run --rm true, no network", contestants);
    race("run --rm true, on a bridge", engines(peers, &["--network", "bridge"]));
}

/// With a limit on everything.
pub(crate) fn with_limits(peers: &Peers) {
    let flags =
        ["--network", "none", "--memory", "64m", "--memory-swap", "96m", "--cpus", "0.5", "--cpu-shares", "512"];
    let more = ["--cpuset-cpus", "0", "--pids-limit", "50"];
    race("run --rm true, no network, all limits", engines(peers, &[&flags[..], &more].concat()));
}

fn engines(peers: &Peers, flags: &[&str]) -> Vec<Contestant> {
    let words = [&["run", "--rm"], flags, &["demo", "true"]].concat();
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    let contestant = |peer: &crate::peer::Peer| {
        let (peer, words) = (peer.clone(), words.clone());
        let name = peer.name;
        Contestant::new(name, move || peer.run(&words.iter().map(String::as_str).collect::<Vec<_>>()).timed())
    };
    peers.engines.iter().map(contestant).collect()
}
