//! Routes of the main table, as plain data.

use super::{Result, dump};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One IPv4 route of the main table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The network that it leads to; `None` is the default route.
    pub destination: Option<IpAddr>,
    /// Bits of the network.
    pub prefix: u8,
    /// Over whom.
    pub gateway: Option<IpAddr>,
    /// Out of which interface, by index.
    pub interface: Option<u32>,
    /// RTPROT_*: 2 kernel, 3 boot, 4 static, 16 dhcp.
    pub protocol: u8,
    /// RT_SCOPE_*: 0 global, 253 link, 254 host.
    pub scope: u8,
    /// Our address for it.
    pub source: Option<IpAddr>,
    /// Metric.
    pub metric: Option<u32>,
    /// RTNH_F_* bits.
    pub flags: u32,
}

/// RT_TABLE_MAIN: what `ip route` shows.
const MAIN_TABLE: u32 = 254;

/// The IPv4 routes of the main table of the network namespace that this thread is in.
///
/// # Errors
/// The netlink request that failed; E2BIG where there are more than [`super::LIMIT`].
pub fn routes() -> Result<Vec<Route>> {
    let mut request = RouteMessage::default();
    request.header.address_family = AddressFamily::Inet;
    let found = dump("RTM_GETROUTE", RouteNetlinkMessage::GetRoute(request))?;
    Ok(found.into_iter().filter_map(route_of).collect())
}

fn route_of(message: RouteNetlinkMessage) -> Option<Route> {
    let RouteNetlinkMessage::NewRoute(message) = message else { return None };
    let mut table = u32::from(message.header.table);
    let mut route = Route {
        prefix: message.header.destination_prefix_length,
        protocol: message.header.protocol.into(),
        scope: message.header.scope.into(),
        flags: message.header.flags.bits(),
        ..Route::default()
    };
    for attribute in message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => route.destination = ip(&address),
            RouteAttribute::Gateway(address) => route.gateway = ip(&address),
            RouteAttribute::PrefSource(address) => route.source = ip(&address),
            RouteAttribute::Oif(index) => route.interface = Some(index),
            RouteAttribute::Priority(metric) => route.metric = Some(metric),
            RouteAttribute::Table(number) => table = number,
            _ => {}
        }
    }
    (table == MAIN_TABLE).then_some(route)
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some((*address).into()),
        RouteAddress::Inet6(address) => Some((*address).into()),
        _ => None,
    }
}
