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
        let mut lines = told(&stage.machine, catalog);
        if !stage.inside.is_empty() {
            lines.push(catalog.say(words::INSIDE, &[]));
            lines.extend(told(&stage.inside, catalog).into_iter().map(|line| format!("  {line}")));
        }
        // From the network on there are namespaces of the container's own.
        let side = if stage.inside.is_empty() { Side::Outside } else { Side::Inside };
        above = Some((picture.add(above, Node::new(side, catalog.say(words::STAGE, &values), lines)), ""));
    }
    picture
}

/// A line for each change; changes of one kind, which begin or end with the same words, share one.
fn told(changes: &[Change], catalog: &Catalog) -> Vec<String> {
    let mut groups: Vec<(&str, Kind<'_>, Vec<String>)> = Vec::new();
    for change in changes {
        let sign = if change.sign == "gone" { "-" } else { "+" };
        let (kind, member) = kind(&change.what, catalog);
        match groups.iter_mut().find(|(of, known, _)| *of == sign && *known == kind) {
            Some((_, _, members)) => members.push(member),
            None => groups.push((sign, kind, vec![member])),
        }
    }
    groups.into_iter().map(|(sign, kind, members)| format!("{sign} {}", line(&kind, &members, catalog))).collect()
}

/// What changes have in common that share a line.
#[derive(PartialEq)]
enum Kind<'a> {
    /// Namespaces, and whose they are.
    Namespaces(&'a str),
    Interfaces,
    Groups,
    Processes,
    /// It has a line of its own.
    Other(&'a str),
}

/// `interface eth0` is an interface, `pid namespace: its own` a namespace of its own, and the groups are all called alike.
fn kind<'a>(what: &'a str, catalog: &Catalog) -> (Kind<'a>, String) {
    if let Some((name, whose)) = what.split_once(" namespace: ") {
        return (Kind::Namespaces(whose), name.to_owned());
    }
    if let Some(folder) = what.strip_prefix("cgroup ") {
        return (Kind::Groups, folder.split("/explore").next().unwrap_or(folder).to_owned());
    }
    let said = catalog.sentence(what);
    for (english, kind, word) in
        [("interface ", Kind::Interfaces, words::INTERFACES), ("process ", Kind::Processes, words::PROCESSES)]
    {
        let head = catalog.say(word, &[("names", "")]);
        if let Some(member) = said.strip_prefix(&head).filter(|_| what.starts_with(english)) {
            return (kind, member.to_owned());
        }
    }
    (Kind::Other(what), String::new())
}

fn line(kind: &Kind<'_>, members: &[String], catalog: &Catalog) -> String {
    let names = catalog.list(members);
    let say = |word| catalog.say(word, &[("names", &names)]);
    match kind {
        Kind::Namespaces(whose) => {
            catalog.say(words::NAMESPACES_OF, &[("whose", &catalog.sentence(whose)), ("names", &names)])
        }
        Kind::Interfaces => say(words::INTERFACES),
        // No line is broken before a slash: a list of folders needs its spaces.
        Kind::Groups => format!("cgroup {}", members.join(", ")),
        Kind::Processes => say(words::PROCESSES),
        Kind::Other(what) => catalog.sentence(what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::catalog::Language;

    #[test]
    fn changes_of_one_kind_share_a_line_and_none_is_lost() {
        let change = |sign: &str, what: &str| Change { sign: sign.into(), what: what.into() };
        let changes = [
            change("new", "pid namespace: its own"),
            change("new", "host name abc"),
            change("new", "uts namespace: its own"),
            change("new", "user namespace: shared with this side"),
            change("new", "cgroup /sys/fs/cgroup/pids/explore-1/abc…"),
            change("gone", "interface veth1"),
            change("gone", "interface ex1"),
            change("gone", "process 7: its supervisor"),
        ];
        let wanted = [
            "+ namespaces, its own: pid, uts",
            "+ host name abc",
            "+ namespaces, shared with this side: user",
            "+ cgroup /sys/fs/cgroup/pids",
            "- interface veth1, ex1",
            "- process 7: its supervisor",
        ];
        assert_eq!(told(&changes, &Catalog::default()), wanted);
        let wanted = [
            "+ 命名空间，自己的：pid、uts",
            "+ 主机名 abc",
            "+ 命名空间，与这一侧共用：user",
            "+ cgroup /sys/fs/cgroup/pids",
            "- 网络接口 veth1、ex1",
            "- 进程 7：它的监管进程",
        ];
        assert_eq!(told(&changes, &Catalog::of(Language::Chinese)), wanted);
    }
}
