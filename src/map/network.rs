//! The way of a packet from a container's `eth0` to the outside, as links, routes and rules are now.

use super::{Node, Picture, Side, called, words};
use crate::kernel::netlink::Socket;
use crate::lesson::catalog::Catalog;
use crate::lesson::words::Word;
use crate::stages::create::Container;
use crate::stages::network::{self, NetworkError, Outside, View};
use crate::state::Roots;
use std::os::fd::BorrowedFd;

/// The chain; `inner` is the container's network namespace, where one is known.
///
/// # Errors
/// [`NetworkError::NotUp`], [`NetworkError::Look`].
pub fn network(
    roots: &Roots,
    container: &Container,
    inner: Option<BorrowedFd<'_>>,
    catalog: &Catalog,
) -> Result<Picture, NetworkError> {
    let view = network::view(roots, &container.id, inner)?;
    let lease = &view.lease;
    let say = |word: Word, values: &[(&str, &str)]| catalog.say(word, values);
    let mut picture = Picture::new(say(words::WAY_OUT, &[("of", &called(container))]));
    let name = say(words::IN_CONTAINER, &[("name", &lease.interface)]);
    let eth0 = picture.add(None, Node::new(Side::Inside, name, inside(&view, catalog)));
    let gone = || say(words::GONE, &[]);
    let state = view.host_link.as_ref().map_or_else(gone, |link| format!("{}: {}", link.index, link.state));
    let cable = picture
        .add(Some((eth0, &say(words::CABLE, &[]))), Node::new(Side::Outside, lease.host_link.clone(), vec![state]));
    let state = view.bridge.as_ref().map_or_else(gone, |link| format!("{}: {}", link.index, link.state));
    let mut lines = vec![format!("{}/{}", lease.gateway, lease.prefix), state];
    lines.extend(view.forwarding.iter().map(|one| format!("{} = {}", one.name, one.value)));
    let name = say(words::BRIDGE, &[("name", &lease.bridge)]);
    let bridge = picture.add(Some((cable, &say(words::PORT_OF, &[]))), Node::new(Side::Outside, name, lines));
    beyond(&mut picture, &view, bridge, catalog);
    Ok(picture)
}

fn inside(view: &View, catalog: &Catalog) -> Vec<String> {
    let lease = &view.lease;
    let mac: Vec<String> = lease.mac.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut lines = vec![format!("{}/{}", lease.ip, lease.prefix), mac.join(":")];
    for route in &view.routes {
        let to = route.destination.map_or("default".to_owned(), |ip| format!("{ip}/{}", route.prefix));
        lines.push(match route.gateway {
            Some(ip) => catalog.say(words::ROUTE_VIA, &[("to", &to), ("ip", &ip.to_string())]),
            None => catalog.say(words::ROUTE, &[("to", &to)]),
        });
    }
    lines.extend(lease.published.iter().map(|one| {
        let (at, port, to) = (one.at.to_string(), one.port.to_string(), one.to.to_string());
        catalog.say(words::PUBLISHED, &[("at", &at), ("port", &port), ("to", &to)])
    }));
    lines
}

/// From the bridge on: the packet filter, the machine's own link, and what lies behind it.
fn beyond(picture: &mut Picture, view: &View, bridge: usize, catalog: &Catalog) {
    let say = |word: Word, values: &[(&str, &str)]| catalog.say(word, values);
    if let Outside::NoUplink(why) = &view.lease.outside {
        let end = Node::new(Side::Outside, say(words::NO_FURTHER, &[]), vec![why.clone()]);
        picture.add(Some((bridge, "")), end);
        return;
    }
    let filter = match &view.nat {
        Some(nat) => Node::new(Side::Outside, say(words::TABLE, &[("name", &nat.table)]), vec![nat.rule.clone()]),
        None => Node::new(Side::Outside, say(words::NO_RULE, &[]), Vec::new()),
    };
    let filter = picture.add(Some((bridge, &say(words::FORWARDED, &[]))), filter);
    match uplink(catalog) {
        Ok(Some((name, lines))) => {
            let by = say(words::OUT_BY_DEFAULT, &[]);
            let uplink = picture.add(Some((filter, &by)), Node::new(Side::Outside, name, lines));
            let world = Node::new(Side::Outside, say(words::WORLD, &[]), vec![say(words::SEES, &[])]);
            picture.add(Some((uplink, "")), world);
        }
        Ok(None) => picture.notes.push(say(words::NO_DEFAULT, &[])),
        Err(error) => picture.notes.push(error.to_string()),
    }
}

/// The link that the machine's default route leaves by, with its addresses.
fn uplink(catalog: &Catalog) -> crate::kernel::Result<Option<(String, Vec<String>)>> {
    let mut socket = Socket::open()?;
    let routes = socket.routes("where the machine's packets go")?;
    let default = routes.iter().find(|route| route.destination.is_none() && route.table != 255 && route.unicast);
    let Some((route, number)) = default.and_then(|route| Some((route, route.link?))) else { return Ok(None) };
    let Some(link) = socket.links("the machine's links")?.into_iter().find(|link| link.index == number) else {
        return Ok(None);
    };
    let addresses = socket.addresses("the machine's addresses")?;
    let own = addresses.iter().filter(|address| address.link == number && address.ip.is_ipv4());
    let mut lines: Vec<String> = own.map(|address| format!("{}/{}", address.ip, address.prefix)).collect();
    lines.extend(route.gateway.map(|ip| catalog.say(words::DEFAULT_VIA, &[("ip", &ip.to_string())])));
    Ok(Some((catalog.say(words::OF_MACHINE, &[("name", &link.name)]), lines)))
}
