//! A state folder that cannot be used: said in a sentence, left as it was found.

use crate::support::{Learner, Run, is_root, require};
use std::fs::{read_dir, read_to_string, write};
use std::os::unix::fs::chown;
use std::path::Path;

/// A command that needs the state folder for everything.
fn images(learner: &Learner, root: &Path) -> Run {
    learner.explore(["images"]).env("EXPLORE_ROOT", root)
}

#[test]
fn a_file_in_its_place_is_left_alone() {
    let learner = Learner::new();
    let place = learner.work().join("state");
    write(&place, "mine").unwrap();
    images(&learner, &place).run().fails(125, "work/state").stderr_has("--root DIR");
    assert_eq!(read_to_string(&place).unwrap(), "mine");
}

#[test]
fn somebody_elses_is_refused() {
    require!("cli::state_folder::foreign", is_root(), "needs root to become somebody else");
    let learner = Learner::user();
    let place = learner.work().join("state");
    for folder in ["data", "run"] {
        std::fs::create_dir_all(place.join(folder)).unwrap();
        chown(place.join(folder), Some(0), Some(0)).unwrap();
    }
    images(&learner, &place).run().fails(125, "belongs to uid 0");
    assert_eq!(read_dir(place.join("data")).unwrap().count(), 0);
}

#[test]
fn one_that_is_mounted_read_only_is_refused() {
    require!("cli::state_folder::read_only", is_root(), "needs root to mount");
    let learner = Learner::new();
    let place = learner.work();
    let root = place.to_string_lossy();
    learner.program("mount", ["-t", "tmpfs", "tmpfs", &root]).run().status(0);
    images(&learner, &place).run().status(0);
    learner.program("mount", ["-o", "remount,ro", &root]).run().status(0);
    learner.explore(["pull", "demo"]).env("EXPLORE_ROOT", &place).run().status(125).stderr_has("cannot be written");
}

#[test]
fn a_full_disk_is_said_and_what_was_there_stays_usable() {
    require!("cli::state_folder::full", is_root(), "needs root to mount");
    let learner = Learner::new();
    let root = learner.state().to_string_lossy().into_owned();
    learner.program("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", &root]).run().status(0);
    let full = learner.explore(["pull", "demo"]).run();
    assert!(full.code != 0 && full.err.contains("o space left"), "{}", full.shown());
    learner.explore(["images", "-q"]).run().status(0).stdout("").stderr("");
    learner.program("mount", ["-o", "remount,size=1g", &root]).run().status(0);
    learner.explore(["pull", "demo"]).run().status(0);
}

#[test]
fn a_half_written_journal_is_told_by_file_and_not_guessed_at() {
    let learner = Learner::new();
    learner.explore(["ns", "create", "box", "--uts"]).run().status(0);
    let journal = learner.state().join("run/journal");
    let entry = read_dir(&journal).unwrap().next().unwrap().unwrap().path();
    let whole = read_to_string(&entry).unwrap();
    write(&entry, &whole[..whole.len() / 2]).unwrap();
    let output = learner.explore(["ns", "rm", "box"]).run();
    let name = entry.file_name().unwrap().to_string_lossy().into_owned();
    assert!(output.code != 0 && output.err.contains(&name), "{}", output.shown());
    assert_eq!(read_to_string(&entry).unwrap(), &whole[..whole.len() / 2], "it is left as it was found");
    write(&entry, whole).unwrap();
    learner.explore(["ns", "rm", "box"]).run().status(0);
}
