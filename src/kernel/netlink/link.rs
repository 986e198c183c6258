//! Links: what `ip link` shows and changes. A bridge is a switch, a veth pair a cable with two ends.

use super::Socket;
use crate::kernel::Result;
use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoPortKind,
    InfoVeth, InfoVxlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, State,
};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use std::os::fd::{AsRawFd, BorrowedFd};

/// The UDP port that IANA has given to VXLAN.
const VXLAN_PORT: u16 = 4789;

/// One interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its number in this namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// `bridge`, `veth`, …; `None` for hardware and loopback.
    pub kind: Option<String>,
    /// Ethernet address, 6 bytes; empty where there is none.
    pub mac: Vec<u8>,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// The IFF_* bits, netdevice(7).
    pub flags: u32,
    /// Whether somebody has set it up (IFF_UP).
    pub up: bool,
    /// Whether it is the loopback.
    pub loopback: bool,
    /// Operational state as `ip link` prints it: UP, DOWN, UNKNOWN, LOWERLAYERDOWN, …
    pub state: String,
    /// Our mark, or somebody else's (IFLA_IFALIAS).
    pub alias: Option<String>,
    /// The bridge (or bond) that it is a port of.
    pub master: Option<u32>,
    /// For a veth the number of its other end, the N of `eth0@ifN`.
    pub peer: Option<u32>,
    /// The other end is in another namespace, in which `peer` is counted.
    pub peer_is_elsewhere: bool,
    /// Queueing discipline.
    pub qdisc: Option<String>,
    /// Packets that its queue holds.
    pub queue_length: u32,
}

/// A switch to be made.
#[derive(Debug, Clone, Copy)]
pub struct Bridge<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its own address on the wire; the kernel would take that of the first port.
    pub mac: [u8; 6],
}

/// One end of a cable to be made.
#[derive(Debug, Clone, Copy)]
pub struct VethEnd<'a> {
    /// Its name, in the namespace where it will be.
    pub name: &'a str,
    /// Its address on the wire.
    pub mac: [u8; 6],
    /// The namespace it is born in; ours where there is none.
    pub netns: Option<BorrowedFd<'a>>,
    /// The bridge that it is plugged into.
    pub master: Option<u32>,
}

/// Which link is meant.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// The one with this number.
    Index(u32),
    /// The one with this name.
    Name(&'a str),
}

/// What one RTM_SETLINK changes; the default changes nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change<'a> {
    /// Marks it (IFLA_IFALIAS, 256 bytes at most).
    pub alias: Option<&'a str>,
    /// Sets it up.
    pub up: bool,
    /// Asks for no IPv6 address of the link itself; it has one by default as soon as it is up.
    pub no_ipv6_address: bool,
    /// Gives it another name; it must be meant by its number then.
    pub name: Option<&'a str>,
    /// Gives it another address on the wire.
    pub mac: Option<[u8; 6]>,
    /// Plugs it into a bridge.
    pub master: Option<u32>,
}

impl Socket {
    /// All links of the namespace.
    ///
    /// # Errors
    /// The request that failed.
    pub fn links(&mut self, why: &str) -> Result<Vec<Link>> {
        let found = self.list(&RouteNetlinkMessage::GetLink(LinkMessage::default()), "", why)?;
        Ok(found.into_iter().filter_map(link_of).collect())
    }

    /// The link with this name; `None` where there is none.
    ///
    /// # Errors
    /// The request that failed for any other reason.
    pub fn link_named(&mut self, name: &str, why: &str) -> Result<Option<Link>> {
        let message = message(0, vec![LinkAttribute::IfName(name.to_owned())]);
        match self.ask(NLM_F_ACK, RouteNetlinkMessage::GetLink(message), &format!("ifname={name:?}"), why) {
            Err(error) if error.errno() == Errno::ENODEV => Ok(None),
            found => Ok(found?.into_iter().find_map(link_of)),
        }
    }

    /// Makes a bridge, down and unmarked.
    ///
    /// # Errors
    /// EEXIST: the name is taken. EOPNOTSUPP: the kernel has no bridges.
    pub fn create_bridge(&mut self, bridge: Bridge<'_>, why: &str) -> Result<()> {
        let message = message(
            0,
            vec![
                LinkAttribute::IfName(bridge.name.to_owned()),
                LinkAttribute::Address(bridge.mac.to_vec()),
                LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]),
            ],
        );
        let shown = format!("ifname={:?}, kind=\"bridge\", address={}", bridge.name, mac_text(&bridge.mac));
        self.change(NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewLink(message), &shown, why)
    }

    /// Makes the end of a tunnel that carries frames in UDP packets (VXLAN, RFC 7348), down and with nobody at the
    /// other end yet.
    ///
    /// # Errors
    /// EEXIST: the name is taken. EOPNOTSUPP: the kernel has no VXLAN.
    pub fn create_vxlan(&mut self, name: &str, id: u32, why: &str) -> Result<()> {
        let data = InfoData::Vxlan(vec![InfoVxlan::Id(id), InfoVxlan::Port(VXLAN_PORT)]);
        let info = LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Vxlan), LinkInfo::Data(data)]);
        let message = message(0, vec![LinkAttribute::IfName(name.to_owned()), info]);
        let shown = format!("ifname={name:?}, kind=\"vxlan\", id={id}, port={VXLAN_PORT}");
        self.change(NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewLink(message), &shown, why)
    }

    /// Makes a cable; each end is born in its own namespace with its own name, so that none has to be moved or
    /// renamed. Both ends are down.
    ///
    /// # Errors
    /// EEXIST: one of the names is taken. EOPNOTSUPP: the kernel has no veth.
    pub fn create_veth(&mut self, here: VethEnd<'_>, there: VethEnd<'_>, why: &str) -> Result<()> {
        let mut ends = message(0, veth_end(&here));
        let peer = InfoData::Veth(InfoVeth::Peer(message(0, veth_end(&there))));
        ends.attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Veth), LinkInfo::Data(peer)]));
        let shown = format!("{}, kind=\"veth\", peer={{{}}}", veth_text(&here), veth_text(&there));
        self.change(NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewLink(ends), &shown, why)
    }

    /// Changes a link.
    ///
    /// # Errors
    /// ENODEV: there is none with this number.
    pub fn set_link(&mut self, which: Which<'_>, change: Change<'_>, why: &str) -> Result<()> {
        let (mut message, mut shown) = match which {
            Which::Index(index) => (message(index, Vec::new()), vec![format!("ifi_index={index}")]),
            Which::Name(name) => {
                (message(0, vec![LinkAttribute::IfName(name.to_owned())]), vec![format!("ifname={name:?}")])
            }
        };
        if change.up {
            message.header.flags = LinkFlags::Up;
            message.header.change_mask = LinkFlags::Up;
            shown.push("ifi_flags=IFF_UP".into());
        }
        if let Some(alias) = change.alias {
            message.attributes.push(LinkAttribute::IfAlias(alias.to_owned()));
            shown.push(format!("ifalias={alias:?}"));
        }
        if let Some(name) = change.name {
            message.attributes.push(LinkAttribute::IfName(name.to_owned()));
            shown.push(format!("ifname={name:?}"));
        }
        if let Some(mac) = change.mac {
            message.attributes.push(LinkAttribute::Address(mac.to_vec()));
            shown.push(format!("address={}", mac_text(&mac)));
        }
        if let Some(master) = change.master {
            message.attributes.push(LinkAttribute::Controller(master));
            shown.push(format!("master={master}"));
        }
        // Where the kernel was built, or booted, without IPv6 it refuses the whole message: better than an address that
        // was not to be there, where we cannot tell.
        if change.no_ipv6_address && std::fs::exists("/proc/sys/net/ipv6").unwrap_or(true) {
            let none = AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(In6AddrGenMode::None)]);
            message.attributes.push(LinkAttribute::AfSpecUnspec(vec![none]));
            shown.push("addr_gen_mode=IN6_ADDR_GEN_MODE_NONE".into());
        }
        self.change(0, RouteNetlinkMessage::SetLink(message), &shown.join(", "), why)
    }

    /// Lets a bridge send out by this port what came in by it (`hairpin on`).
    ///
    /// # Errors
    /// ENODEV: there is no such link. EOPNOTSUPP: it is no port of a bridge.
    pub fn set_hairpin(&mut self, name: &str, why: &str) -> Result<()> {
        let port = InfoPortData::BridgePort(vec![InfoBridgePort::HairpinMode(true)]);
        let info = vec![LinkInfo::PortKind(InfoPortKind::Bridge), LinkInfo::PortData(port)];
        let message = message(0, vec![LinkAttribute::IfName(name.to_owned()), LinkAttribute::LinkInfo(info)]);
        let shown = format!("ifname={name:?}, port_kind=\"bridge\", hairpin_mode=1");
        self.change(0, RouteNetlinkMessage::NewLink(message), &shown, why)
    }

    /// Sets the loopback up; it is down in a new namespace, and even 127.0.0.1 is unreachable.
    ///
    /// # Errors
    /// The request that failed.
    pub fn loopback_up(&mut self, why: &str) -> Result<()> {
        // Number 1 in every network namespace: it is the first link that the kernel makes there (net/core/dev.c).
        self.set_link(Which::Index(1), Change { up: true, ..Change::default() }, why)
    }

    /// Removes a link and waits for its memory too.
    pub(super) fn delete(&mut self, index: u32, why: &str) -> Result<()> {
        let message = message(index, Vec::new());
        self.change(0, RouteNetlinkMessage::DelLink(message), &format!("ifi_index={index}"), why)
    }
}

fn message(index: u32, attributes: Vec<LinkAttribute>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes = attributes;
    message
}

fn veth_end(end: &VethEnd<'_>) -> Vec<LinkAttribute> {
    let mut attributes = vec![LinkAttribute::IfName(end.name.to_owned()), LinkAttribute::Address(end.mac.to_vec())];
    attributes.extend(end.netns.map(|netns| LinkAttribute::NetNsFd(netns.as_raw_fd())));
    attributes.extend(end.master.map(LinkAttribute::Controller));
    attributes
}

fn veth_text(end: &VethEnd<'_>) -> String {
    let mut text = format!("ifname={:?}, address={}", end.name, mac_text(&end.mac));
    if let Some(netns) = end.netns {
        text = format!("{text}, net_ns_fd={}", netns.as_raw_fd());
    }
    if let Some(master) = end.master {
        text = format!("{text}, master={master}");
    }
    text
}

/// `02:42:ac:11:00:02`.
fn mac_text(mac: &[u8]) -> String {
    mac.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

fn link_of(message: RouteNetlinkMessage) -> Option<Link> {
    let RouteNetlinkMessage::NewLink(message) = message else { return None };
    let flags = message.header.flags;
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        kind: None,
        mac: Vec::new(),
        mtu: 0,
        flags: flags.bits(),
        up: flags.contains(LinkFlags::Up),
        loopback: flags.contains(LinkFlags::Loopback),
        state: "UNKNOWN".into(),
        alias: None,
        master: None,
        peer: None,
        peer_is_elsewhere: false,
        qdisc: None,
        queue_length: 0,
    };
    for attribute in message.attributes {
        fill(&mut link, attribute);
    }
    Some(link)
}

fn fill(link: &mut Link, attribute: LinkAttribute) {
    match attribute {
        LinkAttribute::IfName(name) => link.name = name,
        LinkAttribute::Address(mac) => link.mac = mac,
        LinkAttribute::Mtu(mtu) => link.mtu = mtu,
        LinkAttribute::IfAlias(alias) => link.alias = Some(alias),
        LinkAttribute::Controller(master) => link.master = Some(master),
        LinkAttribute::Link(peer) => link.peer = Some(peer),
        LinkAttribute::LinkNetNsId(_) => link.peer_is_elsewhere = true,
        LinkAttribute::Qdisc(qdisc) => link.qdisc = Some(qdisc),
        LinkAttribute::TxQueueLen(length) => link.queue_length = length,
        LinkAttribute::OperState(state) => link.state = state_text(state),
        LinkAttribute::LinkInfo(info) => {
            link.kind = info.into_iter().find_map(|one| match one {
                LinkInfo::Kind(kind) => Some(kind.to_string()),
                _ => None,
            });
        }
        _ => {}
    }
}

fn state_text(state: State) -> String {
    match state {
        State::Up => "UP",
        State::Down => "DOWN",
        State::NotPresent => "NOTPRESENT",
        State::LowerLayerDown => "LOWERLAYERDOWN",
        State::Testing => "TESTING",
        State::Dormant => "DORMANT",
        _ => "UNKNOWN",
    }
    .into()
}
