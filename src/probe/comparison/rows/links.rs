//! Interfaces. Within one network namespace they are the very same; across two, equal names mean nothing.

use super::verdict;
use crate::kernel::namespace::Kind;
use crate::kernel::netlink::Interface;
use crate::probe::comparison::{LinkRow, Section, Verdict};
use crate::probe::{Fact, Facts};
use std::collections::HashMap;

pub(in super::super) fn links(outside: &Facts, inside: &Facts) -> Section<LinkRow> {
    let namespace = |facts: &Facts| {
        facts.namespaces.get(&Kind::Net).cloned().unwrap_or_else(|| Fact::Unknown("not looked at".to_owned()))
    };
    let namespaces = verdict(&namespace(outside), &namespace(inside));
    // One list that could not be read makes the whole untold, whatever the namespaces are.
    let lists = match verdict(&outside.links, &inside.links) {
        untold if untold.why().is_some() => untold,
        _ => namespaces,
    };
    let empty = Vec::new();
    let there = outside.links.known().unwrap_or(&empty);
    let here = inside.links.known().unwrap_or(&empty);
    let by_name: HashMap<&str, &Interface> = here.iter().map(|link| (link.name.as_str(), link)).collect();
    let mut rows: Vec<LinkRow> = there
        .iter()
        .map(|link| row(Some(link), by_name.get(link.name.as_str()).copied(), &lists, (there, here)))
        .collect();
    let only_inside = here.iter().filter(|link| there.iter().all(|other| other.name != link.name));
    rows.extend(only_inside.map(|link| row(None, Some(link), &lists, (there, here))));
    let alike = rows.iter().all(|row| row.verdict == Verdict::Same);
    let verdict = if lists.why().is_some() || alike { lists } else { Verdict::Differs };
    Section { verdict, rows }
}

fn row(
    outside: Option<&Interface>,
    inside: Option<&Interface>,
    lists: &Verdict,
    all: (&[Interface], &[Interface]),
) -> LinkRow {
    let verdict = match (outside, inside) {
        _ if lists.why().is_some() => lists.clone(),
        (Some(_), Some(_)) => lists.clone(),
        _ => Verdict::Hidden,
    };
    let peer = inside
        .and_then(|link| other_end(link, all.0))
        .or_else(|| outside.filter(|_| inside.is_none()).and_then(|link| other_end(link, all.1)))
        .map(|link| link.name.clone());
    LinkRow { verdict, outside: outside.cloned(), inside: inside.cloned(), peer }
}

/// The other end of a veth pair, in the other place's list: each names the other's index as its own peer. That the two
/// could name each other by accident is possible only where each says that its peer is in another namespace.
fn other_end<'a>(link: &Interface, others: &'a [Interface]) -> Option<&'a Interface> {
    let elsewhere = |link: &Interface| link.peer_namespace.is_some() && link.kind.as_deref() == Some("veth");
    others.iter().find(|other| {
        elsewhere(link) && elsewhere(other) && link.peer == Some(other.index) && other.peer == Some(link.index)
    })
}
