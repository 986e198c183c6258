//! Who is compared: engines that take docker's command line, and runtimes that take a bundle. One machine for all; podman
//! and crun have one of their own, on which version 2 of cgroups has no mount beside version 1, for they refuse that.

use crate::support::{Learner, Run, Running, cgroups_of, eventually, has_program};
use std::path::PathBuf;

/// An engine with docker's command line.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) learner: Learner,
    /// Of the processes that stay for a container: how their command line begins.
    pub(crate) supervisor: &'static str,
    before: Vec<String>,
}

impl Peer {
    pub(crate) fn run(&self, words: &[&str]) -> Run {
        let mut words = words.to_vec();
        let parent = format!("--cgroup-parent=/explore-bench-{}", self.learner.tag());
        if self.name == "podman" && matches!(words.first(), Some(&("run" | "create"))) {
            words.insert(1, &parent);
        }
        match self.before.split_first() {
            None => self.learner.explore(words),
            Some((program, before)) => self.learner.program(program, before).args(words),
        }
    }

    /// `rm -f` of these, at once: podman would wait ten seconds for a PID 1 that does not hear SIGTERM.
    pub(crate) fn remove(&self, names: &[&str]) -> Run {
        let flags: &[&str] = if self.name == "podman" { &["rm", "-f", "-t", "0"] } else { &["rm", "-f"] };
        self.run(&[flags, names].concat())
    }
}

pub(crate) struct Peers {
    pub(crate) learner: Learner,
    /// The machine without version 2.
    pub(crate) other: Learner,
    /// explore first.
    pub(crate) engines: Vec<Peer>,
    /// The demo image's files in one plain folder.
    pub(crate) rootfs: PathBuf,
    _daemon: Option<Running>,
}

impl Peers {
    pub(crate) fn start() -> Self {
        let (learner, other) = (Learner::new(), Learner::new());
        for machine in [&learner, &other] {
            machine.program("ip", ["link", "set", "lo", "up"]).run().status(0);
            // podman and crun keep things there too, wherever they are told to keep their own.
            machine.program("mount", ["-t", "tmpfs", "tmpfs", "/run"]).run().status(0);
        }
        let _ = other.program("umount", ["/sys/fs/cgroup/unified"]).run();
        learner.explore(["pull", "-q", "demo"]).run().status(0);
        let archive = learner.everything().join("demo.tar").to_string_lossy().into_owned();
        learner.explore(["save", "-o", &archive, "demo"]).run().status(0);
        let rootfs = rootfs(&learner);
        let explore =
            Peer { name: "explore", learner: learner.clone(), supervisor: "explore supervise", before: Vec::new() };
        let mut engines = vec![explore];
        let (docker, daemon) = docker(&learner).unzip();
        for peer in [docker, podman(&other)].into_iter().flatten() {
            peer.run(&["load", "-q", "-i", &archive]).run().status(0);
            let _ = peer.run(&["tag", "docker.io/library/demo", "localhost/demo"]).run();
            engines.push(peer);
        }
        Self { learner, other, engines, rootfs, _daemon: daemon }
    }

    /// A place for files of this run.
    pub(crate) fn place(&self, name: &str) -> String {
        self.learner.everything().join(name).to_string_lossy().into_owned()
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        // Daemons end with their machine; the folders that they made in the hierarchies of cgroups do not.
        for tag in [self.learner.tag(), self.other.tag()] {
            for folder in cgroups_of(&tag).iter().rev() {
                let _ = std::fs::remove_dir(folder);
            }
        }
    }
}

fn docker(learner: &Learner) -> Option<(Peer, Running)> {
    if !has_program("dockerd") {
        println!("docker: not installed, left out");
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
    let before = ["/usr/bin/docker", "--host", &socket].map(str::to_owned).to_vec();
    let supervisor = "/usr/bin/containerd-shim-runc-v2";
    let peer = Peer { name: "docker", learner: learner.clone(), supervisor, before };
    eventually("dockerd answers", || peer.run(&["info"]).run().code == 0);
    Some((peer, daemon))
}

fn podman(learner: &Learner) -> Option<Peer> {
    if !has_program("podman") {
        println!("podman: not installed, left out");
        return None;
    }
    let place = |name: &str| learner.everything().join(name).to_string_lossy().into_owned();
    let before = ["podman", "--root", &place("podman"), "--runroot", &place("podman-run")].map(str::to_owned).to_vec();
    Some(Peer { name: "podman", learner: learner.clone(), supervisor: "/usr/bin/conmon", before })
}

fn rootfs(learner: &Learner) -> PathBuf {
    let target = learner.everything().join("rootfs");
    learner.explore(["create", "--name", "bench", "demo", "true"]).run().status(0);
    let mounted = learner.explore(["layer", "mount", "--json", "bench"]).run().status(0).json();
    let from =
        format!("{}/.", mounted["rootfs"].as_str().unwrap().replace("[HERE]", &learner.everything().to_string_lossy()));
    learner.program("cp", ["-a", &from, &target.to_string_lossy()]).run().status(0);
    learner.explore(["layer", "umount", "bench"]).run().status(0);
    learner.explore(["rm", "bench"]).run().status(0);
    target
}

/// A runtime that takes a bundle, with one as `runc spec` writes it.
#[derive(Clone)]
pub(crate) struct Runtime {
    pub(crate) name: &'static str,
    learner: Learner,
    pub(crate) bundle: String,
    root: String,
}

impl Runtime {
    /// Those that are installed; the bundle runs `command`.
    pub(crate) fn all(peers: &Peers, what: &str, command: &[&str]) -> Vec<Self> {
        let bundle = peers.place(&format!("bundle-{what}"));
        let machines = [("runc", &peers.learner), ("crun", &peers.other)];
        machines
            .into_iter()
            .filter(|(name, _)| has_program(name))
            .map(|(name, learner)| {
                if !std::path::Path::new(&bundle).exists() {
                    make_bundle(peers, &bundle, command);
                }
                let root = peers.place(&format!("{name}-{what}"));
                Self { name, learner: learner.clone(), bundle: bundle.clone(), root }
            })
            .collect()
    }

    pub(crate) fn run(&self, words: &[&str]) -> Run {
        self.learner.program(self.name, ["--root", &self.root]).args(words)
    }
}

fn make_bundle(peers: &Peers, bundle: &str, command: &[&str]) {
    std::fs::create_dir(bundle).unwrap();
    let path = std::path::Path::new(bundle).join("config.json");
    peers.learner.program("runc", ["spec"]).folder(bundle).run().status(0);
    let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    config["process"]["args"] = serde_json::json!(command);
    config["process"]["terminal"] = false.into();
    config["root"]["path"] = peers.rootfs.to_string_lossy().into();
    std::fs::write(path, config.to_string()).unwrap();
}
