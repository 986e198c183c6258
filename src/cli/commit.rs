//! `explore commit`: an image from what a container has written.

use super::{Context, explained};
use crate::exit::Exit;
use crate::image::reference::Name;
use crate::stages::commit::{self, Change, Committed, Request};
use crate::stages::create;
use std::io::Write;

#[derive(Debug, clap::Args)]
#[command(after_help = "What is mounted in the container (volumes, /proc, /tmp as a tmpfs) is not in it, nor is any \
    process. `explore diff` shows what will be.")]
pub(super) struct Args {
    /// Who made it, for the image's history
    #[arg(short, long)]
    author: Option<String>,
    /// What was done, for the image's history
    #[arg(short, long)]
    message: Option<String>,
    /// Change how the image is run: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// Hold a container that runs meanwhile; --pause=false lets it run
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true",
        action = clap::ArgAction::Set)]
    pause: bool,
    /// Name or ID
    container: String,
    /// What to call the image; nothing, and it has an ID only
    #[arg(value_name = "REPOSITORY[:TAG]")]
    name: Option<String>,
}

pub(super) fn run(args: &Args, context: &mut Context) -> anyhow::Result<Exit> {
    let name = args.name.as_deref().map(Name::parse).transpose().map_err(explained_name)?;
    if let Some(name) = name.as_ref().filter(|name| name.digest.is_some()) {
        anyhow::bail!("an image gets its digest from what is in it: {name} cannot be its name");
    }
    let roots = context.container_roots()?;
    let container = create::find(&roots, &args.container).map_err(explained)?;
    let changes = args.change.iter().map(|one| one.parse()).collect::<Result<Vec<Change>, _>>().map_err(explained)?;
    let request =
        Request { name, author: args.author.clone(), message: args.message.clone(), changes, pause: args.pause };
    let done = commit::commit(&roots, &container, &request).map_err(explained)?;
    for warning in warnings(&container.name, &done) {
        writeln!(std::io::stderr(), "{}", context.say(&format!("explore: warning: {warning}")))?;
    }
    if context.screen.json {
        context.screen.data(&serde_json::json!({
            "schema": 1,
            "id": done.id,
            "image": done.name,
            "layer": done.layer,
            "entries": done.packed.entries,
            "bytes": done.packed.bytes,
            "held": done.not_held.is_none(),
        }))?;
        return Ok(Exit::Ok);
    }
    context.screen.line(&done.id)?;
    Ok(Exit::Ok)
}

fn explained_name(error: crate::image::reference::InvalidName) -> anyhow::Error {
    explained(crate::image::ImageError::from(error))
}

fn warnings(name: &str, done: &Committed) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(why) = &done.not_held {
        all.push(format!("container {name} ran on while it was read: {why}"));
    }
    if done.packed.sockets > 0 {
        all.push(format!("{} sockets were left out: nobody listens in an image", done.packed.sockets));
    }
    all
}
