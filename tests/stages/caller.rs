//! Nothing of the shell that somebody calls from shows in a container, or ends it: docker's daemon starts them, and has none of it.

use crate::containers::{learner, learners, shell};
use crate::forge::Forge;
use crate::support::{has_program, require};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use tar::EntryType;

/// One who brings an image and one who runs it with a strict umask, or with none, see the same modes: those of the image.
#[test]
fn the_umask_of_who_brings_an_image_or_makes_a_container_does_not_show_inside() {
    for learner in learners() {
        let modes = [0o644, 0o666, 0o755, 0o4755, 0o600];
        let file = |forge: Forge, mode: &u32| forge.raw(EntryType::Regular, &format!("of/{mode:o}"), "", *mode, b"x");
        let layer = modes.iter().fold(Forge::default().raw(EntryType::Directory, "of", "", 0o777, b""), file);
        crate::crafted::image(&learner, "modes:1", layer.end(), |_| {});
        let saved = learner.work().join("modes.tar");
        learner.explore(["save", "-o", saved.to_str().unwrap(), "modes:1"]).run().status(0);
        for umask in ["000", "027", "077"] {
            let under = ["sh", "-c", "umask $0; exec \"$@\"", umask];
            learner.explore(["rmi", "modes:1"]).run().status(0);
            learner.explore(["load", "-q", "-i", saved.to_str().unwrap()]).wrapped_by(under).run().status(0);
            let look = "stat -c '%a %n' /of /of/* /etc/hosts /etc/hostname /etc/resolv.conf / /deep /deep/er; umask";
            // One who owns nothing of it, where there is more than one user.
            let who = if learner.is_root() { "1234:1234" } else { "0:0" };
            let run = ["run", "--rm", "--user", who, "-w", "/deep/er", "modes:1", "sh", "-c", look];
            let seen = learner.explore(run).wrapped_by(under).run().status(0).stderr("");
            let told = "777 /of\n600 /of/600\n644 /of/644\n666 /of/666\n755 /of/755\n4755 /of/4755\n\
                        644 /etc/hosts\n644 /etc/hostname\n644 /etc/resolv.conf\n755 /\n755 /deep\n755 /deep/er\n0022\n";
            let sorted = |text: &str| {
                let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                lines.sort();
                lines
            };
            assert_eq!(sorted(&seen.out), sorted(told), "umask {umask}: {}", seen.shown());
        }
    }
}

/// Words before the command, what is asked inside, and what it must answer there for whoever comes without such words.
const STANDINGS: [(&[&str], &str); 6] = [
    (&["setarch", "-R"], "cat /proc/self/personality"),
    (&["taskset", "1"], "grep Cpus_allowed: /proc/self/status"),
    (&["chrt", "-b", "0"], "cut -d' ' -f40,41 /proc/self/stat"),
    (&["prlimit", "--fsize=1048576:", "--cpu=7200:"], "ulimit -Sf; ulimit -St"),
    (&["prlimit", "--as=4294967296:", "--data=4294967296:"], "ulimit -Sv; ulimit -Sd"),
    (&["choom", "-n", "500", "--"], "cat /proc/self/oom_score_adj"),
];

/// The other way round would be an attack surface (no address is random), a denial of service of this machine (a class of
/// scheduling that goes before all others), or a container that ends where its limits do not say so.
#[test]
fn how_the_caller_is_scheduled_and_limited_does_not_show_inside() {
    let programs = ["setarch", "taskset", "chrt", "prlimit", "choom"];
    require!("stages::caller", programs.iter().all(|one| has_program(one)), "needs the programs of util-linux");
    for learner in learners() {
        learner.explore(["run", "-d", "--name", "box", "demo", "sleep", "600"]).run().status(0);
        for (words, look) in STANDINGS {
            // A user may not take back the score that the caller has raised.
            if words[0] == "choom" && !learner.is_root() {
                continue;
            }
            let plain = shell(&learner, &[], look).run().status(0).out;
            let outside = learner.program("sh", ["-c", look]).wrapped_by(words).run().out;
            assert_ne!(outside, plain, "{words:?} changes nothing here, and this shows nothing");
            let run = shell(&learner, &[], look).wrapped_by(words).run().status(0);
            assert_eq!(run.out, plain, "{words:?}: {}", run.shown());
            let exec = learner.explore(["exec", "box", "sh", "-c", look]).wrapped_by(words).run().status(0);
            assert_eq!(exec.out, plain, "{words:?}, exec: {}", exec.shown());
        }
        learner.explore(["rm", "-f", "box"]).run().status(0);
    }
}

/// A hard limit of whoever calls cannot be lifted: what the log cannot take is lost then, and neither the container nor what it
/// says to whoever listens.
#[test]
fn a_log_that_may_not_grow_ends_nobody() {
    let learner = learner();
    let many =
        "i=0; while [ $i -lt 4000 ]; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; i=$((i+1)); done; echo end";
    let limited = ["sh", "-c", "ulimit -f 64; exec \"$0\" \"$@\""];
    let run = learner.explore(["run", "--name", "box", "demo", "sh", "-c", many]).wrapped_by(limited).run().status(0);
    assert!(run.out.ends_with("a\nend\n") && run.out.lines().count() == 4001, "{}", run.shown());
    let kept = learner.explore(["logs", "box"]).run().status(0);
    assert!(kept.out.starts_with("aaa") && kept.out.len() < 64 * 1024, "the limit was none");
}

/// What is in an environment need not be text (environ(7)).
#[test]
fn a_variable_of_the_caller_that_is_no_text_harms_nothing() {
    let learner = learner();
    let odd = [OsStr::new("env"), OsStr::from_bytes(b"ODD=\xff"), OsStr::new("TEXT=yes")];
    let run = shell(&learner, &["-e", "TEXT"], "echo $TEXT $ODD").wrapped_by(odd).run();
    run.status(0).stdout("yes\n").stderr("");
}
