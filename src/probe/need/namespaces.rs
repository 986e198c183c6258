//! Each kind of namespace, made once.

use super::Answer;
use super::trial::{as_this_user, attempt, become_root_of_a_user_namespace};
use crate::kernel::namespace::{self, Kind};
use crate::kernel::process;
use crate::narrate::Role;
use crate::state::Roots;

const WHY: &str = "to see whether this kernel gives one";

fn made(kind: Kind) -> Answer {
    as_this_user("a new one was made", || {
        namespace::unshare(&[kind], WHY)?;
        // The namespaces of processes and of clocks take in children only: one must be born for a proof.
        if matches!(kind, Kind::Pid | Kind::Time) {
            let child = process::fork(Role::Helper, WHY, || 0)?;
            process::wait(child)?;
        }
        Ok(())
    })
}

pub(super) fn uts(_: &Roots) -> Answer {
    made(Kind::Uts)
}

pub(super) fn pid(_: &Roots) -> Answer {
    made(Kind::Pid)
}

pub(super) fn mount(_: &Roots) -> Answer {
    made(Kind::Mnt)
}

pub(super) fn network(_: &Roots) -> Answer {
    made(Kind::Net)
}

pub(super) fn ipc(_: &Roots) -> Answer {
    made(Kind::Ipc)
}

pub(super) fn cgroup(_: &Roots) -> Answer {
    made(Kind::Cgroup)
}

pub(super) fn time(_: &Roots) -> Answer {
    made(Kind::Time)
}

pub(super) fn user(_: &Roots) -> Answer {
    attempt(become_root_of_a_user_namespace).map_or_else(
        |error| super::blame::answer(&error),
        |()| Answer::met("a new one was made, and this user is 0 in it"),
    )
}
