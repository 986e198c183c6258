//! `docker run` on one page: what each of the six stages has changed, on this machine and in the container's own
//! namespaces. `explore walk --json` has looked; here it is put in order.

use super::{Node, Picture, Side, words};
use crate::lesson::catalog::Catalog;
use serde::Deserialize;

/// What `walk --json` says.
#[derive(Debug, Clone, Deserialize)]
pub struct Walk {
    stages: Vec<Stage>,
}

#[derive(Debug, Clone, Deserialize)]
struct Stage {
    #[serde(rename = "stage")]
    name: String,
    machine: Vec<Change>,
    inside: Vec<Change>,
}

#[derive(Debug, Clone, Deserialize)]
struct Change {
    sign: String,
    what: String,
}

/// A chain of the stages.
pub fn stages(walk: &Walk, catalog: &Catalog) -> Picture {
    let mut picture = Picture::new(catalog.say(words::STAGES, &[]));
    let (mut above, all) = (None, walk.stages.len().to_string());
    for (number, stage) in walk.stages.iter().enumerate() {
        let values = [("number", &*(number + 1).to_string()), ("all", &all), ("stage", &stage.name)];
        let mut lines = told(&stage.machine);
        if !stage.inside.is_empty() {
            lines.push(catalog.say(words::INSIDE, &[]));
            lines.extend(told(&stage.inside).into_iter().map(|line| format!("  {line}")));
        }
        // From the network on there are namespaces of the container's own.
        let side = if stage.inside.is_empty() { Side::Outside } else { Side::Inside };
        above = Some((picture.add(above, Node::new(side, catalog.say(words::STAGE, &values), lines)), ""));
    }
    picture
}

/// A line for each change; changes of one kind, which begin or end with the same words, share one.
fn told(changes: &[Change]) -> Vec<String> {
    let mut groups: Vec<(&str, String, Vec<String>)> = Vec::new();
    for change in changes {
        let sign = if change.sign == "gone" { "-" } else { "+" };
        let (kind, what) = kind(&change.what);
        match groups.iter_mut().find(|(of, known, _)| *of == sign && *known == kind) {
            Some((_, _, members)) => members.push(what),
            None => groups.push((sign, kind, vec![what])),
        }
    }
    groups.into_iter().map(|(sign, kind, members)| format!("{sign} {kind}{}", members.join(", "))).collect()
}

/// `interface eth0` is an interface, `pid namespace: its own` a namespace of its own, and the groups are all called alike.
fn kind(what: &str) -> (String, String) {
    if let Some((name, whose)) = what.split_once(" namespace: ") {
        return (format!("namespaces, {whose}: "), name.to_owned());
    }
    for kind in ["interface ", "cgroup ", "process "] {
        if let Some(rest) = what.strip_prefix(kind) {
            let shown = if kind == "cgroup " { rest.split("/explore").next().unwrap_or(rest) } else { rest };
            return (kind.to_owned(), shown.to_owned());
        }
    }
    (what.to_owned(), String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_one_kind_share_a_line_and_none_is_lost() {
        let change = |sign: &str, what: &str| Change { sign: sign.into(), what: what.into() };
        let lines = told(&[
            change("new", "pid namespace: its own"),
            change("new", "host name abc"),
            change("new", "uts namespace: its own"),
            change("new", "user namespace: shared with this side"),
            change("new", "cgroup /sys/fs/cgroup/pids/explore-1/abc…"),
            change("gone", "interface veth1"),
            change("gone", "interface ex1"),
        ]);
        let wanted = [
            "+ namespaces, its own: pid, uts",
            "+ host name abc",
            "+ namespaces, shared with this side: user",
            "+ cgroup /sys/fs/cgroup/pids",
            "- interface veth1, ex1",
        ];
        assert_eq!(lines, wanted);
    }
}
