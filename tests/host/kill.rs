//! SIGKILL at any moment: what is left is in the journal, and `explore clean` undoes it.

use crate::support::{HostState, Learner, Output, Random, eventually_or, is_root, require};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::{Duration, Instant};

/// What is killed.
const COMMANDS: [&[&str]; 6] = [
    // With a volume of its own, filled from the image: it goes with the container.
    &["run", "--rm", "--network", "none", "-v", "/etc", "demo", "true"],
    &["run", "--rm", "--network", "none", "demo", "true"],
    &["run", "--rm", "demo", "true"],
    &["without", "mount"],
    &["walk", "--yes"],
    &["lesson", "--yes", "pid-namespace"],
];

/// How often; `tests/full` asks for 200.
fn rounds() -> u32 {
    std::env::var("EXPLORE_KILLS").ok().and_then(|number| number.parse().ok()).unwrap_or(20)
}

#[test]
fn whatever_of_root_is_killed_whenever_clean_leaves_the_host_as_it_was() {
    require!("host::kill::root", is_root(), "needs root for a machine of its own");
    kill_again_and_again(&Learner::new(), rounds());
}

#[test]
fn whatever_of_an_unlisted_user_is_killed_whenever_clean_leaves_the_host_as_it_was() {
    require!("host::kill::user", is_root(), "needs root to become somebody else");
    kill_again_and_again(&Learner::user(), rounds().div_ceil(2));
}

#[test]
fn whichever_lesson_of_root_is_killed_whenever_clean_leaves_the_host_as_it_was() {
    require!("host::kill::lessons of root", is_root(), "needs root for a machine of its own");
    kill_lessons(&Learner::new());
}

#[test]
fn whichever_lesson_of_an_unlisted_user_is_killed_whenever_clean_leaves_the_host_as_it_was() {
    require!("host::kill::lessons of a user", is_root(), "needs root to become somebody else");
    kill_lessons(&Learner::user());
}

/// A few lessons, drawn; all of them, and each as often as `EXPLORE_LESSON_KILLS` says, where somebody has the time.
fn kill_lessons(learner: &Learner) {
    let mut random = Random::seeded();
    let mut lessons = live_lessons(learner);
    if let Some(times) = std::env::var("EXPLORE_LESSON_KILLS").ok().and_then(|number| number.parse().ok()) {
        lessons = std::iter::repeat_n(lessons, times).flatten().collect();
    } else {
        let all = lessons;
        lessons = (0..5).filter_map(|_| random.one_of(&all).cloned()).collect();
    }
    let mut before = HostState::of(learner);
    learner.explore(["pull", "demo"]).run().status(0);
    before.take_again();
    let (mut hits, mut wrong) = (0, Vec::new());
    for lesson in &lessons {
        let words = ["lesson", "--yes", lesson];
        let began = Instant::now();
        learner.explore(words).run().status(0);
        let (told, hit) = kill_once(learner, &words, began.elapsed(), &mut random);
        hits += usize::from(hit);
        let at_once = learner.explore(["clean"]).run();
        eventually_or(|| format!("everything has ended after {told}"), || learner.processes().is_empty());
        let later = learner.explore(["clean"]).run();
        let mut left = before.differences(Duration::from_secs(10));
        left.extend([at_once, later].iter().filter(|clean| clean.code != 0).map(Output::shown));
        if !left.is_empty() {
            wrong.push(format!("EXPLORE_SEED={}: {told}\n{}", random.seed, left.join("\n")));
            before.take_again();
        }
    }
    eprintln!("{hits} of {} kills met somebody; {} left something", lessons.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(hits * 2 > lessons.len(), "only {hits} of {} kills met anybody", lessons.len());
}

/// The lessons that run here, and are not replayed.
fn live_lessons(learner: &Learner) -> Vec<String> {
    let listed = learner.explore(["--json", "lesson"]).run().status(0);
    let listed: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
    let live = |row: &&serde_json::Value| row["here"]["way"] == "live";
    let rows = listed["lessons"].as_array().unwrap().iter().filter(live);
    rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

fn kill_again_and_again(learner: &Learner, rounds: u32) {
    // From here on alone, so that the lengths are those of the kills.
    let mut before = HostState::of(learner);
    learner.explore(["pull", "demo"]).run().status(0);
    let commands = COMMANDS.map(|command| (command, length_of(learner, command)));
    clean(learner, "the first runs");
    before.take_again();
    let mut random = Random::seeded();
    let mut hits = 0;
    for round in 0..rounds {
        let (command, length) = random.one_of(&commands).unwrap();
        let (told, hit) = kill_once(learner, command, *length, &mut random);
        let told = format!("EXPLORE_SEED={}, round {round}: {told}", random.seed);
        hits += u32::from(hit);
        clean(learner, &told);
        let orphans = learner.explore(["volume", "ls", "-q", "--filter", "dangling=true"]).run().status(0).out;
        assert_eq!(orphans, "", "volumes without a container\n{told}");
        let left = before.differences(Duration::from_secs(10));
        assert!(left.is_empty(), "{told}\n{}", left.join("\n"));
    }
    assert!(hits * 2 > rounds, "only {hits} of {rounds} kills met anybody");
}

/// Cleans up at once, while some may still be ending, and once more when nobody is left.
fn clean(learner: &Learner, after: &str) {
    learner.explore(["clean"]).run().status(0);
    let list = ["-eo", "pid,ppid,stat,wchan:20,args"];
    let left = || learner.program("ps", list).run().shown();
    eventually_or(|| format!("everything has ended after {after}\n{}", left()), || learner.processes().is_empty());
    learner.explore(["clean"]).run().status(0);
}

/// The shortest of three: the first run has files to read that the others find in memory.
fn length_of(learner: &Learner, command: &[&str]) -> Duration {
    let one = |_| {
        let began = Instant::now();
        learner.explore(command).run().status(0);
        began.elapsed()
    };
    (0..3).map(one).min().unwrap()
}

/// Kills at a random moment: the command itself, one of its processes, or all of them.
fn kill_once(learner: &Learner, command: &[&str], length: Duration, random: &mut Random) -> (String, bool) {
    let running = learner.explore(command).spawn();
    let moment = random.moment(length);
    std::thread::sleep(moment);
    let all: Vec<Pid> = learner.processes().into_iter().map(Pid::from_raw).collect();
    let victims = match random.below(3) {
        0 => vec![running.pid],
        1 => random.one_of(&all).copied().into_iter().collect(),
        _ => all,
    };
    for &pid in &victims {
        let _ = kill(pid, Signal::SIGKILL);
    }
    let told = format!("{} processes killed {moment:?} into `explore {}`", victims.len(), command.join(" "));
    running.finish(&told);
    (told, !victims.is_empty())
}
