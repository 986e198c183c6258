//! A bundle to make containers from: the demo image's union as its root, and a config.json that tests change.

use crate::support::{Learner, Output, Run};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A learner with a bundle.
pub(crate) struct Bundle {
    pub(crate) learner: Learner,
    /// The folder with config.json.
    pub(crate) folder: PathBuf,
    /// Its root.
    pub(crate) rootfs: PathBuf,
}

impl Bundle {
    /// With what `explore oci spec` writes, without a terminal.
    pub(crate) fn new() -> Self {
        let learner = Learner::new();
        learner.explore(["pull", "-q", "demo"]).run().status(0);
        learner.explore(["create", "--name", "box", "--hostname", "box", "demo", "true"]).run().status(0);
        learner.explore(["layer", "mount", "box"]).run().status(0);
        let containers = learner.state().join("data/containers");
        let mut all = std::fs::read_dir(containers).unwrap().flatten().map(|one| one.path().join("rootfs"));
        let rootfs = all.find(|path| path.is_dir()).unwrap();
        let folder = learner.home().join("b");
        std::fs::create_dir(&folder).unwrap();
        let bundle = Self { learner, folder, rootfs };
        bundle.oci(["spec", "--bundle"]).arg(&bundle.folder).run().status(0).stdout("").stderr("");
        bundle.adapt();
        bundle
    }

    /// The configuration, whoever wrote it, for our root, without a terminal, with a group that the leak check finds.
    pub(crate) fn adapt(&self) {
        self.change(|config| {
            config["root"] = json!({ "path": self.rootfs, "readonly": config["root"]["readonly"] });
            config["process"]["terminal"] = json!(false);
            config["linux"]["cgroupsPath"] = json!(format!("/explore-{}/c", self.learner.tag()));
        });
    }

    pub(crate) fn config(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.folder.join("config.json")).unwrap()).unwrap()
    }

    pub(crate) fn write(&self, config: &Value) {
        std::fs::write(self.folder.join("config.json"), serde_json::to_vec(config).unwrap()).unwrap();
    }

    pub(crate) fn change(&self, how: impl FnOnce(&mut Value)) {
        let mut config = self.config();
        how(&mut config);
        self.write(&config);
    }

    /// The program is this script.
    pub(crate) fn script(&self, text: &str) {
        self.change(|config| config["process"]["args"] = json!(["sh", "-c", text]));
    }

    /// A program of our own in its root, which only the learner's machine sees.
    pub(crate) fn put(&self, name: &str, text: &str) {
        let path = self.rootfs.join(name);
        self.learner.at_machine(|| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        });
    }

    /// `explore oci …`, in the bundle's folder.
    pub(crate) fn oci<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Run {
        self.learner.explore(["oci"]).args(words).folder(&self.folder)
    }

    /// Where its containers are remembered.
    pub(crate) fn root(&self) -> PathBuf {
        self.learner.state().join("run/oci")
    }

    #[track_caller]
    pub(crate) fn status_of(&self, id: &str) -> String {
        self.oci(["state", id]).run().status(0).json()["status"].as_str().unwrap().to_owned()
    }

    /// Makes and starts one that sleeps.
    #[track_caller]
    pub(crate) fn sleeper(&self, id: &str) {
        self.change(|config| config["process"]["args"] = json!(["sleep", "1000"]));
        // Whatever holds its output would hold ours.
        self.oci(["create", id]).quiet().run().status(0);
        self.oci(["start", id]).run().status(0).stdout("").stderr("");
    }
}

/// The one line of a failure, in runc's shape, and perhaps a hint.
#[track_caller]
pub(crate) fn fails(output: Output, text: &str) -> Output {
    let output = output.status(1).stderr_has(text);
    let line = output.err.lines().next().unwrap();
    assert!(line.starts_with("time=\"") && line.contains("\" level=error msg=\""), "{}", output.shown());
    output
}
