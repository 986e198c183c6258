//! Places that differ in exactly one thing.

use super::target::{STAY, compared, kinds};
use crate::support::{HostState, Learner, is_root, require};
use explore::kernel::namespace::Kind;
use explore::probe::{Comparison, Fact, Verdict, compare, look};

const WORDS: [(&str, Kind); 8] = [
    ("--uts", Kind::Uts),
    ("--pid", Kind::Pid),
    ("--mount", Kind::Mnt),
    ("--net", Kind::Net),
    ("--ipc", Kind::Ipc),
    ("--user", Kind::User),
    ("--cgroup", Kind::Cgroup),
    ("--time", Kind::Time),
];

fn differing(comparison: &Comparison) -> Vec<Kind> {
    kinds(comparison, |verdict| *verdict == Verdict::Differs)
}

#[test]
fn who_is_born_between_the_two_looks_makes_no_difference() {
    let outside = look(std::process::id().cast_signed());
    let mut inside = outside.clone();
    let Fact::Known(seen) = &mut inside.processes else { panic!("{:?}", inside.processes) };
    let mut child = seen.list.iter().max_by_key(|process| process.start).unwrap().clone();
    (child.pid, child.pids, child.start) = (i32::MAX, vec![i32::MAX], child.start + 1);
    seen.list.push(child);
    assert_eq!(compare(&outside, &inside, &[], &[]).processes.verdict, Verdict::Same);
    // In another PID namespace nothing is known of the order: there it is told.
    inside.namespaces.remove(&Kind::Pid);
    assert_eq!(compare(&outside, &inside, &[], &[]).processes.verdict, Verdict::Differs);
}

#[test]
fn one_new_namespace_is_the_only_one_that_differs() {
    require!("probe::one_namespace", is_root(), "only root makes one namespace without a user namespace");
    for (word, kind) in WORDS {
        let comparison = compared(&Learner::new(), word, STAY);
        assert_eq!(differing(&comparison), [kind], "{word}");
        assert_eq!(kinds(&comparison, |verdict| *verdict == Verdict::Same).len(), 7, "{word}");
    }
}

#[test]
fn an_ordinary_user_is_told_as_much_of_a_place_of_his_own() {
    require!("probe::ordinary_user", is_root(), "becoming an unlisted user needs root");
    for (word, kind) in WORDS {
        let comparison = compared(&Learner::user(), &format!("--user --map-root-user {word}"), STAY);
        let mut expected = vec![kind, Kind::User];
        expected.sort();
        expected.dedup();
        assert_eq!(differing(&comparison), expected, "{word}");
        assert!(comparison.uname.verdict.why().is_none(), "{word}: {:?}", comparison.uname.verdict);
        assert!(comparison.links.verdict.why().is_none(), "{word}: {:?}", comparison.links.verdict);
    }
}

#[test]
fn a_process_has_a_number_on_each_side_and_the_outside_is_hidden() {
    require!("probe::translated", is_root(), "only root makes a PID namespace without a user namespace");
    let inside = r#"sleep 601 & sleep 602 & echo yes > "$READY"; exec sleep 600"#;
    let comparison = compared(&Learner::new(), "--pid --mount-proc", inside);
    let rows = &comparison.processes.rows;
    let seen: Vec<_> = rows.iter().filter_map(|row| Some((row.inside.as_ref()?, row))).collect();
    assert_eq!(seen.iter().map(|(process, _)| process.pid).collect::<Vec<_>>(), [1, 2, 3]);
    for (process, row) in &seen {
        let outside = row.outside.as_ref().unwrap();
        assert_eq!(row.verdict, Verdict::Translated { inside: process.pid, outside: outside.pid });
        assert!(outside.command.starts_with("sleep 60") && outside.command == process.command);
    }
    assert_eq!(seen.iter().map(|(process, _)| process.parent).collect::<Vec<_>>(), [0, 1, 1], "parents inside");
    assert!(rows.iter().any(|row| row.verdict == Verdict::Hidden), "nothing outside is hidden");
}

#[test]
fn a_place_two_levels_down_is_seen_with_its_own_numbers() {
    require!("probe::nested", is_root(), "only root makes a PID namespace without a user namespace");
    // Seen from inside the first place, the second one has two numbers; from there on it is the same.
    let inside = r#"unshare --pid --fork sh -c "echo yes > $READY; exec sleep 600" & wait"#;
    let comparison = compared(&Learner::new(), "--pid", inside);
    let deep = comparison.processes.rows.iter().filter_map(|row| row.inside.as_ref());
    let levels: Vec<usize> = deep.map(|process| process.pids.len()).collect();
    assert_eq!(levels, [2, 2, 3], "sh and unshare in the first place, sleep in the second, seen from the first");
}

#[test]
fn a_host_name_differs_and_the_kernel_does_not() {
    require!("probe::host_name", is_root(), "only root makes a UTS namespace without a user namespace");
    let comparison = compared(&Learner::new(), "--uts", &format!("hostname elsewhere; {STAY}"));
    for row in &comparison.uname.rows {
        let expected = if row.field == "nodename" { Verdict::Differs } else { Verdict::Same };
        assert_eq!(row.verdict, expected, "{}", row.field);
    }
}

#[test]
fn the_same_loopback_is_the_same_and_another_one_differs() {
    require!("probe::loopback", is_root(), "only root makes a network namespace without a user namespace");
    let lo = |words| {
        let comparison = compared(&Learner::new(), words, STAY);
        comparison.links.rows.into_iter().find(|row| row.outside.as_ref().unwrap().name == "lo").unwrap().verdict
    };
    assert_eq!(lo("--uts"), Verdict::Same);
    assert_eq!(lo("--net"), Verdict::Differs);
}

#[test]
fn the_two_ends_of_a_cable_are_known_to_belong_together() {
    require!("probe::cable", is_root(), "a veth pair needs root");
    let outside = r#"ip link add cable0 type veth peer name cable1 netns "$T"; "$EXPLORE" compare --json "$T""#;
    let output = super::target::beside(&Learner::new(), "--net", STAY, outside).status(0);
    let comparison: Comparison = serde_json::from_str(&output.out).unwrap();
    let rows = &comparison.links.rows;
    let inside = rows.iter().find(|row| row.inside.as_ref().is_some_and(|link| link.name == "cable1")).unwrap();
    assert_eq!((inside.peer.as_deref(), &inside.verdict), (Some("cable0"), &Verdict::Hidden));
    let lo = rows.iter().find(|row| row.inside.as_ref().is_some_and(|link| link.name == "lo")).unwrap();
    assert_eq!(lo.peer, None);
}

#[test]
fn who_looks_changes_nothing_and_joins_no_mount_namespace() {
    let learner = Learner::new();
    let words = if is_root() { "--mount --net --uts --pid" } else { "-Ur --mount --net --uts --pid" };
    let before = HostState::of(&learner);
    let outside = r#""$EXPLORE" --narrate compare "$T""#;
    let output = super::target::beside(&learner, words, STAY, outside).status(0);
    before.assert_unchanged();
    assert!(output.err.contains("setns") && output.err.contains("CLONE_NEWNET"), "{}", output.shown());
    assert!(!output.err.contains("CLONE_NEWNS"), "{}", output.shown());
}

#[test]
fn a_place_cannot_lie_about_itself() {
    require!("probe::hostile", is_root(), "only root covers its /proc without a user namespace");
    // Its /proc is a folder full of fakes, its users have other names, its programs are traps.
    let inside = r#"
        mkdir lies lies/1 && echo "Name: liar" > lies/1/status && echo "NSpid: 7 7 7" >> lies/1/status
        printf "liar:x:0:0::/:/bin/sh\n" > passwd
        mount --bind lies /proc && mount --bind passwd /etc/passwd
        mount --bind /bin/false /bin/uname 2>/dev/null
        echo yes > "$READY"; exec sleep 600"#;
    let comparison = compared(&Learner::new(), "--mount --pid --uts", inside);
    let row = comparison.processes.rows.iter().find(|row| row.inside.is_some()).unwrap();
    let process = row.inside.as_ref().unwrap();
    assert_eq!((process.pid, process.command.as_str(), process.user.as_str()), (1, "sleep 600", "root"));
    assert_eq!(comparison.uname_text[0], comparison.uname_text[1]);
}

#[test]
fn a_place_is_compared_by_its_name_and_is_as_it_was_asked_for() {
    let learner = Learner::new();
    learner.explore(["ns", "create", "box", "--pid", "--mount", "--proc", "--uts"]).run().status(0);
    let by_name = learner.explore(["compare", "--json", "box"]).run().status(0);
    let last = learner.explore(["compare", "--json"]).run().status(0);
    learner.explore(["ns", "rm", "box"]).run().status(0);
    let parsed = |text: &str| -> Comparison { serde_json::from_str(text).unwrap() };
    assert_eq!(parsed(&by_name.out).as_expected(), Some(true), "{}", by_name.shown());
    assert_eq!(parsed(&by_name.out).inside.pid, parsed(&last.out).inside.pid, "the place made last is the default");
}

/// The right to set the clocks of a time namespace comes with the user namespace, where there is no root.
#[test]
fn all_kinds_can_be_new_at_once_and_the_boot_clock_is_ahead() {
    for learner in [Some(Learner::new()), is_root().then(Learner::user)].into_iter().flatten() {
        let words = "--uts --pid --mount --net --ipc --user --cgroup --time --boottime 86400 --proc --sys";
        learner.explore(["ns", "create", "box"].into_iter().chain(words.split(' '))).run().status(0);
        let compared = learner.explore(["compare", "--json", "box"]).run().status(0);
        let inside = learner.explore(["exec", "box", "cat", "/proc/uptime", "/proc/self/uid_map"]).run().status(0).out;
        learner.explore(["ns", "rm", "box"]).run().status(0);
        let comparison: Comparison = serde_json::from_str(&compared.out).unwrap();
        assert_eq!(comparison.as_expected(), Some(true), "{}", compared.shown());
        assert_eq!(differing(&comparison).len(), 8, "{}", compared.shown());
        let up = |text: &str| text.split('.').next().and_then(|seconds| seconds.parse::<i64>().ok()).unwrap();
        let ahead = up(&inside) - up(&std::fs::read_to_string("/proc/uptime").unwrap());
        assert!((86_300..=86_400).contains(&ahead), "{ahead}: {inside}");
        let map: Vec<&str> = inside.lines().last().unwrap().split_whitespace().collect();
        assert_eq!((map[0], map[2]), ("0", "1"), "{inside}");
    }
}

#[test]
fn a_running_container_is_compared_by_its_name() {
    for learner in [Some(Learner::new()), is_root().then(Learner::user)].into_iter().flatten() {
        learner.explore(["run", "-d", "--name", "box", "--network", "none", "demo", "sleep", "600"]).run().status(0);
        let output = learner.explore(["compare", "--json", "box"]).run().status(0);
        learner.explore(["rm", "-f", "box"]).run().status(0);
        let comparison: Comparison = serde_json::from_str(&output.out).unwrap();
        assert_eq!(comparison.as_expected(), Some(true), "{}", output.shown());
        let first = comparison.processes.rows.iter().find_map(|row| row.inside.as_ref()).unwrap();
        assert_eq!((first.pid, first.command.as_str()), (1, "sleep 600"), "{}", output.shown());
        assert!(comparison.links.verdict.why().is_none() && comparison.uname.verdict.why().is_none());
    }
}

#[test]
fn a_container_that_does_not_run_has_no_inside() {
    let learner = Learner::new();
    learner.explore(["pull", "demo"]).run().status(0);
    learner.explore(["create", "--name", "box", "demo"]).run().status(0);
    let output = learner.explore(["compare", "box"]).run().status(1).stdout("");
    assert!(output.err.contains("does not run") && output.err.contains("explore start box"), "{}", output.shown());
}
