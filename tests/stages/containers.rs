//! Stage 5: what runs inside, and as what. The whole engine at work, asked through `explore run` and `explore exec`.

use crate::support::{HostState, Learner, Output, Run, cgroups_of, eventually, is_root, require};
use std::process::Command;

/// Somebody who has the demo image.
pub(crate) fn learner() -> Learner {
    let learner = Learner::new();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    learner
}

/// Who runs the tests and, where that is root, also a user whom nothing lists: what must not differ between them.
pub(crate) fn learners() -> Vec<Learner> {
    let mut all = vec![learner()];
    if is_root() {
        let user = Learner::user();
        user.explore(["pull", "-q", "demo"]).run().status(0);
        all.push(user);
    }
    all
}

/// `explore run --rm FLAGS demo sh -c SCRIPT`.
pub(crate) fn shell(learner: &Learner, flags: &[&str], script: &str) -> Run {
    learner.explore(["run", "--rm"]).args(flags).args(["demo", "sh", "-c", script])
}

/// A container that runs in the background until somebody ends it; its ID.
pub(crate) fn background(learner: &Learner, name: &str, script: &str) -> String {
    let run = learner.explore(["run", "-d", "--name", name, "demo", "sh", "-c", script]).run().status(0).stderr("");
    run.out.trim().to_owned()
}

fn lines(output: &Output) -> Vec<&str> {
    output.out.lines().collect()
}

#[test]
fn a_command_inside_is_pid_1_without_a_parent_and_its_host_name_begins_its_id() {
    for learner in learners() {
        let script = "echo $$; grep PPid /proc/1/status; hostname; sleep 1000";
        let id = background(&learner, "box", script);
        let said = || learner.explore(["logs", "box"]).run().status(0);
        eventually("the container has spoken", || said().out.lines().count() == 3);
        said().stdout(&format!("1\nPPid:\t0\n{}\n", &id[..12]));
        learner.explore(["exec", "box", "cat", "/etc/hostname"]).run().status(0).stdout(&format!("{}\n", &id[..12]));
        learner.explore(["rm", "-f", "box"]).run().status(0).stdout("box\n").stderr("");
    }
}

#[test]
fn flags_arrive_inside() {
    let learner = learner();
    let flags = ["--hostname", "teapot", "-e", "SHORT=1", "-e", "LONG=a b=c", "-e", "NOBODY", "-w", "/made/for/me"];
    shell(&learner, &flags, "hostname; echo $SHORT; echo $LONG; echo ${NOBODY-unset}; pwd; echo $HOSTNAME")
        .run()
        .status(0)
        .stdout("teapot\n1\na b=c\nunset\n/made/for/me\nteapot\n")
        .stderr("");
    // A bare name passes on this shell's value, as docker has it.
    let flags = ["-e", "MINE"];
    shell(&learner, &flags, "echo $MINE").env("MINE", "from outside").run().status(0).stdout("from outside\n");
}

#[test]
fn a_volume_is_the_same_folder_and_read_only_where_that_was_asked() {
    let learner = learner();
    std::fs::write(learner.work().join("note"), "from outside\n").unwrap();
    let volume = format!("{}:/shared", learner.work().display());
    shell(&learner, &["-v", &volume], "cat /shared/note; echo from inside >/shared/note").run().status(0);
    assert_eq!(std::fs::read_to_string(learner.work().join("note")).unwrap(), "from inside\n");
    let read_only = format!("{volume}:ro");
    let refused = shell(&learner, &["-v", &read_only], "echo no >/shared/note").run();
    assert!(refused.code != 0 && refused.err.contains("Read-only file system"), "{}", refused.shown());
    assert_eq!(std::fs::read_to_string(learner.work().join("note")).unwrap(), "from inside\n");
}

#[test]
fn without_a_network_there_is_a_loopback_and_with_one_a_cable_too() {
    let learner = learner();
    let links = "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | sort";
    shell(&learner, &["--network", "none"], links).run().status(0).stdout("lo\n").stderr("");
    shell(&learner, &[], links).run().status(0).stdout("eth0\nlo\n").stderr("");
}

#[test]
fn exit_codes_are_dockers() {
    let learner = learner();
    let table: [(&str, i32); 4] = [
        ("exit 3", 3),
        // A child that a signal ends, told as the shell tells it.
        ("sh -c 'kill -KILL $$'", 137),
        ("sh -c 'kill -TERM $$'; exit $?", 143),
        // PID 1 is protected from its own namespace: the signal is dropped (pid_namespaces(7)).
        ("kill -KILL $$; kill -TERM $$; exit 0", 0),
    ];
    for (script, code) in table {
        shell(&learner, &["--network", "none"], script).run().status(code).stdout("");
    }
    let run = |words: &[&str]| learner.explore(["run", "--rm", "--network", "none"]).args(words).run();
    run(&["demo", "no-such-program"]).fails(127, "no folder of PATH in it has a program no-such-program");
    run(&["demo", "/etc/passwd"]).fails(126, "is not marked as executable");
    run(&["demo", "/etc"]).fails(126, "/etc");
    run(&["--no-such-flag", "demo"]).status(125).stdout("").stderr_has("--no-such-flag");
    run(&["-v", "nowhere", "demo"]).fails(125, "mount path must be absolute");
    run(&["--mount", "type=bind,src=/no/such/folder,dst=/x", "demo"])
        .fails(125, "path does not exist: /no/such/folder");
    run(&["--hostname", &"a".repeat(65), "demo"]).fails(125, "is no host name");
    run(&["--name", "a/b", "demo"]).fails(125, "is no name for a container");
    run(&["-w", "here", "demo"]).fails(125, "is not absolute");
    learner.explore(["ps", "-a", "-q"]).run().status(0).stdout("");
}

/// As docker: the domain is the other name of the UTS namespace, and of the addresses; a host name is any 64 bytes.
#[test]
fn a_host_name_and_a_domain_are_two_names() {
    for learner in learners() {
        let script = "hostname; cat /etc/hostname /proc/sys/kernel/domainname; grep -F dd.ee /etc/hosts | cut -f 2";
        let names = |flags: &[&str]| shell(&learner, flags, script).run().status(0).out;
        assert_eq!(names(&["--hostname", "zz", "--domainname", "dd.ee"]), "zz\nzz\ndd.ee\nzz.dd.ee zz\n");
        assert_eq!(names(&["--hostname", "zz.dd.ee"]), "zz.dd.ee\nzz.dd.ee\n(none)\nzz.dd.ee zz\n");
        let none = ["--network", "none", "--hostname", "a_b", "--domainname", &"d".repeat(70)];
        assert_eq!(names(&none), format!("a_b\na_b\n{}\n", "d".repeat(64)));
        for odd in ["a b", "-a", "é", "*", &"a".repeat(64)] {
            let flag = format!("--hostname={odd}");
            assert_eq!(names(&["--network", "none", &flag]), format!("{odd}\n{odd}\n(none)\n"));
        }
        // No name is as good as none that was asked for.
        let own = shell(&learner, &["--network", "none", "--hostname", ""], "hostname").run().status(0).out;
        assert_eq!(own.trim().len(), 12, "{own}");
    }
}

#[test]
fn input_comes_in_only_where_it_was_asked_for() {
    for learner in learners() {
        shell(&learner, &["-i"], "cat; echo end").stdin("a\nb\n").run().status(0).stdout("a\nb\nend\n");
        shell(&learner, &[], "cat; echo end").stdin("a\nb\n").run().status(0).stdout("end\n");
        // More than any pipe or packet holds, and byte by byte.
        let much: Vec<u8> = (0..300_000u32).flat_map(u32::to_ne_bytes).collect();
        let counted = shell(&learner, &["-i"], "wc -c").stdin(much.clone()).run().status(0);
        assert_eq!(counted.out.trim(), much.len().to_string());
        // Closed, and not only empty.
        let closed = "exec \"$EXPLORE\" run --rm -i demo sh -c 'cat; echo end' <&- 2>&1";
        learner.program("sh", ["-c", closed]).run().status(0).stdout("end\n");
    }
}

#[test]
fn the_two_outputs_stay_two() {
    shell(&learner(), &[], "echo out; echo err >&2").run().status(0).stdout("out\n").stderr("err\n");
}

#[test]
fn exec_stands_where_pid_1_stands_with_no_more_rights_and_three_descriptors() {
    for learner in learners() {
        background(&learner, "box", "sleep 1000");
        let inside = |script: &str| learner.explore(["exec", "box", "sh", "-c", script]).run().status(0).stderr("");
        for kind in ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"] {
            let two = inside(&format!("readlink /proc/1/ns/{kind} /proc/self/ns/{kind}"));
            let two = lines(&two);
            assert_eq!(two[0], two[1], "exec is in another {kind} namespace than PID 1");
        }
        let told = inside(
            "grep ^Cap /proc/1/status; cat /proc/1/cgroup; echo; grep ^Cap /proc/self/status; cat /proc/self/cgroup",
        );
        let (of_init, of_exec) = told.out.split_once("\n\n").unwrap();
        assert_eq!(of_init, of_exec.trim_end(), "capabilities and cgroups are those of PID 1");
        inside("ls /proc/$$/fd; grep PPid /proc/$$/status").stdout("0\n1\n2\nPPid:\t0\n");
        let exec = |words: &[&str]| learner.explore(["exec"]).args(words).run();
        exec(&["-e", "A=b", "-w", "/usr", "box", "sh", "-c", "echo $A; pwd"]).status(0).stdout("b\n/usr\n");
        exec(&["box", "sh", "-c", "exit 5"]).status(5);
        exec(&["box", "sh", "-c", "kill -TERM $$"]).status(143);
        exec(&["box", "sh", "-c", "kill -KILL $$"]).status(137);
        exec(&["box", "no-such-program"]).fails(127, "no-such-program");
        exec(&["box", "/etc/passwd"]).fails(126, "/etc/passwd");
        learner.explore(["exec", "-i", "box", "cat"]).stdin("typed").run().status(0).stdout("typed");
        learner.explore(["rm", "-f", "box"]).run().status(0);
        exec(&["box", "true"]).fails(1, "no such container: box");
    }
}

#[test]
fn a_terminal_is_the_first_of_its_own_and_the_console_too() {
    for learner in learners() {
        let mut terminal = learner.explore(["run", "--rm", "-it", "demo", "sh"]).terminal(93);
        terminal.wait_for("# ");
        terminal.type_line("tty; stty size; echo over the console >/dev/console; echo end-$?");
        terminal.wait_for("end-0");
        let screen = terminal.screen();
        for expected in ["/dev/pts/0\n", "50 93\n", "\nover the console"] {
            assert!(screen.contains(expected), "{expected:?} is missing\n{screen}");
        }
        terminal.type_line("exit 4");
        terminal.finish().status(4);
    }
}

#[test]
fn the_terminal_inside_follows_the_size_of_the_one_outside_and_keys_become_signals_inside() {
    let learner = learner();
    let mut terminal = learner.explore(["run", "--rm", "-it", "demo", "sh"]).terminal(80);
    terminal.wait_for("# ");
    terminal.type_line("trap 'stty size' WINCH; echo ready-$?");
    terminal.wait_for("ready-0");
    let ours = format!("/proc/{}/fd/0", terminal.pid());
    let resized = Command::new("stty").args(["-F", &ours, "cols", "61", "rows", "17"]).status().unwrap();
    assert!(resized.success());
    eventually("the size arrives", || {
        terminal.type_line("stty size; echo seen-$?");
        terminal.wait_for("seen-0");
        terminal.transcript().contains("17 61\r\n")
    });
    terminal.type_line("sh -c 'echo awake $((6 * 7)); exec sleep 1000'");
    terminal.wait_for("awake 42");
    terminal.keys("\x03");
    terminal.wait_for("# ");
    terminal.type_line("echo still-$?");
    terminal.wait_for("still-130");
    terminal.type_line("exit");
    terminal.finish();
}

#[test]
fn a_terminal_is_refused_where_there_is_none_and_nothing_was_made() {
    let learner = learner();
    let told = "cannot attach stdin to a TTY-enabled container because stdin is not a terminal";
    learner.explore(["run", "-it", "demo", "sh"]).run().fails(1, told);
    learner.explore(["ps", "-a", "-q"]).run().status(0).stdout("");
    background(&learner, "box", "sleep 1000");
    learner.explore(["exec", "-it", "box", "sh"]).run().fails(1, told);
    let mut terminal = learner.explore(["exec", "-it", "box", "sh"]).terminal(80);
    terminal.wait_for("# ");
    terminal.type_line("tty; exit 6");
    terminal.finish().status(6).stdout_has("/dev/pts/0\n");
    learner.explore(["rm", "-f", "box"]).run().status(0);
}

#[test]
fn create_makes_files_and_nothing_else_and_a_run_leaves_nothing() {
    require!("stages::containers::nothing_left", is_root(), "needs root for a machine of its own");
    let learner = learner();
    let before = HostState::of(&learner);
    let made = learner.explore(["create", "--name", "box", "demo", "true"]).run().status(0);
    before.assert_unchanged();
    assert_eq!(learner.processes(), Vec::<i32>::new());
    assert_eq!(cgroups_of(made.out.trim()), Vec::<String>::new());
    learner.explore(["start", "-a", "box"]).run().status(0).stdout("").stderr("");
    shell(&learner, &["-v", "/tmp:/mnt"], "echo x >/x; sleep 1000 & exit 9").run().status(9);
    before.assert_unchanged();
    learner.explore(["rm", "box"]).run().status(0);
    let folders = std::fs::read_dir(learner.state().join("data/containers")).unwrap();
    let left: Vec<String> = folders.map(|one| one.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(left, [".lock"]);
}
