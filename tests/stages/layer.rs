//! Stage 3: the image's layers below, which nobody may change, and one layer for each container on top.

use crate::containers::{learner, learners, shell};
use crate::support::{HostState, Learner, built, has_program, is_root, require};
use explore::image::Digest;
use goblin::elf::Elf;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const ROOT: &str = "needs root to mount where everybody sees it";

/// Makes a container and mounts its layer here; where its root is.
fn mounted(learner: &Learner, name: &str, command: &[&str]) -> PathBuf {
    learner.explore(["create", "--name", name, "demo"]).args(command).run().status(0);
    let told = learner.explore(["layer", "mount", name]).run().status(0).stderr("");
    let rootfs = told.out.trim().replace("[HERE]", learner.everything().to_str().unwrap());
    PathBuf::from(rootfs)
}

/// Everything that a layer says about its files, times left out: reading changes those.
fn content(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(one) = left.pop() {
        let about = std::fs::symlink_metadata(&one).unwrap();
        let body = if about.is_dir() {
            left.extend(std::fs::read_dir(&one).unwrap().map(|entry| entry.unwrap().path()));
            String::new()
        } else if about.is_symlink() {
            std::fs::read_link(&one).unwrap().display().to_string()
        } else if about.is_file() {
            Digest::of(&std::fs::read(&one).unwrap()).to_string()
        } else {
            about.rdev().to_string()
        };
        let told = format!("{:o} {} {} {} {body}", about.mode(), about.uid(), about.gid(), about.mtime());
        found.insert(one, told);
    }
    found
}

#[test]
fn the_image_is_the_same_byte_by_byte_whatever_containers_do() {
    require!("stages::layer::image_untouched", is_root(), "needs root: all files of a layer are to be read");
    let learner = learner();
    let layers = learner.state().join("data/layers");
    let before = content(&layers);
    assert!(before.len() > 50, "the layers are there to be compared");
    let vandal = "echo x >>/etc/passwd; rm -r /var /usr/bin/[a-c]*; chmod 777 /etc; chown 7 /etc/group; \
        mv /opt /optional; mkdir /opt; ln -sf nowhere /usr/bin/ls; : >/root/.bashrc; exit 0";
    let first = shell(&learner, &[], vandal).run().status(0);
    assert!(content(&layers) == before, "a container has changed the image\n{}", first.shown());
    shell(&learner, &[], "test -d /var && ls / >/dev/null && cut -d: -f1 /etc/passwd | head -n 1")
        .run()
        .status(0)
        .stdout("root\n");
}

#[test]
fn what_was_deleted_is_shown_as_deleted_and_what_was_written_as_written() {
    for learner in learners() {
        let script = "rm /etc/passwd; rm -r /opt; echo new >/new; mkdir /folder; echo more >>/etc/group";
        learner.explore(["run", "--name", "box", "demo", "sh", "-c", script]).run().status(0);
        let view = learner.explore(["layer", "show", "--json", "box"]).run().status(0).json();
        let told: BTreeMap<&str, &str> = view["upper_entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| (entry[1].as_str().unwrap(), entry[0].as_str().unwrap()))
            .collect();
        let expected =
            [("/etc", "C"), ("/etc/group", "C"), ("/etc/passwd", "D"), ("/folder", "C"), ("/new", "C"), ("/opt", "D")];
        assert_eq!(told, BTreeMap::from(expected), "these and no others");
        let shown = learner.explore(["layer", "show", "box"]).run().status(0);
        assert!(shown.out.contains("\nD /etc/passwd\n") && shown.out.contains("\nC /new\n"), "{}", shown.shown());
        learner.explore(["rm", "box"]).run().status(0);
    }
}

#[test]
fn a_mounted_layer_is_one_tree_whose_writes_land_in_the_upper_only() {
    require!("stages::layer::mount", is_root(), ROOT);
    let learner = learner();
    let before = HostState::of(&learner);
    let rootfs = mounted(&learner, "box", &["sh", "-c", "cat /from-outside"]);
    learner.explore(["layer", "mount", "box"]).run().fails(125, "the layer of box is mounted already");
    let upper = rootfs.with_file_name("upper");
    let write = format!("echo hello >{}/from-outside", rootfs.display());
    learner.program("sh", ["-c", &write]).run().status(0);
    assert_eq!(std::fs::read_to_string(upper.join("from-outside")).unwrap(), "hello\n");
    learner.explore(["start", "-a", "box"]).run().status(0).stdout("hello\n").stderr("");
    // The end of a container takes everything back, and so what `layer mount` made for it.
    learner.explore(["layer", "umount", "box"]).run().fails(125, "the layer of box is not mounted here");
    learner.explore(["layer", "mount", "box"]).run().status(0);
    learner.explore(["layer", "umount", "box"]).run().status(0).stdout("box\n").stderr("");
    before.assert_unchanged();
    assert!(upper.join("from-outside").exists(), "the upper stays");
    learner.explore(["layer", "mount", "box"]).run().status(0);
    learner.explore(["rm", "box"]).run().status(0);
    before.assert_unchanged();
    learner.explore(["layer", "show", "box"]).run().fails(1, "no such container: box");
}

#[test]
fn the_layer_of_a_container_that_runs_is_its_own_affair() {
    let learner = learner();
    learner.explore(["run", "-d", "--name", "box", "demo", "sleep", "1000"]).run().status(0);
    learner.explore(["layer", "mount", "box"]).run().fails(125, "container box is running");
    let mounts = learner.program("cat", ["/proc/self/mounts"]).run().status(0);
    assert!(!mounts.out.lines().any(|line| line.starts_with("overlay [HERE]")), "{}", mounts.shown());
    learner.explore(["rm", "-f", "box"]).run().status(0);
}

/// Another runtime starts what stages 1 to 3 have made, and finds what ours finds.
fn taken_over_by(runtime: &str, prepare: &str) {
    let learner = learner();
    let script = "echo $$; hostname; grep -E '^Cap(Eff|Bnd)' /proc/self/status; ls /; ls /dev/null /proc/1/status; \
        for path in /proc/acpi /proc/interrupts /proc/keys; do cat $path 2>/dev/null | wc -c; done; echo x >>/mine";
    let rootfs = mounted(&learner, "box", &["sh", "-c", script]);
    let run = format!("{prepare}exec {runtime} run {runtime}-{}", learner.tag());
    let theirs = learner.program("unshare", ["-m", "sh", "-c", &run]).folder(rootfs.parent().unwrap()).run();
    let theirs = theirs.status(0).stderr("");
    assert_eq!(std::fs::read_to_string(rootfs.with_file_name("upper").join("mine")).unwrap(), "x\n");
    let ours = learner.explore(["start", "-a", "box"]).run().status(0).stderr("");
    // `ls /` of the second run lists what the first has written.
    assert_eq!(theirs.out, ours.out.replace("mine\n", ""), "{runtime} and we disagree");
    assert_eq!(std::fs::read_to_string(rootfs.with_file_name("upper").join("mine")).unwrap(), "x\nx\n");
    learner.explore(["rm", "box"]).run().status(0);
}

#[test]
fn runc_starts_what_the_first_three_stages_have_made() {
    require!("stages::layer::runc", is_root() && has_program("runc"), "needs root and runc(8)");
    taken_over_by("runc", "");
}

#[test]
fn crun_starts_what_the_first_three_stages_have_made() {
    require!("stages::layer::crun", is_root() && has_program("crun"), "needs root and crun(1)");
    // Where both versions of cgroups are mounted, crun of Debian 12 stumbles over the second.
    taken_over_by("crun", "umount /sys/fs/cgroup/unified 2>/dev/null; ");
}

/// Where explore is a static program (EXPLORE_PROGRAM=…/dist/explore), its copy is PID 1 under another runtime, too.
#[test]
fn another_runtime_has_an_init_where_this_program_is_static_and_it_is_said_where_not() {
    require!("stages::layer::init", is_root() && has_program("runc"), "needs root and runc(8)");
    let learner = learner();
    let program = std::fs::read(built()).unwrap();
    let is_static = Elf::parse(&program).unwrap().interpreter.is_none();
    let said = "explore: warning: --init is not in the bundle: this explore loads libraries, which may not be there inside; \
                under another runtime the command itself is PID 1\n";
    let script = "cat /proc/1/comm; echo $PPID; exit 7";
    learner.explore(["create", "--init", "--name", "box", "demo", "sh", "-c", script]).run().status(0);
    let told = learner.explore(["layer", "mount", "box"]).run().status(0).stderr(if is_static { "" } else { said });
    let rootfs = PathBuf::from(told.out.trim().replace("[HERE]", learner.everything().to_str().unwrap()));
    let run = format!("exec runc run runc-{}", learner.tag());
    let theirs = learner.program("unshare", ["-m", "sh", "-c", &run]).folder(rootfs.parent().unwrap()).run();
    theirs.status(7).stdout(if is_static { "explore-init\n1\n" } else { "sh\n0\n" }).stderr("");
    // Nothing of it is in the layer, and our own start has no second one.
    learner.explore(["diff", "box"]).run().status(0).stdout("");
    learner.explore(["start", "-a", "box"]).run().status(7).stdout("explore-init\n1\n").stderr("");
    learner.explore(["layer", "mount", "box"]).run().status(0);
    assert_eq!(rootfs.with_file_name("explore-init").exists(), is_static);
    learner.explore(["layer", "umount", "box"]).run().status(0);
    let config = std::fs::read_to_string(rootfs.with_file_name("config.json")).unwrap();
    assert!(!config.contains("explore-init") && !rootfs.with_file_name("explore-init").exists(), "{config}");
    learner.explore(["rm", "box"]).run().status(0);
}

/// What PID 1 of such a bundle does, whatever this program is: it is started by that name in a PID namespace of its own.
#[test]
fn started_as_the_init_of_a_bundle_it_passes_signals_on_and_ends_as_its_child() {
    require!("stages::layer::as_init", is_root(), "needs root to make a PID namespace");
    let learner = learner();
    let program = built().display().to_string();
    let run = |command: &[&str]| {
        let start = ["-fp", "--mount-proc", "bash", "-c", "exec -a /dev/explore-init \"$0\" -- \"$@\"", &program];
        learner.program("unshare", start.iter().chain(command)).run()
    };
    let shell = |script: &str| run(&["sh", "-c", script]);
    shell("trap 'echo heard; exit 3' TERM; kill -TERM 1; sleep 5 & wait").status(3).stdout("heard\n").stderr("");
    shell("kill -KILL $$").status(137);
    let orphan =
        "(sleep 0.1 &); sleep 0.5; ps -e -o stat,comm | grep ^Z; tr '\\0' ' ' </proc/1/cmdline | cut -d' ' -f1-3";
    shell(orphan).status(0).stdout("explore-init -- sh\n");
    run(&["no-such-program"]).status(127).stderr_has("explore-init: cannot start \"no-such-program\": execve(");
    run(&["/etc"]).status(126);
}

#[test]
fn only_a_layer_that_goes_with_its_container_may_be_lost_with_the_machine() {
    for learner in learners() {
        let volatile = |flags: &[&str]| {
            let look = ["demo", "sed", "-n", "s/.* - overlay //p", "/proc/self/mountinfo"];
            let told = learner.explore(["run"]).args(flags).args(look).run().status(0).out;
            told.lines().next().unwrap_or_default().split([' ', ',']).any(|option| option.ends_with("volatile"))
        };
        assert!(!volatile(&[]), "a container that stays");
        assert!(volatile(&["--rm"]), "a container of --rm");
    }
}
