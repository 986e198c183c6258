//! The network of a container that is about to run: which namespace it joins, what it is connected to, and the three
//! files of /etc that tell it so.

use super::{Orders, StartFailure};
use crate::kernel::namespace::Kind;
use crate::kernel::nsfs;
use crate::stages::connection;
use crate::stages::create::{self, Container, Network};
use crate::stages::exec::running::{self, Running};
use crate::stages::failure::Failure;
use crate::stages::network::door::Doors;
use crate::stages::network::{self, EtcFiles, Lease, NetworkError, Resolver};
use crate::state::{Claim, RecordError, Roots};
use std::os::fd::{AsFd, OwnedFd};

/// What of the network a supervisor keeps while the container runs.
#[derive(Debug, Default)]
pub(super) struct Networking {
    /// The published ports, held.
    ports: Vec<OwnedFd>,
    /// Its name server, where it is on a named network.
    resolver: Option<Resolver>,
    /// Who answers at its ports, without root.
    doors: Option<Doors>,
}

impl Networking {
    /// The container has ended: what others could miss is given back at once, the rest soon.
    pub(super) fn end(self, roots: &Roots, id: &str) {
        if let Some(resolver) = self.resolver {
            resolver.stop();
        }
        if let Some(doors) = self.doors {
            doors.stop();
        }
        drop(self.ports);
        // What cannot be given back stays in the journal.
        let _ = network::hand_over(roots, id);
    }
}

/// The network namespace that it is to join, where it does not get a new one: the one that `network up` has made, or
/// another container's.
pub(super) fn joined(roots: &Roots, container: &Container) -> Result<Option<OwnedFd>, StartFailure> {
    let Some(running) = other(roots, container)? else { return Ok(network::pinned(roots, &container.id)) };
    Ok(Some(nsfs::open(running.init.pid, Kind::Net).map_err(Failure::at("find the network of the other container"))?))
}

/// The container that shares its network with this one.
pub(in crate::stages::exec) fn other(roots: &Roots, container: &Container) -> Result<Option<Running>, StartFailure> {
    let Network::Container(id) = &container.network else { return Ok(None) };
    let other = create::find(roots, id)?;
    let running = running::running(roots, &other.id).ok_or_else(|| NetworkError::NotRunning(other.name.clone()))?;
    Ok(Some(running))
}

/// Cable, address, route; and the three files of /etc, which are mounted already and are written in place.
pub(super) fn connect(
    orders: &Orders,
    container: &Container,
    pid: i32,
    claim: &Claim,
    joined: Option<OwnedFd>,
) -> Result<Networking, StartFailure> {
    let roots = &orders.roots;
    let connected = joined.is_some();
    let mut networking = Networking::default();
    let mut leases: Vec<Lease> = Vec::new();
    match &container.network {
        // PID 1 has switched on its loopback, and that is all.
        Network::Host | Network::None => {}
        Network::Container(id) => return share(roots, container, id).map(|()| networking),
        Network::Bridge | Network::Named(_) if connected => {
            leases = network::leases_of(roots, &container.id)?;
            networking.ports = network::hold_ports(&leases)?;
        }
        Network::Bridge | Network::Named(_) => {
            let made = connection::set_up(roots, container, netns(pid)?.as_fd(), claim.holder)?;
            (leases, networking.ports) = (made.leases, made.ports);
        }
    }
    if leases.iter().any(|lease| !lease.names.is_empty()) {
        // Not by its number where it has to go there first: it may still stand in the network of this machine.
        let netns = joined.map_or_else(|| netns(pid), Ok)?;
        networking.resolver = Some(Resolver::start(roots, claim, netns.as_fd(), &container.wish)?);
    }
    networking.doors = Doors::answer(roots, claim, &orders.doors, &leases)?;
    connection::write_etc_files(roots, container, &leases)?;
    Ok(networking)
}

fn netns(pid: i32) -> Result<OwnedFd, Failure> {
    nsfs::open(pid, Kind::Net).map_err(Failure::at("find its network namespace"))
}

/// Who shares a network shares the three files too, as they are now.
fn share(roots: &Roots, container: &Container, other: &str) -> Result<(), StartFailure> {
    let folder = create::folder(roots, other);
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).map_err(|source| RecordError::Read { path, source })
    };
    let files = EtcFiles { hosts: read("hosts")?, hostname: read("hostname")?, resolv_conf: read("resolv.conf")? };
    Ok(connection::write_files(roots, &container.id, &files)?)
}
