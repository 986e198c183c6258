//! Stage 6, exit: what the kernel held goes, what was written stays until `rm`.
//!
//! | gone when PID 1 ends | kept until `rm` |
//! |---|---|
//! | its processes, its namespaces, its cable, its cgroups, its mounts | the upper, the log, the exit code, the name |
//!
//! A supervisor takes back what it made. Where it was killed, the next command does ([`recover`]), by the journal.

mod clean;
mod signal;
pub(in crate::stages) mod undo;

pub use clean::{Cleaned, clean, recover};
pub use signal::Signal;
pub use undo::{UndoError, all_of as undo_all};

use crate::error::Explain;
use crate::exit::Exit;
use crate::kernel::{self, process};
use crate::stages::create::{self, Container, CreateError, Status, What};
use crate::stages::exec::{self, Running};
use crate::stages::handle;
use crate::stages::keeper;
use crate::stages::layer::{self, LayerError};
use crate::stages::network::{self, NetworkError};
use crate::state::{Claim, Effect, Entry, Journal, ProcessIdentity, Roots};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

/// Why a container cannot be ended or removed.
#[derive(Debug, thiserror::Error)]
pub enum ExitError {
    /// The container.
    #[error(transparent)]
    Container(#[from] CreateError),
    /// It runs.
    #[error("container {0} is running, and is not removed while it does")]
    Running(String),
    /// It does not run.
    #[error("cannot kill container {0}: it is not running")]
    NotRunning(String),
    /// Not the name or number of a signal.
    #[error("invalid signal: {0}")]
    Signal(String),
    /// It cannot be ended.
    #[error("cannot end container {name}")]
    Kill {
        /// Which.
        name: String,
        /// The call.
        source: kernel::Error,
    },
    /// Its layer.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// Its network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Something could not be undone.
    #[error(transparent)]
    Undo(#[from] UndoError),
    /// Its files.
    #[error("cannot remove {}", path.display())]
    Files {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Explain for ExitError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Container(error) => error.hint(),
            Self::Running(name) => Some(format!("stop it first: `explore stop {name}`, or use `explore rm -f {name}`")),
            Self::NotRunning(name) => Some(format!("`explore start {name}` starts it again")),
            Self::Signal(_) => Some("a name such as TERM, or a number: `kill -l` lists them".into()),
            Self::Kill { source, .. } => kernel::hint(source),
            Self::Layer(error) => error.hint(),
            Self::Network(error) => error.hint(),
            Self::Undo(_) | Self::Files { .. } => None,
        }
    }

    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

/// How long `stop` waits where nobody says anything else: docker's ten seconds.
const PATIENCE: u64 = 10;

/// How long one that was killed is given, in milliseconds, until it is looked whether it is paused.
const ENDING: u64 = 100;

/// Ends a container as `docker stop` does: its stop signal, which PID 1 may handle; SIGKILL after some seconds, which
/// from outside its PID namespace it cannot refuse; -1 is never. Waits until everything is taken back.
///
/// # Errors
/// [`ExitError::Kill`].
pub fn stop(
    roots: &Roots,
    container: &Container,
    signal: Option<Signal>,
    seconds: Option<i64>,
) -> Result<(), ExitError> {
    let signal = signal.unwrap_or(container.program.stop_signal());
    let own = container.program.stop_timeout;
    // Docker takes any negative number for "as long as it takes".
    let seconds = seconds.or(own).map_or(PATIENCE, |seconds| u64::try_from(seconds).unwrap_or(u64::from(u32::MAX)));
    end(roots, container, signal.number(), seconds.saturating_mul(1000))
}

/// Ends a container at once.
///
/// # Errors
/// [`ExitError::Kill`].
pub fn kill(roots: &Roots, container: &Container) -> Result<(), ExitError> {
    end(roots, container, libc::SIGKILL, 0)
}

fn end(roots: &Roots, container: &Container, first: i32, patience: u64) -> Result<(), ExitError> {
    let Some(running) = exec::begun(roots, &container.id).map_err(CreateError::Record)? else { return Ok(()) };
    let failed = |source| ExitError::Kill { name: container.name.clone(), source };
    let supervisor = handle::open(running.supervisor, "to wait until all is taken back").ok().flatten();
    if let Some(init) = open_init(&running).map_err(failed)? {
        handle::send(&init, first, "asked to end").map_err(failed)?;
        exec::thaw(&running).map_err(failed)?;
        if !process::ends_within(init.as_fd(), patience) {
            handle::send(&init, libc::SIGKILL, "it did not end in time").map_err(failed)?;
            // Again and again: somebody may have paused it meanwhile, or do so now. Who pauses writes a group into its record.
            while !process::ends_within(init.as_fd(), ENDING) {
                let now = exec::begun(roots, &container.id).map_err(CreateError::Record)?;
                now.as_ref().map_or(Ok(()), exec::thaw).map_err(failed)?;
            }
        }
    }
    // Also where PID 1 has ended by itself: its supervisor may not be done yet.
    if let Some(supervisor) = supervisor {
        process::wait_for_end(supervisor.as_fd());
    }
    // Who ends a container by hand wants to see everything gone.
    Ok(network::settle(roots)?)
}

fn open_init(running: &Running) -> kernel::Result<Option<OwnedFd>> {
    handle::open(running.init, "a descriptor never names another process")
}

/// Sends a signal to PID 1; one that it cannot refuse is waited for.
///
/// # Errors
/// [`ExitError::Kill`], [`ExitError::NotRunning`].
pub fn signal(roots: &Roots, container: &Container, signal: Signal) -> Result<(), ExitError> {
    let failed = |source| ExitError::Kill { name: container.name.clone(), source };
    let not_running = || ExitError::NotRunning(container.name.clone());
    let running = exec::find(roots, &container.id).map_err(CreateError::Record)?.ok_or_else(not_running)?;
    if signal == Signal::KILL {
        return kill(roots, container);
    }
    let init = open_init(&running).map_err(failed)?.ok_or_else(not_running)?;
    handle::send(&init, signal.number(), "as it was asked").map_err(failed)?;
    // Docker lets it go on, so that the signal arrives: any that may end it (moby daemon/kill.go, `killWithSignal`).
    if exec::is_paused(&running) && container.program.stop_signal.is_none_or(|one| one == signal) {
        exec::thaw(&running).map_err(failed)?;
    }
    Ok(())
}

/// Waits until a container has ended, and says how; 0 for one that was never started, as docker has it.
///
/// # Errors
/// [`ExitError::Container`].
pub fn wait(roots: &Roots, wanted: &str) -> Result<u8, ExitError> {
    let container = create::find(roots, wanted)?;
    // What its supervisor says outlives the container: with --rm nothing else does.
    if let Some(ended) = exec::call(roots, &container.id).ok().and_then(|connection| exec::hear_end(&connection)) {
        return Ok(ended.code());
    }
    // Its last run, also where PID 1 has ended just now: how it ended is written down by the supervisor, a moment later.
    if let Some(last) = exec::last(roots, &container.id).map_err(CreateError::Record)? {
        handle::wait_for_end(last.supervisor, "it ends when all is taken back");
    }
    // One whose supervisor was killed has ended by that.
    if keeper::is_inside() {
        recover(roots)?;
    }
    Ok(code(&create::find(roots, &container.id)?))
}

/// The exit code of a container; 0 for one that has not ended.
pub fn code(container: &Container) -> u8 {
    match container.status {
        Status::Exited { how, .. } => how.code(),
        Status::Created => 0,
    }
}

/// `rm`: its layer, its log and its name go. One that runs is refused, or ended first with `force`.
///
/// # Errors
/// All of [`ExitError`].
pub fn remove(roots: &Roots, container: &Container, force: bool, volumes: Volumes) -> Result<(), ExitError> {
    let _alone = loop {
        match exec::lock_at_rest(roots, &container.id) {
            Ok(Ok(lock)) => break Some(lock),
            Ok(Err(_)) if force => kill(roots, container)?,
            Ok(Err(_)) => return Err(ExitError::Running(container.name.clone())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => break None,
            Err(source) => return Err(ExitError::Files { path: create::folder(roots, &container.id), source }),
        }
    };
    layer::unmount(&create::folder(roots, &container.id).join("rootfs"))?;
    network::unpin(roots, &container.id)?;
    take_back(roots, &container.id, Extent::Everything)?;
    network::settle(roots)?;
    remove_files(roots, container, volumes)
}

/// What becomes of the volumes that nobody has named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volumes {
    /// They stay: `rm`.
    Keep,
    /// They go, unless another container has them too: `rm -v`, `run --rm`.
    Anonymous,
}

/// What of a container is to be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What this process has made for it: a start that failed leaves what `layer mount` and `network up` made.
    Mine,
    /// Everything: it has ended, and those two were for its sake.
    Everything,
}

/// What the kernel holds for this container goes: processes, cgroups, cables, mounts. Each is tried, whatever became of
/// the one before.
///
/// # Errors
/// [`ExitError::Undo`], [`ExitError::Network`]: what could not be undone, after everything else was.
pub fn take_back(roots: &Roots, id: &str, extent: Extent) -> Result<(), ExitError> {
    let me = ProcessIdentity::myself();
    let network = match network::lease_of(roots, id) {
        Ok(None) => Ok(()),
        Ok(Some(lease)) if extent == Extent::Mine && lease.holder != Some(me) => Ok(()),
        _ => network::tear_down(roots, id),
    };
    let undone = match extent {
        Extent::Mine => undo::held_by(roots, id, me),
        Extent::Everything => undo::all_of(roots, id),
    };
    let _ = std::fs::remove_dir_all(roots.running().join(id));
    network?;
    Ok(undone?)
}

/// Removes a container's folder: renamed first, so that nobody finds half of it. overlayfs leaves `work/work` with mode
/// 000, which only root may enter; and nothing is removed across a mount. Volumes go after it, for until then they are
/// in use; the journal knows of them before.
///
/// # Errors
/// [`ExitError::Files`], [`ExitError::Undo`].
pub fn remove_files(roots: &Roots, container: &Container, volumes: Volumes) -> Result<(), ExitError> {
    let folder = create::folder(roots, &container.id);
    let doomed = roots.containers().join(format!(".old-{}", container.id));
    let entries = if volumes == Volumes::Anonymous { announce_volumes(roots, container)? } else { Vec::new() };
    match std::fs::rename(&folder, &doomed) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(source) => return Err(ExitError::Files { path: folder, source }),
    }
    let undone = undo::undo_each(roots, entries.iter());
    clean::remove_tree(&doomed).map_err(|source| ExitError::Files { path: doomed, source })?;
    Ok(undone?)
}

/// What is killed from here on is gone on with by the next command, which asks again who uses them.
fn announce_volumes(roots: &Roots, container: &Container) -> Result<Vec<Entry>, ExitError> {
    let journal = Journal::at(roots.journal());
    let claim = Claim { owner: container.id.clone(), holder: Some(ProcessIdentity::myself()) };
    let mut entries = Vec::new();
    for mount in &container.mounts {
        if let What::Volume { name, anonymous: true, .. } = &mount.what {
            let entry = journal.announce(&claim, Effect::Volume { name: name.clone() });
            entries.push(entry.map_err(UndoError::from)?);
        }
    }
    Ok(entries)
}
