//! What a container may do: flags, sets of capabilities, and attacks on them. Each attack is also made where the guard
//! is off, and must succeed there: else the test would prove nothing.

use crate::containers::{learner, learners, shell};
use crate::crafted;
use crate::forge::Forge;
use crate::support::{Learner, eventually, has_program, is_root, require};
use serde_json::json;
use std::path::PathBuf;

const NO_CC: &str = "needs cc(1) and a static C library to build what attacks";
const DOCKERS: u64 = 0xa804_25fb;
const STATUS: &str = "grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status";

fn set(status: &str, name: &str) -> u64 {
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in\n{status}"));
    u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
}

fn runs_as_root(learner: &Learner) -> bool {
    learner.program("id", ["-u"]).run().out == "0\n"
}

/// What whoever makes the container can give. Without root that is a user namespace's set, which begins full.
fn available(learner: &Learner) -> u64 {
    if !runs_as_root(learner) {
        let last = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap();
        return (1 << (last.trim().parse::<u32>().unwrap() + 1)) - 1;
    }
    set(&learner.program("cat", ["/proc/self/status"]).run().status(0).out, "CapPrm")
}

#[test]
fn added_and_dropped_capabilities_are_those_of_docker() {
    let (chown, kill, admin) = (1 << 0, 1 << 5, 1 << 21);
    for learner in learners() {
        let all = available(&learner);
        // moby `caps.TweakCapabilities`; what the real one answers is asked in `docker`.
        for (flags, expected) in [
            (&["--cap-add", "SYS_ADMIN"][..], DOCKERS | admin),
            (&["--cap-add", "cap_sys_admin", "--cap-drop", "Chown"], (DOCKERS | admin) & !chown),
            (&["--cap-drop", "ALL"], 0),
            (&["--cap-drop", "all", "--cap-add", "KILL"], kill),
            (&["--cap-add", "ALL", "--cap-drop", "CAP_CHOWN"], all & !chown),
            (&["--cap-add", "ALL", "--cap-drop", "ALL"], all),
            (&["--privileged"], all),
        ] {
            let flags = [&["--network", "none"], flags].concat();
            let told = shell(&learner, &flags, STATUS).run().status(0).stderr("");
            for name in ["CapPrm", "CapEff", "CapBnd"] {
                assert_eq!(set(&told.out, name), expected & all, "{name} of {flags:?}\n{}", told.out);
            }
            assert_eq!((set(&told.out, "CapInh"), set(&told.out, "CapAmb")), (0, 0), "{flags:?}");
        }
    }
}

#[test]
fn what_is_no_capability_is_refused_in_dockers_words() {
    let learner = learner();
    for (flag, said) in [
        ("--cap-add", "invalid CapAdd: unknown capability: \"CAP_FLYING\""),
        ("--cap-drop", "invalid CapDrop: unknown capability: \"CAP_FLYING\""),
    ] {
        learner.explore(["create", flag, "flying", "demo", "true"]).run().fails(1, said);
        learner.explore(["run", "--rm", flag, "CAP_FLYING", "demo", "true"]).run().fails(125, said);
    }
    for (option, code, said) in [
        ("colour", 125, "invalid --security-opt: \"colour\""),
        ("colour=red", 1, "invalid --security-opt: \"colour=red\""),
        ("apparmor=mine", 1, "AppArmor"),
        ("label=type:mine_t", 1, "SELinux"),
    ] {
        learner.explore(["create", "--security-opt", option, "demo", "true"]).run().fails(code, said);
    }
    learner.explore(["ps", "-a", "-q"]).run().status(0).stdout("");
}

#[test]
fn an_ordinary_user_has_no_capability_until_a_set_user_id_program_gives_them_back() {
    require!("stages::privileges::user", is_root(), "needs root: a user's container has one user number");
    let learner = learner();
    crafted::image(&learner, "as-user:1", Forge::default().file("x", "").end(), |config| {
        config["config"]["User"] = json!("1000:1000");
    });
    for flags in [&[][..], &["--cap-add", "SYS_ADMIN"], &["--privileged"]] {
        let words = ["run", "--rm", "--network", "none"];
        let told = learner.explore(words).args(flags).args(["as-user:1", "sh", "-c", STATUS]).run().status(0);
        for name in ["CapPrm", "CapEff", "CapInh", "CapAmb"] {
            assert_eq!(set(&told.out, name), 0, "{name} of {flags:?}\n{}", told.out);
        }
        assert!(set(&told.out, "CapBnd") & DOCKERS == DOCKERS & available(&learner), "{}", told.out);
    }
}

#[test]
fn privileged_covers_nothing_and_so_do_unconfined_system_paths() {
    for learner in learners() {
        // A setting of the container's own UTS namespace; its file is the machine's root's.
        let script = "grep -c ' /proc/' /proc/self/mounts; echo teapot >/proc/sys/kernel/hostname; hostname";
        let opened = ["--network", "none", "--security-opt", "systempaths=unconfined"];
        for flags in [&opened[..], &["--network", "none", "--privileged"]] {
            let told = shell(&learner, flags, script).run().status(0);
            let lines: Vec<&str> = told.out.lines().collect();
            assert_eq!(lines[0], "0", "{}", told.shown());
            assert_eq!(lines[1] == "teapot", runs_as_root(&learner), "{}", told.shown());
        }
        shell(&learner, &["--network", "none", "--privileged"], STATUS).run().stdout_has("Seccomp:\t0");
        let sys = "grep ' /sys sysfs ' /proc/self/mounts | cut -d' ' -f4 | cut -d, -f1";
        shell(&learner, &["--network", "none", "--privileged"], sys).run().status(0).stdout("rw\n");
        shell(&learner, &["--network", "none"], sys).run().status(0).stdout("ro\n");
        // A profile that was asked for stays (moby `WithSeccomp`).
        let flags = ["--network", "none", "--privileged", "--security-opt", "seccomp=builtin"];
        shell(&learner, &flags, STATUS).run().status(0).stdout_has("Seccomp:\t2");
    }
}

#[test]
fn the_configuration_of_a_privileged_container_lists_every_device_of_this_machine() {
    require!("stages::privileges::devices", is_root() && has_program("runc"), "needs root and runc(8)");
    let learner = learner();
    // Docker's names too, where the machine has them not: /dev/core, /dev/fd and so on are links.
    let list = "for one in $(find /dev -type c -o -type b); do case $one in /dev/pts/*|/dev/console|/dev/ptmx) ;; *) echo $one;; esac; done \
        | sort";
    let create = ["create", "--name", "box", "--network", "none", "--privileged", "demo", "sh", "-c", list];
    learner.explore(create).run().status(0);
    let mounted = learner.explore(["layer", "mount", "box"]).run().status(0);
    let rootfs = PathBuf::from(mounted.out.trim().replace("[HERE]", learner.everything().to_str().unwrap()));
    let run = format!("exec runc run runc-{}", learner.tag());
    let theirs = learner.program("unshare", ["-m", "sh", "-c", &run]).folder(rootfs.parent().unwrap()).run().status(0);
    let here = learner.program("sh", ["-c", list]).run().status(0);
    assert!(here.out.lines().count() > 6, "{}", here.shown());
    theirs.stdout(&here.out);
    learner.explore(["rm", "box"]).run().status(0);
}

#[test]
fn exec_privileged_has_all_capabilities_and_still_the_containers_filter() {
    for learner in learners() {
        learner.explore(["run", "-d", "--name", "box", "--network", "none", "demo", "sleep", "1000"]).run().status(0);
        let plain = learner.explore(["exec", "box", "sh", "-c", STATUS]).run().status(0);
        let told = learner.explore(["exec", "--privileged", "box", "sh", "-c", STATUS]).run().status(0);
        for name in ["CapPrm", "CapEff", "CapBnd"] {
            assert_eq!(set(&plain.out, name), DOCKERS & available(&learner), "{name}\n{}", plain.out);
            assert_eq!(set(&told.out, name), available(&learner), "{name}\n{}", told.out);
        }
        assert!(told.out.contains("Seccomp:\t2"), "{}", told.shown());
        let mount = ["sh", "-c", "mount -t tmpfs none /mnt && echo mounted"];
        let refused = learner.explore(["exec", "--privileged", "box"]).args(mount).run();
        assert!(refused.code != 0 && !refused.out.contains("mounted"), "the filter is docker's\n{}", refused.shown());
        learner.explore(["rm", "-f", "box"]).run().status(0);
        let unfiltered = ["run", "-d", "--name", "box", "--network", "none", "--security-opt", "seccomp=unconfined"];
        learner.explore(unfiltered).args(["demo", "sleep", "1000"]).run().status(0);
        learner.explore(["exec", "--privileged", "box"]).args(mount).run().status(0).stdout("mounted\n");
        learner.explore(["rm", "-f", "box"]).run().status(0);
    }
}

/// Builds the attacker; where it lies.
fn attacker(learner: &Learner) -> PathBuf {
    crate::seccomp::built(learner, "attacker", include_str!("attack_probe.c"))
}

/// CVE-2022-24769, CVE-2022-29162: with a full inheritable set, a file of the image that has inheritable capabilities
/// gives them to an ordinary user. The guard is an empty set; runc does as config.json says.
#[test]
fn a_files_inheritable_capabilities_give_nothing() {
    require!(
        "stages::privileges::inheritable",
        is_root() && has_program("cc") && has_program("runc"),
        "needs root, cc, runc"
    );
    let learner = learner();
    let program = std::fs::read(attacker(&learner)).unwrap();
    // struct vfs_cap_data, revision 2, effective; permitted none, inheritable CAP_NET_RAW (linux/capability.h).
    let capability = "\u{1}\0\0\u{2}\0\0\0\0\0\u{20}\0\0\0\0\0\0\0\0\0\0";
    let layer = Forge::default()
        .pax("SCHILY.xattr.security.capability", capability)
        .raw(tar::EntryType::Regular, "attacker", "", 0o755, &program)
        .end();
    crafted::image(&learner, "evil:1", layer, |config| config["config"]["User"] = json!("1000:1000"));
    learner.explore(["create", "--name", "box", "--network", "none", "evil:1", "/attacker", "status"]).run().status(0);
    let ours = learner.explore(["start", "-a", "box"]).run().status(0);
    let beside =
        learner.explore(["run", "-d", "--name", "other", "--network", "none", "evil:1", "sleep", "1000"]).run();
    beside.status(0);
    let in_exec = learner.explore(["exec", "other", "/attacker", "status"]).run().status(0);
    learner.explore(["rm", "-f", "other"]).run().status(0);
    for told in [&ours, &in_exec] {
        for name in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(set(&told.out, name), 0, "{name}\n{}", told.shown());
        }
    }
    let mounted = learner.explore(["layer", "mount", "box"]).run().status(0);
    let rootfs = PathBuf::from(mounted.out.trim().replace("[HERE]", learner.everything().to_str().unwrap()));
    let config = rootfs.with_file_name("config.json");
    let mut spec: serde_json::Value = serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap();
    spec["process"]["capabilities"]["inheritable"] = spec["process"]["capabilities"]["bounding"].clone();
    std::fs::write(&config, spec.to_string()).unwrap();
    let run = format!("exec runc run runc-{}", learner.tag());
    let unguarded = learner.program("unshare", ["-m", "sh", "-c", &run]).folder(rootfs.parent().unwrap()).run();
    assert_eq!(set(&unguarded.out, "CapEff"), 1 << 13, "without the guard it works\n{}", unguarded.shown());
    learner.explore(["rm", "box"]).run().status(0);
}

/// CVE-2022-0492: a cgroup v1 that root inside mounts for himself has a `release_agent` to write. The guards are the
/// filter (no namespaces without CAP_SYS_ADMIN) and the missing CAP_SYS_ADMIN.
#[test]
fn root_inside_mounts_no_cgroups() {
    require!("stages::privileges::cgroup", is_root() && has_program("cc"), NO_CC);
    let learner = learner();
    let volume = format!("{}:/attacker:ro", attacker(&learner).display());
    let flags = ["run", "--rm", "--network", "none", "-v", &volume];
    let attack = ["demo", "/attacker", "cgroup", "/mnt"];
    let told = learner.explore(flags).args(attack).run().status(0);
    assert!(told.out.starts_with("unshare: Operation not permitted\n"), "{}", told.shown());
    assert!(!told.out.contains("mounted"), "{}", told.shown());
    // Nor is there a file of the real tree that could be written.
    let writable = "find /sys/fs/cgroup -type f -perm -200 2>/dev/null | while read file; do \
        (: >>$file) 2>/dev/null && echo $file; done";
    shell(&learner, &["--network", "none"], writable).run().stdout("").stderr("");
    let unguarded = learner.explore(flags).args(["--security-opt", "seccomp=unconfined"]).args(attack).run().status(0);
    assert!(unguarded.out.starts_with("unshare: done\n"), "the filter was the guard\n{}", unguarded.shown());
    let v1 = std::fs::read_to_string("/proc/self/cgroup").unwrap().lines().any(|line| !line.starts_with("0::"));
    let privileged = learner.explore(flags).arg("--privileged").args(attack).run().status(0);
    assert!(!v1 || privileged.out.contains(": mounted\n"), "without guards it works\n{}", privileged.shown());
}

/// CVE-2017-5226: what is put into the input of the caller's terminal is typed into his shell afterwards. The guard is a
/// terminal of the container's own, or none.
#[test]
fn nothing_is_typed_into_the_callers_terminal() {
    let kernel = std::fs::read_to_string("/proc/sys/dev/tty/legacy_tiocsti").unwrap_or_else(|_| "1".into());
    let possible = is_root() && has_program("cc") && kernel.trim() == "1";
    require!("stages::privileges::tiocsti", possible, "needs root, cc(1), and a kernel that still has TIOCSTI");
    let learner = learner();
    let attacker = attacker(&learner);
    let volume = format!("{}:/attacker:ro", attacker.display());
    let rest = "if read -r -t 3 line; then echo \"typed: $line\"; else echo nothing was typed; fi";
    let under = |attack: &str| {
        let script = format!("{attack}; {rest}");
        let terminal = learner.program("bash", ["-c", &script]).terminal(80);
        terminal.finish().out
    };
    let explore = format!("{} run --rm --network none -v {volume}", env!("CARGO_BIN_EXE_explore"));
    for flags in ["", "-i", "-t", "-it", "-it --privileged"] {
        let screen = under(&format!("{explore} {flags} demo /attacker inject CANARY"));
        assert!(screen.contains("nothing was typed"), "{flags}\n{screen}");
    }
    let unguarded = under(&format!("{} inject CANARY", attacker.display()));
    assert!(unguarded.contains("typed: CANARY"), "without the guard it works\n{unguarded}");
}

/// The session keyring is in no namespace and is inherited: the keys of whoever starts a container would be its own. The
/// guard is a session of its own; docker's filter forbids to ask besides.
#[test]
fn the_callers_keys_are_not_the_containers() {
    require!("stages::privileges::keys", has_program("cc"), NO_CC);
    for learner in learners() {
        let attacker = attacker(&learner).display().to_string();
        let volume = format!("{attacker}:/attacker:ro");
        let holding = [attacker.as_str(), "hold"];
        let unguarded = learner.program(&attacker, ["key"]).wrapped_by(holding).run().status(0);
        assert_eq!(unguarded.out, "SECRET\n", "without the guard it works\n{}", unguarded.shown());
        let begin = ["run", "-d", "--name", "box", "--network", "none", "-v", &volume];
        for (flags, said) in [
            (&["--security-opt", "seccomp=unconfined"][..], "Required key not available\n"),
            (&[], "Operation not permitted\n"),
        ] {
            let script = "/attacker key; exec sleep 1000";
            learner.explore(begin).args(flags).args(["demo", "sh", "-c", script]).wrapped_by(holding).run().status(0);
            eventually("it has asked", || learner.explore(["logs", "box"]).run().out == said);
            let beside = learner.explore(["exec", "box", "/attacker", "key"]).wrapped_by(holding).run().status(0);
            assert_eq!(beside.out, said, "{flags:?}: {}", beside.shown());
            learner.explore(["rm", "-f", "box"]).run().status(0);
        }
    }
}

/// The six devices and what covers a file are this machine's own nodes: whoever could change them inside would take
/// /dev/null from everybody here, or give it to himself.
#[test]
fn root_inside_changes_no_node_of_this_machine() {
    use std::os::unix::fs::MetadataExt;
    require!("stages::privileges::nodes", is_root(), "the host's nodes are root's");
    let learner = Learner::new();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    // Not tty: whoever has a terminal here moves its times (drivers/tty/tty_io.c, `tty_update_time`).
    let seen = || {
        ["null", "full", "zero"].map(|name| {
            let found = std::fs::metadata(format!("/dev/{name}")).unwrap();
            (found.mode(), found.uid(), found.mtime(), found.atime())
        })
    };
    let before = seen();
    let script = "for node in /dev/full /dev/zero /dev/tty /proc/keys /proc/self/fd/0; do
        touch -d 2001-01-01 $node && exit 3; done 2>/dev/null
        echo written >/dev/null && head -c 1 /dev/zero | wc -c";
    learner.explore(["run", "--rm", "demo", "sh", "-c", script]).run().status(0).stdout("1\n");
    learner.explore(["run", "-d", "--name", "box", "demo", "sleep", "1000"]).run().status(0);
    learner.explore(["exec", "box", "sh", "-c", script]).run().status(0).stdout("1\n");
    learner.explore(["rm", "-f", "box"]).run().status(0);
    assert_eq!(seen(), before);
}
