//! After the last container of a moment: what is slow to remove is removed by a process that stays behind.
//!
//! When a container's program ends, its network namespace ends, and with it, a few milliseconds later, the cable: a
//! veth is gone when either end is. Asking for that costs 20 ms and gains nothing. Removing the bridge costs as much,
//! and the next container would want it again. So the supervisor gives back at once what others could miss (the
//! address, the published ports), and leaves cable and bridge to a **sweeper**, which looks after a moment
//! ([`LINGER`]): cables that are still there it removes, and bridges that no container is on.
//!
//! What this costs in clarity: for that moment after `explore run` has returned, `ip link` still shows the bridge. Who
//! must see everything gone does not wait for the sweeper but does its work: `explore stop`, `rm`, `clean` and
//! `network down` return when the bridge is removed, and so does a container that is narrated.
//!
//! A sweeper that is killed leaves what it was to remove in the journal, with itself as the holder: the next command
//! finds that it is gone, and undoes it.

use super::lease::{Held, read};
use super::{NetworkError, remove_unused, undo};
use crate::kernel::{process, user};
use crate::narrate::{self, Role};
use crate::stages::handle;
use crate::state::{Claim, Effect, Entry, Journal, ProcessIdentity, Roots};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a bridge without containers stands, in milliseconds.
const LINGER: u64 = 500;
/// Whose its effects are in the journal. No container and no network can have that name.
const OWNER: &str = "network//sweep";

/// Who sweeps, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sweeper {
    process: ProcessIdentity,
    /// Milliseconds of the clock that does not stand still (CLOCK_BOOTTIME).
    due: u64,
}

/// A container has ended: gives back what it has of the network, now what others could miss, the rest soon.
///
/// # Errors
/// What could not be given back; it stays in the journal.
pub fn hand_over(roots: &Roots, container_id: &str) -> Result<(), NetworkError> {
    // In a user namespace the keeper's end takes all of it, and may come any moment.
    if narrate::sink().is_some() || user::in_user_namespace() {
        return super::tear_down(roots, container_id);
    }
    // No cable and no port is there without a lease (`connect`).
    if read(roots)?.of(container_id).next().is_none() {
        return Ok(());
    }
    let journal = Journal::at(roots.journal());
    let mut entries = journal.entries_of(container_id)?;
    entries.retain(|entry| matches!(entry.effect, Effect::Link { .. }));
    let mut held = Held::take(roots)?;
    held.record.leases.retain(|lease| lease.container != container_id);
    let ports = undo::some_of(roots, container_id, |effect| matches!(effect, Effect::NftTable { .. }));
    let sweeper = match held.record.sweeper.filter(|one| one.process.is_alive()) {
        Some(one) => one.process,
        None => start(roots, &journal)?,
    };
    held.record.sweeper = Some(Sweeper { process: sweeper, due: now() + LINGER });
    for entry in entries {
        let claim = Claim { owner: OWNER.into(), holder: Some(sweeper) };
        journal.amend(&Entry { claim, ..entry })?;
    }
    held.store()?;
    ports
}

/// Does the sweeper's work now. Costs one look where there is nothing to do.
///
/// # Errors
/// What could not be removed.
pub fn settle(roots: &Roots) -> Result<(), NetworkError> {
    let record = read(roots)?;
    if record.bridges.is_empty() && record.sweeper.is_none() {
        return Ok(());
    }
    let mut held = Held::take(roots)?;
    let bridges = remove_unused(roots, &mut held);
    let cables = cables(roots);
    if bridges.is_ok() && cables.is_ok() && held.record.leases.is_empty() {
        // It sleeps, and nothing is left to it. We hold the lock: it cannot be in the middle of anything.
        if let Some(sweeper) = held.record.sweeper.take() {
            handle::kill(sweeper.process, "its work is done").map_err(NetworkError::Sweep)?;
            forget(roots, sweeper.process);
            held.store()?;
        }
    }
    bridges.and(cables)
}

/// Forks it. It is told in the journal, so that a kill of it is noticed.
fn start(roots: &Roots, journal: &Journal) -> Result<ProcessIdentity, NetworkError> {
    // Nothing that it does is told: whoever runs a container with --narrate waits for the whole story instead.
    let pid = process::fork(Role::Helper, "to remove later what is slow to remove", || {
        process::set_name(c"explore: sweep");
        // Whoever waits for an end of file must not wait for us; and the lock that our parent holds is not ours.
        process::close_from(3);
        let _ = nix::unistd::chdir("/");
        sweep(roots);
        0
    })
    .map_err(NetworkError::Sweep)?;
    let identity = ProcessIdentity::of(pid.as_raw()).unwrap_or(ProcessIdentity { pid: pid.as_raw(), start: 0 });
    journal.announce(&Claim { owner: OWNER.into(), holder: Some(identity) }, Effect::Process(identity))?;
    Ok(identity)
}

/// Its whole life. What it cannot do stays in the journal, and is an orphan's once it has ended.
fn sweep(roots: &Roots) {
    let mut wait = Duration::from_millis(LINGER);
    loop {
        std::thread::sleep(wait);
        let Ok(mut held) = Held::take(roots) else { return };
        let _ = cables(roots);
        let due = held.record.sweeper.map_or(0, |sweeper| sweeper.due);
        wait = Duration::from_millis(due.saturating_sub(now()));
        if wait.is_zero() {
            if remove_unused(roots, &mut held).is_ok() {
                forget(roots, ProcessIdentity::myself());
            }
            held.record.sweeper = None;
            let _ = held.store();
            return;
        }
    }
}

fn forget(roots: &Roots, sweeper: ProcessIdentity) {
    let journal = Journal::at(roots.journal());
    for entry in journal.entries_of(OWNER).unwrap_or_default() {
        if entry.effect == Effect::Process(sweeper) {
            journal.forget(&entry);
        }
    }
}

/// Cables of containers that have ended: nearly always they are gone by now, and only the entry is left.
fn cables(roots: &Roots) -> Result<(), NetworkError> {
    undo::some_of(roots, OWNER, |effect| matches!(effect, Effect::Link { .. }))
}

fn now() -> u64 {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME)
        .map_or(0, |time| Duration::from(time).as_millis().try_into().unwrap_or(u64::MAX))
}
