//! A container has one way out: its default route, and the address that its published ports lead to. When a network comes
//! or goes while it runs, another one may be the way from then on.

use super::connect::{keep, publish_ports};
use super::lease::{Held, Lease, Published, Record};
use super::{NetworkError, undo};
use crate::kernel::netlink::Socket;
use crate::state::{Claim, Effect, Roots};
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

/// Of those that a container has, the one that is its way out: the first by name that leads anywhere, as for
/// [`super::connect::way_out`].
pub(super) fn way_out<'a>(record: &'a Record, container: &'a str) -> Option<&'a Lease> {
    let is_open = |lease: &&Lease| record.bridges.get(&lease.network).is_some_and(|bridge| !bridge.internal);
    record.of(container).filter(is_open).min_by_key(|lease| lease.network.as_str())
}

/// The way out was `lost`; it is another one now, where there is one.
pub(super) fn take_over(
    roots: &Roots,
    held: &mut Held,
    lost: &Lease,
    netns: BorrowedFd<'_>,
) -> Result<(), NetworkError> {
    let Some(heir) = way_out(&held.record, &lost.container).cloned() else { return Ok(()) };
    point(netns, &heir).map_err(NetworkError::Inside)?;
    publish(roots, held, heir, &lost.published)
}

/// A container is on one more network, which may be its way out from now on: its published ports lead there then.
pub(super) fn move_ports(roots: &Roots, held: &mut Held, container: &str) -> Result<(), NetworkError> {
    let Some(heir) = way_out(&held.record, container).cloned() else { return Ok(()) };
    let had = held.record.of(container).find(|lease| !lease.published.is_empty()).cloned();
    let Some(mut had) = had.filter(|had| had.network != heir.network) else { return Ok(()) };
    undo::some_of(roots, container, |effect| matches!(effect, Effect::NftTable { .. }))?;
    let published = std::mem::take(&mut had.published);
    keep(held, &had)?;
    publish(roots, held, heir, &published)
}

/// Nobody could take the ports meanwhile: the supervisor holds them.
fn publish(roots: &Roots, held: &mut Held, mut heir: Lease, ports: &[Published]) -> Result<(), NetworkError> {
    if ports.is_empty() {
        return Ok(());
    }
    heir.published = ports.to_vec();
    publish_ports(roots, &Claim { owner: heir.container.clone(), holder: heir.holder }, &heir)?;
    keep(held, &heir)
}

fn point(netns: BorrowedFd<'_>, heir: &Lease) -> crate::kernel::Result<()> {
    let mut socket = Socket::open_in(netns, "a socket that belongs to the container's network namespace")?;
    socket.set_default_route(heir.gateway, "everything else goes to the bridge that is left")?;
    match &heir.six {
        Some(six) => socket.set_default_route(six.gateway, "the same for IPv6"),
        None => Ok(()),
    }
}
