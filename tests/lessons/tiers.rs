//! The chapter "Which lesson runs where" is made of runs: `book/tiers/KEY.json` is what `explore lesson check --once --json`
//! has printed on a machine of that key. `EXPLORE_TIERS=write` writes its two blocks anew.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The user of `6.18-hybrid-user` has one number and no ranges: of all lessons, so many of a hundred run live for such a one.
const SINGLE_UID: (&str, usize) = ("6.18-hybrid-user", 80);

/// One machine: how each lesson went there, in the form of `lesson check --json`.
type Machine = BTreeMap<String, Value>;

#[test]
fn the_chapter_of_tiers_says_what_was_run() {
    let (lessons, machines) = (lessons(), machines());
    let [table, sums] = [table(&lessons, &machines), sums(&lessons, &machines)];
    let path = folder().join("book/src/tiers.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut parts: Vec<&str> = text.split("```").collect();
    let blocks: Vec<usize> = (0..parts.len()).filter(|at| parts[*at].starts_with("text\n")).collect();
    assert_eq!(blocks.len(), 2, "a block with the table and one with the sums in {}", path.display());
    let new = [format!("text\n{table}"), format!("text\n{sums}")];
    if std::env::var_os("EXPLORE_TIERS").is_some_and(|value| value == "write") {
        (parts[blocks[0]], parts[blocks[1]]) = (&new[0], &new[1]);
        return std::fs::write(&path, parts.join("```")).unwrap();
    }
    assert_eq!(
        [parts[blocks[0]], parts[blocks[1]]],
        [&new[0], &new[1]],
        "EXPLORE_TIERS=write writes {}",
        path.display()
    );
}

#[test]
fn every_lesson_was_tried_and_most_run_without_root_and_with_one_number() {
    let lessons = lessons();
    for (key, machine) in machines() {
        let strange: Vec<&String> = machine.keys().filter(|name| !lessons.contains(name)).collect();
        assert!(strange.is_empty(), "{key} has lessons that are gone: {strange:?}");
        let untried: Vec<&String> = lessons.iter().filter(|name| !machine.contains_key(*name)).collect();
        assert!(untried.is_empty(), "{key} has not tried {untried:?}");
        let failed: Vec<&String> =
            machine.iter().filter(|(_, one)| one["result"] == "failed").map(|(name, _)| name).collect();
        assert!(failed.is_empty(), "on {key} these fail, where they should run or say why not: {failed:?}");
        let live = live(&machine).count();
        let least = if key == SINGLE_UID.0 { SINGLE_UID.1 } else { 0 };
        assert!(live * 100 >= least * lessons.len(), "{live} of {} run live on {key}", lessons.len());
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// In the order of the book.
fn lessons() -> Vec<String> {
    let summary = std::fs::read_to_string(folder().join("book/src/SUMMARY.md")).unwrap();
    summary.lines().filter_map(|line| line.trim().strip_prefix("- [")?.strip_suffix("]()")).map(str::to_owned).collect()
}

/// The keys of `book/tiers`: the youngest kernel first, root before the user.
fn keys() -> Vec<String> {
    let entries = std::fs::read_dir(folder().join("book/tiers")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut keys: Vec<String> = names.filter_map(|name| Some(name.strip_suffix(".json")?.to_owned())).collect();
    keys.sort_by_key(|key| {
        let (kernel, rest) = key.split_once('-').unwrap();
        let numbers: Vec<u32> = kernel.split('.').map(|number| number.parse().unwrap()).collect();
        (std::cmp::Reverse(numbers), rest.to_owned())
    });
    assert!(keys.len() >= 4 && keys.iter().any(|key| key == SINGLE_UID.0), "{keys:?}");
    keys
}

fn machines() -> Vec<(String, Machine)> {
    let read = |key: String| {
        let path = folder().join(format!("book/tiers/{key}.json"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let told: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(told["key"], key, "{}", path.display());
        let name = |one: &Value| one["lesson"].as_str().unwrap().to_owned();
        (key, told["lessons"].as_array().unwrap().iter().map(|one| (name(one), one.clone())).collect())
    };
    keys().into_iter().map(read).collect()
}

fn live(machine: &Machine) -> impl Iterator<Item = f64> {
    machine.values().filter(|one| one["result"] == "proved").map(|one| one["seconds"].as_f64().unwrap())
}

/// Seconds where it ran, and how else it can be followed where it did not.
fn cell(one: &Value) -> String {
    match one["result"].as_str().unwrap() {
        "proved" => format!("{:.1}", one["seconds"].as_f64().unwrap()),
        "skipped" => one["way"].as_str().unwrap().to_owned(),
        other => other.to_owned(),
    }
}

fn row(first: &str, cells: impl Iterator<Item = String>) -> String {
    let mut line = format!("{first:<21}");
    for cell in cells {
        let _ = write!(line, "{cell:>12}");
    }
    format!("{}\n", line.trim_end())
}

fn table(lessons: &[String], machines: &[(String, Machine)]) -> String {
    let mut text = heads(machines);
    for name in lessons {
        text += &row(name, machines.iter().map(|(_, machine)| machine.get(name).map_or_else(String::new, cell)));
    }
    text
}

/// Two lines: the kernel with its cgroup layout, and who it was.
fn heads(machines: &[(String, Machine)]) -> String {
    let part = |from: usize, to: usize| {
        machines.iter().map(move |(key, _)| key.split('-').skip(from).take(to - from).collect::<Vec<_>>().join(" "))
    };
    row("kernel, cgroups", part(0, 2)) + &row("as", part(2, 3))
}

fn sums(lessons: &[String], machines: &[(String, Machine)]) -> String {
    let count = |way: &'static str| {
        let is_it = move |one: &&Value| one["result"] == "skipped" && one["way"] == way;
        machines.iter().map(move |(_, machine)| machine.values().filter(is_it).count().to_string())
    };
    let lives = |say: fn(Vec<f64>, usize) -> String| {
        let all = lessons.len();
        machines.iter().map(move |(_, machine)| {
            let mut times: Vec<f64> = live(machine).collect();
            times.sort_by(f64::total_cmp);
            say(times, all)
        })
    };
    heads(machines)
        + &row("live", lives(|times, _| times.len().to_string()))
        + &row("of a hundred", lives(|times, all| (times.len() * 100 / all).to_string()))
        + &row("replay", count("replay"))
        + &row("refused", count("no"))
        + &row("seconds, together", lives(|times, _| format!("{:.1}", times.iter().sum::<f64>())))
        + &row("seconds, median", lives(|times, _| format!("{:.1}", times[times.len() / 2])))
        + &row("seconds, longest", lives(|times, _| format!("{:.1}", times.last().unwrap())))
}
