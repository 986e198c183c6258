//! `explore images` and `explore rmi`.

use super::pulling::size;
use super::{Context, explained};
use crate::exit::Exit;
use crate::image::{self, Summary, time};

/// List the images that are here
#[derive(Debug, clap::Args)]
pub(super) struct Images {
    /// Print image IDs alone
    #[arg(short, long)]
    quiet: bool,
    /// Do not cut IDs
    #[arg(long)]
    no_trunc: bool,
}

/// Remove images that no container stands on
#[derive(Debug, clap::Args)]
pub(super) struct Rmi {
    /// Names, or IDs
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

pub(super) fn run(arguments: &Images, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.roots()?;
    let found = image::list(&roots).map_err(explained)?;
    if context.screen.json {
        context.screen.data(&serde_json::json!({ "schema": 1, "images": found }))?;
        return Ok(Exit::Ok);
    }
    let id = |one: &Summary| if arguments.no_trunc { one.id.clone() } else { short(&one.id) };
    if arguments.quiet {
        for one in &found {
            context.screen.line(&id(one))?;
        }
        return Ok(Exit::Ok);
    }
    let rows: Vec<[String; 5]> = found
        .iter()
        .map(|one| [one.repository.clone(), one.tag.clone(), id(one), created(one), size(one.size)])
        .collect();
    context.screen.table(["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"], &rows)?;
    Ok(Exit::Ok)
}

pub(super) fn remove(arguments: &Rmi, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots()?;
    let mut removed = Vec::new();
    let mut failed = None;
    for name in &arguments.images {
        match image::remove(&roots, name) {
            Ok(lines) => removed.extend(lines),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    if context.screen.json {
        context.screen.data(&serde_json::json!({ "schema": 1, "removed": removed }))?;
    } else {
        for line in &removed {
            context.screen.line(line)?;
        }
    }
    failed.map_or(Ok(Exit::Ok), |error| Err(explained(error)))
}

fn short(id: &str) -> String {
    id.trim_start_matches("sha256:").chars().take(12).collect()
}

fn created(one: &Summary) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
    one.created.map_or_else(|| "N/A".to_owned(), |created| time::ago(now.saturating_sub(created)))
}
