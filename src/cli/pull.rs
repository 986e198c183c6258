//! `explore pull`: fetch an image, as `docker pull` shows it.

use super::pulling::{Lines, Shown};
use super::{Context, explained};
use crate::exit::Exit;
use crate::image::Image;
use crate::image::archive::Place;
use crate::image::platform::Platform;
use crate::stages::keeper;
use crate::stages::pull::{self, Options, Pulled};
use crate::state::Roots;

#[derive(Debug, clap::Args)]
pub(super) struct Pull {
    /// Print the image's name alone
    #[arg(short, long)]
    quiet: bool,
    /// The platform of an image that is there for several: linux/arm64
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<Platform>,
    /// Name of the image: demo, debian, registry.example.com/team/tool:1.2; or where it lies: oci:FOLDER:TAG,
    /// oci-archive:FILE:TAG, docker-archive:FILE:NAME
    image: String,
}

pub(super) fn run(arguments: &Pull, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.roots()?;
    let shown = if arguments.quiet || context.screen.json { Shown::Nothing } else { Shown::Stdout };
    let mut lines = Lines::new(shown);
    let options = Options { platform: arguments.platform.clone(), ..Options::default() };
    let result = pull_with(options, &roots, &arguments.image, context, &mut lines, &mut |_| Ok(()));
    lines.clear();
    let pulled = result?;
    if context.screen.json {
        context.screen.data(&data(&pulled))?;
    } else if arguments.quiet {
        context.screen.line(&pulled.image.reference)?;
    } else {
        context.screen.print(&end(&pulled, Place::parse(&arguments.image).is_some()))?;
    }
    Ok(Exit::Ok)
}

/// Downloads where this user's network is, and unpacks where its files can have owners.
pub(super) fn pull(roots: &Roots, image: &str, context: &mut Context, lines: &mut Lines) -> anyhow::Result<Pulled> {
    pull_with(Options::default(), roots, image, context, lines, &mut |_| Ok(()))
}

/// What is to be done once an image is known, while the command may still stand in this user's network.
pub(super) type Known<'a> = dyn FnMut(&Image) -> anyhow::Result<()> + 'a;

pub(super) fn pull_with(
    mut options: Options,
    roots: &Roots,
    image: &str,
    context: &mut Context,
    lines: &mut Lines,
    known: &mut Known<'_>,
) -> anyhow::Result<Pulled> {
    options.unpack_at_once = keeper::is_inside();
    if options.unpack_at_once {
        context.enter(roots)?;
    }
    let downloaded = pull::download(roots, image, &options, lines).map_err(explained)?;
    known(&downloaded.image(roots).map_err(explained)?)?;
    context.enter(roots)?;
    pull::unpack(roots, &downloaded, &options, lines).map_err(explained)
}

fn data(pulled: &Pulled) -> serde_json::Value {
    serde_json::json!({
        "schema": 1,
        "image": pulled.image.reference,
        "id": pulled.image.id,
        "digest": digest(pulled),
        "manifest": pulled.image.manifest_digest,
        "already_here": pulled.already_here,
        "bytes": pulled.bytes,
        "layers": pulled.layers,
    })
}

fn digest(pulled: &Pulled) -> &str {
    pulled.image.pulled_digest.as_deref().unwrap_or(&pulled.image.manifest_digest)
}

fn end(pulled: &Pulled, from_here: bool) -> String {
    let name = &pulled.image.reference;
    let status = match (pulled.already_here, from_here) {
        (true, _) => "Image is up to date for",
        (false, true) => "Loaded image",
        (false, false) => "Downloaded newer image for",
    };
    format!("Digest: {}\nStatus: {status} {name}\n{name}\n", digest(pulled))
}
