//! A witness from outside: strace(1) watches the same processes that `--narrate` tells about, and both must agree.
//!
//! For each process, in order: the calls of [`WATCHED`], with what they answered and the words of their arguments. A
//! process is followed up to the execve(2) of a program that is not `explore`: from there on it is the user's.

mod strace;
mod told;

use crate::support::{Learner, Output, Run, eventually, has_program, is_root, require};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What isolates, and what sets its limits.
const WATCHED: [&str; 23] = [
    "clone",
    "clone3",
    "fork",
    "vfork",
    "unshare",
    "setns",
    "mount",
    "umount2",
    "fsopen",
    "fsconfig",
    "fsmount",
    "move_mount",
    "open_tree",
    "mount_setattr",
    "pivot_root",
    "chroot",
    "sethostname",
    "setdomainname",
    "capset",
    "prctl",
    "seccomp",
    "sendto",
    "sendmsg",
];

/// One call as either side tells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    name: String,
    /// The flags and the quoted words of its arguments, flags sorted.
    words: Vec<String>,
    /// The number, or the name of the error.
    answer: String,
}

/// By process, in order.
type Story = BTreeMap<i32, Vec<Call>>;

/// Runs a command under strace, narrated; what it answered, and both stories.
struct Testimony {
    output: Output,
    told: Story,
    seen: Story,
}

impl Testimony {
    fn of(learner: &Learner, run: Run) -> Self {
        let output = under_strace(learner, run).run();
        Self::read(learner, output)
    }

    fn read(learner: &Learner, output: Output) -> Self {
        let folder = folder_for(learner);
        let told = told::story(&output.events());
        let seen = strace::story(&folder, &learner.everything().to_string_lossy());
        std::fs::remove_dir_all(folder).unwrap();
        Self { output, told, seen }
    }

    #[track_caller]
    fn must_agree(&self) {
        let mut differences = Vec::new();
        let processes = self.told.keys().chain(self.seen.keys().filter(|pid| !self.told.contains_key(pid)));
        for pid in processes {
            let (told, seen) = (self.told.get(pid), self.seen.get(pid));
            let none = Vec::new();
            compare(*pid, told.unwrap_or(&none), seen.unwrap_or(&none), &mut differences);
        }
        assert!(differences.is_empty(), "told and seen differ:\n{}\n{}", differences.join("\n"), self.output.shown());
        assert!(!self.told.is_empty(), "nothing was told\n{}", self.output.shown());
    }
}

/// One for each command; the learner's own, since strace runs with the learner's rights.
fn folder_for(learner: &Learner) -> PathBuf {
    learner.home().join("strace")
}

fn under_strace(learner: &Learner, run: Run) -> Run {
    let folder = folder_for(learner);
    learner.program("mkdir", [&folder]).run().status(0);
    // -ff: a file a process, so that no line is torn. -yy: what a descriptor is. -a1: no padding before the answer.
    let calls = format!("trace={},execve,execveat,write", WATCHED.join(","));
    let out = folder.join("t").to_string_lossy().into_owned();
    run.narrate().wrapped_by([
        "strace",
        "-ff",
        "-a1",
        "-qq",
        "-yy",
        "-s",
        "512",
        "-e",
        "signal=none",
        "-e",
        &calls,
        "-o",
        &out,
    ])
}

/// Both lists in order: what is only in one of them is a difference.
fn compare(pid: i32, told: &[Call], seen: &[Call], differences: &mut Vec<String>) {
    let mut next = 0;
    for call in told {
        let Some(skipped) = seen[next..].iter().position(|other| other == call) else {
            differences.push(format!("{pid}: told and not seen: {call:?}"));
            continue;
        };
        differences.extend(seen[next..next + skipped].iter().map(|other| unmatched(pid, other)));
        next += skipped + 1;
    }
    differences.extend(seen[next..].iter().map(|other| unmatched(pid, other)));
}

fn unmatched(pid: i32, seen: &Call) -> String {
    format!("{pid}: seen and not told: {seen:?}")
}

/// The words that both sides write alike: quoted strings in order, then names in capitals, sorted.
fn words(arguments: &str) -> Vec<String> {
    let mut strings = Vec::new();
    let mut rest = String::new();
    let mut pieces = arguments.split('"');
    rest.push_str(pieces.next().unwrap_or_default());
    while let (Some(string), after) = (pieces.next(), pieces.next()) {
        strings.push(format!("{string:?}"));
        rest.push_str(after.unwrap_or_default());
    }
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let is_flag =
        |word: &&str| word.len() > 3 && word.contains('_') && word.starts_with(|c: char| c.is_ascii_uppercase());
    let mut flags: Vec<String> = rest.split(|c| !is_part(c)).filter(is_flag).map(str::to_owned).collect();
    flags.sort();
    strings.extend(flags);
    strings
}

#[test]
fn a_look_into_another_place_is_told_as_it_is_seen() {
    require!("host::witness::compare", is_root() && has_program("strace"), "needs root and strace(1)");
    let learner = Learner::new();
    learner.program("sh", ["-c", "unshare --uts --net --pid --fork sleep 1000 >/dev/null 2>&1 &"]).run();
    let mut inside = String::new();
    eventually("the other place is there", || {
        inside = learner.program("pgrep", ["-x", "sleep"]).run().out.trim().to_owned();
        !inside.is_empty()
    });
    let testimony = Testimony::of(&learner, learner.explore(["compare", &inside]));
    testimony.must_agree();
}

/// Makes a place under strace, which goes on until the place is gone; then enters one that stands.
fn a_place_is_told_as_it_is_seen(learner: &Learner, kinds: &str) {
    let words: Vec<&str> = ["ns", "create", "box"].into_iter().chain(kinds.split(' ')).collect();
    let creating = under_strace(learner, learner.explore(&words)).spawn();
    eventually("the place stands", || learner.explore(["ns", "ls"]).run().status(0).out.contains("box"));
    learner.explore(["ns", "rm", "box"]).run().status(0);
    Testimony::read(learner, creating.finish("ns create box")).must_agree();

    learner.explore(&words).run().status(0);
    let testimony = Testimony::of(learner, learner.explore(["exec", "box", "true"]));
    testimony.must_agree();
    learner.explore(["ns", "rm", "box"]).run().status(0);
}

#[test]
fn a_place_of_root_is_told_as_it_is_seen() {
    require!("host::witness::place", is_root() && has_program("strace"), "needs root and strace(1)");
    let all = "--pid --mount --proc --uts --ipc --net --cgroup --time";
    a_place_is_told_as_it_is_seen(&Learner::new(), all);
}

#[test]
fn a_place_of_an_unlisted_user_is_told_as_it_is_seen() {
    require!("host::witness::users_place", is_root() && has_program("strace"), "needs root and strace(1)");
    let all = "--pid --mount --proc --uts --ipc --net --cgroup";
    a_place_is_told_as_it_is_seen(&Learner::user(), all);
}

#[test]
fn a_call_that_only_one_side_knows_is_a_difference() {
    let call = |name: &str, answer: &str| Call { name: name.into(), words: Vec::new(), answer: answer.into() };
    let both = [call("unshare", "0"), call("mount", "0"), call("mount", "EPERM")];
    let differences = |told: &[Call], seen: &[Call]| {
        let mut found = Vec::new();
        compare(1, told, seen, &mut found);
        found.len()
    };
    assert_eq!(differences(&both, &both), 0);
    assert_eq!(differences(&both[..2], &both), 1, "seen and not told");
    assert_eq!(differences(&both, &both[1..]), 1, "told and not seen");
    assert_eq!(differences(&both[1..2], &both[2..]), 2, "a failure is not a success");
}

/// The record of a container that was created and is not started.
const CREATED: &str = r#"{"schema": 1, "id": "3f2a1b4c5d6e", "name": "box", "image": "none", "image_id": "sha256:0",
    "command": ["true"], "hostname": "box", "terminal": false, "interactive": false, "remove": false,
    "network": "bridge", "volumes": [], "memory": null, "pids": null, "created": 1, "created_nanos": 1,
    "status": {"state": "created"}, "layer_mounted": false}"#;

#[test]
fn a_cable_is_told_as_it_is_seen() {
    require!("host::witness::network", is_root() && has_program("strace"), "needs root and strace(1)");
    let learner = Learner::new();
    let folder = learner.state().join("data/containers/3f2a1b4c5d6e");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("container.json"), CREATED).unwrap();
    for verb in ["up", "down"] {
        Testimony::of(&learner, learner.explore(["network", verb, "3f2a"])).must_agree();
    }
}
#[test]
fn a_command_in_namespaces_is_told_as_it_is_seen() {
    require!("host::witness::run", is_root() && has_program("strace"), "needs root and strace(1)");
    let learner = Learner::new();
    learner.explore(["pull", "demo"]).run().status(0);
    for network in ["none", "bridge"] {
        let run = learner.explore(["run", "--rm", "--network", network, "demo", "true"]);
        let testimony = Testimony::of(&learner, run);
        assert_eq!(testimony.output.code, 0, "{}", testimony.output.shown());
        testimony.must_agree();
    }
}
