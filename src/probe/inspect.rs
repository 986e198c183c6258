//! Everything about one process, gathered.

use super::Fact;
use super::fact::{ENDED, ZOMBIE};
use super::place::{self, CgroupMembership, Ids, Mount, Privileges};
use super::process::{self, Processes};
use super::visit::{Report, Uname, visit};
use crate::kernel::namespace::{Identity, Kind};
use crate::kernel::netlink::Interface;
use crate::kernel::nsfs;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one process sees, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Its number, as we have it.
    pub pid: i32,
    /// Clock ticks after boot at which it was started: a number may be given again, this pair is not.
    pub start: Fact<u64>,
    /// Its command line.
    pub command: Fact<String>,
    /// Which namespaces it is in.
    pub namespaces: BTreeMap<Kind, Fact<Identity>>,
    /// What `uname` says there.
    pub uname: Fact<Uname>,
    /// The processes that it can see.
    pub processes: Fact<Processes>,
    /// The interfaces that it can see.
    pub links: Fact<Vec<Interface>>,
    /// Where its root is: `/`, unless it has used chroot(2).
    pub root: Fact<String>,
    /// The mounts below its root.
    pub mounts: Fact<Vec<Mount>>,
    /// Its ids and their maps.
    pub ids: Fact<Ids>,
    /// Its cgroups.
    pub cgroups: Fact<Vec<CgroupMembership>>,
    /// What it may do.
    pub privileges: Fact<Privileges>,
}

/// Looks at any process of the machine. `pid` is its number as we have it.
///
/// Nothing fails: what the kernel refuses, or what is gone, is said in the fact itself. The caller is single-threaded
/// (a child is forked) and stays in its namespaces.
pub fn look(pid: i32) -> Facts {
    let found = Fact::from(procfs::process::Process::new(pid));
    let Fact::Known(process) = &found else { return nothing(pid, &found) };
    let (stat, status) = match (Fact::from(process.stat()), Fact::from(process.status())) {
        (Fact::Known(stat), Fact::Known(status)) => (stat, status),
        (Fact::Known(_), status) => return nothing(pid, &status),
        (stat, _) => return nothing(pid, &stat),
    };
    let ids = place::ids(process, &status);
    let namespaces = namespaces(pid);
    let Report { uname, links } = visit(pid);
    let facts = Facts {
        pid,
        start: Fact::Known(stat.starttime),
        command: Fact::Known(process::command_line(process, &stat)),
        processes: process::seen_by(&status, &namespaces, ids.known()),
        namespaces,
        uname,
        links,
        root: Fact::from(process.root()).map(|root| root.to_string_lossy().into_owned()),
        mounts: place::mounts(process),
        ids,
        cgroups: place::cgroups(process),
        privileges: Fact::Known(place::privileges(&status)),
    };
    checked(facts, stat.state)
}

/// A number that was given to somebody else while we looked makes all of it worthless; a zombie is named as such.
fn checked(mut facts: Facts, state: char) -> Facts {
    let now = procfs::process::Process::new(facts.pid).and_then(|process| process.stat()).map(|stat| stat.starttime);
    if let (Ok(now), Fact::Known(start)) = (now, &facts.start)
        && now != *start
    {
        return nothing(facts.pid, &Fact::<()>::Unknown(ENDED.into()));
    }
    if matches!(state, 'Z' | 'X') {
        zombie(&mut facts);
    }
    facts
}

fn zombie(facts: &mut Facts) {
    fn name<T>(fact: &mut Fact<T>) {
        if let Fact::Unknown(why) = fact {
            ZOMBIE.clone_into(why);
        }
    }
    facts.namespaces.values_mut().for_each(name);
    name(&mut facts.uname);
    name(&mut facts.links);
    name(&mut facts.mounts);
    name(&mut facts.processes);
}

fn namespaces(pid: i32) -> BTreeMap<Kind, Fact<Identity>> {
    let one = |kind: Kind| {
        if std::fs::symlink_metadata(format!("/proc/self/ns/{}", kind.link())).is_err() {
            return Fact::Unknown(format!("this kernel has no {} namespaces", kind.link()));
        }
        nsfs::open(pid, kind).and_then(|open| nsfs::identity(&open)).into()
    };
    Kind::ALL.into_iter().map(|kind| (kind, one(kind))).collect()
}

/// All that can be said about a process that is not there, or not for us.
fn nothing<T>(pid: i32, why: &Fact<T>) -> Facts {
    fn same<T, U>(why: &Fact<T>) -> Fact<U> {
        why.reason().unwrap_or_else(|| Fact::Unknown(ENDED.into()))
    }
    Facts {
        pid,
        start: same(why),
        command: same(why),
        namespaces: Kind::ALL.into_iter().map(|kind| (kind, same(why))).collect(),
        uname: same(why),
        processes: same(why),
        links: same(why),
        root: same(why),
        mounts: same(why),
        ids: same(why),
        cgroups: same(why),
        privileges: same(why),
    }
}
