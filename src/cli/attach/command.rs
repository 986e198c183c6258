//! `explore attach`: joins a container that runs already.

use crate::cli::container::Attaching;
use crate::cli::{Context, explained};
use crate::exit::Exit;
use crate::stages::{create, exec};

/// Join this terminal to a container that runs
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code: the container's own, once it ends; 1 for whoever leaves before.")]
pub(in crate::cli) struct Attach {
    /// Do not pass on this terminal's input
    #[arg(long)]
    no_stdin: bool,
    #[command(flatten)]
    attaching: Attaching,
    /// Name or ID
    container: String,
}

pub(in crate::cli) fn run(args: &Attach, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots_to_look()?;
    let container = create::find(&roots, &args.container).map_err(explained)?;
    let wanted = args.attaching.wanted(container.interactive && !args.no_stdin, container.terminal);
    super::check(&wanted)?;
    super::hold_signals()?;
    let attachment = exec::attach(&roots, &container).map_err(explained)?;
    super::attach(&attachment, &wanted)?.exit_or_detached()
}
