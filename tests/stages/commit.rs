//! `explore commit`: what a container has written becomes a layer, whole or not at all.

use crate::changes::SCRIPT;
use crate::containers::{background, learner, learners};
use crate::support::{Learner, Random, eventually, is_root, require};
use explore::state::Roots;
use nix::sys::signal::Signal;
use std::time::Duration;

fn image(learner: &Learner, name: &str) -> explore::image::Image {
    explore::image::find(&Roots::find(Some(&learner.state())).unwrap(), name).unwrap()
}

/// A list of what stands there, with all that a layer can say about it. Not the time of /etc: what is mounted in it needs
/// something to be mounted on, which is made with the container.
const LIST: &str = "cd /; find /a /etc /home /made /opt /optional /root /usr/bin/ls /usr/bin/id /var /fifo '/with space' \
    -printf '%p %y %m %U:%G %T@ %n %l %s\\n' 2>&1 | grep -vE '^/etc(/hosts|/hostname|/resolv.conf|/mtab|) ' | sort";

#[test]
fn a_container_of_the_new_image_finds_what_the_old_one_has_written() {
    for learner in learners() {
        let run = |words: &[&str]| learner.explore(words).run().status(0);
        let script = format!("({SCRIPT}); {LIST}");
        let wrote = run(&["run", "--name", "box", "--network", "none", "demo", "sh", "-c", &script]);
        assert!(wrote.out.lines().count() > 20, "{}", wrote.shown());
        let id = run(&["commit", "-a", "me", "-m", "why", "-c", "ENV A=1", "-c", "LABEL b=2", "box", "made:1"]).out;
        run(&["run", "--rm", "--network", "none", "made:1", "sh", "-c", LIST]).stdout(&wrote.out);
        run(&["run", "--rm", "--network", "none", "made:1", "sh", "-c", "echo $A"]).stdout("1\n");
        let (made, demo) = (image(&learner, "made:1"), image(&learner, "demo"));
        assert_eq!(format!("{}\n", made.id), id);
        assert_eq!(made.layers[..2], demo.layers[..], "the layers below are shared");
        assert_eq!(made.layers.len(), 3);
        let step = made.config.history().clone().unwrap().pop().unwrap();
        let said = |text: &Option<String>| text.clone().unwrap_or_default();
        assert_eq!((said(step.author()), said(step.comment())), ("me".to_owned(), "why".to_owned()));
        assert!(said(step.created_by()).starts_with("sh -c (echo x >>/etc/passwd;"), "{step:?}");
        assert_eq!(made.config.labels_of_config().unwrap()["b"], "2");
        run(&["rm", "box"]);
    }
}

#[test]
fn nothing_written_is_no_layer_and_without_a_name_there_is_an_id() {
    let learner = learner();
    learner.explore(["create", "--name", "box", "demo", "true"]).run().status(0);
    let id = learner.explore(["commit", "box"]).run().status(0).stderr("").out;
    assert_eq!(image(&learner, &id[7..20]).layers.len(), 2);
    let listed = learner.explore(["images"]).run().status(0);
    assert!(listed.out.contains(&format!("<none>       <none>    {}", &id[7..19])), "{}", listed.shown());
    learner.explore(["rmi", &id[7..19]]).run().status(0).stdout(&format!("Deleted: {id}"));
}

#[test]
fn what_cannot_be_committed_is_said_and_leaves_nothing() {
    let learner = learner();
    learner.explore(["create", "--name", "box", "demo", "true"]).run().status(0);
    let before = learner.explore(["images", "-q"]).run().out;
    let table: [(&[&str], i32, &str); 6] = [
        (&["nosuch"], 1, "no such container: nosuch"),
        (&["box", "Made:1"], 1, "must be lowercase"),
        (&["box", "made@sha256:0000"], 1, "invalid reference format"),
        (&["-c", "RUN ls", "box"], 1, "run is not a valid change command"),
        (&["-c", "EXPOSE abc", "box"], 1, "EXPOSE abc"),
        (&["-c", "STOPSIGNAL NOSUCH", "box"], 1, "invalid signal: NOSUCH"),
    ];
    for (words, code, sentence) in table {
        learner.explore(["commit"]).args(words).run().fails(code, sentence);
    }
    learner.explore(["commit"]).run().status(1).stdout("");
    learner.explore(["commit", "--nosuch", "box"]).run().status(125).stdout("");
    assert_eq!(learner.explore(["images", "-q"]).run().out, before);
}

#[test]
fn one_that_runs_stands_still_meanwhile_or_it_is_said_that_it_did_not() {
    for learner in learners() {
        background(&learner, "box", "while :; do echo x >>/grows; done");
        let told = learner.explore(["commit", "box", "made:1"]).run();
        match told.code {
            // Without a cgroup it goes on, and the file may have become shorter or longer under our eyes.
            0 if told.err.is_empty() => assert!(is_root(), "{}", told.shown()),
            0 => {
                told.stderr_has("explore: warning: container box ran on while it was read: pause needs a cgroup");
            }
            _ => panic!("{}", told.shown()),
        }
        let up = learner.explore(["ps"]).run().status(0);
        assert!(up.out.contains(" Up ") && !up.out.contains("Paused"), "it goes on\n{}", up.shown());
        learner.explore(["pause", "box"]).run();
        learner.explore(["commit", "--pause=false", "box", "made:2"]).run().status(0).stderr("");
        learner.explore(["rm", "-f", "box"]).run().status(0);
    }
}

#[test]
fn a_killed_commit_leaves_no_image_and_the_container_goes_on() {
    require!("stages::commit::killed", is_root(), "needs root for a cgroup to hold it by");
    let learner = learner();
    background(
        &learner,
        "box",
        "dd if=/dev/urandom of=/large bs=1M count=40; echo ready; while :; do sleep 0.05; done",
    );
    eventually("it has written", || learner.explore(["logs", "box"]).run().out.contains("ready"));
    let mut random = Random::seeded();
    let mut held = 0;
    for _ in 0..6 {
        let running = learner.explore(["commit", "box", "made:1"]).spawn();
        std::thread::sleep(random.moment(Duration::from_millis(800)));
        running.signal(Signal::SIGKILL);
        drop(running);
        held += u32::from(learner.explore(["ps", "--no-trunc"]).run().out.contains("Paused"));
        // The next command that may change something takes it back.
        learner.explore(["exec", "box", "true"]).run();
        learner.explore(["clean"]).run().status(0);
        let up = learner.explore(["ps"]).run().status(0);
        assert!(up.out.contains(" Up ") && !up.out.contains("Paused"), "{}", up.shown());
        learner.explore(["exec", "box", "true"]).run().status(0);
        if learner.explore(["rmi", "made:1"]).run().code == 0 {
            continue;
        }
        assert_eq!(learner.explore(["images", "-q"]).run().out.lines().count(), 1, "no image, or a whole one");
    }
    let left = std::fs::read_dir(learner.state().join("data/images/.ingest")).into_iter().flatten().count();
    assert_eq!((left, held), (0, 0), "looking is enough to let it go on");
    learner.explore(["rm", "-f", "box"]).run().status(0);
}
