//! An older kernel, or a seccomp profile that knows less: each newer call answers ENOSYS, by strace's fault injection.
//!
//! Where there is another way it is taken, and the command does not differ; where there is none, the error names the
//! call. What a call needs is in its manual page, under HISTORY.

use crate::support::{HostState, Learner, Run, has_program, is_root, require};

/// The call, the Linux that brought it, and whether there is another way.
const NEWER: [(&str, &str, bool); 2] = [("clone3", "5.3", true), ("close_range", "5.9", true)];

fn without(run: Run, call: &str) -> Run {
    let inject = format!("inject={call}:error=ENOSYS");
    run.wrapped_by(["strace", "-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject])
}

#[test]
fn a_place_is_made_and_entered_on_an_older_kernel_too() {
    require!("host::fallback", is_root() && has_program("strace"), "needs root and strace(1)");
    for (call, since, has_another_way) in NEWER {
        let learner = Learner::new();
        let make = learner.explore(["ns", "create", "box", "--pid", "--mount", "--proc", "--uts", "--net"]);
        // strace stays with the place until it ends, so the command is watched and not waited for.
        let making = without(make, call).spawn();
        crate::support::eventually("the place stands", || {
            learner.explore(["ns", "ls"]).run().status(0).out.contains("box")
        });
        assert!(has_another_way, "{call} ({since})");
        let inside = without(learner.explore(["exec", "box", "sh", "-c", "hostname inside; hostname"]), call);
        inside.run().status(0).stdout("inside\n").stderr("");
        learner.explore(["ns", "rm", "box"]).run().status(0);
        making.finish("ns create").status(0);
    }
}

/// The calls of a container: the Linux that brought each, and whether there is another way.
const OF_CONTAINERS: [(&str, &str, bool); 9] = [
    ("clone3", "5.3", true),
    ("close_range", "5.9", true),
    ("fsopen", "5.2", true),
    ("memfd_create", "3.17", true),
    ("pidfd_open", "5.3", true),
    ("mount_setattr", "5.12", false),
    ("openat2", "5.6", false),
    ("open_tree", "5.2", false),
    ("move_mount", "5.2", false),
];

#[test]
fn a_container_runs_on_an_older_kernel_too_or_the_call_that_it_lacks_is_named() {
    require!("host::fallback::containers", is_root() && has_program("strace"), "needs root and strace(1)");
    let learner = Learner::new();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    let before = HostState::of(&learner);
    for (call, since, has_another_way) in OF_CONTAINERS {
        let run = without(learner.explore(["run", "--rm", "demo", "sh", "-c", "echo inside; exit 3"]), call).run();
        if has_another_way {
            run.status(3).stdout("inside\n").stderr("");
        } else {
            let refused = run.fails(125, &format!("{call}("));
            assert!(refused.err.contains("ENOSYS") && refused.err.contains("hint: "), "{since}\n{}", refused.shown());
        }
    }
    learner.explore(["ps", "-a", "-q"]).run().status(0).stdout("");
    before.assert_unchanged();
}
