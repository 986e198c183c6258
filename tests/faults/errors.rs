//! Which calls can fail, and how: the ERRORS of their manual pages.

use nix::errno::Errno::{self, *};
use std::collections::HashMap;
use std::sync::OnceLock;

/// Where the kernel's headers list the calls by number.
const LIST: &str = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h";

/// Whether this machine tells the names of its calls.
pub(crate) fn are_known() -> bool {
    cfg!(target_arch = "x86_64") && std::path::Path::new(LIST).exists()
}

/// The name of a call.
pub(crate) fn name_of(number: u64) -> &'static str {
    static NAMES: OnceLock<HashMap<u64, &'static str>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let text: &'static str = std::fs::read_to_string(LIST).unwrap().leak();
        let entry = |line: &'static str| {
            let (name, number) = line.strip_prefix("#define __NR_")?.split_once(' ')?;
            Some((number.trim().parse().ok()?, name))
        };
        text.lines().filter_map(entry).collect()
    });
    names.get(&number).copied().unwrap_or("unknown")
}

/// Calls that cannot fail, or whose failure means a broken program (a wrong address): nobody handles it, in any
/// program. Memory is among them: what cannot be allocated ends a Rust program, by its own words. So is close(2): what it answers comes too late, and std panics over a folder's.
const NEVER: [&str; 23] = [
    "close",
    "brk",
    "mmap",
    "munmap",
    "mremap",
    "mprotect",
    "madvise",
    "exit",
    "exit_group",
    "futex",
    "getpid",
    "gettid",
    "getppid",
    "geteuid",
    "getuid",
    "getegid",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sigaltstack",
    "set_robust_list",
    "umask",
    "sched_getaffinity",
];

/// The errors that are likely for a call, most likely first; none where it cannot fail.
pub(crate) fn likely(call: &str) -> &'static [Errno] {
    if NEVER.contains(&call) {
        return &[];
    }
    match call {
        "open" | "openat" => &[EMFILE, ENOMEM, EACCES],
        "openat2" => &[EMFILE, ENOMEM, EAGAIN],
        "read" | "pread64" => &[EIO, EINTR],
        "write" | "pwrite64" => &[ENOSPC, EIO],
        "mkdir" | "mkdirat" | "symlinkat" | "symlink" | "link" | "linkat" | "mknodat" => &[ENOSPC, EROFS, EDQUOT],
        "rename" | "renameat" | "renameat2" => &[ENOSPC, EIO, EROFS],
        "unlink" | "unlinkat" | "rmdir" => &[EBUSY, EROFS, EIO],
        "fsync" | "fdatasync" => &[EIO, ENOSPC],
        "statx" | "newfstatat" | "fstat" | "stat" | "lstat" => &[ENOMEM, EACCES],
        "getdents64" => &[EIO, ENOMEM],
        "access" | "faccessat" | "faccessat2" | "readlink" | "readlinkat" => &[EACCES, EIO],
        "chmod" | "fchmod" | "fchmodat" | "chown" | "fchown" | "fchownat" | "lchown" => &[EPERM, EROFS, EIO],
        "utimensat" => &[EPERM, EROFS],
        "flock" => &[ENOLCK, EINTR],
        "fcntl" | "dup" | "dup2" | "dup3" => &[EMFILE, EINVAL],
        "poll" | "ppoll" => &[ENOMEM, EINTR],
        "pipe2" | "memfd_create" | "signalfd4" | "pidfd_open" => &[EMFILE, ENFILE, ENOMEM],
        "socket" | "socketpair" => &[EMFILE, ENOBUFS, ENOMEM],
        "connect" | "bind" | "setsockopt" => &[ENOBUFS, ENOMEM],
        "sendto" | "sendmsg" => &[ENOBUFS, ENOMEM, EINTR],
        "recvfrom" | "recvmsg" => &[ENOMEM, ENOBUFS, EINTR],
        "fork" | "vfork" | "clone" | "clone3" => &[EAGAIN, ENOMEM, EPERM, ENOSPC],
        "execve" | "execveat" => &[ENOMEM, EACCES, EIO],
        "mount" | "umount2" | "pivot_root" | "fsopen" | "fsmount" | "fsconfig" | "move_mount" | "mount_setattr"
        | "open_tree" => &[ENOMEM, EPERM, EBUSY],
        "chdir" | "fchdir" | "chroot" => &[EACCES, ENOMEM],
        "prctl" => &[EPERM, EINVAL],
        "ioctl" => &[EIO, ENOTTY],
        "wait4" | "waitid" | "getrandom" => &[EINTR],
        "sethostname" | "setsid" | "setgroups" | "setuid" | "setgid" | "setresuid" | "setresgid" | "capset"
        | "prlimit64" | "kill" | "pidfd_send_signal" => &[EPERM],
        "seccomp" | "bpf" => &[ENOMEM, EINVAL],
        _ => &[EPERM, ENOMEM],
    }
}
