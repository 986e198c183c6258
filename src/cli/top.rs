//! `explore top`: the processes of a container, by their numbers on this machine.

use super::{Context, explained};
use crate::exit::Exit;
use crate::probe::applet;
use crate::stages::create;
use crate::stages::exec::{self, ControlError};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(super) struct Top {
    /// Name or ID
    container: String,
    /// Which columns, as ps(1) takes them; -ef without
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "PS OPTIONS")]
    options: Vec<String>,
}

pub(super) fn run(args: &Top, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots_to_look()?;
    let container = create::find(&roots, &args.container).map_err(explained)?;
    let running = exec::running(&roots, &container.id)
        .ok_or_else(|| explained(ControlError::NotRunning(container.name.clone())))?;
    let usual = ["-ef".to_owned()];
    let options = if args.options.is_empty() { &usual[..] } else { &args.options };
    let (titles, rows) = applet::processes(options, &exec::members(&running)).map_err(anyhow::Error::msg)?;
    if context.screen.json {
        context.screen.data(&json!({ "schema": 1, "titles": titles, "processes": rows }))?;
        return Ok(Exit::Ok);
    }
    let lines: Vec<String> = std::iter::once(&titles).chain(&rows).map(|cells| cells.join("\t")).collect();
    context.screen.print(&super::columns::aligned(&lines))?;
    Ok(Exit::Ok)
}
