//! Files of the cgroup tree: whose they are, and what may be written. cgroups(7), "Delegation".

use super::path::Place;
use super::subject::Subject;
use super::verdict::{Layer, Verdict};
use crate::probe::need::Who;
use nix::errno::Errno;

fn is_cgroup(subject: &Subject, place: &Place) -> Option<bool> {
    match place.mount(subject).kind.as_str() {
        "cgroup" => Some(false),
        "cgroup2" => Some(true),
        _ => None,
    }
}

/// A folder or file of the tree that its owner has not handed on.
pub(super) fn group(subject: &Subject, place: &Place) -> Option<Verdict> {
    let newer = is_cgroup(subject, place)?;
    let owner = crate::probe::user_name(place.stat.st_uid);
    let because = format!("the cgroup {} belongs to {owner}, and was not delegated to {}", place.path, subject.who());
    let (help, who) = if newer {
        ("systemd-run --user --scope -p Delegate=yes CMD gives one of one's own", Who::You)
    } else {
        ("version 1 is for root alone: boot with systemd.unified_cgroup_hierarchy=1, or run it as root", Who::Root)
    };
    Some(Verdict::new(Layer::CgroupDelegation, because, help, who))
}

/// A write that the tree's own rules refuse.
pub(super) fn write(subject: &Subject, place: &Place, errno: Errno) -> Option<Verdict> {
    is_cgroup(subject, place)?;
    let because = match errno {
        Errno::EBUSY => {
            format!("{}: a group that has members hands no controllers on (“no internal processes”)", place.path)
        }
        Errno::ENOENT => format!("{}: this group was not given that controller by the one above", place.path),
        Errno::EACCES | Errno::EPERM => format!(
            "{}: a process is moved only by one who may write cgroup.procs of both groups and of the one above both",
            place.path
        ),
        Errno::EOPNOTSUPP => format!("{}: a threaded group cannot do that", place.path),
        _ => return None,
    };
    let help = "move the members to a leaf first, or have a group delegated";
    Some(Verdict::new(Layer::CgroupDelegation, because, help, Who::You))
}
