//! `explore network`: stage 4 alone. A container that does not run yet gets its cable; show both ends; take it back.
//! And networks with names of their own.

pub(super) mod flags;
pub(super) mod manage;
mod render;

use super::container::{self, Again};
use super::{Context, explained};
use crate::exit::Exit;
use crate::kernel::namespace::Kind;
use crate::stages::connection;
use crate::stages::create::{self, Container};
use crate::stages::exec::running;
use crate::stages::network::{self, Also, Lease, door};
use crate::state::Roots;
use serde_json::json;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, OwnedFd};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make a network namespace for a container and connect it; `explore start` goes on from there
    Up {
        /// Name or ID of the container
        container: String,
    },
    /// Show both ends of the cable, the switch, and the way out
    Show {
        /// Name or ID of the container
        container: String,
    },
    /// Take it back; the last one takes the bridge along
    Down {
        /// Name or ID of the container
        container: String,
    },
    /// List who has which address
    Leases,
    Create(manage::Create),
    /// List networks
    #[command(visible_alias = "list")]
    Ls {
        /// IDs only
        #[arg(short, long)]
        quiet: bool,
        /// Whole IDs
        #[arg(long)]
        no_trunc: bool,
        /// Only those of which this holds: name=PART, id=START, label=NAME[=VALUE], driver=bridge, type=custom, dangling=true
        #[arg(short, long, value_name = "NAME=VALUE", value_parser = manage::Filter::parse)]
        filter: Vec<manage::Filter>,
        /// A line for each, of ID, Name, Driver, Scope, IPv6, Internal, Labels: `{{.Name}}`; `table …` with a heading, `json`
        #[arg(long, value_name = "TEMPLATE")]
        format: Option<String>,
    },
    /// Remove networks that no container is on
    #[command(visible_alias = "remove")]
    Rm {
        /// One that is not there is no error
        #[arg(short, long)]
        force: bool,
        /// Names or IDs
        #[arg(required = true)]
        networks: Vec<String>,
    },
    /// Show networks and who is on them, as JSON
    Inspect {
        /// A line for each instead: `{{.Id}}`, or `json`
        #[arg(short, long, value_name = "TEMPLATE")]
        format: Option<String>,
        /// Taken, and changes nothing: all is shown anyway
        #[arg(short, long)]
        verbose: bool,
        /// Names or IDs
        #[arg(required = true)]
        networks: Vec<String>,
    },
    /// Connect a container to one more network, at once and at each start
    Connect {
        /// A further name of it there
        #[arg(long, value_name = "NAME")]
        alias: Vec<String>,
        /// Its address there, on a network with a --subnet
        #[arg(long, value_name = "ADDRESS")]
        ip: Option<Ipv4Addr>,
        /// Its address of IPv6 there
        #[arg(long, value_name = "ADDRESS")]
        ip6: Option<Ipv6Addr>,
        /// Name or ID of the network
        network: String,
        /// Name or ID of the container
        container: String,
    },
    /// Take a container off a network
    Disconnect {
        /// Taken, and changes nothing: a container that runs is cut off anyway
        #[arg(short, long)]
        force: bool,
        /// Name or ID of the network
        network: String,
        /// Name or ID of the container
        container: String,
    },
    /// Remove all networks that no container is made for
    Prune {
        /// Do not ask
        #[arg(short, long)]
        force: bool,
        /// Only those of which this holds: `label=NAME`, `until=24h`
        #[arg(long, value_name = "NAME=VALUE")]
        filter: Vec<super::ps::Filter>,
    },
}

/// Runs `explore network`.
pub(super) fn run(args: Args, context: &mut Context) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::Up { container } => {
            let roots = context.roots()?;
            // Held until the numbers are taken behind them: `start` opens the same.
            let doors =
                container::doors(&roots, std::slice::from_ref(&container), Again::Started)?.pop().unwrap_or_default();
            context.enter(&roots)?;
            let mut container = create::find(&roots, &container).map_err(explained)?;
            container.wish.publish = door::behind(&doors, &container.wish);
            up(&roots, &container, context)
        }
        Verb::Show { container } => {
            let roots = context.container_roots_to_look()?;
            let id = create::find(&roots, &container).map_err(explained)?.id;
            show(&roots, &id, context)
        }
        Verb::Down { container } => {
            let roots = context.container_roots()?;
            let id = create::find(&roots, &container).map_err(explained)?.id;
            down(&roots, &container, &id, context)
        }
        Verb::Leases => leases(context),
        Verb::Create(args) => manage::create(args, context),
        Verb::Ls { quiet, no_trunc, filter, format } => {
            manage::ls(quiet, no_trunc, &filter, format.as_deref(), context)
        }
        Verb::Rm { force, networks } => manage::rm(force, &networks, context),
        Verb::Inspect { networks, format, .. } => manage::inspect(&networks, format.as_deref(), context),
        Verb::Connect { network, container, alias, ip, ip6 } => {
            let also = Also { network: String::new(), aliases: alias, ip, ip6 };
            manage::connect(&network, &container, also, context)
        }
        Verb::Disconnect { network, container, .. } => manage::disconnect(&network, &container, context),
        Verb::Prune { force, filter } => manage::prune(force, &filter, context),
    }
}

fn up(roots: &Roots, container: &Container, context: &mut Context) -> anyhow::Result<Exit> {
    let leases = connection::up(roots, container).map_err(explained)?;
    if context.screen.json {
        context.screen.data(&json!({"schema": 1, "lease": leases.first(), "others": leases.get(1..)}))?;
    } else {
        for lease in &leases {
            let text = render::lease(lease, context.screen.width, context.catalog());
            context.screen.print(&text)?;
        }
    }
    Ok(Exit::Ok)
}

/// The network namespace of a container: that of its first process, or the one that is kept for it.
pub(super) fn namespace_of(roots: &Roots, id: &str) -> Option<OwnedFd> {
    running(roots, id).and_then(|it| it.namespace(Kind::Net).ok()).or_else(|| network::pinned(roots, id))
}

fn show(roots: &Roots, id: &str, context: &mut Context) -> anyhow::Result<Exit> {
    let netns = namespace_of(roots, id);
    let view = network::view(roots, id, netns.as_ref().map(AsFd::as_fd)).map_err(explained)?;
    if context.screen.json {
        context.screen.data(&json!({"schema": 1, "container": id, "network": view}))?;
    } else {
        let text = render::view(&view, context.screen.width, context.catalog());
        context.screen.print(&text)?;
    }
    Ok(Exit::Ok)
}

fn down(roots: &Roots, wanted: &str, id: &str, context: &mut Context) -> anyhow::Result<Exit> {
    if network::lease_of(roots, id).map_err(explained)?.is_none() && network::pinned(roots, id).is_none() {
        return Err(explained(network::NetworkError::NotUp { id: id.to_owned() }));
    }
    let torn = network::tear_down(roots, id);
    network::unpin(roots, id).map_err(explained)?;
    torn.map_err(explained)?;
    if !context.screen.json {
        context.screen.line(wanted)?;
    }
    Ok(Exit::Ok)
}

fn leases(context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots_to_look()?;
    let leases = network::leases(&roots).map_err(explained)?;
    if context.screen.json {
        let row = |lease: &Lease| json!({"schema": 1, "container": lease.container, "lease": lease});
        let rows: Vec<_> = leases.iter().map(row).collect();
        context.screen.data(&rows)?;
        return Ok(Exit::Ok);
    }
    let rows: Vec<[String; 5]> = leases
        .into_iter()
        .map(|lease| {
            let address = format!("{}/{}", lease.ip, lease.prefix);
            [lease.container.chars().take(12).collect(), lease.network, address, lease.host_link, lease.bridge]
        })
        .collect();
    context.screen.table(["CONTAINER", "NETWORK", "ADDRESS", "HOST END", "BRIDGE"], &rows)?;
    Ok(Exit::Ok)
}
