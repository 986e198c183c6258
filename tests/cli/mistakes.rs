//! What a reader gets wrong: one sentence, docker's exit code where docker has one, and nothing left behind.

use crate::support::{Learner, explore};

#[test]
fn what_is_not_there_is_named_and_the_way_to_it_too() {
    let table: [(&[&str], i32, &str); 8] = [
        (&["exec", "nosuch", "true"], 1, "no such container: nosuch"),
        (&["ns", "rm", "nosuch"], 1, "\"nosuch\""),
        (&["rmi", "nosuch"], 1, "no such image: nosuch"),
        (&["compare", "nosuch"], 1, "\"nosuch\""),
        (&["compare", "999999999"], 1, "no process 999999999"),
        (&["network", "up", "nosuch"], 1, "no such container: nosuch"),
        (&["network", "show", "nosuch"], 1, "no such container: nosuch"),
        (&["network", "down", "nosuch"], 1, "no such container: nosuch"),
    ];
    let learner = Learner::new();
    for (arguments, code, message) in table {
        let output = learner.explore(arguments).run().fails(code, message);
        assert!(output.err.contains("hint: "), "what can be done?\n{}", output.shown());
    }
}

#[test]
fn a_wrong_flag_answers_as_docker_does_for_dockers_commands_and_2_for_ours() {
    for ours in ["lesson", "compare", "ns", "network"] {
        explore([ours, "--no-such-flag"]).run().status(2).stdout("").stderr_has("--no-such-flag");
    }
    for dockers in ["pull", "images", "exec"] {
        explore([dockers, "--no-such-flag"]).run().status(125).stdout("").stderr_has("--no-such-flag");
        explore(["--root", "images", dockers, "--no-such-flag"]).run().status(125);
    }
    // Docker counts arguments after it has read the flags.
    for line in ["ps a", "logs a b", "images a b", "rename a", "cp a", "diff", "port", "rmi", "save", "volume ls x"] {
        explore(line.split(' ')).run().status(1).stdout("");
    }
    for line in ["rmi --no-such-flag", "save --no-such-flag a", "port --no-such-flag a", "load --no-such-flag"] {
        explore(line.split(' ')).run().status(125).stdout("").stderr_has("--no-such-flag");
    }
}

#[test]
fn an_image_that_no_network_can_bring_is_refused_with_the_two_ways_that_need_none() {
    let output = explore(["pull", "nosuch/image"]).run().status(1);
    for way in ["explore pull demo", "explore load FILE"] {
        assert!(output.err.contains(way), "{way} is not named\n{}", output.shown());
    }
}

#[test]
fn a_place_that_stands_is_not_made_again() {
    let learner = Learner::new();
    learner.explore(["ns", "create", "box", "--uts"]).run().status(0);
    learner.explore(["ns", "create", "box", "--uts"]).run().fails(1, "box");
    learner.explore(["exec", "box", "true"]).run().status(0).stdout("").stderr("");
    learner.explore(["ns", "rm", "box"]).run().status(0);
}

#[test]
fn a_program_that_is_missing_or_not_executable_answers_as_a_shell_does() {
    let learner = Learner::new();
    learner.explore(["ns", "create", "box", "--uts"]).run().status(0);
    let folder = learner.work().display().to_string();
    std::fs::write(learner.work().join("plain"), "no program").unwrap();
    learner.explore(["exec", "box", "no-such-program"]).run().fails(127, "no-such-program");
    learner.explore(["exec", "box", &format!("{folder}/plain")]).run().fails(126, "plain");
    learner.explore(["exec", "box", "sh", "-c", "exit 7"]).run().status(7).stdout("").stderr("");
    learner.explore(["exec", "box", "sh", "-c", "kill -TERM $$"]).run().status(143).stdout("").stderr("");
    learner.explore(["ns", "rm", "box"]).run().status(0);
}

#[test]
fn whoever_stops_reading_is_no_reason_to_panic() {
    let learner = Learner::new();
    let binary = env!("CARGO_BIN_EXE_explore");
    for words in ["--help", "lesson", "images", "compare --json 1", "ns ls"] {
        // The reader is gone before the first byte: `:` closes its end at once, and the writer waits for that.
        let pipeline = format!("(sleep 0.2; {binary} {words}; echo $? >&2) | :");
        let output = learner.program("sh", ["-c", &pipeline]).run().status(0);
        let last = output.err.lines().last().unwrap_or_default();
        // 141 = 128 + SIGPIPE, as for any other program; 0 where there was nothing to write.
        assert!(["141", "0"].contains(&last), "`explore {words}` into a closed pipe\n{}", output.shown());
        assert!(output.err.lines().count() == 1, "it complains\n{}", output.shown());
    }
}

/// A name may come from an archive, or from a line that was copied: what a terminal would obey is shown instead.
#[test]
fn a_message_has_nothing_in_it_that_a_terminal_obeys() {
    for language in ["en", "zh-CN"] {
        let name = "a\u{1b}]0;owned\u{7}\u{9b}2J";
        let told = explore(["--lang", language, "rm", name]).run().status(1);
        assert!(told.err.contains("a\\u{1b}]0;owned\\u{7}\\u{9b}2J"), "{}", told.shown());
        assert!(!told.err.chars().any(|one| one.is_control() && one != '\n'), "{:?}", told.err);
    }
}
