//! Which system calls this kernel (and the seccomp filter above us) knows: each is called with arguments that it must
//! refuse, so that nothing happens. ENOSYS means that there is no such call.

use nix::errno::Errno;

/// A call that `explore` would like to use, and has something else for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// clone3(2), Linux 5.3. Else: clone(2).
    Clone3,
    /// pidfd_open(2), Linux 5.3.
    PidFd,
    /// openat2(2), Linux 5.6.
    OpenAt2,
    /// fsopen(2) and what goes with it, Linux 5.2. Else: mount(2).
    MountApi,
    /// mount_setattr(2), Linux 5.12.
    MountSetAttr,
    /// seccomp(2), Linux 3.17.
    Seccomp,
    /// landlock_create_ruleset(2), Linux 5.13; where it is built in and switched off it answers EOPNOTSUPP.
    Landlock,
}

impl Feature {
    /// Its name, and the release that brought it.
    pub fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Clone3 => ("clone3(2)", "5.3"),
            Self::PidFd => ("pidfd_open(2)", "5.3"),
            Self::OpenAt2 => ("openat2(2)", "5.6"),
            Self::MountApi => ("fsopen(2)", "5.2"),
            Self::MountSetAttr => ("mount_setattr(2)", "5.12"),
            Self::Seccomp => ("seccomp(2)", "3.17"),
            Self::Landlock => ("landlock_create_ruleset(2)", "5.13"),
        }
    }

    /// What the kernel answers to nonsense. Call it in a child: a filter may kill whoever asks.
    pub fn answer(self) -> Errno {
        let zero: libc::c_long = 0;
        let bad: libc::c_long = -1;
        // SAFETY: descriptors of -1, null pointers and sizes of 0, which each of these calls must refuse before it
        // reads or writes any memory.
        let answer = unsafe {
            match self {
                Self::Clone3 => libc::syscall(libc::SYS_clone3, zero, zero),
                Self::PidFd => libc::syscall(libc::SYS_pidfd_open, bad, zero),
                Self::OpenAt2 => libc::syscall(libc::SYS_openat2, bad, zero, zero, zero),
                Self::MountApi => libc::syscall(libc::SYS_fsopen, zero, zero),
                Self::MountSetAttr => libc::syscall(libc::SYS_mount_setattr, bad, zero, zero, zero, zero),
                Self::Seccomp => libc::syscall(libc::SYS_seccomp, bad, zero, zero),
                Self::Landlock => libc::syscall(libc::SYS_landlock_create_ruleset, zero, zero, zero),
            }
        };
        if answer < 0 { Errno::last() } else { Errno::UnknownErrno }
    }
}

/// The first two numbers of the kernel's release: 6 and 1 of "6.1.0-18-amd64"; zeroes where it begins otherwise.
pub fn release() -> (u32, u32) {
    let release =
        nix::sys::utsname::uname().map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Whether a program has capabilities of its own, in the attribute that execve(2) reads (capabilities(7)).
pub fn has_file_capabilities(path: &std::path::Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let Ok(path) = std::ffi::CString::new(path.as_os_str().as_bytes()) else { return false };
    // SAFETY: two strings that end with NUL and live until the call returns; a size of 0 asks for the length alone.
    unsafe { libc::getxattr(path.as_ptr(), c"security.capability".as_ptr(), std::ptr::null_mut(), 0) > 0 }
}
