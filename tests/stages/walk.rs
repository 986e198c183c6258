//! The story as a whole: what `explore walk` claims of this machine and of the container, and that all of it goes.

use crate::support::{HostState, Learner, Output, PATIENCE, Random, eventually, is_root, require};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use unicode_width::UnicodeWidthStr;

const ROOT: &str = "needs root for a machine of its own";

/// What came (`new`) or went (`gone`) on one side in one stage.
fn changes(stage: &Value, side: &str, sign: &str) -> BTreeSet<String> {
    let all = stage[side].as_array().unwrap();
    all.iter().filter(|one| one["sign"] == sign).map(|one| one["what"].as_str().unwrap().to_owned()).collect()
}

fn answer<'a>(stage: &'a Value, typed: &str) -> &'a str {
    let said = stage["said"].as_array().unwrap();
    said.iter().find(|one| one[0] == typed).and_then(|one| one[1].as_str()).unwrap()
}

/// The relations of which the story consists.
fn check_story(told: &Value) {
    let stages = told["stages"].as_array().unwrap();
    let names: Vec<&str> = stages.iter().map(|stage| stage["stage"].as_str().unwrap()).collect();
    assert_eq!(names, ["pull", "create", "layer", "network", "exec", "exit"]);
    let [_, create, layer, network, exec, exit] = [0, 1, 2, 3, 4, 5].map(|number| &stages[number]);

    let made = changes(create, "machine", "new");
    assert!(made.iter().all(|what| what.starts_with("folder ") || what.starts_with("upper: ")), "{made:?}");
    for before in [create, layer] {
        assert_eq!(before["inside"], Value::Array(Vec::new()), "there is no inside before the network");
    }
    assert!(changes(layer, "machine", "new").iter().any(|what| what.starts_with("mount: overlay")));
    assert!(changes(network, "inside", "new").iter().any(|what| what.starts_with("interface eth0: ")));

    // One process, two numbers.
    assert!(changes(exec, "inside", "new").contains("process 1: the program"));
    let outside = changes(exec, "machine", "new");
    let number =
        outside.iter().find_map(|what| what.strip_prefix("process ")?.strip_suffix(": its PID 1, by its number here"));
    assert_ne!(number.expect("PID 1 has a number out here"), "1");

    // All that came goes, on both sides, and one thing stays.
    for side in ["machine", "inside"] {
        let came: BTreeSet<String> =
            [layer, network, exec].iter().flat_map(|stage| changes(stage, side, "new")).collect();
        let mut went = changes(exit, side, "gone");
        went.remove("upper: empty");
        assert_eq!(came, went, "{side}");
    }
    assert_eq!(changes(exit, "machine", "new"), BTreeSet::from(["upper: /mine written".to_owned()]));
    assert_eq!(exec["ended"]["exited"], 0);
    assert_eq!(answer(exit, "cat /mine"), "me\n");
    assert_eq!(answer(exec, "hostname"), answer(exit, "hostname"), "started again, it is the same container");
}

fn walk_by(learner: &Learner, wrap: &[&str]) {
    let before = HostState::of(learner);
    let told = learner.explore(["walk", "--yes", "--json"]).wrapped_by(wrap).run().status(0).stderr("");
    check_story(&told.json());
    learner.explore(["walk", "--yes"]).wrapped_by(wrap).run().status(0).stderr("");
    before.assert_unchanged();
    learner.explore(["ps", "-a", "-q"]).run().status(0).stdout("");
    learner.explore(["clean"]).run().status(0).stdout("Nothing was left behind.\n");
}

#[test]
fn the_story_holds_and_leaves_the_machine_as_it_was() {
    require!("stages::walk::root", is_root(), ROOT);
    walk_by(&Learner::new(), &[]);
}

#[test]
fn the_story_holds_for_a_user_whom_nothing_lists() {
    require!("stages::walk::user", is_root(), "needs root to become somebody else");
    walk_by(&Learner::user(), &[]);
}

#[test]
fn the_story_holds_where_there_is_no_network_at_all() {
    require!("stages::walk::alone", is_root(), ROOT);
    walk_by(&Learner::new(), &["unshare", "--net"]);
}

/// What the walk itself says: not what was typed into the container and what that answered, and not an ID, which
/// nobody breaks in two.
fn own_lines(output: &Output) -> Vec<&str> {
    let mut own = true;
    let of_walk = |line: &&str| {
        if line.starts_with("# ") {
            own = false;
        } else if line.contains(" of 6: ") || line.starts_with("The container is removed") {
            own = true;
        }
        own && line.contains(' ')
    };
    output.out.lines().filter(of_walk).collect()
}

#[test]
fn no_line_is_wider_than_the_terminal_and_no_colour_comes_where_none_was_asked_for() {
    let learner = Learner::new();
    for columns in [40, 80, 200] {
        let piped = learner.explore(["walk", "--yes"]).width(columns).run().status(0);
        for line in own_lines(&piped) {
            assert!(line.width() <= usize::from(columns), "{} of {columns} columns: {line}", line.width());
        }
        assert!(!piped.out.contains('\x1b') && !piped.out.contains('\r'), "{}", piped.shown());
        let beside = piped.out.lines().any(|line| line.starts_with("On this machine") && line.contains(" | "));
        assert_eq!(beside, columns == 200, "two columns where they fit");
    }
    let mut plain = learner.explore(["walk", "--yes"]).env("NO_COLOR", "1").terminal(80);
    plain.wait_for("Go on with `explore lesson`");
    assert!(!String::from_utf8_lossy(plain.raw()).contains("\x1b[3"), "{}", plain.screen());
}

#[test]
fn whoever_leaves_early_leaves_nothing() {
    require!("stages::walk::leave", is_root(), ROOT);
    let learner = Learner::new();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    let before = HostState::of(&learner);
    for stops in 0..5 {
        let mut terminal = learner.explore(["walk"]).terminal(80);
        for number in 1..=stops {
            terminal.wait_for(&format!("{number} of 6: "));
            terminal.wait_for("[q] end the walk");
            terminal.keys("\r");
        }
        terminal.wait_for("[q] end the walk");
        terminal.type_line("q");
        terminal.finish().status(0);
    }
    before.assert_unchanged();
    learner.explore(["ps", "-a", "-q"]).run().status(0).stdout("");
}

fn kill_at_moments(learner: &Learner, times: u32) {
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    let before = HostState::of(learner);
    let mut random = Random::seeded();
    for number in 0..times {
        let walking = learner.explore(["walk", "--yes"]).quiet().spawn();
        std::thread::sleep(random.moment(Duration::from_millis(900)));
        walking.signal(Signal::SIGKILL);
        walking.finish("walk");
        learner.explore(["clean"]).run().status(0);
        let left = before.differences(PATIENCE / 4);
        assert!(left.is_empty(), "EXPLORE_SEED={} number {number}:\n{}", random.seed, left.join("\n"));
        learner.explore(["ps", "-a", "-q"]).run().status(0).stdout("");
    }
    learner.explore(["walk", "--yes"]).run().status(0);
}

#[test]
fn after_a_kill_clean_makes_the_machine_as_it_was() {
    require!("stages::walk::killed", is_root(), ROOT);
    kill_at_moments(&Learner::new(), 6);
}

#[test]
fn after_a_kill_clean_makes_a_users_machine_as_it_was() {
    require!("stages::walk::killed_user", is_root(), "needs root to become somebody else");
    kill_at_moments(&Learner::user(), 6);
}

/// `ID` for what is hexadecimal and long, `N` for the number of a process that is not 1.
fn redacted(line: &str) -> String {
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    for word in &mut words {
        let digits = word.trim_end_matches('…');
        if digits.len() >= 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            "ID".clone_into(word);
        }
    }
    if let [_, process, number, ..] = words.as_mut_slice()
        && process == "process"
        && number != "1:"
    {
        "N:".clone_into(number);
    }
    words.join(" ")
}

#[test]
fn the_transcript_in_the_readme_is_what_the_walk_prints() {
    let readme = include_str!("../../README.md");
    let block = readme.split("```console\n$ explore walk --yes\n").nth(1).expect("README.md has a transcript");
    let block = block.split("```").next().unwrap();
    let printed = Learner::new().explore(["walk", "--yes"]).run().status(0);
    let lines: Vec<String> = printed.out.lines().map(redacted).collect();
    let mut left = lines.iter();
    for wanted in block.lines().filter(|line| *line != "…") {
        assert!(left.any(|line| line == wanted), "not printed, or not in this order: {wanted:?}\n{}", lines.join("\n"));
    }
}

#[test]
fn a_docker_command_line_of_ones_own_is_walked_through() {
    let learner = Learner::new();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    let told = learner.explore(["walk", "--yes", "--", "demo", "sh", "-c", "exit 5"]).run().status(0).stderr("");
    assert!(
        told.out.starts_with("$ docker run demo sh -c") && told.out.contains("\nExit code 5: "),
        "{}",
        told.shown()
    );
    learner.explore(["walk", "--yes", "--", "--no-such-flag", "demo"]).run().fails(2, "--no-such-flag");
    eventually("nothing runs", || learner.processes().is_empty());
}
