//! Somebody writes a lesson: without Rust, in a folder of their own.

use crate::support::{HostState, Learner};

#[test]
fn a_page_to_begin_from_is_proved_and_run_as_it_stands() {
    let learner = Learner::new();
    let folder = learner.work().join("mine");
    let new = |name: &str| learner.explore(["lesson", "new", name, "--lessons"]).arg(&folder);
    new("my-first").run().status(0).stdout_has("my-first.md is a page to begin from.");
    let before = HostState::of(&learner);
    let check = learner.explore(["lesson", "check"]).arg(&folder).run().status(0);
    assert!(check.out.contains("proved   my-first"), "{}", check.shown());
    let list = learner.explore(["lesson", "--lessons"]).arg(&folder).run().status(0);
    assert!(list.out.contains("my-first") && list.out.contains("pid-namespace"), "{}", list.shown());
    let lesson = learner.explore(["lesson", "my-first", "--yes", "--lessons"]).arg(&folder).run().status(0);
    assert!(lesson.out.contains("What it was before [holds]"), "{}", lesson.shown());
    before.assert_unchanged();
}

#[test]
fn a_page_of_ones_own_can_stand_on_those_that_are_built_in_and_in_place_of_one() {
    let learner = Learner::new();
    let folder = learner.work().join("mine");
    std::fs::create_dir_all(&folder).unwrap();
    let page = |stage: &str, text: &str| {
        format!("---\ntitle: Mine\nstage: {stage}\nafter: [namespaces]\nminutes: 1\n---\n# Mine {{#mine}}\n\n{text}\n")
    };
    std::fs::write(folder.join("extra.md"), page("exec", "See [theirs](pid-namespace.md).")).unwrap();
    std::fs::write(folder.join("keep-alive.md"), page("before", "Our own words.")).unwrap();
    let lesson = |words: &[&str]| learner.explore(["lesson"]).args(words).arg("--lessons").arg(&folder).run().status(0);
    lesson(&["check"]).stdout_has("2 lessons read, 0 faults; 2 proved");
    let list = lesson(&[]).out;
    let titled = |name: &str| list.lines().find(|line| line.contains(name)).is_some_and(|line| line.ends_with("Mine"));
    assert!(titled(" extra ") && titled(" keep-alive ") && !titled(" namespaces "), "{list}");
    lesson(&["keep-alive", "--yes"]).stdout_has("Our own words.");
    lesson(&["next", "--yes"]).stdout_has("Namespaces: what a process belongs to");
}

#[test]
fn what_was_written_is_never_overwritten_and_a_name_is_no_path() {
    let learner = Learner::new();
    let folder = learner.work().join("mine");
    let new = |name: &str| learner.explore(["lesson", "new", name, "--lessons"]).arg(&folder).run();
    new("mine").status(0);
    let page = folder.join("mine.md");
    std::fs::write(&page, "my own words").unwrap();
    new("mine").status(1).stderr_has("is there already");
    assert_eq!(std::fs::read_to_string(&page).unwrap(), "my own words");
    for name in ["../out", "Mine", "1st", "", "a b"] {
        new(name).status(2).stderr_has("cannot be the name of a lesson");
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
}
