//! Five engines on one machine, with the same image.

use crate::support::{Learner, Run, Running, eventually};
use std::collections::BTreeMap;
use std::path::Path;

/// What an engine shows, by the name of the fact.
pub(crate) type Seen = BTreeMap<String, String>;

/// What each of several engines shows.
pub(crate) type Table = BTreeMap<&'static str, Seen>;

/// podman and crun refuse a machine on which version 2 of cgroups has a mount beside version 1.
const WITHOUT_VERSION_2: &str = "umount /sys/fs/cgroup/unified";

/// One that runs containers.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) name: &'static str,
    pub(crate) learner: Learner,
    /// What stands before the words that docker's client would take.
    before: Vec<String>,
}

impl Engine {
    /// A command as docker's client takes it.
    pub(crate) fn command<W: AsRef<str>>(&self, words: &[W]) -> Run {
        let mut words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        let parent = format!("--cgroup-parent=/parity-{}", self.learner.tag());
        if self.name == "podman" && matches!(words.first(), Some(&("run" | "create"))) {
            words.insert(1, &parent);
        }
        match self.before.split_first() {
            None => self.learner.explore(words),
            Some((program, before)) => self.learner.program(program, before).args(words),
        }
    }

    /// A container that runs `script`, with these flags: by the engine's own `run`, or from a bundle of ours.
    pub(crate) fn run(&self, flags: &[&str], script: &str) -> Run {
        let words = ["demo", "sh", "-c", script];
        if self.takes_bundles() {
            self.bundle(&[&["create"], flags, &words].concat());
            let bundle = self.place("bundle");
            return self.runtime(&["run", "--bundle", &bundle, "facts"]);
        }
        self.command(&[&["run", "--rm"], flags, &words].concat())
    }

    /// Takes back what [`Engine::run`] has made.
    pub(crate) fn end(&self) {
        if self.takes_bundles() {
            let _ = self.runtime(&["delete", "--force", "facts"]).run();
            self.learner.explore(["rm", "-f", "facts"]).run().status(0);
        } else {
            let _ = self.command(&["rm", "-f", "facts"]).run();
        }
    }

    /// The runtime by itself.
    fn runtime(&self, words: &[&str]) -> Run {
        let script = format!("{WITHOUT_VERSION_2}; exec \"$0\" \"$@\"");
        let root = self.place(self.name);
        let plain: &[&str] = &[self.name, "--root", &root];
        // runc goes along with both versions.
        let before = ["unshare", "--mount", "sh", "-c", &script];
        let all = if self.name == "crun" { [&before, plain, words].concat() } else { [plain, words].concat() };
        self.learner.program(all[0], &all[1..])
    }

    pub(crate) fn takes_bundles(&self) -> bool {
        matches!(self.name, "runc" | "crun")
    }

    /// Stages 2, 3 and 4 are explore's, stage 5 is another's: the link `bundle` leads to what `layer mount` leaves.
    fn bundle(&self, create: &[&str]) {
        let explore = |words: &[&str]| self.learner.explore(words).run().status(0);
        explore(create);
        let shown = explore(&["layer", "mount", "--json", "facts"]).json();
        let here = self.learner.everything().to_string_lossy();
        let rootfs = shown["rootfs"].as_str().unwrap().replace("[HERE]", &here);
        if !create.contains(&"none") {
            explore(&["network", "up", "facts"]);
        }
        let link = self.place("bundle");
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(Path::new(&rootfs).parent().unwrap(), link).unwrap();
    }

    fn place(&self, name: &str) -> String {
        place(&self.learner, name)
    }
}

pub(crate) struct Engines {
    all: Vec<Engine>,
    tag: String,
    _daemon: Running,
}

impl Engines {
    /// A machine of its own with a bridge network for each, and image `demo` in all of them.
    pub(crate) fn start() -> Self {
        let learner = Learner::new();
        learner.program("ip", ["link", "set", "lo", "up"]).run().status(0);
        // podman and crun keep things there too, wherever they are told to keep their own.
        for folder in ["/run", "/var/lib/containers", "/var/lib/cni"].into_iter().filter(|one| Path::new(one).is_dir())
        {
            learner.program("mount", ["-t", "tmpfs", "tmpfs", folder]).run().status(0);
        }
        let archive = place(&learner, "demo.tar");
        learner.explore(["pull", "-q", "demo"]).run().status(0);
        learner.explore(["save", "-o", &archive, "demo"]).run().status(0);
        let place = |name: &str| place(&learner, name);
        let socket = format!("unix://{}", place("socket"));
        let daemon = learner
            .program("dockerd", ["--host", &socket, "--data-root", &place("data"), "--exec-root", &place("exec")])
            .args(["--pidfile", &place("pid"), "--cgroup-parent", &format!("parity-{}", learner.tag())])
            .quiet()
            .spawn();
        let only_version_1 = format!("{WITHOUT_VERSION_2}; exec podman \"$@\"");
        let (store, runs) = (place("podman"), place("podman-run"));
        let podman =
            ["unshare", "--mount", "sh", "-c", &only_version_1, "podman", "--root", &store, "--runroot", &runs];
        let all = [
            ("docker", &["/usr/bin/docker", "--host", &socket][..]),
            ("podman", &podman),
            ("runc", &[]),
            ("crun", &[]),
            ("explore", &[]),
        ]
        .map(|(name, before)| Engine {
            name,
            learner: learner.clone(),
            before: before.iter().map(ToString::to_string).collect(),
        });
        eventually("dockerd answers", || all[0].command(&["info"]).run().code == 0);
        for engine in &all[..2] {
            engine.command(&["load", "-q", "-i", &archive]).run().status(0);
        }
        // Else it asks a registry for its `localhost/demo`.
        all[1].command(&["tag", "docker.io/library/demo", "localhost/demo"]).run().status(0);
        Self { tag: learner.tag(), all: all.to_vec(), _daemon: daemon }
    }

    /// What each shows.
    pub(crate) fn all(&self, collect: impl Fn(&Engine) -> Seen) -> Table {
        self.all.iter().map(|one| (one.name, collect(one))).collect()
    }

    /// One of them.
    pub(crate) fn named(&self, name: &str) -> &Engine {
        self.all.iter().find(|one| one.name == name).unwrap()
    }

    /// What those show that take docker's command line.
    pub(crate) fn clients(&self, collect: impl Fn(&Engine) -> Seen) -> Table {
        self.all.iter().filter(|one| !one.takes_bundles()).map(|one| (one.name, collect(one))).collect()
    }
}

impl Drop for Engines {
    fn drop(&mut self) {
        // The daemon ends with its machine; the groups that it made in the hierarchies do not.
        for folder in crate::support::cgroups_of(&self.tag).iter().rev() {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

fn place(learner: &Learner, name: &str) -> String {
    learner.everything().join(name).to_string_lossy().into_owned()
}
