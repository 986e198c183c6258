//! Without root: one process keeps a user, a network and a mount namespace, and all commands of one state meet there.
//!
//! ```text
//! explore run (uid 1000)          the keeper                          inside its user namespace
//!   lock; is there one? ── no ──► clone3(NEWUSER|NEWNS|NEWNET)
//!   writes its id maps            waits for ever
//!   setns(user, mnt, net) ────────────────────────────────────────►  uid 0, all capabilities, over these three:
//!                                                                     from here on it does what root would do
//! ```
//!
//! The user namespace gives the right to mount, to make interfaces and to clone further namespaces; nothing in it
//! reaches what the host's root owns. Two containers on one bridge must share it, and a layer that was mounted must
//! still be there for the next command: hence a process that keeps it. Whoever leaves last ends the keeper, unless
//! `layer mount` or `network up` left something that is to stay.

mod idmap;
mod life;
pub mod outside;

pub use idmap::Tier;

use crate::error::Explain;
use crate::exit::Exit;
use crate::kernel::namespace::{self, Kind};
use crate::kernel::process;
use crate::stages::failure::Failure;
use crate::stages::place;
use crate::state::{Effect, Entry, Journal, Lock, ProcessIdentity, RecordError, Roots, read_record};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The keeper of one state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Keeper {
    /// Version of this shape.
    pub schema: u32,
    /// It.
    pub process: ProcessIdentity,
    /// Which ids it could map.
    pub tier: Tier,
}

/// That this process uses the keeper. Give it back with [`Share::leave`]; a kill gives it back too.
#[derive(Debug)]
pub struct Share {
    held: Option<Lock>,
}

/// Why there is no keeper to stand in.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// A system call.
    #[error(transparent)]
    Call(#[from] Failure),
    /// A record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A file of ours.
    #[error("cannot use {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It went away while it was being made.
    #[error("the keeper of the user namespace ended before it could be used")]
    Died,
}

impl Explain for KeeperError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Call(failure) => failure.hint(),
            Self::Record(error) => error.hint(),
            _ => None,
        }
    }

    fn exit(&self) -> Exit {
        Exit::Engine
    }
}

/// Moves this process to where it may do what root does: nowhere for root, into the keeper's namespaces for others.
/// The keeper is started where there is none. Only for a process with one thread, and for good.
///
/// # Errors
/// All of [`KeeperError`].
pub fn enter(roots: &Roots) -> Result<Share, KeeperError> {
    if nix::unistd::geteuid().is_root() {
        return Ok(Share { held: None });
    }
    let _turn = turn(roots)?;
    let keeper = if let Some(keeper) = alive(roots) {
        keeper
    } else {
        forget_dead_namespaces(roots)?;
        let keeper = life::start(roots)?;
        outside::begin(roots, &keeper)?;
        keeper
    };
    let share = share(roots)?;
    step_in(&keeper)?;
    Ok(share)
}

/// As [`enter`], but only where a keeper runs: for commands that only look.
///
/// # Errors
/// All of [`KeeperError`].
pub fn enter_if_alive(roots: &Roots) -> Result<Share, KeeperError> {
    if nix::unistd::geteuid().is_root() || alive(roots).is_none() {
        return Ok(Share { held: None });
    }
    enter(roots)
}

/// For a supervisor, which is born inside: it uses the keeper on its own account.
///
/// # Errors
/// [`KeeperError::File`].
pub fn share(roots: &Roots) -> Result<Share, KeeperError> {
    let path = roots.run.join("keeper.users");
    let held = Lock::share(&path).map_err(|source| KeeperError::File { path, source })?;
    Ok(Share { held: Some(held) })
}

/// Whether this process may do here what root may: it is root, or in a user namespace where it is.
pub fn is_inside() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The keeper of this state, if it runs.
pub fn alive(roots: &Roots) -> Option<Keeper> {
    let keeper: Keeper = read_record(&record(roots)).ok()?;
    keeper.process.is_alive().then_some(keeper)
}

impl Share {
    /// Gives the share back; the last one ends the keeper.
    pub fn leave(self, roots: &Roots) {
        if let Some(held) = self.held {
            drop(held);
            // What goes wrong here is found by the next command: the keeper stands in the journal.
            let _ = end_if_unused(roots);
        }
    }
}

/// Ends the keeper where nobody uses it and nothing is to stay.
///
/// # Errors
/// All of [`KeeperError`].
pub fn end_if_unused(roots: &Roots) -> Result<(), KeeperError> {
    let _turn = turn(roots)?;
    let Some(keeper) = alive(roots) else { return Ok(()) };
    let path = roots.run.join("keeper.users");
    let last = Lock::try_now(&path).map_err(|source| KeeperError::File { path, source })?;
    let journal = Journal::at(roots.journal());
    let entries = journal.entries()?;
    if last.is_none() || entries.iter().any(stays) {
        return Ok(());
    }
    let _ = place::kill(keeper.process);
    outside::end(roots);
    for entry in entries.iter().filter(|entry| entry.claim.owner == OWNER) {
        journal.forget(entry);
    }
    let _ = std::fs::remove_file(record(roots));
    Ok(())
}

const OWNER: &str = "keeper";

/// What was made to stay until it is taken back by name, inside the keeper's namespaces.
fn stays(entry: &Entry) -> bool {
    entry.claim.holder.is_none() && lives_in_keeper(entry)
}

fn lives_in_keeper(entry: &Entry) -> bool {
    matches!(entry.effect, Effect::Mount { .. } | Effect::Link { .. } | Effect::NftTable { .. } | Effect::Sysctl { .. })
}

/// Lets go of what a killed keeper took along: out here nothing of it stands, and nobody may undo it. For one who is
/// about to undo the journal without a keeper.
///
/// # Errors
/// [`KeeperError::File`], [`KeeperError::Record`].
pub fn forget_if_dead(roots: &Roots) -> Result<(), KeeperError> {
    if is_inside() {
        return Ok(());
    }
    let _turn = turn(roots)?;
    if alive(roots).is_none() { forget_dead_namespaces(roots) } else { Ok(()) }
}

/// A keeper that was killed took its namespaces along, and with them every mount and interface that stood in them.
fn forget_dead_namespaces(roots: &Roots) -> Result<(), KeeperError> {
    let journal = Journal::at(roots.journal());
    for entry in journal.entries()?.iter().filter(|entry| lives_in_keeper(entry) || entry.claim.owner == OWNER) {
        journal.forget(entry);
    }
    let _ = std::fs::remove_file(roots.run.join("network.json"));
    Ok(())
}

fn step_in(keeper: &Keeper) -> Result<(), KeeperError> {
    let folder = process::WorkingFolder::remember();
    let pid = Pid::from_raw(keeper.process.pid);
    let pidfd =
        process::pidfd_open(pid, "one handle for all its namespaces").map_err(Failure::at("find the keeper"))?;
    if !keeper.process.is_alive() {
        return Err(KeeperError::Died);
    }
    let kinds = [Kind::User, Kind::Mnt, Kind::Net];
    namespace::setns(&pidfd, &kinds, "where this user may do what root does")
        .map_err(Failure::at("join the keeper"))?;
    folder.go_back();
    Ok(())
}

fn turn(roots: &Roots) -> Result<Lock, KeeperError> {
    let path = roots.run.join("keeper.lock");
    Lock::wait(&path).map_err(|source| KeeperError::File { path, source })
}

fn record(roots: &Roots) -> PathBuf {
    roots.run.join("keeper.json")
}
