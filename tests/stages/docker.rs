//! The real Docker beside us: one program asks every system call in a container of each.

use crate::changes::{SCRIPT, sorted};
use crate::containers::learner;
use crate::seccomp::{answers, differences, is_new, ours, probe};
use crate::support::{Learner, Running, eventually, has_program, is_root, require};
use std::io::Write;
use std::path::PathBuf;

/// dockerd on the learner's own machine, with folders of its own; it ends with the machine.
pub(crate) struct Docker<'a> {
    learner: &'a Learner,
    socket: String,
    daemon: Running,
}

impl<'a> Docker<'a> {
    pub(crate) fn start(learner: &'a Learner) -> Self {
        let folder = |name: &str| learner.home().join(name).display().to_string();
        let socket = format!("unix://{}", folder("d.sock"));
        let words =
            ["--data-root", &folder("d"), "--exec-root", &folder("x"), "--pidfile", &folder("d.pid"), "-H", &socket];
        let daemon = learner.program("dockerd", words).args(["--bridge=none", "--iptables=false"]).quiet().spawn();
        let docker = Self { learner, socket, daemon };
        eventually("dockerd answers", || docker.run(&["version"]).code == 0);
        let demo = learner.home().join("demo.tar").display().to_string();
        learner.explore(["save", "-o", &demo, "demo"]).run().status(0);
        docker.run(&["load", "-q", "-i", &demo]).status(0);
        docker
    }

    pub(crate) fn run(&self, words: &[&str]) -> crate::support::Output {
        self.learner.program("docker", ["-H", &self.socket]).args(words).run()
    }
}

impl Drop for Docker<'_> {
    fn drop(&mut self) {
        // In good order, so that it takes its mounts and its containerd along.
        self.daemon.signal(nix::sys::signal::Signal::SIGTERM);
        let pid = self.daemon.pid;
        eventually("dockerd has ended", || {
            std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
        });
    }
}

/// Where Debian 12's Docker, 20.10.24, answers otherwise than the profile that Docker 29 has: what changed it.
fn newer(difference: &str) -> Option<&'static str> {
    let (call, _) = difference.split_once(':').unwrap();
    let (kind, number) = call.split_once(' ').unwrap();
    let number: i64 = number.parse().unwrap();
    Some(match (kind, number) {
        ("64", 310 | 311) | ("32", 347 | 348) => "process_vm_readv, _writev: moby#42083, 23.0",
        ("64", 329..=331) | ("32", 380..=382) => "pkey_mprotect, _alloc, _free: moby#43490, 23.0",
        ("64", 303) | ("32", 341) => "name_to_handle_at: moby#45766 and moby#45837, 24.0",
        ("64" | "32", 425..=427) => "io_uring_*: moby#46762, 25.0",
        ("socket", 40) => "AF_VSOCK: moby#44562, 23.0",
        ("socket", 38) => "AF_ALG: moby#52494, 29",
        ("64" | "32", 450..=466) => {
            "calls of Linux 5.17 and later: above the highest that 20.10 names, so ENOSYS there"
        }
        _ => return None,
    })
}

#[test]
fn docker_answers_every_call_as_we_do() {
    let able = is_root() && has_program("dockerd") && has_program("cc");
    require!("stages::docker::every_call", able, "needs root, dockerd(8), cc(1)");
    let learner = learner();
    let volume = probe(&learner);
    let ours = ours(&learner, &volume, &[]);
    let docker = Docker::start(&learner);
    let run = |flags: &[&str]| {
        let words =
            [&["run", "--rm", "--network", "none", "-v", &volume][..], flags, &["demo:latest", "/probe"]].concat();
        answers(&docker.run(&words).status(0).out)
    };
    // With the profile of ours that docker 29 has built in: the same, but for what its libseccomp has no names for.
    let profile = concat!("seccomp=", env!("CARGO_MANIFEST_DIR"), "/src/kernel/seccomp/default.json");
    let mut differing = differences(&ours, &run(&["--security-opt", profile]));
    differing.retain(|one| !is_new(one));
    assert_eq!(differing, [""; 0], "ours, docker's with the same profile");
    // With its own: each difference is a change that is named.
    let mut differing = differences(&ours, &run(&[]));
    differing.retain(|one| newer(one).is_none() && !is_new(one));
    assert_eq!(differing, [""; 0], "ours, docker's");
    for flags in
        [&["--cap-add", "SYS_ADMIN"][..], &["--cap-drop", "ALL", "--cap-add", "kill"], &["--cap-drop", "cap_chown"]]
    {
        let status = ["demo", "grep", "-E", "^(Cap|NoNew|Seccomp)", "/proc/self/status"];
        let mine = learner.explore(["run", "--rm", "--network", "none"]).args(flags).args(status).run().status(0).out;
        docker.run(&[&["run", "--rm", "--network", "none"][..], flags, &status].concat()).status(0).stdout(&mine);
    }
    // And with another set of capabilities, by the profile's own conditions.
    let flags = ["--cap-add", "SYS_ADMIN", "--cap-add", "SYS_PTRACE", "--cap-drop", "SYS_CHROOT"];
    let ours = crate::seccomp::ours(&learner, &volume, &flags);
    let mut differing = differences(&ours, &run(&[&flags[..], &["--security-opt", profile]].concat()));
    differing.retain(|one| !is_new(one));
    assert_eq!(differing, [""; 0], "ours, docker's with {flags:?}");
}

/// What the topmost layer of a saved image says: all but the times, for the two did not run at the same one.
fn top_layer(archive: &std::path::Path) -> Vec<String> {
    let read = |name: &str| {
        let mut tar = tar::Archive::new(std::fs::File::open(archive).unwrap());
        let wanted = |entry: &tar::Entry<'_, std::fs::File>| entry.path().unwrap() == std::path::Path::new(name);
        let mut found = tar.entries().unwrap().map(Result::unwrap).find(wanted).unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut found, &mut bytes).unwrap();
        bytes
    };
    let manifest: serde_json::Value = serde_json::from_slice(&read("manifest.json")).unwrap();
    let layer = read(manifest[0]["Layers"].as_array().unwrap().last().unwrap().as_str().unwrap());
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(layer.as_slice()), &mut plain)
        .unwrap_or_else(|_| plain.write(&layer).unwrap());
    let mut tar = tar::Archive::new(plain.as_slice());
    let line = |entry: tar::Entry<'_, &[u8]>| {
        let header = entry.header();
        let name = entry.path().unwrap().display().to_string();
        // A mark is a name; what else it says is nobody's concern.
        let (mode, link) =
            (header.mode().unwrap() & 0o7777, entry.link_name().unwrap().unwrap_or_default().into_owned());
        // (Docker's has even the name of another, where overlayfs has used one inode for both.)
        let (mode, link) = if name.contains(".wh.") { (0, PathBuf::new()) } else { (mode, link) };
        let owner = (header.uid().unwrap(), header.gid().unwrap());
        let device = (header.device_major().unwrap_or_default(), header.device_minor().unwrap_or_default());
        let device = header.entry_type().is_character_special().then_some(device);
        format!("{name} {:?} {mode:o} {owner:?} {} {} {device:?}", header.entry_type(), entry.size(), link.display())
    };
    let mut lines: Vec<String> = tar.entries().unwrap().map(|entry| line(entry.unwrap())).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_commit_is_the_layer_that_docker_makes_of_the_same_changes() {
    require!("stages::docker::commit", is_root() && has_program("dockerd"), "needs root and dockerd(8)");
    let learner = learner();
    let script = format!("chown 7 /etc/group; mknod /null c 1 3; ln -s {}long /link; {SCRIPT}", "t/".repeat(60));
    let words = ["run", "--name", "box", "--network", "none", "-v", "/usr/share:/data", "demo", "sh", "-c", &script];
    let commit = ["commit", "-a", "me", "-m", "why", "-c", "ENV A=1", "-c", "CMD [\"true\"]", "box", "made:1"];
    let docker = Docker::start(&learner);
    let (ours, theirs) = (learner.work().join("ours.tar"), learner.work().join("theirs.tar"));
    for words in [&words[..], &commit, &["save", "-o", theirs.to_str().unwrap(), "made:1"]] {
        docker.run(words).status(0);
    }
    for words in [&words[..], &commit, &["save", "-o", ours.to_str().unwrap(), "made:1"]] {
        learner.explore(words).run().status(0);
    }
    assert_eq!(top_layer(&ours), top_layer(&theirs));
    // Each takes the other's image, and finds the same in it.
    docker.run(&["rmi", "made:1"]).status(0);
    docker.run(&["load", "-q", "-i", ours.to_str().unwrap()]).status(0).stdout("Loaded image: made:1\n");
    learner.explore(["load", "-q", theirs.to_str().unwrap()]).run().status(0).stdout("made:1\n");
    let list = [
        "run",
        "--rm",
        "--network",
        "none",
        "made:1",
        "sh",
        "-c",
        "stat -c '%n %A %u:%g %h %s' /opt/* /opt /etc/group2 /a/b/c/d /link /fifo /home; echo $A; test -e /var; echo $?",
    ];
    docker.run(&list).status(0).stdout(&learner.explore(list).run().status(0).out);
}

#[test]
fn docker_tells_of_the_same_changes() {
    require!("stages::docker::diff", is_root() && has_program("dockerd"), "needs root and dockerd(8)");
    let learner = learner();
    let script = format!("chown 7 /etc/group; mknod /null c 1 3; {SCRIPT}");
    let words = ["run", "--name", "box", "--network", "none", "-v", "/usr/share:/data", "demo", "sh", "-c", &script];
    learner.explore(words).run().status(0);
    let docker = Docker::start(&learner);
    docker.run(&words).status(0);
    let (ours, theirs) = (learner.explore(["diff", "box"]).run().status(0), docker.run(&["diff", "box"]).status(0));
    assert_eq!(sorted(&ours.out), sorted(&theirs.out));
    assert!(ours.out.contains("A /data\n") && ours.out.contains("A /null\n"), "{}", ours.shown());
}

/// IDs are drawn, and times pass: what stands in their place is as wide.
fn without_chance(table: &str) -> String {
    let word = |part: &str| match part.trim_end() {
        id if id.len() >= 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) => "x".repeat(part.len()),
        number if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => "0".repeat(part.len()),
        _ => part.to_owned(),
    };
    table
        .split_inclusive([' ', '\n'])
        .map(|part| format!("{}{}", word(part.trim_end()), &part[part.trim_end().len()..]))
        .collect()
}

#[test]
fn lists_are_dockers_to_the_byte() {
    require!("stages::docker::lists", is_root() && has_program("dockerd"), "needs root and dockerd(8)");
    let learner = learner();
    let docker = Docker::start(&learner);
    let ours = |words: &[&str]| learner.explore(words).run();
    let both = |words: &[&str]| (docker.run(words).status(0).out, ours(words).status(0).out);
    let id = ours(&["images", "-q", "--no-trunc"]).status(0).out.trim().to_owned();
    assert_eq!(docker.run(&["images", "-q", "--no-trunc"]).out.trim(), id, "one image");
    // Nobody there yet: the headings alone.
    for list in [&["ps"][..], &["ps", "-as"], &["volume", "ls"]] {
        let (theirs, ours) = both(list);
        assert_eq!(ours, theirs, "{list:?}");
    }
    both(&["tag", "demo", "team/tool:1"]);
    both(&["tag", "demo", "moved:1"]);
    for (name, image) in [
        ("plain", "demo"),
        ("tagged", "demo:latest"),
        ("whole", id.as_str()),
        ("short", &id["sha256:".len()..][..12]),
        ("shorter", &id["sha256:".len()..][..6]),
        ("tool", "team/tool:1"),
        ("moved", "moved:1"),
    ] {
        both(&["create", "--name", name, image, "sleep", "1000"]);
    }
    both(&["run", "--name", "ended", "--network", "none", "demo", "sh", "-c", "echo 1; echo 2; echo 3"]);
    let odd = ["echo", "a b", "long-enough-to-be-cut", "", "c\"d\\e\tf", "g\nh", "\u{1}", "漢字"];
    both(&[&["create", "--name", "odd", "demo"][..], &odd].concat());
    for words in [&["commit", "plain", "moved:1"][..], &["rmi", "-f", "team/tool:1"], &["volume", "create", "data"]] {
        both(words);
    }
    for name in ["v10", "v2", "Beta", "a-volume-with-a-long-name"] {
        both(&["volume", "create", name]);
    }
    for list in [
        &["ps", "-a"][..],
        &["ps", "-a", "--no-trunc", "--format", "{{.Image}} {{.Names}} {{.Command}}"],
        &["volume", "ls"],
    ] {
        crate::support::eventually_or(
            || {
                let (theirs, ours) = both(list);
                format!("{list:?}\n{theirs}{ours}")
            },
            || {
                let (theirs, ours) = both(list);
                without_chance(&ours) == without_chance(&theirs)
            },
        );
    }
    let (theirs, mine) = both(&["images", "demo"]);
    assert_eq!(mine, theirs);
    // Its daemon was told to make no bridge.
    let (theirs, mine) = both(&["network", "ls"]);
    let without_bridge: String =
        mine.lines().filter(|line| !line.contains(" bridge ")).map(|line| format!("{line}\n")).collect();
    assert_eq!(without_chance(&without_bridge), without_chance(&theirs));
    for tail in ["2", "+1", "0", "all", "few", "1x", "", "-1", "99999999999999999999"] {
        let (theirs, ours) = both(&["logs", "--tail", tail, "ended"]);
        assert_eq!(ours, theirs, "--tail {tail:?}");
    }
}
