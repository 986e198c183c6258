//! Processes. One that both sides see is one process, whatever its numbers are: it is known by its number in our own
//! namespace together with its start.

use crate::kernel::namespace::Kind;
use crate::probe::comparison::{ProcessRow, Section, Verdict};
use crate::probe::{Fact, Facts, Process};
use std::collections::{HashMap, HashSet};

type Key = (i32, u64);

fn key(process: &Process) -> Key {
    (process.pids.first().copied().unwrap_or(process.pid), process.start)
}

pub(in super::super) fn processes(outside: &Facts, inside: &Facts) -> Section<ProcessRow> {
    let (there, here) = match (&outside.processes, &inside.processes) {
        (Fact::Known(there), Fact::Known(here)) => (&there.list, &here.list),
        (Fact::Known(there), untold) => return outside_alone(&there.list, &untold_verdict(untold), outside, inside),
        (untold, _) => return Section { verdict: untold_verdict(untold), rows: Vec::new() },
    };
    let seen_outside: HashMap<Key, &Process> = there.iter().map(|process| (key(process), process)).collect();
    let seen_inside: HashSet<Key> = here.iter().map(key).collect();
    // Of two looks at one namespace the second also sees who was born in between; that says nothing of the place.
    let latest = there.iter().map(|process| process.start).max().unwrap_or(0);
    let one_namespace = outside.namespaces.get(&Kind::Pid) == inside.namespaces.get(&Kind::Pid);
    let newborn =
        |process: &Process| one_namespace && process.start >= latest && !seen_outside.contains_key(&key(process));
    let mut rows: Vec<ProcessRow> = here
        .iter()
        .filter(|process| !newborn(process))
        .map(|process| row(seen_outside.get(&key(process)).copied(), Some(process)))
        .collect();
    rows.extend(there.iter().filter(|process| !seen_inside.contains(&key(process))).map(|one| row(Some(one), None)));
    relate(&mut rows, outside, inside);
    let undetermined = inside.processes.known().is_some_and(|seen| seen.undetermined > 0);
    let verdict = match () {
        () if rows.iter().any(|row| row.verdict != Verdict::Same) => Verdict::Differs,
        () if undetermined => Verdict::Unknown("some processes belong to others, who may be inside as well".into()),
        () => Verdict::Same,
    };
    Section { verdict, rows }
}

fn row(outside: Option<&Process>, inside: Option<&Process>) -> ProcessRow {
    let verdict = match (outside, inside) {
        (Some(there), Some(here)) if there.pid == here.pid => Verdict::Same,
        (Some(there), Some(here)) => Verdict::Translated { inside: here.pid, outside: there.pid },
        _ => Verdict::Hidden,
    };
    ProcessRow { verdict, related: false, outside: outside.cloned(), inside: inside.cloned() }
}

fn untold_verdict<T>(fact: &Fact<T>) -> Verdict {
    match fact {
        Fact::Known(_) => Verdict::Same,
        Fact::Denied(why) => Verdict::Denied(why.clone()),
        Fact::Unknown(why) => Verdict::Unknown(why.clone()),
    }
}

/// The inside's list is not known: then nothing is said of any process but that it is there.
fn outside_alone(list: &[Process], verdict: &Verdict, outside: &Facts, inside: &Facts) -> Section<ProcessRow> {
    let row = |process: &Process| ProcessRow {
        verdict: verdict.clone(),
        related: false,
        outside: Some(process.clone()),
        inside: None,
    };
    let mut rows: Vec<ProcessRow> = list.iter().map(row).collect();
    relate(&mut rows, outside, inside);
    Section { verdict: verdict.clone(), rows }
}

/// Marks what has to do with the place: the process that was looked at, its descendants and its parent, the process from
/// which it is looked at, and everything that has another number inside.
fn relate(rows: &mut [ProcessRow], outside: &Facts, inside: &Facts) {
    let there = || rows.iter().filter_map(|row| row.outside.as_ref());
    let parents: HashMap<i32, i32> = there().map(|process| (process.pid, process.parent)).collect();
    // Facts name the processes in our numbers; the rows have those of the outside, which may be another level.
    let numbered = |ours: i32| there().find(|one| one.pids.first() == Some(&ours)).map(|one| one.pid);
    let (looking, subject) = (numbered(outside.pid), numbered(inside.pid));
    let line = |mut pid: i32| {
        let mut line = vec![pid];
        // A parent that was read later than its child may close a circle; the length of the list ends it.
        while let Some(&parent) = parents.get(&pid).filter(|_| line.len() <= parents.len()) {
            line.push(parent);
            pid = parent;
        }
        line
    };
    let parent = subject.and_then(|pid| parents.get(&pid));
    let is_related = |row: &ProcessRow| {
        let number = row.outside.as_ref().map(|process| process.pid);
        row.inside.is_some() && row.verdict != Verdict::Same
            || number.is_some_and(|pid| {
                Some(&pid) == parent || Some(pid) == looking || subject.is_some_and(|one| line(pid).contains(&one))
            })
    };
    let related: Vec<bool> = rows.iter().map(is_related).collect();
    for (row, related) in rows.iter_mut().zip(related) {
        row.related = related;
    }
    rows.sort_by_key(|row| (row.inside.is_none(), row.inside.as_ref().or(row.outside.as_ref()).map(|one| one.pid)));
}
