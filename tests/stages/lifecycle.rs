//! Stage 6 and what leads there: `stop`, `wait`, `logs`, `ps`, `rm`, and the same container a second time.

use crate::containers::{background, learner, learners};
use crate::support::{HostState, Learner, eventually, has_program, is_root, require};
use serde_json::Value;

/// What `ps` knows of a container: its record, and how it runs.
fn told(learner: &Learner, name: &str) -> Value {
    let all = learner.explore(["ps", "-a", "--json"]).run().status(0).json();
    let found = all.as_array().unwrap().iter().find(|one| one["container"]["name"] == name).cloned();
    found.unwrap_or_else(|| panic!("{name} is not in {all}"))
}

#[test]
fn stop_asks_first_and_the_answer_is_the_containers_own() {
    for learner in learners() {
        background(&learner, "polite", "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done");
        eventually("the handler is set", || learner.explore(["logs", "polite"]).run().out == "up\n");
        learner.explore(["stop", "polite"]).run().status(0).stdout("polite\n").stderr("");
        learner.explore(["wait", "polite"]).run().status(0).stdout("7\n");
        learner.explore(["logs", "polite"]).run().status(0).stdout("up\nbye\n").stderr("");
        learner.explore(["stop", "polite"]).run().status(0).stdout("polite\n");
    }
}

#[test]
fn one_that_does_not_listen_is_killed_when_the_time_is_up() {
    let learner = learner();
    // sleep sets no handler, and for PID 1 a signal without one is no signal.
    learner.explore(["run", "-d", "--name", "deaf", "demo", "sleep", "1000"]).run().status(0);
    learner.explore(["stop", "-t", "1", "deaf"]).run().status(0);
    learner.explore(["wait", "deaf"]).run().status(0).stdout("137\n");
    let listed = learner.explore(["ps", "-a"]).run().status(0);
    assert!(listed.out.contains("Exited (137)"), "{}", listed.shown());
}

/// Its PID 1 has ended, and its supervisor has not written down how: then it neither runs nor has a code yet.
#[test]
fn one_that_waits_hears_how_it_ended_even_if_that_is_not_written_down_yet() {
    let learner = learner();
    background(&learner, "box", "sleep 1000");
    let running = told(&learner, "box")["running"].clone();
    let tell = |signal: &str, who: &str| {
        let pid = running[who]["pid"].to_string();
        learner.program("kill", [signal, pid.as_str()]).run().status(0);
    };
    tell("-STOP", "supervisor");
    tell("-KILL", "init");
    eventually("it does not run", || learner.explore(["ps", "-q"]).run().out.is_empty());
    let waiting = learner.explore(["wait", "box"]).spawn();
    std::thread::sleep(std::time::Duration::from_millis(100));
    tell("-CONT", "supervisor");
    waiting.finish("wait").status(0).stdout("137\n");
}

#[test]
fn the_signal_that_stops_it_is_the_images_or_the_one_that_was_asked_for() {
    let learner = learner();
    crate::crafted::image(&learner, "usr1:1", crate::forge::Forge::default().end(), |config| {
        config["config"]["StopSignal"] = serde_json::json!("SIGUSR1");
    });
    let script = "trap 'exit 4' USR1; trap 'exit 5' USR2; trap 'exit 6' TERM; echo up; while :; do sleep 0.05; done";
    let ends = |image: &str, flags: &[&str], stop: &[&str]| {
        let words = [flags, &[image, "sh", "-c", script]].concat();
        learner.explore(["run", "-d", "--name", "box"]).args(words).run().status(0).stderr("");
        eventually("the handlers are set", || learner.explore(["logs", "box"]).run().out == "up\n");
        learner.explore(["stop"]).args(stop).arg("box").run().status(0).stdout("box\n").stderr("");
        let code = learner.explore(["wait", "box"]).run().status(0).out;
        learner.explore(["rm", "box"]).run().status(0);
        code
    };
    assert_eq!(ends("demo", &[], &[]), "6\n");
    assert_eq!(ends("usr1:1", &[], &[]), "4\n");
    assert_eq!(ends("usr1:1", &["--stop-signal", "USR2"], &[]), "5\n");
    assert_eq!(ends("usr1:1", &[], &["-s", "12"]), "5\n");
    // One that does nothing with it is killed after as long as it was made for.
    assert_eq!(ends("demo", &["--stop-signal", "URG", "--stop-timeout", "0"], &[]), "137\n");
    let told = learner.explore(["run", "--stop-signal", "NOSUCH", "demo", "true"]).run().status(125);
    told.stdout("").stderr_has("invalid signal: NOSUCH");
}

#[test]
fn kill_sends_one_signal_and_tries_every_container_that_was_named() {
    let learner = learner();
    background(&learner, "deaf", "echo up; sleep 1000");
    background(&learner, "hears", "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done");
    for name in ["deaf", "hears"] {
        eventually("it is up", || learner.explore(["logs", name]).run().out == "up\n");
    }
    let told = learner.explore(["kill", "-s", "TERM", "nosuch", "deaf", "neither", "hears"]).run().status(1);
    assert_eq!(told.out, "deaf\nhears\n");
    assert_eq!(told.err, "explore: no such container: nosuch\nexplore: no such container: neither\n");
    learner.explore(["wait", "hears"]).run().status(0).stdout("9\n");
    // A PID 1 without a handler is not ended by TERM; by KILL from outside it is.
    learner.explore(["exec", "deaf", "true"]).run().status(0);
    learner.explore(["kill", "deaf"]).run().status(0).stdout("deaf\n").stderr("");
    learner.explore(["wait", "deaf"]).run().status(0).stdout("137\n");
    learner.explore(["kill", "deaf"]).run().fails(1, "cannot kill container deaf: it is not running");
    learner.explore(["kill", "-s", "NOPE", "deaf"]).run().fails(1, "invalid signal: NOPE");
    learner.explore(["rm", "hears", "deaf"]).run().status(0).stdout("hears\ndeaf\n");
}

#[test]
fn whoever_is_attached_hears_of_the_end_that_another_command_made() {
    let learner = learner();
    let attached = learner.explore(["run", "--name", "box", "demo", "sh", "-c", "echo up; sleep 1000"]).spawn();
    // Not merely begun: one that is killed before it is its program has no end of its own.
    eventually("it runs", || learner.explore(["logs", "box"]).run().out == "up\n");
    let waiting = learner.explore(["wait", "box"]).spawn();
    learner.explore(["stop", "-t", "0", "box"]).run().status(0);
    attached.finish("run").status(137).stdout("up\n").stderr("");
    waiting.finish("wait").status(0).stdout("137\n");
}

#[test]
fn a_signal_for_the_command_is_for_the_container() {
    let learner = learner();
    let script = "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done";
    let attached = learner.explore(["run", "--name", "box", "demo", "sh", "-c", script]).spawn();
    eventually("the handler is set", || learner.explore(["logs", "box"]).run().out == "up\n");
    attached.signal(nix::sys::signal::Signal::SIGTERM);
    attached.finish("run").status(9).stdout("up\n").stderr("");
}

#[test]
fn what_runs_is_removed_only_by_force() {
    let learner = learner();
    background(&learner, "box", "sleep 1000");
    learner.explore(["rm", "box"]).run().fails(1, "container box is running");
    learner
        .explore(["ps", "-q"])
        .run()
        .status(0)
        .stdout_has(&told(&learner, "box")["container"]["id"].as_str().unwrap()[..12]);
    learner.explore(["rm", "-f", "box"]).run().status(0).stdout("box\n").stderr("");
    learner.explore(["ps", "-a", "-q"]).run().status(0).stdout("");
    learner.explore(["rm", "box"]).run().fails(1, "no such container: box");
}

#[test]
fn logs_keep_both_streams_and_the_order_of_their_lines() {
    let learner = learner();
    background(&learner, "box", "echo one; echo two >&2; echo three; printf unfinished");
    learner.explore(["wait", "box"]).run().status(0).stdout("0\n");
    learner.explore(["logs", "box"]).run().status(0).stdout("one\nthree\nunfinished").stderr("two\n");
    let lines = learner.explore(["logs", "--json", "box"]).run().status(0).json();
    let both: Vec<(&str, &str)> = lines
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["stream"].as_str().unwrap(), line["log"].as_str().unwrap()))
        .collect();
    assert!(both.contains(&("stderr", "two\n")), "{both:?}");
    let times = learner.explore(["logs", "-t", "box"]).run().status(0);
    assert!(times.out.lines().all(|line| line.contains('T') && line.contains("Z ")), "{}", times.shown());
}

#[test]
fn ps_shows_dockers_columns_and_only_what_runs_unless_all_is_asked() {
    let learner = learner();
    let id = background(&learner, "runs", "sleep 1000");
    learner.explore(["create", "--name", "made", "demo", "true"]).run().status(0);
    let running = learner.explore(["ps"]).run().status(0);
    let heading: Vec<&str> =
        running.out.lines().next().unwrap().split("  ").map(str::trim).filter(|one| !one.is_empty()).collect();
    assert_eq!(heading, ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]);
    assert!(running.out.contains(&id[..12]) && !running.out.contains("made"), "{}", running.shown());
    let all = learner.explore(["ps", "-a"]).run().status(0);
    let row = |name: &str| all.out.lines().find(|line| line.ends_with(name)).unwrap().to_owned();
    assert!(row("runs").contains("Up ") && row("made").contains("Created"), "{}", all.shown());
    learner.explore(["ps", "-q", "--no-trunc"]).run().status(0).stdout(&format!("{id}\n"));
    assert!(told(&learner, "runs")["running"]["init"]["pid"].is_number());
    assert_eq!(told(&learner, "made")["running"], Value::Null);
    assert_eq!(told(&learner, "made")["container"]["status"]["state"], "created");
    learner.explore(["rm", "-f", "runs", "made"]).run().status(0).stdout("runs\nmade\n");
}

#[test]
fn started_again_it_is_the_same_container_and_another_process() {
    for learner in learners() {
        let id = background(&learner, "box", "echo $(hostname) >>/mine; sleep 1000");
        let wrote = |lines: usize| {
            let text = learner.explore(["exec", "box", "cat", "/mine"]).run().out;
            text.lines().count() == lines && text.lines().all(|line| line == &id[..12])
        };
        eventually("it has written", || wrote(1));
        let first = told(&learner, "box");
        learner.explore(["start", "box"]).run().fails(1, "is running already");
        learner.explore(["stop", "-t", "0", "box"]).run().status(0);
        learner.explore(["start", "box"]).run().status(0).stdout("box\n").stderr("");
        eventually("it has written again, below the first line", || wrote(2));
        let second = told(&learner, "box");
        for same in ["id", "name", "hostname", "image_id", "command"] {
            assert_eq!(first["container"][same], second["container"][same]);
        }
        assert_ne!(first["running"]["init"], second["running"]["init"]);
        learner.explore(["rm", "-f", &id[..12]]).run().status(0);
    }
}

#[test]
fn one_name_has_one_container_however_many_ask_for_it_at_once() {
    let learner = learner();
    let asked: Vec<_> = (0..6).map(|_| learner.explore(["create", "--name", "one", "demo", "true"]).spawn()).collect();
    let answers: Vec<_> = asked.into_iter().map(|one| one.finish("create")).collect();
    assert_eq!(answers.iter().filter(|one| one.code == 0).count(), 1);
    for refused in answers.into_iter().filter(|one| one.code != 0) {
        refused.fails(1, "the container name \"one\" is already in use by container");
    }
    assert_eq!(learner.explore(["ps", "-a", "-q"]).run().out.lines().count(), 1);
}

#[test]
fn two_starts_of_one_container_start_it_once() {
    for learner in learners() {
        learner.explore(["create", "--name", "one", "demo", "sleep", "1000"]).run().status(0);
        let asked: Vec<_> = (0..4).map(|_| learner.explore(["start", "one"]).spawn()).collect();
        let answers: Vec<_> = asked.into_iter().map(|one| one.finish("start")).collect();
        let inside = learner.explore(["exec", "one", "sh", "-c", "ls -d /proc/[0-9]* | wc -l"]).run();
        learner.explore(["rm", "-f", "one"]).run().status(0);
        let started = answers.iter().filter(|one| one.code == 0).count();
        let all: Vec<String> = answers.iter().map(crate::support::Output::shown).collect();
        assert_eq!(started, 1, "{}\n{}", all.join("\n"), inside.shown());
    }
}

/// Between the container's record and its start something can still fail: then its supervisor waits already.
#[test]
fn what_fails_after_a_container_of_rm_was_made_leaves_no_container_no_process_and_no_half_of_a_file() {
    require!("stages::lifecycle::made", is_root() && has_program("strace"), "mounts a disk that is full; strace(1)");
    let learner = learner();
    let full = learner.work().join("full");
    std::fs::create_dir(&full).unwrap();
    let disk = ["-t", "tmpfs", "-o", "size=4k", "none", "full"];
    learner.program("mount", disk).run().status(0);
    learner.program("sh", ["-c", "echo taken >full/page"]).run().status(0);
    let before = HostState::of(&learner);
    let nothing_stays = || {
        assert_eq!(learner.processes(), [0; 0]);
        learner.explore(["ps", "-aq"]).run().status(0).stdout("").stderr("");
        learner.program("ls", ["full"]).run().status(0).stdout("page\n");
        before.assert_unchanged();
    };
    let run = || learner.explore(["run", "--rm", "--cidfile", "full/id", "demo", "echo", "never"]);
    let says = "failed to write the container ID to the file full/id: No space left on device (os error 28)";
    run().run().stdout("").fails(125, says);
    nothing_stays();
    // Where it is narrated, nothing is begun ahead.
    assert!(run().narrate().run().status(125).err.contains("failed to write the container ID"));
    nothing_stays();
    // docker's client leaves one without --rm, too.
    learner.explore(["run", "--cidfile", "full/id", "--name", "box", "demo", "true"]).run().fails(125, says);
    learner.explore(["create", "--cidfile", "full/id", "--name", "two", "demo", "true"]).run().fails(1, says);
    learner.explore(["rm", "box", "two"]).run().status(0).stdout("box\ntwo\n");
    nothing_stays();
    let inject = ["strace", "-qq", "-o", "/dev/null", "-e", "trace=signalfd4", "-e", "inject=signalfd4:error=EMFILE"];
    let told = learner.explore(["run", "--rm", "demo", "echo", "never"]).wrapped_by(inject).run().stdout("");
    told.fails(125, "cannot hold signals for the container: signalfd4(…) = -1 EMFILE (Too many open files)");
    nothing_stays();
}
