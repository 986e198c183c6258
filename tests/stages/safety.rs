//! The floor: what root inside must not be able to do, whatever the image says. Each attack has a canary outside.

use crate::containers::{background, learner, learners, shell};
use crate::crafted;
use crate::forge::Forge;
use crate::support::{HostState, Learner, is_root, require};
use explore::image::Digest;
use serde_json::json;
use std::path::Path;

const ROOT: &str = "needs root: what a user's container may do is less";

/// The capabilities that docker leaves to root inside (moby oci/caps/defaults.go).
const DOCKERS: u64 = 0xa804_25fb;

fn capability_set(status: &str, name: &str) -> u64 {
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
}

#[test]
fn root_inside_has_what_dockers_root_has_of_what_we_have_and_cannot_get_more() {
    for learner in learners() {
        background(&learner, "box", "sleep 1000");
        let in_run = shell(&learner, &["--network", "none"], "cat /proc/self/status").run().status(0).out;
        let in_exec = learner.explore(["exec", "box", "cat", "/proc/self/status"]).run().status(0).out;
        learner.explore(["rm", "-f", "box"]).run().status(0);
        // Without root it is a user namespace's set, which begins full.
        let host = if learner.program("id", ["-u"]).run().out == "0\n" {
            capability_set(&learner.program("cat", ["/proc/self/status"]).run().status(0).out, "CapPrm")
        } else {
            u64::MAX
        };
        for status in [in_run, in_exec] {
            for name in ["CapEff", "CapPrm", "CapBnd"] {
                assert_eq!(capability_set(&status, name), DOCKERS & host, "{name}\n{status}");
            }
            for name in ["CapInh", "CapAmb"] {
                assert_eq!(capability_set(&status, name), 0, "{name} (CVE-2022-24769)\n{status}");
            }
        }
    }
}

#[test]
fn what_is_masked_tells_nothing_and_what_is_read_only_cannot_be_written() {
    for learner in learners() {
        // Docker's own lists; what this kernel does not have needs no guard.
        let masked = "/proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug \
        /proc/scsi /proc/timer_list /proc/timer_stats /sys/devices/virtual/powercap /sys/firmware";
        let script = format!(
            "for path in {masked}; do [ -e $path ] || continue; \
         if [ -d $path ]; then ls -A $path; else head -c 9 $path; fi; done"
        );
        shell(&learner, &[], &script).run().status(0).stdout("").stderr("");
        let writes = [
            "echo box >/proc/sys/kernel/hostname",
            "echo 1 >/proc/sys/kernel/sysrq",
            "mkdir /sys/x",
            "echo 1 >/sys/kernel/mm/ksm/run",
            "test ! -e /proc/irq/default_smp_affinity || echo 1 >/proc/irq/default_smp_affinity",
        ];
        for write in writes {
            let refused = shell(&learner, &["--network", "none"], write).run();
            let skipped = refused.err.contains("nonexistent") || (refused.code == 0 && write.starts_with("test !"));
            assert!(skipped || refused.err.contains("Read-only file system"), "{}", refused.shown());
        }
        for script in
            ["mount -t tmpfs none /mnt", "mount -o remount,rw /sys", "umount /proc/sys", "mount -t cgroup none /mnt"]
        {
            let refused = shell(&learner, &["--network", "none"], script).run();
            assert!(refused.code != 0 && refused.out.is_empty(), "{}", refused.shown());
        }
    }
}

#[test]
fn of_all_devices_six_are_there_and_no_other_can_be_opened() {
    let learner = learner();
    let devices = "for file in /dev/* ; do [ -h $file ] || [ -d $file ] || echo $file; done | sort";
    let six = "/dev/full\n/dev/null\n/dev/random\n/dev/tty\n/dev/urandom\n/dev/zero\n";
    shell(&learner, &[], &format!("{devices}; echo x >/dev/null; head -c 4 /dev/zero | wc -c"))
        .run()
        .status(0)
        .stdout(&format!("{six}4\n"));
    require!("stages::safety::nodes", is_root(), "without root nobody makes nodes");
    // Kinds that every host has: the canary is /dev/zero itself, and this host's own disk or loop device.
    let volume = format!("{}:/vol", learner.work().display());
    for place in ["/", "/dev/", "/vol/", "/dev/shm/", "/etc/hosts.d/", "/tmp/"] {
        let script = format!(
            "mkdir -p {place}; mknod {place}canary c 1 5 || echo no node; head -c 4 {place}canary && echo OPENED; \
             mknod {place}loop b 7 0; head -c 4 {place}loop && echo OPENED; rm -f {place}canary {place}loop"
        );
        let tried = shell(&learner, &["--network", "none", "-v", &volume], &script).run().status(0);
        assert!(!tried.out.contains("OPENED"), "a node in {place} opens\n{}", tried.shown());
        assert_eq!(tried.err.matches("Permission denied").count(), 2, "{}", tried.shown());
    }
}

#[test]
fn a_working_directory_is_no_way_out() {
    let learner = learner();
    background(&learner, "box", "sleep 1000");
    for number in 0..12 {
        let folder = format!("/proc/self/fd/{number}");
        let refused = format!("cannot enter the working directory {folder}");
        learner.explore(["run", "--rm", "-w", &folder, "demo", "pwd"]).run().fails(125, &refused);
        // What could not be set up for one more process is 126 in docker's exec.
        learner.explore(["exec", "-w", &folder, "box", "pwd"]).run().fails(126, &refused);
    }
    learner.explore(["rm", "-f", "box"]).run().status(0);
    crafted::image(&learner, "evil:1", Forge::default().file("x", "").end(), |config| {
        config["config"]["WorkingDir"] = json!("/proc/self/fd/8");
    });
    learner.explore(["run", "--rm", "evil:1", "pwd"]).run().fails(125, "/proc/self/fd/8");
}

#[test]
fn an_image_that_has_a_link_for_proc_sys_or_dev_is_refused_and_leaves_nothing() {
    require!("stages::safety::links", is_root(), "needs root for a machine of its own");
    let learner = learner();
    let before = HostState::of(&learner);
    for folder in ["proc", "sys", "dev"] {
        for target in ["etc", "/", &learner.work().display().to_string()] {
            crafted::image(&learner, "evil:1", Forge::default().link(folder, target).end(), |_| ());
            let refused = learner.explore(["run", "--rm", "evil:1", "ls"]).run();
            refused.fails(125, &format!("at /{folder}: the image has something else there than a plain folder"));
        }
    }
    // One level below: what is mounted in /dev lies in a tmpfs of ours, so that this link is never met.
    let below = Forge::default().folder("dev").link("dev/shm", "/etc").link("dev/null", "/etc/passwd").end();
    crafted::image(&learner, "evil:1", below, |_| ());
    learner.explore(["run", "--rm", "evil:1", "sh", "-c", "echo x >/dev/null; wc -c </etc/passwd"]).run().status(0);
    learner.explore(["ps", "-a", "-q"]).run().status(0).stdout("");
    before.assert_unchanged();
}

#[test]
fn links_of_an_image_lead_no_mount_and_no_file_of_ours_outside() {
    let learner = learner();
    let canary = learner.work().join("canary");
    std::fs::write(&canary, "alive").unwrap();
    std::fs::create_dir(learner.work().join("folder")).unwrap();
    std::fs::create_dir(learner.work().join("shown")).unwrap();
    std::fs::write(learner.work().join("shown/file"), "of the volume\n").unwrap();
    let up = "../".repeat(20);
    let work = learner.work().display().to_string();
    let volume = |target: &str| format!("{work}/shown:{target}");
    for way in [format!("{work}/"), format!("{up}{}/", work.trim_start_matches('/'))] {
        let layer = Forge::default()
            .link("etc/resolv.conf", &format!("{way}canary"))
            .link("etc/hosts", &format!("{way}new"))
            .link("data", &format!("{way}folder"))
            .end();
        crafted::image(&learner, "evil:1", layer, |_| ());
        let script = "cat /data/file; echo x >>/etc/resolv.conf; echo x >>/etc/hosts; echo x >/data/written; grep -c . /etc/hosts";
        let flags = ["run", "--rm", "-v", &volume("/data"), "evil:1", "sh", "-c", script];
        let told = learner.explore(flags).run().status(0);
        assert!(told.out.starts_with("of the volume\n"), "the link is followed, inside\n{}", told.shown());
        assert_eq!(std::fs::read_to_string(&canary).unwrap(), "alive");
        let mut left: Vec<_> = std::fs::read_dir(learner.work()).unwrap().map(|one| one.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["canary", "folder", "shown"], "nothing new stands outside");
        assert_eq!(std::fs::read_dir(learner.work().join("folder")).unwrap().count(), 0);
        assert_eq!(std::fs::read_to_string(learner.work().join("shown/written")).unwrap(), "x\n");
    }
    // A link at /etc itself.
    crafted::image(&learner, "evil:2", Forge::default().link("etc", &work).end(), |_| ());
    learner.explore(["run", "--rm", "evil:2", "true"]).run();
    assert_eq!(std::fs::read_dir(learner.work()).unwrap().count(), 3, "nothing new stands outside");
    assert_eq!(std::fs::read_to_string(&canary).unwrap(), "alive");
}

/// A copy of our binary that a test may lose.
fn own_copy(learner: &Learner) -> String {
    let copy = learner.work().join("canary-explore");
    std::fs::copy(env!("CARGO_BIN_EXE_explore"), &copy).unwrap();
    copy.to_str().unwrap().to_owned()
}

fn digest(path: impl AsRef<Path>) -> String {
    Digest::of(&std::fs::read(path).unwrap()).to_string()
}

/// Inside, as PID 1: waits for a process that runs our binary, opens that, ends it, and tries to write through what
/// it has opened. The loader of our binary waits at a pipe in the place of a library, and so holds the door open.
const THIEF: &str = r#"
mkfifo "$LIBRARY"
while [ -z "$victim" ]; do
    for one in /proc/[0-9]*; do
        case $(tr '\0' ' ' <$one/cmdline 2>/dev/null) in /proc/self/exe*) victim=$one ;; esac
    done
done
exec 3<$victim/exe
echo reached $(sha256sum <$victim/exe | cut -d' ' -f1)
echo x >$victim/exe
kill -KILL ${victim#/proc/}
while [ -e $victim ]; do :; done
for attempt in 1 2 3 4 5 6 7 8; do
    sleep 0.1
    (echo x >/proc/self/fd/3) && echo opened for writing
done
echo over
"#;

/// CVE-2019-5736: reaches our program from inside, and says what became of writing to it. (Tried without the guard of
/// `stages/exec/seal.rs`: the canary is overwritten.)
fn steal(wrap: &[&str], flags: &[&str]) -> (String, String) {
    let learner = learner();
    let binary = own_copy(&learner);
    let before = digest(&binary);
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let library = maps.lines().find_map(|line| line.split_whitespace().nth(5).filter(|path| path.contains("libgcc_s")));
    let library = library.expect("our binaries are linked with libgcc_s").to_owned();
    let folder = library.rsplit_once('/').unwrap().0.trim_start_matches('/').to_owned();
    let mut layer = Forge::default();
    for (place, _) in folder.match_indices('/') {
        layer = layer.folder(&folder[..place]);
    }
    let script = |text: &str| (tar::EntryType::Regular, 0o755, text.as_bytes().to_vec());
    for (name, (kind, mode, text)) in [("thief", script(THIEF)), ("victim", script("#!/proc/self/exe\n"))] {
        layer = layer.raw(kind, name, "", mode, &text);
    }
    crafted::image(&learner, "evil:1", layer.folder(&folder).end(), |_| ());
    let variable = format!("LIBRARY={library}");
    let thief = [&["run", "--rm", "--name", "box", "-e", &variable], flags, &["evil:1", "sh", "/thief"]].concat();
    // By another copy of us: one that runs could not be written anyway (ETXTBSY), and nothing would be proved.
    let thief = learner.explore(thief).spawn();
    crate::support::eventually("the thief waits", || {
        learner.explore(["exec", "box", "test", "-p", &library]).run().code == 0
    });
    let victim = learner.program(&binary, ["exec", "box", "/victim"]).wrapped_by(wrap).run();
    assert_eq!(victim.code, 137, "the thief has met it\n{}", victim.shown());
    let told = thief.finish("the thief").status(0);
    assert_eq!(digest(&binary), before, "the host's binary was written\n{}", told.shown());
    let reached = format!("reached {}\n", before.trim_start_matches("sha256:"));
    assert!(told.out.starts_with(&reached), "the thief has reached another program\n{}", told.shown());
    assert!(told.out.ends_with("over\n"), "{}", told.shown());
    (told.out, told.err)
}

#[test]
fn our_own_program_cannot_be_written_from_inside() {
    require!("stages::safety::sealed", is_root(), ROOT);
    let (out, err) = steal(&[], &[]);
    assert!(!out.contains("opened"), "{out}{err}");
    assert_eq!(err.matches("Read-only file system").count(), 9, "while it runs, and afterwards\n{err}");
}

#[test]
fn nor_beside_an_init_that_is_our_own_program() {
    require!("stages::safety::sealed_init", is_root(), ROOT);
    let (out, err) = steal(&[], &["--init"]);
    assert!(!out.contains("opened"), "{out}{err}");
    assert_eq!(err.matches("Read-only file system").count(), 9, "while it runs, and afterwards\n{err}");
    // The init itself, for one who may look into everything.
    let learner = learner();
    let words = ["run", "--rm", "--init", "--cap-add", "SYS_PTRACE", "demo", "sh", "-c"];
    let told = learner.explore(words).arg("head -c 4 /proc/1/exe; (echo x >/proc/1/exe) 2>&1").run();
    assert!(told.out.contains("ELF") && told.out.contains("Read-only file system"), "{}", told.shown());
}

#[test]
fn nor_where_a_copy_in_memory_stands_for_it() {
    require!(
        "stages::safety::sealed_copy",
        is_root() && crate::support::has_program("strace"),
        "needs root and strace(1)"
    );
    // Without the name of the program no mount of it can be copied.
    let deny = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", "/proc/self/exe", "-e", "inject=readlink:error=EACCES"];
    let (out, err) = steal(&deny, &[]);
    let refused = err.matches("Operation not permitted").count() + err.matches("Text file busy").count();
    assert_eq!(refused, 9, "a sealed copy was written, or no copy was made\n{out}{err}");
}
