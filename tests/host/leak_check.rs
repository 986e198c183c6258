//! The leak check itself: it sees what it is for, and nothing else.

use crate::support::{HostState, Learner, has_program, is_root, pids_in, require};
use std::time::Duration;

#[test]
fn a_command_that_leaves_nothing_passes() {
    require!("host::leak_check::nothing", is_root(), "needs root for a machine of its own");
    let learner = Learner::new();
    let before = HostState::of(&learner);
    learner.explore(["--version"]).run().status(0);
    before.assert_unchanged();
}

#[test]
fn each_kind_of_leak_is_seen() {
    require!("host::leak_check::leaks", is_root(), "needs root for a machine of its own");
    let leaks = [
        ("mount: ", "mount -t tmpfs left /mnt"),
        ("address or route: ", "ip link set lo up"),
        ("process: ", "sleep 1000 >/dev/null 2>&1 &"),
        // A process that has only just been started is still in the old namespace: it is waited for.
        (
            "namespace: net:",
            "unshare --net sleep 1000 >/dev/null 2>&1 & \
             until test \"$(readlink /proc/$!/ns/net)\" != \"$(readlink /proc/$$/ns/net)\"; do :; done",
        ),
        ("sysctl: /proc/sys/net/ipv4/ip_forward", "echo 1 > /proc/sys/net/ipv4/ip_forward"),
        ("host name: ", "hostname left"),
        ("file: ", "touch $TMPDIR/left"),
    ];
    for (heading, command) in leaks {
        let learner = Learner::new();
        let before = HostState::of(&learner);
        learner.program("sh", ["-c", command]).run().status(0);
        let found = before.differences(Duration::ZERO);
        assert!(found.iter().any(|line| line.starts_with(heading)), "{command} is not seen in {found:?}");
    }
}

#[test]
fn a_table_and_a_cgroup_are_seen_too() {
    require!("host::leak_check::cgroup", is_root() && has_program("nft"), "needs root and nft(8)");
    let learner = Learner::new();
    let before = HostState::of(&learner);
    // Where a container's group would be.
    let cgroup = format!("/sys/fs/cgroup/pids/explore-{}", learner.tag());
    learner.program("nft", ["add", "table", "ip", "left"]).run().status(0);
    std::fs::create_dir(&cgroup).unwrap();
    let found = before.differences(Duration::ZERO);
    std::fs::remove_dir(&cgroup).unwrap();
    let seen = |heading: &str| found.iter().any(|line| line.starts_with(heading));
    assert!(seen("nft table: 2 left") && seen("cgroup: "), "{found:?}");
}

#[test]
fn a_machine_takes_along_what_was_left_on_it() {
    require!("host::leak_check::machine", is_root(), "needs root for a machine of its own");
    let running = || {
        let command_line = |pid| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        pids_in("/proc").into_iter().filter(|&pid| command_line(pid) == b"sleep\x0071717\0").count()
    };
    let learner = Learner::new();
    learner.program("sh", ["-c", "sleep 71717 >/dev/null 2>&1 &"]).run().status(0);
    assert_eq!(running(), 1);
    drop(learner);
    assert_eq!(running(), 0);
}

#[test]
fn an_unlisted_user_can_reach_and_run_the_program() {
    require!("host::leak_check::user", is_root(), "needs root to become somebody else");
    let learner = Learner::user();
    learner.explore(["--version"]).run().status(0);
    let who = learner.program("id", ["-u"]).run().status(0);
    assert_ne!(who.out.trim(), "0");
    let groups = learner.program("id", ["-G"]).run().status(0);
    assert_eq!(groups.out, who.out, "root's groups are not handed on");
}
