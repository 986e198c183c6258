//! `explore clean`: the host as it was.

use super::{Context, explained};
use crate::exit::Exit;
use crate::lesson::run as lesson;
use crate::stages::exit::{self, Cleaned};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Containers that run in the background, and what `layer mount`, `network up` and `ns create` made, are \
    wanted and stay; --all ends and removes them too. Images stay."
)]
pub(super) struct Args {
    /// Also end and remove every container, place and network of explore
    #[arg(long)]
    all: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> anyhow::Result<Exit> {
    let lessons = if args.all { lesson::Scope::All } else { lesson::Scope::Orphans };
    let effects = lesson::clear_all(&context.roots()?, lessons).map_err(explained)?;
    let roots = context.container_roots_to_look()?;
    let mut cleaned = exit::clean(&roots, args.all).map_err(explained)?;
    cleaned.effects += effects;
    if context.screen.json {
        context.screen.data(&cleaned)?;
    } else {
        context.screen.line(&sentence(&cleaned))?;
    }
    Ok(Exit::Ok)
}

fn sentence(cleaned: &Cleaned) -> String {
    if *cleaned == Cleaned::default() {
        return "Nothing was left behind.".to_owned();
    }
    let mut parts = Vec::new();
    if cleaned.effects > 0 {
        parts.push(format!("took back {} left by processes that are gone", count(cleaned.effects, "thing")));
    }
    if !cleaned.ended.is_empty() {
        parts.push(format!("ended {}", cleaned.ended.join(", ")));
    }
    if !cleaned.removed.is_empty() {
        parts.push(format!("removed {}", cleaned.removed.join(", ")));
    }
    let mut text = parts.join("; ");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text + "."
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
