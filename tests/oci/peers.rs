//! One bundle under explore, runc and crun: what the program sees, and what the commands answer.

use crate::bundle::Bundle;
use crate::support::{Output, Run, has_program, is_root, require};
use serde_json::json;

/// What a program can see of what was made for it: in lines that two runtimes must agree on.
const FACTS: &str = "
    grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp):?' /proc/self/status
    for k in mnt uts ipc pid net cgroup user; do test $(readlink /proc/self/ns/$k) = $(readlink /proc/1/ns/$k) && echo $k; done
    grep -vE ' /dev/(null|zero|full|random|urandom|tty) ' /proc/self/mountinfo | awk '{print $5, $6}' | sort
    hostname; pwd; umask; env | sort; ulimit -n; ulimit -c; cat /proc/self/oom_score_adj; cat /proc/self/cgroup
    ls /proc/self/fd | wc -l; ls -l /dev | awk '{print $1, $3, $4, $NF}' | grep -v total
    cat /proc/sys/net/ipv4/ip_unprivileged_port_start; ip -o link | wc -l; ip -o addr | awk '{print $2, $4}'
    for f in /proc/kcore /proc/keys /proc/timer_list; do head -c 4 $f 2>/dev/null | wc -c; done
    echo 1 2>/dev/null >/proc/sys/kernel/hostname && echo written; ls /sys/firmware | wc -l
    touch /x 2>/dev/null && echo root can be written; ps -e | wc -l; cat /proc/self/timens_offsets | wc -l
";

/// `name --root … words`, where the unified tree is out of the way: crun of Debian 12 stumbles over both versions at once.
fn runtime(bundle: &Bundle, name: &str, words: &[&str]) -> Run {
    let program = if name == "explore" { "\"$EXPLORE\" oci".to_owned() } else { name.to_owned() };
    let script = format!("umount /sys/fs/cgroup/unified 2>/dev/null; exec {program} --root \"$TMPDIR/{name}\" \"$@\"");
    bundle.learner.program("unshare", ["--mount", "sh", "-c", &script, "sh"]).args(words).folder(&bundle.folder)
}

fn facts(bundle: &Bundle, name: &str) -> Output {
    runtime(bundle, name, &["run", "c"]).run()
}

/// Lines of two answers that are not in both.
fn differences(ours: &str, theirs: &str) -> Vec<String> {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (ours, theirs) = (lines(ours), lines(theirs));
    let only = |sign: char, a: &[String], b: &[String]| {
        a.iter().filter(|line| !b.contains(line)).map(|line| format!("{sign} {line}")).collect::<Vec<_>>()
    };
    [only('+', &ours, &theirs), only('-', &theirs, &ours)].concat()
}

/// Where explore does more, or otherwise, than the peer, with the reason.
fn explained(difference: &str) -> bool {
    let (line, reasons) = (
        difference.get(2..).unwrap_or_default(),
        [
            // Masks: explore's empty folder takes nodev, nosuid, noexec as well.
            "/sys/firmware ro",
            "/proc/acpi ro",
            "/proc/scsi ro",
            "/proc/asound ro",
            // The devices of /dev are mounts of the host's, and so is what covers a file.
            "/proc/kcore",
            "/proc/keys",
            "/proc/interrupts",
            "/proc/timer_list",
            "/proc/sched_debug",
            "/proc/latency_stats",
            // The union is mounted nodev; runc's remount for a read-only root takes that off, and crun any root's.
            "/ r",
            // crun makes /dev/core where this kernel has no /proc/kcore, and gives even /dev/null to the user.
            "lrwxrwxrwx root root /proc/kcore",
            "crw-rw-rw- root root null",
            "crw-rw-rw- learner learner null",
            // crun's second view of a path forgets what the first was mounted with.
            "/proc/bus ro",
            "/proc/fs ro",
            "/proc/irq ro",
            "/proc/sys ro",
            // runc and crun leave the folder of the trees writable, whatever the configuration says.
            "/sys/fs/cgroup r",
        ],
    );
    reasons.iter().any(|reason| line.starts_with(reason))
}

fn agree(bundle: &Bundle, what: &str) {
    bundle.script(FACTS);
    let ours = facts(bundle, "explore").status(0).stderr("");
    assert!(ours.out.lines().count() > 60, "{}", ours.shown());
    for peer in ["runc", "crun"].into_iter().filter(|peer| has_program(peer)) {
        let theirs = facts(bundle, peer).status(0);
        let mut differing = differences(&ours.out, &theirs.out);
        differing.retain(|line| !explained(line));
        assert_eq!(differing, [""; 0], "{what}: explore (+), {peer} (-)");
    }
}

#[test]
fn a_program_sees_the_same_under_runc_and_crun() {
    require!("oci::peers::facts", is_root() && has_program("runc"), "needs root and runc(8)");
    let bundle = Bundle::new();
    agree(&bundle, "explore's template");
    // With what docker and podman ask for.
    bundle.change(|config| {
        config["process"]["user"] = json!({ "uid": 1000, "gid": 1000, "additionalGids": [1000, 7], "umask": 39 });
        config["process"]["cwd"] = json!("/tmp");
        config["process"]["oomScoreAdj"] = json!(500);
        config["root"]["readonly"] = json!(false);
        config["linux"]["sysctl"] = json!({ "net.ipv4.ip_unprivileged_port_start": "7" });
        let bind = |to: &str, options: &[&str]| {
            json!({ "destination": to, "type": "bind", "source": bundle.learner.work(), "options": options })
        };
        let mounts = config["mounts"].as_array_mut().unwrap();
        mounts.push(bind("/a", &["rbind", "rprivate", "ro"]));
        mounts.push(bind("/b", &["bind", "nosuid", "nodev", "noexec"]));
        mounts.push(json!({ "destination": "/t", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "size=1m"] }));
    });
    agree(&bundle, "a user, mounts, a sysctl");
    // Debian 12's runc writes this one.
    std::fs::remove_file(bundle.folder.join("config.json")).unwrap();
    bundle.learner.program("runc", ["spec"]).folder(&bundle.folder).run().status(0);
    bundle.adapt();
    agree(&bundle, "runc's template");
    // And explore's `create` that of an image, with docker's rights and its filter.
    let config = bundle.rootfs.parent().unwrap().join("config.json");
    std::fs::copy(config, bundle.folder.join("config.json")).unwrap();
    bundle.adapt();
    agree(&bundle, "a container of explore's own");
}

#[test]
fn commands_answer_as_runc_does() {
    require!("oci::peers::commands", is_root() && has_program("runc"), "needs root and runc(8)");
    let bundle = Bundle::new();
    let mut answers = ["explore", "runc"].map(|name| {
        let run = |words: &[&str]| runtime(&bundle, name, words).quiet().run().code;
        bundle.change(|config| config["process"]["args"] = json!(["sleep", "1000"]));
        let state = || {
            let told = runtime(&bundle, name, &["state", "c"]).run();
            if told.code == 0 { told.json()["status"].as_str().unwrap().to_owned() } else { "none".to_owned() }
        };
        let mut all: Vec<String> = Vec::new();
        for words in [
            &["create", "c"][..],
            &["create", "c"],
            &["exec", "c", "sh", "-c", "exit 9"],
            &["start", "c"],
            &["start", "c"],
            &["exec", "c", "sh", "-c", "exit 9"],
            &["exec", "--detach", "c", "true"],
            &["delete", "c"],
            &["pause", "c"],
            &["resume", "c"],
            &["kill", "c", "USR1"],
            &["kill", "c", "9"],
        ] {
            let code = run(words);
            all.push(format!("{} {code} {}", words.join(" "), state()));
        }
        crate::support::eventually("it has ended", || state() == "stopped");
        for words in [&["start", "c"][..], &["exec", "c", "true"], &["kill", "c"], &["delete", "c"], &["delete", "c"]] {
            let code = run(words);
            // Only that it fails is agreed on: runc's exec answers 255 in some versions.
            all.push(format!("{} {} {}", words.join(" "), code != 0, state()));
        }
        all.push(format!("{}", run(&["delete", "--force", "c"])));
        for script in ["exit 3", "kill -9 $$"] {
            bundle.script(script);
            all.push(format!("{script}: {}", run(&["run", "c"])));
        }
        all
    });
    for all in &mut answers {
        // After a SIGKILL the state is what the moment makes it.
        all.retain(|line| !line.starts_with("kill c 9"));
    }
    let [ours, theirs] = answers;
    assert_eq!(ours, theirs);
}
