//! Addresses and routes: what `ip address` and `ip route` show and change.

use super::Socket;
use crate::kernel::Result;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope};
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
        self.routes_of(AddressFamily::Inet, "rtm_family=AF_INET", why)
    }

    /// The same of IPv6.
    ///
    /// # Errors
    /// The request that failed.
    pub fn routes_of_six(&mut self, why: &str) -> Result<Vec<Route>> {
        self.routes_of(AddressFamily::Inet6, "rtm_family=AF_INET6", why)
    }

    fn routes_of(&mut self, family: AddressFamily, shown: &str, why: &str) -> Result<Vec<Route>> {
        let mut message = RouteMessage::default();
        message.header.address_family = family;
        let found = self.list(&RouteNetlinkMessage::GetRoute(message), shown, why)?;
        Ok(found.into_iter().filter_map(route_of).collect())
    }

    /// Gives a link an address. The kernel adds the route to its network by itself. One of IPv6 can be used at once: that
    /// nobody else has it is known, and not asked for a second long (IFA_F_NODAD).
    ///
    /// # Errors
    /// EEXIST: it has that address. ENODEV: there is no such link.
    pub fn add_address(&mut self, link: u32, ip: impl Into<IpAddr>, prefix: u8, why: &str) -> Result<()> {
        let (message, shown) = address_message(link, ip.into(), prefix);
        self.change(NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewAddress(message), &shown, why)
    }

    /// Takes an address away, and with it the route to its network.
    ///
    /// # Errors
    /// EADDRNOTAVAIL: the link does not have it.
    pub fn remove_address(&mut self, link: u32, ip: impl Into<IpAddr>, prefix: u8, why: &str) -> Result<()> {
        let (message, shown) = address_message(link, ip.into(), prefix);
        self.change(0, RouteNetlinkMessage::DelAddress(message), &shown, why)
    }

    /// Sends everything of its family that no other route names to `gateway`, and no more to where it went before.
    ///
    /// # Errors
    /// ENETUNREACH: the gateway is in no network of ours, or its link is down.
    pub fn set_default_route(&mut self, gateway: impl Into<IpAddr>, why: &str) -> Result<()> {
        let gateway = gateway.into();
        let mut message = RouteMessage::default();
        message.header = RouteHeader {
            address_family: family_of(gateway),
            table: RouteHeader::RT_TABLE_MAIN,
            protocol: RouteProtocol::Boot,
            scope: RouteScope::Universe,
            kind: RouteType::Unicast,
            ..RouteHeader::default()
        };
        message.attributes = vec![RouteAttribute::Gateway(gateway.into())];
        let shown = format!("rtm_dst_len=0, gateway={gateway}");
        self.change(NLM_F_CREATE | NLM_F_REPLACE, RouteNetlinkMessage::NewRoute(message), &shown, why)
    }
}

fn family_of(ip: IpAddr) -> AddressFamily {
    if ip.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

fn address_message(link: u32, ip: IpAddr, prefix: u8) -> (AddressMessage, String) {
    let mut message = AddressMessage::default();
    message.header.family = family_of(ip);
    message.header.prefix_len = prefix;
    message.header.scope = AddressScope::Universe;
    message.header.index = link;
    // "Local" is the address; "address" would be the other side of a point-to-point link (rtnetlink(7)).
    message.attributes = vec![AddressAttribute::Local(ip), AddressAttribute::Address(ip)];
    match ip {
        IpAddr::V4(ip) => {
            let hosts = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
            message.attributes.push(AddressAttribute::Broadcast(Ipv4Addr::from(u32::from(ip) | hosts)));
        }
        IpAddr::V6(_) => message.header.flags = AddressHeaderFlags::Nodad,
    }
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
