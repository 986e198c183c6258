//! Connecting a container: an address, a cable, the ports that it publishes.

use super::bridge;
use super::definition::{self, Definition};
use super::lease::{self, BridgeRecord, Held, Lease, Published};
use super::mark::{self, Marks, comment_of_table, mac_of_alias};
use super::wish::{Mode, Wish};
use super::{NetworkError, disconnect, firewall, remove_shared, six, undo};
use super::{heir, publish};
use crate::kernel::netlink::{Change, Socket, VethEnd, Which};
use crate::kernel::{nft, sysctl};
use crate::state::{Claim, Effect, Journal, ProcessIdentity, Roots};
use nix::errno::Errno;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

/// Name of the container's end, as Docker calls it; the number is that of its network.
const INSIDE: &str = "eth";

/// The container that is to be connected.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its ID.
    pub id: &'a str,
    /// Its name, by which the others of a named network find it.
    pub name: &'a str,
    /// Its host name, another such name.
    pub hostname: &'a str,
    /// `--network`.
    pub mode: &'a Mode,
    /// The other flags.
    pub wish: &'a Wish,
}

/// What a container has been given.
#[derive(Debug, Default)]
pub struct Connected {
    /// An address on each of its networks.
    pub leases: Vec<Lease>,
    /// Sockets that keep its published ports from others, for as long as they are open.
    pub ports: Vec<OwnedFd>,
}

/// The networks that a container is on, its own first.
pub(super) fn networks_of(roots: &Roots, mode: &Mode, wish: &Wish) -> Result<Vec<Definition>, NetworkError> {
    wish.networks(mode).map(|name| definition::find(roots, name)).collect()
}

/// The one of them by which a container is reached, and reaches others: the first by name that leads anywhere (moby,
/// libnetwork/sandbox.go, `getGatewayEndpoint`).
pub(super) fn way_out(networks: &[Definition]) -> Option<&Definition> {
    networks.iter().filter(|network| !network.internal).min_by_key(|network| network.name.as_str())
}

/// Connects the network namespace `netns` to the networks of a container; a bridge is made where it is missing.
///
/// `holder` is the process in whose interest it is: once that is gone, [`super::clean`] takes everything back. Without
/// one it stays until [`super::tear_down`].
///
/// # Errors
/// Nothing of the container is left behind, whichever variant it is.
pub fn set_up(
    roots: &Roots,
    subject: Subject<'_>,
    netns: BorrowedFd<'_>,
    holder: Option<ProcessIdentity>,
) -> Result<Connected, NetworkError> {
    let mut held = Held::take(roots)?;
    let first = held.record.of(subject.id).next().cloned();
    if let Some(lease) = first {
        if lease.is_complete() && lease.holder.is_none_or(ProcessIdentity::is_alive) {
            return Err(NetworkError::AlreadyUp { id: subject.id.to_owned(), ip: lease.ip });
        }
        disconnect(roots, &mut held, subject.id)?;
    }
    let networks = networks_of(roots, subject.mode, subject.wish)?;
    // Refused before anything is made.
    let way_out = way_out(&networks);
    let wanted = if way_out.is_some() { subject.wish.ports() } else { Vec::new() };
    let six = way_out.is_some_and(|network| network.six.is_some());
    let (published, ports) = publish::take(&wanted, six, &held.record)?;
    let made = connect_all(roots, &mut held, subject, &networks, published, netns, holder);
    if made.is_err() {
        // The error that made it fail is the one to tell; what stays is in the journal.
        let _ = disconnect(roots, &mut held, subject.id);
    }
    made.map(|leases| Connected { leases, ports })
}

/// Connects a container that has its networks already to one more: `network connect`.
///
/// # Errors
/// As [`set_up`]; what the container had, it keeps.
pub fn join(
    roots: &Roots,
    subject: Subject<'_>,
    network: &Definition,
    netns: BorrowedFd<'_>,
    holder: Option<ProcessIdentity>,
) -> Result<Lease, NetworkError> {
    let mut held = Held::take(roots)?;
    if held.record.of(subject.id).any(|lease| lease.network == network.name) {
        return Err(NetworkError::Conflict(format!(
            "endpoint with name {} already exists in network {}",
            subject.name, network.name
        )));
    }
    let made = connect(roots, &mut held, subject, network, netns, holder)
        .and_then(|lease| heir::move_ports(roots, &mut held, subject.id).map(|()| lease));
    if made.is_err() {
        let _ = cut(roots, &mut held, subject.id, &network.name);
    }
    made
}

/// Takes a container off one of its networks: `network disconnect`. Gives back what it had there.
///
/// # Errors
/// [`NetworkError::NotOn`]; what could not be removed, after everything else was.
pub fn leave(
    roots: &Roots,
    container_id: &str,
    network: &str,
    netns: Option<BorrowedFd<'_>>,
) -> Result<Lease, NetworkError> {
    let mut held = Held::take(roots)?;
    let Some(lost) = held.record.of(container_id).find(|lease| lease.network == network).cloned() else {
        return Err(NetworkError::NotOn { id: container_id.to_owned(), network: network.to_owned() });
    };
    let led_out = netns.is_some_and(|netns| heir::leads_out(netns, &lost));
    let mut failed: Vec<NetworkError> = cut(roots, &mut held, container_id, network).err().into_iter().collect();
    if let Some(netns) = netns.filter(|_| led_out) {
        failed.extend(heir::take_over(roots, &mut held, &lost, netns).err());
    }
    NetworkError::collected(failed).map(|()| lost)
}

fn cut(roots: &Roots, held: &mut Held, container_id: &str, network: &str) -> Result<(), NetworkError> {
    let ours = |lease: &Lease| lease.container == container_id && lease.network == network;
    let lost: Vec<Lease> = held.record.leases.extract_if(.., |lease| ours(lease)).collect();
    let mut failed = Vec::new();
    if held.record.on(network).next().is_none() {
        failed.extend(remove_shared(roots, held, network).err());
    }
    let definition = definition::find(roots, network)?;
    let alias = Marks::of(roots).veth_alias(container_id, &definition);
    failed
        .extend(undo::of_network(roots, container_id, &alias, lost.iter().any(|one| !one.published.is_empty())).err());
    failed.extend(held.store().err());
    NetworkError::collected(failed)
}

fn connect_all(
    roots: &Roots,
    held: &mut Held,
    subject: Subject<'_>,
    networks: &[Definition],
    published: Vec<Published>,
    netns: BorrowedFd<'_>,
    holder: Option<ProcessIdentity>,
) -> Result<Vec<Lease>, NetworkError> {
    let mut leases = Vec::new();
    for network in networks {
        leases.push(connect(roots, held, subject, network, netns, holder)?);
    }
    let way_out = way_out(networks).and_then(|network| leases.iter_mut().find(|one| one.network == network.name));
    if let Some(lease) = way_out.filter(|_| !published.is_empty()) {
        lease.published = published;
        publish_ports(roots, &Claim { owner: subject.id.to_owned(), holder }, lease)?;
        lease.notes.extend(firewall::for_visitors(lease)?);
        keep(held, lease)?;
    }
    Ok(leases)
}

fn connect(
    roots: &Roots,
    held: &mut Held,
    subject: Subject<'_>,
    network: &Definition,
    netns: BorrowedFd<'_>,
    holder: Option<ProcessIdentity>,
) -> Result<Lease, NetworkError> {
    let mut socket = Socket::open().map_err(|source| NetworkError::Look { what: "links", source })?;
    let bridge = bridge::ensure(roots, held, network, &mut socket)?;
    let (mut lease, leads_out) = draw(held, subject, network, &bridge, holder)?;
    lease.notes = firewall::for_containers(&lease)?;
    if lease.six.is_some() {
        lease.notes.extend(six::why_not_out(&bridge));
    }
    // Recorded before it is made: a kill from here on leaves a lease without a cable, never a cable without a lease.
    keep(held, &lease)?;
    let claim = Claim { owner: subject.id.to_owned(), holder };
    let host_link = make_cable(roots, &claim, network, netns, &lease, &mut socket)?;
    configure(netns, &lease, leads_out).map_err(NetworkError::Inside)?;
    lease.host_link = host_link;
    keep(held, &lease)?;
    Ok(lease)
}

/// Puts a lease into the record, in the place of the one for the same network.
pub(super) fn keep(held: &mut Held, lease: &Lease) -> Result<(), NetworkError> {
    let same = |one: &Lease| one.container == lease.container && one.network == lease.network;
    match held.record.leases.iter_mut().find(|one| same(one)) {
        Some(old) => old.clone_from(lease),
        None => held.record.leases.push(lease.clone()),
    }
    held.store()
}

/// The lease, and whether its network is the container's way out, as far as it is connected.
fn draw(
    held: &Held,
    subject: Subject<'_>,
    network: &Definition,
    bridge: &BridgeRecord,
    holder: Option<ProcessIdentity>,
) -> Result<(Lease, bool), NetworkError> {
    let has_way_out = heir::way_out(&held.record, subject.id).is_some_and(|lease| lease.network < network.name);
    let is_first = subject.wish.own(subject.mode) == Some(network.name.as_str());
    let also = subject.wish.also_on(&network.name);
    let (wanted, wanted_of_six) = if is_first {
        (subject.wish.ip, subject.wish.ip6)
    } else {
        also.map_or((None, None), |also| (also.ip, also.ip6))
    };
    let whole = format!("{}/{}", bridge.gateway, bridge.prefix);
    let full = || NetworkError::Full { subnet: network.range.map_or(whole, |part| part.to_string()) };
    let ip = match wanted {
        Some(ip) => lease::chosen(ip, network, bridge, &held.record)?,
        None => lease::lowest_free(network.range, bridge, &held.record).ok_or_else(full)?,
    };
    let lease = Lease {
        container: subject.id.to_owned(),
        network: network.name.clone(),
        interface: lowest_free_name(held.record.of(subject.id)),
        ip,
        prefix: bridge.prefix,
        gateway: bridge.gateway,
        mac: subject.wish.mac.filter(|_| is_first).unwrap_or_else(|| lease::mac_of(ip)),
        host_link: String::new(),
        bridge: bridge.name.clone(),
        six: six::draw(wanted_of_six, network, &held.record)?,
        names: if network.is_own() { names(subject, &network.name) } else { Vec::new() },
        published: Vec::new(),
        outside: bridge.outside.clone(),
        notes: Vec::new(),
        holder,
    };
    Ok((lease, !network.internal && !has_way_out))
}

/// After `network disconnect` there may be an eth1 and no eth0: counting would give a name that is taken.
fn lowest_free_name<'a>(leases: impl Iterator<Item = &'a Lease>) -> String {
    let taken: BTreeSet<&str> = leases.map(|lease| lease.interface.as_str()).collect();
    let mut names = (0..).map(|number| format!("{INSIDE}{number}"));
    names.find(|name| !taken.contains(name.as_str())).unwrap_or_default()
}

/// Its name, its aliases, its short ID, its host name: what moby answers to (daemon, buildEndpointDNSNames).
fn names(subject: Subject<'_>, network: &str) -> Vec<String> {
    let also = subject.wish.also_on(network).map(|also| also.aliases.as_slice()).unwrap_or_default();
    let aliases = if subject.wish.own(subject.mode) == Some(network) { subject.wish.aliases.as_slice() } else { also };
    let mut all = vec![subject.name.to_owned()];
    all.extend(aliases.iter().cloned());
    all.extend([subject.id.chars().take(12).collect(), subject.hostname.to_owned()]);
    let mut seen = BTreeSet::new();
    all.retain(|name| !name.is_empty() && seen.insert(name.clone()));
    all
}

/// Redirects the ports, and lets this machine's loopback use them too.
pub(super) fn publish_ports(roots: &Roots, claim: &Claim, lease: &Lease) -> Result<(), NetworkError> {
    let name = Marks::of(roots).port_table(&claim.owner);
    let setting = Path::new("/proc/sys/net/ipv4/conf").join(&lease.bridge).join("route_localnet");
    let failed = |source| NetworkError::Publish { name: name.clone(), source };
    // The bridge and the cable are ours, and their settings go with them: nothing to announce.
    if sysctl::read(&setting).is_ok_and(|value| value == "0") {
        sysctl::write(&setting, "1", "this machine reaches its published ports as 127.0.0.1 too").map_err(failed)?;
    }
    // With br_netfilter the packet filter redirects frames too, and one that a container sends to itself by way of this
    // machine's address must leave by the port that it came in by.
    Socket::open()
        .and_then(|mut socket| socket.set_hairpin(&lease.host_link, "it may visit its own published ports"))
        .map_err(failed)?;
    redirect(roots, claim, &name, lease, lease.ip.into())?;
    match &lease.six {
        Some(six) => redirect(roots, claim, &format!("{name}_v6"), lease, six.ip.into()),
        None => Ok(()),
    }
}

/// The ports of one family, in a table of their own.
fn redirect(roots: &Roots, claim: &Claim, name: &str, lease: &Lease, to: IpAddr) -> Result<(), NetworkError> {
    let of_family = lease.published.iter().filter(|one| one.at.is_ipv4() == to.is_ipv4());
    let ports: Vec<nft::Forwarded> = of_family.map(|one| one.forwarded(to)).collect();
    if ports.is_empty() {
        return Ok(());
    }
    let mark = comment_of_table(name).unwrap_or_default();
    let failed = |source| NetworkError::Publish { name: name.to_owned(), source };
    Journal::at(roots.journal()).announce(claim, Effect::NftTable { name: name.to_owned() })?;
    let wanted = nft::PortTable { table: name, mark: &mark, ports: &ports };
    let published = nft::Socket::open()
        .and_then(|mut socket| socket.publish(&wanted, "ports of this machine lead to the container"));
    published.map_err(failed)
}

/// Makes the cable, one end in the switch and the other in the container, and gives back the name of the first.
fn make_cable(
    roots: &Roots,
    claim: &Claim,
    network: &Definition,
    netns: BorrowedFd<'_>,
    lease: &Lease,
    socket: &mut Socket,
) -> Result<String, NetworkError> {
    let journal = Journal::at(roots.journal());
    let marks = Marks::of(roots);
    let alias = marks.veth_alias(&claim.owner, network);
    let failed = |name: &str| {
        let name = name.to_owned();
        move |source| NetworkError::Veth { name, source }
    };
    let master = socket.link_named(&lease.bridge, "the switch to plug it into").map_err(failed(&lease.bridge))?;
    let there = VethEnd { name: &lease.interface, mac: lease.mac, netns: Some(netns), master: None };
    for name in mark::veth_names(&claim.owner, &alias) {
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
    Err(NetworkError::Foreign { what: "link", name: lease.interface.clone() })
}

/// Everything that happens inside the container's namespace, through a socket that was opened there.
fn configure(netns: BorrowedFd<'_>, lease: &Lease, leads_out: bool) -> crate::kernel::Result<()> {
    let mut socket = Socket::open_in(netns, "a socket that belongs to the container's network namespace")?;
    let own = Which::Name(&lease.interface);
    socket.loopback_up("127.0.0.1 works")?;
    // The cable is plugged in at the other end already: once up, it would have its IPv6 address at once.
    if lease.six.is_none() {
        let silent = Change { no_ipv6_address: true, ..Change::default() };
        socket.set_link(own, silent, "no IPv6 address of its own")?;
    }
    socket.set_link(own, Change { up: true, ..Change::default() }, "the container's end is switched on")?;
    let index = socket.link_named(&lease.interface, "which number did it get")?.map_or(0, |link| link.index);
    socket.add_address(index, lease.ip, lease.prefix, "the container's address")?;
    if let Some(six) = &lease.six {
        socket.add_address(index, six.ip, six.prefix, "the container's address of IPv6")?;
    }
    if !leads_out {
        return Ok(());
    }
    socket.set_default_route(lease.gateway, "everything else goes to the bridge")?;
    match &lease.six {
        Some(six) => socket.set_default_route(six.gateway, "the same for IPv6"),
        None => Ok(()),
    }
}
