//! The filter on system calls, asked call by call: a program tries every number in a container of ours, in one of runc
//! with the same config.json, and in one of docker's. They must answer the same, or the difference is listed with its
//! reason.

use crate::containers::{background, learner, learners, shell};
use crate::support::{Learner, has_program, is_root, require};
use std::collections::BTreeMap;
use std::path::PathBuf;

const NO_CC: &str = "needs cc(1) and a static C library to build what asks";

/// What came of each call, by its line in the list: `64 165` is EPERM.
pub(crate) type Answers = BTreeMap<String, String>;

/// Builds the program that asks; how it is shown inside.
pub(crate) fn probe(learner: &Learner) -> String {
    format!("{}:/probe:ro", built(learner, "probe", include_str!("seccomp_probe.c")).display())
}

/// Builds a program in C; where it lies. Static: it needs nothing of the image. Its source is typed in, for
/// an unlisted user may not be able to reach the folder of the tests.
pub(crate) fn built(learner: &Learner, name: &str, source: &str) -> PathBuf {
    let program = learner.work().join(name);
    let words = ["-O1", "-static", "-Wall", "-Werror", "-o", program.to_str().unwrap(), "-x", "c", "-"];
    learner.program("cc", words).stdin(source).run().status(0);
    program
}

pub(crate) fn answers(out: &str) -> Answers {
    let read = |line: &str| line.rsplit_once(' ').map(|(call, answer)| (call.to_owned(), answer.to_owned())).unwrap();
    let all: Answers = out.lines().map(read).collect();
    assert!(all.len() > 600, "the program has not come to its end:\n{out}");
    all
}

/// The calls about which two disagree, as `64 457: reached, ENOSYS`.
pub(crate) fn differences(ours: &Answers, theirs: &Answers) -> Vec<String> {
    assert!(ours.keys().eq(theirs.keys()));
    let told =
        |((call, one), other): ((&String, &String), &String)| (one != other).then(|| format!("{call}: {one}, {other}"));
    ours.iter().zip(theirs.values()).filter_map(told).collect()
}

fn of(answers: &Answers, call: &str) -> String {
    answers.get(call).unwrap_or_else(|| panic!("{call} was not asked")).clone()
}

#[test]
fn run_and_exec_answer_every_call_alike_whoever_made_the_container() {
    require!("stages::seccomp::every_call", has_program("cc"), NO_CC);
    for learner in learners() {
        let volume = probe(&learner);
        let flags = ["--network", "none", "-v", &volume];
        let in_run = learner.explore(["run", "--rm"]).args(flags).args(["demo", "/probe"]).run().status(0);
        let ours = answers(&in_run.out);
        learner.explore(["run", "-d", "--name", "box"]).args(flags).args(["demo", "sleep", "1000"]).run().status(0);
        let in_exec = learner.explore(["exec", "box", "/probe"]).run().status(0);
        learner.explore(["rm", "-f", "box"]).run().status(0);
        assert_eq!(differences(&ours, &answers(&in_exec.out)), [""; 0]);
        for (call, answer) in [
            ("socket 1", "reached"),
            ("socket 38", "EPERM"),
            ("socket 40", "EPERM"),
            ("personality 0", "reached"),
            ("personality 1", "EPERM"),
            ("clone 268435456", "EPERM"),
            ("clone 17", "reached"),
            // Only the terminal itself can refuse this: see `safety`.
            ("tiocsti 0", "reached"),
            ("64 435", "ENOSYS"),
            ("64 1000", "ENOSYS"),
        ] {
            assert_eq!(of(&ours, call), answer, "{call}");
        }
    }
}

/// The program in a container of `runtime` with our config.json.
fn by_runtime(learner: &Learner, runtime: &str, prepare: &str, volume: &str) -> Answers {
    let create = ["create", "--name", runtime, "--network", "none", "-v", volume, "demo", "/probe"];
    learner.explore(create).run().status(0);
    let told = learner.explore(["layer", "mount", runtime]).run().status(0);
    let rootfs = PathBuf::from(told.out.trim().replace("[HERE]", learner.everything().to_str().unwrap()));
    let run = format!("{prepare}exec {runtime} run {runtime}-{}", learner.tag());
    let theirs = learner.program("unshare", ["-m", "sh", "-c", &run]).folder(rootfs.parent().unwrap()).run().status(0);
    learner.explore(["rm", runtime]).run().status(0);
    answers(&theirs.out)
}

/// Numbers that libseccomp 2.5 has no names for (457 statmount to 466 removexattrat; 335 uretprobe of x86_64): runc and
/// crun skip the rules for them, as docker does when it is linked with it. libseccomp 2.6 has them.
pub(crate) fn is_new(difference: &str) -> bool {
    let number = difference.split([' ', ':']).nth(1).and_then(|number| number.parse::<u32>().ok());
    number.is_some_and(|number| (457..=466).contains(&number) || number == 335)
        && (difference.starts_with("64 ") || difference.starts_with("32 "))
}

pub(crate) fn ours(learner: &Learner, volume: &str, more: &[&str]) -> Answers {
    let flags = ["run", "--rm", "--network", "none", "-v", volume];
    answers(&learner.explore(flags).args(more).args(["demo", "/probe"]).run().status(0).out)
}

#[test]
fn runc_with_our_configuration_answers_every_call_as_we_do() {
    require!(
        "stages::seccomp::runc",
        is_root() && has_program("runc") && has_program("cc"),
        "needs root, runc(8), cc(1)"
    );
    let learner = learner();
    let volume = probe(&learner);
    let mut differing = differences(&ours(&learner, &volume, &[]), &by_runtime(&learner, "runc", "", &volume));
    differing.retain(|one| !is_new(one));
    assert_eq!(differing, [""; 0], "ours, runc's");
}

#[test]
fn crun_too_but_for_numbers_that_nobody_knows() {
    require!(
        "stages::seccomp::crun",
        is_root() && has_program("crun") && has_program("cc"),
        "needs root, crun(1), cc(1)"
    );
    let learner = learner();
    let volume = probe(&learner);
    let prepare = "umount /sys/fs/cgroup/unified 2>/dev/null; ";
    let mut differing = differences(&ours(&learner, &volume, &[]), &by_runtime(&learner, "crun", prepare, &volume));
    // crun 1.8 has no ENOSYS for what is above the highest number: a program of tomorrow hears EPERM there.
    differing.retain(|one| !is_new(one) && !one.ends_with(": ENOSYS, EPERM"));
    assert_eq!(differing, [""; 0], "ours, crun's");
}

#[test]
fn a_filter_is_there_in_run_and_in_exec_and_no_new_privileges_only_where_it_was_asked_for() {
    let look = "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status";
    for learner in learners() {
        for (flag, status) in [
            ("no-new-privileges=false", "NoNewPrivs:\t0\nSeccomp:\t2\n"),
            ("no-new-privileges", "NoNewPrivs:\t1\nSeccomp:\t2\n"),
            ("seccomp=unconfined", "NoNewPrivs:\t0\nSeccomp:\t0\n"),
        ] {
            shell(&learner, &["--network", "none", "--security-opt", flag], look)
                .run()
                .status(0)
                .stdout(status)
                .stderr("");
            let box_flags = ["run", "-d", "--name", "box", "--network", "none", "--security-opt", flag];
            learner.explore(box_flags).args(["demo", "sleep", "1000"]).run().status(0);
            learner.explore(["exec", "box", "sh", "-c", look]).run().status(0).stdout(status).stderr("");
            learner.explore(["rm", "-f", "box"]).run().status(0);
        }
    }
}

#[test]
fn rules_follow_the_capabilities_that_were_added() {
    for learner in learners() {
        let mount = "mount -t tmpfs none /mnt && echo mounted";
        let flags = ["--network", "none"];
        let refused = shell(&learner, &flags, mount).run();
        assert!(refused.code != 0 && !refused.out.contains("mounted"), "{}", refused.shown());
        let added = ["--network", "none", "--cap-add", "sys_admin"];
        shell(&learner, &added, mount).run().status(0).stdout("mounted\n");
        // The capability alone is not enough where a profile says otherwise, and no profile is not enough without it.
        let profile = learner.work().join("no-mount.json");
        let text = r#"{ "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{ "names": ["mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95 }] }"#;
        std::fs::write(&profile, text).unwrap();
        let option = format!("seccomp={}", profile.display());
        let refused = shell(&learner, &[&added[..], &["--security-opt", &option]].concat(), mount).run();
        assert!(refused.err.contains("not supported"), "{}", refused.shown());
        let unfiltered = ["--network", "none", "--security-opt", "seccomp=unconfined"];
        let refused = shell(&learner, &unfiltered, mount).run();
        assert!(refused.code != 0 && !refused.out.contains("mounted"), "{}", refused.shown());
    }
}

#[test]
fn exec_takes_the_rules_that_the_container_was_made_with() {
    let learner = learner();
    let profile = learner.work().join("profile.json");
    let no_kill = r#"{ "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{ "names": ["sync"], "action": "SCMP_ACT_KILL_PROCESS" }] }"#;
    std::fs::write(&profile, no_kill).unwrap();
    let option = format!("seccomp={}", profile.display());
    let flags = ["run", "-d", "--name", "box", "--network", "none", "--security-opt", &option, "demo", "sleep", "1000"];
    learner.explore(flags).run().status(0);
    // The file may go: what counts stands in config.json.
    std::fs::remove_file(&profile).unwrap();
    learner.explore(["exec", "box", "true"]).run().status(0);
    learner.explore(["exec", "box", "sync"]).run().status(159);
    learner.explore(["rm", "-f", "box"]).run().status(0);
}

#[test]
fn a_profile_that_is_wrong_is_refused_with_file_line_and_reason_and_nothing_is_made() {
    let learner = learner();
    let file = learner.work().join("profile.json");
    let option = format!("seccomp={}", file.display());
    // What is no JSON docker's client refuses, what is no profile its daemon: 125 and 1 (and 125 of `run`).
    let refused = |text: &str, code: i32, said: &str| {
        std::fs::write(&file, text).unwrap();
        for (command, code) in [("create", code), ("run", 125)] {
            learner.explore([command, "--security-opt", &option, "demo", "true"]).run().fails(code, said);
        }
    };
    refused("", 125, "the seccomp profile [HERE]/work/profile.json cannot be used: it is no seccomp profile: EOF");
    refused("{\n\"defaultAction\": \"SCMP_ACT_PERMIT\" }", 1, "unknown variant `SCMP_ACT_PERMIT`");
    refused("{\n\"defaultAction\": \"SCMP_ACT_PERMIT\" }", 1, "line 2 column 34");
    refused("{ \"defaultAction\": \"SCMP_ACT_NOTIFY\" }", 1, "SCMP_ACT_NOTIFY asks a process outside");
    std::fs::remove_file(&file).unwrap();
    let words = ["create", "--security-opt", &option, "demo", "true"];
    learner.explore(words).run().fails(125, "opening seccomp profile ([HERE]/work/profile.json) failed: No such file");
    learner
        .explore(["create", "--security-opt", "seccomp", "demo"])
        .run()
        .fails(125, "invalid --security-opt: \"seccomp\"");
    learner.explore(["ps", "-a", "-q"]).run().status(0).stdout("");
}

#[test]
fn a_kernel_without_filters_is_named_and_what_helps_too() {
    require!("stages::seccomp::lacking", is_root() && has_program("strace"), "needs root and strace(1)");
    let learner = learner();
    // As CONFIG_SECCOMP=n would answer.
    let lacking = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=seccomp:error=ENOSYS"];
    let run = ["run", "--rm", "--network", "none", "demo", "true"];
    let told = learner.explore(run).wrapped_by(lacking).run().fails(125, "cannot filter its system calls: seccomp(");
    assert!(told.err.contains("--security-opt seccomp=unconfined"), "{}", told.shown());
    background(&learner, "box", "sleep 1000");
    learner.explore(["exec", "box", "true"]).wrapped_by(lacking).run().fails(126, "cannot filter its system calls");
    learner.explore(["rm", "-f", "box"]).run().status(0);
    let unconfined = ["run", "--rm", "--network", "none", "--security-opt", "seccomp=unconfined", "demo", "true"];
    learner.explore(unconfined).wrapped_by(lacking).run().status(0).stderr("");
}
