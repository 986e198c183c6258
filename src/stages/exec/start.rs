//! Starting a container from the command's side: the supervisor is forked, and tells how it goes.

use super::message::{self, FromClient, Packet, ToClient};
use super::{Joining, running, seal, socket};
use crate::error::Explain;
use crate::exit::Exit;
use crate::kernel::process::{self, Descriptors};
use crate::kernel::{self, fs};
use crate::narrate::{self, Role};
use crate::stages::create::{Container, CreateError, Network};
use crate::stages::failure::Failure;
use crate::stages::layer::LayerError;
use crate::stages::network::NetworkError;
use crate::stages::network::door::{Door, Inherited};
use crate::stages::user::UserError;
use crate::state::{RecordError, Roots};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::os::fd::{AsRawFd, OwnedFd};

/// What a supervisor is told in one word.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Told {
    /// The command in whose interest it runs.
    pub client: Option<i32>,
    /// The doors that it inherits.
    pub doors: Vec<Inherited>,
    /// The container will have a network of its own: it may be begun.
    pub begins_network: bool,
}

/// The connection to a supervisor that runs a container for us.
#[derive(Debug)]
pub struct Attachment {
    /// Typed messages and data ([`message`]).
    pub socket: OwnedFd,
    /// The supervisor where it is our child: to be waited for once it has said that all has ended.
    pub supervisor: Option<Pid>,
}

/// A failure that a supervisor tells: what was wrong, as the near side would have found it.
#[derive(Debug, Serialize, Deserialize)]
pub enum StartFailure {
    /// A system call, of the supervisor or of PID 1.
    Call(Failure),
    /// Something else: the chain of texts, a hint, the exit code.
    Told {
        /// From the outermost to the cause.
        chain: Vec<String>,
        /// What helps.
        hint: Option<String>,
        /// The exit code.
        code: u8,
    },
}

impl StartFailure {
    /// The exit code, as docker-run(1) has it.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Call(failure) => failure.exit().code(),
            Self::Told { code, .. } => *code,
        }
    }

    /// Of an error that knows what helps.
    pub(super) fn of<E: Explain>(error: &E) -> Self {
        Self::Told { chain: crate::error::chain(error), hint: error.hint(), code: Exit::Engine.code() }
    }
}

macro_rules! told {
    ($($error:ty),+) => {$(
        impl From<$error> for StartFailure {
            fn from(error: $error) -> Self {
                Self::of(&error)
            }
        }
    )+};
}
told!(CreateError, LayerError, NetworkError, RecordError, UserError);

impl From<Failure> for StartFailure {
    fn from(failure: Failure) -> Self {
        Self::Call(failure)
    }
}

/// Why a container does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It runs.
    #[error("container {0} is running already")]
    Running(String),
    /// A step of starting it.
    #[error(transparent)]
    Call(#[from] Failure),
    /// What the supervisor told.
    #[error("{}", chain.join(": "))]
    Told {
        /// From the outermost to the cause.
        chain: Vec<String>,
        /// What helps.
        hint: Option<String>,
        /// The exit code.
        code: u8,
    },
    /// It does not run.
    #[error("cannot attach to a stopped container, start it first")]
    Stopped,
    /// It is held.
    #[error("cannot attach to a paused container, unpause it first")]
    Paused(String),
    /// The supervisor died.
    #[error("the supervisor of container {0} has died")]
    Died(String),
}

impl From<StartFailure> for StartError {
    fn from(failure: StartFailure) -> Self {
        match failure {
            StartFailure::Call(failure) => Self::Call(failure),
            StartFailure::Told { chain, hint, code } => Self::Told { chain, hint, code },
        }
    }
}

impl Explain for StartError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Running(name) => Some(format!("`explore exec {name} sh` is one more process in it")),
            Self::Call(failure) => failure.hint(),
            Self::Told { hint, .. } => hint.clone(),
            Self::Stopped => Some("`explore start -a` starts and attaches in one".into()),
            Self::Paused(name) => Some(format!("`explore unpause {name}`")),
            Self::Died(_) => Some("`explore clean` takes back what it left".into()),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Running(_) | Self::Stopped | Self::Paused(_) => Exit::Failed,
            Self::Call(failure) => failure.exit(),
            Self::Told { code, .. } => Exit::Container(*code),
            Self::Died(_) => Exit::Engine,
        }
    }
}

/// A supervisor that was started ahead of its container: it begins while the command still writes the container down,
/// and waits for the word that it is there. Dropped, it is told that there will be none, and is waited for until it has
/// left.
#[derive(Debug)]
pub struct Ahead {
    /// Until it is started.
    attachment: Option<Attachment>,
}

/// Starts the supervisor of a container that is about to be made under this ID. `attached` and `doors` as with
/// [`start`]; what `network` it will have. What is narrated is told in its order, so nothing is begun ahead then: it begins
/// with its container.
///
/// # Errors
/// [`StartError::Call`]; nothing runs then.
pub fn ahead(roots: &Roots, id: &str, attached: bool, doors: &[Door], network: &Network) -> Result<Ahead, StartError> {
    if narrate::sink().is_some() {
        return Ok(Ahead { attachment: None });
    }
    let begins_network = !matches!(network, Network::Host | Network::Container(_));
    let attachment = send_out(roots, id, &orders(attached, doors, begins_network), doors)?;
    Ok(Ahead { attachment: Some(attachment) })
}

impl Ahead {
    /// The container is there: it is started, as [`start`] does with the same words.
    ///
    /// # Errors
    /// All of [`StartError`]; nothing runs then.
    pub fn start(
        mut self,
        roots: &Roots,
        container: &Container,
        attached: bool,
        doors: &[Door],
    ) -> Result<Attachment, StartError> {
        match self.attachment.take() {
            Some(attachment) => begin(attachment, container),
            None => start(roots, container, attached, doors),
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        let Some(Attachment { socket, supervisor }) = self.attachment.take() else { return };
        drop(socket);
        if let Some(supervisor) = supervisor {
            let _ = process::wait(supervisor);
        }
    }
}

/// Starts a container, and returns once PID 1 is its program. With `attached` its output comes to us, and `clean` ends
/// it when we are gone; without, it is on its own.
///
/// `doors` are where it answers without root.
///
/// # Errors
/// All of [`StartError`]; nothing runs then.
pub fn start(roots: &Roots, container: &Container, attached: bool, doors: &[Door]) -> Result<Attachment, StartError> {
    if running::running(roots, &container.id).is_some() {
        return Err(StartError::Running(container.name.clone()));
    }
    let attachment = send_out(roots, &container.id, &orders(attached, doors, false), doors)?;
    begin(attachment, container)
}

fn orders(attached: bool, doors: &[Door], begins_network: bool) -> [String; 2] {
    let told = Told {
        client: attached.then(std::process::id).and_then(|pid| i32::try_from(pid).ok()),
        doors: doors.iter().map(Door::told).collect(),
        begins_network,
    };
    ["supervise".into(), serde_json::to_string(&told).unwrap_or_default()]
}

fn begin(attachment: Attachment, container: &Container) -> Result<Attachment, StartError> {
    // One that has died meanwhile has said why, or is found dead below.
    let _ = message::send(&attachment.socket, &FromClient::Made);
    hear(attachment, container)
}

/// Joins a container that runs already.
///
/// # Errors
/// [`StartError::Stopped`], [`StartError::Paused`], [`StartError::Died`].
pub fn attach(roots: &Roots, container: &Container) -> Result<Attachment, StartError> {
    let running = running::running(roots, &container.id).ok_or(StartError::Stopped)?;
    if super::is_paused(&running) {
        return Err(StartError::Paused(container.name.clone()));
    }
    let died = |_| StartError::Died(container.name.clone());
    let socket = socket::call(roots, &container.id).map_err(died)?;
    message::send(&socket, &FromClient::Attached).map_err(died)?;
    Ok(Attachment { socket, supervisor: None })
}

/// Runs one more process in a container that runs; its output comes to us.
///
/// # Errors
/// All of [`StartError`].
pub fn exec(roots: &Roots, container: &Container, joining: &Joining) -> Result<Attachment, StartError> {
    let what = serde_json::to_string(joining).unwrap_or_default();
    hear(send_out(roots, &container.id, &["join".into(), what], &[])?, container)
}

/// A child becomes the sealed program with these orders. In our memory until then: nothing of it is to be kept.
fn send_out(roots: &Roots, id: &str, orders: &[String], doors: &[Door]) -> Result<Attachment, StartError> {
    let failed =
        |errno| Failure::at("make a socket")(kernel::Error::quiet("socketpair", &format_args!("AF_UNIX"), errno));
    let (ours, theirs) = message::pair().map_err(failed)?;
    let hidden = ours.as_raw_fd();
    let why = "a process that outlives this command";
    let supervisor = process::vfork(Role::Supervisor, Descriptors::Copied, why, || {
        let _ = nix::unistd::close(hidden);
        let error = become_sealed(roots, id, orders, &theirs, doors);
        let _ = message::send(&theirs, &ToClient::Failed(StartFailure::Call(error)));
        125
    })
    .map_err(Failure::at("fork"))?;
    Ok(Attachment { socket: ours, supervisor: Some(supervisor) })
}

/// Hears how it goes.
fn hear(attachment: Attachment, container: &Container) -> Result<Attachment, StartError> {
    let message = match message::receive(&attachment.socket) {
        Ok(Packet::Message(bytes, _)) => Packet::parse(&bytes),
        _ => None,
    };
    if let Some(ToClient::Started(_)) = message {
        return Ok(attachment);
    }
    if let Some(supervisor) = attachment.supervisor {
        let _ = process::wait(supervisor);
    }
    Err(match message {
        Some(ToClient::Failed(failure)) => failure.into(),
        _ => StartError::Died(container.name.clone()),
    })
}

/// A session of its own, so that ^C at our terminal is not for it; then the sealed program.
fn become_sealed(roots: &Roots, id: &str, orders: &[String], socket: &OwnedFd, doors: &[Door]) -> Failure {
    let _ = nix::unistd::setsid();
    // What the command was given by its own caller, a terminal or a pipe, must not be held open by one that outlives it.
    let closed = fs::close_on_exec_from(3, "the supervisor inherits its sockets and nothing else");
    let inherited = || doors.iter().map(Door::socket).chain([socket]).try_for_each(fs::keep_on_exec);
    let kept = closed.and_then(|()| inherited()).and_then(|()| match narrate::sink() {
        Some(sink) => fs::keep_on_exec(&process::borrow(sink)),
        None => Ok(()),
    });
    if let Err(error) = kept {
        return Failure::at("hand its socket on")(error);
    }
    let (verb, rest) = orders.split_first().map_or(("", orders), |(verb, rest)| (verb.as_str(), rest));
    let mut arguments: Vec<String> = vec!["explore".into(), verb.to_owned(), id.to_owned()];
    arguments.push(socket.as_raw_fd().to_string());
    arguments.push(narrate::sink().map_or_else(|| "none".to_owned(), |sink| sink.to_string()));
    arguments.push(roots.data.to_string_lossy().into_owned());
    arguments.push(roots.run.to_string_lossy().into_owned());
    arguments.extend(rest.iter().cloned());
    Failure::at("start from a sealed copy of explore")(seal::become_sealed(&arguments))
}
