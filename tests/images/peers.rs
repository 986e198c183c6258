//! What others make of our store, and we of theirs: skopeo, umoci, Debian's docker-registry.

use crate::forge::Forge;
use crate::forge::gzip;
use crate::support::{Learner, Running, has_program, is_root, require};
use explore::image::Digest;
use tar::EntryType;

fn with_demo() -> Learner {
    let learner = Learner::new();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    learner
}

pub(crate) fn layout(learner: &Learner) -> String {
    learner.state().join("data/images").to_str().unwrap().to_owned()
}

#[test]
fn skopeo_reads_our_store_and_our_archives() {
    require!("images::skopeo", has_program("skopeo"), "needs skopeo");
    let learner = with_demo();
    let ours = learner.explore(["images", "--json"]).run().json();
    let archive = learner.work().join("demo.tar").to_str().unwrap().to_owned();
    learner.explore(["save", "-o", &archive, "demo"]).run().status(0);
    for place in [format!("oci:{}:demo:latest", layout(&learner)), format!("oci-archive:{archive}:demo:latest")] {
        let theirs = learner.program("skopeo", ["inspect", &place]).run().status(0).json();
        assert_eq!(theirs["Digest"], ours["images"][0]["digest"], "{place}");
    }
    let place = format!("docker-archive:{archive}:demo:latest");
    let theirs = learner.program("skopeo", ["inspect", "--config", &place]).run().status(0).json();
    assert_eq!(theirs["config"]["Cmd"], serde_json::json!(["/bin/sh"]));
}

#[test]
fn we_read_what_skopeo_writes() {
    require!("images::skopeo", has_program("skopeo"), "needs skopeo");
    let learner = with_demo();
    let id = learner.explore(["images", "-q"]).run().out;
    let from = format!("oci:{}:demo:latest", layout(&learner));
    let work = learner.work().to_str().unwrap().to_owned();
    let table = [
        (format!("docker-archive:{work}/old.tar:me/old:1"), "old.tar", "me/old:1"),
        (format!("oci-archive:{work}/new.tar:me/new:1"), "new.tar", "me/new:1"),
        (format!("oci:{work}/folder:tag"), "folder", "folder:tag"),
    ];
    for (to, file, name) in table {
        learner.program("skopeo", ["copy", "-q", &from, &to]).run().status(0);
        learner.explore(["load", "-q", &format!("{work}/{file}")]).run().status(0).stdout(&format!("{name}\n"));
        learner.explore(["rmi", name]).run().status(0);
    }
    assert_eq!(learner.explore(["images", "-q"]).run().out, id);
}

/// An image of two layers with the corner cases of the layer format.
fn corner_cases() -> Vec<u8> {
    let base = Forge::default()
        .folder("etc")
        .file("etc/gone", "1")
        .file("etc/kept", "1")
        .folder("opaque")
        .file("opaque/below", "1")
        .folder("dir-to-file")
        .file("dir-to-file/x", "1")
        .file("file-to-dir", "1")
        .folder("replaced")
        .file("replaced/below", "1")
        .raw(EntryType::Directory, "tmp", "", 0o1777, b"")
        .raw(EntryType::Regular, "su", "", 0o6755, b"x")
        .raw(EntryType::Fifo, "pipe", "", 0o640, b"")
        .device("null", 1, 3)
        .hard_link("etc/second-name", "etc/kept")
        .link("absolute", "/etc")
        .link("up", "../../../etc")
        .link("dangling", "nowhere")
        .end();
    let top = Forge::default()
        .folder("etc")
        .file("etc/.wh.gone", "")
        .folder("opaque")
        .file("opaque/above", "2")
        .file("opaque/.wh..wh..opq", "")
        .file("dir-to-file", "2")
        .folder("file-to-dir")
        .file("file-to-dir/x", "2")
        .file(".wh.replaced", "")
        .folder("replaced")
        .file("replaced/above", "2")
        .link("etc/link", "kept")
        .end();
    let (a, b) = (Digest::of(&base), Digest::of(&top));
    let config =
        format!(r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{a}","{b}"]}}}}"#);
    let manifest = r#"[{"Config":"c.json","RepoTags":["corner:1"],"Layers":["1.tar","2.tar"]}]"#;
    let whole = |forge: Forge, name: &str, content: &[u8]| forge.raw(EntryType::Regular, name, "", 0o644, content);
    let forge = whole(whole(Forge::default(), "1.tar", &base), "2.tar", &gzip(&top));
    forge.file("c.json", &config).file("manifest.json", manifest).end()
}

#[test]
fn our_layers_under_overlayfs_are_what_umoci_unpacks() {
    require!("images::umoci", is_root() && has_program("umoci"), "needs umoci and root");
    let learner = with_demo();
    learner.explore(["load", "-q"]).stdin(corner_cases()).run().status(0).stdout("corner:1\n");
    for name in ["demo:latest", "corner:1"] {
        crate::equal::assert_as_umoci(&learner, name);
    }
}

#[test]
fn a_committed_image_is_unpacked_by_umoci_as_by_us() {
    require!("images::umoci", is_root() && has_program("umoci"), "needs umoci and root");
    let learner = with_demo();
    learner.explore(["load", "-q"]).stdin(corner_cases()).run().status(0);
    let long = "d".repeat(120);
    // A volume, for the image itself has no programs; made with ours, by their own links.
    let script = format!(
        "cd /; mkdir -m 555 -p locked {long}/{long}; echo 1 >{long}/{long}/file; ln {long}/{long}/file {long}/second; \
         ln -s {long}/{long}/{long} link; rm -r etc/skel; mkdir etc/skel; echo 2 >etc/skel/x; rm etc/motd; mkfifo pipe; \
         mknod null c 1 3; chown 3000000:7 {long}/second; chmod 6755 {long}/second; touch -d 1960-01-02T03:04:05.25 old; \
         touch -d 2001-01-01T00:00:00.123456789 precise; dd if=/dev/zero of=sparse bs=1 count=1 seek=9000000; true"
    );
    learner.explore(["run", "--name", "box", "--network", "none", "demo", "sh", "-c", &script]).run().status(0);
    let upper = crate::support::upper_of_the_only_container(&learner);
    let noted = std::fs::File::open(upper.join("precise")).unwrap();
    explore::kernel::rootfs::set_attribute(std::os::fd::AsFd::as_fd(&noted), "user.note".as_ref(), b"a=b").unwrap();
    learner.explore(["commit", "box", "made:1"]).run().status(0).stderr("");
    assert!(crate::equal::assert_as_umoci(&learner, "made:1") > 50);
    // And of an image of which all that can be said in layers was said.
    learner.explore(["create", "--name", "other", "corner:1", "none"]).run().status(0);
    learner.explore(["commit", "other", "made:2"]).run().status(0);
    crate::equal::assert_as_umoci(&learner, "made:2");
}

/// Debian's registry on the learner's machine, at 127.0.0.1:5000; `more` goes on its configuration.
pub(crate) fn debians_registry(learner: &Learner, more: &str) -> Running {
    learner.program("ip", ["link", "set", "lo", "up"]).run().status(0);
    let config = learner.work().join("registry.yml");
    let storage = learner.work().join("registry");
    let text = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: 127.0.0.1:5000}}\n{more}",
        storage.display()
    );
    std::fs::write(&config, text).unwrap();
    let registry = learner.program("docker-registry", ["serve", config.to_str().unwrap()]).quiet().spawn();
    let ready = || learner.at_machine(|| std::net::TcpStream::connect("127.0.0.1:5000").is_ok());
    crate::support::eventually("the registry answers", ready);
    registry
}

#[test]
fn debians_docker_registry_is_pulled_from_in_every_format() {
    let both = has_program("skopeo") && has_program("docker-registry");
    require!("images::docker-registry", is_root() && both, "needs skopeo, docker-registry and root");
    let learner = with_demo();
    let _registry = debians_registry(&learner, "");
    let id = learner.explore(["images", "-q"]).run().out;
    let from = format!("oci:{}:demo:latest", layout(&learner));
    for format in ["oci", "v2s2"] {
        let name = format!("127.0.0.1:5000/team/demo:{format}");
        let to = format!("docker://{name}");
        learner
            .program("skopeo", ["copy", "-q", "--dest-tls-verify=false", "--format", format, &from, &to])
            .run()
            .status(0);
        let fresh = learner.work().join(format);
        let explore = |words: &[&str]| learner.explore(["--root", fresh.to_str().unwrap()]).args(words).run();
        explore(&["pull", "-q", &name]).status(0).stdout(&format!("{name}\n"));
        assert_eq!(explore(&["images", "-q"]).out, id, "{format}");
        explore(&["pull", "127.0.0.1:5000/team/demo:nosuch"]).fails(1, "has no manifest nosuch");
    }
}
