//! `explore container prune`: removes what does not run.

use super::ps::Filter;
use super::{Context, explained};
use crate::exit::Exit;
use crate::stages::{create, exec, exit};
use serde_json::json;
use std::io::{IsTerminal, Write};

#[derive(Debug, clap::Args)]
pub(super) struct Prune {
    /// Do not ask
    #[arg(short, long)]
    force: bool,
    /// Only those of which this holds: `label=NAME`, `until=24h`
    #[arg(long, value_name = "NAME=VALUE")]
    filter: Vec<Filter>,
}

pub(super) fn run(args: &Prune, context: &mut Context) -> anyhow::Result<Exit> {
    for filter in &args.filter {
        filter.check_for_prune().map_err(explained)?;
    }
    if !args.force && !agreed("all stopped containers")? {
        return Ok(Exit::Ok);
    }
    let roots = context.container_roots()?;
    let (mut removed, mut bytes) = (Vec::new(), 0);
    for one in create::list(&roots).map_err(explained)? {
        let wanted = args.filter.iter().all(|filter| filter.holds_for_prune(&one.labels, one.created));
        if !wanted || exec::running(&roots, &one.id).is_some() {
            continue;
        }
        let size = super::inspect::written(&roots, &one);
        match exit::remove(&roots, &one, false, exit::Volumes::Keep) {
            Ok(()) => {
                bytes += size;
                removed.push(one.id);
            }
            // It has just been started.
            Err(exit::ExitError::Running(_)) => {}
            Err(error) => return Err(explained(error)),
        }
    }
    if context.screen.json {
        context.screen.data(&json!({ "schema": 1, "removed": removed, "bytes": bytes }))?;
        return Ok(Exit::Ok);
    }
    if !removed.is_empty() {
        context.screen.print(&format!("Deleted Containers:\n{}\n\n", removed.join("\n")))?;
    }
    context.screen.line(&format!("Total reclaimed space: {}", create::size(bytes)))?;
    Ok(Exit::Ok)
}

/// Asks; no is the answer of one who is not there.
pub(super) fn agreed(what: &str) -> anyhow::Result<bool> {
    let question = format!("WARNING! This will remove {what}.\nAre you sure you want to continue? [y/N] ");
    std::io::stderr().write_all(question.as_bytes())?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if !std::io::stdin().is_terminal() {
        std::io::stderr().write_all(b"\n")?;
    }
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
