//! Interfaces with all that `ip address` prints of them, as plain data that crosses a pipe. Only looks; see `link` for
//! what makes and changes one.

use super::{Result, Socket};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkInfo, LinkMessage, Prop};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One network interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its number, unique in its network namespace only.
    pub index: u32,
    /// Its name, unique there only as well.
    pub name: String,
    /// What made it (`veth`, `bridge`, …); `None` for a device or the loopback.
    pub kind: Option<String>,
    /// ARPHRD_*: 1 ethernet, 772 loopback.
    pub layer: u16,
    /// IFF_* bits, netdevice(7).
    pub flags: u32,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// Queueing discipline.
    pub qdisc: String,
    /// Operational state (RFC 2863) in capitals.
    pub state: String,
    /// Group number; 0 is `default`.
    pub group: u32,
    /// Packets that may queue.
    pub queue: u32,
    /// Hardware address.
    pub address: Vec<u8>,
    /// Hardware broadcast address.
    pub broadcast: Vec<u8>,
    /// The bridge or bond that it is a port of, by index.
    pub master: Option<u32>,
    /// The other end of a veth, or what it is stacked on, by index; there, if `peer_namespace` is set.
    pub peer: Option<u32>,
    /// The number that *this* namespace has for the one in which the peer is.
    pub peer_namespace: Option<i32>,
    /// What somebody wrote on it.
    pub alias: Option<String>,
    /// Further names.
    pub other_names: Vec<String>,
    /// Its addresses, IPv4 first, in the kernel's order.
    pub addresses: Vec<InterfaceAddress>,
}

/// One address of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceAddress {
    /// Ours.
    pub local: IpAddr,
    /// The other side's, where it is a point-to-point address.
    pub peer: Option<IpAddr>,
    /// Bits of the network.
    pub prefix: u8,
    /// Where a broadcast goes.
    pub broadcast: Option<IpAddr>,
    /// RT_SCOPE_*: 0 global, 253 link, 254 host.
    pub scope: u8,
    /// IFA_F_* bits.
    pub flags: u32,
    /// The name that an IPv4 address carries.
    pub label: Option<String>,
    /// Seconds for which it is valid; `u32::MAX` for ever.
    pub valid: u32,
    /// Seconds for which it is preferred; `u32::MAX` for ever.
    pub preferred: u32,
}

impl Socket {
    /// The interfaces of the namespace with their addresses, by index.
    ///
    /// # Errors
    /// The request that failed.
    pub fn interfaces(&mut self, why: &str) -> Result<Vec<Interface>> {
        let mut found: Vec<Interface> = self
            .list(&RouteNetlinkMessage::GetLink(LinkMessage::default()), "", why)?
            .into_iter()
            .filter_map(|message| match message {
                RouteNetlinkMessage::NewLink(link) => Some(interface_of(link)),
                _ => None,
            })
            .collect();
        found.sort_by_key(|interface| interface.index);
        for message in self.list(&RouteNetlinkMessage::GetAddress(AddressMessage::default()), "", why)? {
            let RouteNetlinkMessage::NewAddress(message) = message else { continue };
            let index = message.header.index;
            let interface = found.iter_mut().find(|interface| interface.index == index);
            if let (Some(interface), Some(address)) = (interface, address_of(message)) {
                interface.addresses.push(address);
            }
        }
        for interface in &mut found {
            interface.addresses.sort_by_key(|address| address.local.is_ipv6());
        }
        Ok(found)
    }
}

fn interface_of(message: LinkMessage) -> Interface {
    let mut link = Interface {
        index: message.header.index,
        layer: message.header.link_layer_type.into(),
        flags: message.header.flags.bits(),
        ..Interface::default()
    };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Mtu(mtu) => link.mtu = mtu,
            LinkAttribute::Qdisc(qdisc) => link.qdisc = qdisc,
            LinkAttribute::OperState(state) => link.state = state.to_string(),
            LinkAttribute::Group(group) => link.group = group,
            LinkAttribute::TxQueueLen(length) => link.queue = length,
            LinkAttribute::Address(address) => link.address = address,
            LinkAttribute::Broadcast(address) => link.broadcast = address,
            LinkAttribute::Controller(index) => link.master = Some(index),
            LinkAttribute::Link(index) => link.peer = Some(index),
            LinkAttribute::LinkNetNsId(number) => link.peer_namespace = Some(number),
            LinkAttribute::IfAlias(alias) => link.alias = Some(alias),
            LinkAttribute::PropList(props) => link.other_names.extend(props.into_iter().filter_map(other_name)),
            LinkAttribute::LinkInfo(infos) => link.kind = infos.into_iter().find_map(kind_of),
            _ => {}
        }
    }
    link
}

fn other_name(prop: Prop) -> Option<String> {
    if let Prop::AltIfName(name) = prop { Some(name) } else { None }
}

fn kind_of(info: LinkInfo) -> Option<String> {
    if let LinkInfo::Kind(kind) = info { Some(kind.to_string()) } else { None }
}

fn address_of(message: AddressMessage) -> Option<InterfaceAddress> {
    let (mut local, mut other, mut broadcast, mut label) = (None, None, None, None);
    let mut flags = u32::from(message.header.flags.bits());
    let (mut valid, mut preferred) = (u32::MAX, u32::MAX);
    for attribute in message.attributes {
        match attribute {
            AddressAttribute::Local(address) => local = Some(address),
            AddressAttribute::Address(address) => other = Some(address),
            AddressAttribute::Broadcast(address) => broadcast = Some(IpAddr::V4(address)),
            AddressAttribute::Label(text) => label = Some(text),
            AddressAttribute::Flags(all) => flags = all.bits(),
            AddressAttribute::CacheInfo(info) => (valid, preferred) = (info.ifa_valid, info.ifa_preferred),
            _ => {}
        }
    }
    // IFA_LOCAL is our address where there is one; IFA_ADDRESS is then the peer's (rtnetlink(7), if_addr.h).
    let address = local.or(other)?;
    Some(InterfaceAddress {
        local: address,
        peer: other.filter(|other| *other != address),
        prefix: message.header.prefix_len,
        broadcast,
        scope: message.header.scope.into(),
        flags,
        label,
        valid,
        preferred,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_kernel_names_the_interfaces_of_the_same_namespace_as_sysfs_does() {
        let links = super::Socket::open().unwrap().interfaces("to see them").unwrap();
        let mut ours: Vec<String> = links.into_iter().map(|link| link.name).collect();
        let mut sysfs: Vec<String> = std::fs::read_dir("/sys/class/net")
            .unwrap()
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
            .filter(|name| std::fs::metadata(format!("/sys/class/net/{name}/ifindex")).is_ok())
            .collect();
        ours.sort();
        sysfs.sort();
        assert_eq!(ours, sysfs);
    }
}
