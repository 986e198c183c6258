//! `--init`: a PID 1 of ours that does for the program what it owes, and that nobody inside can look into.

use crate::containers::{learner, learners};
use crate::support::eventually;

#[test]
fn an_init_ends_as_its_child_ends_with_dockers_codes() {
    for learner in learners() {
        let run = |words: &[&str]| learner.explore(["run", "--rm", "--init", "demo"]).args(words).run();
        run(&["sh", "-c", "echo $$; exit 9"]).status(9).stdout("2\n").stderr("");
        // What a PID 1 would not even notice.
        run(&["sh", "-c", "kill -KILL $$"]).status(137);
        run(&["sh", "-c", "kill -TERM 1; sleep 1000"]).status(143);
        run(&["no-such-program"]).fails(127, "cannot start \"no-such-program\"");
        run(&["/etc"]).fails(126, "cannot start \"/etc\"");
    }
    let told = learner().explore(["run", "--rm", "-i", "--init", "demo", "cat"]).stdin("hello").run();
    told.status(0).stdout("hello").stderr("");
}

#[test]
fn signals_reach_the_child_and_orphans_are_collected() {
    for learner in learners() {
        learner.explore(["run", "-d", "--init", "--name", "box", "demo", "sleep", "1000"]).run().status(0);
        let inside = |script: &str| learner.explore(["exec", "box", "sh", "-c", script]).run().status(0).out;
        inside("for i in 1 2 3; do (sleep 0.01 &) ; done");
        eventually("nothing is left of them", || inside("ps -e -o comm=").lines().count() == 4);
        assert_eq!(inside("ps -o comm= -p 1"), "explore-init\n");
        // sleep has no handler: as PID 1 it would have to be killed, after ten seconds.
        learner.explore(["stop", "-t", "1000", "box"]).run().status(0);
        learner.explore(["wait", "box"]).run().status(0).stdout("143\n");
        learner.explore(["rm", "box"]).run().status(0);
        let script = "trap 'echo usr1' USR1; trap 'echo winch' WINCH; trap 'echo bye; exit 4' TERM; echo up; \
                      while :; do sleep 0.05; done";
        let words = ["run", "-d", "--init", "--name", "box", "demo", "sh", "-c", script];
        learner.explore(words).run().status(0);
        let said = |text: &str| eventually(text, || learner.explore(["logs", "box"]).run().out == text);
        said("up\n");
        learner.explore(["kill", "-s", "USR1", "box"]).run().status(0);
        said("up\nusr1\n");
        learner.explore(["stop", "-t", "1000", "box"]).run().status(0);
        said("up\nusr1\nbye\n");
        learner.explore(["wait", "box"]).run().status(0).stdout("4\n");
        learner.explore(["rm", "box"]).run().status(0);
    }
}

#[test]
fn the_keys_of_the_terminal_are_for_the_child() {
    let learner = learner();
    let mut terminal = learner.explore(["run", "--rm", "-it", "--init", "demo", "sh"]).terminal(80);
    terminal.type_line("ps -o pid=,pgid=,sid= -p 2");
    terminal.wait_for("2       2       1");
    // Between the fork and the execve of a job dash takes ^C for itself and forgets it. Who says this has had its execve.
    terminal.type_line("sh -c 'echo awake $((6 * 7)); exec cat'");
    terminal.wait_for("awake 42");
    terminal.keys("\x03");
    // A reader that is woken by a signal and a line at once takes the line with it (n_tty.c): the prompt first.
    terminal.wait_for("# ");
    terminal.type_line("echo code $?");
    terminal.wait_for("code 130");
    terminal.type_line("exit 3");
    terminal.finish().status(3);
}

/// It was the supervisor's copy a moment ago: it knows where this machine keeps what.
#[test]
fn nobody_inside_can_look_into_an_init_or_write_its_program() {
    for learner in learners() {
        learner.explore(["run", "-d", "--init", "--name", "box", "demo", "sleep", "1000"]).run().status(0);
        let inside = |script: &str| learner.explore(["exec", "box", "sh", "-c", script]).run();
        inside("tr '\\0' ' ' </proc/1/cmdline; cat /proc/1/comm").status(0).stdout_has("explore-init -- sleep 1000");
        let cmdline = inside("cat /proc/1/cmdline").status(0).out;
        let rest = cmdline.trim_start_matches("explore-init\0--\0sleep\x001000");
        assert!(rest.bytes().all(|byte| byte == 0), "{rest:?}");
        for closed in ["environ", "maps", "mem", "exe"] {
            let told = inside(&format!("exec 3</proc/1/{closed} && head -c 1 <&3"));
            assert!(told.code != 0 && told.err.contains("ermission denied"), "{closed}: {}", told.shown());
        }
        inside("cat /proc/1/root/etc/hostname; ls /proc/1/fd/0/").status(2);
        let descriptors = inside("ls /proc/1/fd").status(0).out;
        assert_eq!(descriptors, "0\n1\n2\n");
        inside("(echo x >/proc/1/exe) 2>&1").status(2);
        learner.explore(["rm", "-f", "box"]).run().status(0);
    }
}
