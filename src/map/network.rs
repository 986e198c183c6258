//! The way of a packet from a container's `eth0` to the outside, as links, routes and rules are now.

use super::{Node, Picture, Side, called};
use crate::kernel::netlink::Socket;
use crate::stages::create::Container;
use crate::stages::network::{self, NetworkError, Outside, View};
use crate::state::Roots;
use std::os::fd::BorrowedFd;

/// The chain; `inner` is the container's network namespace, where one is known.
///
/// # Errors
/// [`NetworkError::NotUp`], [`NetworkError::Look`].
pub fn network(roots: &Roots, container: &Container, inner: Option<BorrowedFd<'_>>) -> Result<Picture, NetworkError> {
    let view = network::view(roots, &container.id, inner)?;
    let lease = &view.lease;
    let mut picture = Picture::new(format!("The way out of {}", called(container)));
    let eth0 =
        picture.add(None, Node::new(Side::Inside, format!("{} in the container", lease.interface), inside(&view)));
    let state = view.host_link.as_ref().map_or_else(|| "gone".into(), |link| format!("{}: {}", link.index, link.state));
    let cable = picture
        .add(Some((eth0, "veth: one cable, two ends")), Node::new(Side::Outside, lease.host_link.clone(), vec![state]));
    let state = view.bridge.as_ref().map_or_else(|| "gone".into(), |link| format!("{}: {}", link.index, link.state));
    let mut lines = vec![format!("{}/{}", lease.gateway, lease.prefix), state];
    lines.extend(view.forwarding.iter().map(|one| format!("{} = {}", one.name, one.value)));
    let bridge =
        picture.add(Some((cable, "a port of")), Node::new(Side::Outside, format!("{} (bridge)", lease.bridge), lines));
    beyond(&mut picture, &view, bridge);
    Ok(picture)
}

fn inside(view: &View) -> Vec<String> {
    let lease = &view.lease;
    let mac: Vec<String> = lease.mac.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut lines = vec![format!("{}/{}", lease.ip, lease.prefix), mac.join(":")];
    for route in &view.routes {
        let to = route.destination.map_or("default".to_owned(), |ip| format!("{ip}/{}", route.prefix));
        lines.push(format!("route {to}{}", route.gateway.map(|ip| format!(" via {ip}")).unwrap_or_default()));
    }
    let published = lease.published.iter().map(|one| format!("published: {}:{} -> {}", one.at, one.port, one.to));
    lines.extend(published);
    lines
}

/// From the bridge on: the packet filter, the machine's own link, and what lies behind it.
fn beyond(picture: &mut Picture, view: &View, bridge: usize) {
    if let Outside::NoUplink(why) = &view.lease.outside {
        let end = Node::new(Side::Outside, "no further", vec![why.clone()]);
        picture.add(Some((bridge, "")), end);
        return;
    }
    let filter = match &view.nat {
        Some(nat) => Node::new(Side::Outside, format!("table {} (packet filter)", nat.table), vec![nat.rule.clone()]),
        None => Node::new(Side::Outside, "no rule of ours in the packet filter", Vec::new()),
    };
    let filter = picture.add(Some((bridge, "forwarded through")), filter);
    match uplink() {
        Ok(Some((name, lines))) => {
            let uplink = picture.add(Some((filter, "out by the default route")), Node::new(Side::Outside, name, lines));
            let world = Node::new(Side::Outside, "the outside", vec!["sees this machine's address only".into()]);
            picture.add(Some((uplink, "")), world);
        }
        Ok(None) => picture.notes.push("this machine has no default route".into()),
        Err(error) => picture.notes.push(error.to_string()),
    }
}

/// The link that the machine's default route leaves by, with its addresses.
fn uplink() -> crate::kernel::Result<Option<(String, Vec<String>)>> {
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
    lines.extend(route.gateway.map(|ip| format!("default via {ip}")));
    Ok(Some((format!("{} of this machine", link.name), lines)))
}
