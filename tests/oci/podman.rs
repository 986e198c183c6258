//! podman, with explore as its runtime by path.

use crate::support::{Learner, Run, has_program, is_root, require};

/// `podman …`, where only version 1 of the cgroups is mounted, with folders of the learner's own.
fn podman(learner: &Learner, words: &[&str]) -> Run {
    let script = "umount /sys/fs/cgroup/unified 2>/dev/null; test -d /run/of-test || { mount -t tmpfs tmpfs /run; \
        mkdir /run/lock /run/of-test; }; exec podman --root $HOME/p --runroot $HOME/r --tmpdir $HOME/t --cgroup-manager cgroupfs --events-backend none \
        --runtime $HOME/explore-oci \"$@\"";
    learner.program("sh", ["-c", script, "sh"]).args(words)
}

#[test]
fn podman_makes_its_containers_by_our_stages() {
    let able = is_root() && has_program("podman");
    require!("oci::podman", able, "needs root and podman(1)");
    let learner = Learner::new();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_explore"), learner.home().join("explore-oci")).unwrap();
    let demo = learner.home().join("demo.tar").display().to_string();
    learner.explore(["save", "-o", &demo, "demo"]).run().status(0);
    let run = |words: &[&str]| podman(&learner, words).run();
    run(&["load", "-q", "-i", &demo]).status(0);
    // Its own limits are higher than a root without CAP_SYS_RESOURCE may set.
    let flags = ["--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];
    let container = |lead: &[&str], rest: &[&str]| run(&[lead, &flags, rest].concat());
    container(&["run", "--rm"], &["demo", "sh", "-c", "echo said; exit 3"]).status(3).stdout("said\n");
    container(&["run", "--rm"], &["demo", "/nosuch"]).status(127);
    container(&["run", "--rm"], &["demo", "/etc"]).status(126);
    container(&["run", "-d", "--name", "c"], &["demo", "sleep", "1000"]).status(0);
    run(&["exec", "c", "sh", "-c", "hostname; exit 9"]).status(9);
    run(&["exec", "-u", "1000", "c", "id", "-u"]).status(0).stdout("1000\n");
    run(&["pause", "c"]).status(0);
    run(&["unpause", "c"]).status(0);
    run(&["stop", "-t", "1", "c"]).status(0);
    run(&["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "c"]).stdout("exited 137\n");
    run(&["start", "c"]).status(0);
    run(&["kill", "c"]).status(0);
    run(&["rm", "-f", "c"]).status(0);
}
