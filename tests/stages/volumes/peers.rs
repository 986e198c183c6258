//! The same mounts by others: runc and crun from our bundle, docker from the same words.

use super::{LOOK, image};
use crate::containers::learner;
use crate::docker::Docker;
use crate::support::{has_program, is_root, require};
use std::path::PathBuf;

/// The mounts that were asked for, as the container sees them: target, options, and what was copied.
const TABLE: &str = "grep -E ' /(data|made|bound|memory|dev/shm|deep/er) ' /proc/self/mountinfo | cut -d' ' -f5,6 | sort; \
                     ls -A /data; stat -c '%n %a %u' / /data /memory /deep/er; echo x 2>/dev/null >/new; echo $?; \
                     echo x >/data/new; echo $?; grep -c . /etc/hosts >/dev/null; echo >>/etc/hosts 2>/dev/null; echo $?";

fn table_flags(work: &str) -> [String; 13] {
    let bound = format!("type=bind,src={work},dst=/bound,readonly");
    [
        "--read-only",
        "-v",
        "data:/data",
        "--mount",
        &bound,
        "--tmpfs",
        "/memory:size=1m,mode=750",
        "--shm-size",
        "1m",
        "-v",
        "deeper:/deep/er",
        "-v",
        "over:/deep",
    ]
    .map(str::to_owned)
}

/// By a runtime that reads our config.json.
fn same_by(runtime: &str, prepare: &str) {
    let learner = learner();
    image(&learner, "full:1");
    let flags = table_flags(&learner.work().display().to_string());
    let run = learner.explore(["run", "--rm", "--network", "none"]).args(&flags).args(["full:1", "sh", "-c", TABLE]);
    let ours = run.run().status(0).out;
    learner.explore(["volume", "prune", "-a", "-f"]).run().status(0);
    let create = learner.explore(["create", "--name", "box", "--network", "none"]).args(&flags);
    create.args(["full:1", "sh", "-c", TABLE]).run().status(0);
    let told = learner.explore(["layer", "mount", "box"]).run().status(0);
    let rootfs = PathBuf::from(told.out.trim().replace("[HERE]", learner.everything().to_str().unwrap()));
    let run = format!("{prepare}exec {runtime} run {runtime}-{}", learner.tag());
    let theirs = learner.program("unshare", ["-m", "sh", "-c", &run]).folder(rootfs.parent().unwrap()).run().status(0);
    // That devices cannot be opened is ours alone.
    assert_eq!(theirs.out.replace(",nodev", ""), ours.replace(",nodev", ""), "{runtime}, then ours");
}

#[test]
fn runc_mounts_the_same_from_our_bundle() {
    require!("stages::volumes::runc", is_root() && has_program("runc"), "needs root and runc(8)");
    same_by("runc", "");
}

#[test]
fn crun_mounts_the_same_from_our_bundle() {
    require!("stages::volumes::crun", is_root() && has_program("crun"), "needs root and crun(1)");
    same_by("crun", "umount /sys/fs/cgroup/unified 2>/dev/null; ");
}

#[test]
fn docker_mounts_copies_and_refuses_as_we_do() {
    require!("stages::volumes::docker", is_root() && has_program("dockerd"), "needs root and dockerd(8)");
    let learner = learner();
    image(&learner, "full:1");
    let work = learner.work().display().to_string();
    let docker = Docker::start(&learner);
    let archive = learner.home().join("full.tar").display().to_string();
    learner.explore(["save", "-o", &archive, "full:1"]).run().status(0);
    docker.run(&["load", "-q", "-i", &archive]).status(0);
    let both = |flags: &[&str], script: &str| {
        let words = [&["run", "--rm", "--network", "none"], flags, &["full:1", "sh", "-c", script]].concat();
        (learner.explore(&words).run(), docker.run(&words))
    };
    let flags = table_flags(&work);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    // Docker 20.10 leaves a copied folder with the time of the copy.
    let look = LOOK.replace(" %Y", "");
    for (flags, script) in [
        (&flags[..], TABLE),
        (&["-v", "data2:/data"], &look),
        (&["-v", "data3:/data:nocopy"], &look.replace("readlink out; cat twin", "")),
        (&["-v", "data4:/etc:ro"], "ls -A /etc"),
        (&["--tmpfs", "/data"], "ls -A /data; stat -c '%a' /data"),
        (&["-v", "data5:/root/found"], "ls -A /found"),
        (&[], "grep -cE ' /(data|made) ' /proc/self/mountinfo"),
    ] {
        let (ours, theirs) = both(flags, script);
        let without = |text: &str| text.replace(",nodev", "");
        assert_eq!((ours.code, without(&ours.out)), (theirs.code, without(&theirs.out)), "ours, docker's: {flags:?}");
    }
    let refused: [&[&str]; 17] = [
        &["-v", "/tmp:/:ro"],
        &["-v", "data:x"],
        &["-v", "/a:/b:rx"],
        &["-v", "/x:ro"],
        &["-v", "data:/x:ro,rw"],
        &["-v", "data:/x:rshared"],
        &["-v", "/tmp:/x:nocopy"],
        &["-v", "one:/x", "-v", "two:/x"],
        &["-v", "one:/x", "--tmpfs", "/x"],
        &["-v", "/data/twin"],
        &["--tmpfs", "run"],
        &["--tmpfs", "/x:bogus"],
        &["--volumes-from", "nobody"],
        &["--mount", "type=bind,src=/no/such,dst=/x"],
        &["--mount", "type=odd,dst=/x"],
        &["--mount", "type=bind,foo=1,dst=/x"],
        &["--mount", "dst=/x,ro"],
    ];
    for flags in refused {
        let (ours, theirs) = both(flags, "true");
        assert_eq!((ours.code, theirs.code), (125, 125), "{flags:?}\n{}{}", ours.shown(), theirs.shown());
        let said = |text: &str, prefix: &str| text.lines().next().unwrap().trim_start_matches(prefix).to_lowercase();
        // The file is told by its place inside, and not by docker's folders.
        let theirs = said(theirs.err.trim_start_matches("docker: "), "Error response from daemon: ");
        let ours = said(&ours.err, "explore: ");
        let same = |text: &str| text.split(", file exists").next().unwrap().to_owned();
        assert_eq!(same(&ours), same(&theirs), "ours, docker's: {flags:?}");
    }
}
