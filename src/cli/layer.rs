//! `explore layer`: stage 3 alone. The union of a container, mounted where one can look at it.

use super::{Context, explained};
use crate::exit::Exit;
use crate::lesson::catalog::Catalog;
use crate::stages::create::{self, NoInit};
use crate::stages::layer::{self, View};
use crate::stages::{connection, network};
use std::io::Write;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Mount the image's layers and the container's own as one folder
    #[command(
        after_help = "Afterwards the container's folder is a bundle that `runc run` and `crun run` can start. With --init a \
        copy of explore is its PID 1 there, if explore is a static program, as a release of it is. In place of --network \
        container:NAME stands a network of its own, for only `explore start` knows where the other's is."
    )]
    Mount {
        /// Name or ID of the container
        container: String,
    },
    /// Show the layers, and what the container has written or deleted
    Show {
        /// Name or ID of the container
        container: String,
    },
    /// Take the mount away; what was written stays
    Umount {
        /// Name or ID of the container
        container: String,
    },
}

pub(super) fn run(args: &Args, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots()?;
    match &args.action {
        Action::Mount { container } => {
            let mut container = create::find(&roots, container).map_err(explained)?;
            let union = layer::mount_here(&roots, &mut container, None).map_err(explained)?;
            if let Some(why) = create::bundle_init(&roots, &container).map_err(explained)? {
                writeln!(std::io::stderr(), "{}", context.say(without_init(why)))?;
            }
            // A bundle has names, also where it gets no address.
            let leases = network::leases_of(&roots, &container.id).map_err(explained)?;
            connection::write_etc_files(&roots, &container, &leases).map_err(explained)?;
            if context.screen.json {
                context.screen.data(&union)?;
            } else {
                context.screen.line(&union.rootfs.to_string_lossy())?;
            }
        }
        Action::Show { container } => {
            let container = create::find(&roots, container).map_err(explained)?;
            let view = layer::view(&roots, &container).map_err(explained)?;
            if context.screen.json {
                context.screen.data(&view)?;
            } else {
                let text = render(&view, context.catalog());
                context.screen.print(&text)?;
            }
        }
        Action::Umount { container } => {
            let mut container = create::find(&roots, container).map_err(explained)?;
            layer::unmount_here(&roots, &mut container).map_err(explained)?;
            create::unbundle_init(&roots, &container).map_err(explained)?;
            context.screen.line(&container.name)?;
        }
    }
    Ok(Exit::Ok)
}

/// What the reader of a bundle should know.
fn without_init(why: NoInit) -> &'static str {
    match why {
        NoInit::NotStatic => {
            "explore: warning: --init is not in the bundle: this explore loads libraries, which may not be there inside; under \
             another runtime the command itself is PID 1"
        }
        NoInit::OtherDev => {
            "explore: warning: --init is not in the bundle: the container has a /dev that is not its own; under another \
             runtime the command itself is PID 1"
        }
    }
}

fn render(view: &View, catalog: &Catalog) -> String {
    let mut text = format!("upper (rw)  {}\n", view.union.upper.display());
    for layer in &view.union.lower {
        text = format!("{text}lower (ro)  {}\n", layer.display());
    }
    let state = if view.mounted { "mounted here" } else { "not mounted here" };
    text = format!("{text}union       {}  ({})\n", view.union.rootfs.display(), catalog.sentence(state));
    let says = if view.upper_entries.is_empty() {
        "The upper is empty: the container has written nothing."
    } else {
        "In the upper (C: written, D: deleted from below):"
    };
    text = format!("{text}{}\n", catalog.sentence(says));
    for (kind, path) in &view.upper_entries {
        text = format!("{text}{kind} {}\n", path.display());
    }
    text
}
