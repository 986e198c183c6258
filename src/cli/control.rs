//! `pause`, `unpause`, `update`: what changes while a container runs.

use super::limits::Adjustable;
use super::{Context, explained, several};
use crate::exit::Exit;
use crate::stages::create::{self, Container};
use crate::stages::exec::{self, ControlError};
use crate::state::Roots;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "They keep their memory and their sockets and get no processor. Cgroups do it: freezer.state in \
    version 1, cgroup.freeze in version 2."
)]
pub(super) struct Pause {
    /// Names or IDs
    #[arg(required = true)]
    containers: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Unpause {
    /// Names or IDs
    #[arg(required = true)]
    containers: Vec<String>,
}

/// Change limits of containers, while they run too
#[derive(Debug, clap::Args)]
pub(super) struct Update {
    #[command(flatten)]
    limits: Adjustable,
    /// `no`: it is not started again by itself
    #[arg(long, value_name = "POLICY", value_parser = ["no"], hide = true)]
    restart: Option<String>,
    /// Names or IDs
    #[arg(required = true)]
    containers: Vec<String>,
}

pub(super) fn pause(args: &Pause, context: &mut Context) -> anyhow::Result<Exit> {
    each(&args.containers, context, exec::pause)
}

pub(super) fn unpause(args: &Unpause, context: &mut Context) -> anyhow::Result<Exit> {
    each(&args.containers, context, exec::unpause)
}

pub(super) fn update(args: &Update, context: &mut Context) -> anyhow::Result<Exit> {
    if args.limits == Adjustable::default() && args.restart.is_none() {
        anyhow::bail!("you must provide one or more flags when using this command");
    }
    let newer = args.limits.limits();
    each(&args.containers, context, |roots, container| exec::update(roots, container, &newer))
}

/// Says each name that it was done to, as docker does.
fn each(
    names: &[String],
    context: &mut Context,
    act: impl Fn(&Roots, &Container) -> Result<(), ControlError>,
) -> anyhow::Result<Exit> {
    let roots = context.container_roots()?;
    several::each(names, |name| {
        let container = create::find(&roots, name).map_err(explained)?;
        act(&roots, &container).map_err(explained)?;
        Ok(context.screen.line(name)?)
    })
}
