//! `explore network create`, `ls`, `rm`, `inspect`, `connect`, `disconnect`, `prune`.

use super::super::format::{self, Format};
use super::super::prune::agreed;
use super::super::ps::Filter as Chosen;
use super::super::several::each;
use super::super::{Context, columns, explained};
use crate::exit::Exit;
use crate::image::time;
use crate::stages::connection;
use crate::stages::create::{self, Container};
use crate::stages::network::{self, Also, Definition, Lease, NetworkError, Request, RequestOfSix, Subnet, SubnetOfSix};
use crate::state::Roots;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

/// Make a network: a bridge of its own, on which containers find each other by name
#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// Its addresses, such as 10.9.0.0/24, or with --ipv6 fd00:9::/64; ones that nobody uses without
    #[arg(long)]
    subnet: Vec<String>,
    /// The bridge's address, which its containers have as gateway
    #[arg(long, value_name = "ADDRESS")]
    gateway: Vec<IpAddr>,
    /// The part of a --subnet from which its containers get theirs
    #[arg(long, value_name = "RANGE")]
    ip_range: Vec<String>,
    /// Addresses of IPv6 as well
    #[arg(long)]
    ipv6: bool,
    /// No way out, and none in
    #[arg(long)]
    internal: bool,
    /// Something to know it by: NAME=VALUE
    #[arg(long, value_name = "LABEL", value_parser = super::super::container::labelled)]
    label: Vec<String>,
    /// `bridge`: there is no other
    #[arg(short, long, default_value = "bridge", value_parser = ["bridge"])]
    driver: String,
    /// Its name
    name: String,
}

pub(super) fn create(args: Create, context: &mut Context) -> anyhow::Result<Exit> {
    let request = request(args).map_err(|text| explained(NetworkError::Conflict(text)))?;
    let roots = context.container_roots()?;
    let made = network::create(&roots, &request).map_err(explained)?;
    if context.screen.json {
        context.screen.data(&made)?;
    } else {
        context.screen.line(&made.id)?;
    }
    Ok(Exit::Ok)
}

/// A range of each family at most, as the flags say it in any order.
fn request(args: Create) -> Result<Request, String> {
    let (subnet, subnet_of_six) = by_family(&args.subnet)?;
    let (range, range_of_six) = by_family(&args.ip_range)?;
    let gateways: Vec<String> = args.gateway.iter().map(ToString::to_string).collect();
    let (gateway, gateway_of_six) = by_family(&gateways)?;
    if !args.ipv6 && subnet_of_six.or(range_of_six).or(gateway_of_six).is_some() {
        return Err("addresses of IPv6 are for a network with --ipv6".into());
    }
    let six = RequestOfSix {
        subnet: subnet_of_six.map(str::parse).transpose()?,
        gateway: gateway_of_six.and_then(|ip| ip.parse().ok()),
        range: range_of_six.map(SubnetOfSix::part).transpose()?,
    };
    let labels = args.label.iter().map(|label| label.split_once('=').unwrap_or((label, "")));
    Ok(Request {
        name: args.name,
        subnet: subnet.map(str::parse).transpose()?,
        gateway: gateway.and_then(|ip| ip.parse().ok()),
        range: range.map(Subnet::part).transpose()?,
        internal: args.internal,
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        six: args.ipv6.then_some(six),
    })
}

/// The one of IPv4, and the one of IPv6.
fn by_family(typed: &[String]) -> Result<(Option<&str>, Option<&str>), String> {
    let is_six = |text: &&str| text.split('/').next().is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok());
    let (six, four): (Vec<&str>, Vec<&str>) = typed.iter().map(String::as_str).partition(is_six);
    if six.len() > 1 || four.len() > 1 {
        return Err("a network has one range of IPv4 and one of IPv6 here, and one gateway in each".into());
    }
    Ok((four.first().copied(), six.first().copied()))
}

const COLUMNS: [(&str, &str); 4] = [("NETWORK ID", "ID"), ("NAME", "Name"), ("DRIVER", "Driver"), ("SCOPE", "Scope")];

/// What must hold of a network.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    name: String,
    value: String,
}

impl Filter {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("bad format of filter (expected name=value)")?;
        let is_known = match name {
            "name" | "id" | "label" | "driver" | "scope" => true,
            "type" => ["custom", "builtin"].contains(&value),
            "dangling" => ["true", "1", "false", "0"].contains(&value),
            _ => false,
        };
        let wrong =
            || format!("invalid filter '{text}'; there are name, id, label, driver, scope, type=custom, dangling=true");
        if is_known { Ok(Self { name: name.into(), value: value.into() }) } else { Err(wrong()) }
    }

    /// `used` are the networks that somebody is on.
    fn holds(&self, one: &Definition, used: &BTreeSet<String>) -> bool {
        match self.name.as_str() {
            "name" => one.name.contains(&self.value),
            "id" => one.id.starts_with(&self.value),
            "driver" => self.value == one.driver(),
            "scope" => self.value == "local",
            "type" => one.is_own() == (self.value == "custom"),
            // Those that are always there are never left over.
            "dangling" => {
                let wanted = ["true", "1"].contains(&self.value.as_str());
                (one.is_own() && !used.contains(&one.name)) == wanted
            }
            _ => match self.value.split_once('=') {
                Some((name, value)) => one.labels.get(name).is_some_and(|found| found == value),
                None => one.labels.contains_key(&self.value),
            },
        }
    }
}

/// Of several filters of one name one is enough; but for labels, which must all be there.
fn is_wanted(one: &Definition, filters: &[Filter], used: &BTreeSet<String>) -> bool {
    filters.iter().all(|filter| {
        let mut same = filters.iter().filter(|other| other.name == filter.name);
        if filter.name == "label" { filter.holds(one, used) } else { same.any(|other| other.holds(one, used)) }
    })
}

pub(super) fn ls(
    quiet: bool,
    no_trunc: bool,
    filters: &[Filter],
    format: Option<&str>,
    context: &mut Context,
) -> anyhow::Result<Exit> {
    let format = Format::with_raw(format, format::RAW_NETWORK).map_err(explained)?;
    let roots = context.container_roots_to_look()?;
    let mut all = network::list_all(&roots).map_err(explained)?;
    let used = network::leases(&roots).map_err(explained)?.into_iter().map(|lease| lease.network).collect();
    all.retain(|one| is_wanted(one, filters, &used));
    all.sort_by(|one, other| columns::by_name(&one.name, &other.name));
    if context.screen.json {
        context.screen.data(&all)?;
        return Ok(Exit::Ok);
    }
    let rows: Vec<Value> = all.iter().map(|one| fields(one, no_trunc)).collect();
    if quiet && matches!(format, Format::Usual | Format::Json) {
        format::cells(&rows, [("", "ID")]).iter().try_for_each(|[id]| context.screen.line(id))?;
    } else if !format.print(&rows, &COLUMNS, context)? {
        context.screen.table(COLUMNS.map(|(heading, _)| heading), &format::cells(&rows, COLUMNS))?;
    }
    Ok(Exit::Ok)
}

/// Docker's fields of a network.
fn fields(one: &Definition, whole: bool) -> Value {
    let labels: Vec<String> = one.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    json!({
        "ID": if whole { &one.id } else { &one.id[..12] },
        "Name": one.name,
        "Driver": one.driver(),
        "Scope": "local",
        "Internal": one.internal.to_string(),
        "IPv6": one.six.is_some().to_string(),
        "Labels": labels.join(","),
    })
}

/// With `force` one that is not there is no error.
pub(super) fn rm(force: bool, names: &[String], context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots()?;
    each(names, |name| {
        let definition = match network::look_up(&roots, name) {
            Err(NetworkError::NoSuchNetwork(_)) if force => return Ok(()),
            other => other.map_err(explained)?,
        };
        network::remove(&roots, &definition).map_err(explained)?;
        Ok(context.screen.line(name)?)
    })
}

/// As JSON, with docker's words: that is what `docker network inspect` prints too. What is there is shown, also where
/// something else is not.
pub(super) fn inspect(names: &[String], format: Option<&str>, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots_to_look()?;
    let leases = network::leases(&roots).map_err(explained)?;
    super::super::inspect::show(names, format, context, |name| {
        let definition = network::look_up(&roots, name).map_err(explained)?;
        Ok(described(&roots, &definition, &leases))
    })
}

/// A network for `inspect`, which is not told what kind of thing it shall show.
pub(in crate::cli) fn facts(roots: &Roots, name: &str) -> Result<Value, NetworkError> {
    Ok(described(roots, &network::look_up(roots, name)?, &network::leases(roots)?))
}

fn described(roots: &Roots, definition: &Definition, leases: &[Lease]) -> serde_json::Value {
    let on: Vec<&Lease> = leases.iter().filter(|lease| lease.network == definition.name).collect();
    let subnet = definition.subnet.or_else(|| on.first().map(|lease| lease.subnet()));
    let gateway = definition.gateway.or_else(|| on.first().map(|lease| lease.gateway));
    let one = |subnet: String, part: Option<String>, gateway: Option<String>| {
        let mut one = json!({ "Subnet": subnet, "Gateway": gateway });
        if let Some(part) = part {
            one["IPRange"] = part.into();
        }
        one
    };
    let told = |part: Subnet| part.to_string();
    let mut config: Vec<Value> = subnet
        .iter()
        .map(|subnet| one(subnet.to_string(), definition.range.map(told), gateway.map(|ip| ip.to_string())))
        .collect();
    config.extend(
        definition.six.map(|six| {
            one(six.subnet.to_string(), six.range.map(|part| part.to_string()), Some(six.gateway.to_string()))
        }),
    );
    let name = |id: &str| create::find(roots, id).map_or_else(|_| String::new(), |container| container.name);
    let mac = |lease: &Lease| lease.mac.map(|byte| format!("{byte:02x}")).join(":");
    let containers: serde_json::Map<String, serde_json::Value> = on
        .iter()
        .map(|lease| {
            let address = format!("{}/{}", lease.ip, lease.prefix);
            let six = lease.six.as_ref().map(|six| format!("{}/{}", six.ip, six.prefix)).unwrap_or_default();
            let one = json!({
                "Name": name(&lease.container),
                "MacAddress": mac(lease),
                "IPv4Address": address,
                "IPv6Address": six,
            });
            (lease.container.clone(), one)
        })
        .collect();
    json!({
        "Name": definition.name,
        "Id": definition.id,
        "Created": time::rfc3339(definition.created),
        "Scope": "local",
        "Driver": definition.driver(),
        "EnableIPv4": definition.driver() == "bridge",
        "EnableIPv6": definition.six.is_some(),
        "IPAM": { "Driver": "default", "Config": config },
        "Internal": definition.internal,
        "Attachable": false,
        "Ingress": false,
        "ConfigFrom": { "Network": "" },
        "ConfigOnly": false,
        "Containers": containers,
        "Options": {},
        "Labels": definition.labels,
    })
}

pub(super) fn connect(network: &str, container: &str, also: Also, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots()?;
    let definition = network::look_up(&roots, network).map_err(explained)?;
    let container = create::find(&roots, container).map_err(explained)?;
    let lease = connection::connect(&roots, &container, &definition, also).map_err(explained)?;
    if context.screen.json {
        context.screen.data(&json!({ "schema": 1, "lease": lease }))?;
    }
    Ok(Exit::Ok)
}

pub(super) fn disconnect(network: &str, container: &str, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots()?;
    let definition = network::look_up(&roots, network).map_err(explained)?;
    let container = create::find(&roots, container).map_err(explained)?;
    connection::disconnect(&roots, &container, &definition).map_err(explained)?;
    Ok(Exit::Ok)
}

fn is_used(containers: &[Container], name: &str) -> bool {
    containers.iter().any(|one| one.wish.networks(&one.network).any(|other| other == name))
}

/// Those that no container is made for.
pub(super) fn prune(force: bool, filters: &[Chosen], context: &mut Context) -> anyhow::Result<Exit> {
    filters.iter().try_for_each(Chosen::check_for_prune).map_err(explained)?;
    let wanted = |one: &Definition| filters.iter().all(|filter| filter.holds_for_prune(&one.labels, one.created));
    if !force && !agreed("all custom networks not used by at least one container")? {
        return Ok(Exit::Ok);
    }
    let roots = context.container_roots()?;
    let containers = create::list(&roots).map_err(explained)?;
    let mut removed = Vec::new();
    for definition in network::list(&roots).map_err(explained)? {
        if definition.is_own() && !is_used(&containers, &definition.name) && wanted(&definition) {
            network::remove(&roots, &definition).map_err(explained)?;
            removed.push(definition.name);
        }
    }
    if context.screen.json {
        context.screen.data(&json!({ "schema": 1, "removed": removed }))?;
    } else if !removed.is_empty() {
        context.screen.print(&format!("Deleted Networks:\n{}\n\n", removed.join("\n")))?;
    }
    Ok(Exit::Ok)
}
