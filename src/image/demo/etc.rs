//! The few files of `/etc` that programs look for, our own: nothing of the host's users and settings goes along.

use super::tree::Tree;

const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
learner:x:1000:1000:learner:/home/learner:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
";

const GROUP: &str = "\
root:x:0:
daemon:x:1:
tty:x:5:
learner:x:1000:
nogroup:x:65534:
";

const OS_RELEASE: &str = "\
NAME=\"explore demo image\"
ID=explore-demo
PRETTY_NAME=\"explore demo image (made from this machine)\"
";

const PROFILE: &str = "\
PS1='\\u@\\h:\\w\\$ '
export PS1
";

const MOTD_1: &str = "Layer 1 wrote this line.\n";
const MOTD_2: &str = "Layer 2 wrote this line; the one of layer 1 is still in layer 1.\n";
const REMOVED: &str = "Layer 1 has this file. Layer 2 takes it away: it is still sent, and still takes room.\n";

/// What the base layer has besides programs.
pub(super) fn base(tree: &mut Tree) {
    for path in ["dev", "etc", "home", "mnt", "opt", "proc", "run", "sys", "usr/local/bin", "var/log"] {
        tree.folder(path, 0o755);
    }
    tree.folder("home/learner", 0o755);
    tree.folder("root", 0o700);
    tree.folder("tmp", 0o1777);
    tree.folder("var/tmp", 0o1777);
    tree.text("etc/passwd", PASSWD);
    tree.text("etc/group", GROUP);
    tree.text("etc/os-release", OS_RELEASE);
    tree.text("etc/profile", PROFILE);
    tree.text("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
    tree.text("etc/motd", MOTD_1);
    tree.text("etc/removed-by-layer-2", REMOVED);
}

/// What the second layer changes, removes and adds.
pub(super) fn second(tree: &mut Tree) {
    tree.text("etc/motd", MOTD_2);
    tree.text("etc/.wh.removed-by-layer-2", "");
    tree.text("etc/added-by-layer-2", "Only layer 2 has this file.\n");
}
