//! `explore network`: stage 4 alone. A container that does not run yet gets its cable; show both ends; take it back.

mod render;

use super::{Context, explained};
use crate::exit::Exit;
use crate::kernel::netns;
use crate::stages::create;
use crate::stages::exec::running;
use crate::stages::network::{self, Lease};
use crate::state::Roots;
use serde_json::json;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// The network of containers: bridge, cable, address, route, NAT
#[derive(Debug, clap::Args)]
#[command(display_order = 24)]
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
    Ls,
}

/// Runs `explore network`.
pub(super) fn run(args: &Args, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = match args.verb {
        Verb::Up { .. } | Verb::Down { .. } => context.container_roots()?,
        Verb::Show { .. } | Verb::Ls => context.container_roots_to_look()?,
    };
    let find = |wanted: &str| create::find(&roots, wanted).map(|container| container.id).map_err(explained);
    match &args.verb {
        Verb::Up { container } => up(&roots, &find(container)?, context),
        Verb::Show { container } => show(&roots, &find(container)?, context),
        Verb::Down { container } => down(&roots, container, &find(container)?, context),
        Verb::Ls => ls(&roots, context),
    }
}

fn up(roots: &Roots, id: &str, context: &mut Context) -> anyhow::Result<Exit> {
    // Of a container that runs, the namespace that it is in; it is kept by its processes, and goes with them.
    if let Some(it) = running(roots, id)
        && let Some(netns) = netns_of(it.init.pid)
    {
        let lease = network::set_up(roots, id, netns.as_fd(), Some(it.supervisor)).map_err(explained)?;
        say(&lease, context)?;
        return Ok(Exit::Ok);
    }
    let was_pinned = network::pinned(roots, id).is_some();
    let netns = network::pin(roots, id, None).map_err(explained)?;
    match network::set_up(roots, id, netns.as_fd(), None) {
        Ok(lease) => {
            say(&lease, context)?;
            Ok(Exit::Ok)
        }
        Err(error) => {
            if !was_pinned {
                // The first error is the one to tell; a pin that stays is in the journal.
                let _ = network::unpin(roots, id);
            }
            Err(explained(error))
        }
    }
}

fn netns_of(pid: i32) -> Option<OwnedFd> {
    netns::open(Path::new(&format!("/proc/{pid}/ns/net"))).ok()
}

fn say(lease: &Lease, context: &mut Context) -> anyhow::Result<()> {
    if context.screen.json {
        context.screen.data(&json!({"schema": 1, "lease": lease}))?;
    } else {
        context.screen.print(&render::lease(lease, context.screen.width))?;
    }
    Ok(())
}

fn show(roots: &Roots, id: &str, context: &mut Context) -> anyhow::Result<Exit> {
    let netns = running(roots, id).and_then(|it| netns_of(it.init.pid)).or_else(|| network::pinned(roots, id));
    let view = network::view(roots, id, netns.as_ref().map(AsFd::as_fd)).map_err(explained)?;
    if context.screen.json {
        context.screen.data(&json!({"schema": 1, "container": id, "network": view}))?;
    } else {
        context.screen.print(&render::view(&view, context.screen.width))?;
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

fn ls(roots: &Roots, context: &mut Context) -> anyhow::Result<Exit> {
    let leases = network::leases(roots).map_err(explained)?;
    if context.screen.json {
        let row = |(id, lease): &(String, Lease)| json!({"schema": 1, "container": id, "lease": lease});
        let rows: Vec<_> = leases.iter().map(row).collect();
        context.screen.data(&rows)?;
        return Ok(Exit::Ok);
    }
    let rows: Vec<[String; 4]> = leases
        .into_iter()
        .map(|(id, lease)| {
            let address = format!("{}/{}", lease.ip, lease.prefix);
            [id.chars().take(12).collect(), address, lease.host_link, lease.bridge]
        })
        .collect();
    context.screen.table(["CONTAINER", "ADDRESS", "HOST END", "BRIDGE"], &rows)?;
    Ok(Exit::Ok)
}
