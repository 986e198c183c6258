//! `save` and `load`: the same image comes back, whoever wrote the archive.

use crate::forge::Forge;
use crate::support::Learner;
use explore::image::Digest;

fn id(learner: &Learner) -> String {
    learner.explore(["images", "-q", "--no-trunc"]).run().status(0).out
}

fn with_demo() -> (Learner, String) {
    let learner = Learner::new();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    let archive = learner.work().join("demo.tar").to_str().unwrap().to_owned();
    learner.explore(["save", "-o", &archive, "demo"]).run().status(0).stdout("").stderr("");
    (learner, archive)
}

#[test]
fn what_is_saved_comes_back_as_the_same_image() {
    let (learner, archive) = with_demo();
    let before = id(&learner);
    learner.explore(["rmi", "demo"]).run().status(0);
    learner.explore(["load", &archive]).run().status(0).stdout("Loaded image: demo:latest\n");
    assert_eq!(id(&learner), before);
    let again = learner.work().join("again.tar");
    learner.explore(["save", "demo", "--output", again.to_str().unwrap()]).run().status(0);
    assert_eq!(std::fs::read(&again).unwrap(), std::fs::read(&archive).unwrap(), "the same image, the same bytes");
}

#[test]
fn a_layout_folder_is_saved_loaded_and_read_by_others() {
    let (learner, _) = with_demo();
    let before = id(&learner);
    let words = ["save", "--format", "oci-dir", "-o", "layout", "demo"];
    // Twice: what is there already stays.
    for _ in 0..2 {
        learner.explore(words).run().status(0).stdout("").stderr("");
    }
    let mut names = std::fs::read_dir(learner.work().join("layout")).unwrap().map(|one| one.unwrap().file_name());
    assert!(names.all(|name| ["blobs", "index.json", "oci-layout"].contains(&name.to_str().unwrap())));
    if crate::support::has_program("skopeo") {
        learner.program("skopeo", ["inspect", "oci:layout:demo:latest"]).run().status(0).stdout_has("\"Digest\"");
    }
    learner.explore(["rmi", "demo"]).run().status(0);
    learner.explore(["load", "-q", "layout"]).run().status(0).stdout("demo:latest\n");
    assert_eq!(id(&learner), before);
    learner.explore(["save", "--format", "oci-dir", "demo"]).run().fails(1, "name it with -o");
    learner.explore(["save", "--format", "oci-dir", "-o", "other", "nosuch"]).run().fails(1, "no such image: nosuch");
    assert!(!learner.work().join("other").exists());
}

#[test]
fn an_archive_is_read_from_a_pipe_and_compressed_too() {
    let (learner, archive) = with_demo();
    let bytes = std::fs::read(&archive).unwrap();
    for stdin in [bytes.clone(), crate::forge::gzip(&bytes), zstd::encode_all(bytes.as_slice(), 1).unwrap()] {
        learner.explore(["rmi", "demo"]).run().status(0);
        learner.explore(["load", "-q"]).stdin(stdin).run().status(0).stdout("demo:latest\n");
    }
}

/// As docker save wrote it before Docker 25: no digests, a config, layers as plain tar files, a link for a repeated one.
fn of_old_docker(config: &str, layer: &[u8]) -> Vec<u8> {
    let layer = String::from_utf8(layer.to_vec()).unwrap();
    let manifest = r#"[{"Config":"c.json","RepoTags":["me/old:1","me/old:2"],"Layers":["a/layer.tar","b/layer.tar"]}]"#;
    Forge::default()
        .file("a/layer.tar", &layer)
        .link("b/layer.tar", "../a/layer.tar")
        .file("c.json", config)
        .file("manifest.json", manifest)
        .end()
}

#[test]
fn an_archive_of_old_docker_keeps_its_image_id() {
    let layer = Forge::default().file("hello", "world").end();
    let diff = Digest::of(&layer);
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{diff}","{diff}"]}}}}"#
    );
    let learner = Learner::new();
    let output = learner.explore(["load", "-q"]).stdin(of_old_docker(&config, &layer)).run().status(0);
    output.stdout("me/old:1\nme/old:2\n");
    assert_eq!(id(&learner), format!("{0}\n{0}\n", Digest::of(config.as_bytes())));
}

#[test]
fn what_is_no_archive_is_refused_in_a_sentence() {
    let learner = Learner::new();
    let other = Forge::default().file("hello", "world").end();
    let table = [
        (b"no archive".to_vec(), "it cannot be read as a tar"),
        (Vec::new(), "it has neither an index.json nor a manifest.json"),
        (other, "it has neither an index.json nor a manifest.json"),
        (of_old_docker("{}", b""), "is damaged or not what it says"),
        (Forge::default().file("index.json", r#"{"schemaVersion":2,"manifests":[]}"#).end(), "for this machine"),
        (Forge::default().file("manifest.json", r#"[{"Config":"../../etc/passwd","Layers":[]}]"#).end(), "is missing"),
    ];
    for (stdin, sentence) in table {
        learner.explore(["load"]).stdin(stdin).run().fails(1, sentence);
        learner.explore(["images", "-q"]).run().status(0).stdout("");
    }
    learner.explore(["load", "/nosuch"]).run().fails(1, "cannot read /nosuch");
    learner.explore(["save", "nosuch", "-o", "x.tar"]).run().fails(1, "no such image: nosuch");
    assert!(!learner.work().join("x.tar").exists(), "nothing is left of a save that failed");
}

#[test]
fn a_blob_that_is_not_what_it_is_called_is_refused() {
    let (learner, archive) = with_demo();
    let mut bytes = std::fs::read(&archive).unwrap();
    // Somewhere in the middle of the largest blob.
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    learner.explore(["rmi", "demo"]).run().status(0);
    learner.explore(["load"]).stdin(bytes).run().fails(1, "has the digest");
    learner.explore(["images", "-q"]).run().status(0).stdout("");
}
