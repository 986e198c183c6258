//! A container has one way out. When `network disconnect` takes the network away that it led by, another one of its
//! networks is the way from then on: its gateway, and its address for the published ports.

use super::NetworkError;
use super::connect::{keep, publish_ports};
use super::lease::{Held, Lease};
use crate::kernel::netlink::Socket;
use crate::state::{Claim, Roots};
use nix::errno::Errno;
use std::os::fd::BorrowedFd;

/// Whether the default route inside leads by this cable: so it is asked before the cable goes, and the route with it.
pub(super) fn leads_out(netns: BorrowedFd<'_>, lease: &Lease) -> bool {
    let look = || -> crate::kernel::Result<bool> {
        let mut socket = Socket::open_in(netns, "a socket that belongs to the container's network namespace")?;
        let link = socket.link_named(&lease.interface, "the cable that is taken away")?.map(|link| link.index);
        let routes = socket.routes("does the default route lead by it")?;
        Ok(routes.iter().any(|route| route.destination.is_none() && route.link == link))
    };
    look().unwrap_or(false)
}

/// Of those that are left, the first by name that leads anywhere (moby, libnetwork/sandbox.go, `getGatewayEndpoint`).
pub(super) fn take_over(
    roots: &Roots,
    held: &mut Held,
    lost: &Lease,
    netns: BorrowedFd<'_>,
) -> Result<(), NetworkError> {
    let is_open = |lease: &&Lease| held.record.bridges.get(&lease.network).is_some_and(|bridge| !bridge.internal);
    let left = held.record.of(&lost.container).filter(is_open);
    let Some(mut heir) = left.min_by(|one, other| one.network.cmp(&other.network)).cloned() else { return Ok(()) };
    point(netns, &heir).map_err(NetworkError::Inside)?;
    if lost.published.is_empty() {
        return Ok(());
    }
    // Nobody could take the ports meanwhile: the supervisor holds them.
    heir.published.clone_from(&lost.published);
    publish_ports(roots, &Claim { owner: heir.container.clone(), holder: heir.holder }, &heir)?;
    keep(held, &heir)
}

fn point(netns: BorrowedFd<'_>, heir: &Lease) -> crate::kernel::Result<()> {
    let mut socket = Socket::open_in(netns, "a socket that belongs to the container's network namespace")?;
    // Somebody inside may have made one already, and knows better.
    let unless_there = |made: crate::kernel::Result<()>| match made {
        Err(error) if error.errno() == Errno::EEXIST => Ok(()),
        other => other,
    };
    unless_there(socket.add_default_route(heir.gateway, "everything else goes to the bridge that is left"))?;
    match &heir.six {
        Some(six) => unless_there(socket.add_default_route(six.gateway, "the same for IPv6")),
        None => Ok(()),
    }
}
