//! Who has which address: `<run>/network.json`, written by rename under the lock `<run>/network.lock`.

use super::NetworkError;
use super::definition::Definition;
use super::range::Subnet;
use super::six::LeaseOfSix;
use crate::kernel::nft::{Forwarded, Protocol};
use crate::state::{Lock, ProcessIdentity, Roots, read_record, write_record};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// What a container has been given on one network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Whose it is: the container's ID.
    pub container: String,
    /// The network's name.
    pub network: String,
    /// Name of the container's end of the cable.
    pub interface: String,
    /// Its address.
    pub ip: Ipv4Addr,
    /// Bits of the address that name the network.
    pub prefix: u8,
    /// The bridge's address, where its default route leads.
    pub gateway: Ipv4Addr,
    /// Its address on the wire: `02:42:` and the IPv4 address, as Docker did it up to 27; or what was asked for.
    pub mac: [u8; 6],
    /// The host's end of the cable; written once everything is made, so that a kill leaves it empty.
    pub host_link: String,
    /// The switch that it is plugged into.
    pub bridge: String,
    /// What it has of IPv6, on a network that was made with `--ipv6`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub six: Option<LeaseOfSix>,
    /// By what the others of its network can call it; empty on the default network, which has no names.
    pub names: Vec<String>,
    /// Ports of this machine that lead to it.
    pub published: Vec<Published>,
    /// Whether packets get any further than that.
    pub outside: Outside,
    /// What the reader should know, a sentence each.
    pub notes: Vec<String>,
    /// The process in whose interest it exists; `None`: until `network down` or `rm`.
    pub holder: Option<ProcessIdentity>,
}

impl Lease {
    /// Whether all that it names was made.
    pub(super) fn is_complete(&self) -> bool {
        !self.host_link.is_empty()
    }

    /// The network's addresses.
    pub fn subnet(&self) -> Subnet {
        Subnet::around(self.ip, self.prefix)
    }
}

/// A port of this machine that leads to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Published {
    /// The container's port.
    pub to: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// At which address of this machine; 0.0.0.0 for all of IPv4, :: for all of IPv6.
    pub at: IpAddr,
    /// This machine's port.
    pub port: u16,
}

impl Published {
    /// Whether somebody who wants this port at this address cannot have it.
    pub(super) fn holds(&self, at: IpAddr, port: u16, protocol: Protocol) -> bool {
        let is_all = self.at.is_unspecified() || at.is_unspecified();
        let same_address = self.at == at || (is_all && self.at.is_ipv4() == at.is_ipv4());
        self.port == port && self.protocol == protocol && same_address
    }

    pub(super) fn forwarded(&self, ip: IpAddr) -> Forwarded {
        Forwarded { protocol: self.protocol, at: self.at, port: self.port, to: (ip, self.to) }
    }

    /// The address and the port of this machine, as one writes them: `0.0.0.0:80`, `[::]:80`.
    pub fn here(&self) -> SocketAddr {
        SocketAddr::new(self.at, self.port)
    }
}

/// Whether a container can reach what its host reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "why")]
pub enum Outside {
    /// As far as we can tell.
    Reachable,
    /// It reaches the bridge and its neighbours, no more; with the reason.
    NoUplink(String),
}

/// The bridge of a network, complete: written only once all that belongs to it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BridgeRecord {
    pub name: String,
    pub alias: String,
    pub gateway: Ipv4Addr,
    pub prefix: u8,
    /// Links on which we switched forwarding on.
    pub forwards: Vec<String>,
    /// Nothing passes to any other network.
    pub internal: bool,
    pub outside: Outside,
}

/// The record of one state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub schema: u32,
    /// The bridges that stand, by the name of their network.
    pub bridges: BTreeMap<String, BridgeRecord>,
    /// The addresses that the default network had last: its first choice next time.
    pub last_gateway: Option<Ipv4Addr>,
    /// All that is given out.
    pub leases: Vec<Lease>,
    /// Who takes back what the last containers have left (`sweep`).
    pub sweeper: Option<super::sweep::Sweeper>,
}

impl Record {
    /// What a container has, in the order of its interfaces.
    pub(super) fn of<'a>(&'a self, container: &'a str) -> impl Iterator<Item = &'a Lease> {
        self.leases.iter().filter(move |lease| lease.container == container)
    }

    /// Who is on a network.
    pub(super) fn on<'a>(&'a self, network: &'a str) -> impl Iterator<Item = &'a Lease> {
        self.leases.iter().filter(move |lease| lease.network == network)
    }
}

/// The record, while nobody else may change it.
#[derive(Debug)]
pub(super) struct Held {
    pub record: Record,
    path: PathBuf,
    _lock: Lock,
}

impl Held {
    /// Waits for the lock and reads the record.
    pub(super) fn take(roots: &Roots) -> Result<Self, NetworkError> {
        let path = roots.run.join("network.lock");
        let lock = Lock::wait(&path).map_err(|source| NetworkError::Lock { path, source })?;
        Ok(Self { record: read(roots)?, path: record_path(roots), _lock: lock })
    }

    /// Writes the record; nothing is left of it when there is nothing to remember.
    pub(super) fn store(&self) -> Result<(), NetworkError> {
        Ok(write_record(&self.path, &self.record, false)?)
    }
}

fn record_path(roots: &Roots) -> PathBuf {
    roots.run.join("network.json")
}

/// The record as it is now, for one who only looks.
pub(super) fn read(roots: &Roots) -> Result<Record, NetworkError> {
    match read_record(&record_path(roots)) {
        Err(error) if error.is_missing() => Ok(Record { schema: 1, ..Record::default() }),
        other => Ok(other?),
    }
}

/// The lowest address of the network, or of the part that was chosen for it, that nobody has. The bridge has one, and the
/// last is the broadcast address.
pub(super) fn lowest_free(part: Option<Subnet>, bridge: &BridgeRecord, record: &Record) -> Option<Ipv4Addr> {
    let subnet = Subnet::around(bridge.gateway, bridge.prefix);
    part.unwrap_or(subnet).addresses().find(|ip| subnet.can_give(*ip) && !is_taken(*ip, bridge, record))
}

/// The address that a container has asked for.
pub(super) fn chosen(
    ip: Ipv4Addr,
    network: &Definition,
    bridge: &BridgeRecord,
    record: &Record,
) -> Result<Ipv4Addr, NetworkError> {
    if !network.chosen {
        let text =
            "user specified IP address is supported only when connecting to networks with user configured subnets";
        return Err(NetworkError::Conflict(text.into()));
    }
    if !Subnet::around(bridge.gateway, bridge.prefix).can_give(ip) {
        return Err(NetworkError::Conflict(format!("no configured subnet or ip-range contain the IP address {ip}")));
    }
    if is_taken(ip, bridge, record) {
        return Err(NetworkError::Conflict(format!("Address already in use: {ip}")));
    }
    Ok(ip)
}

fn is_taken(ip: Ipv4Addr, bridge: &BridgeRecord, record: &Record) -> bool {
    ip == bridge.gateway || record.leases.iter().any(|lease| lease.bridge == bridge.name && lease.ip == ip)
}

/// `02:42:` and the four bytes of the address.
pub(super) fn mac_of(ip: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = ip.octets();
    [0x02, 0x42, a, b, c, d]
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn lease(ip: &str) -> Lease {
        Lease {
            container: "a".into(),
            network: "bridge".into(),
            interface: "eth0".into(),
            ip: ip.parse().unwrap(),
            prefix: 24,
            gateway: "172.30.0.1".parse().unwrap(),
            mac: [0; 6],
            host_link: String::new(),
            bridge: "explore0".into(),
            six: None,
            names: Vec::new(),
            published: Vec::new(),
            outside: Outside::Reachable,
            notes: Vec::new(),
            holder: None,
        }
    }

    fn bridge(gateway: &str, prefix: u8) -> BridgeRecord {
        BridgeRecord {
            name: "explore0".into(),
            alias: String::new(),
            gateway: gateway.parse().unwrap(),
            prefix,
            forwards: Vec::new(),
            internal: false,
            outside: Outside::Reachable,
        }
    }

    #[test]
    fn the_lowest_address_that_is_free_is_given_and_given_again_once_it_is_back() {
        let bridge = bridge("172.30.0.1", 24);
        let mut record = Record::default();
        let next = |record: &Record| lowest_free(None, &bridge, record).unwrap().to_string();
        assert_eq!(next(&record), "172.30.0.2");
        record.leases.push(lease("172.30.0.2"));
        record.leases.push(lease("172.30.0.3"));
        assert_eq!(next(&record), "172.30.0.4");
        record.leases.remove(0);
        assert_eq!(next(&record), "172.30.0.2");
    }

    #[test]
    fn a_full_network_gives_nothing_and_never_its_broadcast_address() {
        let mut record = Record::default();
        record.leases.push(lease("10.0.0.2"));
        assert_eq!(lowest_free(None, &bridge("10.0.0.1", 30), &record), None);
    }

    #[test]
    fn a_part_of_a_network_is_all_that_is_given_without_being_asked_for() {
        let of =
            |part: &str| lowest_free(Some(Subnet::part(part).unwrap()), &bridge("172.30.0.1", 24), &Record::default());
        assert_eq!(of("172.30.0.128/25").unwrap().to_string(), "172.30.0.128");
        assert_eq!(of("172.30.0.0/30").unwrap().to_string(), "172.30.0.2");
        assert_eq!(of("172.30.0.255/32"), None);
    }

    #[test]
    fn a_port_at_all_addresses_leaves_none_of_them_to_others() {
        let at = |ip: &str| Published { to: 80, protocol: Protocol::Tcp, at: ip.parse().unwrap(), port: 8080 };
        let holds = |one: &str, other: &str| at(one).holds(other.parse().unwrap(), 8080, Protocol::Tcp);
        assert!(holds("0.0.0.0", "127.0.0.1") && holds("127.0.0.1", "0.0.0.0") && holds("127.0.0.1", "127.0.0.1"));
        assert!(!holds("127.0.0.1", "127.0.0.2"));
        assert!(!holds("0.0.0.0", "::") && holds("::", "::1") && !holds("::1", "0.0.0.0"));
        assert!(!at("0.0.0.0").holds(Ipv4Addr::UNSPECIFIED.into(), 8080, Protocol::Udp));
    }

    #[test]
    fn the_mac_is_the_one_that_docker_gave() {
        assert_eq!(mac_of("172.17.0.2".parse().unwrap()), [0x02, 0x42, 0xac, 0x11, 0x00, 0x02]);
    }
}
