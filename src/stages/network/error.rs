//! What can go wrong between a container and its network.

use crate::error::Explain;
use crate::exit::Exit;
use crate::kernel;
use crate::state::RecordError;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Why a container has no network, or still has one.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// Another `explore` cannot be waited for.
    #[error("cannot lock {}", path.display())]
    Lock {
        /// The lock.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Our own record cannot be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The kernel does not say what is there.
    #[error("cannot look at the {what} of this network namespace")]
    Look {
        /// Links, addresses, routes, chains.
        what: &'static str,
        /// The request.
        source: kernel::Error,
    },
    /// Our name is on somebody else's link or table.
    #[error("there is a {what} named {name} that is not ours")]
    Foreign {
        /// `link` or `table`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Every network that we would use overlaps one that is in use.
    #[error("no free private network: all {tried} that could be used overlap an address or a route of this machine")]
    NoSubnet {
        /// How many were looked at.
        tried: usize,
    },
    /// Two flags, or a flag and a network, that do not go together; in docker's words.
    #[error("{0}")]
    Conflict(String),
    /// No network of that name.
    #[error("network {0} not found")]
    NoSuchNetwork(String),
    /// Not a name.
    #[error("{0:?} is no name for a network: letters, digits, '_', '.' and '-', a letter or digit first")]
    Name(String),
    /// Two networks of ours would have the same addresses.
    #[error("Pool overlaps with other one on this address space: {subnet} meets that of the network {network}")]
    Overlaps {
        /// What was wanted.
        subnet: String,
        /// Who has it.
        network: String,
    },
    /// Somebody on this machine has come to use a network's addresses.
    #[error("an address or a route of this machine overlaps {subnet}, the addresses of the network {network}")]
    Taken {
        /// The network.
        network: String,
        /// Its addresses.
        subnet: String,
    },
    /// A network is used.
    #[error("error while removing network: network {name} has active endpoints ({})", users.join(", "))]
    InUse {
        /// The network.
        name: String,
        /// IDs of the containers on it.
        users: Vec<String>,
    },
    /// A container is not on that network.
    #[error("container {} is not connected to network {network}", short(id))]
    NotOn {
        /// The container.
        id: String,
        /// The network.
        network: String,
    },
    /// The container whose network is to be shared does not run.
    #[error("cannot join network of a non running container: {0}")]
    NotRunning(String),
    /// No randomness for an ID.
    #[error("cannot draw a random ID")]
    Random(#[source] io::Error),
    /// Another container of ours publishes there.
    #[error("Bind for {} failed: port is already allocated", SocketAddr::new(*ip, *port))]
    PortAllocated {
        /// The address of this machine.
        ip: IpAddr,
        /// The port.
        port: u16,
    },
    /// Another program has the port, or it cannot be had.
    #[error(
        "failed to bind host port {}/{}: {}",
        SocketAddr::new(*ip, *port), protocol.name(), super::publish::reason(source.errno())
    )]
    PortInUse {
        /// The address of this machine.
        ip: IpAddr,
        /// The port.
        port: u16,
        /// TCP or UDP.
        protocol: kernel::nft::Protocol,
        /// The bind(2).
        source: kernel::Error,
    },
    /// Nobody can answer at the ports out here.
    #[error("cannot answer at the published ports")]
    Doors(#[source] kernel::Error),
    /// The ports cannot be redirected.
    #[error("cannot publish ports with the nf_tables table {name}")]
    Publish {
        /// Its name.
        name: String,
        /// The request.
        source: kernel::Error,
    },
    /// The name server of a container cannot be started.
    #[error("cannot start the name server of the container")]
    Resolver(#[source] kernel::Error),
    /// What remains cannot be left to another process.
    #[error("cannot leave the rest of the network to be removed later")]
    Sweep(#[source] kernel::Error),
    /// All addresses are given out.
    #[error("no free address in {subnet}")]
    Full {
        /// The network.
        subnet: String,
    },
    /// It has one.
    #[error("container {} has a network already: {ip}", short(id))]
    AlreadyUp {
        /// The container.
        id: String,
        /// Its address.
        ip: std::net::Ipv4Addr,
    },
    /// It has none.
    #[error("container {} has no network", short(id))]
    NotUp {
        /// The container.
        id: String,
    },
    /// The switch cannot be made.
    #[error("cannot make the bridge {name}")]
    Bridge {
        /// Its name.
        name: String,
        /// The request.
        source: kernel::Error,
    },
    /// The cable cannot be made.
    #[error("cannot make the veth pair {name}")]
    Veth {
        /// Name of the host's end.
        name: String,
        /// The request.
        source: kernel::Error,
    },
    /// The container's end cannot be configured.
    #[error("cannot configure the container's end of the network")]
    Inside(#[source] kernel::Error),
    /// The NAT table cannot be made.
    #[error("cannot make the nf_tables table {name}")]
    Nat {
        /// Its name.
        name: String,
        /// The request.
        source: kernel::Error,
    },
    /// Packets are not passed on.
    #[error("cannot switch on forwarding in {}", path.display())]
    Forwarding {
        /// The setting.
        path: PathBuf,
        /// The write.
        source: kernel::Error,
    },
    /// An effect stays.
    #[error("cannot remove {what}")]
    Undo {
        /// The link, table or setting.
        what: String,
        /// The request.
        source: kernel::Error,
    },
    /// A namespace cannot be kept without a process.
    #[error("cannot pin a network namespace at {}", path.display())]
    Pin {
        /// The file that it is mounted over.
        path: PathBuf,
        /// Why.
        source: kernel::Error,
    },
    /// Several effects stay; all others are gone.
    #[error("{}", .0.iter().map(chain).collect::<Vec<_>>().join("; "))]
    Several(Vec<NetworkError>),
}

/// As Docker shows an ID.
fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

/// One error of several, with its causes on the same line.
fn chain(error: &NetworkError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(one) = cause {
        text = format!("{text}: {one}");
        cause = one.source();
    }
    text
}

impl NetworkError {
    /// What was collected during a teardown, as one.
    pub(super) fn collected(mut failed: Vec<Self>) -> Result<(), Self> {
        match failed.len() {
            0 => Ok(()),
            1 => failed.pop().map_or(Ok(()), Err),
            _ => Err(Self::Several(failed)),
        }
    }

    fn kernel(&self) -> Option<&kernel::Error> {
        match self {
            Self::Look { source, .. }
            | Self::Bridge { source, .. }
            | Self::Veth { source, .. }
            | Self::Nat { source, .. }
            | Self::Forwarding { source, .. }
            | Self::Undo { source, .. }
            | Self::Pin { source, .. }
            | Self::Publish { source, .. }
            | Self::Resolver(source)
            | Self::Sweep(source)
            | Self::Inside(source) => Some(source),
            _ => None,
        }
    }
}

impl Explain for NetworkError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Record(error) => error.hint(),
            Self::Several(errors) => errors.iter().find_map(Explain::hint),
            Self::Foreign { what: "link", name } => {
                Some(format!("see `ip -d link show {name}`; it was left alone, and --network none does not need it"))
            }
            Self::Foreign { name, .. } => Some(format!("see `nft list table ip {name}`; it was left alone")),
            Self::NoSubnet { .. } => Some("see `ip -4 address; ip route`; --network none needs none".into()),
            Self::Full { .. } => Some("`explore network leases` lists who has them".into()),
            Self::NoSuchNetwork(name) => {
                Some(format!("`explore network create {name}` makes it; `explore network ls` lists all"))
            }
            Self::Overlaps { .. } => Some("choose other addresses with --subnet".into()),
            Self::Taken { network, .. } => Some(format!(
                "see `ip -4 address; ip route`; `explore network rm {network}`, and make it again with another --subnet"
            )),
            Self::InUse { .. } => {
                Some("`explore stop` ends a container, `explore network disconnect` takes it off".into())
            }
            Self::NotRunning(name) => Some(format!("`explore start {name}` starts it")),
            Self::PortAllocated { .. } => Some("`explore ps` says which container publishes it".into()),
            Self::PortInUse { ip, port, source, .. } => match source.errno() {
                nix::errno::Errno::EADDRINUSE => Some(format!("`ss -ltnup sport = :{port}` says which program has it")),
                nix::errno::Errno::EADDRNOTAVAIL => {
                    Some(format!("{ip} is no address of this machine: see `ip address`"))
                }
                nix::errno::Errno::EACCES => Some(format!(
                    "ports below net.ipv4.ip_unprivileged_port_start are root's: publish another, such as -p 8{port:03}:{port}"
                )),
                _ => kernel::hint(source),
            },
            Self::Publish { source, .. } if source.errno() == nix::errno::Errno::ENOENT => {
                Some("the kernel lacks the `nft_fib_ipv4` or the `nft_nat` module".into())
            }
            Self::AlreadyUp { .. } => Some("`explore network show` shows it, `explore network down` removes it".into()),
            Self::NotUp { id } => Some(format!("`explore network up {}` gives it one", short(id))),
            Self::Bridge { source, .. } | Self::Veth { source, .. }
                if source.errno() == nix::errno::Errno::EOPNOTSUPP =>
            {
                Some("the kernel lacks the `bridge` or the `veth` module; --network none does not need them".into())
            }
            other => other.kernel().and_then(kernel::hint),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::AlreadyUp { .. }
            | Self::NotUp { .. }
            | Self::Conflict(_)
            | Self::NoSuchNetwork(_)
            | Self::Name(_)
            | Self::Overlaps { .. }
            | Self::InUse { .. }
            | Self::NotOn { .. } => Exit::Failed,
            _ => Exit::Engine,
        }
    }
}
