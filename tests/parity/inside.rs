//! What a container sees, without what differs from one container to the next.

use crate::engine::{Engine, Seen};
use std::collections::{BTreeMap, BTreeSet};

/// `inside.sh`, with what `run -i` gives.
pub(crate) fn plain(engine: &Engine) -> Seen {
    let output = engine.run(&["-i", "--name", "facts"], include_str!("inside.sh")).stdin("").run().status(0);
    engine.end();
    facts(&output.out, 100)
}

/// What `run -it` changes.
pub(crate) fn terminal(engine: &Engine) -> Seen {
    let script = r#"say() { printf '%s\t%s\n' "$1" "$2"; }
        say tty "$(tty)"; say 'env TERM' "$TERM"; say '/dev/console' "$(ls -ln /dev/console | awk '{ print $1, $3, $4, $5 $6 }')"
        say 'terminal' "$(ls -ln $(tty) | awk '{ print $1, $3, $4, $5 $6 }')"
        for try in 1 2 3 4 5 6 7 8 9; do [ "$(stty size)" = '0 0' ] && sleep 0.1; done
        say 'rows and columns' "$(stty size)"; say 'mount /dev/console' "$(grep ' /dev/console ' /proc/mounts | cut -d' ' -f3-4)"
        read -r _ _ _ parent group session tty foreground rest </proc/$$/stat
        say 'group, session, foreground group' "$group $session $foreground"; say 'controlling terminal' "$tty""#;
    let run = engine.run(&["-it", "--name", "facts"], script);
    let mut terminal = run.terminal(120);
    terminal.wait_for("controlling terminal");
    let output = terminal.finish().status(0);
    engine.end();
    facts(&output.out.replace('\r', ""), 8)
}

/// What `-v`, `--mount`, `--tmpfs` and `--read-only` mount.
pub(crate) fn mounts(engine: &Engine) -> Seen {
    let folder = engine.learner.work().display().to_string();
    let (bound, read_only) = (format!("{folder}:/bound"), format!("{folder}:/read-only:ro"));
    let mount = format!("type=bind,source={folder},target=/named/inside,readonly");
    let flags =
        ["--name", "facts", "--read-only", "-v", &bound, "-v", &read_only, "-v", "named:/named", "-v", "/nobodys"];
    let more = ["--tmpfs", "/scratch", "--tmpfs", "/small:size=1m,mode=700,exec", "--mount", &mount];
    let script = r#"say() { printf '%s\t%s\n' "$1" "$2"; }
        for place in / /bound /read-only /named /nobodys /named/inside /scratch /small /dev/shm /tmp; do
            [ -d $place ] && say "mode and owner of $place" "$(ls -ldn $place | awk '{ print $1, $3, $4 }')"
            if (: >$place/new) 2>/dev/null; then say "writable $place" yes; rm $place/new; else say "writable $place" no; fi
        done
        awk '$5 ~ "^/(bound|read-only|named|named/inside|nobodys|scratch|small|)$" {
            dash = 0; for (i = 7; i <= NF; i++) if ($i == "-") dash = i
            printf "mount %s\t%s %s %s\n", $5, $(dash + 1), $6, $(dash + 3) }' /proc/self/mountinfo"#;
    let output = engine.run(&[&flags[..], &more].concat(), script).run().status(0);
    engine.end();
    let _ = engine.command(&["volume", "rm", "named"]).run();
    facts(&output.out, 20)
}

fn facts(told: &str, at_least: usize) -> Seen {
    let told: BTreeMap<&str, &str> = told.lines().filter_map(|line| line.split_once('\t')).collect();
    assert!(told.len() >= at_least, "{} facts only: {told:?}", told.len());
    let name = told.get("hostname").copied().unwrap_or("nobody");
    told.iter().map(|(fact, value)| ((*fact).to_owned(), relation(fact, value, name))).collect()
}

/// The value, or what it is to others: an ID, an address, a path of the engine's differ each time, and what comes from
/// the host is another on the next one.
fn relation(fact: &str, value: &str, name: &str) -> String {
    let (kind, rest) = fact.split_once(' ').unwrap_or((fact, ""));
    match kind {
        "namespace" => {
            let ours = std::fs::read_link(format!("/proc/self/ns/{rest}")).unwrap();
            if ours.to_string_lossy() == value { "the host's" } else { "its own" }.into()
        }
        "cgroup" => if value == "/" { "the root" } else { "a group of its own" }.into(),
        "limit" => limit(rest, value),
        "mount" => mount(value),
        "/etc/hosts" | "/etc/resolv.conf" => file(fact, value, name),
        _ => value.replace(name, "ID").replace('|', "; ").trim_end_matches("; ").to_owned(),
    }
}

/// What whoever starts the engines may use too is the host's decision, and not theirs.
fn limit(name: &str, value: &str) -> String {
    let ours = std::fs::read_to_string("/proc/self/limits").unwrap();
    let words = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let ours = ours.lines().find_map(|line| line.strip_prefix(name).map(words));
    if ours.as_deref() == Some(value) { "that of who starts the engine".into() } else { value.into() }
}

/// Type and options. What a file lies on is the host's matter, and the options of an overlay are paths of the engine.
fn mount(value: &str) -> String {
    let words: Vec<&str> = value.split(' ').collect();
    let (kind, options, of_filesystem) = (words[0], words[1], words.get(2).unwrap_or(&""));
    match kind {
        "ext4" | "xfs" | "btrfs" => format!("a file of the host, {options}"),
        "overlay" | "devtmpfs" => format!("{kind} {options}"),
        _ => format!("{kind} {options}; {of_filesystem}").trim_end_matches("; ").to_owned(),
    }
}

/// The lines of a file in /etc; those that the host has too are told as one.
fn file(path: &str, value: &str, name: &str) -> String {
    let host = std::fs::read_to_string(path).unwrap_or_default();
    let host: BTreeSet<Vec<&str>> = host.lines().map(|line| line.split_whitespace().collect()).collect();
    let standard = |words: &[&str]| matches!(words.first(), Some(&("127.0.0.1" | "::1"))) && words[1] == "localhost";
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let names_host = path == "/etc/hosts" && words.len() == 2 && host.iter().any(|one| one.contains(&words[1]));
        if !words.is_empty() && !standard(&words) && (host.contains(&words) || names_host) {
            return "(the host's)".to_owned();
        }
        let shown = |word: &&str| if is_address(word) { "ADDRESS".into() } else { word.replace(name, "ID") };
        words.iter().map(shown).collect::<Vec<_>>().join(" ")
    };
    let mut lines: Vec<String> = value.split('|').map(line).filter(|line| !line.is_empty()).collect();
    lines.dedup();
    lines.join("; ")
}

fn is_address(word: &str) -> bool {
    word.parse::<std::net::Ipv4Addr>().is_ok_and(|address| !address.is_loopback())
}
