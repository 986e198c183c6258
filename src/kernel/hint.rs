//! Never a bare EPERM: which layer says no to a call, and what helps.

use super::Error;
use nix::errno::Errno;

/// What the reader can do about a failed call, as a sentence.
pub fn hint(error: &Error) -> Option<String> {
    let call = error.call.as_ref();
    let text = match (call, error.errno()) {
        ("clone3" | "clone" | "unshare", Errno::EPERM) => {
            "the kernel refuses new namespaces to this user; `explore doctor` tells which setting does it"
        }
        ("clone3" | "clone" | "unshare", Errno::ENOSPC) => {
            "a limit in /proc/sys/user/max_*_namespaces is reached, or namespaces are nested deeper than 32"
        }
        ("clone3" | "clone" | "fork", Errno::EAGAIN) => "too many processes: see `ulimit -u` and the pids cgroup",
        ("clone3" | "clone" | "fork", Errno::ENOMEM) => {
            "PID 1 of this PID namespace has ended: nothing can be started in it any more"
        }
        ("setns", Errno::EPERM) => "joining needs CAP_SYS_ADMIN in the user namespace that owns the one joined",
        ("setns", Errno::EINVAL | Errno::ESRCH) => "the namespace, or the process that showed it, is gone",
        ("mount" | "fsmount" | "fsopen" | "move_mount", Errno::EPERM) => {
            "mounting needs CAP_SYS_ADMIN over this mount namespace; a fresh proc also needs an unmasked /proc outside"
        }
        ("mount" | "fsopen", Errno::ENODEV) => {
            "this kernel has no such filesystem; `explore doctor` lists what is there"
        }
        ("mount" | "fsconfig" | "fsmount", Errno::EINVAL) => {
            "the kernel log (`dmesg`) often says more; an upper cannot lie on NFS or on another overlay"
        }
        ("pivot_root", Errno::EINVAL) => "the new root must be a mount point, and its parent mount not shared",
        ("sethostname", Errno::EPERM) => "the host name belongs to a UTS namespace that another user namespace owns",
        ("sendto", Errno::EPERM) => {
            "changing a network needs CAP_NET_ADMIN in the user namespace that owns the network namespace"
        }
        ("sendto", Errno::EOPNOTSUPP) => "the kernel lacks a part: bridge, veth, or nf_tables; see `explore doctor`",
        ("setresuid" | "setresgid" | "setgroups", Errno::EINVAL | Errno::EPERM) => {
            "this user namespace does not map that user or group: root can, or a range in /etc/subuid and /etc/subgid"
        }
        ("seccomp", Errno::ENOSYS | Errno::EINVAL) => {
            "this kernel has no filters on system calls (CONFIG_SECCOMP_FILTER); without one: --security-opt seccomp=unconfined"
        }
        ("seccomp", Errno::EACCES | Errno::EPERM) => {
            "a filter needs CAP_SYS_ADMIN, or --security-opt no-new-privileges; or one that surrounds us refuses another"
        }
        (_, Errno::ENOSYS) => {
            "this kernel, or a seccomp filter above us, does not know that call: containers need Linux 5.12 or newer"
        }
        (_, Errno::ENOSPC) => "no space left: see `df` and `df -i` for the state folder",
        (_, Errno::EMFILE | Errno::ENFILE) => "too many open files: see `ulimit -n`",
        (_, Errno::EROFS) => "that place is mounted read-only",
        (_, Errno::EPERM | Errno::EACCES) => "`explore doctor` tells what this user may do here, and who can change it",
        _ => return None,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eperm_is_never_bare() {
        for call in ["unshare", "setns", "mount", "sethostname", "sendto", "bpf", "some_call_of_tomorrow"] {
            let error = Error { call: call.into(), args: String::new(), errno: libc::EPERM, why: String::new() };
            assert!(hint(&error).is_some(), "{call}");
        }
    }
}
