//! What `/proc/PID` says of the two processes themselves.

use super::{section, verdict};
use crate::probe::comparison::{PlaceRow, Section, Verdict};
use crate::probe::place::{CgroupMembership, IdMap, Ids, Mount, Privileges};
use crate::probe::{Fact, Facts};
use std::collections::BTreeSet;

pub(in super::super) fn place(outside: &Facts, inside: &Facts) -> Section<PlaceRow> {
    let ids = |get: fn(&Ids) -> String| (text(&outside.ids, get), text(&inside.ids, get));
    let may = |get: fn(&Privileges) -> String| (text(&outside.privileges, get), text(&inside.privileges, get));
    let mut rows = vec![
        row("uid-map", ids(|ids| map_text(&ids.uid_map))),
        row("gid-map", ids(|ids| map_text(&ids.gid_map))),
        row("setgroups", ids(|ids| ids.setgroups.clone())),
        mounts(&outside.mounts, &inside.mounts),
        row("capabilities", may(|may| format!("{:016x}", may.effective))),
        row(
            "no-new-privileges",
            may(|may| may.no_new_privileges.map_or_else(String::new, |set| u8::from(set).to_string())),
        ),
        row("seccomp", may(|may| may.seccomp.map_or_else(String::new, seccomp_text))),
    ];
    // After pivot_root(2) it is `/` again: only chroot(2) shows, and only then is there something to say.
    let root = row("root", (outside.root.clone(), inside.root.clone()));
    if root.verdict == Verdict::Differs {
        rows.insert(3, root);
    }
    rows.extend(cgroups(&outside.cgroups, &inside.cgroups));
    section(rows, |row| &row.verdict)
}

fn text<T: Clone>(fact: &Fact<T>, get: impl Fn(&T) -> String) -> Fact<String> {
    fact.clone().map(|value| get(&value))
}

fn row(code: &str, (outside, inside): (Fact<String>, Fact<String>)) -> PlaceRow {
    PlaceRow {
        code: code.to_owned(),
        verdict: verdict(&outside, &inside),
        outside: outside.known().cloned(),
        inside: inside.known().cloned(),
    }
}

fn map_text(map: &[IdMap]) -> String {
    let line = |line: &IdMap| format!("{} {} {}", line.inside, line.outside, line.length);
    map.iter().map(line).collect::<Vec<_>>().join(", ")
}

fn seccomp_text(mode: u32) -> String {
    match mode {
        0 => "none".into(),
        1 => "strict".into(),
        2 => "filter".into(),
        other => other.to_string(),
    }
}

/// Two tables of mounts are the same if each line is; shown are their lengths and the root of each.
fn mounts(outside: &Fact<Vec<Mount>>, inside: &Fact<Vec<Mount>>) -> PlaceRow {
    let summary = |mounts: &Vec<Mount>| {
        let root = mounts.iter().rev().find(|mount| mount.target == "/");
        let root = root.map_or_else(String::new, |root| format!(", / is {}", root.fstype));
        format!("{}{root}", mounts.len())
    };
    PlaceRow { verdict: verdict(outside, inside), ..row("mounts", (text(outside, summary), text(inside, summary))) }
}

fn cgroups(outside: &Fact<Vec<CgroupMembership>>, inside: &Fact<Vec<CgroupMembership>>) -> Vec<PlaceRow> {
    let (Fact::Known(there), Fact::Known(here)) = (outside, inside) else {
        let untold = |fact: &Fact<Vec<CgroupMembership>>| text(fact, |_| String::new());
        return vec![row("cgroup", (untold(outside), untold(inside)))];
    };
    let names: BTreeSet<&Vec<String>> = there.iter().chain(here).map(|one| &one.controllers).collect();
    let path = |list: &[CgroupMembership], name: &Vec<String>| {
        let found = list.iter().find(|one| one.controllers == *name).map(|one| one.path.clone());
        found.map_or_else(|| Fact::Unknown("no such hierarchy for this process".to_owned()), Fact::Known)
    };
    let code =
        |name: &Vec<String>| if name.is_empty() { "cgroup v2".into() } else { format!("cgroup {}", name.join(",")) };
    names.into_iter().map(|name| row(&code(name), (path(there, name), path(here, name)))).collect()
}
