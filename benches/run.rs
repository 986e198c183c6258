//! Whole processes side by side: from fork to exit, `true` in the same root filesystem, in one interleaved run.
//!
//! ```sh
//! cargo bench                              # as root; what is not installed is left out by name
//! EXPLORE_BENCH_ROUNDS=101 cargo bench
//! ```
//!
//! Interleaved, because another program on the machine should disturb all of them alike; medians, because it will
//! disturb some rounds; ratios, because another machine has other numbers. Docker's daemon is started by hand in
//! namespaces of its own, and its work is counted, since the client waits for it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may fail by panic")]
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;
use support::{Learner, Run, Running, has_program, is_root};

/// One way to run `true`.
struct Contestant {
    name: &'static str,
    network: Network,
    run: Box<dyn Fn() -> Run>,
    times: Vec<Duration>,
}

/// Compared with `explore` on the same terms only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Network {
    None,
    Bridge,
}

fn main() {
    // `cargo test --benches` and the like ask every target what it has; figures are for `cargo bench` alone.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    if !is_root() {
        println!("SKIPPED bench: needs root for a machine of its own");
        return;
    }
    let rounds = std::env::var("EXPLORE_BENCH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(31);
    let learner = Learner::new();
    let rootfs = rootfs(&learner);
    let docker = Docker::start(&learner, &rootfs);
    let mut contestants = contestants(&learner, &rootfs, docker.as_ref());
    for round in 0..=rounds {
        for contestant in &mut contestants {
            let time = (contestant.run)().timed();
            // The first round fills caches.
            if round > 0 {
                contestant.times.push(time);
            }
        }
    }
    print_table(&contestants, rounds);
    let tag = learner.tag();
    drop((contestants, docker, learner));
    remove_cgroups(&tag);
}

fn contestants(learner: &Learner, rootfs: &Path, docker: Option<&Docker>) -> Vec<Contestant> {
    let mut all = Vec::new();
    let mut add = |name, network, run: Box<dyn Fn() -> Run>| {
        all.push(Contestant { name, network, run, times: Vec::new() });
    };
    for (name, network, word) in
        [("explore, no network", Network::None, "none"), ("explore, bridge", Network::Bridge, "bridge")]
    {
        let learner = learner.clone();
        add(name, network, Box::new(move || learner.explore(["run", "--rm", "--network", word, "demo", "true"])));
    }
    for (name, program, arguments) in others(learner, rootfs) {
        if has_program(program) {
            let learner = learner.clone();
            add(name, Network::None, Box::new(move || learner.program(program, &arguments)));
        } else {
            println!("{name}: not installed, left out");
        }
    }
    if let Some(docker) = docker {
        for (name, network, word) in
            [("docker, no network", Network::None, "none"), ("docker, bridge", Network::Bridge, "bridge")]
        {
            let docker = docker.client.clone();
            add(name, network, Box::new(move || docker.run(&["run", "--rm", "--network", word, "demo", "true"])));
        }
    } else {
        println!("docker: not installed, left out");
    }
    all
}

/// Programs that only need the root filesystem.
fn others(learner: &Learner, rootfs: &Path) -> Vec<(&'static str, &'static str, Vec<String>)> {
    let root = rootfs.to_string_lossy().into_owned();
    let bundle = learner.everything().join("bundle");
    if has_program("runc") {
        make_bundle(learner, &bundle, rootfs);
    }
    let words = |text: String| text.split(' ').map(str::to_owned).collect();
    vec![
        ("runc", "runc", words(format!("run --bundle {} bench", bundle.display()))),
        ("bwrap", "bwrap", words(format!("--unshare-all --bind {root} / --proc /proc --dev /dev true"))),
        ("unshare and chroot", "unshare", words(format!("--mount --uts --ipc --net --pid --fork chroot {root} true"))),
    ]
}

/// A bundle as `runc spec` writes it, with `true` for the shell and no terminal.
fn make_bundle(learner: &Learner, bundle: &Path, rootfs: &Path) {
    std::fs::create_dir(bundle).unwrap();
    learner.program("runc", ["spec"]).folder(bundle).run().status(0);
    let path = bundle.join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    config["process"]["args"] = serde_json::json!(["true"]);
    config["process"]["terminal"] = false.into();
    config["root"]["path"] = rootfs.to_string_lossy().into();
    std::fs::write(path, config.to_string()).unwrap();
}

/// The demo image's files in one plain folder.
fn rootfs(learner: &Learner) -> PathBuf {
    let target = learner.everything().join("rootfs");
    learner.explore(["pull", "demo"]).run().status(0);
    learner.explore(["create", "--name", "bench", "demo", "true"]).run().status(0);
    let mounted = learner.explore(["layer", "mount", "--json", "bench"]).run().status(0).json();
    let from =
        format!("{}/.", mounted["rootfs"].as_str().unwrap().replace("[HERE]", &learner.everything().to_string_lossy()));
    learner.program("cp", ["-a", &from, &target.to_string_lossy()]).run().status(0);
    learner.explore(["layer", "umount", "bench"]).run().status(0);
    learner.explore(["rm", "bench"]).run().status(0);
    target
}

/// A Docker daemon of our own, on the same machine as the rest, with the same files as image `demo`.
struct Docker {
    client: Client,
    _daemon: Running,
}

#[derive(Clone)]
struct Client {
    learner: Learner,
    socket: String,
}

impl Client {
    fn run(&self, words: &[&str]) -> Run {
        self.learner.program("docker", ["--host", &self.socket]).args(words)
    }
}

impl Docker {
    fn start(learner: &Learner, rootfs: &Path) -> Option<Self> {
        if !has_program("dockerd") {
            return None;
        }
        let folder = learner.everything().join("docker");
        std::fs::create_dir(&folder).unwrap();
        let place = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let (socket, cgroup) = (format!("unix://{}", place("socket")), format!("explore-bench-{}", learner.tag()));
        let daemon = learner
            .program("dockerd", ["--host", &socket, "--data-root", &place("data"), "--exec-root", &place("exec")])
            .args(["--pidfile", &place("pid"), "--cgroup-parent", &cgroup])
            .quiet()
            .spawn();
        let client = Client { learner: learner.clone(), socket };
        for _ in 0..200 {
            if client.run(&["info"]).run().code == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let archive = place("demo.tar");
        learner.program("tar", ["-C", &rootfs.to_string_lossy(), "-cf", &archive, "."]).run().status(0);
        client.run(&["import", &archive, "demo"]).run().status(0);
        Some(Self { client, _daemon: daemon })
    }
}

/// The daemon ends with its machine; the folders that it made in the hierarchies of cgroups do not.
fn remove_cgroups(tag: &str) {
    for folder in support::cgroups_of(tag).iter().rev() {
        let _ = std::fs::remove_dir(folder);
    }
}

fn print_table(contestants: &[Contestant], rounds: u32) {
    let reference = |network| contestants.iter().find(|one| one.network == network).unwrap();
    println!("median of {rounds} rounds, interleaved; the ratio is to explore with the same network");
    println!("{:22} {:>10} {:>10} {:>10} {:>8}", "", "median ms", "lower 10%", "upper 10%", "ratio");
    for one in contestants {
        let ratio = at(one, 50).as_secs_f64() / at(reference(one.network), 50).as_secs_f64();
        let [median, low, high] = [50, 10, 90].map(|percent| at(one, percent).as_secs_f64() * 1000.0);
        println!("{:22} {median:>10.2} {low:>10.2} {high:>10.2} {ratio:>8.2}", one.name);
    }
}

/// The time that so many of a hundred rounds stayed below.
fn at(contestant: &Contestant, percent: usize) -> Duration {
    let mut times = contestant.times.clone();
    times.sort();
    times[(times.len() - 1) * percent / 100]
}
