//! Cgroups: what was limited is limited, what was counted is told, and nothing of it is left.

use super::containers::{background, learner, shell};
use crate::support::{HostState, Learner, Output, cgroups_of, eventually, has_program, is_root, require};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A learner whose cgroups can be written.
macro_rules! limited {
    ($name:literal) => {{
        require!($name, is_root() && Path::new("/sys/fs/cgroup").exists(), "needs root to write cgroups");
        learner()
    }};
}

fn run(learner: &Learner, flags: &[&str], script: &str) -> Output {
    shell(learner, &[&["--network", "none"], flags].concat(), script).run()
}

fn told(learner: &Learner, name: &str) -> serde_json::Value {
    let all = learner.explore(["ps", "-a", "--json"]).run().status(0);
    let all: Vec<serde_json::Value> = serde_json::from_str(&all.out).unwrap();
    all.into_iter().find(|one| one["container"]["name"] == name).unwrap()
}

/// A file of the container's group, wherever a tree has it.
fn group_file(id: &str, names: [&str; 2]) -> Option<String> {
    let groups = cgroups_of(id);
    let read = |group: &String| names.iter().find_map(|name| std::fs::read_to_string(Path::new(group).join(name)).ok());
    groups.iter().find_map(read).map(|text| text.trim().to_owned())
}

#[test]
fn every_limit_stands_in_its_file_and_an_update_changes_it_at_once() {
    let learner = limited!("stages::limits::files");
    let before = HostState::of(&learner);
    let flags = "-m 64m --memory-swap 96m --memory-reservation 32m --cpus 0.5 --cpu-shares 1024 --cpuset-cpus 0 --pids-limit 50";
    let mut arguments = vec!["run", "-d", "--name", "box", "--network", "none"];
    arguments.extend(flags.split(' '));
    arguments.extend(["demo", "sleep", "1000"]);
    let id = learner.explore(arguments).run().status(0).stderr("").out.trim().to_owned();
    let file = |v1: &str, v2: &str| group_file(&id, [v1, v2]).unwrap();
    let mebibytes = |count: u64| (count << 20).to_string();
    assert_eq!(file("memory.limit_in_bytes", "memory.max"), mebibytes(64));
    // Version 1 counts memory and swap together, version 2 swap alone.
    assert!([mebibytes(96), mebibytes(32)].contains(&file("memory.memsw.limit_in_bytes", "memory.swap.max")));
    assert_eq!(file("memory.soft_limit_in_bytes", "memory.low"), mebibytes(32));
    assert!(["50000", "50000 100000"].contains(&file("cpu.cfs_quota_us", "cpu.max").as_str()));
    assert!(["1024", "100"].contains(&file("cpu.shares", "cpu.weight").as_str()));
    assert_eq!(file("cpuset.cpus", "cpuset.cpus"), "0");
    assert_eq!(file("pids.max", "pids.max"), "50");
    learner
        .explore(["exec", "box", "grep", "Cpus_allowed_list", "/proc/self/status"])
        .run()
        .stdout("Cpus_allowed_list:\t0\n");
    // Memory grows above the old limit of memory and swap; time and tasks shrink.
    learner
        .explore(["update", "-m", "128m", "--memory-swap", "-1", "--cpus", "0.25", "--pids-limit", "20", "box"])
        .run()
        .status(0)
        .stdout("box\n");
    assert_eq!(file("memory.limit_in_bytes", "memory.max"), mebibytes(128));
    assert_ne!(file("memory.memsw.limit_in_bytes", "memory.swap.max"), mebibytes(96));
    assert!(["25000", "25000 100000"].contains(&file("cpu.cfs_quota_us", "cpu.max").as_str()));
    assert_eq!(file("pids.max", "pids.max"), "20");
    // What was changed is what the next start has.
    learner.explore(["stop", "-t", "0", "box"]).run().status(0);
    before.assert_unchanged();
    learner.explore(["start", "box"]).run().status(0);
    assert_eq!(file("memory.limit_in_bytes", "memory.max"), mebibytes(128));
    assert_eq!(file("cpuset.cpus", "cpuset.cpus"), "0");
    learner.explore(["rm", "-f", "box"]).run().status(0);
    before.assert_unchanged();
}

#[test]
fn an_update_joins_what_the_container_was_not_in() {
    let learner = limited!("stages::limits::late");
    let id = background(&learner, "box", "while :; do sleep 0.01; done");
    learner
        .explore(["update", "--cpus", "0.5", "--cpuset-cpus", "0", "box"])
        .run()
        .status(0)
        .stdout("box\n")
        .stderr("");
    assert!(["50000", "50000 100000"].contains(&group_file(&id, ["cpu.cfs_quota_us", "cpu.max"]).unwrap().as_str()));
    let inside = "cut -d: -f3 /proc/1/cgroup | sort | uniq -c; grep Cpus_allowed_list /proc/1/status";
    let of_init = learner.explore(["exec", "box", "sh", "-c", inside]).run().status(0);
    assert!(of_init.out.contains("Cpus_allowed_list:\t0\n"), "{}", of_init.shown());
    let cgroups = ["exec", "box", "sh", "-c", "cat /proc/1/cgroup; echo; cat /proc/self/cgroup"];
    let both = learner.explore(cgroups).run().status(0);
    let (init, exec) = both.out.split_once("\n\n").unwrap();
    assert_eq!(init, exec.trim_end(), "exec is limited as PID 1 is");
    learner.explore(["update", "box"]).run().status(1).stderr_has("you must provide one or more flags");
    learner.explore(["update", "-m", "1m", "box"]).run().status(1).stderr_has("minimum memory limit allowed is 6MB");
    learner.explore(["rm", "-f", "box"]).run().status(0);
    assert_eq!(cgroups_of(&id), Vec::<String>::new());
}

#[test]
fn a_fork_bomb_cannot() {
    let learner = limited!("stages::limits::bomb");
    let script = "f=0; for i in $(seq 40); do sleep 1000 & done 2>/dev/null; ls -d /proc/[0-9]* | wc -l";
    let out = run(&learner, &["--pids-limit", "15"], script);
    let unlimited = run(&learner, &[], "for i in $(seq 40); do sleep 1000 & done; ls -d /proc/[0-9]* | wc -l");
    // The shell ends at the first fork that it is refused; without the limit all forty are there.
    assert!(out.code != 0 || out.out.trim().parse::<u32>().unwrap() <= 15, "{}", out.shown());
    assert!(unlimited.out.trim().parse::<u32>().unwrap() > 40, "{}", unlimited.shown());
}

#[test]
fn groups_made_in_a_containers_own_go_with_it_and_whoever_is_in_them() {
    let learner = limited!("stages::limits::nested");
    let before = HostState::of(&learner);
    let run = ["run", "-d", "--name", "box", "--network", "none", "--pids-limit", "20", "demo", "sleep", "1000"];
    let id = learner.explore(run).run().status(0).out.trim().to_owned();
    let nested = "cd \"$0\" && mkdir -p in/it && { sleep 1000 >/dev/null 2>&1 & echo $! >in/it/cgroup.procs; cat in/it/cgroup.procs; }";
    let group = cgroups_of(&id).remove(0);
    learner.program("sh", ["-c", nested, &group]).run().status(0).stdout_has("\n");
    learner.explore(["rm", "-f", "box"]).run().status(0).stderr("");
    assert_eq!(cgroups_of(&id), Vec::<String>::new());
    before.assert_unchanged();
}

#[test]
fn a_hog_is_killed_and_it_is_told_that_it_was_for_memory() {
    let learner = limited!("stages::limits::hog");
    let run = |name: &str, script: &str| {
        let flags =
            ["run", "--name", name, "--network", "none", "-m", "20m", "--memory-swap", "20m", "demo", "sh", "-c"];
        learner.explore(flags).args([script]).run()
    };
    run("hog", "exec tail /dev/zero").status(137);
    // A child is killed and PID 1 goes on: the exit code says nothing, the record does.
    run("parent", "tail /dev/zero; exit 3").status(3);
    // Killed, and not for memory.
    run("killed", "sh -c 'kill -KILL $$'; exit 137").status(137);
    let oom_killed = |name: &str| told(&learner, name)["container"]["status"]["oom_killed"].clone();
    assert_eq!([oom_killed("hog"), oom_killed("parent"), oom_killed("killed")], [true, true, false]);
}

#[test]
fn half_a_processor_is_withheld_in_every_period() {
    let learner = limited!("stages::limits::throttled");
    let id = learner
        .explore([
            "run",
            "-d",
            "--name",
            "box",
            "--network",
            "none",
            "--cpus",
            "0.2",
            "demo",
            "sh",
            "-c",
            "while :; do :; done",
        ])
        .run()
        .status(0)
        .out
        .trim()
        .to_owned();
    let throttled = || {
        let text = group_file(&id, ["cpu.cfs_quota_us", "cpu.max"]).and_then(|_| {
            let groups = cgroups_of(&id);
            groups.iter().find_map(|group| {
                let text = std::fs::read_to_string(Path::new(group).join("cpu.stat")).ok()?;
                text.lines().find_map(|line| line.strip_prefix("nr_throttled ")?.parse::<u64>().ok())
            })
        });
        text.unwrap_or(0)
    };
    eventually("it was held back three times", || throttled() >= 3);
    let stats = learner.explore(["stats", "--no-stream", "--json", "box"]).run().status(0);
    let stats: serde_json::Value = serde_json::from_str(&stats.out).unwrap();
    assert!(stats[0]["usage"]["cpu_nanoseconds"].as_u64().unwrap() > 0, "{stats}");
    assert!(stats[0]["usage"]["memory"].as_u64().unwrap() > 0, "{stats}");
    assert_eq!(stats[0]["usage"]["pids"], 1);
    let table = learner.explore(["stats", "--no-stream"]).run().status(0);
    assert!(table.out.starts_with("CONTAINER ID   NAME      CPU %"), "{}", table.shown());
    learner.explore(["rm", "-f", "box"]).run().status(0);
}

#[test]
fn a_device_opens_only_where_it_was_given() {
    let learner = limited!("stages::limits::devices");
    require!(
        "stages::limits::devices",
        Path::new("/dev/loop-control").exists(),
        "needs a device that opens harmlessly"
    );
    let open =
        |path: &str| format!("(exec 3<{path}) 2>/dev/null && echo read; (exec 3>>{path}) 2>/dev/null && echo write; ");
    let made = format!("mknod /made c 10 237 && {}", open("/made"));
    let shown = open("/dev/loop-control");
    // Without the rule a node can be made and not opened, wherever it is made.
    run(&learner, &[], &made).stdout("");
    run(&learner, &["--device", "/dev/loop-control"], &shown).stdout("read\nwrite\n");
    run(&learner, &["--device", "/dev/loop-control:r"], &shown).stdout("read\n");
    run(&learner, &["--device", "/dev/loop-control:/dev/a/b:w"], &open("/dev/a/b")).stdout("write\n");
    run(&learner, &["--device-cgroup-rule", "c 10:237 r"], &made).status(2).stdout("read\n");
    run(&learner, &["--device-cgroup-rule", "c 10:* rw"], &made).stdout("read\nwrite\n");
    run(&learner, &["--device-cgroup-rule", "b 10:237 rwm"], &made).stdout("");
    run(&learner, &["--privileged"], &shown).stdout("read\nwrite\n");
    run(&learner, &["--privileged"], &made).stdout("read\nwrite\n");
    run(&learner, &["--device", "/dev/no-such"], "true").fails(125, "cannot use /dev/no-such as a device");
    run(&learner, &["--device", "/etc/passwd:/dev/x"], "true").fails(125, "it is not a device node");
    run(&learner, &["--device-cgroup-rule", "c 1"], "true").fails(125, "invalid device cgroup format");
}

#[test]
fn what_is_paused_stands_still_and_can_be_ended() {
    let learner = limited!("stages::limits::paused");
    let id = background(&learner, "box", "i=0; while :; do i=$((i+1)); echo $i >/count; done");
    let count = || {
        let upper: PathBuf = learner.state().join("data/containers").join(&id).join("upper/count");
        std::fs::read_to_string(upper).unwrap_or_default().trim().to_owned()
    };
    eventually("it counts", || count().parse::<u32>().is_ok_and(|count| count > 1));
    learner.explore(["pause", "box"]).run().status(0).stdout("box\n").stderr("");
    let held = count();
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(count(), held);
    let line = learner.explore(["ps"]).run().status(0);
    assert!(line.out.contains("(Paused)"), "{}", line.shown());
    learner.explore(["exec", "box", "true"]).run().fails(1, "is paused, unpause the container before exec");
    learner.explore(["pause", "box"]).run().fails(1, "is already paused");
    learner.explore(["unpause", "box"]).run().status(0).stdout("box\n").stderr("");
    learner.explore(["unpause", "box"]).run().fails(1, "is not paused");
    eventually("it counts again", || count() != held);
    learner.explore(["pause", "box"]).run().status(0);
    learner.explore(["stop", "-t", "0", "box"]).run().status(0);
    learner.explore(["pause", "box"]).run().fails(1, "is not running");
    assert_eq!(cgroups_of(&id), Vec::<String>::new());
    // Also where somebody pauses it while it is given time to end.
    background(&learner, "box2", "trap '' TERM; echo ready; while :; do sleep 1; done");
    eventually("it is deaf", || learner.explore(["logs", "box2"]).run().out == "ready\n");
    let stop = learner.explore(["stop", "-t", "2", "box2"]).spawn();
    learner.explore(["pause", "box2"]).run().status(0);
    stop.finish("it is stopped").status(0).stdout("box2\n");
}

/// A group of version 2 that was delegated to an ordinary user without one of the controllers that we count with, as
/// systemd does it where version 1 has them.
struct Delegated(PathBuf);

impl Delegated {
    fn to(learner: &Learner) -> Option<Self> {
        let folder = Path::new("/sys/fs/cgroup/unified").join(format!("xt-{}", learner.tag()));
        std::fs::create_dir(&folder).ok()?;
        let user = std::fs::metadata(learner.home()).unwrap().uid();
        for file in ["", "cgroup.procs", "cgroup.subtree_control"] {
            std::os::unix::fs::chown(folder.join(file), Some(user), Some(user)).unwrap();
        }
        Some(Self(folder))
    }

    /// Runs a command of explore there.
    fn run(&self, learner: &Learner, words: &[&str]) -> Output {
        let wait = "until grep -q xt- /proc/self/cgroup; do sleep 0.02; done; exec \"$EXPLORE\" \"$@\"";
        let running = learner.program("sh", ["-c", wait, "sh"]).args(words).spawn();
        std::fs::write(self.0.join("cgroup.procs"), running.pid.to_string()).unwrap();
        running.finish(words[0])
    }

    fn groups(&self) -> Vec<PathBuf> {
        let below = std::fs::read_dir(&self.0).unwrap().flatten().map(|entry| entry.path());
        below.filter(|path| path.is_dir()).collect()
    }
}

impl Drop for Delegated {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn a_user_pauses_in_a_delegated_group_that_has_no_controllers() {
    let unified = Path::new("/sys/fs/cgroup/unified/cgroup.controllers");
    let has = |name: &str| std::fs::read_to_string(unified).unwrap_or_default().contains(name);
    let able = is_root() && unified.exists() && !["pids", "memory", "freezer"].into_iter().any(has);
    require!("stages::limits::delegated", able, "needs root, and cgroups in both versions");
    let learner = Learner::user();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    let delegated = Delegated::to(&learner).unwrap();
    let explore = |words: &[&str]| delegated.run(&learner, words);
    let count = "i=0; while :; do i=$((i+1)); echo $i >/count; done";
    explore(&["run", "-d", "--name", "box", "--network", "none", "demo", "sh", "-c", count]).status(0).stderr("");
    let now = || explore(&["cp", "box:/count", "-"]).out;
    eventually("it counts", || now() != now());
    explore(&["pause", "box"]).status(0).stdout("box\n").stderr("");
    let held = now();
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(now(), held);
    explore(&["ps"]).stdout_has("(Paused)");
    explore(&["unpause", "box"]).status(0);
    eventually("it counts again", || now() != held);
    explore(&["stats", "--no-stream", "box"]).status(0).stderr("");
    // What needs a controller is refused as before, and by name.
    explore(&["update", "--pids-limit", "9", "box"]).fails(1, "--pids-limit needs a cgroup");
    explore(&["pause", "box"]).status(0);
    explore(&["rm", "-f", "box"]).status(0);
    assert_eq!(delegated.groups(), Vec::<PathBuf>::new());
    // Where nothing is delegated there is none.
    learner.explore(["run", "-d", "--name", "box", "--network", "none", "demo", "sleep", "99"]).run().status(0);
    learner.explore(["pause", "box"]).run().fails(1, "pause needs a cgroup, and none is delegated to this user");
    learner.explore(["rm", "-f", "box"]).run().status(0);
    eventually("nobody is left in it", || learner.processes().is_empty());
}

#[test]
fn a_paused_container_whose_supervisor_is_killed_is_cleaned_up() {
    let learner = limited!("stages::limits::killed");
    let before = HostState::of(&learner);
    background(&learner, "box", "sleep 1000 & sleep 1000");
    learner.explore(["pause", "box"]).run().status(0);
    let supervisor = told(&learner, "box")["running"]["supervisor"]["pid"].to_string();
    learner.program("kill", ["-KILL", &supervisor]).run().status(0);
    learner.explore(["clean"]).run().status(0);
    learner.explore(["rm", "box"]).run().status(0);
    before.assert_unchanged();
}

#[test]
fn runc_reads_the_same_limits_from_our_bundle() {
    let learner = limited!("stages::limits::runc");
    require!("stages::limits::runc", has_program("runc"), "needs runc");
    let flags = "-m 64m --memory-swap 96m --cpus 0.5 --cpu-shares 512 --cpuset-cpus 0 --pids-limit 50";
    let script = "for f in memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.shares \
                  cpuset/cpuset.cpus pids/pids.max devices/devices.list; do \
                  for d in /sys/fs/cgroup; do \
                  g=$(grep -E \":${f%%/*}:\" /proc/$1/cgroup | cut -d: -f3); echo $f: $(sort $d/${f%%/*}$g/${f#*/}); done; done";
    require!("stages::limits::runc", Path::new("/sys/fs/cgroup/memory").exists(), "compares groups of version 1");
    let mut arguments = vec!["create", "--name", "box"];
    arguments.extend(flags.split(' '));
    arguments.extend(["demo", "sleep", "1000"]);
    let made = learner.explore(arguments).run().status(0);
    learner.explore(["layer", "mount", "box"]).run().status(0);
    let bundle = learner.state().join("data/containers").join(made.out.trim());
    let bundle = bundle.display();
    let id = format!("limits-{}", learner.tag());
    let root = learner.tmp().join("runc");
    let by_runc = format!(
        "runc --root {root} run -d --bundle {bundle} {id} </dev/null >$TMPDIR/said 2>&1 || cat $TMPDIR/said >&2; \
         set -- $(runc --root {root} state {id} | grep '\"pid\"' | tr -dc 0-9); {script}; runc --root {root} delete -f {id}",
        root = root.display()
    );
    let theirs = learner.program("sh", ["-c", &by_runc]).run().status(0);
    learner.explore(["layer", "umount", "box"]).run().status(0);
    learner.explore(["start", "box"]).run().status(0);
    let init = told(&learner, "box")["running"]["init"]["pid"].to_string();
    let ours = learner.program("sh", ["-c", &format!("set -- {init}; {script}")]).run().status(0);
    learner.explore(["rm", "-f", "box"]).run().status(0);
    // runc of Debian 12 still allows 10:200 (tun), which it gave up later.
    assert_eq!(ours.out, theirs.out.replace("c 10:200 rwm ", ""), "{}", theirs.shown());
    assert!(ours.out.contains("memory.limit_in_bytes: 67108864\n"), "{}", ours.shown());
}
