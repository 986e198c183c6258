//! `oci:FOLDER:TAG`, `oci-archive:FILE`, `docker-archive:FILE` where others name a registry. The folder is somebody else's:
//! nothing outside of it is read on its word.

use crate::support::{Learner, has_program, require};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A learner, and a folder `layout` with the demo image under two names, which are gone from the store.
fn with_layout() -> (Learner, PathBuf) {
    let learner = Learner::new();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    learner.explore(["tag", "demo", "me/tool:1.2"]).run().status(0);
    learner.explore(["save", "--format", "oci-dir", "-o", "layout", "demo", "me/tool:1.2"]).run().status(0);
    learner.explore(["rmi", "demo", "me/tool:1.2"]).run().status(0);
    let layout = learner.work().join("layout");
    (learner, layout)
}

/// The largest blob: its layer.
fn layer(layout: &Path) -> PathBuf {
    let blobs = fs::read_dir(layout.join("blobs/sha256")).unwrap().map(|one| one.unwrap().path());
    blobs.max_by_key(|path| path.metadata().unwrap().len()).unwrap()
}

fn has_no_image(learner: &Learner) {
    learner.explore(["images", "-q"]).run().status(0).stdout("");
}

#[test]
fn an_image_is_pulled_and_run_from_the_folder_where_it_lies() {
    let (learner, layout) = with_layout();
    let output = learner.explore(["pull", "oci:layout:1.2"]).run().status(0);
    output.stdout_has("Status: Loaded image me/tool:1.2");
    // The same by its whole name, from elsewhere, and without a word of it on standard output.
    let place = format!("oci:{}:me/tool:1.2", layout.display());
    learner.explore(["pull", &place]).run().status(0).stdout_has("Image is up to date for me/tool:1.2");
    let run = ["run", "--rm", "--network", "none", &place, "echo", "hello"];
    learner.explore(run).run().status(0).stdout("hello\n");
    let told = learner.explore(["create", "--json", "oci:layout:demo:latest"]).run().status(0).json();
    assert_eq!(told["image"], "demo:latest");
    assert_eq!(told["asked"]["image"], "demo:latest");
}

#[test]
fn what_lies_there_now_is_run_not_what_lay_there_before() {
    let (learner, layout) = with_layout();
    let place = "oci:layout:1.2";
    learner.explore(["pull", "-q", place]).run().status(0);
    fs::remove_dir_all(&layout).unwrap();
    learner.explore(["run", "--rm", place, "true"]).run().fails(125, "cannot read layout");
    learner.explore(["run", "--rm", "--network", "none", "me/tool:1.2", "true"]).run().status(0);
}

#[test]
fn an_archive_is_named_in_the_same_way() {
    let (learner, _) = with_layout();
    learner.explore(["pull", "-q", "oci:layout:1.2"]).run().status(0);
    learner.explore(["save", "-o", "one.tar", "me/tool:1.2"]).run().status(0);
    learner.explore(["rmi", "me/tool:1.2"]).run().status(0);
    for place in ["oci-archive:one.tar", "docker-archive:one.tar:me/tool:1.2"] {
        learner.explore(["run", "--rm", "--network", "none", place, "true"]).run().status(0);
        learner.explore(["rmi", "me/tool:1.2"]).run().status(0);
    }
    require!("images::skopeo", has_program("skopeo"), "needs skopeo");
    for place in ["oci:theirs:3", "oci-archive:theirs.tar:3", "docker-archive:old.tar:me/old:3"] {
        learner.program("skopeo", ["copy", "-q", "oci:layout:me/tool:1.2", place]).run().status(0);
        learner.explore(["run", "--rm", "--network", "none", place, "true"]).run().status(0);
    }
    let told = learner.explore(["images", "--json"]).run().status(0).json();
    let name =
        |one: &serde_json::Value| [&one["repository"], &one["tag"]].map(|part| part.as_str().unwrap().to_owned());
    let mut names: Vec<String> = told["images"].as_array().unwrap().iter().map(|one| name(one).join(":")).collect();
    names.sort_unstable();
    assert_eq!(names, ["me/old:3", "theirs:3"], "as `load` names them");
}

#[test]
fn what_is_not_clear_or_not_there_is_told() {
    let (learner, _) = with_layout();
    let several = learner.explore(["pull", "oci:layout"]).run();
    several.fails(1, "layout holds several images: demo:latest, me/tool:1.2").stderr_has("layout:demo:latest");
    let none = learner.explore(["pull", "oci:layout:9"]).run();
    none.fails(1, "layout holds no image \"9\", or several, of demo:latest, me/tool:1.2");
    learner.explore(["pull", "oci:"]).run().fails(1, "the empty path holds no image: no path stands after the colon");
    learner.explore(["pull", "oci-archive:layout"]).run().fails(1, "it is a folder, which is oci:FOLDER");
    fs::write(learner.work().join("file"), "x").unwrap();
    learner.explore(["pull", "oci:file"]).run().fails(1, "it is no folder");
    learner.explore(["run", "oci:/nosuch:1"]).run().fails(125, "cannot read /nosuch");
    has_no_image(&learner);
}

#[test]
fn a_link_out_of_the_folder_leads_nowhere() {
    // The layer is outside, and even the right one: only where it lies is wrong.
    let (learner, layout) = with_layout();
    let (inside, outside) = (layer(&layout), learner.work().join("canary"));
    fs::rename(&inside, &outside).unwrap();
    for target in [outside.clone(), "../../../canary".into(), format!("/proc/self/root{}", outside.display()).into()] {
        symlink(&target, &inside).unwrap();
        learner.explore(["pull", "oci:layout:1.2"]).run().fails(1, "is missing");
        learner.explore(["load", "layout"]).run().fails(1, "is missing");
        fs::remove_file(&inside).unwrap();
    }
    has_no_image(&learner);
    // A link that stays inside is a file like any other.
    fs::rename(&outside, layout.join("elsewhere")).unwrap();
    symlink("../../elsewhere", &inside).unwrap();
    learner.explore(["pull", "-q", "oci:layout:1.2"]).run().status(0).stdout("me/tool:1.2\n");
}

#[test]
fn a_link_to_a_file_that_only_root_reads_is_not_read_aloud() {
    let (learner, layout) = with_layout();
    let index = layout.join("index.json");
    fs::write(learner.work().join("canary"), "the secret").unwrap();
    fs::remove_file(&index).unwrap();
    symlink("../canary", &index).unwrap();
    let output = learner.explore(["pull", "oci:layout"]).run();
    let output = output.fails(1, "it has neither an index.json nor a manifest.json");
    assert!(!output.err.contains("secret"), "{}", output.shown());
}

#[test]
fn a_pipe_or_a_device_in_place_of_a_file_is_not_opened() {
    let (learner, layout) = with_layout();
    for file in [layout.join("index.json"), layer(&layout)] {
        let kept = learner.work().join("kept");
        fs::rename(&file, &kept).unwrap();
        nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
        // A pipe without a writer would hold it for ever.
        assert_ne!(learner.explore(["pull", "oci:layout:1.2"]).run().code, 0);
        fs::remove_file(&file).unwrap();
        fs::rename(&kept, &file).unwrap();
    }
    has_no_image(&learner);
}

#[test]
fn a_blob_that_is_another_than_its_name_says_leaves_no_image() {
    let (learner, layout) = with_layout();
    let path = layer(&layout);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    learner.explore(["run", "--rm", "oci:layout:1.2", "true"]).run().fails(125, "has the digest");
    bytes.truncate(middle);
    fs::write(&path, &bytes).unwrap();
    learner.explore(["pull", "oci:layout:1.2"]).run().fails(1, "bytes, not");
    has_no_image(&learner);
}
