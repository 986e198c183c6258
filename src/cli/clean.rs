//! `explore clean`: the host as it was.

use super::{Context, explained};
use crate::exit::Exit;
use crate::lesson::catalog::{Catalog, Language};
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
        let text = sentence(&cleaned, context.catalog());
        context.screen.line(&text)?;
    }
    Ok(Exit::Ok)
}

fn sentence(cleaned: &Cleaned, catalog: &Catalog) -> String {
    if *cleaned == Cleaned::default() {
        return catalog.sentence("Nothing was left behind.");
    }
    let mut parts = Vec::new();
    match cleaned.effects {
        0 => {}
        1 => parts.push("took back 1 thing left by processes that are gone".to_owned()),
        many => parts.push(format!("took back {many} things left by processes that are gone")),
    }
    if !cleaned.ended.is_empty() {
        parts.push(format!("ended {}", cleaned.ended.join(", ")));
    }
    if !cleaned.removed.is_empty() {
        parts.push(format!("removed {}", cleaned.removed.join(", ")));
    }
    if catalog.language != Language::English {
        return parts.iter().map(|part| catalog.sentence(part)).collect::<Vec<_>>().join("；") + "。";
    }
    let mut text = parts.join("; ");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text + "."
}
