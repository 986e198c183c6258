//! Networks that `network create` has made: a record a network, `<data>/networks/<id>.json`. As with a container, to
//! create one makes nothing in the kernel: its bridge comes with the first container and goes with the last.

use super::lease::Held;
use super::mark::Marks;
use super::six::{RangeOfSix, SubnetOfSix};
use super::{NetworkError, subnet};
use crate::kernel::netlink::Socket;
use crate::state::{Roots, read_record, write_record};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Read;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

/// The network of every container that names none.
pub const DEFAULT: &str = "bridge";
/// Names that mean no network of ours, or that one.
const RESERVED: [&str; 4] = [DEFAULT, "default", "host", "none"];

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// Version of this shape.
    pub schema: u32,
    /// 64 hex digits.
    pub id: String,
    /// For people.
    pub name: String,
    /// When it was made, seconds since 1970.
    pub created: u64,
    /// Its addresses; `None` for the default network, which takes what is free when its first container comes.
    pub subnet: Option<Subnet>,
    /// The bridge's address, the gateway of its containers.
    pub gateway: Option<Ipv4Addr>,
    /// Whether `--subnet` has said it: only then may a container choose its address.
    pub chosen: bool,
    /// `--internal`: no way out.
    pub internal: bool,
    /// `--label`.
    pub labels: BTreeMap<String, String>,
    /// `--ipv6`: its addresses of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub six: Option<RangeOfSix>,
}

/// A range of addresses: `172.30.7.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Subnet {
    /// Its first address.
    pub ip: Ipv4Addr,
    /// Bits that name it.
    pub prefix: u8,
}

impl Subnet {
    /// The range that an address with this prefix is in.
    pub fn around(ip: Ipv4Addr, prefix: u8) -> Self {
        Self { ip: Ipv4Addr::from(u32::from(ip) & !Self::hosts(prefix)), prefix }
    }

    fn hosts(prefix: u8) -> u32 {
        u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0)
    }

    /// Whether `ip` may be given to somebody: in it, and neither its first address nor its broadcast address.
    pub fn can_give(self, ip: Ipv4Addr) -> bool {
        let host = u32::from(ip) & Self::hosts(self.prefix);
        Self::around(ip, self.prefix) == self && host != 0 && host != Self::hosts(self.prefix)
    }

    pub(super) fn meets(self, other: Self) -> bool {
        let shared = self.prefix.min(other.prefix);
        Self::around(self.ip, shared) == Self::around(other.ip, shared)
    }
}

impl std::fmt::Display for Subnet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> Self {
        subnet.to_string()
    }
}

impl TryFrom<String> for Subnet {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl std::str::FromStr for Subnet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("invalid subnet {text}: an IPv4 network such as 10.9.0.0/24");
        let (ip, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let (ip, prefix) = (ip.parse().map_err(|_| wrong())?, prefix.parse::<u8>().map_err(|_| wrong())?);
        // Fewer than two hosts, or a twentieth of the Internet, is no network for containers.
        if !(8..=30).contains(&prefix) {
            return Err(format!("invalid subnet {text}: from /8 to /30"));
        }
        let subnet = Self::around(ip, prefix);
        if subnet.ip == ip { Ok(subnet) } else { Err(format!("invalid subnet {text}: it should be {subnet}")) }
    }
}

/// What `network create` was asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Its name.
    pub name: String,
    /// `--subnet`.
    pub subnet: Option<Subnet>,
    /// `--gateway`.
    pub gateway: Option<Ipv4Addr>,
    /// `--internal`.
    pub internal: bool,
    /// `--label`.
    pub labels: BTreeMap<String, String>,
    /// `--ipv6`, with its `--subnet` and `--gateway`.
    pub six: Option<(Option<SubnetOfSix>, Option<Ipv6Addr>)>,
}

/// As docker has it for containers and networks alike.
pub(super) fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    text.len() <= 128 && text.bytes().all(inner) && text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
}

impl Definition {
    /// The network that is always there.
    pub(super) fn default_of(roots: &Roots) -> Self {
        let tag = roots.tag();
        Self {
            schema: 1,
            id: tag.repeat(8),
            name: DEFAULT.into(),
            created: 0,
            subnet: None,
            gateway: None,
            chosen: false,
            internal: false,
            labels: BTreeMap::new(),
            six: None,
        }
    }

    /// Whether `network create` has made it.
    pub fn is_own(&self) -> bool {
        self.name != DEFAULT
    }
}

fn folder(roots: &Roots) -> PathBuf {
    roots.data.join("networks")
}

fn path(roots: &Roots, id: &str) -> PathBuf {
    folder(roots).join(format!("{id}.json"))
}

/// All networks: the default one, then the others by name.
///
/// # Errors
/// [`NetworkError::Record`].
pub fn list(roots: &Roots) -> Result<Vec<Definition>, NetworkError> {
    let files = std::fs::read_dir(folder(roots)).into_iter().flatten().filter_map(Result::ok);
    let mut own = files
        .filter(|file| file.path().extension().is_some_and(|extension| extension == "json"))
        .map(|file| read_record::<Definition>(&file.path()))
        .filter(|read| !read.as_ref().is_err_and(crate::state::RecordError::is_missing))
        .collect::<Result<Vec<_>, _>>()?;
    own.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(std::iter::once(Definition::default_of(roots)).chain(own).collect())
}

/// The network of that name, of that ID, or whose ID begins so.
///
/// # Errors
/// [`NetworkError::NoSuchNetwork`].
pub fn find(roots: &Roots, wanted: &str) -> Result<Definition, NetworkError> {
    if wanted == DEFAULT {
        return Ok(Definition::default_of(roots));
    }
    let all = list(roots)?;
    if let Some(exact) = all.iter().find(|one| one.name == wanted || one.id == wanted) {
        return Ok(exact.clone());
    }
    let mut matching = all.into_iter().filter(|one| !wanted.is_empty() && one.id.starts_with(wanted));
    match (matching.next(), matching.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(NetworkError::NoSuchNetwork(wanted.to_owned())),
    }
}

/// Makes a network. Where no subnet is given it takes one that overlaps nothing that this machine knows of.
///
/// # Errors
/// [`NetworkError::Conflict`], [`NetworkError::Overlaps`], [`NetworkError::NoSubnet`]; nothing is left then.
pub fn create(roots: &Roots, request: &Request) -> Result<Definition, NetworkError> {
    if RESERVED.contains(&request.name.as_str()) {
        let text = format!("operation is not permitted on predefined {} network", request.name);
        return Err(NetworkError::Conflict(text));
    }
    if !is_name(&request.name) {
        return Err(NetworkError::Name(request.name.clone()));
    }
    let held = Held::take(roots)?;
    let others = list(roots)?;
    if others.iter().any(|one| one.name == request.name) {
        return Err(NetworkError::Conflict(format!("network with name {} already exists", request.name)));
    }
    let subnet = match request.subnet {
        Some(subnet) => subnet,
        None if request.gateway.is_some() => {
            return Err(NetworkError::Conflict("a gateway needs a --subnet that it is in".into()));
        }
        None => free_subnet(roots, &held, &others)?,
    };
    if request.subnet.is_some() {
        refuse_overlap(subnet, &held, &others)?;
    }
    let gateway = request.gateway.unwrap_or_else(|| Ipv4Addr::from(u32::from(subnet.ip) + 1));
    if !subnet.can_give(gateway) {
        return Err(NetworkError::Conflict(format!("no matching subnet for gateway {gateway}")));
    }
    let id = random_id().map_err(NetworkError::Random)?;
    let six = request.six.map(|(subnet, gateway)| range_of_six(subnet, gateway, &id, &others)).transpose()?;
    let definition = Definition {
        schema: 1,
        id,
        name: request.name.clone(),
        created: std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
        subnet: Some(subnet),
        gateway: Some(gateway),
        chosen: request.subnet.is_some(),
        internal: request.internal,
        labels: request.labels.clone(),
        six,
    };
    let made = |source| crate::state::RecordError::Write { path: folder(roots), source };
    std::fs::create_dir_all(folder(roots)).map_err(made)?;
    write_record(&path(roots, &definition.id), &definition, true)?;
    Ok(definition)
}

/// Removes a network that no container is on.
///
/// # Errors
/// [`NetworkError::InUse`], [`NetworkError::Conflict`] for the default one.
pub fn remove(roots: &Roots, definition: &Definition) -> Result<(), NetworkError> {
    if !definition.is_own() {
        let text = format!("{} is a pre-defined network and cannot be removed", definition.name);
        return Err(NetworkError::Conflict(text));
    }
    let mut held = Held::take(roots)?;
    let users: Vec<String> =
        held.record.on(&definition.name).map(|lease| lease.container.chars().take(12).collect()).collect();
    if !users.is_empty() {
        return Err(NetworkError::InUse { name: definition.name.clone(), users });
    }
    super::remove_shared(roots, &mut held, &definition.name)?;
    let path = path(roots, &definition.id);
    std::fs::remove_file(&path).map_err(|source| crate::state::RecordError::Write { path, source }.into())
}

fn free_subnet(roots: &Roots, held: &Held, others: &[Definition]) -> Result<Subnet, NetworkError> {
    let look = |source| NetworkError::Look { what: "addresses", source };
    let mut socket = Socket::open().map_err(look)?;
    let addresses = socket.addresses("which networks are taken").map_err(look)?;
    let routes = socket.routes("which networks are taken").map_err(look)?;
    // The default network's own first choice is left to it.
    let first = Marks::of(roots).first_candidate() + 1;
    subnet::ordered(first, None)
        .filter(|gateway| subnet::is_free(*gateway, subnet::PREFIX, &addresses, &routes, None))
        .map(|gateway| Subnet::around(gateway, subnet::PREFIX))
        .find(|subnet| refuse_overlap(*subnet, held, others).is_ok())
        .ok_or_else(|| NetworkError::NoSubnet { tried: subnet::candidates().count() })
}

fn refuse_overlap(subnet: Subnet, held: &Held, others: &[Definition]) -> Result<(), NetworkError> {
    let defined = others.iter().filter_map(|one| Some((one.subnet?, one.name.clone())));
    let standing =
        held.record.bridges.iter().map(|(name, one)| (Subnet::around(one.gateway, one.prefix), name.clone()));
    match defined.chain(standing).find(|(other, _)| other.meets(subnet)) {
        Some((_, network)) => Err(NetworkError::Overlaps { subnet: subnet.to_string(), network }),
        None => Ok(()),
    }
}

/// The addresses that were asked for, or drawn ones, where neither another network nor this machine has them.
fn range_of_six(
    subnet: Option<SubnetOfSix>,
    gateway: Option<Ipv6Addr>,
    id: &str,
    others: &[Definition],
) -> Result<RangeOfSix, NetworkError> {
    if subnet.is_none() && gateway.is_some() {
        return Err(NetworkError::Conflict("a gateway needs a --subnet that it is in".into()));
    }
    let range = RangeOfSix::of(subnet.unwrap_or_else(|| SubnetOfSix::drawn(id)), gateway)?;
    let met = others.iter().find(|one| one.six.is_some_and(|other| other.subnet.meets(range.subnet)));
    match met {
        Some(other) => Err(NetworkError::Overlaps { subnet: range.subnet.to_string(), network: other.name.clone() }),
        None => Ok(range),
    }
}

fn random_id() -> std::io::Result<String> {
    let mut bytes = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_is_a_network_and_not_an_address_in_one() {
        let subnet: Subnet = "10.9.0.0/24".parse().unwrap();
        assert!(subnet.can_give("10.9.0.1".parse().unwrap()) && subnet.can_give("10.9.0.254".parse().unwrap()));
        for outside in ["10.9.0.0", "10.9.0.255", "10.9.1.1"] {
            assert!(!subnet.can_give(outside.parse().unwrap()), "{outside}");
        }
        assert_eq!(
            "10.9.0.7/24".parse::<Subnet>().unwrap_err(),
            "invalid subnet 10.9.0.7/24: it should be 10.9.0.0/24"
        );
        for bad in ["", "10.9.0.0", "10.9.0.0/31", "10.0.0.0/7", "10.9.0/24", "fd00::/64"] {
            assert!(bad.parse::<Subnet>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn two_subnets_meet_when_one_is_in_the_other() {
        let of = |text: &str| text.parse::<Subnet>().unwrap();
        assert!(of("10.0.0.0/8").meets(of("10.9.0.0/24")) && of("10.9.0.0/24").meets(of("10.0.0.0/8")));
        assert!(!of("10.9.0.0/24").meets(of("10.9.1.0/24")));
    }
}
