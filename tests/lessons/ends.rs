//! However a lesson ends, nothing is left of it.

use crate::support::{HostState, Learner, Running, is_root, require};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// A page that starts things on both sides and then waits.
const BUSY: &str = "---\ntitle: T\nstage: exec\nminutes: 1\ninside: --pid --mount --uts --proc\n---\n# T {#t}\n\n\
    ```sh inside\nsleep 3000 &\n```\n\n```sh outside\nsetsid sleep 3001 &\ntouch here\ntouch \"$READY\"; sleep 3002\n```\n";

fn busy(learner: &Learner) -> Running {
    let file = learner.work().join("busy.md");
    std::fs::write(&file, BUSY.replace("$READY", &learner.work().join("ready").display().to_string())).unwrap();
    let running = learner.explore(["lesson", "busy", "--yes", "--lessons"]).arg(&file).quiet().spawn();
    let until = Instant::now() + Duration::from_secs(60);
    while !learner.work().join("ready").exists() {
        assert!(Instant::now() < until, "the lesson does not come to its last step");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::fs::remove_file(learner.work().join("ready")).unwrap();
    std::fs::remove_file(file).unwrap();
    running
}

fn learners() -> Vec<Learner> {
    if is_root() { vec![Learner::new(), Learner::user()] } else { vec![Learner::new()] }
}

#[test]
fn a_signal_ends_it_with_that_signal_and_leaves_nothing() {
    for learner in learners() {
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            let before = HostState::of(&learner);
            let running = busy(&learner);
            running.signal(signal);
            running.finish("explore lesson busy").status(128 + signal as i32);
            before.assert_unchanged();
        }
    }
}

#[test]
fn after_a_kill_the_next_command_takes_it_all_back() {
    require!("lessons::ends::kill", is_root(), "needs root for a machine of its own");
    for learner in [Learner::new(), Learner::user()] {
        let before = HostState::of(&learner);
        let running = busy(&learner);
        running.signal(Signal::SIGKILL);
        running.finish("explore lesson busy").status(137);
        learner.explore(["clean"]).run().status(0);
        before.assert_unchanged();
    }
}

#[test]
fn what_is_kept_can_be_entered_and_is_taken_down_by_clean() {
    for learner in learners() {
        let before = HostState::of(&learner);
        let output = learner.explore(["lesson", "pid-namespace", "--yes", "--keep"]).run().status(0);
        let line = output.out.lines().find(|line| line.contains("Enter: ")).unwrap();
        let here = learner.everything().display().to_string();
        let words = line.split("Enter: explore ").nth(1).unwrap().replace("[HERE]", &here);
        let mut words: Vec<&str> = words.split(' ').collect();
        words.pop();
        let inside = learner.explore(words).args(["cat", "/proc/1/comm"]).run().status(0);
        assert_eq!(inside.out, "sh\n");
        learner.explore(["clean"]).run().status(0).stdout("Nothing was left behind.\n");
        learner.explore(["clean", "--all"]).run().status(0);
        before.assert_unchanged();
    }
}

#[test]
fn a_failing_lesson_leaves_nothing_either() {
    let learner = Learner::new();
    let before = HostState::of(&learner);
    let file = learner.work().join("fails.md");
    std::fs::write(&file, BUSY.replace("touch \"$READY\"; sleep 3002", "false")).unwrap();
    let output = learner.explore(["lesson", "fails", "--yes", "--lessons"]).arg(&file).run().status(1);
    assert!(output.err.contains("fails.md:13:1: `setsid sleep 3001 & …` typed outside"), "{}", output.shown());
    std::fs::remove_file(file).unwrap();
    before.assert_unchanged();
}

#[test]
fn two_readers_of_one_state_do_not_meet() {
    let learner = Learner::new();
    let one = learner.explore(["lesson", "uts-namespace", "--yes"]).spawn();
    let two = learner.explore(["lesson", "uts-namespace", "--yes"]).spawn();
    one.finish("one").status(0);
    two.finish("two").status(0);
}
