//! What cannot be told is said to be so.

use super::target::{beside, kinds};
use crate::support::{Learner, is_root, require};
use explore::probe::{Comparison, Verdict};

fn nothing_is_same(comparison: &Comparison) {
    assert_eq!(kinds(comparison, |verdict| *verdict == Verdict::Same), []);
    assert!(comparison.uname.rows.iter().all(|row| row.verdict != Verdict::Same));
    assert!(comparison.links.rows.iter().all(|row| row.verdict != Verdict::Same));
    assert!(comparison.links.verdict.why().is_some() && comparison.uname.verdict.why().is_some());
}

#[test]
fn of_somebody_elses_process_the_kernel_tells_nothing_and_neither_do_we() {
    require!("probe::denied", is_root(), "becoming an unlisted user needs root");
    let learner = Learner::user();
    // PID 1 of the test's machine is root's.
    let output = learner.explore(["compare", "--json", "1"]).run().status(0);
    let comparison: Comparison = serde_json::from_str(&output.out).unwrap();
    nothing_is_same(&comparison);
    assert!(comparison.namespaces.rows.iter().all(|row| matches!(row.verdict, Verdict::Denied(_))));
    let text = learner.explore(["compare", "1"]).run().status(0);
    assert!(text.out.contains("denied: the kernel shows this only to"), "{}", text.shown());
}

#[test]
fn a_zombie_is_called_one() {
    // Its parent, which is sleep(1) by then, never collects it.
    let inside = r#"sleep 0.1 & echo yes > "$READY"; exec sleep 600"#;
    let words = if is_root() { "--uts" } else { "-Ur --uts" };
    let outside = r#"
        child=$(cat "/proc/$T/task/$T/children"); child=${child% }
        until grep -q "^State:.Z" "/proc/$child/status"; do sleep 0.05; done
        "$EXPLORE" compare --json "$child""#;
    let output = beside(&Learner::new(), words, inside, outside).status(0);
    let comparison: Comparison = serde_json::from_str(&output.out).unwrap();
    let why = comparison.links.verdict.why().unwrap_or_default();
    assert!(why.contains("zombie"), "{:?}", comparison.links.verdict);
    assert!(comparison.links.rows.iter().all(|row| row.verdict != Verdict::Same));
    let mounts = comparison.place.rows.iter().find(|row| row.code == "mounts").unwrap();
    assert!(matches!(mounts.verdict, Verdict::Unknown(_)), "{:?}", mounts.verdict);
}

#[test]
fn a_process_that_is_gone_is_an_error_that_says_so() {
    let script = r#"sleep 0 & wait; "$EXPLORE" compare $!"#;
    let output = Learner::new().program("sh", ["-c", script]).run().status(1).stdout("");
    assert!(output.err.contains("there is no process"), "{}", output.shown());
    assert!(output.err.contains("hint: "), "{}", output.shown());
}

#[test]
fn a_name_that_means_nothing_is_an_error_that_says_where_names_are() {
    let output = Learner::new().explore(["compare", "nobody"]).run().status(1).stdout("");
    assert!(output.err.contains("nobody") && output.err.contains("explore ns ls"), "{}", output.shown());
}

#[test]
fn control_characters_of_a_command_line_do_not_reach_the_terminal() {
    let words = if is_root() { "--pid" } else { "-Ur --pid" };
    // The last argument is the name that the shell gets.
    let inside = r#"echo yes > "$READY"; exec sh -c "sleep 600; true" "$(printf "600\033[31m")""#;
    let output = beside(&Learner::new(), words, inside, r#""$EXPLORE" compare "$T""#).status(0);
    assert!(output.out.contains("600?[31m"), "{}", output.shown());
    assert!(!output.out.contains('\x1b'), "{}", output.shown());
}
