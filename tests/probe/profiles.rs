//! What each system of history hides and what not, told by the comparison that tells it of everything.

use crate::support::{HostState, Learner, has_program, is_root, require};
use explore::kernel::namespace::Kind::{self, Ipc, Mnt, Net, Pid, User, Uts};
use explore::probe::{Comparison, Group, Verdict};

/// System, the namespaces that it is about, what root may inside, whether calls are filtered.
const SYSTEMS: [(&str, &[Kind], u64, bool); 9] = [
    ("chroot", &[], 0x1ff_ffff_ffff, false),
    ("jail", &[Uts, Pid, Ipc], 0x18_b58c_cdff, false),
    ("vserver", &[Uts, Pid, Ipc], 0x340c_04ff, false),
    ("zone", &[Uts, Pid, Mnt, Ipc], 0x18_b50c_8dff, false),
    ("openvz", &[Uts, Pid, Mnt, Net, Ipc], 0x1b_bddc_eeff, false),
    ("lxc", &[Uts, Pid, Mnt, Net, Ipc], 0x1fc_fdfc_ffff, true),
    ("docker-0.1", &[Uts, Pid, Mnt, Net, Ipc], 0x1fc_100c_deff, false),
    ("docker", &[Uts, Pid, Mnt, Net, Ipc], 0xa804_25fb, true),
    ("rootless", &[Uts, Pid, Mnt, Net, Ipc, User], 0xa804_25fb, true),
];

/// Whoever can be asked here.
fn everybody() -> Vec<Learner> {
    if is_root() { vec![Learner::new(), Learner::user()] } else { vec![Learner::new()] }
}

fn compared(learner: &Learner, system: &str) -> Comparison {
    learner.explore(["ns", "create", "old", "--profile", system]).run().status(0).stdout("old\n").stderr("");
    let output = learner.explore(["compare", "--json", "old"]).run().status(0);
    learner.explore(["ns", "rm", "old"]).run().status(0);
    serde_json::from_str(&output.out).unwrap()
}

fn value<'a>(comparison: &'a Comparison, code: &str) -> Option<[&'a str; 2]> {
    let row = comparison.place.rows.iter().find(|row| row.code == code)?;
    Some([row.outside.as_deref()?, row.inside.as_deref()?])
}

#[test]
fn each_system_separates_what_it_did_and_nothing_else() {
    for learner in everybody() {
        let before = HostState::of(&learner);
        for (system, kinds, capabilities, filtered) in SYSTEMS {
            let comparison = compared(&learner, system);
            assert_eq!(comparison.as_expected(), Some(true), "{system}: {comparison:?}");
            let subject = comparison.namespaces.rows.iter().filter(|row| row.group == Group::Subject);
            let mut wanted = kinds.to_vec();
            wanted.sort();
            assert_eq!(subject.map(|row| row.kind).collect::<Vec<_>>(), wanted, "{system}");
            let [ours, theirs] = value(&comparison, "capabilities").unwrap().map(|hex| u64::from_str_radix(hex, 16));
            // Without root they come from the user namespace; with root nobody gives away what he lacks himself.
            let most = if learner.is_root() && system != "rootless" { ours.unwrap() } else { 0x1ff_ffff_ffff };
            assert_eq!(theirs.unwrap(), capabilities & most, "{system}");
            assert_eq!(value(&comparison, "seccomp").unwrap()[1], if filtered { "filter" } else { "none" }, "{system}");
            // Only chroot(2) leaves the root of the machine where it was, and shows where it leads.
            assert_eq!(value(&comparison, "root").is_some(), system == "chroot", "{system}");
        }
        before.assert_unchanged();
    }
}

#[test]
fn an_exec_gets_the_root_the_capabilities_and_the_filter_of_the_first_process() {
    for learner in everybody() {
        let marker = learner.work().join("marker");
        std::fs::write(&marker, "").unwrap();
        for (system, _, _, _) in SYSTEMS {
            learner.explore(["ns", "create", "old", "--profile", system]).run().status(0);
            let exec = |script: &str| learner.explore(["exec", "old", "sh", "-c", script]).run();
            let init = if system == "chroot" { "self" } else { "1" };
            let same = format!(
                "grep -E '^(CapPrm|CapBnd|CapInh|Seccomp):' /proc/{init}/status >/tmp/first; \
                               grep -E '^(CapPrm|CapBnd|CapInh|Seccomp):' /proc/self/status | cmp - /tmp/first"
            );
            exec(&same).status(0).stdout("");
            exec(&format!("test -e {}", marker.display())).status(1);
            exec("test -x /usr/bin/env && ls / | tr '\\n' ' '").status(0).stdout_has("proc root");
            exec("echo x >/usr/bin/new").status(2).stderr_has("Read-only file system");
            learner.explore(["ns", "rm", "old"]).run().status(0);
        }
        std::fs::remove_file(marker).unwrap();
    }
}

/// The two calls of chroot(2), NOTES. The test can fail: it succeeds where only the path was changed.
#[test]
fn root_walks_out_of_chroot_and_out_of_nothing_that_came_after() {
    require!(
        "probe::profiles::walk",
        is_root() && has_program("perl"),
        "needs root, and perl for a single system call"
    );
    let learner = Learner::new();
    let marker = learner.work().join("marker");
    std::fs::write(&marker, "").unwrap();
    let walk = format!(
        r#"mkdir -p /tmp/d; exec perl -e 'chroot "/tmp/d" or exit 3; chdir ".." for 1..64; chroot "."; exit !-e "{}"'"#,
        marker.display()
    );
    for (system, kinds, _, _) in SYSTEMS {
        learner.explore(["ns", "create", "old", "--profile", system]).run().status(0);
        let code = learner.explore(["exec", "old", "sh", "-c", &walk]).run().code;
        learner.explore(["ns", "rm", "old"]).run().status(0);
        assert_eq!(code, i32::from(!kinds.is_empty()), "{system}");
    }
}

/// LXC itself, with the machine's own programs and nobody's network. It leaves the group that its monitor ends in.
const LXC: &str = r#"
    mkdir -p lxc/old rootfs
    for name in bin sbin lib lib64; do test -L /$name && cp -P /$name rootfs/; done
    n=old-$(basename "$PWD")-$$
    cat >conf <<END
lxc.uts.name = old
lxc.rootfs.path = dir:$PWD/rootfs
lxc.net.0.type = empty
lxc.include = /usr/share/lxc/config/common.conf
lxc.apparmor.profile = unconfined
lxc.mount.entry = /usr usr none rbind,ro,create=dir 0 0
lxc.cgroup.dir.container = $n/inside
lxc.cgroup.dir.monitor = $n/monitor
lxc.cgroup.dir.monitor.pivot = $n-pivot
END
    lxc-start -P "$PWD/lxc" -n $n -f conf -d -l ERROR -o log -- /bin/sleep 1000 || cat log >&2
    "$EXPLORE" compare --json $(lxc-info -P "$PWD/lxc" -n $n -pH)
    lxc-stop -k -P "$PWD/lxc" -n $n
    # In the group that its monitor ends in it makes one more.
    left() { find /sys/fs/cgroup -depth -type d -path "*/$n*"; }
    tries=0; while left | grep -q . && test $tries -lt 600; do left | xargs rmdir 2>/dev/null; tries=$((tries + 1)); sleep 0.1; done
    left >&2; rm -r lxc rootfs conf log"#;

#[test]
fn our_lxc_may_and_separates_what_lxc_itself_does() {
    require!("probe::profiles::lxc", is_root() && has_program("lxc-start"), "needs root, and lxc");
    let learner = Learner::new();
    let before = HostState::of(&learner);
    let output = learner.program("sh", ["-c", LXC]).run().status(0).stderr("");
    before.assert_unchanged();
    let real: Comparison = serde_json::from_str(&output.out).unwrap();
    let ours = compared(&learner, "lxc");
    for code in ["uid-map", "capabilities", "no-new-privileges", "seccomp"] {
        assert_eq!(value(&real, code), value(&ours, code), "{code}");
    }
    let kinds = |comparison: &Comparison| {
        let mut kinds = super::target::kinds(comparison, |verdict| *verdict == Verdict::Differs);
        kinds.retain(|kind| *kind != Kind::Cgroup);
        kinds
    };
    assert_eq!(kinds(&real), kinds(&ours));
}

#[test]
fn what_each_had_is_listed_with_where_it_is_told() {
    let learner = Learner::new();
    let all: serde_json::Value = learner.explore(["ns", "profiles", "--json"]).run().status(0).json();
    let names: Vec<&str> = all.as_array().unwrap().iter().map(|one| one["profile"].as_str().unwrap()).collect();
    assert_eq!(names, SYSTEMS.map(|(system, _, _, _)| system));
    let text = learner.explore(["ns", "profiles"]).run().status(0).stderr("").out;
    for one in all.as_array().unwrap() {
        let source = one["source"].as_str().unwrap().split_whitespace().next().unwrap();
        assert!(text.contains(source) && text.contains(one["year"].as_str().unwrap()), "{one}\n{text}");
    }
    learner
        .explore(["ns", "create", "old", "--profile", "podman"])
        .run()
        .status(2)
        .stderr_has("possible values: chroot, jail, vserver");
}
