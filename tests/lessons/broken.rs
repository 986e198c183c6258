//! Pages that are wrong: what is said of them, and where.

use crate::support::{HostState, Learner, Output};
use std::path::PathBuf;

const FRONT: &str = "---\ntitle: T\nstage: exec\nminutes: 1\ninside: --uts\n---\n# T {#t}\n\n";

/// A folder with one page in it.
fn page(learner: &Learner, body: &str) -> PathBuf {
    let folder = learner.work().join("lessons");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("broken.md"), format!("{FRONT}{body}\n")).unwrap();
    folder
}

#[track_caller]
fn check(body: &str, expected: &str) -> Output {
    let learner = Learner::new();
    let folder = page(&learner, body);
    let before = HostState::of(&learner);
    let output =
        learner.explore(["lesson", "check", "--timeout", "2"]).arg(folder).run().status(1).stdout_has(expected);
    before.assert_unchanged();
    output
}

#[test]
fn a_command_that_fails_names_its_line_and_shows_what_it_printed() {
    let output = check("```sh outside\necho why; false\n```", "expected status 0, found status 1");
    assert!(output.out.contains("broken.md:9:1: `echo why; false` typed outside"), "{}", output.shown());
    assert!(output.out.contains("\n  why\n"), "{}", output.shown());
    check("```sh inside fails=3\ntrue\n```", "expected status 3, found status 0");
}

#[test]
fn a_prediction_of_which_none_or_two_hold_shows_every_test() {
    let options = |one: &str, two: &str| {
        format!("```predict x\nQ\n- A\n  if outside: {one}\n  why: w\n- B\n  if inside: {two}\n  why: w\n```")
    };
    let output = check(&options("true", "true"), "expected exactly one option that holds, found 2 of 2");
    assert!(output.out.contains("B — if inside: true — holds"), "{}", output.shown());
    check(&options("false", "false"), "found 0 of 2");
    check(&options("true", "exit 7"), "found 1 whose test fails");
}

#[test]
fn an_exercise_that_is_too_easy_or_too_hard_is_not_proved() {
    let exercise = |verify: &str, solution: &str, wrong: &str| {
        format!(
            "```exercise x\nDo.\nverify outside: {verify}\nsolution outside: {solution}\nwrong outside: {wrong}\n  \
             says: s\nhint: h\n```"
        )
    };
    check(
        &exercise("true", "true", "true"),
        "after nothing was done: expected status 1: it is not done, found status 0",
    );
    check(&exercise("test -e a", "touch b", "true"), "after the solution `touch b`: expected status 0");
    check(&exercise("test -e a", "touch a", "touch a"), "after the wrong way `touch a`: expected status 1");
    check(&exercise("test -e a", "touch a", "no-such-program-here"), "expected a command that can be run");
    check(&exercise("exit 5", "true", "true"), "found status 5");
}

#[test]
fn a_claim_that_does_not_hold_is_told_with_its_command() {
    let output = check("```check\nA claim\n  if outside: false\n```", "expected status 0: it holds");
    assert!(output.out.contains("broken.md:11:15: “A claim”, `false`"), "{}", output.shown());
}

#[test]
fn a_step_that_hangs_is_ended_and_named() {
    check("```sh outside\nsleep 1000\n```", "broken.md:9:1: `sleep 1000` has not ended after 2 seconds");
    check("```check\nA claim\n  if inside: sleep 1000\n```", "`sleep 1000` has not ended after 2 seconds");
    let body = "```predict x\nQ\nact outside: sleep 1000\n- A\n  if outside: true\n  why: w\n- B\n  if outside: false\n  why: w\n```";
    check(body, "`sleep 1000` has not ended after 2 seconds");
}

#[test]
fn a_shell_that_is_left_by_the_lesson_is_missed() {
    check("```sh outside\nexit 3\n```", "broken.md:9:1: the shell outside has ended");
    check("```sh inside\nexit 3\n```", "the shell inside has ended");
}

#[test]
fn faults_of_the_page_are_all_told_and_nothing_runs() {
    let output =
        check("```sh outside\ntouch /tmp/never\n```\n\n```predict\nQ\n```\n\n## No id", "0 lessons read, 3 faults");
    assert!(output.out.contains("broken.md:13:1: expected an id: predict ID"), "{}", output.shown());
    assert!(output.out.contains("broken.md:17:1: expected an id at the end of the h2 heading"), "{}", output.shown());
}

#[test]
fn variables_last_from_block_to_block_and_commands_cannot_eat_the_next() {
    let learner = Learner::new();
    let body = "```sh outside\nx=1; cd /\ncat\n```\n\n```sh outside\necho \"x is $x in $PWD, $INIT\"\n```\n\n\
        ```sh inside\ny=2\n```\n\n```sh inside\necho \"y is $y, and pid $$ is $INIT\"\n```";
    let folder = page(&learner, body);
    let output = learner.explore(["lesson", "broken", "--yes", "--lessons"]).arg(folder).run().status(0);
    assert!(output.out.contains("x is 1 in /, "), "{}", output.shown());
    // Without a PID namespace the shell inside has one number only.
    let line = output.out.lines().find(|line| line.starts_with("y is 2")).unwrap();
    let numbers: Vec<&str> =
        line.split(|letter: char| !letter.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    assert_eq!(numbers[1], numbers[2], "{line}");
}

#[test]
fn a_quotation_that_is_not_closed_is_told_and_not_waited_for() {
    let output = check("```sh outside\ntrue\necho 'it\n```", "0 proved, 0 failed, 0 skipped");
    assert!(output.out.contains("broken.md:11:1: expected commands that sh can read, found "), "{}", output.shown());
}

#[test]
fn a_container_that_is_not_there_is_missed_where_it_is_named() {
    let output = check("```compare\ninside: container nobody\n```", "expected a container that runs");
    assert!(output.out.contains("broken.md:9:1: compare: "), "{}", output.shown());
    assert!(output.out.contains("found no such container: nobody"), "{}", output.shown());
}

#[test]
fn a_file_that_is_no_text_is_named_and_the_others_are_read() {
    let learner = Learner::new();
    let folder = page(&learner, "text");
    std::fs::write(folder.join("latin.md"), b"---\ntitle: \xe9\n---\n").unwrap();
    std::fs::write(folder.join("README.md"), "# No lesson").unwrap();
    let output = learner.explore(["lesson", "check", "--read-only"]).arg(&folder).run().status(1);
    assert!(output.out.contains("latin.md:2:8: expected UTF-8, found the byte 0xe9"), "{}", output.shown());
    output.stdout_has("1 lesson read, 1 fault");
}

#[test]
fn a_folder_without_lessons_is_refused() {
    let learner = Learner::new();
    learner.explore(["lesson", "check", "."]).run().fails(1, "no Markdown files in it");
    learner.explore(["lesson", "check", "/nowhere"]).run().fails(1, "cannot read /nowhere");
}
