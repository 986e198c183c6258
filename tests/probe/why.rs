//! `explore why`: each layer that says no is named, and where nothing was refused nothing is said to be.
//!
//! Causes are made one by one in a machine's own namespaces. What was named becomes the table of `book/src/why-not.md`;
//! `EXPLORE_WHY=write` writes it anew.

mod causes;
mod limits;
mod table;

use crate::support::{HostState, Learner, Output, is_root, require};
use causes::Cause;

const NEEDS: &str = "needs root: most causes are made by it";

/// What stands before every script.
const BEFORE: &str = r#"
umask 022; here=$(mktemp -d "$PWD/XXXXXX"); chmod 755 "$here"; cd "$here"
why="$BIN why --json --"; user='setpriv --reuid 54000 --regid 54000 --clear-groups'; perl="perl -I$CALLS -Mcalls"
"#;

struct Bench(Learner);

impl Bench {
    fn new() -> Self {
        let learner = Learner::new();
        // An ordinary user may not reach the folder that we were built in.
        let bin = learner.everything().join("bin/explore");
        let built = env!("CARGO_BIN_EXE_explore");
        if std::fs::hard_link(built, &bin).is_err() {
            std::fs::copy(built, &bin).unwrap();
        }
        std::fs::write(learner.everything().join("bin/calls.pm"), include_str!("why/calls.pm")).unwrap();
        Self(learner)
    }

    fn script(&self, script: &str) -> Output {
        let bin = self.0.everything().join("bin");
        let run = self.0.program("unshare", ["-m", "sh", "-c", &format!("{BEFORE}{script}")]);
        run.env("BIN", bin.join("explore")).env("CALLS", &bin).run()
    }

    /// The layer that is named; `None` where this machine cannot have the cause.
    fn named(&self, cause: &Cause) -> Result<Option<String>, String> {
        let output = self.script(cause.script);
        if output.code == 99 {
            return Ok(None);
        }
        let report: serde_json::Value = match output.out.lines().last().map(serde_json::from_str) {
            Some(Ok(report)) => report,
            _ => return Err(format!("{}: no report\n{}", cause.what, output.shown())),
        };
        let layer = report["refused"]["layer"].as_str().unwrap_or("nothing").to_owned();
        let told = report["refused"]["because"].as_str().is_some_and(|text| !text.is_empty());
        if layer == cause.layer && told && output.code != 0 {
            return Ok(Some(layer));
        }
        Err(format!("{}: {layer} in place of {}\n{}", cause.what, cause.layer, output.shown()))
    }
}

/// All of a group; what is wrong is told at once.
fn check(causes: &'static [Cause], section: &str) {
    require!("why::causes", is_root(), NEEDS);
    let bench = Bench::new();
    let mut wrong = Vec::new();
    let mut rows = Vec::new();
    for cause in causes {
        match bench.named(cause) {
            Ok(layer) => rows.push((cause, layer)),
            Err(text) => wrong.push(text),
        }
    }
    assert!(wrong.is_empty(), "{} of {} causes:\n{}", wrong.len(), causes.len(), wrong.join("\n"));
    table::settle(section, &rows);
}

#[test]
fn layers_about_files_are_named() {
    check(causes::FILES, "files");
}

#[test]
fn layers_about_rights_are_named() {
    check(causes::RIGHTS, "rights");
}

#[test]
fn layers_about_ids_are_named() {
    check(causes::IDS, "ids");
}

#[test]
fn layers_about_namespaces_are_named() {
    check(causes::NAMESPACES, "namespaces");
}

#[test]
fn filters_and_modules_are_named() {
    check(limits::FILTERS, "filters");
}

#[test]
fn cgroups_are_named() {
    check(limits::CGROUPS, "cgroups");
}

#[test]
fn limits_and_switches_are_named() {
    check(limits::LIMITS, "limits");
}

#[test]
fn where_nothing_is_refused_nothing_is_said_and_the_exit_code_is_the_commands() {
    require!("why::healthy", is_root(), NEEDS);
    let bench = Bench::new();
    // The second time as an ordinary user, in a folder that he may write.
    for before in ["", "chmod 777 .; "] {
        for (command, code) in limits::HEALTHY {
            let runner = if before.is_empty() { "$BIN why --" } else { "$user $BIN why --" };
            let output = bench.script(&format!("{before}{runner} {command}")).status(*code);
            let told: Vec<&str> = output.err.lines().filter(|line| line.contains("why:")).collect();
            assert_eq!(told, ["why: nothing was refused"], "{command}\n{}", output.shown());
        }
    }
}

#[test]
fn what_is_watched_leaves_nothing_behind() {
    let learner = Learner::new();
    let before = HostState::of(&learner);
    learner.explore(["why", "sh", "-c", "sleep 0; cat /no/such; exit 5"]).run().status(5);
    before.assert_unchanged();
}

#[test]
fn it_is_one_sentence_with_help_and_a_lesson() {
    require!("why::text", is_root(), NEEDS);
    let bench = Bench::new();
    let output = bench
        .script("echo x >f; chmod 600 f; cd /; COLUMNS=200 $user $BIN why cat $here/f 2>&1 | sed \"s,$here,HERE,\"");
    let expected = "cat: HERE/f: Permission denied\n\
        why: cat was refused openat(\"HERE/f\") = -1 EACCES (Permission denied)\n\
        said no: file-mode: HERE/f has mode 0600 and belongs to root, group root: uid 54000 is neither and may not read it, \
        for o+r is missing\n\
        help (root): only root (CAP_DAC_READ_SEARCH) may read it; it is root's to let others in\n\
        lesson: explore lesson capabilities\n";
    assert_eq!(output.out, expected, "{}", output.shown());
}

#[test]
fn of_a_file_of_somebody_else_it_is_said_who_may_and_not_how_to_open_it_to_all() {
    require!("why::whose", is_root(), NEEDS);
    let let_in = "; it is root's to let others in";
    for (made, command, because, help) in [
        (
            "chgrp 54999 f; chmod 640 f",
            "cat f",
            "is neither and may not read it, for o+r",
            "group 54999 and root (CAP_DAC_READ_SEARCH) may read it",
        ),
        (
            "chgrp 54000 f; chmod 604 f",
            "cat f",
            "is in that group and may not read it, for g+r",
            "only root (CAP_DAC_READ_SEARCH) may read it",
        ),
        (
            "chown 54001:54999 f; chmod 660 f",
            "sh -c ': >>f'",
            "may not write it, for o+w",
            "54001, group 54999 and root (CAP_DAC_OVERRIDE) may write it",
        ),
        (
            "cp -f /bin/true f; chmod 644 f",
            "./f",
            "may not execute it, for o+x",
            "nobody may execute it, until root, whose it is, changes its mode",
        ),
    ] {
        let script = format!("echo x >f; {made}; COLUMNS=400 $user $BIN why {command}");
        let output = Bench::new().script(&script).stderr_has(because).stderr_has(help);
        let owner = if made.contains("54001") { "; it is 54001's to let others in" } else { let_in };
        assert!(help.starts_with("nobody") || output.err.contains(owner), "{}", output.shown());
        assert!(!output.err.contains("chmod"), "{}", output.shown());
    }
    // What is one's own is one's own to open.
    let own = "echo x >f; chown 54000 f; chmod 200 f; COLUMNS=400 $user $BIN why cat f";
    Bench::new().script(own).stderr_has("may not read it, for u+r is missing").stderr_has("help (you): chmod u+r ");
}

#[test]
fn a_program_that_is_not_there_is_said_so() {
    let output = Learner::new().explore(["why", "no-such-program"]).run();
    output.fails(127, "there is no program \"no-such-program\" in the PATH");
}

#[test]
fn an_ordinary_users_set_user_id_program_is_let_go_and_works() {
    require!("why::set-user-id", is_root(), NEEDS);
    let script = "cp /bin/cat c; chmod 4755 c; echo secret >f; chmod 600 f; $user $BIN why ./c f";
    let output = Bench::new().script(script).status(0).stdout("secret\n");
    assert!(output.err.contains("is a set-user-ID program"), "{}", output.shown());
}

#[test]
fn in_a_container_it_is_the_containers_refusals_that_count() {
    require!("why::container", is_root(), NEEDS);
    let learner = Learner::new();
    learner.explore(["run", "-d", "--name", "box", "--network", "none", "demo", "sleep", "1000"]).run().status(0);
    for (command, layer) in [
        (&["ip", "link", "set", "lo", "down"][..], "capability"),
        (&["hostname", "other"][..], "seccomp"),
        (&["unshare", "-U", "true"][..], "seccomp"),
        (&["sh", "-c", "echo 1 >/proc/sys/kernel/panic"][..], "mount-read-only"),
    ] {
        let output = learner.explore(["--json", "why", "--in", "box"]).args(command).run();
        let layer_named = output.json()["refused"]["layer"].as_str().map(str::to_owned);
        assert_eq!(layer_named.as_deref(), Some(layer), "{command:?}\n{}", output.shown());
    }
    learner.explore(["why", "--in", "box", "true"]).run().status(0).stderr("why: nothing was refused\n");
}
