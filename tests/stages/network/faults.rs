//! A kill at any moment, and what helps.

use super::lab::{CONTAINERS, Lab};
use crate::support::{HostState, has_program, is_root, require};
use explore::stages::network;
use explore::state::{Journal, Roots};

/// Calls at which a kill comes: changes of the network, entries of journal and record, mounts, children.
const CALLS: [&str; 5] = ["sendto", "write", "rename", "mount", "clone"];
/// No command makes more of one kind.
const LIMIT: usize = 100;

/// Kills `explore` when it makes the call `name` for the `number`th time; false when it came to its end before.
fn killed_at(lab: &Lab, verb: &str, name: &str, number: usize) -> bool {
    let (trace, inject) = (format!("trace={name}"), format!("inject={name}:signal=SIGKILL:when={number}"));
    let command = lab.learner.explore(["network", verb, CONTAINERS[0]]);
    let told = command.wrapped_by(["strace", "-o", "/dev/null", "-e", &trace, "-e", &inject]).run();
    assert!([0, 137].contains(&told.code), "{told:?}");
    told.code == 137
}

/// Kills at each call in turn; `prepare` comes before the command, `repair` after each kill. How many kills came.
fn kill_everywhere(lab: &Lab, verb: &str, prepare: impl Fn(), repair: impl Fn(&str)) -> usize {
    let mut kills = 0;
    for name in CALLS {
        for number in 1..=LIMIT {
            prepare();
            if !killed_at(lab, verb, name, number) {
                repair("nothing was killed");
                break;
            }
            kills += 1;
            repair(&format!("killed at {name} number {number}"));
        }
    }
    kills
}

#[test]
fn whatever_a_kill_left_of_up_the_next_up_and_down_take_back() {
    require!("stages::network::kill_up", is_root() && has_program("strace"), "needs root and strace(1)");
    let lab = Lab::new();
    let (before, forwards) = (HostState::of(&lab.learner), lab.forwarding());
    let repair = |what: &str| {
        // A kill after the last change leaves a container that is up, and up again answers 1.
        let again = lab.learner.explore(["network", "up", CONTAINERS[0]]).run();
        assert!([0, 1].contains(&again.code), "{what}: {again:?}");
        assert!(lab.server_sees(0).is_ok(), "{what}: the network that is said to be up is not");
        lab.down(0);
        assert_eq!(lab.forwarding(), forwards, "{what}");
    };
    let kills = kill_everywhere(&lab, "up", || (), repair);
    assert!(kills > 25, "only {kills} kills: they do not come where they should");
    before.assert_unchanged();
}

#[test]
fn undoing_the_journal_takes_back_whatever_a_killed_up_has_made() {
    require!("stages::network::undo", is_root() && has_program("strace"), "needs root and strace(1)");
    let lab = Lab::new();
    let (before, forwards) = (HostState::of(&lab.learner), lab.forwarding());
    let roots = Roots::find(Some(&lab.learner.state())).unwrap();
    let journal = Journal::at(roots.journal());
    let repair = |what: &str| {
        lab.learner.at_machine(|| {
            for entry in journal.entries().unwrap() {
                network::undo(&entry).unwrap();
            }
            network::unpin(&roots, CONTAINERS[0]).unwrap();
        });
        assert_eq!(lab.forwarding(), forwards, "{what}");
        assert!(lab.bridge().is_none(), "{what}: the bridge is left");
        // What is undone twice is gone once; then lease and entries go too.
        lab.learner.at_machine(|| network::tear_down(&roots, CONTAINERS[0]).unwrap());
        assert_eq!(journal.entries().unwrap(), [], "{what}");
    };
    kill_everywhere(&lab, "up", || (), repair);
    before.assert_unchanged();
}

#[test]
fn a_down_that_was_killed_is_finished_by_the_next() {
    require!("stages::network::kill_down", is_root() && has_program("strace"), "needs root and strace(1)");
    let lab = Lab::new();
    let (before, forwards) = (HostState::of(&lab.learner), lab.forwarding());
    let repair = |what: &str| {
        let again = lab.learner.explore(["network", "down", CONTAINERS[0]]).run();
        assert!([0, 1].contains(&again.code), "{what}: {again:?}");
        assert_eq!(lab.forwarding(), forwards, "{what}");
        assert!(lab.bridge().is_none(), "{what}: the bridge is left");
    };
    let kills = kill_everywhere(&lab, "down", || assert!(!lab.up(0).is_unspecified()), repair);
    assert!(kills > 8, "only {kills} kills: they do not come where they should");
    before.assert_unchanged();
}
