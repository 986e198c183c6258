//! CVE-2019-14271: an engine that has entered the container loads a library, or asks who a user is, and it is the image
//! that answers.

use crate::forge::Forge;
use crate::peer::Peer;
use crate::support::{has_program, is_root, require};

/// Names of the image that a process opens between its change of root and its program, by strace.
fn opened_inside(lines: &str, enters: &str) -> Vec<String> {
    let after = lines.lines().skip_while(|line| !line.contains(enters)).skip(1);
    let before_program = after.take_while(|line| !line.contains("execve("));
    let name = |line: &str| line.split('"').nth(1).map(str::to_owned);
    before_program.filter(|line| line.contains("open")).filter_map(name).collect()
}

#[test]
fn nothing_of_the_image_is_loaded_or_asked_before_its_program_runs() {
    require!("attack::libraries", is_root() && has_program("strace"), "needs root and strace(1)");
    let evil = "passwd: evil\ngroup: evil\nhosts: evil\n";
    let peer = Peer::with(|_| {
        Forge::default()
            .file("etc/nsswitch.conf", evil)
            .file("etc/ld.so.preload", "/evil.so\n")
            .file("evil.so", "no library")
    });
    let folder = peer.learner.home().join("strace");
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("t").display().to_string();
    let strace = ["strace", "-ff", "-qq", "-e", "trace=open,openat,openat2,pivot_root,chroot,execve", "-o", &file];
    let run = ["run", "--rm", "--network", "none", "evil:1", "true"];
    peer.learner.explore(run).wrapped_by(strace).run().status(0);
    let stories =
        || std::fs::read_dir(&folder).unwrap().map(|one| std::fs::read_to_string(one.unwrap().path()).unwrap());
    let init = stories().find(|story| story.contains("pivot_root(")).expect("somebody pivots");
    let opened = opened_inside(&init, "pivot_root(");
    // /dev is ours: a tmpfs over whatever the image has there.
    let ours = ["/", ".", "/dev/null", "/etc/passwd", "/etc/group"];
    let harmless = |name: &String| name.starts_with("/proc/self/") || ours.contains(&name.as_str());
    assert!(opened.iter().all(harmless), "PID 1 opens {opened:?} of the image");
    // chroot(1) asks the C library who that is once it is inside, and the library asks in the image, in many places.
    let (here, words) = (folder.join("p").display().to_string(), "chroot --userspec=nobody-at-all $ROOT true");
    let told = peer.unguarded(&format!("strace -f -qq -e trace=open,openat,chroot,execve -o {here} {words}"));
    let careless = opened_inside(&std::fs::read_to_string(&here).unwrap(), "chroot(\"");
    assert!(!careless.iter().all(harmless), "{careless:?}\n{}", told.shown());
}
