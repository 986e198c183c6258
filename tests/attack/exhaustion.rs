//! Those who take more than their part.

use crate::forge::Forge;
use crate::peer::Peer;
use crate::support::{is_root, require};

#[test]
fn a_fork_bomb_stops_at_its_limit() {
    require!("attack::forks", is_root(), "needs root for cgroups");
    let peer = Peer::with(|_| Forge::default().file("x", ""));
    // As many as it gets of a hundred, counted in /proc; sh itself is one.
    let bomb = "n=0; while [ $n -lt 100 ]; do sleep 100 & n=$((n+1)); done 2>/dev/null; echo never";
    let count = "sh -c 'n=0; while [ $n -lt 100 ]; do sleep 100 & n=$((n+1)); done' 2>/dev/null; \
                 set -- /proc/[0-9]*; echo $#";
    let limited = peer.explore(&["--pids-limit", "20"], count);
    let number: u32 = limited.out.trim().parse().unwrap_or(0);
    assert!(number <= 20, "{number} of at most 20\n{}", limited.shown());
    let free = peer.explore(&[], count).status(0);
    assert!(free.out.trim().parse::<u32>().unwrap() > 100, "without a limit there is none\n{}", free.shown());
    // The machine outside has its own numbers.
    peer.explore(&["--pids-limit", "20"], bomb);
    peer.learner
        .program("sh", ["-c", "for n in 1 2 3 4 5 6 7 8 9; do sleep 0 & done; wait; echo well"])
        .run()
        .stdout("well\n");
}

#[test]
fn what_is_memory_inside_has_a_size() {
    require!("attack::tmpfs", is_root(), "needs root for a machine of its own");
    let peer = Peer::with(|_| Forge::default().file("x", ""));
    for (folder, mebibytes) in [("/dev/shm", 64), ("/dev", 64)] {
        let script = format!("head -c 100m /dev/zero >{folder}/fill; wc -c <{folder}/fill");
        let told = peer.explore(&[], &script);
        let written: u64 = told.out.trim().parse().unwrap();
        assert!(written <= mebibytes << 20, "{}", told.shown());
        assert!(told.err.contains("No space left on device"), "{}", told.shown());
    }
    let told = peer.unguarded(
        "mount -t tmpfs -o size=200m tmpfs $ROOT/tmp; head -c 100m /dev/zero >$ROOT/tmp/fill; wc -c <$ROOT/tmp/fill",
    );
    assert_eq!(told.out, "104857600\n");
}
