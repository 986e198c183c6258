//! Between containers and networks: `network up`, `connect`, `disconnect`, for a container that runs and for one that
//! does not.

use crate::error::Explain;
use crate::exit::Exit;
use crate::kernel::namespace::Kind;
use crate::stages::create::{self, Container, CreateError, Network};
use crate::stages::exec::running;
use crate::stages::network::{self, Also, Connected, Definition, EtcFiles, Lease, Names, NetworkError, Subject};
use crate::state::{ProcessIdentity, RecordError, Roots};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Why a container and a network do not come together, or apart.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The container.
    #[error(transparent)]
    Container(#[from] CreateError),
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The three files of /etc.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Its mode has no cables.
    #[error("container {name} is on --network {mode}, which has no cable to connect")]
    NoCable {
        /// The container.
        name: String,
        /// Its mode.
        mode: String,
    },
    /// It is what `--network` said.
    #[error("container {name} was made for network {network}, and does not run")]
    Own {
        /// The container.
        name: String,
        /// The network.
        network: String,
    },
}

impl Explain for ConnectionError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Container(error) => error.hint(),
            Self::Network(error) => error.hint(),
            Self::Record(_) => None,
            Self::NoCable { .. } => Some("make a container without --network, or with a network's name".into()),
            Self::Own { name, .. } => Some(format!("`explore start {name}` first, or make it with another --network")),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Container(error) => error.exit(),
            Self::Network(error) => error.exit(),
            Self::Record(_) | Self::NoCable { .. } | Self::Own { .. } => Exit::Failed,
        }
    }
}

/// Connects a container to all that it is to be connected to.
///
/// # Errors
/// As [`network::set_up`].
pub fn set_up(
    roots: &Roots,
    container: &Container,
    netns: BorrowedFd<'_>,
    holder: Option<ProcessIdentity>,
) -> Result<Connected, NetworkError> {
    network::set_up(roots, subject(container), netns, holder)
}

fn subject(container: &Container) -> Subject<'_> {
    Subject {
        id: &container.id,
        name: &container.name,
        hostname: &container.hostname,
        mode: &container.network,
        wish: &container.wish,
    }
}

/// `network up`: a container that does not run gets a network namespace, kept by a mount; one that runs, its cables.
///
/// # Errors
/// All of [`ConnectionError`]; nothing is left then.
pub fn up(roots: &Roots, container: &Container) -> Result<Vec<Lease>, ConnectionError> {
    if container.network.network().is_none() {
        let (name, mode) = (container.name.clone(), container.network.to_string());
        return Err(ConnectionError::NoCable { name, mode });
    }
    // Of a container that runs, the namespace that it is in; it is kept by its processes, and goes with them.
    if let Some((netns, holder)) = netns_of(roots, &container.id) {
        return Ok(set_up(roots, container, netns.as_fd(), Some(holder))?.leases);
    }
    let was_pinned = network::pinned(roots, &container.id).is_some();
    let netns = network::pin(roots, &container.id, None)?;
    match set_up(roots, container, netns.as_fd(), None) {
        Ok(made) => {
            write_etc_files(roots, container, &made.leases)?;
            Ok(made.leases)
        }
        Err(error) => {
            if !was_pinned {
                // The first error is the one to tell; a pin that stays is in the journal.
                let _ = network::unpin(roots, &container.id);
            }
            Err(error.into())
        }
    }
}

/// The three files of /etc in the bundle, for the addresses that the container has. They may be mounted already, and are
/// written in place. Before this they are empty.
///
/// # Errors
/// The file that cannot be written.
pub fn write_etc_files(roots: &Roots, container: &Container, leases: &[Lease]) -> Result<(), RecordError> {
    let (mode, wish, hostname) = (&container.network, &container.wish, container.hostname.as_str());
    let full_name = &container.full_name();
    write_files(roots, &container.id, &network::etc_files(&Names { mode, wish, hostname, full_name, leases }))
}

/// As [`write_etc_files`], with these contents.
///
/// # Errors
/// The file that cannot be written.
pub fn write_files(roots: &Roots, id: &str, files: &EtcFiles) -> Result<(), RecordError> {
    let bundle = create::folder(roots, id);
    for (name, text) in [("hosts", &files.hosts), ("hostname", &files.hostname), ("resolv.conf", &files.resolv_conf)] {
        let path = bundle.join(name);
        overwrite(&path, text).map_err(|source| RecordError::Write { path, source })?;
    }
    Ok(())
}

/// In place, and not emptied first: ext4 takes a file that was emptied and closed for one that is being replaced, and
/// writes it to the disk at once (auto_da_alloc, ext4(5)).
fn overwrite(path: &Path, text: &str) -> io::Result<()> {
    let file = File::options().write(true).create(true).truncate(false).open(path)?;
    file.write_all_at(text.as_bytes(), 0)?;
    let length = text.len() as u64;
    if file.metadata()?.len() > length { file.set_len(length) } else { Ok(()) }
}

/// `network connect`: at once where the container runs, and at each start from now on.
///
/// # Errors
/// All of [`ConnectionError`].
pub fn connect(
    roots: &Roots,
    container: &Container,
    definition: &Definition,
    also: Also,
) -> Result<Option<Lease>, ConnectionError> {
    let (_alone, container) = create::alone(roots, &container.id)?;
    let (Network::Bridge | Network::Named(_)) = &container.network else {
        let (name, mode) = (container.name.clone(), container.network.to_string());
        return Err(ConnectionError::NoCable { name, mode });
    };
    let is_own = container.network.network() == Some(definition.name.as_str());
    if is_own || container.wish.also_on(&definition.name).is_some() {
        let text = format!("endpoint with name {} already exists in network {}", container.name, definition.name);
        return Err(NetworkError::Conflict(text).into());
    }
    let refused = match definition.driver() {
        "host" => Some("container cannot be disconnected from host network or connected to host network"),
        "null" => {
            Some("container cannot be connected to multiple networks with one of the networks in private (none) mode")
        }
        _ => None,
    };
    if let Some(text) = refused {
        return Err(NetworkError::Conflict(text.into()).into());
    }
    if (also.ip.is_some() || also.ip6.is_some()) && !definition.is_own() {
        let text = "user specified IP address is supported on user defined networks only";
        return Err(NetworkError::Conflict(text.into()).into());
    }
    let mut changed = container.clone();
    changed.wish.also.push(Also { network: definition.name.clone(), ..also });
    let lease = match netns_of(roots, &container.id) {
        Some((netns, holder)) => {
            Some(network::join(roots, subject(&changed), definition, netns.as_fd(), Some(holder))?)
        }
        None => match network::pinned(roots, &container.id) {
            Some(netns) => Some(network::join(roots, subject(&changed), definition, netns.as_fd(), None)?),
            None => None,
        },
    };
    create::save(roots, &changed)?;
    Ok(lease)
}

/// `network disconnect`: at once where the container runs, and at each start from now on.
///
/// # Errors
/// All of [`ConnectionError`].
pub fn disconnect(roots: &Roots, container: &Container, definition: &Definition) -> Result<(), ConnectionError> {
    let (_alone, container) = create::alone(roots, &container.id)?;
    let is_own = container.network.network() == Some(definition.name.as_str());
    let is_also = container.wish.also_on(&definition.name).is_some();
    match network::leave(roots, &container.id, &definition.name) {
        Err(NetworkError::NotOn { .. }) if is_also => {}
        Err(NetworkError::NotOn { .. }) if is_own => {
            return Err(ConnectionError::Own { name: container.name.clone(), network: definition.name.clone() });
        }
        other => other?,
    }
    if is_also {
        let mut changed = container.clone();
        changed.wish.also.retain(|one| one.network != definition.name);
        create::save(roots, &changed)?;
    }
    Ok(())
}

/// The namespace of a container that runs, and its supervisor.
fn netns_of(roots: &Roots, id: &str) -> Option<(OwnedFd, ProcessIdentity)> {
    let it = running(roots, id)?;
    Some((it.namespace(Kind::Net).ok()?, it.supervisor))
}
