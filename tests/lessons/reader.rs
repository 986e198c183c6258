//! A person at a terminal, and one whose answers come from a pipe.

use crate::support::{HostState, Learner};

#[test]
fn a_reader_predicts_visits_verifies_and_is_marked_by_the_kernel() {
    let learner = Learner::new();
    let before = HostState::of(&learner);
    let mut terminal = learner.explore(["lesson", "uts-namespace"]).terminal(100);
    for _ in 0..2 {
        terminal.wait_for("go on");
        terminal.type_line("");
    }
    // The menu: down one, the second option is right.
    terminal.wait_for("Your prediction");
    terminal.keys("\x1b[B\r");
    terminal.wait_for("Right.");
    terminal.wait_for("go on");
    // A shell inside sees what the act has done; it gets the terminal, and gives it back.
    terminal.type_line("i");
    terminal.wait_for("inside# ");
    terminal.type_line("hostname; tty; exit");
    terminal.wait_for("lesson-box");
    terminal.wait_for("go on");
    terminal.type_line("o");
    terminal.wait_for("outside# ");
    terminal.type_line("ls -A | wc -l; exit");
    terminal.wait_for("0");
    terminal.wait_for("go on");
    terminal.type_line("");
    terminal.wait_for("hostname");
    terminal.wait_for("go on");
    terminal.type_line("");
    // The first option is wrong: both reasons are told, and the lesson goes on.
    terminal.wait_for("Your prediction");
    terminal.keys("\r");
    terminal.wait_for("Not so, and here is why.");
    terminal.wait_for("[yours]");
    terminal.wait_for("[holds]");
    terminal.wait_for("go on");
    terminal.type_line("q");
    terminal.finish().status(0);
    let csv = learner.explore(["progress", "--csv"]).run().status(0).out;
    assert!(csv.contains("prediction,renamed,1,1,,0\n"), "{csv}");
    assert!(csv.contains("prediction,release,0,1,,0\n"), "{csv}");
    assert!(!csv.contains(",done,,"), "{csv}");
    learner.explore(["progress", "reset"]).run().status(0);
    before.assert_unchanged();
}

#[test]
fn an_exercise_is_verified_in_the_kernel_and_its_hints_come_in_rungs() {
    let learner = Learner::new();
    let text = "---\ntitle: T\nstage: exec\nminutes: 1\n---\n# T {#t}\n\n```exercise make\nMake a file `a`.\n\
        verify outside: test -e a\nsolution outside: touch a\nhint: first\nhint: second\n```\n";
    let file = learner.work().join("make.md");
    std::fs::write(&file, text).unwrap();
    let mut terminal = learner.explore(["lesson", "make", "--lessons"]).arg(&file).terminal(80);
    terminal.wait_for("verify");
    terminal.type_line("v");
    terminal.wait_for("Not done yet: test -e a outside says no.");
    terminal.type_line("h");
    terminal.wait_for("Hint: first");
    terminal.type_line("h");
    terminal.wait_for("Hint: second");
    terminal.type_line("o");
    terminal.wait_for("outside# ");
    terminal.type_line("touch a; exit");
    terminal.wait_for("verify");
    terminal.type_line("r");
    // Made anew: the file is gone.
    terminal.wait_for("(everything was made anew)");
    terminal.wait_for("verify");
    terminal.type_line("v");
    terminal.wait_for("Not done yet");
    terminal.type_line("o");
    terminal.wait_for("outside# ");
    terminal.type_line("touch a; exit");
    terminal.wait_for("verify");
    terminal.type_line("v");
    terminal.wait_for("Done: the kernel's state is as it should be.");
    terminal.finish().status(0);
    let csv = learner.explore(["progress", "--csv"]).run().status(0).out;
    assert!(csv.contains("exercise,make,,,true,0\n") && csv.contains(",done,,,,,\n"), "{csv}");
}

#[test]
fn ctrl_c_at_a_menu_gives_the_terminal_back() {
    let learner = Learner::new();
    let before = HostState::of(&learner);
    let mut terminal = learner.explore(["lesson", "uts-namespace"]).terminal(80);
    for _ in 0..2 {
        terminal.wait_for("go on");
        terminal.type_line("");
    }
    terminal.wait_for("Your prediction");
    terminal.keys("\x03");
    let output = terminal.finish();
    assert_eq!(output.code, 130, "{}", output.shown());
    learner.explore(["progress", "reset"]).run().status(0);
    before.assert_unchanged();
}

#[test]
fn answers_can_come_from_a_pipe_and_their_end_is_told() {
    let learner = Learner::new();
    let output = learner.explore(["lesson", "uts-namespace"]).stdin("\nhostname\n\n7\nh\n2\n").run().status(1);
    assert!(output.out.contains("`hostname` is none of these"), "{}", output.shown());
    assert!(output.out.contains("a number from 1 to 3, please"), "{}", output.shown());
    assert!(output.out.contains("Hint: Which of the two numbers"), "{}", output.shown());
    assert!(output.out.contains("Right."), "{}", output.shown());
    let said = "explore: no answer: standard input has ended\nhint: `--yes` shows the lesson with its answers, and asks nothing\n";
    assert_eq!(output.err, said);
}

#[test]
fn a_wrong_prediction_never_changes_the_exit_code() {
    let learner = Learner::new();
    let page = "---\ntitle: T\nstage: exec\nminutes: 1\n---\n# T {#t}\n\n```predict x\nQ?\n- A\n  if outside: true\n  why: a\n\
        - B\n  if outside: false\n  why: b\n```\n";
    let file = learner.work().join("x.md");
    std::fs::write(&file, page).unwrap();
    let output = learner.explore(["lesson", "x", "--lessons"]).arg(&file).stdin("2\n").run().status(0).stderr("");
    assert!(output.out.contains("Not so, and here is why."), "{}", output.shown());
}

#[test]
fn a_damaged_record_is_told_and_kept() {
    let learner = Learner::new();
    learner.explore(["progress"]).run().status(0).stdout("nothing yet: `explore lesson next` begins\n");
    std::fs::write(learner.state().join("data/progress"), "{\"schema\":").unwrap();
    let output = learner.explore(["progress"]).run().status(0);
    assert!(
        output.out.starts_with("the record was damaged: it is now [HERE]/s/data/progress.damaged-1,"),
        "{}",
        output.shown()
    );
    assert!(learner.state().join("data/progress.damaged-1").exists());
}
