//! IPv6 on a network that `network create --ipv6` has made. RFC 4193 (its private addresses), RFC 4291, ip6(7).
//!
//! All is as with IPv4: the bridge has the first address and is the gateway, containers get the next ones, what leaves gets
//! the address of this machine's link (in a table `ip6` of our own), `-p` leads in. Two things are not.
//!
//! **Neighbours.** What IPv4 asks by ARP, IPv6 asks from an address that holds on one link only (`fe80::…`, RFC 4861). The
//! bridge gets `fe80::1`, as docker gives it, and the container's end draws its own from its address on the wire.
//!
//! **Forwarding.** The kernel asks one setting for all links at once (`net.ipv6.conf.all.forwarding`), and a link that
//! forwards no longer listens to routers: to switch it on can take a machine's own way out. Linux 6.17 has a setting a link,
//! `force_forwarding`; where it is, it is set on our bridge and on the way out, and put back like the other ([`super::forward`]).
//! On an older kernel whose owner has not switched forwarding on, nothing is changed, and it is said what would help.

use super::definition::Definition;
use super::lease::{BridgeRecord, Record};
use super::range::SubnetOfSix;
use super::{NetworkError, forward};
use crate::kernel::netlink::{Route, Socket};
use crate::kernel::sysctl;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

/// The bridge's address on its own link.
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
/// Whether this machine passes on packets of IPv6, by whichever link they come.
const ALL: &str = "/proc/sys/net/ipv6/conf/all/forwarding";

/// A network that nobody else is likely to have: 40 bits that are drawn, as RFC 4193 asks for, and the first of its networks.
pub(super) fn drawn(seed: &str) -> SubnetOfSix {
    let drawn = Sha256::digest(seed);
    let mut bytes = [0; 16];
    bytes[0] = 0xfd;
    bytes[1..6].copy_from_slice(&drawn[..5]);
    SubnetOfSix { ip: bytes.into(), prefix: 64 }
}

/// The addresses of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeOfSix {
    /// All of them.
    pub subnet: SubnetOfSix,
    /// The bridge's.
    pub gateway: Ipv6Addr,
    /// From where containers get theirs, if not from all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<SubnetOfSix>,
}

/// What a container has of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseOfSix {
    /// Its address.
    pub ip: Ipv6Addr,
    /// Bits that name the network.
    pub prefix: u8,
    /// The bridge's address, where its default route leads.
    pub gateway: Ipv6Addr,
}

/// The address that a container gets there: the one that it has asked for, or the lowest that nobody has.
pub(super) fn draw(
    wanted: Option<Ipv6Addr>,
    network: &Definition,
    record: &Record,
) -> Result<Option<LeaseOfSix>, NetworkError> {
    let Some(range) = network.six else {
        return match wanted {
            None => Ok(None),
            Some(ip) => Err(NetworkError::Conflict(format!(
                "no configured subnet or ip-range contain the IP address {ip}: network {} has no IPv6",
                network.name
            ))),
        };
    };
    let is_taken = |ip: Ipv6Addr| {
        let mut given = record.on(&network.name).filter_map(|lease| lease.six.as_ref());
        ip == range.gateway || given.any(|six| six.ip == ip)
    };
    let ip = match wanted {
        Some(ip) if !range.subnet.can_give(ip) => {
            let text = format!("no configured subnet or ip-range contain the IP address {ip}");
            return Err(NetworkError::Conflict(text));
        }
        Some(ip) if is_taken(ip) => return Err(NetworkError::Conflict(format!("Address already in use: {ip}"))),
        Some(ip) => ip,
        None => {
            let part = range.range.unwrap_or(range.subnet);
            let mut all = part.addresses().filter(|ip| range.subnet.can_give(*ip));
            all.find(|ip| !is_taken(*ip)).ok_or_else(|| NetworkError::Full { subnet: part.to_string() })?
        }
    };
    Ok(Some(LeaseOfSix { ip, prefix: range.subnet.prefix, gateway: range.gateway }))
}

/// Whether the network meets a route or an address that this machine has; `ours` is the bridge's own number.
pub(super) fn is_free(subnet: SubnetOfSix, ours: Option<u32>, socket: &mut Socket) -> Result<bool, NetworkError> {
    let look = |what| move |source| NetworkError::Look { what, source };
    let theirs = |ip: Option<IpAddr>, prefix: u8| match ip {
        // A way to all of the Internet, or to all private networks, is no network.
        Some(IpAddr::V6(ip)) if prefix >= 16 => subnet.meets(SubnetOfSix::around(ip, prefix)),
        _ => false,
    };
    let addresses = socket.addresses("which networks of IPv6 are taken").map_err(look("addresses"))?;
    let routes = socket.routes_of_six("which networks of IPv6 are taken").map_err(look("routes"))?;
    let by_address = addresses.iter().any(|one| ours != Some(one.link) && theirs(Some(one.ip), one.prefix));
    let by_route = routes.iter().any(|one| (ours.is_none() || ours != one.link) && theirs(one.destination, one.prefix));
    Ok(!by_address && !by_route)
}

/// Gives the bridge its addresses.
pub(super) fn give_bridge(
    network: &Definition,
    name: &str,
    index: u32,
    socket: &mut Socket,
) -> Result<(), NetworkError> {
    let Some(range) = network.six else { return Ok(()) };
    if !is_free(range.subnet, Some(index), socket)? {
        return Err(NetworkError::Taken { network: network.name.clone(), subnet: range.subnet.to_string() });
    }
    let failed = |source| NetworkError::Bridge { name: name.to_owned(), source };
    // A machine may have IPv6 switched off for new links; on this one it was asked for.
    let off = Path::new("/proc/sys/net/ipv6/conf").join(name).join("disable_ipv6");
    if sysctl::read(&off).map_err(failed)? == "1" {
        sysctl::write(&off, "0", "containers behind this bridge have IPv6").map_err(failed)?;
    }
    let gateway = "the gateway of our containers, for IPv6";
    socket.add_address(index, range.gateway, range.subnet.prefix, gateway).map_err(failed)?;
    socket.add_address(index, LINK_LOCAL, 64, "from where the bridge asks for its neighbours").map_err(failed)
}

/// Links by which packets of IPv6 leave this machine, as switches for [`forward`]; none where all of them forward.
pub(super) fn switches(routes: &[Route], uplinks: &[(u32, String)]) -> Vec<String> {
    if sysctl::read(Path::new(ALL)).is_ok_and(|value| value == "1") {
        return Vec::new();
    }
    let is_way = |index: u32| routes.iter().any(|one| one.unicast && one.link == Some(index) && leads_away(one));
    uplinks.iter().filter(|(index, _)| is_way(*index)).map(|(_, name)| forward::of_six(name)).collect()
}

/// A route by a router, or to addresses that are not of its link alone.
fn leads_away(route: &Route) -> bool {
    route.gateway.is_some()
        || matches!(route.destination, Some(IpAddr::V6(ip)) if !ip.is_unicast_link_local() && !ip.is_multicast())
}

/// Why packets of IPv6 do not get out of this network; nothing where they do, as far as we can tell.
pub(super) fn why_not_out(bridge: &BridgeRecord) -> Option<String> {
    let on = |path: &Path| sysctl::read(path).is_ok_and(|value| value == "1");
    let own = forward::setting(&forward::of_six(&bridge.name));
    if bridge.internal || on(Path::new(ALL)) || on(&own) {
        return None;
    }
    if own.exists() {
        return Some("IPv6 stays on the bridge: this network namespace has no route of IPv6 to anywhere else".into());
    }
    Some(
        "IPv6 stays on the bridge: this kernel forwards it for all links or for none (before Linux 6.17), and for none here; \
         sysctl net.ipv6.conf.all.forwarding=1 changes that, and then net.ipv6.conf.LINK.accept_ra=2 on a link whose address \
         comes from a router"
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_private_and_differs() {
        let (one, other) = (drawn("a"), drawn("b"));
        assert!(one != other && one.ip.is_unique_local() && other.to_string().ends_with("::/64"), "{one} {other}");
        assert!(one.to_string().parse() == Ok(one) && !one.meets(other));
    }
}
