//! The inside of a lesson about a container: one that the lesson has made itself.

use super::RunError;
use crate::kernel::namespace::{Kind, identity};
use crate::stages::{create, exec};
use crate::state::Roots;

/// What every container has of its own.
const ALWAYS: [Kind; 5] = [Kind::Uts, Kind::Pid, Kind::Mnt, Kind::Net, Kind::Ipc];

/// The container's first process, what a container is about, and what only helps.
pub(super) fn sides(roots: &Roots, name: &str) -> Result<(i32, Vec<Kind>, Vec<Kind>), RunError> {
    let container = create::find(roots, name)?;
    let ended = || std::io::Error::new(std::io::ErrorKind::NotFound, format!("container {name} does not run"));
    let running = exec::running(roots, &container.id)
        .ok_or_else(|| RunError::Own { step: "compare with the container", source: ended() })?;
    let pid = running.init.pid;
    let mut subject = ALWAYS.to_vec();
    // Docker gives one on cgroup v2 and none on v1.
    if differs(pid, Kind::Cgroup)? {
        subject.push(Kind::Cgroup);
    }
    let helpers = if differs(pid, Kind::User)? { vec![Kind::User] } else { Vec::new() };
    Ok((pid, subject, helpers))
}

fn differs(pid: i32, kind: Kind) -> Result<bool, RunError> {
    Ok(identity(pid, kind)? != identity(std::process::id().cast_signed(), kind)?)
}
