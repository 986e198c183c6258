//! `explore map`: pictures of what is there now, as text, and in the languages that other programs draw.

use super::columns::wrap;
use super::compare::Style;
use super::{Context, explained};
use crate::exit::Exit;
use crate::image;
use crate::lesson::catalog::{Catalog, Language};
use crate::map::{self, Call, Picture, Timeline};
use crate::stages::create::{self, Container};
use crate::stages::exec;
use std::os::fd::AsFd;
use std::process::{Command, Output, Stdio};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "`explore map network web --svg >web.svg` writes a picture; `--dot` and `--mermaid` are for programs that draw \
    themselves. Without a name, layers and network take the container that was made last, namespaces and cgroups all that run."
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// The layers of an image, and what a container has written on top of them
    Layers(Named),
    /// Which processes stand in which namespaces, and where they come from
    Namespaces(Named),
    /// The way from a container's eth0 to the outside
    Network(Named),
    /// The groups of containers, with their limits and members
    Cgroups(Named),
    /// All six stages of a run, with what each has changed: walks through them and takes it back
    Stages(Form),
    /// A run by system call: starts a container from an image, and removes it again
    Timeline(Run),
}

#[derive(Debug, clap::Args)]
struct Named {
    /// Name or ID of a container; for layers also of an image
    name: Option<String>,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, clap::Args)]
struct Run {
    /// The image
    #[arg(default_value = "demo")]
    image: String,
    /// What runs in it, after `--`; `true` without it
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Clone, Copy, clap::Args)]
#[group(multiple = false)]
struct Form {
    /// As SVG
    #[arg(long, conflicts_with = "json")]
    svg: bool,
    /// As Graphviz's dot
    #[arg(long, conflicts_with = "json")]
    dot: bool,
    /// As mermaid
    #[arg(long, conflicts_with = "json")]
    mermaid: bool,
}

#[derive(Debug, thiserror::Error)]
enum MapError {
    #[error("there is no container to draw")]
    Nothing,
    #[error("no container runs")]
    NothingRuns,
    #[error("no container and no image is called {0:?}")]
    NoName(String),
    #[error("the container {0:?} does not run")]
    NotRunning(String),
    #[error("`explore {words}` ended with {status} and said: {said}")]
    Run { words: String, status: std::process::ExitStatus, said: String },
}

impl crate::error::Explain for MapError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Nothing | Self::NothingRuns => "make one: explore run -d --name web demo sleep 1000".into(),
            Self::NoName(_) => "`explore ps -a` lists containers, `explore images` images".into(),
            Self::NotRunning(name) => format!("`explore start {name}` starts it; what does not run is in no namespace"),
            Self::Run { .. } => "try it without the picture: explore run --rm".into(),
        })
    }
}

pub(super) fn run(args: &Args, context: &mut Context) -> anyhow::Result<Exit> {
    match &args.what {
        What::Layers(named) => show(&layers(named, context)?, named.form, context),
        What::Namespaces(named) => {
            let (roots, running) = running(named, context)?;
            show(&map::namespaces(&roots, &running, &catalog(context)?), named.form, context)
        }
        What::Network(named) => show(&way_out(named, context)?, named.form, context),
        What::Cgroups(named) => {
            let (roots, running) = running(named, context)?;
            show(&map::cgroups(&roots, &running, &catalog(context)?).map_err(explained)?, named.form, context)
        }
        What::Stages(form) => {
            let ended = told(context, &["--json", "walk", "--yes"])?;
            let walk: map::Walk = serde_json::from_slice(&ended.stdout)?;
            show(&map::stages(&walk, &catalog(context)?), *form, context)
        }
        What::Timeline(args) => timeline(args, context),
    }
}

/// The words of a picture. Those that programs read are always the same.
fn catalog(context: &Context) -> anyhow::Result<Catalog> {
    let language = super::lesson::language(context)?;
    Ok(Catalog::of(if context.screen.json { Language::English } else { language }))
}

fn show(picture: &Picture, form: Form, context: &mut Context) -> anyhow::Result<Exit> {
    let words = catalog(context)?;
    let screen = &mut context.screen;
    match form {
        _ if screen.json => screen.data(picture)?,
        Form { svg: true, .. } => screen.print(&map::svg(picture, &words))?,
        Form { dot: true, .. } => screen.print(&map::dot(picture))?,
        Form { mermaid: true, .. } => screen.print(&map::mermaid(picture))?,
        _ => {
            let unicode = Style::of(screen).unicode;
            screen.print(&map::text(picture, screen.width, unicode, |line, width| wrap(line, width, 2)))?;
        }
    }
    Ok(Exit::Ok)
}

/// A container by its name, or the one that was made last.
fn container(name: Option<&str>, roots: &crate::state::Roots) -> anyhow::Result<Container> {
    if let Some(name) = name {
        return create::find(roots, name).map_err(explained);
    }
    let all = create::list(roots).map_err(explained)?;
    all.into_iter().max_by_key(|one| one.created_nanos).ok_or_else(|| explained(MapError::Nothing))
}

fn layers(named: &Named, context: &mut Context) -> anyhow::Result<Picture> {
    let roots = context.container_roots_to_look()?;
    let found = match (container(named.name.as_deref(), &roots), &named.name) {
        (Err(_), Some(name)) => match image::find(&roots, name) {
            Ok(image) => return map::layers(&roots, &image, None, &catalog(context)?).map_err(explained),
            Err(image::ImageError::NotFound { .. }) => return Err(explained(MapError::NoName(name.clone()))),
            Err(error) => return Err(explained(error)),
        },
        (found, _) => found?,
    };
    let image = image::find(&roots, &found.image_id).map_err(explained)?;
    map::layers(&roots, &image, Some(&found), &catalog(context)?).map_err(explained)
}

/// The container that is named, if it runs; all that run otherwise.
fn running(named: &Named, context: &mut Context) -> anyhow::Result<(crate::state::Roots, Vec<Container>)> {
    let roots = context.container_roots_to_look()?;
    let is_up = |one: &Container| exec::running(&roots, &one.id).is_some();
    let chosen = match &named.name {
        Some(name) => {
            let found = create::find(&roots, name).map_err(explained)?;
            if !is_up(&found) {
                return Err(explained(MapError::NotRunning(name.clone())));
            }
            vec![found]
        }
        None => create::list(&roots).map_err(explained)?.into_iter().filter(is_up).collect(),
    };
    if chosen.is_empty() {
        return Err(explained(MapError::NothingRuns));
    }
    Ok((roots, chosen))
}

fn way_out(named: &Named, context: &mut Context) -> anyhow::Result<Picture> {
    let roots = context.container_roots_to_look()?;
    let found = container(named.name.as_deref(), &roots)?;
    let space = super::network::namespace_of(&roots, &found.id);
    map::network(&roots, &found, space.as_ref().map(AsFd::as_fd), &catalog(context)?).map_err(explained)
}

/// This program, with the words that a person would type; what it says is for us.
fn told(context: &Context, words: &[&str]) -> anyhow::Result<Output> {
    let mut typed = Command::new("/proc/self/exe");
    if let Some(root) = &context.global.root {
        typed.arg("--root").arg(root);
    }
    let ended = typed.args(words).stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::piped()).output()?;
    let narrated = words.contains(&"--narrate");
    if !ended.status.success() && !narrated {
        let said = String::from_utf8_lossy(&ended.stderr).trim().replace('\n', " / ");
        return Err(explained(MapError::Run { words: words.join(" "), status: ended.status, said }));
    }
    Ok(ended)
}

fn timeline(args: &Run, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.roots()?;
    let command = if args.command.is_empty() { vec!["true".to_owned()] } else { args.command.clone() };
    // Not as a part of the run: fetching is no step of it.
    if matches!(image::find(&roots, &args.image), Err(image::ImageError::NotFound { .. })) {
        told(context, &["pull", "-q", &args.image])?;
    }
    let words: Vec<&str> = ["--narrate", "--json", "run", "--rm", &args.image]
        .into_iter()
        .chain(command.iter().map(String::as_str))
        .collect();
    let ended = told(context, &words)?;
    let heard = String::from_utf8_lossy(&ended.stderr).into_owned();
    let calls: Vec<Call> = heard.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let said: Vec<&str> = heard.lines().filter(|line| !line.starts_with('{')).collect();
    if !ended.status.success() && calls.iter().all(|call| call.role != "init") {
        return Err(explained(MapError::Run { words: words.join(" "), status: ended.status, said: said.join(" / ") }));
    }
    let catalog = catalog(context)?;
    let line = Timeline::new(format!("explore run --rm {} {}", args.image, command.join(" ")), &calls);
    let screen = &mut context.screen;
    match args.form {
        _ if screen.json => screen.data(&line)?,
        Form { svg: true, .. } => screen.print(&line.svg(&catalog))?,
        Form { dot: true, .. } => screen.print(&line.dot())?,
        Form { mermaid: true, .. } => screen.print(&line.mermaid())?,
        _ => {
            let unicode = Style::of(screen).unicode;
            screen.print(&line.text(screen.width, unicode, &catalog, |line, width| wrap(line, width, 2)))?;
        }
    }
    Ok(Exit::Ok)
}
