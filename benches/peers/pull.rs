//! A pull from a registry on loopback: until the image can be run, so store and unpacked layers.

use crate::peer::Peers;
use crate::race::{Contestant, rounds};
use crate::support::{Learner, Running, eventually, has_program};
use crate::{image, setting};
use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

const ADDRESS: &str = "127.0.0.1:5000";

pub(crate) fn compare(peers: &Peers) {
    if !has_program("docker-registry") || !has_program("skopeo") {
        println!("pull: left out, it needs docker-registry and skopeo");
        return;
    }
    let megabytes = u64::from(setting("EXPLORE_BENCH_PULL", 1100));
    let times = setting("EXPLORE_BENCH_PULLS", 3);
    // podman asks on its own machine; both have the same files.
    let _registries = [&peers.learner, &peers.other].map(|learner| registry(peers, learner));
    let sizes: Vec<u64> = (0..=times).map(|round| push(peers, round, megabytes)).collect();
    let mut contestants = Vec::new();
    for peer in peers.engines.iter().cloned() {
        let (round, blobs) = (Cell::new(0), peers.place("registry"));
        contestants.push(Contestant::new(peer.name, move || {
            let flags: &[&str] = if peer.name == "podman" { &["--tls-verify=false"] } else { &[] };
            let name = format!("{ADDRESS}/{}", image_of(round.replace(round.get() + 1)));
            settle(Path::new(&blobs));
            peer.run(&[&["pull", "-q"], flags, &[&name]].concat()).timed()
        }));
    }
    if has_program("umoci") {
        let (learner, folder, round) = (peers.learner.clone(), peers.place("skopeo"), Cell::new(0));
        let blobs = peers.place("registry");
        contestants.push(Contestant::new("skopeo and umoci", move || {
            settle(Path::new(&blobs));
            copy_and_unpack(&learner, &folder, &image_of(round.replace(round.get() + 1)))
        }));
    } else {
        println!("skopeo and umoci: umoci is not installed, left out");
    }
    let title = format!("pull of 7 layers, {megabytes} MiB, {} MiB compressed", sizes[0] >> 20);
    rounds(&title, contestants, times);
}

/// Each round has an image that nobody has yet, and nothing is removed before the end: to remove 28,000 files makes the
/// next one slow, whoever it is (ext4 without a journal looks at each inode that was freed in the last minute before it
/// gives it out again, `recently_deleted` in fs/ext4/ialloc.c).
fn push(peers: &Peers, round: u32, megabytes: u64) -> u64 {
    let layout = peers.place("big");
    image::write(Path::new(&layout), megabytes);
    let name = image_of(round);
    let copy =
        ["copy", "-q", "--dest-tls-verify=false", &format!("oci:{layout}:big"), &format!("docker://{ADDRESS}/{name}")];
    peers.learner.program("skopeo", copy).run().status(0);
    let compressed = size(&Path::new(&layout).join("blobs/sha256"));
    std::fs::remove_dir_all(layout).unwrap();
    compressed
}

/// The same machine for everybody: what the one before has written is on the disk and no longer in memory, which a few
/// gigabytes fill, and then the kernel makes room in the time of whoever is next. What the registry sends is in memory.
fn settle(blobs: &Path) {
    nix::unistd::sync();
    std::fs::write("/proc/sys/vm/drop_caches", "1").unwrap();
    read(blobs);
}

fn read(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            read(&entry.path());
        } else {
            std::io::copy(&mut std::fs::File::open(entry.path()).unwrap(), &mut std::io::sink()).unwrap();
        }
    }
}

fn image_of(round: u32) -> String {
    format!("big{round}")
}

fn copy_and_unpack(learner: &Learner, folder: &str, name: &str) -> Duration {
    let (from, to) = (format!("docker://{ADDRESS}/{name}"), format!("oci:{folder}-{name}:big"));
    let copied = learner.program("skopeo", ["copy", "-q", "--src-tls-verify=false", &from, &to]).timed();
    let (image, bundle) = (format!("{folder}-{name}:big"), format!("{folder}-{name}-bundle"));
    let unpacked = learner.program("umoci", ["unpack", "--image", &image, &bundle]).timed();
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
