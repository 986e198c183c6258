//! Without root: each row of tests/rootless.toml as a user whom nothing lists, and what the keeper promises.

use crate::crafted;
use crate::forge::Forge;
use crate::support::{HostState, Learner, Machine, Output, eventually, has_program, is_root, require};
use nix::mount::{MsFlags, mount};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

const ROOT: &str = "needs root to become somebody else";

/// Users who share a machine in a test.
const SEATS: usize = 8;

type Row = BTreeMap<String, String>;

/// A part of TOML: tables of strings of one line, in single quotes.
fn table() -> Vec<Row> {
    let text = include_str!("../rootless.toml");
    let mut rows: Vec<Row> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line == "[[row]]" {
            rows.push(Row::new());
            continue;
        }
        let (key, value) = line.split_once(" = ").unwrap_or_else(|| panic!("no row has this line: {line}"));
        let value = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')).unwrap();
        let new = rows.last_mut().unwrap().insert(key.to_owned(), value.to_owned()).is_none();
        assert!(new && ["run", "does", "shows", "says", "helps", "root"].contains(&key), "{line}");
    }
    rows
}

/// What is not as the row says.
fn disagreement(row: &Row, output: &Output) -> Option<String> {
    let has = |key: &str, text: &str| row.get(key).is_none_or(|words| text.contains(words.as_str()));
    let hint = output.err.lines().find(|line| line.starts_with("hint: ")).unwrap_or_default();
    let as_told = match row["does"].as_str() {
        "works" => output.code == 0,
        "refused" => output.code != 0 && row.contains_key("says"),
        _ => false,
    };
    let agrees = as_told && has("shows", &output.out) && has("says", &output.err) && has("helps", hint);
    (!agrees).then(|| format!("{row:?}\n{}", output.shown()))
}

#[test]
fn every_command_does_without_root_what_the_table_says() {
    require!("stages::rootless::table", is_root(), ROOT);
    let learner = Learner::user();
    let before = HostState::of(&learner);
    let mut wrong = Vec::new();
    for row in table() {
        let typed = format!("exec \"$EXPLORE\" {}", row["run"]);
        let output = learner.program("sh", ["-c", &typed]).run();
        wrong.extend(disagreement(&row, &output));
        if row["run"] == "pull demo" {
            crafted::image(&learner, "as-user:latest", Forge::default().file("x", "").end(), |config| {
                config["config"]["User"] = json!("1000:1000");
            });
        }
    }
    assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n"));
    for name in ["demo.tar", "mine"] {
        std::fs::remove_file(learner.work().join(name)).unwrap();
    }
    for name in ["pages", "stick"] {
        std::fs::remove_dir_all(learner.work().join(name)).unwrap();
    }
    before.assert_unchanged();
}

#[test]
fn the_table_has_every_command_that_help_has() {
    let help = crate::support::explore(["--help"]).run().status(0).out;
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let command = |line: &str| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')).map(first_word);
    let mut listed: BTreeSet<String> = commands.lines().filter_map(command).collect();
    assert!(listed.remove("help") && listed.len() > 15, "{help}");
    let told: BTreeSet<String> = table().iter().map(|row| first_word(&row["run"])).collect();
    assert_eq!(told, listed);
}

fn first_word(text: &str) -> String {
    text.split(' ').next().unwrap().to_owned()
}

#[test]
fn the_keeper_ends_with_the_last_who_uses_it() {
    require!("stages::rootless::keeper", is_root(), ROOT);
    let learner = Learner::user();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    let explore = |words: &[&str]| learner.explore(words).run().status(0);
    let nobody = || eventually("all processes have ended", || learner.processes().is_empty());
    explore(&["run", "--rm", "demo", "true"]);
    nobody();
    explore(&["run", "-d", "--name", "one", "demo", "sleep", "1000"]);
    explore(&["run", "-d", "--name", "two", "demo", "sleep", "1000"]);
    // Each has a supervisor and its PID 1; the keeper is one for both, and so are its namespaces.
    eventually("five processes", || learner.processes().len() == 5);
    let of = |name: &str, kind: &str| explore(&["exec", name, "readlink", &format!("/proc/self/ns/{kind}")]).out;
    assert_eq!(of("one", "user"), of("two", "user"));
    assert_ne!(of("one", "net"), of("two", "net"));
    let address = |name: &str| explore(&["network", "show", "--json", name]).json()["network"]["lease"]["ip"].clone();
    assert_ne!(address("one"), address("two"), "they are on one bridge");
    explore(&["rm", "-f", "one"]);
    eventually("three processes", || learner.processes().len() == 3);
    explore(&["exec", "two", "true"]);
    explore(&["rm", "-f", "two"]);
    nobody();
    // What was mounted to stay keeps it, and it goes with that.
    explore(&["create", "--name", "box", "demo", "true"]);
    nobody();
    explore(&["layer", "mount", "box"]);
    assert_eq!(learner.processes().len(), 1);
    explore(&["layer", "umount", "box"]);
    nobody();
}

#[test]
fn a_killed_keeper_takes_its_containers_along_and_the_next_command_makes_another() {
    require!("stages::rootless::keeper_killed", is_root(), ROOT);
    let learner = Learner::user();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    let before = HostState::of(&learner);
    learner.explore(["run", "-d", "--name", "box", "demo", "sleep", "1000"]).run().status(0);
    for pid in learner.processes() {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
    }
    eventually("all have ended", || learner.processes().is_empty());
    learner.explore(["ps", "-q"]).run().status(0).stdout("");
    learner.explore(["run", "--rm", "demo", "echo", "again"]).run().status(0).stdout("again\n").stderr("");
    learner.explore(["start", "box"]).run().status(0).stdout("box\n");
    learner.explore(["rm", "-f", "box"]).run().status(0);
    learner.explore(["clean", "--all"]).run().status(0);
    before.assert_unchanged();
}

#[test]
fn users_of_one_machine_who_do_the_same_at_once_do_not_meet() {
    require!("stages::rootless::crowd", is_root(), ROOT);
    let machine = Arc::new(Machine::start());
    let room: Vec<Learner> = (0..SEATS).map(|_| Learner::user_on(machine.clone())).collect();
    let before = HostState::of(&room[0]);
    let everybody = |words: &[&str]| -> Vec<String> {
        let run = |learner: &Learner| learner.explore(words).usual_folders().spawn();
        let running: Vec<_> = room.iter().map(run).collect();
        running.into_iter().map(|one| one.finish(&words.join(" ")).status(0).out).collect()
    };
    everybody(&["pull", "-q", "demo"]);
    everybody(&["run", "-d", "--name", "box", "demo", "sh", "-c", "echo mine >/mine; sleep 1000"]);
    let listed = everybody(&["ps", "-q"]);
    assert!(listed.iter().all(|out| out.lines().count() == 1), "{listed:?}");
    let distinct: BTreeSet<&String> = listed.iter().collect();
    assert_eq!(distinct.len(), SEATS);
    let users: BTreeSet<String> = everybody(&["exec", "box", "cat", "/proc/self/uid_map"]).into_iter().collect();
    assert_eq!(users.len(), SEATS, "each container has its own user's number outside");
    everybody(&["run", "--rm", "demo", "true"]);
    everybody(&["rm", "-f", "box"]);
    before.assert_unchanged_but(&["file"]);
}

#[test]
fn a_container_of_rm_goes_also_where_nobody_is_left_who_may_do_what_root_does() {
    require!("stages::rootless::killed", is_root(), "needs root to become somebody else");
    let learner = Learner::user();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    learner.explore(["run", "-d", "--rm", "--network", "none", "demo", "sleep", "1000"]).run().status(0);
    for pid in learner.processes() {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
    }
    eventually("all processes have ended", || learner.processes().is_empty());
    // overlayfs has left folders in it that nobody may enter.
    learner.explore(["clean"]).run().status(0);
    let left: Vec<_> = std::fs::read_dir(learner.state().join("data/containers")).unwrap().flatten().collect();
    assert!(left.iter().all(|one| one.path().is_file()), "{left:?}");
}

/// The first of the numbers that are a user's by subuid(5), besides his own.
const FIRST: u32 = 700_000;

/// A user whom the machine lists, with subordinate ids: newuidmap(1) serves no other.
fn user_with_ranges() -> Learner {
    let learner = Learner::user();
    let uid = std::fs::metadata(learner.home()).unwrap().uid();
    let (old, range) = (|file| std::fs::read_to_string(file).unwrap_or_default(), format!("{uid}:{FIRST}:65536\n"));
    for (file, text) in [
        ("/etc/passwd", format!("{}me:x:{uid}:{uid}::/:/bin/sh\n", old("/etc/passwd"))),
        ("/etc/group", format!("{}me:x:{uid}:\n", old("/etc/group"))),
        ("/etc/subuid", range.clone()),
        ("/etc/subgid", range),
    ] {
        let own = learner.everything().join("bin").join(file.rsplit('/').next().unwrap());
        std::fs::write(&own, text).unwrap();
        let nothing = None::<&Path>;
        learner.at_machine(|| mount(Some(&own), file, nothing, MsFlags::MS_BIND, nothing)).unwrap();
    }
    learner
}

#[test]
fn with_subordinate_ids_a_commit_and_a_copy_have_the_numbers_of_whoever_looks() {
    let able = is_root() && has_program("newuidmap") && Path::new("/etc/subuid").exists();
    require!("stages::rootless::ranges", able, "needs root to become somebody else, and newuidmap(1)");
    let learner = user_with_ranges();
    let explore = |words: &[&str]| learner.explore(words).run().status(0).out;
    let script =
        "mkdir -m 700 /d; for id in 0 33 1000; do echo $id >/d/$id; chown $id:$id /d/$id; done; chmod 600 /d/33";
    let owners = ["stat", "-c", "%n %u:%g %a", "/d", "/d/0", "/d/33", "/d/1000"];
    let inside = "/d 0:0 700\n/d/0 0:0 644\n/d/33 33:33 600\n/d/1000 1000:1000 644\n";
    explore(&["pull", "-q", "demo"]);
    explore(&["run", "--name", "box", "demo", "sh", "-c", script]);
    explore(&["run", "-d", "--name", "up", "demo", "sleep", "1000"]);
    // Into one that runs and one that does not: root's there, whoever had it here.
    std::fs::write(learner.work().join("mine"), "mine\n").unwrap();
    for name in ["box", "up"] {
        explore(&["cp", "mine", &format!("{name}:/mine")]);
    }
    explore(&["commit", "box", "made:1"]);
    let made = |words: &[&str]| explore(&[&["run", "--rm", "made:1"], words].concat());
    assert_eq!(made(&owners), inside);
    assert_eq!(made(&["stat", "-c", "%u:%g", "/mine"]), "0:0\n");
    assert_eq!(explore(&["exec", "up", "stat", "-c", "%u:%g", "/mine"]), "0:0\n");
    // The layer itself, as another machine reads it.
    explore(&["save", "-o", "made.tar", "made:1"]);
    let list = "mkdir t && tar -xf made.tar -C t && tar --numeric-owner -tvf t/$(tr , '\\n' <t/manifest.json | \
        grep -o '[a-z0-9/]*[0-9a-f]\\{64\\}[^\"]*' | tail -n 1) | awk '{print $6, $2}'";
    let listed = learner.program("sh", ["-c", list]).run().status(0).out;
    assert_eq!(listed, "d/ 0/0\nd/0 0/0\nd/1000 1000/1000\nd/33 33/33\nmine 0/0\n");
    // Out: the user's; with -a those of the same users, by the numbers that they have here.
    explore(&["cp", "box:/d", "plain"]);
    explore(&["cp", "-a", "box:/d", "archive"]);
    let own = std::fs::metadata(learner.home()).unwrap().uid();
    let of = |folder: &str, name: &str| std::fs::metadata(learner.work().join(folder).join(name)).unwrap().uid();
    assert_eq!(["", "0", "33", "1000"].map(|name| of("plain", name)), [own; 4]);
    assert_eq!(["", "0", "33", "1000"].map(|name| of("archive", name)), [own, own, FIRST + 32, FIRST + 999]);
    // And back: who had a number there has it again.
    explore(&["cp", "-a", "archive", "up:/d"]);
    assert_eq!(explore(&[&["exec", "up"], &owners[..]].concat()), inside);
    // A stranger's, such as root's out here, is nobody's by any number in the namespace, and stays so.
    explore(&["cp", "-a", "mine", "up:/strangers"]);
    assert_eq!(explore(&["exec", "up", "stat", "-c", "%u:%g", "/strangers"]), "65534:65534\n");
    explore(&["rm", "-f", "box", "up"]);
}
