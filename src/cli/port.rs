//! `explore port`: which ports of this machine lead to a container.

use super::{Context, explained};
use crate::exit::Exit;
use crate::kernel::nft::Protocol;
use crate::stages::create;
use crate::stages::network::{self, Lease, Published, publish};
use serde_json::json;
use std::net::IpAddr;

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

/// The column PORTS of `explore ps`: ports that follow each other and have the same number on both sides are one range, and
/// so are those that are not published; then come the others (docker's cli/command/formatter/container.go).
pub(super) fn column(leases: &[Lease], exposed: &[network::Port]) -> String {
    grouped(&published(leases), exposed)
}

fn grouped(all: &[Published], exposed: &[network::Port]) -> String {
    let is_hidden =
        |port: &&network::Port| all.iter().all(|one| (one.to, one.protocol) != (port.number, port.protocol));
    let hidden = exposed.iter().filter(is_hidden).map(|port| (port.number, None, *port));
    let mut ports: Vec<(u16, Option<Published>, network::Port)> = all
        .iter()
        .map(|one| (one.to, Some(*one), network::Port { number: one.to, protocol: one.protocol }))
        .chain(hidden)
        .collect();
    ports.sort_by_key(|(number, one, port)| (*number, one.map(|one| (one.at.to_string(), one.port)), port.protocol));
    let (mut done, mut open, mut others): (Vec<String>, Vec<Range>, Vec<String>) = Default::default();
    for (number, one, port) in ports {
        if let Some(one) = one.filter(|one| one.port != number) {
            others.push(format!("{}->{port}", one.here()));
            continue;
        }
        let (at, protocol) = (one.map(|one| one.at), port.protocol);
        match open.iter_mut().find(|range| (range.at, range.protocol) == (at, protocol)) {
            Some(range) if number == range.last + 1 => range.last = number,
            Some(range) => {
                done.push(range.shown());
                (range.first, range.last) = (number, number);
            }
            None => open.push(Range { at, protocol, first: number, last: number }),
        }
    }
    done.extend(open.iter().map(Range::shown));
    done.extend(others);
    done.join(", ")
}

/// Ports that are shown as one.
struct Range {
    /// At which address of this machine; those that are not published have none.
    at: Option<IpAddr>,
    protocol: Protocol,
    first: u16,
    last: u16,
}

impl Range {
    fn shown(&self) -> String {
        let (first, last) = (self.first, self.last);
        let span = if first == last { first.to_string() } else { format!("{first}-{last}") };
        let protocol = self.protocol.name();
        match self.at {
            Some(IpAddr::V6(at)) => format!("[{at}]:{span}->{span}/{protocol}"),
            Some(at) => format!("{at}:{span}->{span}/{protocol}"),
            None => format!("{span}/{protocol}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published at an address: this machine's port and the container's; exposed; shown.
    type Row<'a> = (&'a [(&'a str, u16, u16)], &'a [&'a str], &'a str);

    #[test]
    fn ports_are_grouped_as_docker_groups_them() {
        let all: [Row<'_>; 4] = [
            (&[("0.0.0.0", 8000, 8000), ("0.0.0.0", 8001, 8001)], &[], "0.0.0.0:8000-8001->8000-8001/tcp"),
            (&[("0.0.0.0", 8000, 80), ("0.0.0.0", 8001, 81)], &[], "0.0.0.0:8000->80/tcp, 0.0.0.0:8001->81/tcp"),
            (
                &[("0.0.0.0", 80, 80), ("::", 80, 80)],
                &["443", "90", "91"],
                "90-91/tcp, 0.0.0.0:80->80/tcp, [::]:80->80/tcp, 443/tcp",
            ),
            (&[], &["90", "91", "53/udp"], "53/udp, 90-91/tcp"),
        ];
        for (published, exposed, shown) in all {
            let published = published.iter().map(|(at, port, to)| Published {
                to: *to,
                protocol: Protocol::Tcp,
                at: at.parse().unwrap(),
                port: *port,
            });
            let exposed: Vec<_> = exposed.iter().flat_map(|port| publish::ports(port).unwrap()).collect();
            assert_eq!(grouped(&published.collect::<Vec<_>>(), &exposed), shown);
        }
    }
}
