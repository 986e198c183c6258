//! Addresses and routes: what `ip address` and `ip route` show and change.

use super::Socket;
use crate::kernel::Result;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::address::{AddressAttribute, AddressMessage, AddressScope};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};

/// An address of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Number of the link.
    pub link: u32,
    /// The address.
    pub ip: IpAddr,
    /// How many of its bits name the network.
    pub prefix: u8,
    /// `global`, `link`, `host`, … as `ip address` prints it.
    pub scope: String,
    /// The network's broadcast address, where there is one.
    pub broadcast: Option<Ipv4Addr>,
}

/// An entry of a routing table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The network; `None` for the default route.
    pub destination: Option<IpAddr>,
    /// Bits of `destination` that count; 0 for the default route.
    pub prefix: u8,
    /// The router to hand packets to.
    pub gateway: Option<IpAddr>,
    /// Number of the link that packets leave by.
    pub link: Option<u32>,
    /// 254 main, 255 local (rtnetlink(7)).
    pub table: u32,
    /// `kernel`, `static`, `dhcp`, … as `ip route` prints it.
    pub protocol: String,
    /// `universe`, `link`, `host`, ….
    pub scope: String,
    /// Sends on to somewhere; false for local, broadcast and refused destinations.
    pub unicast: bool,
    /// The address that our own packets get.
    pub source: Option<IpAddr>,
    /// Lower wins.
    pub metric: Option<u32>,
}

impl Socket {
    /// All addresses of the namespace, of IPv4 and IPv6.
    ///
    /// # Errors
    /// The request that failed.
    pub fn addresses(&mut self, why: &str) -> Result<Vec<Address>> {
        let found = self.list(&RouteNetlinkMessage::GetAddress(AddressMessage::default()), "", why)?;
        Ok(found.into_iter().filter_map(address_of).collect())
    }

    /// All IPv4 routes of the namespace, of every table.
    ///
    /// # Errors
    /// The request that failed.
    pub fn routes(&mut self, why: &str) -> Result<Vec<Route>> {
        let mut message = RouteMessage::default();
        message.header.address_family = AddressFamily::Inet;
        let found = self.list(&RouteNetlinkMessage::GetRoute(message), "rtm_family=AF_INET", why)?;
        Ok(found.into_iter().filter_map(route_of).collect())
    }

    /// Gives a link an IPv4 address. The kernel adds the route to its network by itself.
    ///
    /// # Errors
    /// EEXIST: it has that address. ENODEV: there is no such link.
    pub fn add_address(&mut self, link: u32, ip: Ipv4Addr, prefix: u8, why: &str) -> Result<()> {
        let (message, shown) = address_message(link, ip, prefix);
        self.change(NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewAddress(message), &shown, why)
    }

    /// Takes an IPv4 address away, and with it the route to its network.
    ///
    /// # Errors
    /// EADDRNOTAVAIL: the link does not have it.
    pub fn remove_address(&mut self, link: u32, ip: Ipv4Addr, prefix: u8, why: &str) -> Result<()> {
        let (message, shown) = address_message(link, ip, prefix);
        self.change(0, RouteNetlinkMessage::DelAddress(message), &shown, why)
    }

    /// Sends everything that no other route names to `gateway`.
    ///
    /// # Errors
    /// EEXIST: there is a default route. ENETUNREACH: the gateway is in no network of ours, or its link is down.
    pub fn add_default_route(&mut self, gateway: Ipv4Addr, why: &str) -> Result<()> {
        let mut message = RouteMessage::default();
        message.header = RouteHeader {
            address_family: AddressFamily::Inet,
            table: RouteHeader::RT_TABLE_MAIN,
            protocol: RouteProtocol::Boot,
            scope: RouteScope::Universe,
            kind: RouteType::Unicast,
            ..RouteHeader::default()
        };
        message.attributes = vec![RouteAttribute::Gateway(RouteAddress::Inet(gateway))];
        let shown = format!("rtm_dst_len=0, gateway={gateway}");
        self.change(NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewRoute(message), &shown, why)
    }
}

fn address_message(link: u32, ip: Ipv4Addr, prefix: u8) -> (AddressMessage, String) {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.prefix_len = prefix;
    message.header.scope = AddressScope::Universe;
    message.header.index = link;
    let broadcast = Ipv4Addr::from(u32::from(ip) | u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0));
    message.attributes = vec![
        // "Local" is the address; "address" would be the other side of a point-to-point link (rtnetlink(7)).
        AddressAttribute::Local(ip.into()),
        AddressAttribute::Address(ip.into()),
        AddressAttribute::Broadcast(broadcast),
    ];
    (message, format!("ifa_index={link}, local={ip}, ifa_prefixlen={prefix}"))
}

fn address_of(message: RouteNetlinkMessage) -> Option<Address> {
    let RouteNetlinkMessage::NewAddress(message) = message else { return None };
    let (mut local, mut address, mut broadcast) = (None, None, None);
    for attribute in message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(ip),
            AddressAttribute::Address(ip) => address = Some(ip),
            AddressAttribute::Broadcast(ip) => broadcast = Some(ip),
            _ => {}
        }
    }
    Some(Address {
        link: message.header.index,
        ip: local.or(address)?,
        prefix: message.header.prefix_len,
        scope: match message.header.scope {
            AddressScope::Universe => "global".into(),
            other => other.to_string(),
        },
        broadcast,
    })
}

fn route_of(message: RouteNetlinkMessage) -> Option<Route> {
    let RouteNetlinkMessage::NewRoute(message) = message else { return None };
    let mut route = Route {
        destination: None,
        prefix: message.header.destination_prefix_length,
        gateway: None,
        link: None,
        table: message.header.table.into(),
        protocol: message.header.protocol.to_string(),
        scope: message.header.scope.to_string(),
        unicast: message.header.kind == RouteType::Unicast,
        source: None,
        metric: None,
    };
    for attribute in message.attributes {
        match attribute {
            RouteAttribute::Destination(ip) => route.destination = ip_of(&ip),
            RouteAttribute::Gateway(ip) => route.gateway = ip_of(&ip),
            RouteAttribute::PrefSource(ip) => route.source = ip_of(&ip),
            RouteAttribute::Oif(link) => route.link = Some(link),
            RouteAttribute::Table(table) => route.table = table,
            RouteAttribute::Priority(metric) => route.metric = Some(metric),
            _ => {}
        }
    }
    Some(route)
}

fn ip_of(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}
