//! Coming and going: who waits for a container, who leaves one, and who joins it again.

use crate::containers::{background, learner, learners};
use crate::support::{Learner, eventually};
use nix::sys::signal::Signal;

const DETACH: &str = "\x10\x11";

fn runs(learner: &Learner, name: &str) -> bool {
    learner.explore(["ps"]).run().status(0).out.contains(name)
}

#[test]
fn all_who_wait_for_a_container_that_goes_hear_its_true_code() {
    for learner in learners() {
        let script = "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done";
        let run = learner.explore(["run", "-d", "--rm", "--name", "box", "demo", "sh", "-c", script]).run().status(0);
        eventually("the handler is set", || learner.explore(["logs", "box"]).run().out == "up\n");
        let waiting: Vec<_> = (0..3).map(|_| learner.explore(["wait", "box", run.out.trim()]).spawn()).collect();
        // Waiting is no part of it that could be missed: what waits has connected, or it is there still.
        std::thread::sleep(std::time::Duration::from_millis(300));
        learner.explore(["kill", "-s", "TERM", "box"]).run().status(0);
        for one in waiting {
            // The second is gone by then.
            let told = one.finish("wait").status(1);
            assert_eq!(told.out, "7\n", "{}", told.shown());
            assert!(told.err.contains("no such container"), "{}", told.shown());
        }
        learner.explore(["wait", "box"]).run().fails(1, "no such container: box");
    }
}

#[test]
fn whoever_waits_hears_of_the_end_that_a_killed_supervisor_made() {
    let learner = learner();
    background(&learner, "box", "sleep 1000");
    let all = learner.explore(["ps", "--json"]).run().status(0).json();
    let supervisor = all[0]["running"]["supervisor"]["pid"].to_string();
    let waiting = learner.explore(["wait", "box"]).spawn();
    std::thread::sleep(std::time::Duration::from_millis(200));
    learner.program("kill", ["-KILL", supervisor.as_str()]).run().status(0);
    waiting.finish("wait").status(0).stdout("137\n");
}

#[test]
fn a_terminal_is_left_by_its_keys_and_joined_again_at_another_size() {
    for learner in learners() {
        let mut first = learner.explore(["run", "-it", "--name", "box", "demo", "sh"]).terminal(93);
        first.type_line("mark=here; stty size");
        first.wait_for("50 93");
        // The first key alone is the shell's: it shows the line before.
        first.keys(DETACH);
        first.finish().status(0);
        assert!(runs(&learner, "box"));
        // Nobody misses the command that has gone.
        learner.explore(["clean"]).run().status(0).stdout("Nothing was left behind.\n");
        assert!(runs(&learner, "box"));
        let mut second = learner.explore(["attach", "box"]).terminal(71);
        second.type_line("stty size; echo still $mark");
        second.wait_for("50 71");
        second.wait_for("still here");
        second.keys(DETACH);
        let left = second.finish().status(1);
        assert!(left.out.contains("read escape sequence"), "{}", left.shown());
        let mut third = learner.explore(["attach", "--detach-keys", "ctrl-x,d", "box"]).terminal(80);
        third.type_line("echo three");
        third.wait_for("three");
        third.type_line("exit 5");
        third.finish().status(5);
        learner.explore(["wait", "box"]).run().status(0).stdout("5\n");
        learner.explore(["rm", "box"]).run().status(0);
    }
}

#[test]
fn one_more_process_is_left_by_the_keys_that_were_asked_for() {
    let learner = learner();
    background(&learner, "box", "sleep 1000");
    let mut terminal = learner.explore(["exec", "-it", "--detach-keys", "ctrl-a,x", "box", "sh"]).terminal(80);
    terminal.type_line("echo $$ >/number; echo ready");
    terminal.wait_for("ready");
    terminal.keys("\x01x");
    let left = terminal.finish().status(1);
    assert!(left.out.contains("read escape sequence"), "{}", left.shown());
    learner.explore(["exec", "box", "sh", "-c", "test -d /proc/$(cat /number)"]).run().status(0);
    learner
        .explore(["exec", "--detach-keys", "strg-a", "box", "true"])
        .run()
        .status(125)
        .stderr_has("\"strg-a\" are no keys");
}

#[test]
fn what_is_typed_into_one_that_was_started_in_the_background_reaches_it_and_does_not_end_it() {
    let learner = learner();
    learner.explore(["run", "-d", "-i", "--name", "box", "demo", "cat"]).run().status(0);
    for text in ["one\n", "two\n"] {
        let attached = learner.explore(["attach", "box"]).stdin(text).spawn();
        eventually("it has answered", || learner.explore(["logs", "box"]).run().out.ends_with(text));
        // The log has it a moment before whoever is attached has.
        std::thread::sleep(std::time::Duration::from_millis(500));
        attached.signal(Signal::SIGKILL);
        attached.finish("attach").status(137).stdout(text);
    }
    let last = learner.explore(["attach", "--no-stdin", "box"]).spawn();
    std::thread::sleep(std::time::Duration::from_millis(200));
    learner.explore(["stop", "-t", "0", "box"]).run().status(0);
    last.finish("attach").status(137).stdout("");
    learner.explore(["attach", "box"]).run().fails(1, "cannot attach to a stopped container, start it first");
}

#[test]
fn a_signal_that_is_not_to_be_passed_on_ends_the_command_and_not_the_container() {
    let learner = learner();
    let script = ["demo", "sh", "-c", "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done"];
    let attached = learner.explore(["run", "--sig-proxy=false", "--name", "box"]).args(script).spawn();
    eventually("the handler is set", || learner.explore(["logs", "box"]).run().out == "up\n");
    attached.signal(Signal::SIGTERM);
    attached.finish("run").status(143).stdout("up\n").stderr("");
    learner.explore(["clean"]).run().status(0);
    assert!(runs(&learner, "box"));
    let again = learner.explore(["attach", "box"]).spawn();
    std::thread::sleep(std::time::Duration::from_millis(300));
    again.signal(Signal::SIGTERM);
    again.finish("attach").status(9).stdout("").stderr("");
}
