//! A process in namespaces of its own, and `explore compare` beside it.

use crate::support::{Learner, Output};
use explore::kernel::namespace::Kind;
use explore::probe::{Comparison, Verdict};

/// Starts `inside` (shell) under `unshare WORDS`, waits until it says that it is ready, and runs `outside` (shell) with
/// its PID as `$T`. `inside` must end in something that stays.
pub(crate) fn beside(learner: &Learner, words: &str, inside: &str, outside: &str) -> Output {
    // The child of unshare(1) is the one that is in the new PID namespace; --kill-child takes it with us.
    let script = format!(
        r#"
        mkfifo ready
        export READY="$PWD/ready"
        unshare {words} --fork --kill-child sh -c '{inside}' &
        read -r _ < ready
        T=$(cat /proc/$!/task/$!/children); T=${{T%% *}}
        {outside}
        status=$?
        kill -KILL $!
        rm ready
        exit $status
        "#
    );
    learner.program("sh", ["-c", &script]).run()
}

/// What stays: says that it is ready, then waits.
pub(crate) const STAY: &str = r#"echo yes > "$READY"; exec sleep 600"#;

/// The comparison with a process that only stays.
pub(crate) fn compared(learner: &Learner, words: &str, inside: &str) -> Comparison {
    let output = beside(learner, words, inside, r#""$EXPLORE" compare --json "$T""#).status(0);
    serde_json::from_str(&output.out).unwrap_or_else(|error| panic!("{error}\n{}", output.shown()))
}

/// The kinds of namespace with this verdict.
pub(crate) fn kinds(comparison: &Comparison, wanted: impl Fn(&Verdict) -> bool) -> Vec<Kind> {
    let rows = comparison.namespaces.rows.iter();
    let mut kinds: Vec<Kind> = rows.filter(|row| wanted(&row.verdict)).map(|row| row.kind).collect();
    kinds.sort();
    kinds
}
