//! What is taken out of a recording before two of them are compared: all that differs from run to run or from machine to
//! machine. What is left are the words, and those must be the same.

/// Lines of `explore network` that tell of the machine's own network.
const OF_THE_MACHINE: [&str; 3] = ["beyond ", "forwarding ", "net.ipv4.conf."];

/// What a command says about how far it is, once it has taken over a second: a busy machine's lines, not the lesson's.
const OF_HASTE: [&str; 5] = [
    "Making the demo image from this machine: ",
    "Reading the archive: ",
    ": Downloading ",
    ": Download complete ",
    ": Extracting ",
];

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// As an HTTP date begins, RFC 9110 section 5.6.7.
const WEEKDAYS: [&str; 7] = ["Mon,", "Tue,", "Wed,", "Thu,", "Fri,", "Sat,", "Sun,"];

const UNITS: [&str; 7] = ["second", "minute", "hour", "day", "week", "month", "year"];

/// `text` without numbers, digests, addresses, times and `node`, the machine's name. Columns lose their width with them.
pub(super) fn redact(text: &str, node: &str) -> String {
    let of_the_machine = |line: &&str| OF_THE_MACHINE.iter().any(|start| line.trim_start().starts_with(start));
    let of_haste = |line: &&str| OF_HASTE.iter().any(|part| line.contains(part));
    let lines = text.lines().filter(|line| !of_the_machine(line) && !of_haste(line));
    let words = lines.flat_map(str::split_whitespace);
    let words: Vec<String> = words.map(|word| if word == node { "NODE".into() } else { redact_word(word) }).collect();
    without_ages(&without_dates(&words)).join(" ")
}

/// A state folder becomes `ROOT`, a hardware address `MAC`, a number drawn at boot `UUID`, a control
/// group `GROUP`; digits, and hex digits from seven on with a digit among them,
/// become `N`. Digests and numbers get one letter: a digest may happen to have no letters.
fn redact_word(word: &str) -> String {
    if let Some((before, after)) = word.split_once("/lessons/") {
        let name = before.split_once('/').map_or("", |(name, _)| name);
        return format!("{name}ROOT/{}", redact_word(after));
    }
    if is_mac(word) {
        return "MAC".into();
    }
    if is_uuid(word) {
        return "UUID".into();
    }
    if let Some(controllers) = group_of(word) {
        return format!("N:{controllers}:GROUP");
    }
    let mut out = String::new();
    let mut rest = word;
    while !rest.is_empty() {
        let hex = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_hexdigit()).len();
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let is_digest = hex >= 7 && rest[..hex].bytes().any(|byte| byte.is_ascii_digit());
        let taken = if is_digest { hex } else { digits };
        if taken > 0 {
            out.push('N');
            rest = &rest[taken..];
        } else {
            let first = rest.chars().next().map_or(1, char::len_utf8);
            out.push_str(&rest[..first]);
            rest = &rest[first..];
        }
    }
    out
}

/// The controllers in a line of `/proc/PID/cgroup`, `4:memory:/where/this/machine/put/us`: cgroups(7).
fn group_of(word: &str) -> Option<&str> {
    let (number, rest) = word.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let is_line = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.is_empty() && path.starts_with('/');
    is_line.then_some(controllers)
}

fn is_mac(word: &str) -> bool {
    let bytes: Vec<&str> = word.split(':').collect();
    bytes.len() == 6 && bytes.iter().all(|byte| byte.len() == 2 && byte.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// As `/proc/sys/kernel/random/boot_id` is written, random(4).
fn is_uuid(word: &str) -> bool {
    let groups: Vec<&str> = word.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// `Nov 24 06:49`, and `Sep 2 2025` of what is older, as ls(1) writes them; `Tue, 24 Nov 2026 09:00:52` of HTTP.
fn without_dates(words: &[String]) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = words;
    while let [word, after @ ..] = rest {
        rest = after;
        match after {
            [day, month, year, time, later @ ..]
                if WEEKDAYS.contains(&word.as_str())
                    && MONTHS.contains(&month.as_str())
                    && [day, year].iter().all(|number| *number == "N")
                    && time.starts_with('N') =>
            {
                out.push("DATE".to_owned());
                rest = later;
            }
            [day, time, later @ ..] if MONTHS.contains(&word.as_str()) && day == "N" && time.starts_with('N') => {
                out.push("DATE".to_owned());
                rest = later;
            }
            _ => out.push(word.clone()),
        }
    }
    out
}

/// `2 seconds`, `Less than a second`, `About an hour`, as docker writes them.
fn without_ages(words: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in words {
        if !UNITS.contains(&word.strip_suffix('s').unwrap_or(word)) {
            out.push(word.clone());
            continue;
        }
        let starts: [&[&str]; 4] = [&["Less", "than", "a"], &["About", "a"], &["About", "an"], &["N"]];
        match starts.iter().find(|start| out.ends_with(&start.iter().map(ToString::to_string).collect::<Vec<_>>())) {
            Some(start) => {
                out.truncate(out.len() - start.len());
                out.push("AGE".into());
            }
            None => out.push(word.clone()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_always_differs_is_taken_out_and_nothing_else() {
        for (word, left) in [
            ("pid:[4026531836]", "pid:[N]"),
            ("03:52", "N:N"),
            ("sha256:0a1b2c3d4e5f6071", "shaN:N"),
            ("facade进程", "facade进程"),
            ("veth80b7298@if2", "vethN@ifN"),
            ("4:memory:/system.slice/ssh.service", "N:memory:GROUP"),
            ("0::/", "N::GROUP"),
            ("02:42:ac:1e:24:02", "MAC"),
            ("481d848d-8c94-4099-aef8-b11b2d9ab2d2", "UUID"),
            ("upperdir=/run/explore/lessons/0a1b2c3d/data", "upperdir=ROOT/N/data"),
        ] {
            assert_eq!(redact_word(word), left);
        }
    }

    #[test]
    fn two_runs_at_different_times_say_the_same() {
        let same = [
            ("box Up Less than a second now", "box Up 12 seconds now"),
            ("-rw-r--r-- 1 40 Nov 24 06:49 a", "-rw-r--r-- 1 7 Sep  2  2025 a"),
            ("Date: Tue, 24 Nov 2026 09:00:52 GMT", "Date: Wed, 02 Dec 2026 00:51:15 GMT"),
            ("pulled\nMaking the demo image from this machine: 9 of 90 files", "pulled"),
            ("outside\nbeyond      what this machine reaches", "outside\nbeyond      nothing: no route"),
        ];
        for (one, two) in same {
            assert_eq!(redact(one, "vm"), redact(two, "vm"));
        }
        assert_eq!(redact("a second process, May 1", "vm"), "a second process, May N");
    }
}
