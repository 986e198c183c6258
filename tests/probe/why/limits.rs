//! More causes: filters, modules, cgroups, limits and switches.

use super::causes::{Cause, root, user};

pub(super) const FILTERS: &[Cause] = &[
    root(
        "seccomp",
        "a filter that the command lays answers EPERM",
        "$why $perl -e 'filter(\"mkdir\", 0x50000 | 1); sys(\"mkdir\", \"d\", 0700)'",
    ),
    user(
        "seccomp",
        "the same, of an ordinary user",
        "$user $why $perl -e 'filter(\"uname\", 0x50000 | 1); sys(\"uname\", 0)'",
    ),
    root(
        "seccomp",
        "a filter answers ENOSYS for a call that is there",
        "$why $perl -e 'filter(\"mkdir\", 0x50000 | 38); sys(\"mkdir\", \"d\", 0700)'",
    ),
    root("seccomp", "a filter kills", "$why $perl -e 'filter(\"mkdir\", 0x80000000); sys(\"mkdir\", \"d\", 0700)'"),
    root(
        "seccomp",
        "a filter was there before",
        "$perl -e 'filter(\"mkdir\", 0x50000 | 1); exec @ARGV' -- $why mkdir d",
    ),
    user(
        "seccomp",
        "one that hides a call (ENOSYS) was there before",
        "$user $perl -e 'filter(\"unshare\", 0x50000 | 38); exec @ARGV' -- $why unshare -U true",
    ),
    root(
        "landlock",
        "rules that the command lays on itself",
        "touch f; $why $perl -e 'landlock(); open(F, \">\", \"f\") or exit 1'",
    ),
    user(
        "landlock",
        "rules were there before",
        "touch f; chmod 666 f; $user $perl -e 'landlock(); exec @ARGV' -- $why sh -c 'echo >f'",
    ),
];

pub(super) const CGROUPS: &[Cause] = &[
    root(
        "device-cgroup",
        "the device rules of its cgroup do not have /dev/null",
        "g=/sys/fs/cgroup/devices/explore-why-$$; mkdir $g || exit 99; echo 'c 1:3 rwm' >$g/devices.deny; \
         sh -c \"echo \\$\\$ >$g/cgroup.procs; exec $why dd if=/dev/null\"; s=$?; rmdir $g; exit $s",
    ),
    root(
        "cgroup-pids",
        "pids.max is reached",
        "g=/sys/fs/cgroup/pids/explore-why-$$; mkdir $g || exit 99; echo 4 >$g/pids.max; \
         sh -c \"echo \\$\\$ >$g/cgroup.procs; exec $why sh -c '(sleep 1; (sleep 1; true); true); exit 1'\"; s=$?; rmdir $g; exit $s",
    ),
    root(
        "cgroup-memory",
        "memory.limit_in_bytes is reached",
        "g=/sys/fs/cgroup/memory/explore-why-$$; mkdir $g || exit 99; echo 64M >$g/memory.limit_in_bytes; \
         $why sh -c \"echo \\$\\$ >$g/cgroup.procs; exec $perl -e 'my \\$x = q(x) x 200000000; print length \\$x'\"; s=$?; \
         for i in 1 2 3 4 5 6 7 8 9; do rmdir $g && break; sleep 0.1; done; exit $s",
    ),
    user(
        "cgroup-delegation",
        "a cgroup is made in one that was not delegated",
        "for g in /sys/fs/cgroup/unified /sys/fs/cgroup/pids /sys/fs/cgroup; do [ -e $g/cgroup.procs ] && break; done; \
         [ -e $g/cgroup.procs ] || exit 99; $user $why mkdir $g/explore-why",
    ),
];

pub(super) const LIMITS: &[Cause] = &[
    root("rlimit", "RLIMIT_NOFILE", "$why sh -c 'ulimit -n 3; exec cat /etc/passwd'"),
    root("rlimit", "RLIMIT_FSIZE", "$why prlimit --fsize=512 dd if=/dev/zero of=f bs=64k count=1"),
    user("rlimit", "RLIMIT_NPROC", "$user $why prlimit --nproc=1 sh -c '(sleep 0; true); exit 1'"),
    user("rlimit", "RLIMIT_MEMLOCK", "$user $why prlimit --memlock=0 $perl -e 'sys(\"mlockall\", 1)'"),
    root("rlimit", "RLIMIT_AS", "$why prlimit --as=100000000 $perl -e 'my $x = q(x) x 200000000; print length $x'"),
    root("rlimit", "RLIMIT_CPU", "$why prlimit --cpu=1:9 sh -c 'while :; do :; done'"),
    user(
        "sysctl",
        "a port below net.ipv4.ip_unprivileged_port_start",
        "unshare -n $user $why $perl -e 'use Socket; socket(S, 2, 1, 0); bind(S, pack_sockaddr_in(80, INADDR_ANY)) or exit 1'",
    ),
    user(
        "sysctl",
        "an echo socket outside of net.ipv4.ping_group_range",
        "unshare -n $user $why $perl -e 'sys(\"socket\", 2, 2, 1)'",
    ),
    user(
        "sysctl",
        "kernel.dmesg_restrict is 1",
        "grep -q 1 /proc/sys/kernel/dmesg_restrict || exit 99; $user $why dmesg",
    ),
];

/// Commands of every day: nothing may be said to be refused, and the exit code is theirs.
pub(super) const HEALTHY: &[(&str, i32)] = &[
    ("true", 0),
    ("false", 1),
    ("ls /", 0),
    ("ls /no/such/file", 2),
    ("cat /etc/passwd", 0),
    ("sh -c 'exit 42'", 42),
    ("sh -c 'ls | sort | uniq -c; cd /; pwd; : $(date)'", 0),
    ("sh -c 'kill -TERM $$'", 143),
    ("cp /etc/passwd copy", 0),
    ("sh -c 'echo x >f; mv f g; rm g; mkdir d; rmdir d'", 0),
    ("find /etc/apt", 0),
    ("grep nosuchword /etc/passwd", 1),
    ("sed -n 1p /etc/passwd", 0),
    ("nproc", 0),
    ("id", 0),
    ("perl -e 'fork; print 1'", 0),
    ("bash -c 'for i in 1 2 3; do echo $i & done; wait'", 0),
    ("tar -cf t.tar /etc/passwd", 0),
    ("unshare -Urmpf --mount-proc true", 0),
    ("timeout 5 sleep 0", 0),
    ("sh -c 'sleep 0 & wait $!; exit 7'", 7),
];
