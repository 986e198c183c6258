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
    assert!(list.out.contains("my-first") && !list.out.contains("pid-namespace"), "{}", list.shown());
    let lesson = learner.explore(["lesson", "my-first", "--yes", "--lessons"]).arg(&folder).run().status(0);
    assert!(lesson.out.contains("What it was before [holds]"), "{}", lesson.shown());
    before.assert_unchanged();
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
