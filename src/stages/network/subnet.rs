//! Which network a bridge gets: the first of a fixed list that overlaps nothing that this machine knows a way to.
//!
//! Docker looks at 172.17.0.0/16 and upwards in the same way (moby, daemon/libnetwork/ipamutils); our list keeps out of
//! its first choices, so that neither takes the other's.

use crate::kernel::netlink::{Address, Route};
use std::net::{IpAddr, Ipv4Addr};

/// Bits that name the network.
pub(super) const PREFIX: u8 = 24;
/// Routes to more than this are ways to everywhere (a default route, or the two halves that VPNs set), not networks.
const SMALLEST_PREFIX: u8 = 8;

/// The gateways (.1) of all networks that we would use, in order.
pub(super) fn candidates() -> impl Iterator<Item = Ipv4Addr> + Clone {
    let of = |a, b| (0..=255).map(move |c| Ipv4Addr::new(a, b, c, 1));
    of(172, 30).chain(of(10, 231)).chain(of(192, 168).skip(200))
}

/// Where a state with this tag begins to look: one that is not the default begins somewhere else, so that two that
/// start together seldom want the same.
pub(super) fn ordered(first: usize, preferred: Option<Ipv4Addr>) -> impl Iterator<Item = Ipv4Addr> {
    let all = candidates();
    let rotated = all.clone().skip(first).chain(all.take(first));
    preferred.into_iter().chain(rotated)
}

/// Whether the network of `gateway` meets an address or a route. `ours`: the link whose own address does not count.
pub(super) fn is_free(
    gateway: Ipv4Addr,
    prefix: u8,
    addresses: &[Address],
    routes: &[Route],
    ours: Option<u32>,
) -> bool {
    let network = (gateway, prefix);
    let by_address =
        addresses.iter().filter(|one| ours != Some(one.link)).any(|one| meets(network, one.ip, one.prefix));
    let by_route = routes
        .iter()
        .filter(|one| ours.is_none_or(|link| one.link != Some(link)) && one.prefix >= SMALLEST_PREFIX)
        .filter_map(|one| Some((one.destination?, one.prefix)))
        .any(|(ip, prefix)| meets(network, ip, prefix));
    !by_address && !by_route
}

/// Two networks meet when they agree in the bits that both name.
fn meets((ours, our_prefix): (Ipv4Addr, u8), theirs: IpAddr, their_prefix: u8) -> bool {
    let IpAddr::V4(theirs) = theirs else { return false };
    let shared = u32::from(our_prefix.min(their_prefix));
    let mask = u32::MAX.checked_shl(32 - shared).unwrap_or(0);
    (u32::from(ours) ^ u32::from(theirs)) & mask == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(destination: Option<&str>, prefix: u8) -> Route {
        Route {
            destination: destination.map(|ip| ip.parse().unwrap()),
            prefix,
            gateway: None,
            link: Some(9),
            table: 254,
            protocol: "static".into(),
            scope: "universe".into(),
            unicast: true,
            source: None,
            metric: None,
        }
    }

    #[test]
    fn a_network_inside_or_around_another_is_not_free() {
        let gateway = "172.30.5.1".parse().unwrap();
        for (ip, prefix, free) in [
            ("172.30.5.0", 24, false),
            ("172.16.0.0", 12, false),
            ("172.30.5.77", 32, false),
            ("172.30.4.0", 24, true),
            ("172.30.4.0", 23, false),
        ] {
            assert_eq!(is_free(gateway, PREFIX, &[], &[route(Some(ip), prefix)], None), free, "{ip}/{prefix}");
        }
    }

    #[test]
    fn a_way_to_everywhere_takes_no_network() {
        let gateway = "172.30.5.1".parse().unwrap();
        assert!(is_free(gateway, PREFIX, &[], &[route(None, 0), route(Some("128.0.0.0"), 1)], None));
    }

    #[test]
    fn all_candidates_are_private_and_different() {
        let all: std::collections::BTreeSet<Ipv4Addr> = candidates().collect();
        assert_eq!(all.len(), candidates().count());
        assert!(all.iter().all(Ipv4Addr::is_private));
    }
}
