//! Never a bare EPERM: which layer says no to a call, and what helps.

use super::Error;
use nix::errno::Errno;

/// What the reader can do about a failed call, as a sentence.
pub fn hint(error: &Error) -> Option<String> {
    let call = error.call.as_ref();
    let text = match (call, error.errno()) {
        ("clone3" | "clone" | "unshare", Errno::EPERM) => {
            "the kernel refuses new namespaces to this user; `explore why -- unshare --user true` names the setting that does it, \
             `explore lesson user-namespace` shows the rules"
        }
        ("clone3" | "clone" | "unshare", Errno::ENOSPC) => {
            "a limit in /proc/sys/user/max_*_namespaces is reached, or namespaces are nested deeper than 32; `explore why -- unshare \
             --user true` tells which"
        }
        ("clone3" | "clone" | "fork" | "vfork", Errno::EAGAIN) => {
            "too many processes: see `ulimit -u` and the pids cgroup (`explore lesson cgroup-pids`)"
        }
        ("clone3" | "clone" | "fork" | "vfork", Errno::ENOMEM) => {
            "PID 1 of this PID namespace has ended: nothing can be started in it any more (`explore lesson pid-namespace`)"
        }
        ("setns", Errno::EPERM) => {
            "joining needs CAP_SYS_ADMIN in the user namespace that owns the one joined (`explore lesson three-calls`)"
        }
        ("setns", Errno::EINVAL | Errno::ESRCH) => "the namespace, or the process that showed it, is gone",
        ("mount" | "fsmount" | "fsopen" | "move_mount", Errno::EPERM) => {
            "mounting needs CAP_SYS_ADMIN over this mount namespace (`explore lesson mount-namespace`); a fresh proc also needs an \
             unmasked /proc outside (`explore lesson masked-paths`)"
        }
        ("mount" | "fsopen", Errno::ENODEV) => {
            "this kernel has no such filesystem; `explore doctor` lists what is there"
        }
        ("mount" | "fsconfig" | "fsmount", Errno::EINVAL) => {
            "the kernel log (`dmesg`) often says more; an upper cannot lie on NFS or on another overlay"
        }
        ("pivot_root", Errno::EINVAL) => {
            "the new root must be a mount point, and its parent mount not shared (`explore lesson pivot-root`)"
        }
        ("sethostname", Errno::EPERM) => {
            "the host name belongs to a UTS namespace that another user namespace owns (`explore lesson uts-namespace`)"
        }
        ("sendto", Errno::EPERM) => {
            "changing a network needs CAP_NET_ADMIN in the user namespace that owns the network namespace (`explore lesson \
             network-namespace`)"
        }
        ("sendto", Errno::EOPNOTSUPP) => "the kernel lacks a part: bridge, veth, or nf_tables; see `explore doctor`",
        ("setresuid" | "setresgid" | "setgroups", Errno::EINVAL | Errno::EPERM) => {
            "this user namespace does not map that user or group: root can, or a range in /etc/subuid and /etc/subgid (`explore \
             lesson id-maps`)"
        }
        (call, errno) => return of_rights(call, errno),
    };
    Some(text.to_owned())
}

/// Calls that take rights away, or want room or a right of another kind.
fn of_rights(call: &str, errno: Errno) -> Option<String> {
    let text = match (call, errno) {
        ("seccomp", Errno::ENOSYS | Errno::EINVAL) => {
            "this kernel has no filters on system calls (CONFIG_SECCOMP_FILTER); without one: --security-opt seccomp=unconfined"
        }
        ("seccomp", Errno::EACCES | Errno::EPERM) => {
            "a filter needs CAP_SYS_ADMIN, or --security-opt no-new-privileges (`explore lesson no-new-privs`); or one that surrounds \
             us refuses another"
        }
        ("mknodat", Errno::EPERM) => {
            "the filesystem of the state folder takes no device, and so no mark of what a layer removes: an overlay (as inside a \
             container) or a network's; `explore doctor` tells, and `--root DIR` takes a folder on a local disk or tmpfs"
        }
        ("keyctl", Errno::EDQUOT) => {
            "each container, and each command beside one, has a session keyring, and a user may have so many keys: \
             /proc/sys/kernel/keys/maxkeys; end some containers"
        }
        (_, errno) => return of_any_call(errno),
    };
    Some(text.to_owned())
}

/// Where the errno says enough, whatever the call.
fn of_any_call(errno: Errno) -> Option<String> {
    let text = match errno {
        Errno::ENOSYS => {
            "this kernel, or a seccomp filter above us, does not know that call: containers need Linux 5.12 or newer"
        }
        Errno::ENOSPC => "no space left: see `df` and `df -i` for the state folder",
        Errno::EMFILE | Errno::ENFILE => "too many open files: see `ulimit -n`",
        Errno::EROFS => "that place is mounted read-only",
        Errno::EPERM | Errno::EACCES => {
            "`explore why -- COMMAND` runs it again and names the layer that says no; `explore doctor` tells what this user may \
             do here"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::library::Library;

    const CALLS: [&str; 16] = [
        "unshare",
        "clone3",
        "fork",
        "setns",
        "mount",
        "fsopen",
        "fsconfig",
        "pivot_root",
        "sethostname",
        "sendto",
        "bpf",
        "setgroups",
        "seccomp",
        "some_call_of_tomorrow",
        "openat2",
        "mknodat",
    ];

    fn hint_of(call: &'static str, errno: i32) -> Option<String> {
        hint(&Error { call: call.into(), args: String::new(), errno, why: String::new() })
    }

    #[test]
    fn eperm_is_never_bare_and_says_where_to_look() {
        for call in CALLS {
            let hint = hint_of(call, libc::EPERM).unwrap();
            let ways = ["`explore why -- ", "`explore lesson ", "`explore doctor` "];
            assert!(ways.iter().any(|way| hint.contains(way)), "{call}: {hint}");
        }
    }

    #[test]
    fn each_lesson_that_a_hint_names_is_there() {
        let library = Library::built_in();
        let mut named = 0;
        for (call, errno) in CALLS.into_iter().flat_map(|call| (1..134).map(move |errno| (call, errno))) {
            let hint = hint_of(call, errno).unwrap_or_default();
            for rest in hint.split("`explore lesson ").skip(1) {
                let lesson = rest.split('`').next().unwrap();
                assert!(library.find(lesson).is_ok(), "{call}, errno {errno}: {lesson:?}");
                named += 1;
            }
        }
        assert!(named > 10, "{named}");
    }
}
