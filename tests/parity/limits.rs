//! What limits become in the cgroups of a container, read from outside.

use crate::engine::{Engine, Seen};
use crate::support::eventually;
use std::path::Path;

const FLAGS: [&str; 16] = [
    "-d",
    "--name",
    "facts",
    "--network",
    "none",
    "--memory",
    "64m",
    "--memory-swap",
    "96m",
    "--cpus",
    "0.5",
    "--cpu-shares",
    "512",
    "--cpuset-cpus",
    "0",
    "--pids-limit=50",
];

const FILES: [(&str, &str); 10] = [
    ("memory", "memory.limit_in_bytes"),
    ("memory", "memory.memsw.limit_in_bytes"),
    ("memory", "memory.soft_limit_in_bytes"),
    ("memory", "memory.swappiness"),
    ("cpu", "cpu.cfs_quota_us"),
    ("cpu", "cpu.cfs_period_us"),
    ("cpu", "cpu.shares"),
    ("cpuset", "cpuset.cpus"),
    ("cpuset", "cpuset.mems"),
    ("pids", "pids.max"),
];

pub(crate) fn values(engine: &Engine) -> Seen {
    // A name that no other process of this machine has.
    let script = "exec sleep 98765.4321";
    // `create` of a bundle does not start: nothing is detached, it runs beside us.
    let flags = if engine.takes_bundles() { &FLAGS[1..] } else { &FLAGS };
    let running = engine.run(flags, script).quiet().spawn();
    let mut pid = None;
    eventually("the container runs", || {
        pid = sleeper(engine);
        pid.is_some()
    });
    let seen = look(pid.unwrap());
    engine.end();
    drop(running);
    seen
}

fn sleeper(engine: &Engine) -> Option<i32> {
    let is_it =
        |pid: &i32| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| words == b"sleep\x0098765.4321\0");
    engine.learner.processes().into_iter().find(is_it)
}

fn look(pid: i32) -> Seen {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let value = |controller: &str, file: &str| {
        let path = groups.lines().find_map(|line| {
            let (_, line) = line.split_once(':')?;
            let (controllers, path) = line.split_once(':')?;
            controllers.split(',').any(|one| one == controller).then_some(path)
        });
        let path = Path::new("/sys/fs/cgroup").join(controller).join(path.unwrap().trim_start_matches('/')).join(file);
        std::fs::read_to_string(path).map_or("-".into(), |value| value.trim().to_owned())
    };
    let mut seen: Seen = FILES.iter().map(|(controller, file)| ((*file).to_owned(), value(controller, file))).collect();
    seen.insert("devices.list".into(), devices(&value("devices", "devices.list")));
    let score = std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();
    seen.insert("oom_score_adj".into(), score.trim().to_owned());
    seen
}

/// Rules in one order, for they are a set.
fn devices(list: &str) -> String {
    let mut rules: Vec<&str> = list.lines().collect();
    rules.sort_unstable();
    rules.join("; ")
}
