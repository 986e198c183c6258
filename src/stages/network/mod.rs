//! Stage 4, network: a cable into a namespace that has none, a switch, a way out. network_namespaces(7), veth(4).
//!
//! ```text
//!   the container's network namespace          the host's
//!   ┌────────────────────────────┐   ┌──────────────────────────────────────────────┐
//!   │ lo  127.0.0.1              │   │                 explore0 172.30.0.1/24        │
//!   │ eth0 172.30.0.2/24 ────────┼───┼── veth1a2b3c4 ──┘  │ forwarding               │
//!   │ default via 172.30.0.1     │   │                    └─ masquerade ── eth0 ─────┼── the world
//!   └────────────────────────────┘   └──────────────────────────────────────────────┘
//! ```
//!
//! The host's end of the cable has no address: it is a port of the switch, and the switch has one. The container's
//! neighbours are reached without NAT; only what leaves by another link gets the host's address.
//!
//! "The host" is the network namespace of whoever calls: the machine's as root, the keeper's own otherwise, which
//! leads nowhere, unless a program speaks for it ([`crate::stages::keeper::outside`]). Everything is announced in the journal before it is made.
//!
//! **Published ports** are redirected by the packet filter before they reach anybody ([`publish`]): those who come from
//! elsewhere, this machine itself, a neighbour on the bridge, and the container. 127.0.0.1 needs one thing more: the
//! kernel lets no packet with such an address leave by a link, unless that link's `route_localnet` says so. It is set
//! on our own bridge, with the first container that publishes anything; the table's chain `guard` sees to it that no
//! container reaches this machine's loopback that way (CVE-2020-8558), and the setting ends with the bridge. Docker
//! copies bytes in a process a port instead; its `--userland-proxy=false` does what we do.
//!
//! **Networks are apart**: what comes from another network, or from outside by way of a machine that forwards, enters
//! only where a port is published. IPv6 is there where it was asked for (`six`); otherwise the links get no address of it.
//! Left out: SCTP, `--link`.

mod beside;
mod bridge;
mod connect;
mod definition;
pub mod door;
mod error;
mod etc_files;
mod firewall;
mod forward;
mod heir;
mod lease;
mod mark;
mod pin;
pub mod publish;
mod range;
mod resolver;
mod six;
mod subnet;
mod sweep;
mod undo;
mod view;
mod wish;

pub use connect::{Connected, Subject, join, leave, set_up};
pub use definition::{DEFAULT, Definition, Request, RequestOfSix, create, find, list, list_all, look_up, remove};
pub use error::NetworkError;
pub use etc_files::{EtcFiles, Names, etc_files, with_lease, without_lease};
pub use lease::{Lease, Outside, Published};
pub use pin::{pin, pinned, unpin};
pub use publish::{Port, Publish};
pub use range::{Family, Range, Subnet, SubnetOfSix};
pub use resolver::Resolver;
pub use six::{LeaseOfSix, RangeOfSix};
pub use sweep::{hand_over, settle};
pub use undo::undo;
pub use view::{Forwarding, Nat, View, view};
pub use wish::{Also, Mode, Wish, parse_host, parse_mac};

use crate::state::{Journal, Roots};
use lease::Held;
use std::collections::BTreeSet;
use std::os::fd::OwnedFd;

/// Takes back what [`set_up`] made for a container; with the last one of a network also bridge, rules and settings.
/// Nothing happens where there is nothing.
///
/// # Errors
/// All that could not be removed, after everything else was.
pub fn tear_down(roots: &Roots, container_id: &str) -> Result<(), NetworkError> {
    let mut held = Held::take(roots)?;
    disconnect(roots, &mut held, container_id)
}

/// Takes back what belongs to holders that are gone, and all that a kill left half-made.
///
/// # Errors
/// As [`tear_down`].
pub fn clean(roots: &Roots) -> Result<(), NetworkError> {
    let mut held = Held::take(roots)?;
    // Whoever makes a lease holds the lock: one that is not complete now never will be.
    let gone = |lease: &Lease| !lease.is_complete() || lease.holder.is_some_and(|holder| !holder.is_alive());
    let orphans: BTreeSet<String> =
        held.record.leases.iter().filter(|lease| gone(lease)).map(|lease| lease.container.clone()).collect();
    let mut failed: Vec<NetworkError> =
        orphans.iter().filter_map(|id| disconnect(roots, &mut held, id).err()).collect();
    failed.extend(remove_unused(roots, &mut held).err());
    NetworkError::collected(failed)
}

/// What a container has been given, in the order of its interfaces; nothing where it has no network.
///
/// # Errors
/// [`NetworkError::Record`].
pub fn leases_of(roots: &Roots, container_id: &str) -> Result<Vec<Lease>, NetworkError> {
    let mut all = leases(roots)?;
    all.retain(|lease| lease.container == container_id);
    Ok(all)
}

/// The first of [`leases_of`].
///
/// # Errors
/// [`NetworkError::Record`].
pub fn lease_of(roots: &Roots, container_id: &str) -> Result<Option<Lease>, NetworkError> {
    Ok(leases_of(roots, container_id)?.into_iter().next())
}

/// All that is given out.
///
/// # Errors
/// [`NetworkError::Record`].
pub fn leases(roots: &Roots) -> Result<Vec<Lease>, NetworkError> {
    let mut all = lease::read(roots)?.leases;
    all.retain(Lease::is_complete);
    Ok(all)
}

/// Holds the ports that `network up` has published; that command has ended, and could not.
///
/// # Errors
/// [`NetworkError::PortInUse`].
pub fn hold_ports(leases: &[Lease]) -> Result<Vec<OwnedFd>, NetworkError> {
    let published: Vec<Published> = leases.iter().flat_map(|lease| lease.published.clone()).collect();
    publish::hold(&published)
}

/// Takes back what one container has, and what nobody has any more.
///
/// The bridge goes before the last cable: removing it waits for whatever else is being removed, and not the reverse.
fn disconnect(roots: &Roots, held: &mut Held, container_id: &str) -> Result<(), NetworkError> {
    let had = held.record.leases.len();
    held.record.leases.retain(|lease| lease.container != container_id);
    let mut failed: Vec<NetworkError> = remove_unused(roots, held).err().into_iter().collect();
    failed.extend(undo::all_of(roots, container_id).err());
    if had > held.record.leases.len() {
        failed.extend(held.store().err());
    }
    NetworkError::collected(failed)
}

/// The record is written last: a kill before leaves one that names what is gone, which the next set_up notices.
fn remove_shared(roots: &Roots, held: &mut Held, network: &str) -> Result<(), NetworkError> {
    let removed = bridge::remove(roots, network);
    if held.record.bridges.remove(network).is_some() {
        held.store()?;
    }
    removed
}

/// The bridges of networks that no container is on, complete or not.
fn remove_unused(roots: &Roots, held: &mut Held) -> Result<(), NetworkError> {
    let mut networks: BTreeSet<String> = held.record.bridges.keys().cloned().collect();
    let entries = Journal::at(roots.journal()).entries()?;
    networks.extend(entries.iter().filter_map(|entry| bridge::network_of(&entry.claim.owner)).map(str::to_owned));
    networks.retain(|network| held.record.on(network).next().is_none());
    let failed = networks.iter().filter_map(|network| remove_shared(roots, held, network).err()).collect();
    NetworkError::collected(failed)
}
