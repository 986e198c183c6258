//! `explore inspect`: all that is known of containers, images, networks and volumes, in docker's shape as far as explore has the facts.

mod absent;
mod container;
mod host_config;
mod image;

pub(super) use container::{connected, shown_mount, shown_mounts, written};

use super::template::Template;
use super::{Context, explained};
use crate::error::Explain;
use crate::exit::Exit;
use crate::image::ImageError;
use crate::stages::create::{self, CreateError};
use crate::stages::network::NetworkError;
use crate::stages::volume::VolumeError;
use crate::state::Roots;
use serde_json::Value;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "In docker's shape: `-f '{{.State.Status}}'`, `-f '{{json .Mounts}}'`. Facts that explore does \
    not have are left out."
)]
pub(super) struct Inspect {
    /// A line for each instead: `{{.State.Status}}`, or `json`
    #[arg(short, long, value_name = "TEMPLATE")]
    format: Option<String>,
    /// Whether it is a `container`, an `image`, a `network` or a `volume`
    #[arg(long, value_name = "TYPE")]
    r#type: Option<Kind>,
    /// How much a container has written
    #[arg(short, long)]
    size: bool,
    /// Names or IDs
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Container,
    Image,
    Network,
    Volume,
}

/// Neither.
#[derive(Debug, thiserror::Error)]
#[error("no such object: {0}")]
struct NoObject(String);

impl Explain for NoObject {
    fn hint(&self) -> Option<String> {
        Some("`explore ps -a` and `explore images` list what there is".into())
    }
}

impl Inspect {
    /// Of images only.
    pub(super) fn of_images(self) -> Self {
        Self { r#type: Some(Kind::Image), ..self }
    }

    /// Of containers only.
    pub(super) fn of_containers(self) -> Self {
        Self { r#type: Some(Kind::Container), ..self }
    }
}

pub(super) fn run(args: &Inspect, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots_to_look()?;
    show(&args.names, args.format.as_deref(), context, |name| look(args, &roots, name))
}

/// All of them as one list, or a line each; what is there is shown, also where something else is not.
pub(super) fn show(
    names: &[String],
    asked: Option<&str>,
    context: &mut Context,
    look: impl Fn(&str) -> anyhow::Result<Value>,
) -> anyhow::Result<Exit> {
    let template: Option<Template> = match asked.filter(|format| *format != "json") {
        Some(format) => Some(format.parse().map_err(explained)?),
        None => None,
    };
    let mut found = Vec::new();
    let answer = super::several::each(names, |name| {
        let value = look(name)?;
        match &template {
            Some(template) => context.screen.line(&template.render(&absent::completed(value)).map_err(explained)?)?,
            None => found.push(value),
        }
        Ok(())
    });
    if template.is_none() {
        let text =
            if asked.is_some() || context.screen.json { serde_json::to_string(&found)? } else { pretty(&found)? };
        context.screen.line(&text)?;
    }
    answer
}

/// Four spaces, as docker prints it.
fn pretty(found: &[Value]) -> serde_json::Result<String> {
    use serde::Serialize;
    let mut text = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    found.serialize(&mut serde_json::Serializer::with_formatter(&mut text, format))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn look(args: &Inspect, roots: &Roots, name: &str) -> anyhow::Result<Value> {
    if args.r#type.is_none_or(|kind| kind == Kind::Container) {
        match create::find(roots, name) {
            Ok(found) => return container::facts(roots, &found, args.size),
            Err(CreateError::NoSuchContainer(_)) if args.r#type.is_none() => {}
            Err(error) => return Err(explained(error)),
        }
    }
    let image = match crate::image::find(roots, name) {
        _ if matches!(args.r#type, Some(Kind::Network | Kind::Volume)) => None,
        Ok(found) => return image::facts(roots, &found),
        // What is no name at all is no object either.
        Err(ImageError::NotFound { .. } | ImageError::Reference(_)) if args.r#type.is_none() => None,
        Err(ImageError::Reference(_)) => return Err(explained(NoObject(name.to_owned()))),
        Err(error) => Some(error),
    };
    if let Some(error) = image {
        return Err(explained(error));
    }
    if args.r#type != Some(Kind::Volume) {
        match super::network::manage::facts(roots, name) {
            Err(NetworkError::NoSuchNetwork(_)) if args.r#type.is_none() => {}
            other => return other.map_err(explained),
        }
    }
    match super::volume::facts(roots, name) {
        Err(VolumeError::NoSuch(_) | VolumeError::Name(_)) if args.r#type.is_none() => {
            Err(explained(NoObject(name.to_owned())))
        }
        other => other.map_err(explained),
    }
}
