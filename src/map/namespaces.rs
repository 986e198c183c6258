//! Which processes stand in which namespaces, as a tree: a process hangs on the place that it was started from.
//!
//! A *place* is a set of namespaces: all processes that have the same eight stand in it. `/proc/PID/ns` says which they
//! are (namespaces(7)); for a process of another user it says nothing, and such are counted, not guessed.

use super::{Node, Picture, Side, words};
use crate::kernel::namespace::{Identity, Kind};
use crate::kernel::nsfs;
use crate::lesson::catalog::Catalog;
use crate::stages::create::Container;
use crate::stages::exec;
use crate::state::Roots;
use std::collections::BTreeMap;

/// How many processes of a place are named; the rest is counted.
const NAMED: usize = 6;

/// One process: what it is in, and what it is.
struct Process {
    parent: i32,
    spaces: Vec<Option<Identity>>,
    inner: Option<i32>,
    command: String,
}

/// The places of these containers, and what they hang on.
pub fn namespaces(roots: &Roots, containers: &[Container], catalog: &Catalog) -> Picture {
    let mut picture = Picture::new(catalog.say(words::STAND, &[]));
    let (all, unseen) = processes();
    let names: BTreeMap<i32, &str> = containers
        .iter()
        .filter_map(|one| Some((exec::running(roots, &one.id)?.init.pid, one.name.as_str())))
        .collect();
    let mut known: Vec<(Vec<Option<Identity>>, usize)> = Vec::new();
    let me = std::process::id().cast_signed();
    let here = all.get(&me).map(|process| process.spaces.clone()).unwrap_or_default();
    let root = picture.add(None, Node::new(Side::Outside, catalog.say(words::MACHINE, &[]), Vec::new()));
    known.push((here, root));
    for pid in names.keys() {
        let mut way: Vec<i32> = Vec::new();
        let mut next = *pid;
        while let Some(process) = all.get(&next) {
            way.push(next);
            next = process.parent;
        }
        let mut above = root;
        for step in way.into_iter().rev() {
            let spaces = &all[&step].spaces;
            above = match known.iter().find(|(other, _)| other == spaces) {
                Some((_, number)) => *number,
                None => place(&mut picture, (&all, &names), &mut known, (above, spaces), catalog),
            };
        }
    }
    let base = known[0].0.clone();
    picture.nodes[root].lines = own(&base, None, catalog);
    let others = all.values().filter(|process| process.spaces == base).count();
    picture.nodes[root].lines.push(catalog.say(words::OTHERS, &[("number", &others.to_string())]));
    if unseen > 0 {
        picture.notes.push(catalog.say(words::UNSEEN, &[("number", &unseen.to_string())]));
    }
    picture
}

type Known = Vec<(Vec<Option<Identity>>, usize)>;

fn place(
    picture: &mut Picture,
    (all, names): (&BTreeMap<i32, Process>, &BTreeMap<i32, &str>),
    known: &mut Known,
    (above, spaces): (usize, &[Option<Identity>]),
    catalog: &Catalog,
) -> usize {
    let outer = known.iter().find(|(_, number)| *number == above).map(|(outer, _)| outer.clone());
    let mut lines = own(spaces, outer.as_deref(), catalog);
    let members: Vec<_> = all.iter().filter(|(_, process)| process.spaces == spaces).collect();
    for (pid, process) in members.iter().take(NAMED) {
        let inner = process.inner.map(|inner| inner.to_string());
        let word = if inner.is_some() { words::PROCESS_TWICE } else { words::PROCESS };
        let inner = inner.unwrap_or_default();
        let values = [("pid", &*pid.to_string()), ("inner", &inner), ("command", &process.command)];
        lines.push(catalog.say(word, &values));
    }
    if members.len() > NAMED {
        lines.push(catalog.say(words::MORE, &[("number", &(members.len() - NAMED).to_string())]));
    }
    let name = members.iter().find_map(|(pid, _)| names.get(pid));
    let title = name
        .map_or_else(|| catalog.say(words::ON_THE_WAY, &[]), |name| catalog.say(words::CONTAINER, &[("name", name)]));
    let number = picture.add(Some((above, "")), Node::new(Side::Inside, title, lines));
    known.push((spaces.to_owned(), number));
    number
}

/// The namespaces that differ from those of the place above, by kind and number.
fn own(spaces: &[Option<Identity>], outer: Option<&[Option<Identity>]>, catalog: &Catalog) -> Vec<String> {
    let differs = |number: usize| outer.is_none_or(|outer| outer.get(number) != spaces.get(number));
    let mut shared = Vec::new();
    let mut lines = Vec::new();
    for (number, kind) in Kind::ALL.into_iter().enumerate() {
        match spaces.get(number).copied().flatten() {
            Some(space) if differs(number) => lines.push(format!("{}:[{}]", kind.link(), space.inode)),
            Some(_) => shared.push(kind.link()),
            None => {}
        }
    }
    let mut pairs: Vec<String> = lines.chunks(2).map(|pair| pair.join("  ")).collect();
    if !shared.is_empty() {
        pairs.push(catalog.say(words::SHARED, &[("kinds", &catalog.list(&shared))]));
    }
    pairs
}

/// All processes whose namespaces can be read, and how many there are besides.
fn processes() -> (BTreeMap<i32, Process>, usize) {
    let (mut all, mut unseen) = (BTreeMap::new(), 0);
    for process in procfs::process::all_processes().into_iter().flatten().filter_map(Result::ok) {
        let (Ok(stat), Ok(status)) = (process.stat(), process.status()) else { continue };
        let spaces: Vec<Option<Identity>> = Kind::ALL
            .into_iter()
            .map(|kind| nsfs::open(process.pid, kind).and_then(|open| nsfs::identity(&open)).ok())
            .collect();
        if spaces.iter().all(Option::is_none) {
            unseen += 1;
            continue;
        }
        let inner = status.nspid.filter(|numbers| numbers.len() > 1).and_then(|numbers| numbers.last().copied());
        let command = crate::probe::command_line(&process, &stat);
        all.insert(process.pid, Process { parent: stat.ppid, spaces, inner, command });
    }
    (all, unseen)
}
