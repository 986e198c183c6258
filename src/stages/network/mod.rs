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
//! leads nowhere. Everything is announced in the journal before it is made. Left out: IPv6 (the links get no address
//! of it), published ports, networks other than `bridge` and `none`, names of neighbours (Docker's default bridge has
//! none either).

mod bridge;
mod error;
mod etc_files;
mod forward;
mod lease;
mod mark;
mod pin;
mod subnet;
mod undo;
mod view;

pub use error::NetworkError;
pub use etc_files::{EtcFiles, etc_files};
pub use lease::{Lease, Outside};
pub use pin::{pin, pinned, unpin};
pub use undo::undo;
pub use view::{Forwarding, Nat, View, view};

use crate::kernel::netlink::{Change, Socket, VethEnd, Which};
use crate::state::{Claim, Effect, Journal, ProcessIdentity, Roots};
use lease::{BridgeRecord, Held};
use mark::{Marks, mac_of_alias};
use nix::errno::Errno;
use std::os::fd::BorrowedFd;

/// Name of the container's end, as Docker calls it.
const INSIDE: &str = "eth0";

/// Connects the network namespace `netns` to the bridge of this state, which is made where it is missing.
///
/// `holder` is the process in whose interest it is: once that is gone, [`clean`] takes everything back. Without one it
/// stays until [`tear_down`].
///
/// # Errors
/// Nothing of the container is left behind, whichever variant it is.
pub fn set_up(
    roots: &Roots,
    container_id: &str,
    netns: BorrowedFd<'_>,
    holder: Option<ProcessIdentity>,
) -> Result<Lease, NetworkError> {
    let mut held = Held::take(roots)?;
    if let Some(lease) = held.record.leases.get(container_id) {
        if lease.is_complete() && lease.holder.is_none_or(ProcessIdentity::is_alive) {
            return Err(NetworkError::AlreadyUp { id: container_id.to_owned(), ip: lease.ip });
        }
        disconnect(roots, &mut held, container_id)?;
    }
    let mut socket = Socket::open().map_err(|source| NetworkError::Look { what: "links", source })?;
    let bridge = bridge::ensure(roots, &mut held, &mut socket)?;
    let made = connect(roots, &mut held, container_id, netns, holder, &bridge, &mut socket);
    if made.is_err() {
        // The error that made it fail is the one to tell; what stays is in the journal.
        let _ = disconnect(roots, &mut held, container_id);
    }
    made
}

/// Switches the loopback of a network namespace on: all that `--network none` has.
///
/// # Errors
/// [`NetworkError::Inside`].
pub fn bring_up_loopback(netns: BorrowedFd<'_>) -> Result<(), NetworkError> {
    Socket::open_in(netns, "a socket that belongs to the container's network namespace")
        .and_then(|mut socket| socket.loopback_up("127.0.0.1 works"))
        .map_err(NetworkError::Inside)
}

/// Takes back what [`set_up`] made for a container; with the last one also bridge, rules and settings. Nothing happens
/// where there is nothing.
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
    let orphans: Vec<String> =
        held.record.leases.iter().filter(|(_, lease)| gone(lease)).map(|(id, _)| id.clone()).collect();
    let mut failed: Vec<NetworkError> =
        orphans.iter().filter_map(|id| disconnect(roots, &mut held, id).err()).collect();
    if held.record.leases.is_empty() {
        failed.extend(remove_shared(roots, &mut held).err());
    }
    NetworkError::collected(failed)
}

/// What a container has been given; `None` where it has no network.
///
/// # Errors
/// [`NetworkError::Record`].
pub fn lease_of(roots: &Roots, container_id: &str) -> Result<Option<Lease>, NetworkError> {
    Ok(lease::read(roots)?.leases.remove(container_id).filter(Lease::is_complete))
}

/// All that is given out, by container ID.
///
/// # Errors
/// [`NetworkError::Record`].
pub fn leases(roots: &Roots) -> Result<Vec<(String, Lease)>, NetworkError> {
    Ok(lease::read(roots)?.leases.into_iter().filter(|(_, lease)| lease.is_complete()).collect())
}

fn connect(
    roots: &Roots,
    held: &mut Held,
    container_id: &str,
    netns: BorrowedFd<'_>,
    holder: Option<ProcessIdentity>,
    bridge: &BridgeRecord,
    socket: &mut Socket,
) -> Result<Lease, NetworkError> {
    let ip = lease::lowest_free(bridge.gateway, bridge.prefix, &held.record)
        .ok_or_else(|| NetworkError::Full { subnet: format!("{}/{}", bridge.gateway, bridge.prefix) })?;
    let mut lease = Lease {
        ip,
        prefix: bridge.prefix,
        gateway: bridge.gateway,
        mac: lease::mac_of(ip),
        host_link: String::new(),
        bridge: bridge.name.clone(),
        outside: bridge.outside.clone(),
        notes: bridge.notes.clone(),
        holder,
    };
    // Recorded before it is made: a kill from here on leaves a lease without a cable, never a cable without a lease.
    held.record.leases.insert(container_id.to_owned(), lease.clone());
    held.store()?;
    let claim = Claim { owner: container_id.to_owned(), holder };
    let host_link = make_cable(roots, &claim, netns, &lease, socket)?;
    configure(netns, &lease).map_err(NetworkError::Inside)?;
    lease.host_link = host_link;
    held.record.leases.insert(container_id.to_owned(), lease.clone());
    held.store()?;
    Ok(lease)
}

/// Makes the cable, one end in the switch and the other in the container, and gives back the name of the first.
fn make_cable(
    roots: &Roots,
    claim: &Claim,
    netns: BorrowedFd<'_>,
    lease: &Lease,
    socket: &mut Socket,
) -> Result<String, NetworkError> {
    let journal = Journal::at(roots.journal());
    let marks = Marks::of(roots);
    let alias = marks.veth_alias(&claim.owner);
    let failed = |name: &str| {
        let name = name.to_owned();
        move |source| NetworkError::Veth { name, source }
    };
    let master = socket.link_named(&lease.bridge, "the switch to plug it into").map_err(failed(&lease.bridge))?;
    let there = VethEnd { name: INSIDE, mac: lease.mac, netns: Some(netns), master: None };
    for name in marks.veth_names(&claim.owner) {
        let entry = journal.announce(claim, Effect::Link { name: name.clone(), alias: alias.clone() })?;
        let here = VethEnd {
            name: &name,
            mac: mac_of_alias(&alias),
            netns: None,
            master: master.as_ref().map(|bridge| bridge.index),
        };
        match socket.create_veth(here, there, "a cable: one end in the switch, the other in the container") {
            Err(error) if error.errno() == Errno::EEXIST => {
                journal.forget(&entry);
                continue;
            }
            other => other.map_err(failed(&name))?,
        }
        let change = Change { alias: Some(&alias), up: true, no_ipv6_address: true, ..Change::default() };
        socket.set_link(Which::Name(&name), change, "marked as ours, and switched on").map_err(failed(&name))?;
        return Ok(name);
    }
    // All nine names taken is not to be believed: it is the other end that has one like it already.
    Err(NetworkError::Foreign { what: "link", name: INSIDE.to_owned() })
}

/// Everything that happens inside the container's namespace, through a socket that was opened there.
fn configure(netns: BorrowedFd<'_>, lease: &Lease) -> crate::kernel::Result<()> {
    let mut socket = Socket::open_in(netns, "a socket that belongs to the container's network namespace")?;
    socket.loopback_up("127.0.0.1 works")?;
    // The cable is plugged in at the other end already: once up, it would have its IPv6 address at once.
    let silent = Change { no_ipv6_address: true, ..Change::default() };
    socket.set_link(Which::Name(INSIDE), silent, "no IPv6 address of its own")?;
    let up = Change { up: true, ..Change::default() };
    socket.set_link(Which::Name(INSIDE), up, "the container's end is switched on")?;
    let index = socket.link_named(INSIDE, "which number did it get")?.map_or(0, |link| link.index);
    socket.add_address(index, lease.ip, lease.prefix, "the container's address")?;
    socket.add_default_route(lease.gateway, "everything else goes to the bridge")
}

/// Takes back what one container has, and what nobody has any more.
///
/// The bridge goes before the last cable: removing it waits for whatever else is being removed, and not the reverse.
fn disconnect(roots: &Roots, held: &mut Held, container_id: &str) -> Result<(), NetworkError> {
    let had = held.record.leases.remove(container_id).is_some();
    let is_last = held.record.leases.is_empty();
    let mut failed = Vec::new();
    if is_last {
        failed.extend(remove_shared(roots, held).err());
    }
    failed.extend(undo::all_of(roots, container_id).err());
    if had {
        failed.extend(held.store().err());
    }
    NetworkError::collected(failed)
}

/// The record is written last: a kill before leaves one that names what is gone, which the next set_up notices.
fn remove_shared(roots: &Roots, held: &mut Held) -> Result<(), NetworkError> {
    let removed = bridge::remove(roots);
    if held.record.bridge.take().is_some() {
        held.store()?;
    }
    removed
}
