//! The switch and the way out of one network, shared by all its containers: bridge, forwarding, masquerading. Made with
//! the first container, gone with the last.

use super::definition::{self, Definition};
use super::lease::{BridgeRecord, Held, Outside};
use super::mark::{Marks, comment_of_table, is_ours, mac_of_alias};
use super::range::Subnet;
use super::{NetworkError, forward, six, subnet, undo};
use crate::kernel::netlink::{Address, Bridge, Change, Link, Route, Socket, Which};
use crate::kernel::nft;
use crate::stages::keeper;
use crate::state::{Claim, Effect, Journal, Roots};
use nix::errno::Errno;
use std::net::{IpAddr, Ipv4Addr};

/// How often another state may take the network that we wanted before we give up.
const ROUNDS: usize = 8;
/// Said where there is no way out; it may come later.
const NO_ROUTE: &str = "this network namespace has no route to anywhere else";

/// Whose the effects that a network's containers share are in the journal.
pub(super) fn owner_of(network: &str) -> String {
    if network == definition::DEFAULT { "network".into() } else { format!("network/{network}") }
}

/// The other way round; `None` for the owners of other effects.
pub(super) fn network_of(owner: &str) -> Option<&str> {
    if owner == "network" {
        return Some(definition::DEFAULT);
    }
    owner.strip_prefix("network/").filter(|name| !name.starts_with('/'))
}

/// The bridge of a network: the one that is there, or a new one.
pub(super) fn ensure(
    roots: &Roots,
    held: &mut Held,
    network: &Definition,
    socket: &mut Socket,
) -> Result<BridgeRecord, NetworkError> {
    if let Some(mut record) = held.record.bridges.remove(&network.name)
        && let Some(index) = standing(&record, socket)?
    {
        let marks = Marks::of(roots);
        mend_rules(&marks, network, &mut record)?;
        follow_uplinks(roots, network, &mut record, index, socket)?;
        held.record.bridges.insert(network.name.clone(), record.clone());
        return Ok(record);
    }
    // Whatever is left of a bridge that is not complete, by a kill or by a foreign hand, goes first.
    remove(roots, &network.name)?;
    match make(roots, held, network, socket) {
        Ok(record) => {
            if !network.is_own() {
                held.record.last_gateway = Some(record.gateway);
            }
            held.record.bridges.insert(network.name.clone(), record.clone());
            Ok(record)
        }
        Err(error) => {
            // The first error is the one to tell; what cannot be removed now stays in the journal.
            let _ = remove(roots, &network.name);
            Err(error)
        }
    }
}

/// Undoes every effect that the containers of a network share, newest first, and goes on past what fails.
pub(super) fn remove(roots: &Roots, network: &str) -> Result<(), NetworkError> {
    undo::all_of(roots, &owner_of(network))
}

/// The number of the link, where it is there, ours and up.
fn standing(record: &BridgeRecord, socket: &mut Socket) -> Result<Option<u32>, NetworkError> {
    let link = socket
        .link_named(&record.name, "is our bridge still there")
        .map_err(|source| NetworkError::Look { what: "links", source })?;
    Ok(link.filter(|link| is_ours(link, &record.alias) && link.up).map(|link| link.index))
}

/// Somebody may have flushed all rules of the machine; the journal still has the entry of our table.
fn mend_rules(marks: &Marks, network: &Definition, record: &mut BridgeRecord) -> Result<(), NetworkError> {
    for family in Family::of(network) {
        let found = match nft::Socket::open()
            .and_then(|mut socket| socket.comment_of(&family.table(marks, network), "are our rules still there"))
        {
            Err(error) if lacks_filter(error.errno()) => return Ok(()),
            other => other.map_err(|source| NetworkError::Look { what: "packet filter", source })?,
        };
        if found.is_none() {
            make_table(marks, network, record, *family)?;
        }
    }
    Ok(())
}

/// Each has a table of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Four,
    Six,
}

impl Family {
    /// Those that a network has.
    fn of(network: &Definition) -> &'static [Self] {
        if network.six.is_some() { &[Self::Four, Self::Six] } else { &[Self::Four] }
    }

    fn table(self, marks: &Marks, network: &Definition) -> String {
        match self {
            Self::Four => marks.table(network),
            Self::Six => marks.table_of_six(network),
        }
    }
}

/// A way out may have come since the bridge was made: a cable plugged in, a VPN. Forwarding is switched on there now,
/// in the order that [`forward`] asks for.
fn follow_uplinks(
    roots: &Roots,
    network: &Definition,
    record: &mut BridgeRecord,
    index: u32,
    socket: &mut Socket,
) -> Result<(), NetworkError> {
    if network.internal {
        return Ok(());
    }
    let look = |what| move |source| NetworkError::Look { what, source };
    let links = socket.links("has a way out come or gone").map_err(look("links"))?;
    let routes = socket.routes("where do they lead").map_err(look("routes"))?;
    let mut new = ways_out(network, &links, &routes, socket)?;
    let no_route = Outside::NoUplink(NO_ROUTE.into());
    let is_cut_off = forward::of_family(&new, false).is_empty();
    if is_cut_off && record.outside == Outside::Reachable {
        record.outside = no_route.clone();
    }
    if !is_cut_off && record.outside == no_route {
        record.outside = Outside::Reachable;
    }
    new.retain(|link| !record.forwards.contains(link));
    let switches = forward::needed(&new, socket)?;
    if switches.is_empty() {
        return Ok(());
    }
    let (journal, claim) = (Journal::at(roots.journal()), claim_of(network));
    for switch in &switches {
        journal.announce(&claim, switch.effect())?;
    }
    let marks = Marks::of(roots);
    record.forwards.extend(switches.iter().map(|switch| switch.link.clone()));
    record.alias = marks.bridge_alias(network, &record.forwards);
    let change = Change { alias: Some(&record.alias), ..Change::default() };
    socket
        .set_link(Which::Index(index), change, "more links forward because of it")
        .map_err(|source| NetworkError::Bridge { name: record.name.clone(), source })?;
    let new: Vec<String> = switches.iter().map(|switch| switch.link.clone()).collect();
    for family in Family::of(network) {
        let table = family.table(&marks, network);
        let mark = comment_of_table(&table).unwrap_or_default();
        let wanted = table_of(&table, &mark, network, record, *family, &[]);
        let ruled = nft::Socket::open().and_then(|mut filter| {
            let links = forward::of_family(&new, *family == Family::Six);
            let rule = |link: &String| filter.add_answers_only(&wanted, link, "only answers come in by this link");
            links.iter().try_for_each(rule)
        });
        ruled.map_err(|source| NetworkError::Nat { name: table.clone(), source })?;
    }
    if let Err(why) = forward::switch_on(&record.name, &switches) {
        record.outside = Outside::NoUplink(why);
    }
    Ok(())
}

fn claim_of(network: &Definition) -> Claim {
    Claim { owner: owner_of(&network.name), holder: None }
}

/// Order matters twice: what is announced first is undone last, so the settings go back after the bridge whose alias
/// says that it needs them; and the alias stands before the settings change ([`forward`]).
fn make(roots: &Roots, held: &Held, network: &Definition, socket: &mut Socket) -> Result<BridgeRecord, NetworkError> {
    let look = |what| move |source| NetworkError::Look { what, source };
    let marks = Marks::of(roots);
    let (journal, claim) = (Journal::at(roots.journal()), claim_of(network));

    keeper::outside::wait(roots);
    let links = socket.links("which links are there").map_err(look("links"))?;
    let routes = socket.routes("where do they lead, and which networks are taken").map_err(look("routes"))?;
    let ways = ways_out(network, &links, &routes, socket)?;
    let switches = forward::needed(&ways, socket)?;
    let forwards: Vec<String> = switches.iter().map(|switch| switch.link.clone()).collect();
    for switch in &switches {
        journal.announce(&claim, switch.effect())?;
    }

    let (name, alias) = (marks.bridge_name(network), marks.bridge_alias(network, &forwards));
    let index = make_link(&journal, &claim, &name, &alias, socket)?;
    let gateway = if let (Some(gateway), Some(subnet)) = (network.gateway, network.subnet) {
        take_fixed(network, gateway, subnet, &name, index, &routes, socket)?
    } else {
        let reserved = reserved(roots, held)?;
        take_network(&marks, held.record.last_gateway, &reserved, &name, index, &routes, socket)?
    };
    six::give_bridge(network, &name, index, socket)?;
    let outside = match (network.internal, forward::of_family(&ways, false).is_empty()) {
        (true, _) => Outside::NoUplink(format!("{} is an internal network", network.name)),
        (false, true) => Outside::NoUplink(NO_ROUTE.into()),
        (false, false) => Outside::Reachable,
    };
    let prefix = network.subnet.map_or(subnet::PREFIX, |subnet| subnet.prefix);
    let mut record = BridgeRecord { name, alias, gateway, prefix, forwards, internal: network.internal, outside };
    if !network.internal
        && let Err(why) = forward::switch_on(&record.name, &switches)
    {
        record.outside = Outside::NoUplink(why);
    }
    for family in Family::of(network) {
        journal.announce(&claim, Effect::NftTable { name: family.table(&marks, network) })?;
        make_table(&marks, network, &mut record, *family)?;
    }
    Ok(record)
}

/// What must forward for this network: links by which this machine reaches others, for IPv6 under a name of its own.
fn ways_out(
    network: &Definition,
    links: &[Link],
    routes: &[Route],
    socket: &mut Socket,
) -> Result<Vec<String>, NetworkError> {
    if network.internal {
        return Ok(Vec::new());
    }
    let mut all = uplinks(links, routes);
    if network.six.is_some() {
        let routes = socket.routes_of_six("where do they lead, for IPv6");
        let routes = routes.map_err(|source| NetworkError::Look { what: "routes", source })?;
        let others: Vec<(u32, String)> =
            links.iter().filter(|one| is_of_others(one)).map(|one| (one.index, one.name.clone())).collect();
        all.extend(six::switches(&routes, &others));
    }
    Ok(all)
}

fn is_of_others(link: &Link) -> bool {
    !link.loopback && !link.alias.as_deref().is_some_and(|alias| alias.starts_with("explore:"))
}

/// Links over which this machine reaches others, by name.
fn uplinks(links: &[Link], routes: &[Route]) -> Vec<String> {
    let leads_away = |link: &Link| {
        let is_way = routes.iter().any(|route| route.unicast && route.link == Some(link.index));
        is_way && is_of_others(link)
    };
    links.iter().filter(|link| leads_away(link)).map(|link| link.name.clone()).collect()
}

fn make_link(
    journal: &Journal,
    claim: &Claim,
    name: &str,
    alias: &str,
    socket: &mut Socket,
) -> Result<u32, NetworkError> {
    let failed = |source| NetworkError::Bridge { name: name.to_owned(), source };
    journal.announce(claim, Effect::Link { name: name.to_owned(), alias: alias.to_owned() })?;
    match socket.create_bridge(Bridge { name, mac: mac_of_alias(alias) }, "a switch for our containers") {
        Err(error) if error.errno() == Errno::EEXIST => {
            return Err(NetworkError::Foreign { what: "link", name: name.to_owned() });
        }
        other => other.map_err(failed)?,
    }
    let change = Change { alias: Some(alias), up: true, no_ipv6_address: true, ..Change::default() };
    socket.set_link(Which::Name(name), change, "marked as ours, and switched on").map_err(failed)?;
    let link = socket.link_named(name, "which number did it get").map_err(failed)?;
    link.map(|link| link.index).ok_or_else(|| NetworkError::Foreign { what: "link", name: name.to_owned() })
}

/// Gives the bridge the first network that is free, and looks again whether it still is: another state may have
/// chosen the same at the same time. Then both give it back, and go on at different places of the list.
fn take_network(
    marks: &Marks,
    preferred: Option<Ipv4Addr>,
    reserved: &[Subnet],
    name: &str,
    index: u32,
    routes: &[Route],
    socket: &mut Socket,
) -> Result<Ipv4Addr, NetworkError> {
    let failed = |source| NetworkError::Bridge { name: name.to_owned(), source };
    let look = |source| NetworkError::Look { what: "addresses", source };
    let mut addresses = socket.addresses("which networks are taken").map_err(look)?;
    let mut wanted = subnet::ordered(marks.first_candidate(), preferred);
    let is_free = |gateway: Ipv4Addr, addresses: &[Address], routes: &[Route]| {
        let own = Subnet::around(gateway, subnet::PREFIX);
        reserved.iter().all(|other| !other.meets(own))
            && subnet::is_free(gateway, subnet::PREFIX, addresses, routes, Some(index))
    };
    for _ in 0..ROUNDS {
        let Some(gateway) = wanted.find(|gateway| is_free(*gateway, &addresses, routes)) else { break };
        socket.add_address(index, gateway, subnet::PREFIX, "the gateway of our containers").map_err(failed)?;
        addresses = socket.addresses("has somebody else taken the same network meanwhile").map_err(look)?;
        if is_free(gateway, &addresses, &[]) {
            return Ok(gateway);
        }
        socket.remove_address(index, gateway, subnet::PREFIX, "somebody else has it").map_err(failed)?;
        // A step that differs from state to state, so that two do not meet again.
        wanted.nth(marks.first_candidate() % 7);
    }
    Err(NetworkError::NoSubnet { tried: subnet::candidates().count() })
}

/// The addresses of networks that have a record: the default one keeps out of them.
fn reserved(roots: &Roots, held: &Held) -> Result<Vec<Subnet>, NetworkError> {
    let standing = held.record.bridges.values().map(|one| Subnet::around(one.gateway, one.prefix));
    let defined = definition::list(roots)?.into_iter().filter_map(|one| one.subnet);
    Ok(defined.chain(standing).collect())
}

/// Gives the bridge of a named network its address, unless somebody else has come to use its addresses.
fn take_fixed(
    network: &Definition,
    gateway: Ipv4Addr,
    subnet: Subnet,
    name: &str,
    index: u32,
    routes: &[Route],
    socket: &mut Socket,
) -> Result<Ipv4Addr, NetworkError> {
    let failed = |source| NetworkError::Bridge { name: name.to_owned(), source };
    let look = |source| NetworkError::Look { what: "addresses", source };
    let addresses: Vec<Address> = socket.addresses("are its addresses still free").map_err(look)?;
    if !subnet::is_free(gateway, subnet.prefix, &addresses, routes, Some(index)) {
        return Err(NetworkError::Taken { network: network.name.clone(), subnet: subnet.to_string() });
    }
    socket.add_address(index, gateway, subnet.prefix, "the gateway of our containers").map_err(failed)?;
    Ok(gateway)
}

fn table_of<'a>(
    table: &'a str,
    mark: &'a str,
    network: &Definition,
    record: &'a BridgeRecord,
    family: Family,
    answers_only: &'a [String],
) -> nft::NetworkTable<'a> {
    let subnet = Subnet::around(record.gateway, record.prefix);
    let network = match network.six.filter(|_| family == Family::Six) {
        Some(range) => (IpAddr::V6(range.subnet.ip), range.subnet.prefix),
        None => (IpAddr::V4(subnet.ip), subnet.prefix),
    };
    nft::NetworkTable { table, mark, network, bridge: &record.name, answers_only, internal: record.internal }
}

fn make_table(
    marks: &Marks,
    network: &Definition,
    record: &mut BridgeRecord,
    family: Family,
) -> Result<(), NetworkError> {
    let table = family.table(marks, network);
    let mark = comment_of_table(&table).unwrap_or_default();
    let why = "outside, our containers have the host's address";
    let answers_only = forward::of_family(&record.forwards, family == Family::Six);
    let wanted = table_of(&table, &mark, network, record, family, &answers_only);
    match nft::Socket::open().and_then(|mut socket| socket.create(&wanted, why)) {
        Ok(()) => Ok(()),
        Err(error) if error.errno() == Errno::EEXIST => Err(NetworkError::Foreign { what: "table", name: table }),
        // A kernel without it is no reason to have no network at all.
        Err(error) if lacks_filter(error.errno()) => {
            record.outside =
                Outside::NoUplink(format!("this kernel cannot masquerade (nf_tables, nft_masq, nft_ct): {error}"));
            Ok(())
        }
        Err(source) => Err(NetworkError::Nat { name: table, source }),
    }
}

fn lacks_filter(errno: Errno) -> bool {
    matches!(errno, Errno::EOPNOTSUPP | Errno::ENOENT | Errno::EPROTONOSUPPORT)
}
