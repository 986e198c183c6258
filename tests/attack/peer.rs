//! Whom the attacks work on.

use crate::crafted;
use crate::forge::Forge;
use crate::support::{Learner, Output};
use std::path::{Path, PathBuf};

/// Somebody with an image that was made to hurt, and a folder outside that must stay as it is.
pub(crate) struct Peer {
    pub(crate) learner: Learner,
    /// A folder with one file, `canary`.
    pub(crate) outside: PathBuf,
}

impl Peer {
    /// With the demo image, and on top of it what `layer` holds: the image `evil`.
    pub(crate) fn with(layer: impl FnOnce(&str) -> Forge) -> Self {
        let learner = Learner::new();
        learner.explore(["pull", "-q", "demo"]).run().status(0);
        let outside = learner.work().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("canary"), "alive\n").unwrap();
        crafted::image(&learner, "evil:1", layer(outside.to_str().unwrap()).end(), |_| ());
        Self { learner, outside }
    }

    /// `explore run --rm FLAGS evil sh -c SCRIPT`.
    pub(crate) fn explore(&self, flags: &[&str], script: &str) -> Output {
        let run = self.learner.explore(["run", "--rm", "--network", "none"]);
        run.args(flags).args(["evil:1", "sh", "-c", script]).run()
    }

    /// What a careless engine does, as a script with `$ROOT` (the same image, mounted) and `$OUTSIDE`.
    pub(crate) fn unguarded(&self, script: &str) -> Output {
        self.learner.explore(["create", "--name", "peer", "evil:1", "true"]).run().status(0);
        self.learner.explore(["layer", "mount", "peer"]).run().status(0);
        let containers = self.learner.state().join("data/containers");
        let mut all = std::fs::read_dir(containers).unwrap().flatten().map(|one| one.path().join("rootfs"));
        let root = all.find(|path| path.is_dir()).unwrap();
        let namespaces = ["--mount", "--pid", "--fork", "sh", "-c", script];
        let run = self.learner.program("unshare", namespaces).env("ROOT", root).env("OUTSIDE", &self.outside);
        let output = run.run();
        self.learner.explore(["rm", "-f", "peer"]).run().status(0);
        output
    }

    /// The canary lives, and is alone.
    #[track_caller]
    pub(crate) fn assert_untouched(&self) {
        assert_eq!(std::fs::read_to_string(self.outside.join("canary")).unwrap(), "alive\n");
        assert_eq!(names(&self.outside), ["canary"], "something new stands outside");
    }

    /// The attack has reached it; it is put back.
    #[track_caller]
    pub(crate) fn assert_reached(&self, told: &Output) {
        let reached = std::fs::read_to_string(self.outside.join("canary")).unwrap() != "alive\n"
            || names(&self.outside) != ["canary"];
        assert!(reached, "the attack proves nothing: it does not reach the unguarded peer\n{}", told.shown());
        for name in names(&self.outside) {
            let path = self.outside.join(name);
            if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
        }
        std::fs::write(self.outside.join("canary"), "alive\n").unwrap();
    }
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut found: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|one| one.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    found
}
