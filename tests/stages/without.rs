//! Take one away: each mechanism buys exactly the facts that are listed here, and the machine pays for none of it.

use crate::support::{HostState, Learner, is_root, require};
use serde_json::Value;
use std::collections::BTreeMap;

const ROOT: &str = "needs root for a machine of its own";

/// What changes without each; everything else must stay.
const BOUGHT: [(&str, &[&str]); 14] = [
    ("pid", &["namespace-pid", "processes", "proc"]),
    ("mount", &["namespace-mnt", "host-mounts", "root"]),
    ("uts", &["namespace-uts", "host-name"]),
    ("ipc", &["namespace-ipc", "queues"]),
    ("net", &["namespace-net", "interfaces"]),
    ("user", &["namespace-user", "users"]),
    ("cgroup", &["namespace-cgroup", "cgroup-view"]),
    ("time", &["namespace-time", "clock"]),
    ("pivot", &["root"]),
    ("proc", &["proc"]),
    ("caps", &["capabilities"]),
    ("seccomp", &["seccomp"]),
    ("masks", &["masked", "settings"]),
    ("cgroup-limits", &["pids-limit", "memory-limit"]),
];

/// Codes of the facts that have changed, by mechanism.
fn changed(matrix: &Value) -> BTreeMap<String, Vec<String>> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let column = |one: &Value| {
        let facts = one["facts"].as_array().unwrap();
        let unknown: Vec<&Value> = facts
            .iter()
            .filter(|row| row.to_string().contains("unknown") || row.to_string().contains("denied"))
            .collect();
        assert!(facts.len() == 24 && unknown.is_empty(), "{unknown:#?}");
        let codes = facts.iter().filter(|row| row["changed"] == true).map(|row| text(&row["code"]));
        (text(&one["missing"]), codes.collect())
    };
    matrix["columns"].as_array().unwrap().iter().map(column).collect()
}

fn expected(without: &[&str]) -> BTreeMap<String, Vec<String>> {
    let owned = |codes: &[&str]| codes.iter().map(|code| (*code).to_owned()).collect();
    let left = BOUGHT.iter().filter(|(mechanism, _)| !without.contains(mechanism));
    left.map(|(mechanism, codes)| ((*mechanism).to_owned(), owned(codes))).collect()
}

#[test]
fn each_mechanism_buys_exactly_its_facts_and_the_machine_is_as_it_was() {
    require!("stages::without::root", is_root(), ROOT);
    let learner = Learner::new();
    learner.explore(["pull", "demo"]).run().status(0);
    let before = HostState::of(&learner);
    let matrix = learner.explore(["matrix", "--json"]).run().status(0).stderr("").json();
    before.assert_unchanged();
    assert_eq!(changed(&matrix), expected(&[]));
    assert_eq!(matrix["left_out"], serde_json::json!([]));
}

#[test]
fn a_user_whom_nothing_lists_measures_the_same_but_for_limits() {
    require!("stages::without::user", is_root(), "needs root to become somebody else");
    let learner = Learner::user();
    learner.explore(["pull", "demo"]).run().status(0);
    let before = HostState::of(&learner);
    let matrix = learner.explore(["matrix", "--json"]).run().status(0).stderr("").json();
    before.assert_unchanged();
    assert_eq!(changed(&matrix), expected(&["cgroup-limits"]));
    assert_eq!(matrix["left_out"][0]["mechanism"], "cgroup-limits");
}

#[test]
fn a_command_runs_in_both_and_its_words_are_shown() {
    require!("stages::without::command", is_root(), ROOT);
    let learner = Learner::new();
    let script = "echo number $$; hostname; exit 3";
    let told = learner.explore(["without", "pid", "--json", "--", "sh", "-c", script]).run().status(0).json();
    assert_eq!(told["said"][0]["output"], "number 1\ncontainer\n");
    assert_ne!(told["said"][1]["output"], "number 1\ncontainer\n", "its number is one of the host's");
    assert_eq!((&told["said"][0]["status"], &told["said"][1]["status"]), (&3.into(), &3.into()));
    let told = learner.explore(["without", "uts", "--json", "--", "hostname"]).run().status(0).json();
    let said = |number: usize| told["said"][number]["output"].as_str().unwrap().to_owned();
    assert_eq!((said(0).as_str(), said(1).as_str()), ("container\n", "host\n"), "and never that of the machine");
}

#[test]
fn what_two_guards_refuse_is_refused_without_either() {
    require!("stages::without::both", is_root(), ROOT);
    let learner = Learner::new();
    for missing in ["caps", "seccomp"] {
        let mount = "mount -t tmpfs none /mnt";
        let told = learner.explore(["without", missing, "--json", "--", "sh", "-c", mount]).run().status(0).json();
        for said in told["said"].as_array().unwrap() {
            assert!(said["status"] != 0 && said["output"].as_str().unwrap().contains("/mnt"), "{missing}: {said}");
        }
    }
}

/// The processes that a container without a PID namespace sees are the stand-in's; the machine's are not among them.
#[test]
fn what_is_missing_is_not_missing_between_the_container_and_the_machine() {
    require!("stages::without::machine", is_root(), ROOT);
    for learner in [Learner::new(), Learner::user()] {
        std::fs::write(learner.work().join("of-the-machine"), "x").unwrap();
        let canary = learner.program("sleep", ["7531"]).spawn();
        let look = "tr '\\0' ' ' </proc/1/cmdline; cat /proc/*/cmdline | tr '\\0' ' ' | grep -c '[s]leep 7531'";
        let here = learner.program("sh", ["-c", look]).run().out;
        assert!(here.trim_end().ends_with(|last: char| last != '0'), "the machine itself sees it: {here}");
        let told = learner.explore(["without", "pid", "--json", "--", "sh", "-c", look]).run().status(0).json();
        let seen = told["said"][1]["output"].as_str().unwrap();
        assert!(seen.contains("stand-in") && seen.trim_end().ends_with('0'), "{seen}");
        let file = format!("ls {}", learner.work().join("of-the-machine").display());
        let shown = ["proc", "pid"].map(|missing| {
            let reach = format!("cd /proc/1/root && {file}; ls /proc/1/root{}", learner.work().display());
            learner.explore(["without", missing, "--json", "--", "sh", "-c", &reach]).run().status(0).json()
        });
        for one in &shown {
            let output = one["said"][1]["output"].as_str().unwrap();
            assert!(!output.lines().any(|line| line.ends_with("/of-the-machine") && !line.contains(':')), "{output}");
        }
        canary.signal(nix::sys::signal::Signal::SIGKILL);
        drop(canary);
    }
}

#[test]
fn roots_command_is_not_run_where_only_the_missing_thing_kept_it_from_the_machine() {
    require!("stages::without::refused", is_root(), ROOT);
    let learner = Learner::new();
    learner.explore(["pull", "demo"]).run().status(0);
    let before = HostState::of(&learner);
    for missing in ["mount", "pivot", "masks", "cgroup-limits"] {
        let refused = learner.explore(["without", missing, "--", "true"]).run().status(1).stdout("");
        refused.stderr_has("no command is run without").stderr_has("hint: ");
    }
    learner.explore(["without", "nothing"]).run().status(2).stdout("").stderr_has("[possible values: pid, mount");
    learner.explore(["without", "pid", "--", "nosuch"]).run().status(1).stdout("").stderr_has("nosuch");
    learner.explore(["without", "pid", "--image", "no/such:thing"]).run().status(1).stdout("").stderr_has("no/such");
    learner.explore(["matrix", "--svg", "--json"]).run().status(2).stdout("").stderr_has("--svg");
    before.assert_unchanged();
}

/// What is typed is never translated, whatever the glossary makes of the word `user`; what is told is, whole.
#[test]
fn the_matrix_and_a_comparison_are_told_in_chinese() {
    require!("stages::without::chinese", is_root(), ROOT);
    let learner = Learner::new();
    learner.explore(["pull", "demo"]).run().status(0);
    let chinese = |words: &[&str]| learner.explore(["--lang", "zh-CN"]).args(words).width(80).run().status(0).out;
    let matrix = chinese(&["matrix"]);
    for line in [" 6 user，缺少它的用户命名空间：", " 9 pivot，缺少 pivot_root(2)：", "   /proc/sys：只读 -> 可写"]
    {
        assert!(matrix.lines().any(|one| one == line), "{line}\n{matrix}");
    }
    let compared = chinese(&["compare", "1"]);
    assert!(compared.starts_with("外面：PID ") && compared.contains("相同"), "{compared}");
    assert!(!compared.contains("outside") && !compared.contains("same"), "{compared}");
}

#[test]
fn the_text_fits_its_terminal() {
    require!("stages::without::width", is_root(), ROOT);
    let learner = Learner::new();
    learner.explore(["pull", "demo"]).run().status(0);
    for columns in [40, 80] {
        for words in [&["without", "mount"][..], &["without", "caps", "--all"]] {
            let shown = learner.explore(words).width(columns).run().status(0).out;
            let widest = shown.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= usize::from(columns), "{columns}: {widest}\n{shown}");
        }
    }
}

/// The picture, in both languages, and the list of `book/src/matrix.md` are what is measured now. `EXPLORE_MATRIX=write` writes
/// them anew.
#[test]
fn the_chapter_shows_what_is_measured() {
    require!("stages::without::chapter", is_root(), ROOT);
    let learner = Learner::new();
    learner.explore(["pull", "demo"]).run().status(0);
    let list = learner.explore(["matrix"]).env("LC_ALL", "C.UTF-8").width(80).run().status(0).out;
    let picture = |language| learner.explore(["--lang", language, "matrix", "--svg"]).run().status(0).out;
    let book = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src");
    let page = book.join("matrix.md");
    let pictures =
        [("en", "matrix.svg"), ("zh-CN", "matrix.zh-CN.svg")].map(|(tag, name)| (book.join(name), picture(tag)));
    let text = std::fs::read_to_string(&page).unwrap();
    let (prose, _) = text.split_once("\n```text\n").expect("the list begins with ```text");
    let wanted = format!("{prose}\n```text\n{list}```\n");
    if std::env::var_os("EXPLORE_MATRIX").is_some_and(|value| value == "write") {
        std::fs::write(&page, wanted).unwrap();
        for (file, picture) in pictures {
            std::fs::write(file, picture).unwrap();
        }
        return;
    }
    assert_eq!(text, wanted, "{}", page.display());
    for (file, picture) in pictures {
        assert_eq!(std::fs::read_to_string(&file).unwrap(), picture, "{}", file.display());
    }
}
