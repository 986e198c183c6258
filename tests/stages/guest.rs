//! `explore guest`: another kernel answers, as if the command ran here; and nothing of it stays.
//!
//! Where there is a kernel to boot, EXPLORE_GUEST_KERNEL names it (as `--kernel` does); tests/full fetches one.

use crate::support::{Learner, eventually, has_program, is_root, require};
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};

/// A kernel that tests may boot.
fn kernel() -> Option<PathBuf> {
    let named = std::env::var_os("EXPLORE_GUEST_KERNEL").map(PathBuf::from);
    named.filter(|_| has_program("qemu-system-x86_64"))
}

/// Root, and a user whom no file lists: to a guest they are the same.
fn learners() -> Vec<Learner> {
    if is_root() { vec![Learner::user(), Learner::new()] } else { vec![Learner::new()] }
}

/// What looks like a kernel with its modules, and boots nothing.
fn hollow_kernel(folder: &Path) {
    let modules = folder.join("lib/modules/0.0.0-hollow/kernel");
    std::fs::create_dir_all(&modules).unwrap();
    std::fs::create_dir_all(folder.join("boot")).unwrap();
    let mut image = vec![0; 0x400];
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x20e..0x210].copy_from_slice(&0x100_u16.to_le_bytes());
    image[0x300..0x30d].copy_from_slice(b"0.0.0-hollow ");
    std::fs::write(folder.join("boot/vmlinuz-0.0.0-hollow"), image).unwrap();
}

#[test]
fn without_a_kernel_a_sentence_says_where_one_comes_from() {
    let learner = Learner::new();
    let empty = learner.work().join("empty");
    std::fs::create_dir_all(&empty).unwrap();
    let told = learner.explore(["guest", "--kernel"]).arg(&empty).args(["--", "true"]).run().status(125).stdout("");
    assert!(told.err.starts_with("explore: no kernel to boot: looked in "), "{}", told.shown());
    assert!(told.err.contains("\nhint: ") && told.err.contains("linux-image-cloud-amd64"), "{}", told.shown());
    std::fs::write(empty.join("vmlinuz"), "no kernel").unwrap();
    let told = learner.explore(["guest", "--kernel"]).arg(empty.join("vmlinuz")).run().status(125).stdout("");
    assert!(told.err.contains("is no Linux kernel for this processor"), "{}", told.shown());
    hollow_kernel(&empty);
    std::fs::remove_dir_all(empty.join("lib")).unwrap();
    let told = learner.explore(["guest", "--kernel"]).arg(&empty).run().status(125).stdout("");
    assert!(told.err.contains("has no modules beside it"), "{}", told.shown());
    learner.explore(["guest", "--memory", "1"]).run().status(2).stderr_has("256..=65536");
}

#[test]
fn without_qemu_a_sentence_names_the_package() {
    require!("stages::guest::without_qemu", is_root(), "needs root to hide QEMU");
    let learner = Learner::new();
    hollow_kernel(&learner.work());
    let script = "for q in /usr/bin/qemu-system-x86_64; do test ! -e $q || mount --bind /dev/null $q; done
                  exec \"$EXPLORE\" guest --kernel . -- true";
    let told = learner.program("unshare", ["--mount", "sh", "-c", script]).run().status(125).stdout("");
    told.stderr_has("no qemu-system-x86_64 on this machine").stderr_has("qemu-system-x86");
}

#[test]
fn a_command_runs_there_as_it_would_here() {
    require!("stages::guest", kernel().is_some(), "needs qemu-system-x86 and EXPLORE_GUEST_KERNEL");
    for learner in learners() {
        let script = "read -r line; echo \"$line\"; cat | wc -c; echo complaint >&2; uname -r; id -u; \
                      stat -fc %T /sys/fs/cgroup; kill -TERM $$";
        let input = format!("first\n{}", "x".repeat(1_000_000));
        let guest = learner.explore(["guest", "--kernel"]).arg(kernel().unwrap());
        let told = guest.args(["--", "sh", "-c", script]).stdin(input).run().status(143).stderr("complaint\n");
        let lines: Vec<&str> = told.out.lines().collect();
        let here = nix::sys::utsname::uname().unwrap();
        assert_eq!(
            (lines[0], lines[1], &lines[3..]),
            ("first", "1000000", &["0", "cgroup2fs"][..]),
            "{}",
            told.shown()
        );
        assert_ne!(lines[2], here.release().to_str().unwrap(), "this machine's own kernel has answered");
    }
}

#[test]
fn an_ordinary_user_there_runs_a_container_within_limits_and_has_a_terminal() {
    require!("stages::guest", kernel().is_some(), "needs qemu-system-x86 and EXPLORE_GUEST_KERNEL");
    let learner = Learner::new();
    let guest = learner.explore(["guest", "--user", "--kernel"]).arg(kernel().unwrap());
    let mut terminal = guest.terminal(100);
    terminal.wait_for("$");
    terminal.type_line("stty size; id -un; explore pull -q demo; explore run --rm -it -m 64m --network none demo sh");
    terminal.wait_for("100\r\nlearner\r\ndemo:latest");
    terminal.wait_for("#");
    terminal.type_line("echo pid $$; exit 4");
    terminal.wait_for("pid 1");
    terminal.type_line("exit $?");
    terminal.finish().status(4);
}

#[test]
fn the_lesson_of_the_microvm_holds_where_a_kernel_lies_beside_the_program() {
    require!("stages::guest", kernel().is_some(), "needs qemu-system-x86 and EXPLORE_GUEST_KERNEL");
    for learner in learners() {
        let folder = learner.work().join("with-kernel");
        std::fs::create_dir(&folder).unwrap();
        let program = folder.join("explore");
        std::fs::copy(env!("CARGO_BIN_EXE_explore"), &program).unwrap();
        let copied = [Path::new("-rL"), &kernel().unwrap(), &folder.join("guest")];
        assert!(std::process::Command::new("cp").args(copied).status().unwrap().success());
        let words = ["lesson", "check", "--once", "--only", "microvm", "--timeout", "150"];
        learner.program(program.to_str().unwrap(), words).run().status(0).stdout_has("; 1 proved, 0 failed, 0 skipped");
    }
}

#[test]
fn killed_it_leaves_nothing() {
    require!("stages::guest", kernel().is_some() && is_root(), "needs root, qemu-system-x86 and EXPLORE_GUEST_KERNEL");
    let learner = learners().remove(0);
    let guest = learner.explore(["guest", "--kernel"]).arg(kernel().unwrap());
    let running = guest.args(["--", "sleep", "1000"]).spawn();
    let emulators = || learner.processes().into_iter().filter(|pid| is_emulator(*pid)).count();
    eventually("QEMU runs", || emulators() == 1);
    running.signal(Signal::SIGKILL);
    running.finish("a killed guest");
    eventually("QEMU is gone", || emulators() == 0);
    let left = std::fs::read_dir(learner.tmp()).unwrap().count();
    assert_eq!(left, 0, "files are left in {}", learner.tmp().display());
}

fn is_emulator(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "explore-guest\n")
}
