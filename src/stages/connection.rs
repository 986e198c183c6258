//! Between containers and networks: `network up`, `connect`, `disconnect`, for a container that runs and for one that
//! does not.

use crate::error::Explain;
use crate::exit::Exit;
use crate::kernel::namespace::Kind;
use crate::stages::create::{self, Container, CreateError, Network};
use crate::stages::exec::{self, StartError, running};
use crate::stages::network::{self, Also, Connected, Definition, EtcFiles, Lease, Names, NetworkError, Subject};
use crate::state::{ProcessIdentity, RecordError, Roots};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Largest hosts file that is changed while its container runs, in bytes.
const LARGEST_HOSTS: u64 = 1 << 20;

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
    /// Its name server.
    #[error(transparent)]
    Names(#[from] StartError),
}

impl Explain for ConnectionError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Container(error) => error.hint(),
            Self::Network(error) => error.hint(),
            Self::Record(_) => None,
            Self::NoCable { .. } => Some("make a container without --network, or with a network's name".into()),
            Self::Names(error) => error.hint(),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Container(error) => error.exit(),
            Self::Network(error) => error.exit(),
            Self::Record(_) | Self::NoCable { .. } | Self::Names(_) => Exit::Failed,
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
    if container.wish.networks(&container.network).next().is_none() {
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
    write_files(roots, &container.id, &etc_files(container, leases))
}

fn etc_files(container: &Container, leases: &[Lease]) -> EtcFiles {
    let (mode, wish, hostname) = (&container.network, &container.wish, container.hostname.as_str());
    network::etc_files(&Names { mode, wish, hostname, full_name: &container.full_name(), leases })
}

/// `/etc/resolv.conf` alone: a container that runs has a name server from now on, and its hosts file may have lines of its
/// own by now.
///
/// # Errors
/// The file that cannot be written.
pub fn write_resolv_conf(roots: &Roots, container: &Container, leases: &[Lease]) -> Result<(), RecordError> {
    let path = create::folder(roots, &container.id).join("resolv.conf");
    overwrite(&path, &etc_files(container, leases).resolv_conf).map_err(|source| RecordError::Write { path, source })
}

/// Changes `/etc/hosts` as it is now. Whoever is root inside may have filled it without end: then it stays as it is.
fn change_hosts(
    roots: &Roots,
    container: &Container,
    change: impl FnOnce(String, &str) -> String,
) -> Result<(), RecordError> {
    let path = create::folder(roots, &container.id).join("hosts");
    let mut text = String::new();
    let read = File::open(&path).and_then(|file| file.take(LARGEST_HOSTS + 1).read_to_string(&mut text));
    if read.is_err() || text.len() as u64 > LARGEST_HOSTS {
        return Ok(());
    }
    let changed = change(text, &container.full_name());
    overwrite(&path, &changed).map_err(|source| RecordError::Write { path, source })
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
/// All of [`ConnectionError`]; it is not connected then.
pub fn connect(
    roots: &Roots,
    container: &Container,
    definition: &Definition,
    also: Also,
) -> Result<Option<Lease>, ConnectionError> {
    let (alone, container) = create::alone(roots, &container.id)?;
    let there = match netns_of(roots, &container.id) {
        Some((netns, holder)) => Some((netns, Some(holder))),
        None => network::pinned(roots, &container.id).map(|netns| (netns, None)),
    };
    refuse(&container, definition, &also, there.is_some())?;
    let mut changed = container.clone();
    changed.wish.connect(&container.network, Also { network: definition.name.clone(), ..also });
    let lease = match there {
        Some((netns, holder)) => Some(network::join(roots, subject(&changed), definition, netns.as_fd(), holder)?),
        None => None,
    };
    create::save(roots, &changed)?;
    let Some(lease) = lease else { return Ok(None) };
    let told = change_hosts(roots, &changed, |hosts, name| network::with_lease(hosts, name, &lease));
    // Its supervisor may be ending, and wants the record then.
    drop(alone);
    let told = told.map_err(ConnectionError::from).and_then(|()| serve_names(roots, &changed, &lease));
    if told.is_err() {
        // The first error is the one to tell.
        let _ = disconnect(roots, &changed, definition);
    }
    told.map(|()| Some(lease))
}

/// With the first network of names there must be somebody inside to ask for them. The supervisor begins it, for it is to
/// end with the container.
fn serve_names(roots: &Roots, container: &Container, lease: &Lease) -> Result<(), ConnectionError> {
    if !lease.names.is_empty() {
        exec::serve_names(roots, &container.id)?;
    }
    Ok(())
}

/// What docker refuses. Of one that is connected already it hears further names and addresses, as long as it `is_up` not.
fn refuse(container: &Container, definition: &Definition, also: &Also, is_up: bool) -> Result<(), ConnectionError> {
    let none_and_others =
        "container cannot be connected to multiple networks with one of the networks in private (none) mode";
    let text = match &container.network {
        Network::Host | Network::Container(_) => {
            let (name, mode) = (container.name.clone(), container.network.to_string());
            return Err(ConnectionError::NoCable { name, mode });
        }
        Network::None if !container.wish.left => none_and_others.into(),
        mode if is_up && container.wish.networks(mode).any(|name| name == definition.name) => {
            format!("endpoint with name {} already exists in network {}", container.name, definition.name)
        }
        _ if definition.driver() == "host" => {
            "container cannot be disconnected from host network or connected to host network".into()
        }
        _ if definition.driver() == "null" => none_and_others.into(),
        _ if (also.ip.is_some() || also.ip6.is_some()) && !definition.is_own() => {
            "user specified IP address is supported on user defined networks only".into()
        }
        _ => return Ok(()),
    };
    Err(NetworkError::Conflict(text).into())
}

/// `network disconnect`: at once where the container runs, and at each start from now on.
///
/// # Errors
/// All of [`ConnectionError`].
pub fn disconnect(roots: &Roots, container: &Container, definition: &Definition) -> Result<(), ConnectionError> {
    let (_alone, container) = create::alone(roots, &container.id)?;
    let name = definition.name.as_str();
    let mut changed = container.clone();
    changed.wish.also.retain(|one| one.network != name);
    // The one of `--network`, which may have been left and joined again.
    let is_none = container.network == Network::None && definition.driver() == "null";
    if container.wish.own(&container.network) == Some(name) || is_none {
        changed.wish.left = true;
    }
    if changed.wish == container.wish {
        return Err(NetworkError::NotOn { id: container.id, network: name.to_owned() }.into());
    }
    // First on the disk: whoever starts it next must not find the network there.
    create::save(roots, &changed)?;
    let netns = netns_of(roots, &container.id).map(|(netns, _)| netns);
    let netns = netns.or_else(|| network::pinned(roots, &container.id));
    match network::leave(roots, &container.id, name, netns.as_ref().map(AsFd::as_fd)) {
        // It does not run.
        Err(NetworkError::NotOn { .. }) => Ok(()),
        Err(other) => Err(other.into()),
        Ok(lost) => Ok(change_hosts(roots, &container, |hosts, name| network::without_lease(&hosts, name, &lost))?),
    }
}

/// The namespace of a container that runs, and its supervisor.
fn netns_of(roots: &Roots, id: &str) -> Option<(OwnedFd, ProcessIdentity)> {
    let it = running(roots, id)?;
    Some((it.namespace(Kind::Net).ok()?, it.supervisor))
}
