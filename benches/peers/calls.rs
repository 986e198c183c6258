//! Where the time of a run goes: its system calls by wall clock, all processes together, as strace counts them.
//!
//! strace makes each call slower, most of all the short ones: shares are to be read, not sums. The time of a call that
//! waits (poll, wait4, a read from another process of the run) is somebody else's work.

use crate::peer::Peers;
use crate::support::has_program;

const LINES: usize = 18;

pub(crate) fn show(peers: &Peers) {
    if !has_program("strace") {
        println!("calls: strace is not installed, left out");
        return;
    }
    let root = peers.rootfs.to_string_lossy().into_owned();
    let floor = ["--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "chroot", &root, "true"];
    let learner = &peers.learner;
    for (name, run) in [
        (
            "explore run --rm --network none demo true",
            learner.explore(["run", "--rm", "--network", "none", "demo", "true"]),
        ),
        ("the floor: unshare and chroot", learner.program("unshare", floor)),
    ] {
        let told = peers.place("calls");
        run.wrapped_by(["strace", "-f", "-c", "-w", "-o", &told]).run().status(0);
        println!("\nsystem calls by time, {name}");
        let text = std::fs::read_to_string(&told).unwrap();
        text.lines().take(LINES).chain(text.lines().last()).for_each(|line| println!("{line}"));
    }
}
