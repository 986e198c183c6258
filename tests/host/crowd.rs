//! A lecture room: twenty who share a machine, and do the same thing at the same moment.

use crate::support::{HostState, Learner, Machine, is_root, require};
use std::sync::Arc;

const SEATS: usize = 20;

#[test]
fn twenty_users_on_one_machine_do_not_meet() {
    require!("host::crowd", is_root(), "needs root to become twenty others");
    let machine = Arc::new(Machine::start());
    let room: Vec<Learner> = (0..SEATS).map(|_| Learner::user_on(machine.clone())).collect();
    let before = HostState::of(&room[0]);
    let everybody = |words: &[&str]| {
        let running: Vec<_> = room.iter().map(|learner| learner.explore(words).usual_folders().spawn()).collect();
        for one in running {
            one.finish(&words.join(" ")).status(0);
        }
    };
    everybody(&["pull", "demo"]);
    everybody(&["ns", "create", "box", "--pid", "--mount", "--proc", "--net", "--uts"]);
    everybody(&["exec", "box", "sh", "-c", "test $$ -lt 10 && hostname mine"]);
    everybody(&["ns", "rm", "box"]);
    before.assert_unchanged_but(&["file"]);
}
