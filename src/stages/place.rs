//! A place: namespaces without an image, held by one process. What `explore ns create` makes, and what the `inside` of
//! a lesson stands in.
//!
//! ```text
//! caller            helper (a fork of it)                     the place
//!   fork ─────────────► unshare(time), enter a cgroup view
//!                       clone3(CLONE_PARENT|CLONE_NEW…) ────► waits for one byte
//!                       writes the id maps, if it must
//!   ◄── its PID ─────── leaves
//!   journal: this PID
//!   one byte ───────────────────────────────────────────────► mounts proc, becomes the program
//! ```
//!
//! CLONE_PARENT makes the place a child of the caller, though the helper cloned it: the caller's own namespaces never
//! change, and it is the caller that waits. End of file instead of the byte means that the caller died: leave.
//!
//! Without root a user namespace is always one of them: whoever makes one has all capabilities in it, and only there.

use super::failure::Failure;
use super::handle;
use crate::error::Explain;
use crate::kernel::namespace::Kind;
use crate::kernel::process::{self, Child};
use crate::state::{Claim, Effect, Journal, ProcessIdentity, RecordError, Roots, read_record, write_record};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

mod entry;
mod profile;
mod root;
mod spec;

pub use profile::{Isolation, Profile, Root};
pub use spec::PlaceSpec;

/// A program with its whole environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The program and its arguments; without a slash it is looked for in PATH of `env`.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// Where it starts; the caller's folder where it is `None`.
    pub cwd: Option<PathBuf>,
}

/// The three descriptors that a program starts with.
#[derive(Debug)]
pub struct Stdio {
    /// Descriptor 0.
    pub stdin: OwnedFd,
    /// Descriptor 1.
    pub stdout: OwnedFd,
    /// Descriptor 2.
    pub stderr: OwnedFd,
}

/// A place that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Version of this shape.
    pub schema: u32,
    /// Its name.
    pub name: String,
    /// Its first process, by its number outside.
    pub init: ProcessIdentity,
    /// What was asked for.
    pub spec: PlaceSpec,
    /// Kinds that are new only because the others need them: the user namespace of one who is not root, the table of mounts
    /// of a profile that had none.
    pub helpers: Vec<Kind>,
    /// When it was made, seconds since 1970.
    pub created: u64,
}

/// Why a place cannot be made, found or entered.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The words cannot be understood.
    #[error("{0}")]
    Words(String),
    /// A combination that the kernel cannot give.
    #[error("{asked} needs {needed} as well: {why}")]
    Needs {
        /// What was asked for.
        asked: &'static str,
        /// What it needs.
        needed: &'static str,
        /// Why.
        why: &'static str,
    },
    /// Not a name for a folder.
    #[error("{0:?} is no name: letters, digits, '_', '.' and '-' only, 63 at most, a letter or digit first")]
    Name(String),
    /// The name is taken.
    #[error("the name {0:?} is taken by a place that stands")]
    Taken(String),
    /// No such place.
    #[error("no place is called {0:?}")]
    NotFound(String),
    /// Its first process has ended.
    #[error("the place {0:?} is gone: its first process has ended")]
    Ended(String),
    /// The record of it.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A step of making or entering it.
    #[error(transparent)]
    Step(#[from] Failure),
    /// Something of our own that should not fail.
    #[error("cannot {step}")]
    Io {
        /// What was being done.
        step: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Explain for PlaceError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Words(_) | Self::Needs { .. } => Some("`explore ns create --help` explains each word".into()),
            Self::Taken(name) => Some(format!("`explore ns rm {name}` removes it")),
            Self::NotFound(_) => Some("`explore ns ls` lists those that stand".into()),
            Self::Ended(name) => Some(format!("`explore ns rm {name}` removes what is left of it")),
            Self::Step(failure) => failure.hint(),
            Self::Record(error) => error.hint(),
            Self::Name(_) | Self::Io { .. } => None,
        }
    }

    fn exit(&self) -> crate::exit::Exit {
        use crate::exit::Exit;
        match self {
            Self::Words(_) | Self::Needs { .. } | Self::Name(_) => Exit::Usage,
            Self::Step(failure) if failure.program.is_some() => failure.exit(),
            _ => Exit::Failed,
        }
    }
}

impl Place {
    /// Makes the namespaces and starts the first process in them: `init`, or one of ours that only waits and reaps.
    /// While `holder` lives the place stands; without a holder it stands until it is removed.
    ///
    /// # Errors
    /// All of [`PlaceError`]; nothing is left then.
    pub fn create(
        roots: &Roots,
        name: &str,
        spec: &PlaceSpec,
        init: Option<(Program, Stdio)>,
        holder: Option<ProcessIdentity>,
    ) -> Result<Self, PlaceError> {
        spec.validate()?;
        check_name(name)?;
        let record = record_path(roots, name);
        Self::forget_if_ended(roots, name);
        let folder = record.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(roots.places()).map_err(io("make the folder of places"))?;
        std::fs::create_dir(folder).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => PlaceError::Taken(name.to_owned()),
            _ => PlaceError::Io { step: "make the folder of the place", source: error },
        })?;
        let made = Self::stand_up(roots, name, spec, init, holder).and_then(|place| {
            write_record(&record, &place, false)?;
            Ok(place)
        });
        if made.is_err() {
            let _ = std::fs::remove_dir_all(folder);
        }
        made
    }

    fn stand_up(
        roots: &Roots,
        name: &str,
        spec: &PlaceSpec,
        init: Option<(Program, Stdio)>,
        holder: Option<ProcessIdentity>,
    ) -> Result<Self, PlaceError> {
        let rootless = !nix::unistd::geteuid().is_root();
        let (go_read, go_write) = std::io::pipe().map_err(io("make a pipe"))?;
        let (told_read, told_write) = std::io::pipe().map_err(io("make a pipe"))?;
        let home = roots.places().join(name);
        let plan = entry::Plan { name, home, spec, rootless, dies_with_caller: holder.is_some(), init };
        let child = entry::clone_place(plan, (go_read, &go_write), told_write)?;
        let identity = ProcessIdentity::of(child.pid.as_raw()).ok_or_else(|| PlaceError::Ended(name.to_owned()))?;
        let journal = Journal::at(roots.journal());
        let claim = Claim { owner: owner(name), holder };
        let entry = journal.announce(&claim, Effect::Process(identity))?;
        let started = let_go(&child, go_write, told_read);
        if let Err(error) = started {
            journal.forget(&entry);
            return Err(error);
        }
        let helpers = spec.helpers(rootless);
        let created = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
        Ok(Self { schema: 1, name: name.to_owned(), init: identity, spec: spec.clone(), helpers, created })
    }

    /// The place of that name.
    ///
    /// # Errors
    /// [`PlaceError::NotFound`], [`PlaceError::Ended`], [`PlaceError::Record`].
    pub fn find(roots: &Roots, name: &str) -> Result<Self, PlaceError> {
        let place = Self::read(roots, name)?;
        if place.init.is_alive() { Ok(place) } else { Err(PlaceError::Ended(name.to_owned())) }
    }

    /// All places, those included whose first process has ended, by name.
    ///
    /// # Errors
    /// [`PlaceError::Record`].
    pub fn list(roots: &Roots) -> Result<Vec<Self>, PlaceError> {
        let Ok(folder) = std::fs::read_dir(roots.places()) else { return Ok(Vec::new()) };
        let names = folder.filter_map(Result::ok).map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut places = Vec::new();
        for name in names {
            match Self::read(roots, &name) {
                Ok(place) => places.push(place),
                // Made at this moment, or killed while it was made.
                Err(PlaceError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        places.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(places)
    }

    /// Starts a program that joins all namespaces of the place, as `docker exec` joins a container: a new process,
    /// whose parent is the caller.
    ///
    /// # Errors
    /// [`PlaceError::Ended`], [`PlaceError::Step`].
    pub fn spawn(&self, program: &Program, stdio: Stdio) -> Result<Child, PlaceError> {
        if !self.init.is_alive() {
            return Err(PlaceError::Ended(self.name.clone()));
        }
        let child = entry::join(self.init.pid, self.spec.profile, program, &stdio);
        // Our copies of its pipes would keep them from ever ending.
        drop(stdio);
        child
    }

    /// Kills its first process, and with it whatever lives in its PID namespace; forgets the place.
    ///
    /// # Errors
    /// [`PlaceError::Step`] where the kill fails.
    pub fn remove(&self, roots: &Roots) -> Result<(), PlaceError> {
        kill(self.init)?;
        let journal = Journal::at(roots.journal());
        for entry in journal.entries_of(&owner(&self.name))? {
            journal.forget(&entry);
        }
        let folder = roots.places().join(&self.name);
        std::fs::remove_dir_all(folder).map_err(io("remove the record of the place"))
    }

    fn read(roots: &Roots, name: &str) -> Result<Self, PlaceError> {
        check_name(name)?;
        read_record(&record_path(roots, name))
            .map_err(|error| if error.is_missing() { PlaceError::NotFound(name.to_owned()) } else { error.into() })
    }

    /// A name whose place has ended by itself, or was killed while it was made, is free again.
    fn forget_if_ended(roots: &Roots, name: &str) {
        match Self::read(roots, name) {
            Ok(place) if !place.init.is_alive() => drop(place.remove(roots)),
            Err(PlaceError::NotFound(_)) => drop(std::fs::remove_dir(roots.places().join(name))),
            _ => {}
        }
    }
}

/// Ends a process that we made, and waits until it is gone (a zombie that its parent has yet to collect is gone).
///
/// # Errors
/// [`PlaceError::Step`].
pub fn kill(target: ProcessIdentity) -> Result<(), PlaceError> {
    let step = format!("end process {}", target.pid);
    let why = "the first process of the namespaces goes, and they with it";
    Ok(handle::kill(target, why).map_err(Failure::at(&step))?)
}

/// Lets the new process go on, and hears from it whether it became its program: end of file says yes.
fn let_go(child: &Child, go: std::io::PipeWriter, mut told: std::io::PipeReader) -> Result<(), PlaceError> {
    let mut go = go;
    go.write_all(b"g").map_err(io("let the place start"))?;
    let mut answer = Vec::new();
    told.read_to_end(&mut answer).map_err(io("hear from the place"))?;
    if answer.is_empty() {
        return Ok(());
    }
    let _ = process::wait(child.pid);
    Err(Failure::read(&answer).into())
}

fn owner(name: &str) -> String {
    format!("ns/{name}")
}

fn record_path(roots: &Roots, name: &str) -> PathBuf {
    roots.places().join(name).join("place.json")
}

fn check_name(name: &str) -> Result<(), PlaceError> {
    let odd = |byte: u8| !(byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if first && name.len() <= 63 && !name.bytes().any(odd) { Ok(()) } else { Err(PlaceError::Name(name.to_owned())) }
}

fn io(step: &'static str) -> impl Fn(std::io::Error) -> PlaceError {
    move |source| PlaceError::Io { step, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_path() {
        for bad in ["", ".", "..", "a/b", "-x", "ä", &"x".repeat(64)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        assert!(check_name("box-1.a_b").is_ok());
    }
}
