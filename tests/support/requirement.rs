//! What a test needs, and the only way to skip one.

use std::io::Write;
use std::path::Path;

/// `require!("stages::bridge", is_root(), "needs root")`: goes on, or says why not and returns from the test.
macro_rules! require {
    ($name:expr, $condition:expr, $reason:expr) => {
        if !$condition {
            $crate::support::skip($name, $reason);
            return;
        }
    };
}
pub(crate) use require;

/// Says that a test does not run, and refuses where that was not agreed.
pub(crate) fn skip(name: &str, reason: &str) {
    let line = format!("SKIPPED {name}: {reason}\n");
    // Not eprint!: libtest would keep it to itself while the test passes.
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(list) = std::env::var_os("EXPLORE_SKIPPED_LIST") {
        let mut list = std::fs::File::options().append(true).create(true).open(list).unwrap();
        list.write_all(line.as_bytes()).unwrap();
    }
    let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!in_ci || is_agreed(name), "{name} is skipped in CI and not listed in tests/skips.txt: {reason}");
}

/// `tests/skips.txt`: a line `name: why CI may go on without it`, or a comment.
fn is_agreed(name: &str) -> bool {
    let list = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/skips.txt")).unwrap();
    list.lines().any(|line| line.split_once(": ").is_some_and(|(listed, why)| listed == name && !why.is_empty()))
}

/// Whether the tests run as root.
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Whether a program is installed.
pub(crate) fn has_program(name: &str) -> bool {
    super::learner::PATH.split(':').any(|folder| Path::new(folder).join(name).is_file())
}
