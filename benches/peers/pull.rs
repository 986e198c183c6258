//! A pull from a registry on loopback: until the image can be run, so store and unpacked layers.

use crate::peer::Peers;
use crate::race::{Contestant, rounds};
use crate::support::{Learner, Running, eventually, has_program};
use crate::{image, setting};
use std::path::Path;
use std::time::Duration;

const ADDRESS: &str = "127.0.0.1:5000";

pub(crate) fn compare(peers: &Peers) {
    if !has_program("docker-registry") || !has_program("skopeo") {
        println!("pull: left out, it needs docker-registry and skopeo");
        return;
    }
    let megabytes = u64::from(setting("EXPLORE_BENCH_PULL", 1100));
    let layout = peers.place("big");
    image::write(Path::new(&layout), megabytes);
    // podman asks on its own machine; both have the same files.
    let _registries = [&peers.learner, &peers.other].map(|learner| registry(peers, learner));
    let copy =
        ["copy", "-q", "--dest-tls-verify=false", &format!("oci:{layout}:big"), &format!("docker://{ADDRESS}/big")];
    peers.learner.program("skopeo", copy).run().status(0);
    let compressed = size(&Path::new(&layout).join("blobs/sha256")) >> 20;
    let mut contestants = Vec::new();
    for peer in peers.engines.iter().cloned() {
        let name = format!("{ADDRESS}/big");
        contestants.push(Contestant::new(peer.name, move || {
            let flags: &[&str] = if peer.name == "podman" { &["--tls-verify=false"] } else { &[] };
            let took = peer.run(&[&["pull", "-q"], flags, &[&name]].concat()).timed();
            peer.run(&["rmi", &name]).timed();
            took
        }));
    }
    if has_program("umoci") {
        let (learner, folder) = (peers.learner.clone(), peers.place("skopeo"));
        contestants.push(Contestant::new("skopeo and umoci", move || copy_and_unpack(&learner, &folder)));
    } else {
        println!("skopeo and umoci: umoci is not installed, left out");
    }
    let title = format!("pull of 7 layers, {megabytes} MiB, {compressed} MiB compressed");
    rounds(&title, contestants, setting("EXPLORE_BENCH_PULLS", 3));
}

fn copy_and_unpack(learner: &Learner, folder: &str) -> Duration {
    let (from, to) = (format!("docker://{ADDRESS}/big"), format!("oci:{folder}:big"));
    let copied = learner.program("skopeo", ["copy", "-q", "--src-tls-verify=false", &from, &to]).timed();
    let (image, bundle) = (format!("{folder}:big"), format!("{folder}-bundle"));
    let unpacked = learner.program("umoci", ["unpack", "--image", &image, &bundle]).timed();
    for path in [folder, &bundle] {
        std::fs::remove_dir_all(path).unwrap();
    }
    copied + unpacked
}

fn registry(peers: &Peers, learner: &Learner) -> Running {
    let config = learner.everything().join("registry.yml");
    let storage = format!("storage: {{filesystem: {{rootdirectory: {}}}}}", peers.place("registry"));
    let text = format!("version: 0.1\nlog: {{level: error}}\n{storage}\nhttp: {{addr: {ADDRESS}}}\n");
    std::fs::write(&config, text).unwrap();
    let running = learner.program("docker-registry", ["serve", config.to_str().unwrap()]).quiet().spawn();
    eventually("the registry listens", || learner.at_machine(|| std::net::TcpStream::connect(ADDRESS).is_ok()));
    running
}

fn size(folder: &Path) -> u64 {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}
