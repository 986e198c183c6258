//! The network of a container that is about to run: which namespace it joins, what it is connected to, and the three
//! files of /etc that tell it so.

use super::super::init::Existing;
use super::{Orders, StartFailure, quiet};
use crate::kernel::namespace::Kind;
use crate::kernel::{netns, nsfs};
use crate::stages::connection;
use crate::stages::create::{self, Container, Network};
use crate::stages::exec::running::{self, Running};
use crate::stages::failure::Failure;
use crate::stages::network::door::Doors;
use crate::stages::network::{self, EtcFiles, Lease, NetworkError, Resolver};
use crate::state::{Claim, RecordError, Roots};
use nix::errno::Errno;
use oci_spec::runtime::Spec;
use std::cell::RefCell;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

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

/// A network namespace that is there before PID 1, which goes into it instead of being born in a new one.
pub(super) struct There {
    netns: OwnedFd,
    /// Somebody has connected it: `network up`, or another container.
    pub(super) connected: bool,
}

impl There {
    /// For PID 1: what it joins, and why.
    pub(super) fn joined(&self) -> Result<Existing, Failure> {
        let why = if self.connected {
            "the network that `network up` has made"
        } else {
            "its own network, which was begun while the container was written down"
        };
        Ok((Kind::Net, self.netns()?, why))
    }

    fn netns(&self) -> Result<OwnedFd, Failure> {
        self.netns
            .try_clone()
            .map_err(|error| quiet("fcntl")(Errno::from_raw(error.raw_os_error().unwrap_or(libc::EMFILE))))
    }
}

/// Makes the namespace of a network while the command still writes its container down: of all namespaces it takes the
/// kernel longest, 1.0 of the 1.4 ms of the clone3(2) of PID 1. Where that fails PID 1 is born in a new one, and says why not.
pub(super) fn begin_ahead(orders: &Orders) -> Option<OwnedFd> {
    orders.begins_network.then(|| netns::create("the container will have a network of its own").ok()).flatten()
}

/// The network namespace that PID 1 is to join: the one that `network up` has made, another container's, or the one that
/// was begun ahead. That one is only for who gets a new network, in the user namespace that we are in.
pub(super) fn there(
    roots: &Roots,
    container: &Container,
    spec: &Spec,
    ahead: Option<OwnedFd>,
) -> Result<Option<There>, StartFailure> {
    let connected = match other(roots, container)? {
        Some(running) => {
            let step = "find the network of the other container";
            Some(running.namespace(Kind::Net).map_err(Failure::at(step))?)
        }
        None => network::pinned(roots, &container.id),
    };
    if let Some(netns) = connected {
        return Ok(Some(There { netns, connected: true }));
    }
    let new = super::new_namespaces(spec);
    let fits = new.contains(&Kind::Net) && !new.contains(&Kind::User);
    Ok(ahead.filter(|_| fits).map(|netns| There { netns, connected: false }))
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
    there: Option<&There>,
) -> Result<Networking, StartFailure> {
    let roots = &orders.roots;
    let connected = there.is_some_and(|there| there.connected);
    // Not by the number of PID 1 where it has to go there first: it may still stand in the network of this machine.
    let netns = || there.map_or_else(|| of_process(pid), There::netns);
    let mut networking = Networking::default();
    let mut leases: Vec<Lease> = Vec::new();
    match &container.network {
        Network::Host => {}
        // PID 1 has switched on its loopback, and that is all.
        mode if container.wish.is_alone(mode) && !connected => {}
        Network::Container(id) => return share(roots, container, id).map(|()| networking),
        _ if connected => {
            leases = network::leases_of(roots, &container.id)?;
            networking.ports = network::hold_ports(&leases)?;
        }
        _ => {
            let made = connection::set_up(roots, container, netns()?.as_fd(), claim.holder)?;
            (leases, networking.ports) = (made.leases, made.ports);
        }
    }
    if leases.iter().any(|lease| !lease.names.is_empty()) {
        networking.resolver = Some(Resolver::start(roots, claim, netns()?.as_fd(), &container.wish)?);
    }
    networking.doors = Doors::answer(roots, claim, &orders.doors, &leases)?;
    connection::write_etc_files(roots, container, &leases)?;
    Ok(networking)
}

/// Begins the name server of a container whose supervisor hears that it has been put on a network of names.
pub(super) fn serve_later(
    network: &Rc<RefCell<Networking>>,
    roots: &Roots,
    claim: &Claim,
    pid: i32,
) -> Box<dyn FnMut() -> Result<(), StartFailure>> {
    let (network, roots, claim) = (Rc::clone(network), roots.clone(), claim.clone());
    Box::new(move || {
        let mut network = network.borrow_mut();
        let leases = network::leases_of(&roots, &claim.owner)?;
        if network.resolver.is_some() || leases.iter().all(|lease| lease.names.is_empty()) {
            return Ok(());
        }
        let container = create::load(&roots, &claim.owner)?;
        // PID 1 is our child, and nobody else has its number before we have waited for it.
        network.resolver = Some(Resolver::start(&roots, &claim, of_process(pid)?.as_fd(), &container.wish)?);
        Ok(connection::write_resolv_conf(&roots, &container, &leases)?)
    })
}

fn of_process(pid: i32) -> Result<OwnedFd, Failure> {
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
