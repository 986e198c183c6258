//! SIGKILL at any moment: the store is then as it was, or whole, and what was begun is known and removed.

use crate::support::{HostState, Learner, Random};
use explore::state::Roots;
use nix::sys::signal::Signal;
use std::time::Duration;

#[test]
fn a_killed_pull_leaves_nothing_half_written_under_a_name() {
    let learner = Learner::new();
    let roots = Roots::find(Some(&learner.state())).unwrap();
    let before = HostState::of(&learner);
    let mut random = Random::seeded();
    for round in 0..8 {
        let running = learner.explore(["pull", "-q", "demo"]).spawn();
        std::thread::sleep(random.moment(Duration::from_millis(900)));
        running.signal(Signal::SIGKILL);
        drop(running);
        // What has its name is whole: its content still has the digest that it is named by.
        let blobs = roots.images().join("blobs/sha256");
        for blob in std::fs::read_dir(blobs).into_iter().flatten().flatten() {
            let digest = explore::image::Digest::of(&std::fs::read(blob.path()).unwrap());
            assert_eq!(digest.hex(), blob.file_name().to_str().unwrap(), "round {round}");
        }
        if explore::image::find(&roots, "demo").is_ok() {
            learner.explore(["rmi", "demo"]).run().status(0);
        }
        before.assert_unchanged();
    }
    explore::image::sweep(&roots).unwrap();
    for folder in ["images", "layers", "demo"] {
        let left = std::fs::read_dir(roots.data.join(folder).join(".ingest")).into_iter().flatten().count();
        assert_eq!(left, 0, "{folder}");
    }
    learner.explore(["pull", "-q", "demo"]).run().status(0).stdout("demo:latest\n");
}
