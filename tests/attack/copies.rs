//! `cp`, while the container works against it. CVE-2018-15664: the path was resolved before it was used, and a link swapped
//! in between led out. CVE-2019-14271: to be safe from that Docker entered the container, and the image's C library was
//! loaded there.

use crate::forge::Forge;
use crate::peer::Peer;
use crate::support::{eventually, has_program, is_root, require};
use crate::swap;

#[test]
fn a_path_that_becomes_a_link_meanwhile_leads_nowhere() {
    require!("attack::copies", is_root(), "needs root for a machine of its own");
    let peer = Peer::with(|_| Forge::default().file("x", ""));
    let volume = peer.learner.work().join("volume");
    std::fs::create_dir_all(volume.join("target")).unwrap();
    std::fs::write(volume.join("target/canary"), "of the container\n").unwrap();
    std::os::unix::fs::symlink(&peer.outside, volume.join("link")).unwrap();
    std::fs::write(peer.learner.work().join("payload"), "payload\n").unwrap();
    let shown = format!("{}:/v", volume.display());
    let words = ["run", "-d", "--name", "box", "--network", "none", "-v", &shown, "evil:1", "sleep", "1000"];
    peer.learner.explore(words).run().status(0);
    let told = swap::meanwhile(&volume, || {
        for round in 0..swap::rounds() {
            let told = peer.learner.explore(["cp", "payload", "box:/v/target/payload"]).run();
            assert!(told.code == 0 || told.code == 1, "{}", told.shown());
            peer.assert_untouched();
            let name = format!("read-{round}");
            peer.learner.explore(["cp", "-L", "box:/v/target/canary", &name]).run();
            let read = std::fs::read_to_string(peer.learner.work().join(&name)).unwrap_or_default();
            assert_ne!(read, "alive\n", "a file of this machine has come out of the container");
        }
        let careless = format!(
            "n=0; while [ $n -lt 3000 ]; do n=$((n+1)); [ -L {0}/target ] || cp payload {0}/target/payload; done",
            volume.display()
        );
        peer.unguarded(&careless)
    });
    peer.assert_reached(&told);
    peer.learner.explore(["rm", "-f", "box"]).run().status(0);
}

#[test]
fn links_of_an_image_are_followed_inside_it_only() {
    require!("attack::copies::links", is_root(), "needs root to mount an image for the peer");
    let peer = Peer::with(|outside| {
        Forge::default()
            .link("absolute", outside)
            .link("up", &format!("../../../../../../../..{outside}"))
            .folder("work")
    });
    std::fs::write(peer.learner.work().join("payload"), "payload\n").unwrap();
    let runs = ["run", "-d", "--name", "runs", "--network", "none", "evil:1", "sleep", "1000"];
    peer.learner.explore(runs).run().status(0);
    peer.learner.explore(["create", "--name", "rests", "evil:1", "true"]).run().status(0);
    for name in ["runs", "rests"] {
        for link in ["absolute", "up"] {
            let told = peer.learner.explore(["cp", "payload", &format!("{name}:/{link}/new")]).run();
            told.fails(1, "no such container:path");
            peer.learner
                .explore(["cp", &format!("{name}:/{link}/canary"), "read"])
                .run()
                .fails(1, "no such container:path");
            peer.assert_untouched();
        }
        // An archive's own links are no way out either.
        let forged = Forge::default().link("out", peer.outside.to_str().unwrap()).file("out/new", "x").end();
        peer.learner.explore(["cp", "-", &format!("{name}:/work")]).stdin(forged).run();
        peer.assert_untouched();
    }
    peer.learner.explore(["rm", "-f", "runs", "rests"]).run().status(0);
    peer.assert_reached(&peer.unguarded("cp payload $ROOT/absolute/new"));
}

#[test]
fn nothing_of_the_image_is_loaded_to_copy_from_it() {
    require!("attack::copies::libraries", is_root() && has_program("strace"), "needs root and strace(1)");
    let peer = Peer::with(|_| {
        Forge::default()
            .file("etc/nsswitch.conf", "passwd: evil\n")
            .file("etc/ld.so.preload", "/evil.so\n")
            .file("evil.so", "no library")
    });
    let runs = ["run", "-d", "--name", "box", "--network", "none", "evil:1", "sleep", "1000"];
    peer.learner.explore(runs).run().status(0);
    eventually("it runs", || peer.learner.explore(["ps", "-q"]).run().out.lines().count() == 1);
    let trace = peer.learner.home().join("trace").display().to_string();
    let strace = ["strace", "-f", "-qq", "-e", "trace=chroot,pivot_root,setns,execve,mmap", "-o", &trace];
    peer.learner.explore(["cp", "box:/etc/passwd", "out"]).wrapped_by(strace).run().status(0);
    let lines = std::fs::read_to_string(&trace).unwrap();
    // It enters nothing: the only program is its own, and no file is mapped after that has been loaded.
    for never in ["chroot(", "pivot_root(", "setns("] {
        assert!(!lines.contains(never), "{lines}");
    }
    assert_eq!(lines.matches("execve(").count(), 1, "{lines}");
    peer.learner.explore(["rm", "-f", "box"]).run().status(0);
}
