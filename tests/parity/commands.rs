//! What commands answer that go wrong, or end in a certain way.

use crate::engine::{Engine, Seen};

/// Each in docker's words. `box` has ended with 3, `up` runs.
const COMMANDS: [&[&str]; 42] = [
    &["run", "--rm", "demo", "true"],
    &["run", "--rm", "demo", "false"],
    &["run", "--rm", "demo", "sh", "-c", "exit 42"],
    &["run", "--rm", "demo", "sh", "-c", "exit 255"],
    &["run", "--rm", "demo", "sh", "-c", "kill -9 $$"],
    &["run", "--rm", "demo", "sh", "-c", "sh -c 'kill -9 $$'"],
    &["run", "--rm", "demo", "sh", "-c", "sh -c 'kill -15 $$'; exit $?"],
    &["run", "--rm", "--init", "demo", "sh", "-c", "kill -15 $$"],
    &["run", "--rm", "demo", "no-such-program"],
    &["run", "--rm", "demo", "/etc"],
    &["run", "--rm", "demo", "/etc/hostname"],
    &["run", "--rm", "demo", "/no/such/program"],
    &["run", "--rm", "demo", ""],
    &["run", "--rm", "-w", "relative", "demo", "true"],
    &["run", "--rm", "-w", "/etc/hostname", "demo", "true"],
    &["run", "--rm", "--name", "-bad", "demo", "true"],
    &["run", "--rm", "--name", "box", "demo", "true"],
    &["run", "--rm", "--no-such-flag", "demo", "true"],
    &["run", "--rm", "Upper/Case", "true"],
    &["run"],
    &["run", "--rm", "-v", "relative:also", "demo", "true"],
    &["run", "--rm", "--memory", "many", "demo", "true"],
    &["create", "--no-such-flag"],
    &["create", "--name", "box", "demo"],
    &["start", "nosuch"],
    &["start"],
    &["start", "-a", "box"],
    &["stop", "nosuch"],
    &["wait", "nosuch"],
    &["wait", "box"],
    &["rm", "nosuch"],
    &["rm", "up"],
    &["logs", "nosuch"],
    &["exec", "nosuch", "true"],
    &["exec", "box", "true"],
    &["exec", "up", "false"],
    &["exec", "up", "sh", "-c", "kill -9 $$"],
    &["exec", "up", "no-such-program"],
    &["exec", "up", "/etc"],
    &["exec", "up"],
    &["rmi", "nosuch"],
    &["no-such-command"],
];

/// The exit code of each.
pub(crate) fn codes(engine: &Engine) -> Seen {
    engine.command(&["run", "--name", "box", "demo", "sh", "-c", "exit 3"]).run().status(3);
    engine.command(&["run", "-d", "--name", "up", "demo", "sleep", "1000"]).run().status(0);
    let seen = COMMANDS.iter().map(|words| (shown(words), engine.command(words).run().code.to_string())).collect();
    engine.command(&["rm", "-f", "up", "box"]).run().status(0);
    seen
}

/// As one types it.
pub(crate) fn shown(words: &[&str]) -> String {
    let plain = |word: &str| !word.is_empty() && !word.contains([' ', '$', '\'', '|', '*']);
    let quoted = |word: &&str| if plain(word) { (*word).to_owned() } else { format!("\"{word}\"") };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}
