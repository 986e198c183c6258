//! What must be undone. Each effect that the host can see is written here *before* it is made, with an identity by
//! which it is known again: a name alone may be somebody else's by the time we come back.
//!
//! One file an entry, `<sequence>.json`, removed once the effect is undone. The folder is on tmpfs: a SIGKILL needs
//! order, not fsync(2), and what the kernel holds does not survive a boot either.
//!
//! An entry names its **holder**, the process in whose interest the effect exists. While it lives, nobody else undoes
//! the effect. An entry without a holder stays until its owner is removed (`explore rm`, `network down`, `ns rm`).

use super::record::{RecordError, draft, write_record};
use crate::kernel::fs;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A process, told apart from a later one with the same number by when it was started (proc_pid_stat(5), field 22).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Its number.
    pub pid: i32,
    /// Clock ticks after boot at which it was started.
    pub start: u64,
}

impl ProcessIdentity {
    /// The identity of `pid`; `None` where there is no such process.
    pub fn of(pid: i32) -> Option<Self> {
        Self::look(pid).ok().flatten()
    }

    /// As [`ProcessIdentity::of`]; an error where it cannot be found out.
    pub(super) fn look(pid: i32) -> io::Result<Option<Self>> {
        match fs::contents(format!("/proc/{pid}/stat")) {
            Ok(stat) => Ok(Self::parse(pid, &stat)),
            // ESRCH: it ended between open and read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn parse(pid: i32, stat: &str) -> Option<Self> {
        // The name, field 2, may hold spaces and brackets; everything after the last bracket is numbers.
        let after_name = stat.rsplit_once(')')?.1;
        let mut fields = after_name.split_whitespace();
        let state = fields.next()?;
        let started = fields.nth(18)?.parse().ok()?;
        (state != "Z" && state != "X").then_some(Self { pid, start: started })
    }

    /// This process. It stays the same, until a fork(2) makes another of it.
    pub fn myself() -> Self {
        static KNOWN: Mutex<Option<ProcessIdentity>> = Mutex::new(None);
        let pid = std::process::id().cast_signed();
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        *known = known.filter(|one| one.pid == pid).or_else(|| Self::of(pid));
        known.unwrap_or(Self { pid, start: 0 })
    }

    /// Whether it still runs (a zombie does not). Where that cannot be found out (no descriptor is left to look with)
    /// it is taken to be alive: what is another's must not be undone.
    pub fn is_alive(self) -> bool {
        Self::look(self.pid).map_or(true, |found| found == Some(self))
    }
}

/// Something on the host that was not there before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Effect {
    /// A process; undone by killing it.
    Process(ProcessIdentity),
    /// A mount, in the mount namespace of the one who undoes. `source` as mountinfo shows it (an overlay's name, or
    /// `nsfs`): what is mounted there by somebody else is left alone.
    Mount {
        /// Where.
        target: PathBuf,
        /// Filesystem type as mountinfo(5) shows it.
        fstype: String,
        /// Mount source as mountinfo(5) shows it; empty where it cannot be known before.
        source: String,
    },
    /// A network interface that carries `alias` (ip-link(8), IFLA_IFALIAS).
    Link {
        /// Its name.
        name: String,
        /// Our mark on it.
        alias: String,
    },
    /// An nf_tables table of ours in the `ip` family.
    NftTable {
        /// Its name.
        name: String,
    },
    /// The cgroups of a container, one in each tree; undone by ending whoever is in them still, and rmdir(2).
    Cgroups {
        /// The folders.
        paths: Vec<PathBuf>,
    },
    /// Controllers of cgroup version 2 that a folder hands on to its children for our sake; taken back unless somebody
    /// else has come to use them.
    Controllers {
        /// The folder.
        folder: PathBuf,
        /// Their names.
        names: Vec<String>,
        /// Where the folder's members have moved to, to make room; they move back.
        leaf: Option<PathBuf>,
    },
    /// A value under /proc/sys; put back only if it is still what we wrote.
    Sysctl {
        /// The file.
        path: PathBuf,
        /// What it was.
        before: String,
        /// What we wrote.
        after: String,
    },
    /// A cgroup whose members stand still for as long as we look at what they write; undone by letting them go on.
    Frozen {
        /// The folder.
        group: PathBuf,
    },
    /// A volume that is being made for a container, or goes with one; undone by removing it, unless a container uses it.
    Volume {
        /// Its name.
        name: String,
    },
    /// A folder or file of our own under the run or data folder.
    Path {
        /// Which.
        path: PathBuf,
    },
}

/// Who an effect belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Container ID, `ns/<name>`, `network`, `lesson/<id>`, `keeper`.
    pub owner: String,
    /// While this process lives the effect is wanted; `None`: until the owner is removed.
    pub holder: Option<ProcessIdentity>,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Version of this shape.
    pub schema: u32,
    /// Order in which effects were made; they are undone in the reverse.
    #[serde(skip)]
    pub sequence: u64,
    /// Whose it is.
    #[serde(flatten)]
    pub claim: Claim,
    /// What it is.
    pub effect: Effect,
}

impl Entry {
    /// Whether nobody is left who wants the effect.
    pub fn is_orphan(&self) -> bool {
        self.claim.holder.is_some_and(|holder| !holder.is_alive())
    }
}

/// The folder of entries.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    /// The number that the next entry tries first; 0 until the folder has been looked at.
    next: AtomicU64,
}

impl Journal {
    /// The journal in `folder`, which is made with the first entry.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder, next: AtomicU64::new(0) }
    }

    // ANCHOR: announce
    /// Writes that `effect` is about to be made. Keep what it returns to [`Journal::forget`] it.
    ///
    /// # Errors
    /// [`RecordError::Write`]: then the effect must not be made.
    pub fn announce(&self, claim: &Claim, effect: Effect) -> Result<Entry, RecordError> {
        let failed = |source| RecordError::Write { path: self.folder.clone(), source };
        let mut entry = Entry { schema: 1, sequence: self.next_sequence()?, claim: claim.clone(), effect };
        let mut draft = draft(&self.folder, &entry, false).map_err(failed)?;
        loop {
            // Two processes may announce at once: whose draft takes the name first has it.
            match draft.persist_noclobber(self.path_of(entry.sequence)) {
                Ok(_) => {
                    self.next.store(entry.sequence + 1, Ordering::Relaxed);
                    return Ok(entry);
                }
                Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => {
                    entry.sequence += 1;
                    draft = taken.file;
                }
                Err(other) => return Err(failed(other.error)),
            }
        }
    }
    // ANCHOR_END: announce

    /// Writes a better identity into an entry, once the kernel has given one.
    ///
    /// # Errors
    /// [`RecordError::Write`].
    pub fn amend(&self, entry: &Entry) -> Result<(), RecordError> {
        write_record(&self.path_of(entry.sequence), entry, false)
    }

    /// Removes an entry whose effect is undone. Not an error if it is gone.
    pub fn forget(&self, entry: &Entry) {
        let _ = std::fs::remove_file(self.path_of(entry.sequence));
    }

    /// All entries, newest first: the order in which they are undone. Drafts do not count: their effects were not made.
    ///
    /// # Errors
    /// [`RecordError::Damaged`], [`RecordError::Read`].
    pub fn entries(&self) -> Result<Vec<Entry>, RecordError> {
        let mut found = Vec::new();
        for sequence in self.sequences()? {
            let path = self.path_of(sequence);
            if let Some(mut entry) = read_entry(&path)? {
                entry.sequence = sequence;
                found.push(entry);
            }
        }
        found.sort_by_key(|entry| std::cmp::Reverse(entry.sequence));
        Ok(found)
    }

    /// The entries whose holder is gone, newest first. A supervisor holds half a dozen of them: it is looked for once.
    ///
    /// # Errors
    /// As [`Journal::entries`].
    pub fn orphans(&self) -> Result<Vec<Entry>, RecordError> {
        let mut alive: HashMap<ProcessIdentity, bool> = HashMap::new();
        let mut entries = self.entries()?;
        entries.retain(|entry| {
            let holder = entry.claim.holder;
            holder.is_some_and(|holder| !*alive.entry(holder).or_insert_with(|| holder.is_alive()))
        });
        Ok(entries)
    }

    /// The entries of one owner, newest first.
    ///
    /// # Errors
    /// As [`Journal::entries`].
    pub fn entries_of(&self, owner: &str) -> Result<Vec<Entry>, RecordError> {
        let mut entries = self.entries()?;
        entries.retain(|entry| entry.claim.owner == owner);
        Ok(entries)
    }

    fn path_of(&self, sequence: u64) -> PathBuf {
        self.folder.join(format!("{sequence:010}.json"))
    }

    /// A folder that cannot be read is not an empty one: what is in it would never be undone.
    fn sequences(&self) -> Result<Vec<u64>, RecordError> {
        let failed = |source| RecordError::Read { path: self.folder.clone(), source };
        let folder = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            read => read.map_err(failed)?,
        };
        let files: io::Result<Vec<_>> = folder.collect();
        Ok(files.map_err(failed)?.iter().filter_map(|file| sequence_of(&file.path())).collect())
    }

    /// One that announces several things looks at the folder once. Who has announced meanwhile has taken the number, and
    /// its name says so.
    fn next_sequence(&self) -> Result<u64, RecordError> {
        let known = self.next.load(Ordering::Relaxed);
        if known > 0 {
            return Ok(known);
        }
        std::fs::create_dir_all(&self.folder)
            .map_err(|source| RecordError::Write { path: self.folder.clone(), source })?;
        Ok(self.sequences()?.into_iter().max().map_or(1, |last| last + 1))
    }
}

/// `None` for one that is gone.
fn read_entry(path: &Path) -> Result<Option<Entry>, RecordError> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|source| RecordError::Read { path: path.to_owned(), source })?,
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|source| RecordError::Damaged { path: path.to_owned(), source })
}

fn sequence_of(path: &Path) -> Option<u64> {
    path.extension().filter(|extension| *extension == "json")?;
    path.file_stem()?.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(owner: &str) -> Claim {
        Claim { owner: owner.into(), holder: Some(ProcessIdentity::myself()) }
    }

    #[test]
    fn effects_come_back_newest_first_and_by_owner() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::at(folder.path().join("journal"));
        let one = journal.announce(&claim("a"), Effect::Path { path: "/1".into() }).unwrap();
        journal.announce(&claim("b"), Effect::Path { path: "/2".into() }).unwrap();
        journal.announce(&claim("a"), Effect::Path { path: "/3".into() }).unwrap();
        let order: Vec<u64> = journal.entries().unwrap().iter().map(|entry| entry.sequence).collect();
        assert_eq!(order, [3, 2, 1]);
        assert_eq!(journal.entries_of("a").unwrap().len(), 2);
        journal.forget(&one);
        assert_eq!(journal.entries_of("a").unwrap().len(), 1);
    }

    #[test]
    fn two_who_announce_in_turn_take_no_number_twice() {
        let folder = tempfile::tempdir().unwrap();
        let both = [(); 2].map(|()| Journal::at(folder.path().to_owned()));
        let announce = |one: &Journal| one.announce(&claim("a"), Effect::Path { path: "/1".into() }).unwrap().sequence;
        let taken = [0, 1, 1, 0, 0].map(|who: usize| announce(&both[who]));
        assert_eq!(taken, [1, 2, 3, 4, 5]);
        assert_eq!(both[0].entries().unwrap().len(), 5);
    }

    #[test]
    fn a_journal_that_cannot_be_read_is_not_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("journal"), "").unwrap();
        let journal = Journal::at(folder.path().join("journal"));
        assert!(journal.entries().is_err());
        assert!(journal.announce(&claim("a"), Effect::Path { path: "/1".into() }).is_err());
    }

    #[test]
    fn a_process_is_known_by_its_start_and_not_by_its_number() {
        let me = ProcessIdentity::myself();
        assert!(me.is_alive());
        assert!(!ProcessIdentity { start: me.start + 1, ..me }.is_alive());
    }

    #[test]
    fn an_effect_is_an_orphan_only_when_its_holder_is_gone() {
        let entry = |holder| Entry {
            schema: 1,
            sequence: 1,
            claim: Claim { owner: "x".into(), holder },
            effect: Effect::Path { path: "/x".into() },
        };
        assert!(!entry(None).is_orphan());
        assert!(!entry(Some(ProcessIdentity::myself())).is_orphan());
        assert!(entry(Some(ProcessIdentity { pid: 1, start: u64::MAX })).is_orphan());
    }
}
