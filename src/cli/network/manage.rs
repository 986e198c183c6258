//! `explore network create`, `ls`, `rm`, `inspect`, `connect`, `disconnect`, `prune`.

use super::super::format::{self, Format};
use super::super::prune::agreed;
use super::super::several::each;
use super::super::{Context, explained};
use crate::exit::Exit;
use crate::stages::network::{self, Also, Definition, Lease, NetworkError, Request, Subnet};
use crate::stages::{connection, create};
use crate::state::Roots;
use serde_json::{Value, json};
use std::net::Ipv4Addr;

/// Make a network: a bridge of its own, on which containers find each other by name
#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// Its addresses, such as 10.9.0.0/24; ones that nobody uses without
    #[arg(long)]
    subnet: Option<String>,
    /// The bridge's address, which its containers have as gateway
    #[arg(long, value_name = "ADDRESS")]
    gateway: Option<Ipv4Addr>,
    /// No way out, and none in
    #[arg(long)]
    internal: bool,
    /// Something to know it by: NAME=VALUE
    #[arg(long, value_name = "LABEL")]
    label: Vec<String>,
    /// `bridge`: there is no other
    #[arg(short, long, default_value = "bridge", value_parser = ["bridge"])]
    driver: String,
    /// Its name
    name: String,
}

pub(super) fn create(args: Create, context: &mut Context) -> anyhow::Result<Exit> {
    let subnet = args.subnet.as_deref().map(str::parse::<Subnet>).transpose();
    let subnet = subnet.map_err(|text| explained(NetworkError::Conflict(text)))?;
    let roots = context.container_roots()?;
    let labels = args.label.iter().map(|label| label.split_once('=').unwrap_or((label, "")));
    let request = Request {
        name: args.name,
        subnet,
        gateway: args.gateway,
        internal: args.internal,
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    };
    let made = network::create(&roots, &request).map_err(explained)?;
    if context.screen.json {
        context.screen.data(&made)?;
    } else {
        context.screen.line(&made.id)?;
    }
    Ok(Exit::Ok)
}

const COLUMNS: [(&str, &str); 4] = [("NETWORK ID", "ID"), ("NAME", "Name"), ("DRIVER", "Driver"), ("SCOPE", "Scope")];

pub(super) fn ls(quiet: bool, no_trunc: bool, format: Option<&str>, context: &mut Context) -> anyhow::Result<Exit> {
    let format = Format::of(format).map_err(explained)?;
    let roots = context.container_roots_to_look()?;
    let all = network::list(&roots).map_err(explained)?;
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
        "Driver": "bridge",
        "Scope": "local",
        "Internal": one.internal.to_string(),
        "Labels": labels.join(","),
    })
}

/// With `force` one that is not there is no error.
pub(super) fn rm(force: bool, names: &[String], context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots()?;
    each(names, |name| {
        let definition = match network::find(&roots, name) {
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
        let definition = network::find(&roots, name).map_err(explained)?;
        Ok(described(&roots, &definition, &leases))
    })
}

/// A network for `inspect`, which is not told what kind of thing it shall show.
pub(in crate::cli) fn facts(roots: &Roots, name: &str) -> Result<Value, NetworkError> {
    Ok(described(roots, &network::find(roots, name)?, &network::leases(roots)?))
}

fn described(roots: &Roots, definition: &Definition, leases: &[Lease]) -> serde_json::Value {
    let on: Vec<&Lease> = leases.iter().filter(|lease| lease.network == definition.name).collect();
    let subnet = definition.subnet.or_else(|| on.first().map(|lease| lease.subnet()));
    let gateway = definition.gateway.or_else(|| on.first().map(|lease| lease.gateway));
    let config: Vec<_> = subnet.iter().map(|subnet| json!({ "Subnet": subnet, "Gateway": gateway })).collect();
    let name = |id: &str| create::find(roots, id).map_or_else(|_| String::new(), |container| container.name);
    let mac = |lease: &Lease| lease.mac.map(|byte| format!("{byte:02x}")).join(":");
    let containers: serde_json::Map<String, serde_json::Value> = on
        .iter()
        .map(|lease| {
            let address = format!("{}/{}", lease.ip, lease.prefix);
            let one = json!({ "Name": name(&lease.container), "MacAddress": mac(lease), "IPv4Address": address });
            (lease.container.clone(), one)
        })
        .collect();
    json!({
        "Name": definition.name,
        "Id": definition.id,
        "Created": definition.created,
        "Scope": "local",
        "Driver": "bridge",
        "IPAM": { "Driver": "default", "Config": config },
        "Internal": definition.internal,
        "Containers": containers,
        "Labels": definition.labels,
    })
}

pub(super) fn connect(network: &str, container: &str, also: Also, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots()?;
    let definition = network::find(&roots, network).map_err(explained)?;
    let container = create::find(&roots, container).map_err(explained)?;
    let lease = connection::connect(&roots, &container, &definition, also).map_err(explained)?;
    if context.screen.json {
        context.screen.data(&json!({ "schema": 1, "lease": lease }))?;
    }
    Ok(Exit::Ok)
}

pub(super) fn disconnect(network: &str, container: &str, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots()?;
    let definition = network::find(&roots, network).map_err(explained)?;
    let container = create::find(&roots, container).map_err(explained)?;
    connection::disconnect(&roots, &container, &definition).map_err(explained)?;
    Ok(Exit::Ok)
}

/// Those that no container is made for.
pub(super) fn prune(force: bool, context: &mut Context) -> anyhow::Result<Exit> {
    if !force && !agreed("all custom networks not used by at least one container")? {
        return Ok(Exit::Ok);
    }
    let roots = context.container_roots()?;
    let containers = create::list(&roots).map_err(explained)?;
    let is_used = |name: &String| {
        containers.iter().any(|one| one.network.network() == Some(name) || one.wish.also_on(name).is_some())
    };
    let mut removed = Vec::new();
    for definition in network::list(&roots).map_err(explained)? {
        if definition.is_own() && !is_used(&definition.name) {
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
