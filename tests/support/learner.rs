//! Who runs `explore` in a test, and where.

use super::{Machine, Run, is_root};
use std::ffi::OsStr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Where programs are looked for; the tests' own environment is not handed on.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// One person at one machine: a uid, a HOME, a state folder. Clones are the same person.
#[derive(Debug, Clone)]
pub(crate) struct Learner {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    // Dropped in this order: what runs, then where it ran.
    pub(super) machine: Option<Arc<Machine>>,
    pub(super) uid: Option<u32>,
    pub(super) binary: PathBuf,
    folder: tempfile::TempDir,
}

impl Learner {
    /// Whoever runs the tests. Root gets a machine.
    pub(crate) fn new() -> Self {
        Self::made(is_root().then(|| Arc::new(Machine::start())), None)
    }

    /// A uid that nothing on the system lists, on a machine of its own. Needs root: `require!` it.
    pub(crate) fn user() -> Self {
        Self::user_on(Arc::new(Machine::start()))
    }

    /// As [`Learner::user`], on a machine that others use too.
    pub(crate) fn user_on(machine: Arc<Machine>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed) % 64;
        Self::made(Some(machine), Some(54_321 + std::process::id() * 64 + number))
    }

    /// Whoever runs the tests, on the real host: for tests about the host itself.
    pub(crate) fn on_this_host() -> Self {
        Self::made(None, None)
    }

    /// Whether that person is root here.
    pub(crate) fn is_root(&self) -> bool {
        self.inner.uid.is_none() && is_root()
    }

    fn made(machine: Option<Arc<Machine>>, uid: Option<u32>) -> Self {
        // Short, because the path of a socket has 107 bytes (unix(7)).
        let folder = tempfile::Builder::new().prefix("xt-").tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["home", "s", "tmp", "work", "bin"] {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            if let Some(uid) = uid.filter(|_| name != "bin") {
                chown(&path, Some(uid), Some(uid)).unwrap();
            }
        }
        let binary = binary_for(uid, folder.path());
        Self { inner: Arc::new(Inner { machine, uid, binary, folder }) }
    }

    /// `explore` with these arguments, run by this learner.
    pub(crate) fn explore<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Run {
        Run::new(self.clone(), arguments)
    }

    /// Any other program, run by this learner at the same place.
    pub(crate) fn program<A: AsRef<OsStr>>(&self, name: &str, arguments: impl IntoIterator<Item = A>) -> Run {
        Run::of_program(self.clone(), name, arguments)
    }

    /// The folder that is `EXPLORE_ROOT`.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder("s")
    }

    /// The folder that is HOME.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder("home")
    }

    /// The folder that commands run in.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder("work")
    }

    /// The folder that is TMPDIR.
    pub(crate) fn tmp(&self) -> PathBuf {
        self.folder("tmp")
    }

    /// The folder that holds all the others.
    pub(crate) fn everything(&self) -> &Path {
        self.inner.folder.path()
    }

    /// What marks this learner's names in the kernel.
    pub(crate) fn tag(&self) -> String {
        explore::state::Roots::find(Some(&self.state())).unwrap().tag()
    }

    /// Runs `work` in a thread on this learner's machine, with the rights of the tests.
    pub(crate) fn at_machine<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.inner.machine {
            Some(machine) => machine.enter(work),
            None => work(),
        }
    }

    /// All processes on this learner's machine but its PID 1, by their numbers out here.
    pub(crate) fn processes(&self) -> Vec<i32> {
        self.inner.machine.as_ref().map(|machine| machine.processes()).unwrap_or_default()
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.inner.folder.path().join(name)
    }
}

/// A machine takes along what ran on it, but cgroups are the host's: a container that still ran leaves empty ones.
impl Drop for Inner {
    fn drop(&mut self) {
        // Others may still be on it.
        let over = self.machine.take().is_none_or(|machine| Arc::into_inner(machine).map(drop).is_some());
        let Ok(roots) = explore::state::Roots::find(Some(&self.folder.path().join("s"))) else { return };
        let mut groups = super::cgroups_of(&roots.tag());
        // Those inside first; the dead leave a moment after they have died.
        groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
        for group in groups {
            let gone = |_: &u32| std::fs::remove_dir(&group).is_ok() || !Path::new(&group).exists();
            let _ = (0..if over { 100 } else { 1 }).find(|attempt| {
                gone(attempt) || {
                    std::thread::sleep(Duration::from_millis(5));
                    false
                }
            });
        }
    }
}

/// The program that is tried. It may be another build: what is handed out, for example.
pub(crate) fn built() -> PathBuf {
    std::env::var_os("EXPLORE_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_explore").into()).into()
}

/// A user may not be able to reach the folder that we were built in (it may lie below /root): a link, or a copy.
fn binary_for(uid: Option<u32>, folder: &Path) -> PathBuf {
    let built = built();
    if uid.is_none() {
        return built;
    }
    let own = folder.join("bin/explore");
    if std::fs::hard_link(&built, &own).is_err() {
        std::fs::copy(&built, &own).unwrap();
    }
    own
}
