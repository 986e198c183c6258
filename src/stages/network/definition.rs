//! Networks that `network create` has made: a record a network, `<data>/networks/<id>.json`. As with a container, to
//! create one makes nothing in the kernel: its bridge comes with the first container and goes with the last.

use super::lease::Held;
use super::mark::Marks;
use super::range::{Family, Range, Subnet, SubnetOfSix};
use super::six::RangeOfSix;
use super::{NetworkError, six, subnet};
use crate::kernel::netlink::Socket;
use crate::state::{Roots, read_record, write_record};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

/// The network of every container that names none.
pub const DEFAULT: &str = "bridge";
/// Names that mean no network of ours: that of this machine, and none.
const ELSEWHERE: [&str; 2] = ["host", "none"];
/// Names that nobody can give.
const RESERVED: [&str; 4] = [DEFAULT, "default", ELSEWHERE[0], ELSEWHERE[1]];

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
    /// `--ip-range`: from where its containers get theirs, if not from all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Subnet>,
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

/// What `network create` was asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Its name.
    pub name: String,
    /// `--subnet`.
    pub subnet: Option<Subnet>,
    /// `--gateway`.
    pub gateway: Option<Ipv4Addr>,
    /// `--ip-range`.
    pub range: Option<Subnet>,
    /// `--internal`.
    pub internal: bool,
    /// `--label`.
    pub labels: BTreeMap<String, String>,
    /// `--ipv6`.
    pub six: Option<RequestOfSix>,
}

/// What it was asked for of IPv6.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestOfSix {
    /// `--subnet`.
    pub subnet: Option<SubnetOfSix>,
    /// `--gateway`.
    pub gateway: Option<Ipv6Addr>,
    /// `--ip-range`.
    pub range: Option<SubnetOfSix>,
}

/// As docker has it for containers and networks alike.
pub(super) fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    text.len() <= 128 && text.bytes().all(inner) && text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
}

impl Definition {
    /// The network that is always there.
    pub(super) fn default_of(roots: &Roots) -> Self {
        Self::predefined(DEFAULT, roots.tag().repeat(8))
    }

    fn predefined(name: &str, id: String) -> Self {
        Self {
            schema: 1,
            id,
            name: name.into(),
            created: 0,
            subnet: None,
            gateway: None,
            range: None,
            chosen: false,
            internal: false,
            labels: BTreeMap::new(),
            six: None,
        }
    }

    /// Whether `network create` has made it.
    pub fn is_own(&self) -> bool {
        !RESERVED.contains(&self.name.as_str())
    }

    /// What docker calls whoever connects its containers; where nobody needs to, `host` or `null`.
    pub fn driver(&self) -> &'static str {
        match self.name.as_str() {
            "host" => "host",
            "none" => "null",
            _ => "bridge",
        }
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

/// As [`list`], with what docker lists too: the network of this machine, and that of a container without any.
///
/// # Errors
/// [`NetworkError::Record`].
pub fn list_all(roots: &Roots) -> Result<Vec<Definition>, NetworkError> {
    let digits = |name: &str| Sha256::digest(format!("{} {name}", roots.tag()));
    let id = |name: &str| digits(name).iter().map(|byte| format!("{byte:02x}")).collect();
    let elsewhere = ELSEWHERE.map(|name| Definition::predefined(name, id(name)));
    Ok(list(roots)?.into_iter().chain(elsewhere).collect())
}

/// The network of that name, of that ID, or whose ID begins so.
///
/// # Errors
/// [`NetworkError::NoSuchNetwork`].
pub fn find(roots: &Roots, wanted: &str) -> Result<Definition, NetworkError> {
    if wanted == DEFAULT {
        return Ok(Definition::default_of(roots));
    }
    choose(list(roots)?, wanted)
}

/// As [`find`], for one who only looks: among all that [`list_all`] has.
///
/// # Errors
/// [`NetworkError::NoSuchNetwork`].
pub fn look_up(roots: &Roots, wanted: &str) -> Result<Definition, NetworkError> {
    choose(list_all(roots)?, wanted)
}

fn choose(all: Vec<Definition>, wanted: &str) -> Result<Definition, NetworkError> {
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
        None if request.gateway.is_some() || request.range.is_some() => return Err(without_subnet()),
        None => free_subnet(roots, &held, &others)?,
    };
    if request.subnet.is_some() {
        refuse_overlap(subnet, &held, &others)?;
    }
    let gateway = gateway_in(subnet, request.range, request.gateway)?;
    let id = random_id().map_err(NetworkError::Random)?;
    let six = request.six.map(|six| range_of_six(six, &id, &others)).transpose()?;
    let definition = Definition {
        schema: 1,
        id,
        name: request.name.clone(),
        created: std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
        subnet: Some(subnet),
        gateway: Some(gateway),
        range: request.range,
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

fn without_subnet() -> NetworkError {
    NetworkError::Conflict("every ip-range or gateway must have a corresponding subnet".into())
}

/// The bridge's address: the one that was asked for, or the first that may be given of what the containers get theirs from,
/// as docker has it.
fn gateway_in<A: Family>(subnet: Range<A>, part: Option<Range<A>>, wanted: Option<A>) -> Result<A, NetworkError> {
    if let Some(part) = part.filter(|part| !subnet.contains(*part)) {
        return Err(NetworkError::Conflict(format!("no matching subnet for range {part}")));
    }
    let none = |what: String| NetworkError::Conflict(format!("no matching subnet for {what}"));
    match wanted {
        Some(ip) if !subnet.can_give(ip) => Err(none(format!("gateway {ip}"))),
        Some(ip) => Ok(ip),
        None => {
            let part = part.unwrap_or(subnet);
            part.addresses().find(|ip| subnet.can_give(*ip)).ok_or_else(|| none(format!("range {part}")))
        }
    }
}

/// The addresses that were asked for, or drawn ones, where neither another network nor this machine has them.
fn range_of_six(asked: RequestOfSix, id: &str, others: &[Definition]) -> Result<RangeOfSix, NetworkError> {
    if asked.subnet.is_none() && (asked.gateway.is_some() || asked.range.is_some()) {
        return Err(without_subnet());
    }
    let subnet = asked.subnet.unwrap_or_else(|| six::drawn(id));
    let gateway = gateway_in(subnet, asked.range, asked.gateway)?;
    let range = RangeOfSix { subnet, gateway, range: asked.range };
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
