//! Causes, each made in a machine of its own, and the layer that must be named.
//!
//! A script runs as root in an empty folder. `$why` is `explore why --json --`, `$user` makes an ordinary user of what
//! follows, `$perl` is a program with the system calls that no other program makes. A script that ends with 99 says that
//! this machine cannot have the cause.

/// One of them.
pub(super) struct Cause {
    /// What was done, for the book's table.
    pub(super) what: &'static str,
    /// Who hears no.
    pub(super) who: &'static str,
    pub(super) script: &'static str,
    pub(super) layer: &'static str,
}

pub(super) const fn root(layer: &'static str, what: &'static str, script: &'static str) -> Cause {
    Cause { what, who: "root", script, layer }
}

pub(super) const fn user(layer: &'static str, what: &'static str, script: &'static str) -> Cause {
    Cause { what, who: "user", script, layer }
}

/// Root of a user namespace of his own.
const fn mapped(layer: &'static str, what: &'static str, script: &'static str) -> Cause {
    Cause { what, who: "root of a user namespace", script, layer }
}

pub(super) const FILES: &[Cause] = &[
    user("file-mode", "a file of mode 0600 of another user is read", "echo x >f; chmod 600 f; $user $why cat f"),
    user("file-mode", "a folder on the way may not be searched", "mkdir -m 700 d; echo x >d/f; $user $why cat d/f"),
    user("file-mode", "a file is made in another's folder", "mkdir -m 755 d; $user $why touch d/f"),
    root("file-mode", "a file that nobody may execute is run", "cp /bin/true f; chmod 644 f; $why ./f"),
    root(
        "capability",
        "root without CAP_DAC_OVERRIDE reads another's file",
        "echo x >f; chmod 600 f; chown 54000 f; setpriv --bounding-set -dac_override,-dac_read_search $why cat f",
    ),
    user("file-owner", "the mode of another's file is changed", "touch f; $user $why chmod 777 f"),
    user(
        "sticky-bit",
        "another's file is removed from a folder like /tmp",
        "mkdir -m 1777 d; touch d/f; $user $why rm d/f",
    ),
    root("immutable", "chattr +i", "touch f; chattr +i f || exit 99; $why sh -c 'echo >f'; s=$?; chattr -i f; exit $s"),
    root(
        "append-only",
        "chattr +a",
        "touch f; chattr +a f || exit 99; $why sh -c 'echo >f'; s=$?; chattr -a f; exit $s",
    ),
    root(
        "mount-read-only",
        "a bind mount with ro",
        "mkdir d; mount --bind d d; mount -o remount,bind,ro d; $why touch d/f",
    ),
    root(
        "filesystem-read-only",
        "the filesystem is read-only, its mount is not",
        "mkdir a b; mount -t tmpfs x a; mount --bind a b; mount -o remount,ro a; $why touch b/f",
    ),
    root(
        "mount-noexec",
        "a program lies on a mount with noexec",
        "mkdir d; mount -t tmpfs -o noexec x d; cp /bin/true d; $why d/true",
    ),
    root(
        "mount-nodev",
        "a device lies on a mount with nodev",
        "mkdir d; mount -t tmpfs -o nodev x d; mknod d/n c 1 3; $why cat d/n",
    ),
    root(
        "mount-nosuid",
        "a set-user-ID program lies on a mount with nosuid",
        "mkdir d; mount -t tmpfs -o nosuid,mode=755 x d; cp /bin/cat d; chmod 4755 d/cat; echo x >f; chmod 600 f; $why $user d/cat f",
    ),
    root(
        "filesystem-full",
        "more is written than a tmpfs may hold",
        "mkdir d; mount -t tmpfs -o size=4k x d; $why dd if=/dev/zero of=d/f bs=64k count=1",
    ),
    user(
        "sysctl",
        "a hard link to another's file (fs.protected_hardlinks)",
        "grep -q 1 /proc/sys/fs/protected_hardlinks || exit 99; mkdir -m 777 d; touch d/f; $user $why ln d/f d/l",
    ),
];

pub(super) const RIGHTS: &[Cause] = &[
    user("capability", "the host name is set", "$user $why hostname box"),
    user("capability", "a file is given away", "touch f; chown 54000 f; $user $why chown 5 f"),
    user("capability", "a network namespace is made", "$user $why unshare --net true"),
    user("capability", "the clock is set", "$user $why $perl -e 'sys(\"clock_settime\", 0, pack(\"qq\", 1, 0))'"),
    user("capability", "a raw socket is opened", "$user $why $perl -e 'sys(\"socket\", 2, 3, 1)'"),
    user("capability", "an interface is taken down", "$user $why ip link set lo down"),
    user("capability", "another user is to be become", "$user $why setpriv --reuid 5 --keep-groups true"),
    root(
        "capability",
        "root without CAP_SYS_CHROOT calls chroot",
        "setpriv --bounding-set -sys_chroot $why chroot / true",
    ),
    mapped(
        "namespace-owner",
        "the host name of the UTS namespace outside is set",
        "$user unshare -Ur $why hostname box",
    ),
    mapped(
        "namespace-owner",
        "something is mounted in the mount namespace outside",
        "$user unshare -Ur $why mount -t tmpfs x /mnt",
    ),
    mapped(
        "namespace-owner",
        "an interface of the network namespace outside is taken down",
        "$user unshare -Ur $why ip link set lo down",
    ),
    mapped(
        "namespace-owner",
        "the clock is set",
        "$user unshare -Ur $why $perl -e 'sys(\"clock_settime\", 0, pack(\"qq\", 1, 0))'",
    ),
    mapped(
        "namespace-owner",
        "a device is made",
        "$user unshare -Urm $why sh -c 'mount -t tmpfs x /mnt && mknod /mnt/n c 1 3'",
    ),
    root(
        "no-new-privileges",
        "a set-user-ID program under no_new_privs",
        "cp /bin/cat c; chmod 4755 c; echo x >f; chmod 600 f; $why $user setpriv --no-new-privs ./c f",
    ),
    user("process-owner", "another's process is killed", "$user $why sh -c 'kill -9 1'"),
    user("process-owner", "a namespace of another's process is joined", "$user $why nsenter -t 1 -n true"),
    user("tracing", "a tracer under `explore why`", "$user $why $perl -e 'sys(\"ptrace\", 0, 0, 0, 0)'"),
];

pub(super) const IDS: &[Cause] = &[
    mapped(
        "id-unmapped",
        "setuid to an id that is not mapped",
        "$user unshare -Ur $why setpriv --reuid 5 --keep-groups true",
    ),
    mapped(
        "id-unmapped",
        "a file is given to an id that is not mapped",
        "touch f; chown 54000:54000 f; $user unshare -Ur $why chown 5 f",
    ),
    mapped(
        "id-unmapped",
        "a file of an unmapped owner is read",
        "echo x >f; chmod 600 f; $user unshare -Ur $why cat f",
    ),
    mapped(
        "setgroups-denied",
        "the groups are set where setgroups says deny",
        "$user unshare -Ur $why $perl -e 'sys(\"setgroups\", 0, 0)'",
    ),
    user(
        "id-map",
        "gid_map is written before setgroups says deny",
        "$user $why unshare -U sh -c 'exec 2>/dev/null; echo \"0 54000 1\" >/proc/$$/uid_map; echo \"0 54000 1\" >/proc/$$/gid_map'",
    ),
    user("id-map", "another's id is mapped", "$user $why unshare -U sh -c 'echo \"0 0 1\" >/proc/$$/uid_map'"),
];

pub(super) const NAMESPACES: &[Cause] = &[
    mapped(
        "namespace-limit",
        "user.max_user_namespaces is 0",
        "unshare -Ur sh -c \"echo 0 >/proc/sys/user/max_user_namespaces; $why unshare -U true\"",
    ),
    mapped(
        "namespace-limit",
        "user.max_net_namespaces is 0",
        "unshare -Ur sh -c \"echo 0 >/proc/sys/user/max_net_namespaces; $why unshare -n true\"",
    ),
    mapped(
        "namespace-depth",
        "the 34th user namespace in one another",
        "echo 'if [ $1 = 0 ]; then exec unshare -U true; else exec unshare -Ur sh ./deeper $(($1-1)); fi' >deeper; \
         $why sh ./deeper 33",
    ),
    root(
        "chroot",
        "a user namespace is made after chroot",
        "mkdir d; mount --rbind / d; $why chroot d unshare -U true",
    ),
    mapped("mount-locked", "a mount from outside is taken away", "$user unshare -Urm $why umount /proc"),
    mapped(
        "mount-locked",
        "a flag of a mount from outside is taken away",
        "mkdir d; mount -t tmpfs -o nosuid,noexec x d; unshare -Urm $why mount -o remount,bind,exec d",
    ),
    mapped(
        "proc-covered",
        "a new /proc where a part of the old one is covered",
        "mount -t tmpfs x /proc/fs; unshare -Urmpf $why mount -t proc x /proc",
    ),
    mapped(
        "mount-kind",
        "a disk's filesystem in a user namespace",
        "touch f; unshare -Urm $why $perl -e 'sys(\"mount\", \"none\", \"/mnt\", \"ext4\", 0, 0)'",
    ),
    root("pivot-root", "pivot_root to what is no mount point", "mkdir d; $why pivot_root d d"),
    root(
        "pivot-root",
        "pivot_root where mounts are shared",
        "mkdir d; mount --make-rshared /; mount -t tmpfs x d; mkdir d/o; $why pivot_root d d/o",
    ),
    root(
        "pid-namespace-ended",
        "a process is started after PID 1 has ended",
        "$why unshare -p sh -c 'true & wait; sleep 0; exit 1'",
    ),
    root("kernel-lacks", "a system call of tomorrow", "$why $perl -e 'sys(999)'"),
    root(
        "kernel-lacks",
        "a filesystem that nobody wrote",
        "$why $perl -e 'sys(\"mount\", \"none\", \"/mnt\", \"nosuchfs\", 0, 0)'",
    ),
];
