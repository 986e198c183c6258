//! To try a thing where it cannot stay: in a child, which leaves.

use super::{Answer, Who, blame};
use crate::kernel::namespace::{self, Kind};
use crate::kernel::{self, process, user};
use crate::narrate::Role;
use nix::errno::Errno;
use std::io::{Read, Write};

const WHY: &str = "to see whether it works, in a child that leaves again";

/// Runs `work` in a child, and brings back what it says.
pub(in crate::probe) fn attempt<T>(work: impl FnOnce() -> kernel::Result<T>) -> kernel::Result<T>
where
    T: serde::Serialize + serde::de::DeserializeOwned,
{
    let lost =
        |what: &'static str| move |_| kernel::Error::quiet(what, &format_args!("the trial's answer"), Errno::EPIPE);
    let (mut answer, mut told) = std::io::pipe().map_err(lost("pipe2"))?;
    let child = process::fork(Role::Helper, WHY, || {
        serde_json::to_vec(&work()).map_or(1, |text| i32::from(told.write_all(&text).is_err()))
    })?;
    drop(told);
    let mut text = Vec::new();
    let read = answer.read_to_end(&mut text);
    process::wait(child)?;
    read.map_err(lost("read"))?;
    // Nothing at all: a seccomp filter may have killed the child for asking.
    serde_json::from_slice(&text)
        .map_err(|_| kernel::Error::quiet("read", &format_args!("the trial's answer"), Errno::EPIPE))?
}

/// Becomes root of a user namespace of its own: what an ordinary user must do first.
pub(super) fn become_root_of_a_user_namespace() -> kernel::Result<()> {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    namespace::unshare(&[Kind::User], WHY)?;
    user::map_single(nix::unistd::Pid::this(), uid, gid)
}

/// Tries it as this user would have to do it: root directly, others in a user namespace. For root the evidence also
/// says whether an ordinary user could.
pub(super) fn as_this_user(done: &str, work: impl Fn() -> kernel::Result<()>) -> Answer {
    let in_user_namespace = || attempt(|| become_root_of_a_user_namespace().and_then(|()| work()));
    if !nix::unistd::geteuid().is_root() {
        return in_user_namespace()
            .map_or_else(|error| blame::answer(&error), |()| Answer::met(format!("{done}, in a user namespace")));
    }
    match attempt(&work) {
        Err(error) => blame::answer(&error),
        Ok(()) => Answer::met(match in_user_namespace() {
            Ok(()) => format!("{done}; in a user namespace too"),
            Err(error) => format!("{done}; not in a user namespace: {error}"),
        }),
    }
}

/// Makes namespaces for a trial, its mounts cut off from those outside.
pub(super) fn unshare(kinds: &[Kind]) -> kernel::Result<()> {
    namespace::unshare(kinds, WHY)?;
    if kinds.contains(&Kind::Mnt) {
        let how = nix::mount::MsFlags::MS_REC | nix::mount::MsFlags::MS_SLAVE;
        kernel::mount::set_propagation(std::path::Path::new("/"), how, "mounts made here stay here")?;
    }
    Ok(())
}

/// An answer for something that only the kernel itself can have or lack.
pub(super) fn lacking(why: String, release: &str) -> Answer {
    Answer::unmet(why, format!("a kernel of {release} or later, without a filter that hides the call"), Who::Admin)
}
