//! The switch and the way out, shared by all containers of a state: bridge, forwarding, masquerading. Made with the
//! first container, gone with the last.

use super::lease::{BridgeRecord, Held, Outside};
use super::mark::{Marks, mac_of_alias};
use super::{NetworkError, forward, subnet, undo};
use crate::kernel::netlink::{Bridge, Change, Link, Route, Socket, Which};
use crate::kernel::nft;
use crate::state::{Claim, Effect, Journal, Roots};
use nix::errno::Errno;
use std::net::Ipv4Addr;

/// Whose the shared effects are in the journal.
pub(super) const OWNER: &str = "network";
/// How often another state may take the network that we wanted before we give up.
const ROUNDS: usize = 8;

/// The bridge of this state: the one that is there, or a new one.
pub(super) fn ensure(roots: &Roots, held: &mut Held, socket: &mut Socket) -> Result<BridgeRecord, NetworkError> {
    if let Some(mut record) = held.record.bridge.take()
        && is_standing(&record, socket)?
    {
        mend_rules(roots, &mut record)?;
        held.record.bridge = Some(record.clone());
        return Ok(record);
    }
    // Whatever is left of a bridge that is not complete, by a kill or by a foreign hand, goes first.
    remove(roots)?;
    let made = make(roots, held.record.last_gateway, socket);
    match made {
        Ok(record) => {
            held.record.last_gateway = Some(record.gateway);
            held.record.bridge = Some(record.clone());
            Ok(record)
        }
        Err(error) => {
            // The first error is the one to tell; what cannot be removed now stays in the journal.
            let _ = remove(roots);
            Err(error)
        }
    }
}

/// Undoes every shared effect, newest first, and goes on past what fails.
pub(super) fn remove(roots: &Roots) -> Result<(), NetworkError> {
    undo::all_of(roots, OWNER)
}

/// Whether the link is there, ours and up.
fn is_standing(record: &BridgeRecord, socket: &mut Socket) -> Result<bool, NetworkError> {
    let link = socket
        .link_named(&record.name, "is our bridge still there")
        .map_err(|source| NetworkError::Look { what: "links", source })?;
    Ok(link.is_some_and(|link| link.alias.as_ref() == Some(&record.alias) && link.up))
}

/// Somebody may have flushed all rules of the machine; the journal still has the entry of our table.
fn mend_rules(roots: &Roots, record: &mut BridgeRecord) -> Result<(), NetworkError> {
    if record.outside != Outside::Reachable {
        return Ok(());
    }
    let marks = Marks::of(roots);
    let found = nft::Socket::open()
        .and_then(|mut socket| socket.comment_of(&marks.table(), "are our rules still there"))
        .map_err(|source| NetworkError::Look { what: "packet filter", source })?;
    if found.is_none() { masquerade(&marks, record) } else { Ok(()) }
}

/// Order matters twice: what is announced first is undone last, so the settings go back after the bridge whose alias
/// says that it needs them; and the alias stands before the settings change ([`forward`]).
fn make(roots: &Roots, preferred: Option<Ipv4Addr>, socket: &mut Socket) -> Result<BridgeRecord, NetworkError> {
    let look = |what| move |source| NetworkError::Look { what, source };
    let marks = Marks::of(roots);
    let journal = Journal::at(roots.journal());
    let claim = Claim { owner: OWNER.into(), holder: None };

    let links = socket.links("which links are there").map_err(look("links"))?;
    let routes = socket.routes("where do they lead, and which networks are taken").map_err(look("routes"))?;
    let uplinks = uplinks(&links, &routes);
    let switches = forward::needed(&uplinks, socket)?;
    let forwards: Vec<String> = switches.iter().map(|switch| switch.link.clone()).collect();
    for switch in &switches {
        journal.announce(&claim, switch.effect())?;
    }

    let (name, alias) = (marks.bridge_name(), marks.bridge_alias(&forwards));
    let index = make_link(&journal, &claim, &name, &alias, socket)?;
    let gateway = take_network(&marks, preferred, &name, index, &routes, socket)?;
    let mut outside = if uplinks.is_empty() {
        Outside::NoUplink("this network namespace has no route to anywhere else".into())
    } else {
        Outside::Reachable
    };
    if let Err(why) = forward::switch_on(&name, &switches) {
        outside = Outside::NoUplink(why);
    }
    let mut record =
        BridgeRecord { name, alias, gateway, prefix: subnet::PREFIX, forwards, outside, notes: Vec::new() };
    journal.announce(&claim, Effect::NftTable { name: marks.table() })?;
    masquerade(&marks, &mut record)?;
    Ok(record)
}

/// Links over which this machine reaches others, by name.
fn uplinks(links: &[Link], routes: &[Route]) -> Vec<String> {
    let leads_away = |link: &Link| {
        let is_way = routes.iter().any(|route| route.unicast && route.link == Some(link.index));
        let ours = link.alias.as_deref().is_some_and(|alias| alias.starts_with("explore:"));
        is_way && !link.loopback && !ours
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
    name: &str,
    index: u32,
    routes: &[Route],
    socket: &mut Socket,
) -> Result<Ipv4Addr, NetworkError> {
    let failed = |source| NetworkError::Bridge { name: name.to_owned(), source };
    let look = |source| NetworkError::Look { what: "addresses", source };
    let mut addresses = socket.addresses("which networks are taken").map_err(look)?;
    let mut wanted = subnet::ordered(marks.first_candidate(), preferred);
    for _ in 0..ROUNDS {
        let Some(gateway) = wanted.find(|gateway| subnet::is_free(*gateway, &addresses, routes, Some(index))) else {
            break;
        };
        socket.add_address(index, gateway, subnet::PREFIX, "the gateway of our containers").map_err(failed)?;
        addresses = socket.addresses("has somebody else taken the same network meanwhile").map_err(look)?;
        if subnet::is_free(gateway, &addresses, &[], Some(index)) {
            return Ok(gateway);
        }
        socket.remove_address(index, gateway, subnet::PREFIX, "somebody else has it").map_err(failed)?;
        // A step that differs from state to state, so that two do not meet again.
        wanted.nth(marks.first_candidate() % 7);
    }
    Err(NetworkError::NoSubnet { tried: subnet::candidates().count() })
}

/// The table, and what the reader should know about the tables of others.
fn masquerade(marks: &Marks, record: &mut BridgeRecord) -> Result<(), NetworkError> {
    let (table, comment) = (marks.table(), marks.table_comment());
    let hosts = u32::MAX.checked_shr(u32::from(record.prefix)).unwrap_or(0);
    let network = Ipv4Addr::from(u32::from(record.gateway) & !hosts);
    let wanted = nft::Masquerade {
        table: &table,
        mark: &comment,
        network: (network, record.prefix),
        bridge: &record.name,
        answers_only: &record.forwards,
    };
    let made = nft::Socket::open().and_then(|mut socket| {
        socket.create(&wanted, "outside, our containers have the host's address")?;
        socket.forward_chains("does another firewall drop what we forward")
    });
    match made {
        Ok(chains) => {
            let subnet = format!("{network}/{}", record.prefix);
            record.notes.extend(chains.iter().filter(|chain| chain.drops).map(|chain| forward::note(chain, &subnet)));
            Ok(())
        }
        Err(error) if error.errno() == Errno::EEXIST => Err(NetworkError::Foreign { what: "table", name: table }),
        // A kernel without it is no reason to have no network at all.
        Err(error) if matches!(error.errno(), Errno::EOPNOTSUPP | Errno::ENOENT | Errno::EPROTONOSUPPORT) => {
            record.outside =
                Outside::NoUplink(format!("this kernel cannot masquerade (nf_tables, nft_masq, nft_ct): {error}"));
            Ok(())
        }
        Err(source) => Err(NetworkError::Nat { name: table, source }),
    }
}
