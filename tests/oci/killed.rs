//! SIGKILL of `create`, or of all that it has made, at any moment: `delete --force` leaves nothing.

use crate::bundle::Bundle;
use crate::support::{HostState, Random, eventually, is_root, require};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::{Duration, Instant};

#[test]
fn whatever_of_create_is_killed_whenever_delete_leaves_nothing() {
    require!("oci::killed", is_root(), "needs root for a machine of its own");
    let rounds = std::env::var("EXPLORE_KILLS").ok().and_then(|number| number.parse().ok()).unwrap_or(20);
    let bundle = Bundle::new();
    bundle.script("sleep 1000");
    let before = HostState::of(&bundle.learner);
    let create = || bundle.oci(["create", "c"]).quiet();
    let one = |_| {
        let began = Instant::now();
        create().run().status(0);
        let took = began.elapsed();
        bundle.oci(["delete", "--force", "c"]).run().status(0);
        took
    };
    let length: Duration = (0..3).map(one).min().unwrap();
    let mut random = Random::seeded();
    let (mut hits, mut half_made) = (0, 0);
    for round in 0..rounds {
        let running = create().spawn();
        let moment = random.moment(length);
        std::thread::sleep(moment);
        let all: Vec<Pid> = bundle.learner.processes().into_iter().map(Pid::from_raw).collect();
        let victims = if random.below(2) == 0 { vec![running.pid] } else { all };
        for &pid in &victims {
            let _ = kill(pid, Signal::SIGKILL);
        }
        let told = format!("EXPLORE_SEED={}, round {round}: killed {moment:?} into create", random.seed);
        hits += u32::from(!victims.is_empty());
        running.finish(&told);
        half_made += u32::from(bundle.root().join("c").exists());
        bundle.oci(["delete", "--force", "c"]).run().status(0);
        eventually(&told, || bundle.learner.processes().is_empty());
        let left = before.differences(Duration::from_secs(10));
        assert!(left.is_empty(), "{told}\n{}", left.join("\n"));
    }
    assert!(
        hits * 2 > rounds && half_made > 0,
        "{hits} of {rounds} kills met anybody, {half_made} something half made"
    );
}
