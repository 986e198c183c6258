//! Every call of a run fails once, and every process of it is killed once at each of its calls.

use crate::errors;
use crate::support::{HostState, Learner, Run, eventually_or, is_root, require};
use crate::tracer::{Fault, Point, Traced, trace};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A command, and what stands before it.
struct Scenario {
    name: &'static str,
    /// What is typed before, untraced.
    before: &'static [&'static [&'static str]],
    command: &'static [&'static str],
    /// What it shares with others is tried there: of so many kinds of call CI tries one.
    thinned: usize,
}

/// What a program inside can tell of its guards: a failure that left one out would change it.
const LOOK: [&str; 4] = ["cat", "/proc/self/status", "/proc/self/mountinfo", "/proc/self/cgroup"];

const RUN: Scenario = Scenario {
    name: "run without network",
    before: &[],
    command: &["run", "--rm", "--network", "none", "demo", LOOK[0], LOOK[1], LOOK[2], LOOK[3]],
    thinned: 2,
};

const BRIDGED: Scenario =
    Scenario { name: "run", before: &[], command: &["run", "--rm", "demo", "ip", "addr"], thinned: 1 };

const START: Scenario = Scenario {
    name: "start",
    before: &[&["create", "--name", "box", "demo", LOOK[0], LOOK[1], LOOK[2], LOOK[3]]],
    command: &["start", "-a", "box"],
    thinned: 4,
};

const EXEC: Scenario = Scenario {
    name: "exec",
    before: &[&["run", "-d", "--name", "box", "--network", "none", "demo", "sleep", "1000"]],
    command: &["exec", "box", LOOK[0], LOOK[1], LOOK[2], LOOK[3]],
    thinned: 2,
};

const RM: Scenario = Scenario {
    name: "rm",
    before: &[&["create", "--name", "box", "demo", "true"]],
    command: &["rm", "box"],
    thinned: 1,
};

#[test]
fn whatever_call_of_a_run_without_network_fails_it_is_told_and_nothing_stays() {
    sweep(&RUN);
}

#[test]
fn whatever_call_of_a_run_fails_it_is_told_and_nothing_stays() {
    sweep(&BRIDGED);
}

#[test]
fn whatever_call_of_a_start_fails_it_is_told_and_nothing_stays() {
    sweep(&START);
}

#[test]
fn whatever_call_of_an_exec_fails_it_is_told_and_nothing_stays() {
    sweep(&EXEC);
}

#[test]
fn whatever_call_of_a_removal_fails_it_is_told_and_nothing_stays() {
    sweep(&RM);
}

fn everything() -> bool {
    std::env::var_os("EXPLORE_FAULTS").is_some_and(|value| value == "all")
}

/// A place where faults are tried, and how it was before them.
struct Bench<'a> {
    scenario: &'a Scenario,
    learner: Learner,
    host: HostState,
    files: Vec<PathBuf>,
    left_over: Vec<String>,
}

fn sweep(scenario: &Scenario) {
    require!("faults::sweep", is_root() && errors::are_known(), "needs root, x86-64 and the kernel's headers");
    let learner = Learner::new();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    // The first run makes what later ones find.
    let mut bench =
        Bench { scenario, host: HostState::of(&learner), files: Vec::new(), left_over: Vec::new(), learner };
    bench.once(None);
    bench.clean();
    bench.host.take_again();
    bench.files = files_of(&bench.learner);
    let met = bench.once(None);
    assert_eq!((met.code, met.err.as_str()), (0, ""), "untouched");
    let expected = inside(&met.out);
    assert!(!expected.is_empty());
    bench.clean();
    let chosen = chosen(&met.points, scenario.thinned);
    let mut tried = 0;
    let mut wrong = Vec::new();
    let begun = Instant::now();
    for (number, (point, fault)) in chosen.iter().enumerate() {
        if everything() && number % 200 == 0 {
            tell(&format!("{}: {number} of {} faults, {} s", scenario.name, chosen.len(), begun.elapsed().as_secs()));
        }
        let traced = bench.once(Some((point, *fault)));
        let mut found = judge(scenario, &expected, &traced, *fault);
        found.extend(bench.clean());
        tried += u32::from(traced.hit);
        if !found.is_empty() {
            let text =
                format!("{fault:?} at {point}: {}\n  exit {} err {:?}", found.join("; "), traced.code, traced.err);
            wrong.push(text);
        }
    }
    tell(&format!("{}: {} points met, {tried} of {} faults hit", scenario.name, met.points.len(), chosen.len()));
    assert!(wrong.is_empty(), "{} of {tried} faults:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried as usize * 10 > chosen.len() * 8, "only {tried} of {} faults were met again", chosen.len());
}

#[allow(clippy::print_stdout, reason = "`tests/full` asks for numbers, and whoever waits for it how far it is")]
fn tell(line: &str) {
    println!("{line}");
}

/// All of them in `tests/full`; otherwise one of each kind of call of each process: most fail, some are killed.
fn chosen(points: &[Point], thinned: usize) -> Vec<(Point, Fault)> {
    let mut chosen = Vec::new();
    if everything() {
        for point in points {
            chosen.extend(errors::likely(point.call).iter().map(|errno| (point.clone(), Fault::Fails(*errno))));
            chosen.push((point.clone(), Fault::Killed));
        }
        return chosen;
    }
    let mut kinds: BTreeMap<(&str, &str), Vec<&Point>> = BTreeMap::new();
    for point in points {
        kinds.entry((&point.role, point.call)).or_default().push(point);
    }
    for (number, same) in kinds.into_values().enumerate().filter(|(number, _)| number % thinned == 0) {
        let one = same[number * 7 % same.len()];
        match errors::likely(one.call).first() {
            Some(errno) if number % 4 != 0 => chosen.push((one.clone(), Fault::Fails(*errno))),
            _ => chosen.push((one.clone(), Fault::Killed)),
        }
    }
    chosen
}

/// What was told, without what is never the same again: numbers of processes, mounts and devices, IDs and addresses.
fn inside(out: &str) -> String {
    let hexadecimal = |word: &str| word.len() >= 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut lines = Vec::new();
    for line in out.lines() {
        let line = match line.split_once(" - ") {
            Some((left, right)) if left.starts_with(|first: char| first.is_ascii_digit()) => {
                let places: Vec<&str> = left.split(' ').skip(3).take(3).collect();
                format!("{} {right}", places.join(" "))
            }
            _ => line.to_owned(),
        };
        let counted = [
            "Pid",
            "PPid",
            "Tgid",
            "Ngid",
            "NS",
            "Vm",
            "Rss",
            "Hugetlb",
            "voluntary",
            "nonvoluntary",
            "Cpus",
            "Mems",
            "SigQ",
        ];
        if counted.iter().any(|word| line.starts_with(word)) {
            continue;
        }
        let words = line.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric());
        let fixed = |word: &str| {
            let bare = word.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
            let chosen = bare.starts_with("if") || bare.starts_with("veth");
            if hexadecimal(bare) || chosen { word.replacen(bare, "X", 1) } else { word.to_owned() }
        };
        lines.push(words.map(fixed).collect::<String>());
    }
    lines.join("\n")
}

fn difference(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    let gone = expected.iter().filter(|line| !found.contains(line)).map(|line| format!("- {line}"));
    let new = found.iter().filter(|line| !expected.contains(line)).map(|line| format!("+ {line}"));
    gone.chain(new).collect::<Vec<_>>().join(" ")
}

/// What is wrong with how it was told.
fn judge(scenario: &Scenario, expected: &str, traced: &Traced, fault: Fault) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut require = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    require(!traced.hung, "it hangs");
    require(!traced.err.contains("panicked"), "it panicked");
    if fault == Fault::Killed {
        return wrong;
    }
    let lines: Vec<&str> = traced.err.lines().collect();
    // Of what the program said something was lost, and we say so, last: it may have complained of its broken pipe.
    if traced.code == 125 && is_loss(lines.split_at(lines.len().saturating_sub(2)).1) {
        return wrong;
    }
    if traced.code == 0 {
        let out = inside(&traced.out);
        require(out == expected, &format!("exit 0, and not as usual: {}", difference(expected, &out)));
        return wrong;
    }
    require([1, 125, 126, 127].contains(&traced.code), "its exit code is none of docker's");
    require(traced.code != 1 || !scenario.name.starts_with("run"), "exit 1, where docker has 125");
    require(
        lines.len() == 1 || lines.len() == 2 && lines[1].starts_with("hint: "),
        "it is not one sentence and a hint",
    );
    let told = lines.first().copied().unwrap_or_default();
    require(told.starts_with("explore: "), "it is not told by us");
    let says_what = told.contains('(') && told.contains(" = -1 ") || told.contains('/') || told.contains("cannot ");
    require(says_what, "neither the call nor the file is named");
    wrong
}

/// What is said where a pipe of the container cannot be read.
fn is_loss(lines: &[&str]) -> bool {
    let (sentence, hint) = ("explore: cannot read all that the container says: read(its pipe) = -1 ", "hint: ");
    matches!(lines, [told, advice] if told.starts_with(sentence) && advice.starts_with(hint))
}

/// From its first poll(2) on a supervisor reads the container's pipes to their end, and then what it takes back.
#[test]
fn output_that_cannot_be_read_is_a_failure_whatever_the_container_ends_with() {
    require!("faults::output", is_root() && errors::are_known(), "needs root, x86-64 and the kernel's headers");
    let learner = Learner::new();
    learner.explore(["pull", "-q", "demo"]).run().status(0);
    let command = || learner.explore(["run", "--rm", "--network", "none", "demo", "sh", "-c", "echo one; exit 3"]);
    let met = trace(&learner, command(), None);
    assert_eq!((met.code, met.out.as_str(), met.err.as_str()), (3, "one\n", ""));
    let (mut lost, mut told) = (0, 0);
    let carrying = met.points.iter().filter(|point| point.role == "0.1").skip_while(|point| point.call != "poll");
    for point in carrying.filter(|point| point.call == "read") {
        let traced = trace(&learner, command(), Some((point, Fault::Fails(nix::errno::Errno::EIO))));
        let lines: Vec<&str> = traced.err.lines().collect();
        told += u32::from(is_loss(&lines) && traced.code == 125);
        lost += u32::from(traced.out != "one\n" && traced.code == 3);
        learner.explore(["clean"]).run().status(0);
    }
    assert!((told, lost) == (3, 0), "told {told} times, and said nothing of what was lost {lost} times");
}

impl Bench<'_> {
    fn once(&self, at: Option<(&Point, Fault)>) -> Traced {
        for words in self.scenario.before {
            self.learner.explore(*words).run().status(0);
        }
        trace(&self.learner, self.learner.explore(self.scenario.command), at)
    }

    /// What the next command finds, and what stays after it.
    fn clean(&mut self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.scenario.before.is_empty() {
            // Who has lost its command may still be ending.
            eventually_or(|| "everything ends".to_owned(), || self.learner.processes().is_empty());
        }
        let answer = |run: Run, wrong: &mut Vec<String>| {
            let output = run.run();
            if output.code != 0 {
                wrong.push(format!("afterwards: {}", output.shown()));
            }
            output.out
        };
        answer(self.learner.explore(["clean"]), &mut wrong);
        let list = answer(self.learner.explore(["ps", "-a", "-q"]), &mut wrong);
        for id in list.lines() {
            answer(self.learner.explore(["rm", "-f", id]), &mut wrong);
        }
        eventually_or(|| "everything ends".to_owned(), || self.learner.processes().is_empty());
        answer(self.learner.explore(["clean"]), &mut wrong);
        let host = self.host.differences(Duration::from_secs(5));
        if !host.is_empty() {
            // Told once.
            self.host.take_again();
        }
        wrong.extend(host);
        let files = files_of(&self.learner);
        let new =
            files.iter().filter(|path| !self.files.contains(path)).map(|path| format!("stays: {}", path.display()));
        let gone =
            self.files.iter().filter(|path| !files.contains(path)).map(|path| format!("gone: {}", path.display()));
        let changed: Vec<String> = new.chain(gone).filter(|line| !self.left_over.contains(line)).collect();
        if !self.files.is_empty() {
            wrong.extend(changed.iter().cloned());
            // Told once.
            self.left_over.extend(changed);
        }
        wrong
    }
}

/// All files of the state but those of unpacked layers.
fn files_of(learner: &Learner) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && !path.is_symlink() && !path.ends_with("layers") {
                walk(&path, found);
            }
            found.push(path);
        }
    }
    let mut found = Vec::new();
    walk(&learner.state(), &mut found);
    found.sort();
    found
}
