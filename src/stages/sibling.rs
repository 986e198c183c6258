//! A child that is born in other namespaces, and is our child all the same.
//!
//! To join a namespace, or to clone into one, a process changes itself. So a *helper*, a child of ours, changes itself,
//! clones with CLONE_PARENT (the new process is then our child, not the helper's), tells its PID, and leaves. runc
//! does the same (libcontainer/nsenter/nsexec.c).

use super::failure::Failure;
use crate::kernel;
use crate::kernel::namespace::{self, Kind};
use crate::kernel::process::{self, Child, Descriptors};
use crate::narrate::Role;
use crate::state::ProcessIdentity;
use nix::errno::Errno;
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

/// What a helper answers: the PID of the child that it has made for us, or why not.
pub(super) type Answer = Result<i32, Failure>;

/// Which memory a helper works in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Memory {
    /// A copy of ours: what fork(2) makes, page table by page table.
    Copied,
    /// Ours, for which we stand still: what vfork(2) makes, and quicker. Such a helper counts as a second thread of ours,
    /// and so may change neither its user nor its time namespace (setns(2); kernel/time/namespace.c, `timens_install`).
    Ours,
}

/// Runs `work` in a helper, which may change its own namespaces at will, and brings its answer back.
///
/// # Errors
/// What `work` answers, or the call that failed.
pub(super) fn in_helper(why: &str, memory: Memory, work: impl FnOnce() -> Answer) -> Result<Child, Failure> {
    let (mut answer_read, mut answer_write) = std::io::pipe().map_err(|error| quiet("pipe2", &error))?;
    let helper = || {
        let answer = serde_json::to_vec(&work()).unwrap_or_default();
        i32::from(answer_write.write_all(&answer).is_err())
    };
    let helper = match memory {
        Memory::Copied => process::fork(Role::Helper, why, helper),
        Memory::Ours => process::vfork(Role::Helper, Descriptors::Copied, why, helper),
    }
    .map_err(Failure::at("fork"))?;
    let _ = process::wait(helper);
    // The helper's child holds the pipe open, so there is no end of file to wait for; but whatever the helper had to
    // say it has said, and a pipe keeps it.
    let mut bytes = vec![0; 65536];
    let length = nix::fcntl::fcntl(&answer_read, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))
        .map_err(std::io::Error::from)
        .and_then(|_| answer_read.read(&mut bytes))
        .map_err(|error| quiet("read", &error))?;
    bytes.truncate(length);
    let pid = serde_json::from_slice::<Answer>(&bytes).unwrap_or_else(|_| Err(Failure::read(&bytes)))?;
    let pid = Pid::from_raw(pid);
    // Its parent is us, so its number cannot be reused before we have waited for it.
    let pidfd = process::pidfd_open(pid, "a handle on the new process").map_err(Failure::at("hold the new process"))?;
    Ok(Child { pid, pidfd })
}

/// The namespaces of a process, as far as they are not ours: a process cannot enter its own user namespace again.
pub(super) struct Elsewhere {
    process: OwnedFd,
    other: Vec<Kind>,
}

impl Elsewhere {
    /// Those of `target`.
    ///
    /// # Errors
    /// The look at what there is to join; ESRCH where it has ended. Its number may be another's by then, and whoever
    /// joined that one would stand on this machine.
    pub(super) fn of(target: ProcessIdentity) -> Result<Self, Failure> {
        let found = Self::of_number(target.pid)?;
        // It lives still, so all that was found by its number is its own.
        if ProcessIdentity::of(target.pid) == Some(target) {
            return Ok(found);
        }
        let error = kernel::Error::quiet("pidfd_open", &format_args!("{}, 0", target.pid), Errno::ESRCH);
        Err(Failure::at("find its first process")(error))
    }

    /// Those of whoever has this number now.
    ///
    /// # Errors
    /// The look at what there is to join.
    pub(super) fn of_number(target: i32) -> Result<Self, Failure> {
        let process = process::pidfd_open(Pid::from_raw(target), "one handle for all its namespaces")
            .map_err(Failure::at("find its first process"))?;
        let me = std::process::id().cast_signed();
        let mut other = Vec::new();
        for kind in Kind::ALL {
            let theirs = namespace::identity(target, kind).map_err(Failure::at("see its namespaces"))?;
            let ours = namespace::identity(me, kind).map_err(Failure::at("see our own namespaces"))?;
            if theirs != ours {
                other.push(kind);
            }
        }
        Ok(Self { process, other })
    }

    /// In which memory a helper can go there.
    pub(super) fn memory(&self) -> Memory {
        let alone = [Kind::User, Kind::Time].iter().any(|kind| self.other.contains(kind));
        if alone { Memory::Copied } else { Memory::Ours }
    }

    /// Moves this process into all of them.
    ///
    /// # Errors
    /// The setns(2) that failed.
    pub(super) fn enter(&self) -> Result<(), Failure> {
        if self.other.is_empty() {
            return Ok(());
        }
        namespace::setns(&self.process, &self.other, "to stand where it stands")
            .map_err(Failure::at("join its namespaces"))
    }
}

fn quiet(call: &'static str, error: &std::io::Error) -> Failure {
    let errno = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
    Failure::at("hear from a helper")(kernel::Error::quiet(call, &format_args!("…"), errno))
}
