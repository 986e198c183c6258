//! `explore diff`: what is told of an upper, and that Docker tells the same.

use crate::containers::{background, learner, learners};
use crate::support::{eventually, is_root, require, upper_of_the_only_container};
use std::os::unix::ffi::OsStrExt;

/// Everything that can become of a file, as far as one user alone can do it.
pub(crate) const SCRIPT: &str = "echo x >>/etc/passwd; rm -r /var /usr/bin/cat; chmod 711 /etc; mv /opt /optional; mkdir /opt; \
    : >/opt/in; ln -sf nowhere /usr/bin/ls; : >/root/.bashrc; touch /tmp/x; rm /tmp/x; ln /etc/group /etc/group2; \
    mkfifo /fifo; mkdir -p /a/b/c; : >/a/b/c/d; touch -d 2001-01-01 /etc/shells; mkdir '/with space'; : >/made; rm /made; \
    rm -r /home; : >/home; chmod 4755 /usr/bin/id; exit 0";

const TOLD: &str = "A /a\nA /a/b\nA /a/b/c\nA /a/b/c/d\nC /etc\nA /etc/group2\nC /etc/passwd\nA /etc/shells\n\
    A /fifo\nC /home\nC /opt\nA /opt/in\nA /optional\nC /root\nA /root/.bashrc\nC /usr\nC /usr/bin\nD /usr/bin/cat\n\
    C /usr/bin/id\nC /usr/bin/ls\nD /var\nA /with space\n";

/// What Docker does not list in any order.
pub(crate) fn sorted(told: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = told.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn each_change_is_told_by_its_letter_while_it_runs_and_after() {
    for learner in learners() {
        let diff = |name: &str| learner.explore(["diff", name]).run().status(0).stderr("");
        learner.explore(["create", "--name", "new", "demo", "true"]).run().status(0);
        diff("new").stdout("");
        learner.explore(["start", "-a", "new"]).run().status(0);
        diff("new").stdout("");
        background(&learner, "box", &format!("({SCRIPT}); exec sleep 1000"));
        eventually("the script has ended", || diff("box").out.contains("C /usr/bin/id"));
        diff("box").stdout(TOLD);
        learner.explore(["stop", "-t", "0", "box"]).run().status(0);
        diff("box").stdout(TOLD);
        let json = learner.explore(["diff", "--json", "box"]).run().status(0).json();
        let lines = json["changes"].as_array().unwrap().iter();
        let lines = lines.map(|one| format!("{} {}\n", one["kind"].as_str().unwrap(), one["path"].as_str().unwrap()));
        assert_eq!(lines.collect::<String>(), TOLD);
        learner.explore(["rm", "new", "box"]).run().status(0);
    }
}

#[test]
fn what_is_no_container_is_said_as_docker_says_it() {
    let learner = learner();
    learner.explore(["diff", "nosuch"]).run().fails(1, "no such container: nosuch");
    learner.explore(["diff"]).run().status(1).stdout("");
    learner.explore(["diff", "--nosuch", "box"]).run().status(125).stdout("");
}

#[test]
fn a_folder_that_another_overlay_has_renamed_is_refused_and_not_misread() {
    require!("stages::changes::redirect", is_root(), "needs root to set trusted.*");
    let learner = learner();
    learner.explore(["create", "--name", "box", "demo", "true"]).run().status(0);
    let folder = upper_of_the_only_container(&learner).join("renamed");
    std::fs::create_dir(&folder).unwrap();
    let open = std::fs::File::open(&folder).unwrap();
    let (name, old) = ("trusted.overlay.redirect", std::ffi::OsStr::new("/etc"));
    explore::kernel::rootfs::set_attribute(std::os::fd::AsFd::as_fd(&open), name.as_ref(), old.as_bytes()).unwrap();
    learner.explore(["diff", "box"]).run().fails(125, "/renamed in [HERE]").stderr_has("trusted.overlay.redirect");
}
