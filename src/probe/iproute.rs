//! Interfaces in the words of iproute2, so that what we show is what `ip a` would print. The order of flags and fields
//! is that of its `ip/ipaddress.c`.

use crate::kernel::netlink::{Interface, InterfaceAddress};
use std::fmt::Write;
use std::net::IpAddr;

const IFF_UP: u32 = 1;
const IFF_POINTOPOINT: u32 = 1 << 4;
const IFF_RUNNING: u32 = 1 << 6;
/// Names of IFF_* bits in the order in which they are printed. IFF_RUNNING is shown only by its absence.
const FLAGS: [(u32, &str); 18] = [
    (1 << 3, "LOOPBACK"),
    (1 << 1, "BROADCAST"),
    (IFF_POINTOPOINT, "POINTOPOINT"),
    (1 << 12, "MULTICAST"),
    (1 << 7, "NOARP"),
    (1 << 9, "ALLMULTI"),
    (1 << 8, "PROMISC"),
    (1 << 10, "MASTER"),
    (1 << 11, "SLAVE"),
    (1 << 2, "DEBUG"),
    (1 << 15, "DYNAMIC"),
    (1 << 14, "AUTOMEDIA"),
    (1 << 13, "PORTSEL"),
    (1 << 5, "NOTRAILERS"),
    (IFF_UP, "UP"),
    (1 << 16, "LOWER_UP"),
    (1 << 17, "DORMANT"),
    (1 << 18, "ECHO"),
];
/// Names of IFA_F_* bits, in order; 0x80 (permanent) is shown as `dynamic` where it is missing.
const ADDRESS_FLAGS: [(u32, &str); 9] = [
    (0x02, "nodad"),
    (0x04, "optimistic"),
    (0x08, "dadfailed"),
    (0x10, "home"),
    (0x20, "deprecated"),
    (0x40, "tentative"),
    (0x100, "mngtmpaddr"),
    (0x200, "noprefixroute"),
    (0x400, "autojoin"),
];
const SECONDARY: u32 = 0x01;
const PERMANENT: u32 = 0x80;

/// What `ip a` prints for one interface, a line each. `all` are the interfaces of the same namespace: by them an index
/// becomes a name.
pub fn address_lines(link: &Interface, all: &[Interface]) -> Vec<String> {
    let mut lines = link_lines(link, all, false);
    for address in &link.addresses {
        lines.push(address_line(address));
        lines.push(format!("       valid_lft {} preferred_lft {}", life(address.valid), life(address.preferred)));
    }
    lines
}

/// What `ip link` prints for one interface (with its mode and alias), and the first lines of `ip a` (without).
pub fn link_lines(link: &Interface, all: &[Interface], mode: bool) -> Vec<String> {
    let mut head = format!("{}: {}: <{}> mtu {}", link.index, full_name(link, all), flags(link, all), link.mtu);
    if !link.qdisc.is_empty() {
        let _ = write!(head, " qdisc {}", link.qdisc);
    }
    if let Some(master) = link.master {
        let _ = write!(head, " master {}", name_of(master, all).unwrap_or_else(|| format!("if{master}")));
    }
    let _ = write!(head, " state {}", link.state.to_uppercase());
    if mode {
        head += " mode DEFAULT";
    }
    let group = if link.group == 0 { "default".to_owned() } else { link.group.to_string() };
    let _ = write!(head, " group {group}");
    if link.queue > 0 {
        let _ = write!(head, " qlen {}", link.queue);
    }
    let mut lines = vec![head, hardware_line(link)];
    lines.extend(link.alias.iter().filter(|_| mode).map(|alias| format!("    alias {alias}")));
    lines.extend(link.other_names.iter().map(|name| format!("    altname {name}")));
    lines
}

/// The name with the other end behind an `@`: by name where it is in the same namespace, else by index there.
pub fn full_name(link: &Interface, all: &[Interface]) -> String {
    match (link.peer, link.peer_namespace) {
        (None, _) => link.name.clone(),
        (Some(0), _) => format!("{}@NONE", link.name),
        (Some(peer), None) => {
            format!("{}@{}", link.name, name_of(peer, all).unwrap_or_else(|| format!("if{peer}")))
        }
        (Some(peer), Some(_)) => format!("{}@if{peer}", link.name),
    }
}

/// The IFF_* flags between the angle brackets.
pub fn flags(link: &Interface, all: &[Interface]) -> String {
    let mut shown = Vec::new();
    if link.flags & IFF_UP != 0 && link.flags & IFF_RUNNING == 0 {
        shown.push("NO-CARRIER".to_owned());
    }
    shown.extend(FLAGS.iter().filter(|(bit, _)| link.flags & bit != 0).map(|(_, name)| (*name).to_owned()));
    let lower = link.peer.filter(|_| link.peer_namespace.is_none());
    let below = lower.and_then(|index| all.iter().find(|other| other.index == index));
    if below.is_some_and(|other| other.flags & IFF_UP == 0) {
        shown.push("M-DOWN".to_owned());
    }
    shown.join(",")
}

fn name_of(index: u32, all: &[Interface]) -> Option<String> {
    all.iter().find(|link| link.index == index).map(|link| link.name.clone())
}

fn hardware_line(link: &Interface) -> String {
    let mut text = format!("    link/{}", layer(link.layer));
    if !link.address.is_empty() {
        let _ = write!(text, " {}", hardware(&link.address, link.layer));
    }
    if !link.broadcast.is_empty() {
        let word = if link.flags & IFF_POINTOPOINT == 0 { "brd" } else { "peer" };
        let _ = write!(text, " {word} {}", hardware(&link.broadcast, link.layer));
    }
    if let Some(number) = link.peer_namespace {
        let _ = write!(text, " link-netnsid {number}");
    }
    text
}

/// A hardware address as iproute2 shows it: of tunnels it is an IP address.
pub fn hardware(bytes: &[u8], layer: u16) -> String {
    const TUNNELS: [u16; 3] = [768, 776, 778];
    match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(four), _) if TUNNELS.contains(&layer) => IpAddr::from(four).to_string(),
        (_, Ok(sixteen)) => IpAddr::from(sixteen).to_string(),
        _ => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"),
    }
}

/// The name of an ARPHRD_* number, as iproute2 has it in `lib/ll_types.c`.
fn layer(number: u16) -> String {
    match number {
        1 => "ether",
        280 => "can",
        512 => "ppp",
        768 => "ipip",
        769 => "tunnel6",
        772 => "loopback",
        776 => "sit",
        778 => "gre",
        801 => "ieee802.11",
        65534 => "none",
        65535 => "void",
        other => return format!("[{other}]"),
    }
    .to_owned()
}

/// An address in the brief form: `10.0.0.2/24`.
pub fn brief_address(address: &InterfaceAddress) -> String {
    let peer = address.peer.map_or_else(String::new, |peer| format!(" peer {peer}"));
    format!("{}{peer}/{}", address.local, address.prefix)
}

/// `inet 10.0.0.2/24 brd 10.0.0.255 scope global eth0`.
fn address_line(address: &InterfaceAddress) -> String {
    let family = if address.local.is_ipv6() { "inet6" } else { "inet" };
    let mut line = format!("    {family} {}", address.local);
    if let Some(peer) = address.peer {
        let _ = write!(line, " peer {peer}");
    }
    let _ = write!(line, "/{}", address.prefix);
    if let Some(broadcast) = address.broadcast {
        let _ = write!(line, " brd {broadcast}");
    }
    let _ = write!(line, " scope {} ", scope(address.scope));
    for word in address_flags(address) {
        line += word;
        line.push(' ');
    }
    line + address.label.as_deref().unwrap_or("")
}

fn address_flags(address: &InterfaceAddress) -> Vec<&'static str> {
    let mut words = Vec::new();
    if address.flags & SECONDARY != 0 {
        words.push(if address.local.is_ipv6() { "temporary" } else { "secondary" });
    }
    words.extend(ADDRESS_FLAGS.iter().filter(|(bit, _)| address.flags & bit != 0).map(|(_, word)| *word));
    if address.flags & PERMANENT == 0 {
        words.push("dynamic");
    }
    words
}

/// The name of an RT_SCOPE_* number.
pub fn scope(number: u8) -> String {
    match number {
        0 => "global".into(),
        200 => "site".into(),
        253 => "link".into(),
        254 => "host".into(),
        255 => "nowhere".into(),
        other => other.to_string(),
    }
}

fn life(seconds: u32) -> String {
    if seconds == u32::MAX { "forever".into() } else { format!("{seconds}sec") }
}
