//! Namespaces that a container shares: with this machine, or with another container.

use crate::containers::{background, learner, learners};
use crate::support::{Learner, eventually, has_program, is_root, require};

const ROOT: &str = "needs root: --pid host is refused without";

/// The namespace of this kind that is seen from where the tests' commands run.
fn outside(learner: &Learner, kind: &str) -> String {
    learner.program("readlink", [format!("/proc/self/ns/{kind}")]).run().status(0).out
}

fn inside(learner: &Learner, flags: &[&str], kind: &str) -> String {
    let path = format!("/proc/self/ns/{kind}");
    learner.explore(["run", "--rm"]).args(flags).args(["demo", "readlink", &path]).run().status(0).stderr("").out
}

#[test]
fn what_is_the_hosts_is_the_hosts_and_the_rest_is_its_own() {
    require!("stages::spaces::host", is_root(), ROOT);
    let learner = learner();
    let table: [(&[&str], &str); 4] = [
        (&["--pid", "host"], "pid"),
        (&["--uts", "host"], "uts"),
        (&["--ipc", "host"], "ipc"),
        (&["--cgroupns", "host"], "cgroup"),
    ];
    for (flags, shared) in table {
        for kind in ["pid", "uts", "ipc", "mnt", "net"] {
            let same = inside(&learner, flags, kind) == outside(&learner, kind);
            assert_eq!(same, kind == shared, "{flags:?}: {kind}");
        }
    }
    assert_ne!(inside(&learner, &["--cgroupns", "private"], "cgroup"), outside(&learner, "cgroup"));
    assert_eq!(inside(&learner, &["--userns", "host"], "user"), outside(&learner, "user"));
    let groups = learner.explore(["run", "--rm", "--cgroupns", "private", "demo", "cat", "/proc/self/cgroup"]).run();
    assert!(groups.status(0).out.lines().all(|line| line.ends_with(":/")), "its own groups are the top for it");
}

#[test]
fn a_container_sees_the_processes_of_the_host_under_their_numbers_and_has_its_name() {
    require!("stages::spaces::host_pid", is_root(), ROOT);
    let learner = learner();
    let id = background(&learner, "other", "sleep 4321");
    let listed = learner.explore(["run", "--rm", "--pid", "host", "demo", "ps", "-e", "-o", "pid=,args="]).run();
    let pid = learner.explore(["inspect", "-f", "{{.State.Pid}}", &id[..12]]).run().status(0).out;
    let row = format!("{} ", pid.trim());
    assert!(listed.out.lines().any(|line| line.trim().starts_with(&row)), "{}", listed.shown());
    let name = learner.program("hostname", [""; 0]).run().status(0).out;
    learner.explore(["run", "--rm", "--uts", "host", "demo", "hostname"]).run().status(0).stdout(&name);
    // What it leaves running ends with it, though no PID namespace does.
    let leaves = ["run", "--rm", "--pid", "host", "demo", "sh", "-c", "sleep 7654 & echo started"];
    learner.explore(leaves).run().status(0).stdout("started\n");
    let all = learner.program("ps", ["-e", "-o", "args"]).run().status(0);
    assert!(!all.out.contains("sleep 7654"), "{}", all.shown());
}

#[test]
fn two_containers_share_processes_queues_and_memory_and_nothing_else() {
    for learner in learners() {
        let script = "echo there >/dev/shm/x; sleep 1000";
        let words =
            ["run", "-d", "--name", "donor", "--network", "none", "--ipc", "shareable", "demo", "sh", "-c", script];
        learner.explore(words).run().status(0).stderr("");
        eventually("it has written", || learner.explore(["exec", "donor", "cat", "/dev/shm/x"]).run().code == 0);
        let join = ["--pid", "container:donor", "--ipc", "container:donor"];
        for kind in ["pid", "ipc", "uts", "mnt", "net"] {
            let theirs = learner.explore(["exec", "donor", "readlink", &format!("/proc/self/ns/{kind}")]).run().out;
            let same = inside(&learner, &join, kind) == theirs;
            assert_eq!(same, matches!(kind, "pid" | "ipc"), "{kind}");
        }
        let told = learner.explore(["run", "--rm"]).args(join).args(["demo", "sh", "-c"]);
        let told = told.arg("cat /dev/shm/x; ps -o args= -p 1; echo back >/dev/shm/y").run().status(0).stderr("");
        assert_eq!(told.out, "there\nsh -c echo there >/dev/shm/x; sleep 1000\n");
        learner.explore(["exec", "donor", "cat", "/dev/shm/y"]).run().status(0).stdout("back\n");
        // It is stopped by its signal: it is no PID 1.
        let network = ["--network", "container:donor"];
        learner
            .explore(["run", "-d", "--name", "guest"])
            .args(join)
            .args(network)
            .args(["demo", "sleep", "1000"])
            .run()
            .status(0);
        learner.explore(["stop", "-t", "1000", "guest"]).run().status(0);
        learner.explore(["wait", "guest"]).run().status(0).stdout("143\n");
        // Its configuration says so to others, too.
        learner.explore(["start", "guest"]).run().status(0);
        let pid = learner.explore(["inspect", "-f", "{{.State.Pid}}", "donor"]).run().status(0).out;
        let beside = learner.explore(["inspect", "-f", "{{.HostsPath}}", "guest"]).run().status(0).out;
        let config = beside.trim().replace("[HERE]", &learner.everything().to_string_lossy());
        let config = config.replace("/hosts", "/config.json");
        let config = learner.program("cat", [config]).run().status(0).json();
        let listed = config["linux"]["namespaces"].as_array().unwrap().clone();
        let path = |kind: &str| listed.iter().find(|one| one["type"] == kind).unwrap()["path"].clone();
        for kind in [("pid", "pid"), ("ipc", "ipc"), ("network", "net")] {
            assert_eq!(path(kind.0), format!("/proc/{}/ns/{}", pid.trim(), kind.1));
        }
        assert!(path("uts").is_null());
        // With the other one gone there is nothing to join.
        learner.explore(["stop", "-t", "0", "donor"]).run().status(0);
        eventually("it goes with the namespace", || learner.explore(["ps", "-q"]).run().out.is_empty());
        learner.explore(["start", "guest"]).run().fails(125, "cannot join PID of a non running container: donor");
        learner.explore(["rm", "donor", "guest"]).run().status(0);
    }
}

#[test]
fn what_cannot_be_shared_is_refused_in_dockers_words() {
    let learner = learner();
    background(&learner, "closed", "sleep 1000");
    let run = |flags: &[&str]| learner.explore(["run", "--rm"]).args(flags).args(["demo", "true"]).run();
    run(&["--ipc", "container:closed"]).fails(125, "cannot join IPC of container closed: non-shareable IPC");
    run(&["--pid", "container:nosuch"]).fails(125, "no such container: nosuch");
    run(&["--uts", "host", "--hostname", "x"]).fails(125, "conflicting options: hostname and the UTS mode");
    run(&["--ipc", "host", "--sysctl", "kernel.shmmax=1"]).fails(125, "is not allowed in an IPC namespace");
    for (flag, mode) in [("pid", "PID"), ("ipc", "IPC"), ("uts", "UTS"), ("userns", "USER"), ("cgroupns", "CGROUP")] {
        let told = run(&[&format!("--{flag}=nonsense")]).status(125);
        assert!(told.err.contains(&format!("invalid {mode} mode")), "{}", told.shown());
    }
    learner.explore(["create", "--uts", "host", "--hostname", "x", "demo"]).run().status(1);
    run(&["--ipc", "none"]).status(0);
    let told = learner.explore(["run", "--rm", "--ipc", "none", "demo", "ls", "/dev/shm"]).run();
    assert_ne!(told.code, 0, "{}", told.shown());
}

/// Its first process stands for two seconds where it was born: in the mounts, and in one case in the network, of this
/// machine. Who goes into it by its number would find itself outside.
#[test]
fn nobody_finds_a_container_before_its_first_process_is_the_program() {
    require!("stages::spaces::early", is_root() && has_program("strace"), "needs root and strace(1)");
    let learner = learner();
    let host_file = learner.work().join("of the host");
    std::fs::write(&host_file, "").unwrap();
    let begun = || {
        let folder = std::fs::read_dir(learner.state().join("run/containers")).ok()?.flatten().next()?;
        Some(std::fs::read_dir(folder.path()).ok()?.flatten().any(|one| one.path().extension().is_some()))
    };
    for call in ["setns", "pivot_root"] {
        let late = format!("inject={call}:delay_enter=2000000");
        let trace = format!("trace={call}");
        let run = learner.explore(["run", "-d", "--name", "box", "demo", "sleep", "1000"]);
        let run = run.wrapped_by(["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &late]).spawn();
        eventually("its supervisor has written down whom it starts", || begun() == Some(true));
        learner.explore(["ps", "-q"]).run().status(0).stdout("");
        let beside = ["run", "--rm", "--network", "container:box", "demo", "true"];
        learner.explore(beside).run().stdout("").fails(125, "cannot join network of a non running container: box");
        // One more process waits for it.
        let look = r#"ls -d "$0" 2>&1; readlink /proc/self/ns/net"#;
        let seen = learner.explore(["exec", "box", "sh", "-c", look]).arg(&host_file).run().status(0);
        assert!(seen.out.contains("No such file"), "{call}: it stands at the root of this machine: {}", seen.shown());
        assert!(!seen.out.contains(outside(&learner, "net").trim()), "{call}: {}", seen.shown());
        // strace goes with its last process.
        learner.explore(["rm", "-f", "box"]).run().status(0);
        run.finish("run").status(0);
    }
}
