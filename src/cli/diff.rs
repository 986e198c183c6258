//! `explore diff`: what a container has changed.

use super::{Context, explained};
use crate::exit::Exit;
use crate::stages::create;
use crate::stages::layer;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Read from the container's writable layer, where overlayfs keeps whole files and, for what is gone, \
    whiteouts: `explore layer show` names the folder."
)]
pub(super) struct Args {
    /// Name or ID
    container: String,
}

pub(super) fn run(args: &Args, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots()?;
    let container = create::find(&roots, &args.container).map_err(explained)?;
    let changes = layer::changes(&roots, &container).map_err(explained)?;
    if context.screen.json {
        context.screen.data(&serde_json::json!({ "schema": 1, "changes": changes }))?;
        return Ok(Exit::Ok);
    }
    let line = |one: &layer::Change| format!("{} {}\n", one.kind.letter(), one.path.display());
    context.screen.print(&changes.iter().map(line).collect::<String>())?;
    Ok(Exit::Ok)
}
