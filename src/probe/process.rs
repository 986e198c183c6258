//! Processes, each with its number at every level.
//!
//! The kernel keeps one number per PID namespace for each process and shows them all, outermost first, as NSpid in
//! `/proc/PID/status` (proc_pid_status(5)). Who can see whom follows from it: a place sees the processes of its own PID
//! namespace and of those below. Which namespace that is says the link `/proc/PID/ns/pid`.

use super::Fact;
use super::place::Ids;
use super::users::Users;
use crate::kernel::namespace::{Identity, Kind};
use crate::kernel::nsfs;
use procfs::process::{Process as Proc, Stat, Status};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// One process, as one place has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number in this place.
    pub pid: i32,
    /// Its parent's number in this place; 0 where the parent is not seen from here.
    pub parent: i32,
    /// Its numbers at every level, ours first.
    pub pids: Vec<i32>,
    /// Its user, as this place calls it.
    pub user: String,
    /// Its state, and how it runs, as `ps` abbreviates it (`Ss+`).
    pub state: String,
    /// Clock ticks after boot at which it was started.
    pub start: u64,
    /// Its terminal; `None` without one.
    pub tty: Option<String>,
    /// Clock ticks of processor time that it used.
    pub used: u64,
    /// Its command line; `[name]` where it has none (kernel threads, zombies).
    pub command: String,
}

/// The processes that one place can see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processes {
    /// By number, as this place numbers them.
    pub list: Vec<Process>,
    /// How many more have a number at this level, but the kernel would not tell us in which namespace.
    pub undetermined: usize,
}

/// What `ps -e` shows to the process with this status.
pub(super) fn seen_by(
    status: &Status,
    namespaces: &BTreeMap<Kind, Fact<Identity>>,
    ids: Option<&Ids>,
) -> Fact<Processes> {
    // 0 is the PID namespace of our /proc, in which every process there is has a number.
    let level = status.nspid.as_ref().map_or(0, |pids| pids.len().saturating_sub(1));
    let space = match namespaces.get(&Kind::Pid) {
        Some(Fact::Known(identity)) => Some(*identity),
        _ if level == 0 => None,
        other => {
            let ended = || Fact::Unknown(super::fact::ENDED.into());
            return other.and_then(Fact::reason).unwrap_or_else(ended);
        }
    };
    let users = if shares_our_files(namespaces) { Users::of_machine() } else { Users::of_stranger() };
    let name = |uid: u32| match ids {
        Some(ids) => ids.uid_inside(uid).map_or_else(|| "nobody".to_owned(), |uid| users.name(uid)),
        None => users.name(uid),
    };
    Fact::from(procfs::process::all_processes()).map(|all| gather(all.filter_map(Result::ok), level, space, name))
}

fn shares_our_files(namespaces: &BTreeMap<Kind, Fact<Identity>>) -> bool {
    let ours = nsfs::open(std::process::id().cast_signed(), Kind::Mnt).and_then(|open| nsfs::identity(&open)).ok();
    ours.is_some() && namespaces.get(&Kind::Mnt).and_then(Fact::known).copied() == ours
}

fn gather(
    all: impl Iterator<Item = Proc>,
    level: usize,
    space: Option<Identity>,
    name: impl Fn(u32) -> String,
) -> Processes {
    let mut list = Vec::new();
    let mut untold = Vec::new();
    let mut line = Line::default();
    for process in all {
        // A process may end between the listing and the reading: then it is simply not there any more.
        let (Ok(stat), Ok(status)) = (process.stat(), process.status()) else { continue };
        let pids = status.nspid.clone().unwrap_or_else(|| vec![status.pid]);
        line.add(process.pid, stat.ppid, pids.get(level).copied());
        match is_seen(process.pid, &pids, level, space) {
            Some(false) => {}
            None => untold.push(process.pid),
            Some(true) => list.push(Process {
                pid: pids.get(level).copied().unwrap_or(process.pid),
                parent: stat.ppid,
                pids,
                user: name(status.euid),
                state: state(&stat, &status),
                start: stat.starttime,
                tty: terminal(stat.tty_nr),
                used: stat.utime + stat.stime,
                command: command_line(&process, &stat),
            }),
        }
    }
    untold.retain(|pid| !line.leads_elsewhere(*pid, &list));
    renumber_parents(&mut list);
    list.sort_by_key(|process| process.pid);
    Processes { list, undetermined: untold.len() }
}

/// Who is whose child, and everybody's number at one level.
#[derive(Default)]
struct Line {
    parents: HashMap<i32, (i32, Option<i32>)>,
}

impl Line {
    fn add(&mut self, pid: i32, parent: i32, number: Option<i32>) {
        self.parents.insert(pid, (parent, number));
    }

    /// Whether a process, whose namespace the kernel does not tell us, cannot be in the place that these members live
    /// in. A number is given once in a PID namespace, and children stay in their parent's or go below it
    /// (pid_namespaces(7)): so it is elsewhere if itself, or one that it descends from, has the number of a member.
    fn leads_elsewhere(&self, pid: i32, members: &[Process]) -> bool {
        let mut at = pid;
        for _ in 0..=self.parents.len() {
            let Some(&(parent, number)) = self.parents.get(&at) else { return false };
            let is_member = |member: &&Process| member.pids.first() == Some(&at);
            if members.iter().any(|member| is_member(&member)) {
                return false;
            }
            if number.is_some_and(|number| members.iter().any(|member| member.pid == number)) {
                return true;
            }
            at = parent;
        }
        false
    }
}

/// Whether a place at this level, in this PID namespace, sees the process; `None` where the kernel would not say.
fn is_seen(pid: i32, pids: &[i32], level: usize, space: Option<Identity>) -> Option<bool> {
    let deeper = pids.len().checked_sub(level + 1);
    match (level, deeper) {
        (0, _) => Some(true),
        (_, None) => Some(false),
        (_, Some(deeper)) => {
            let mut namespace = nsfs::open(pid, Kind::Pid).ok()?;
            for _ in 0..deeper {
                namespace = nsfs::parent(&namespace).ok()?;
            }
            Some(nsfs::identity(&namespace).ok() == space)
        }
    }
}

/// Parents come from our `/proc` in our numbers; a place has its own, and none for those it does not see.
fn renumber_parents(list: &mut [Process]) {
    let here: HashMap<i32, i32> = list.iter().filter_map(|one| Some((*one.pids.first()?, one.pid))).collect();
    for process in list {
        process.parent = here.get(&process.parent).copied().unwrap_or(0);
    }
}

/// As `ps` shows it: arguments joined by spaces, or the name in brackets.
pub(crate) fn command_line(process: &Proc, stat: &Stat) -> String {
    let arguments = process.cmdline().unwrap_or_default().join(" ");
    let text = match (arguments.trim(), stat.state) {
        (_, 'Z' | 'X') => format!("[{}] <defunct>", stat.comm),
        ("", _) => format!("[{}]", stat.comm),
        (text, _) => text.to_owned(),
    };
    // Whoever runs in there chose these bytes: no escape sequence of theirs reaches the reader's terminal.
    let shown = |one: char| match one {
        '\n' => ' ',
        one if one.is_control() => '?',
        one => one,
    };
    text.chars().map(shown).collect()
}

/// The letter of the state and the marks behind it, ps(1) "PROCESS STATE CODES".
pub(super) fn state(stat: &Stat, status: &Status) -> String {
    let marks = [
        (stat.nice < 0, '<'),
        (stat.nice > 0, 'N'),
        (status.vmlck.unwrap_or(0) > 0, 'L'),
        (stat.session == stat.pid, 's'),
        (stat.num_threads > 1, 'l'),
        (stat.tpgid > 0 && stat.pgrp == stat.tpgid, '+'),
    ];
    std::iter::once(stat.state).chain(marks.into_iter().filter_map(|(set, mark)| set.then_some(mark))).collect()
}

/// The name of a terminal by its device number (Linux: Documentation/admin-guide/devices.txt).
pub(super) fn terminal(number: i32) -> Option<String> {
    let number = number.cast_unsigned();
    let (major, minor) = ((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xf_ff00));
    match major {
        0 => None,
        4 if minor < 64 => Some(format!("tty{minor}")),
        4 => Some(format!("ttyS{}", minor - 64)),
        5 if minor == 1 => Some("console".into()),
        136..=143 => Some(format!("pts/{}", minor + (major - 136) * 256)),
        229 => Some(format!("hvc{minor}")),
        _ => Some(format!("{major}:{minor}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(ours: i32, here: i32) -> Process {
        Process {
            pid: here,
            parent: 0,
            pids: vec![ours, here],
            user: String::new(),
            state: String::new(),
            start: 0,
            tty: None,
            used: 0,
            command: String::new(),
        }
    }

    #[test]
    fn who_descends_from_another_first_process_is_elsewhere_and_of_nobody_else_is_it_said() {
        let members = [member(100, 1), member(101, 2)];
        let mut line = Line::default();
        for (pid, parent, number) in [
            (1, 0, None),
            (100, 1, Some(1)),
            (101, 100, Some(2)),
            // Another place: its first process has the number that ours has.
            (200, 1, Some(1)),
            (201, 200, Some(7)),
            // Somebody who joined some place from outside.
            (300, 1, Some(9)),
            // A child of a member, which became another user.
            (102, 101, Some(3)),
        ] {
            line.add(pid, parent, number);
        }
        let elsewhere: Vec<i32> =
            [200, 201, 300, 102].into_iter().filter(|pid| line.leads_elsewhere(*pid, &members)).collect();
        assert_eq!(elsewhere, [200, 201]);
    }

    #[test]
    fn terminals_have_the_names_of_their_device_files() {
        let device = |major: i32, minor: i32| (major << 8) | minor;
        let table =
            [(device(136, 3), Some("pts/3")), (device(4, 1), Some("tty1")), (device(4, 64), Some("ttyS0")), (0, None)];
        for (number, name) in table {
            assert_eq!(terminal(number).as_deref(), name, "{number}");
        }
    }
}
