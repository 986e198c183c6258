//! The book: what mdBook asks, and recordings.

use crate::support::{Learner, is_root, require};
use serde_json::Value;
use std::path::Path;

#[test]
fn mdbook_is_told_which_renderers_get_our_chapters() {
    let learner = Learner::new();
    learner.explore(["book", "preprocess", "supports", "html"]).run().status(0).stdout("").stderr("");
    learner.explore(["book", "preprocess", "supports", "xgettext"]).run().status(1).stdout("").stderr("");
}

#[test]
fn what_mdbook_does_not_send_is_refused() {
    let learner = Learner::new();
    learner.explore(["book", "preprocess"]).stdin("{}").run().fails(1, "this is not what mdBook 0.5 sends");
}

#[test]
fn every_draft_chapter_of_the_summary_is_a_lesson_and_every_lesson_is_in_it() {
    let summary = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src/SUMMARY.md")).unwrap();
    let named: Vec<&str> =
        summary.lines().filter_map(|line| line.trim().strip_prefix("- [")?.strip_suffix("]()")).collect();
    let list = Learner::new().explore(["lesson", "--json"]).run().status(0).json();
    let lessons: Vec<&str> =
        list["lessons"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(named, lessons);
}

#[test]
fn a_run_is_as_recorded_and_a_recording_that_was_changed_differs() {
    let learner = Learner::new();
    let folder = learner.work().join("recordings");
    let book = |what: &str| learner.explore(["book", what, "pid-namespace", "--folder"]).arg(&folder).run();
    let nothing = book("verify").status(0);
    assert!(nothing.out.starts_with("no recording [HERE]"), "{}", nothing.shown());
    book("record").status(0);
    book("verify").status(0).stdout("as recorded  pid-namespace\n");
    let key = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let file = key.join("pid-namespace.json");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("and my parent is process 0"), "{text}");
    std::fs::write(&file, text.replace("and my parent is process 0", "and my father is process 0")).unwrap();
    let output = book("verify").status(1);
    assert!(output.out.starts_with("DIFFERS      pid-namespace\nrecorded: sh-1 prints"), "{}", output.shown());
}

/// The calls of a block are kept, and a run that nobody listens to is the same as one that somebody does.
#[test]
fn a_recording_has_what_the_kernel_was_asked() {
    require!("lessons::book::asked", is_root(), "the lesson of exec makes a bridge");
    let learner = Learner::new();
    let folder = learner.work().join("recordings");
    let book =
        |what: &str| learner.explore(["book", what, "exec", "three-calls", "--folder"]).arg(&folder).run().status(0);
    book("record");
    book("verify").stdout("as recorded  exec\nas recorded  three-calls\n");
    let key = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let asked = |lesson: &str, block: Option<&str>| {
        let text = std::fs::read_to_string(key.join(format!("{lesson}.json"))).unwrap();
        let recording: Value = serde_json::from_str(&text).unwrap();
        let events = recording["events"].as_array().unwrap().iter();
        let found = events.filter(|event| event["event"] == "asked" && event["block"].as_str() == block);
        found.flat_map(|event| event["calls"].as_array().unwrap().clone()).collect::<Vec<_>>()
    };
    let has = |calls: &[Value], who: &str, name: &str, argument: &str| {
        let is_it = |call: &Value| {
            call["who"] == who && call["call"] == name && call["args"].as_str().unwrap().contains(argument)
        };
        assert!(calls.iter().any(is_it), "no {name}({argument}) of {who} in {calls:#?}");
    };
    // `explore run`, and what is made of a place before the first block.
    let run = asked("exec", Some("sh-4"));
    for (who, name, argument) in [
        ("supervisor", "clone3", "CLONE_NEWPID"),
        ("init", "mount", "\"overlay\""),
        ("init", "pivot_root", ""),
        ("init", "sethostname", ""),
        ("init", "execve", "/true\""),
    ] {
        has(&run, who, name, argument);
    }
    assert!(run.iter().all(|call| !call.to_string().contains(&*learner.state().to_string_lossy())), "{run:#?}");
    has(&asked("three-calls", None), "helper", "clone3", "CLONE_NEWUTS");
    assert!(asked("exec", None).is_empty());
}

/// The variable is for the commands of a lesson, and a container has only what its configuration says.
#[test]
fn who_listens_is_not_known_inside() {
    require!("lessons::book::inside", is_root(), "a container of root");
    let learner = Learner::new();
    learner.explore(["pull", "demo"]).run().status(0);
    let file = learner.work().join("asked");
    let run = || {
        let run = learner.explore(["run", "--rm", "--network", "none", "--hostname", "h", "demo", "env"]);
        run.env("EXPLORE_NARRATE_TO", &file).run().status(0).stderr("").out
    };
    let silent = run();
    assert!(!file.exists(), "who wants to listen makes the file");
    std::fs::write(&file, "").unwrap();
    assert_eq!(run(), silent);
    assert!(silent.contains("HOSTNAME=h") && !silent.contains("NARRATE"), "{silent}");
    assert!(std::fs::read_to_string(&file).unwrap().contains("\"call\":\"pivot_root\""));
}

#[test]
fn the_template_holds_every_message_and_gettext_can_read_it() {
    let learner = Learner::new();
    let output = learner.explore(["book", "messages"]).run().status(0).stderr("");
    for text in ["msgid \"It dies\"", "msgid \"Hint: {hint}\"\n", "#, python-brace-format\n"] {
        assert!(output.out.contains(text), "{text}");
    }
}

/// The plan of a semester has each lesson once.
#[test]
fn every_lesson_has_its_week() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(folder.join(path)).unwrap();
    let (summary, chapter) = (read("book/src/SUMMARY.md"), read("book/src/instructors.md"));
    let plan = chapter.split("## A semester").nth(1).unwrap().split("\n## ").next().unwrap();
    let weeks: Vec<&str> = plan.lines().filter_map(|line| line.strip_prefix("| ")?.rsplit('|').nth(1)).collect();
    let planned: Vec<&str> = weeks.iter().flat_map(|week| week.split(", ")).map(str::trim).collect();
    for lesson in summary.lines().filter_map(|line| line.trim().strip_prefix("- [")?.strip_suffix("]()")) {
        let times = planned.iter().filter(|one| **one == lesson).count();
        assert_eq!(times, 1, "{lesson} in {planned:?}");
    }
}
