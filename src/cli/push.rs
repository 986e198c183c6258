//! `explore push`: an image to its registry, told as docker tells it.

use super::pulling::short;
use super::{Context, explained};
use crate::exit::Exit;
use crate::image::registry::push::Became;
use crate::stages::push::{self, Step};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::io::{IsTerminal, Write, stderr, stdout};

#[derive(Debug, clap::Args)]
pub(super) struct Push {
    /// Print the image's name alone
    #[arg(short, long)]
    quiet: bool,
    /// Its name, with the registry: registry.example.com/team/tool:1.2
    image: String,
}

pub(super) fn run(args: &Push, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.roots()?;
    let is_silent = args.quiet || context.screen.json;
    let style = ProgressStyle::with_template("{msg:.dim} {bar:20} {bytes}/{total_bytes}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = (!is_silent && stderr().is_terminal()).then(|| ProgressBar::no_length().with_style(style));
    let result = push::push(&roots, &args.image, &mut |step| match (step, &bar) {
        (Step::Sending { blob, done, total }, Some(bar)) => {
            bar.set_length(total);
            bar.set_message(format!("{}: Pushing", short(blob)));
            bar.set_position(done);
        }
        (Step::Layer { diff_id, became }, bar) if !is_silent => {
            let line = format!("{}: {}", short(diff_id), word(became));
            let print = || drop(writeln!(stdout(), "{line}"));
            match bar {
                Some(bar) => bar.suspend(print),
                None => print(),
            }
        }
        _ => {}
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let done = result.map_err(explained)?;
    if context.screen.json {
        let layer = |(digest, became): &(String, Became)| json!({ "digest": digest, "became": became });
        let layers: Vec<_> = done.layers.iter().map(layer).collect();
        let image = done.name.to_string();
        context.screen.data(
            &json!({ "schema": 1, "image": image, "digest": done.digest, "size": done.size, "layers": layers }),
        )?;
    } else if args.quiet {
        context.screen.line(&done.name.to_string())?;
    } else {
        let tag = done.name.tag.clone().unwrap_or_else(|| done.name.wanted());
        context.screen.line(&format!("{tag}: digest: {} size: {}", done.digest, done.size))?;
    }
    Ok(Exit::Ok)
}

/// Docker's words.
fn word(became: Became) -> &'static str {
    match became {
        Became::Pushed => "Pushed",
        Became::Exists => "Layer already exists",
        Became::Mounted => "Mounted from another repository",
    }
}
