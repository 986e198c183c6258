//! Some fifty things that people get wrong: what docker says, and what we say.

use crate::chapter::{self, Row};
use crate::commands::shown;
use crate::engine::{Engine, Engines};

/// `up` runs and has port 8080, `box` has ended, `net` is a network.
const MISTAKES: [&[&str]; 48] = [
    &["run", "--rm", "--name", "other", "-p", "8080:80", "demo", "true"],
    &["run", "--rm", "-p", "99999:80", "demo", "true"],
    &["run", "--rm", "-p", "80:many", "demo", "true"],
    &["run", "--rm", "-p", "1.2.3:80:80", "demo", "true"],
    &["run", "--rm", "-p", "8000-8002:80-81", "demo", "true"],
    &["run", "--rm", "-p", "80:80/icmp", "demo", "true"],
    &["run", "--rm", "--network", "nosuch", "demo", "true"],
    &["run", "--rm", "--network", "container:nosuch", "demo", "true"],
    &["run", "--rm", "--network", "container:box", "demo", "true"],
    &["network", "create", "net"],
    &["network", "create", "--subnet", "10.0.0.0/99", "other"],
    &["network", "rm", "nosuch"],
    &["network", "rm", "bridge"],
    &["network", "connect", "nosuch", "up"],
    &["network", "connect", "net", "nosuch"],
    &["network", "disconnect", "net", "up"],
    &["run", "--rm", "--user", "nosuch", "demo", "true"],
    &["run", "--rm", "--user", "0:nosuch", "demo", "true"],
    &["run", "--rm", "--user", "4294967296", "demo", "true"],
    &["run", "--rm", "--user", ":", "demo", "true"],
    &["run", "--rm", "--memory", "4m", "demo", "true"],
    &["run", "--rm", "--memory", "1z", "demo", "true"],
    &["run", "--rm", "--memory", "64m", "--memory-swap", "32m", "demo", "true"],
    &["run", "--rm", "--memory-swap", "64m", "demo", "true"],
    &["run", "--rm", "--cpus", "1000", "demo", "true"],
    &["run", "--rm", "--cpus", "half", "demo", "true"],
    &["run", "--rm", "--cpu-shares", "-5", "demo", "true"],
    &["run", "--rm", "--cpuset-cpus", "64", "demo", "true"],
    &["run", "--rm", "--pids-limit", "some", "demo", "true"],
    &["run", "--rm", "--ulimit", "nofile=9:5", "demo", "true"],
    &["run", "--rm", "--ulimit", "nosuch=1", "demo", "true"],
    &["run", "--rm", "--device", "/dev/nosuch", "demo", "true"],
    &["run", "--rm", "--cap-add", "NOSUCH", "demo", "true"],
    &["run", "--rm", "--security-opt", "nosuch=1", "demo", "true"],
    &["run", "--rm", "--sysctl", "kernel.nosuch=1", "demo", "true"],
    &["run", "--rm", "--env-file", "/nosuch", "demo", "true"],
    &["run", "--rm", "--name", "up", "demo", "true"],
    &["run", "--rm", "-v", "/tmp:relative", "demo", "true"],
    &["run", "--rm", "-v", "/tmp:/x:nosuch", "demo", "true"],
    &["run", "--rm", "--mount", "type=bind,source=/nosuch,target=/x", "demo", "true"],
    &["run", "--rm", "--mount", "type=nosuch,target=/x", "demo", "true"],
    &["run", "--rm", "--mount", "type=volume", "demo", "true"],
    &["run", "--rm", "--tmpfs", "relative", "demo", "true"],
    &["volume", "rm", "nosuch"],
    &["cp", "up:/nosuch", "."],
    &["cp", "nosuch:/etc", "."],
    &["kill", "-s", "NOSUCH", "up"],
    &["kill", "box"],
];

pub(crate) fn compare(engines: &Engines) {
    let [docker, explore] = ["docker", "explore"].map(|name| answer_all(engines.named(name)));
    let rows = MISTAKES.iter().enumerate().map(|(number, words)| {
        let (docker, explore) = (&docker[number], &explore[number]);
        let cells = [docker, explore].map(|(code, said)| format!("{code}: {}", chapter::cell(said)));
        Row { about: chapter::cell(&shown(words)), cells: cells.to_vec(), wants_reason: docker.0 != explore.0 }
    });
    chapter::settle("mistakes", "| command | docker | explore | because |", &rows.collect::<Vec<_>>());
}

fn answer_all(engine: &Engine) -> Vec<(i32, String)> {
    for words in [
        &["run", "-d", "--name", "up", "-p", "8080:80", "demo", "sleep", "1000"][..],
        &["run", "--name", "box", "demo", "true"],
        &["network", "create", "net"],
    ] {
        engine.command(words).run().status(0);
    }
    let answers = MISTAKES.iter().map(|words| {
        let output = engine.command(words).run();
        (output.code, told(&output.err))
    });
    let answers = answers.collect();
    engine.command(&["rm", "-f", "up", "box"]).run().status(0);
    engine.command(&["network", "rm", "net"]).run().status(0);
    answers
}

/// What was said, in one line, without what is new each time or another machine's, and without the advice to read the help.
fn told(text: &str) -> String {
    let meant = |line: &&str| !line.is_empty() && !line.starts_with("See '") && !line.starts_with("time=");
    let lines = text.lines().map(str::trim).filter(meant);
    let hex = |word: &str| word.len() >= 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts = |line: &str| {
        line.split_inclusive(|one: char| !one.is_ascii_alphanumeric())
            .map(|part| {
                let word = part.trim_end_matches(|one: char| !one.is_ascii_alphanumeric());
                if hex(word) { part.replace(word, "ID") } else { part.to_owned() }
            })
            .collect::<String>()
    };
    let processors = std::thread::available_parallelism().unwrap().get();
    let all = lines.map(parts).collect::<Vec<_>>().join(" / ");
    all.replace(&format!(" to {processors}.00"), " to N.00")
        .replace(&format!("only {processors} CPUs"), "only N CPUs")
        .replace(&format!("available: 0-{}", processors - 1), "available: 0-N")
}
