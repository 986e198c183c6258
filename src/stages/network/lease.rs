//! Who has which address: `<run>/network.json`, written by rename under the lock `<run>/network.lock`.

use super::NetworkError;
use crate::state::{Lock, ProcessIdentity, Roots, read_record, write_record};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// What a container has been given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Its address.
    pub ip: Ipv4Addr,
    /// Bits of the address that name the network.
    pub prefix: u8,
    /// The bridge's address, where its default route leads.
    pub gateway: Ipv4Addr,
    /// Its address on the wire: `02:42:` and the IPv4 address, as Docker did it up to 27.
    pub mac: [u8; 6],
    /// The host's end of the cable; written once everything is made, so that a kill leaves it empty.
    pub host_link: String,
    /// The switch that it is plugged into.
    pub bridge: String,
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

/// The bridge of this state, complete: written only once all that belongs to it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BridgeRecord {
    pub name: String,
    pub alias: String,
    pub gateway: Ipv4Addr,
    pub prefix: u8,
    /// Links on which we switched forwarding on.
    pub forwards: Vec<String>,
    pub outside: Outside,
    pub notes: Vec<String>,
}

/// The record of one state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub schema: u32,
    /// There while the bridge is.
    pub bridge: Option<BridgeRecord>,
    /// The network used last: the first choice next time.
    pub last_gateway: Option<Ipv4Addr>,
    /// By container ID.
    pub leases: BTreeMap<String, Lease>,
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

/// The lowest address of the network that nobody has: .1 is the bridge's, the last is the broadcast address.
pub(super) fn lowest_free(gateway: Ipv4Addr, prefix: u8, record: &Record) -> Option<Ipv4Addr> {
    let hosts = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
    let network = u32::from(gateway) & !hosts;
    (1..hosts)
        .map(|host| Ipv4Addr::from(network | host))
        .find(|ip| *ip != gateway && record.leases.values().all(|lease| lease.ip != *ip))
}

/// `02:42:` and the four bytes of the address.
pub(super) fn mac_of(ip: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = ip.octets();
    [0x02, 0x42, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(ip: &str) -> Lease {
        Lease {
            ip: ip.parse().unwrap(),
            prefix: 24,
            gateway: "172.30.0.1".parse().unwrap(),
            mac: [0; 6],
            host_link: String::new(),
            bridge: String::new(),
            outside: Outside::Reachable,
            notes: Vec::new(),
            holder: None,
        }
    }

    #[test]
    fn the_lowest_address_that_is_free_is_given_and_given_again_once_it_is_back() {
        let gateway = "172.30.0.1".parse().unwrap();
        let mut record = Record::default();
        let next = |record: &Record| lowest_free(gateway, 24, record).unwrap().to_string();
        assert_eq!(next(&record), "172.30.0.2");
        record.leases.insert("a".into(), lease("172.30.0.2"));
        record.leases.insert("b".into(), lease("172.30.0.3"));
        assert_eq!(next(&record), "172.30.0.4");
        record.leases.remove("a");
        assert_eq!(next(&record), "172.30.0.2");
    }

    #[test]
    fn a_full_network_gives_nothing_and_never_its_broadcast_address() {
        let gateway = "10.0.0.1".parse().unwrap();
        let mut record = Record::default();
        record.leases.insert("a".into(), lease("10.0.0.2"));
        assert_eq!(lowest_free(gateway, 30, &record), None);
    }

    #[test]
    fn the_mac_is_the_one_that_docker_gave() {
        assert_eq!(mac_of("172.17.0.2".parse().unwrap()), [0x02, 0x42, 0xac, 0x11, 0x00, 0x02]);
    }
}
