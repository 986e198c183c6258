//! `explore port`: which ports of this machine lead to a container.

use super::{Context, explained};
use crate::exit::Exit;
use crate::stages::create;
use crate::stages::network::{self, Lease, Published, publish};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name or ID
    container: String,
    /// Only this port of the container: 80, or 53/udp
    port: Option<String>,
}

pub(super) fn run(args: &Args, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots_to_look()?;
    let container = create::find(&roots, &args.container).map_err(explained)?;
    let mut all = published(&network::leases_of(&roots, &container.id).map_err(explained)?);
    if let Some(port) = &args.port {
        let wanted = publish::ports(port).map_err(anyhow::Error::msg)?;
        all.retain(|one| wanted.iter().any(|port| (port.number, port.protocol) == (one.to, one.protocol)));
        if all.is_empty() {
            anyhow::bail!("no public port '{port}' published for {}", args.container);
        }
    }
    if context.screen.json {
        context.screen.data(&json!({ "schema": 1, "container": container.id, "published": all }))?;
        return Ok(Exit::Ok);
    }
    for one in all {
        let here = one.here();
        match args.port {
            Some(_) => context.screen.line(&here.to_string())?,
            None => context.screen.line(&format!("{}/{} -> {here}", one.to, one.protocol.name()))?,
        }
    }
    Ok(Exit::Ok)
}

fn published(leases: &[Lease]) -> Vec<Published> {
    let mut all: Vec<Published> = leases.iter().flat_map(|lease| lease.published.clone()).collect();
    all.sort_unstable();
    all
}

/// The column PORTS of `explore ps`: ports that follow each other are one range, as docker shows them.
pub(super) fn column(leases: &[Lease], exposed: &[network::Port]) -> String {
    let all = published(leases);
    let mut ranges: Vec<(Published, u16)> = Vec::new();
    for one in &all {
        match ranges.last_mut() {
            Some((first, more))
                if (first.at, first.protocol) == (one.at, one.protocol)
                    && one.to - first.to == *more + 1
                    && one.port.checked_sub(first.port) == Some(*more + 1) =>
            {
                *more += 1;
            }
            _ => ranges.push((*one, 0)),
        }
    }
    let span = |first: u16, more: u16| if more == 0 { first.to_string() } else { format!("{first}-{}", first + more) };
    let text = |(one, more): &(Published, u16)| {
        let at = if one.at.is_ipv6() { format!("[{}]", one.at) } else { one.at.to_string() };
        format!("{at}:{}->{}/{}", span(one.port, *more), span(one.to, *more), one.protocol.name())
    };
    let mut texts: Vec<String> = ranges.iter().map(text).collect();
    let hidden =
        exposed.iter().filter(|port| all.iter().all(|one| (one.to, one.protocol) != (port.number, port.protocol)));
    texts.extend(hidden.map(ToString::to_string));
    texts.join(", ")
}
