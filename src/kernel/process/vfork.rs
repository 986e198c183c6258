//! A child in our own memory, for which we stand still: vfork(2).
//!
//! fork(2) copies every page table of ours, and afterwards both sides pay a fault for each page that they write. A child
//! that only becomes another program, opens something, or makes one more child elsewhere, and ends, needs none of that:
//! with CLONE_VM it has our memory, and with CLONE_VFORK we wait until it has let go of it. Its namespaces, its session, its
//! signals are its own.

use super::super::{Result, call};
use super::leave;
use crate::narrate::{self, Role};
use nix::errno::Errno;
use nix::unistd::Pid;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Room for what it calls. It cannot have our stack: we return from the call that made it, and it would still be in it.
const STACK: usize = 256 * 1024;
/// Its lowest part belongs to nobody: who calls too deep is ended, and does not write into what lies below. No machine that
/// we run on has larger pages (ARM can have them of 64 KiB), and mprotect(2) takes whole ones.
const GUARD: usize = 64 * 1024;

/// Which descriptors it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Descriptors {
    /// Copies of ours, as after a fork(2).
    Copied,
    /// Ours: what it opens is open here too, when it has ended.
    Shared,
}

/// Its stack: memory of its own, not of our heap.
struct Stack(*mut libc::c_void);

impl Stack {
    fn new() -> nix::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
        // SAFETY: new memory wherever there is room; nothing that is there already is touched.
        let lowest = unsafe { libc::mmap(std::ptr::null_mut(), STACK, libc::PROT_NONE, flags, -1, 0) };
        if lowest == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        let stack = Self(lowest);
        let usable = lowest.wrapping_byte_add(GUARD);
        // SAFETY: all of it but the guard, and nobody uses it yet.
        let opened = unsafe { libc::mprotect(usable, STACK - GUARD, libc::PROT_READ | libc::PROT_WRITE) };
        Errno::result(opened).map(|_| stack)
    }

    /// Where it begins: a stack grows down. A page begins there, so it is aligned as every ABI wants it.
    fn top(&self) -> *mut libc::c_void {
        self.0.wrapping_byte_add(STACK)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: what `new` has mapped, and the child that stood on it has ended, or has other memory.
        unsafe { libc::munmap(self.0, STACK) };
    }
}

/// What goes over to the other stack.
struct Errand<F> {
    role: Role,
    child: Option<F>,
}

/// Starts a child that runs `child` in our memory and then leaves with what it returns, or becomes another program.
/// Returns when it has done either. What it had allocated when it became another program stays allocated here.
///
/// # Errors
/// The mmap(2) of its stack, or the clone(2), that failed; both are told as the vfork.
pub fn vfork<F: FnOnce() -> i32>(role: Role, descriptors: Descriptors, why: &str, child: F) -> Result<Pid> {
    let files = match descriptors {
        Descriptors::Copied => 0,
        Descriptors::Shared => libc::CLONE_FILES,
    };
    let ours = narrate::role();
    let mut errand = Errand { role, child: Some(child) };
    // Told by its name, as fork(2) is: strace(1) sees a clone(2) of either.
    let answer = call(why, "vfork", format_args!(""), || {
        let stack = Stack::new()?;
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | files | libc::SIGCHLD;
        // SAFETY: the stack and the errand live until the call returns, which is when the child has ended or has other
        // memory (CLONE_VFORK). Until then we run nothing, and we are single-threaded (see the module above): nobody
        // else touches what the child touches.
        let pid = unsafe { libc::clone(run::<F>, stack.top(), flags, (&raw mut errand).cast()) };
        Errno::result(pid).map(Pid::from_raw)
    });
    // The child has said in our memory who it is.
    narrate::set_role(ours);
    answer
}

/// Where the child begins.
extern "C" fn run<F: FnOnce() -> i32>(errand: *mut libc::c_void) -> libc::c_int {
    // SAFETY: this is the errand that `vfork` has handed to clone(2), and nobody else looks at it meanwhile.
    let errand = unsafe { &mut *errand.cast::<Errand<F>>() };
    narrate::set_role(errand.role);
    let Some(child) = errand.child.take() else { leave(101) };
    // A panic must not unwind out of a function that C has called.
    leave(catch_unwind(AssertUnwindSafe(child)).unwrap_or(101))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::process::{Ended, fork, wait};
    use std::os::fd::AsRawFd;

    #[test]
    fn the_child_writes_our_memory_and_we_see_it() {
        let (mut said, before) = (0, std::process::id());
        let pid = vfork(Role::Helper, Descriptors::Copied, "to see it write", || {
            said = std::process::id();
            7
        })
        .unwrap();
        assert_eq!(wait(pid).unwrap(), Ended::Exited(7));
        assert_eq!((said.cast_signed(), std::process::id()), (pid.as_raw(), before));
    }

    /// In a process of its own: the role is one for all threads, and other tests change it meanwhile.
    #[test]
    fn who_we_are_is_said_again_when_the_child_has_ended() {
        let outer = fork(Role::Exec, "to be alone", || {
            let inner = vfork(Role::Helper, Descriptors::Copied, "to see it say who it is", || 0);
            i32::from(inner.and_then(wait).is_err() || narrate::role() != Role::Exec)
        });
        assert_eq!(wait(outer.unwrap()).unwrap(), Ended::Exited(0));
    }

    #[test]
    fn what_it_opens_is_ours_only_where_descriptors_are_shared() {
        for (descriptors, open) in [(Descriptors::Shared, true), (Descriptors::Copied, false)] {
            let mut opened = None;
            let child = || {
                opened = std::fs::File::open("/dev/null").ok().map(std::mem::ManuallyDrop::new);
                0
            };
            let pid = vfork(Role::Helper, descriptors, "to see it open", child).unwrap();
            wait(pid).unwrap();
            let number = opened.unwrap().as_raw_fd();
            let link = std::fs::read_link(format!("/proc/self/fd/{number}"));
            assert_eq!(link.is_ok_and(|to| to.ends_with("null")), open, "{descriptors:?}");
        }
    }

    #[test]
    #[allow(unconditional_recursion, reason = "that is what is tried")]
    fn who_calls_too_deep_is_ended_and_nothing_of_ours_is_overwritten() {
        fn deeper(depth: u64) -> u64 {
            let room = std::hint::black_box([depth; 512]);
            deeper(room[0] + 1) + room[1]
        }
        let pid = vfork(Role::Helper, Descriptors::Copied, "to see it fall", || deeper(0) as i32).unwrap();
        assert!(matches!(wait(pid).unwrap(), Ended::Killed(libc::SIGSEGV | libc::SIGABRT)));
    }

    #[test]
    fn a_panic_in_it_is_its_own() {
        let pid = vfork(Role::Helper, Descriptors::Copied, "to see it panic", || panic!("in the child")).unwrap();
        assert_eq!(wait(pid).unwrap(), Ended::Exited(101));
    }
}
