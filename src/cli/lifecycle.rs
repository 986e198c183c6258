//! `stop`, `restart`, `kill`, `wait`, `rename`, `rm`: what becomes of a container.

use super::several::each;
use super::{Context, container, explained};
use crate::exit::Exit;
use crate::stages::create::{self, Container};
use crate::stages::exit::Signal;
use crate::stages::network::door::Door;
use crate::stages::{exec, exit};
use crate::state::Roots;
use std::io::Write;

#[derive(Debug, clap::Args)]
pub(super) struct Stop {
    /// Seconds between the two; -1 waits as long as it takes
    #[arg(short, long, visible_alias = "time", allow_negative_numbers = true)]
    timeout: Option<i64>,
    /// Send this signal instead of the container's own
    #[arg(short, long)]
    signal: Option<String>,
    /// Names or IDs
    #[arg(required = true)]
    containers: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Kill {
    /// A name such as TERM, or a number
    #[arg(short, long, default_value = "KILL")]
    signal: String,
    /// Names or IDs
    #[arg(required = true)]
    containers: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Restart {
    /// Seconds between the stop signal and SIGKILL; -1 waits as long as it takes
    #[arg(short, long, visible_alias = "time", allow_negative_numbers = true)]
    timeout: Option<i64>,
    /// Send this signal instead of the container's own
    #[arg(short, long)]
    signal: Option<Signal>,
    /// Names or IDs
    #[arg(required = true)]
    containers: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Rename {
    /// Name or ID
    container: String,
    /// The new name
    name: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Wait {
    /// Names or IDs
    #[arg(required = true)]
    containers: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Rm {
    /// End one that runs first
    #[arg(short, long)]
    force: bool,
    /// Its volumes go too, of those that nobody has named
    #[arg(short, long)]
    volumes: bool,
    /// Names or IDs
    #[arg(required = true)]
    containers: Vec<String>,
}

pub(super) fn stop(args: &Stop, context: &mut Context) -> anyhow::Result<Exit> {
    let signal = args.signal.as_deref().map(str::parse::<Signal>).transpose().map_err(explained)?;
    let roots = context.container_roots()?;
    each(&args.containers, |name| {
        let container = create::find(&roots, name).map_err(explained)?;
        exit::stop(&roots, &container, signal, args.timeout).map_err(explained)?;
        Ok(context.screen.line(name)?)
    })
}

pub(super) fn restart(args: &Restart, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.roots()?;
    let doors = container::doors(&roots, &args.containers, container::Again::Restarted)?;
    context.enter(&roots)?;
    let mut doors = doors.iter();
    each(&args.containers, |name| {
        let doors = doors.next().map_or(&[][..], Vec::as_slice);
        let container = create::find(&roots, name).map_err(explained)?;
        // One of `--rm` does not go this time (moby daemon/restart.go, `containerRestart`).
        if container.remove {
            create::set_removal(&roots, &container.id, false).map_err(explained)?;
        }
        let begun = stop_and_start(&roots, &container, args, doors);
        if container.remove {
            create::set_removal(&roots, &container.id, true).map_err(explained)?;
        }
        begun?;
        Ok(context.screen.line(name)?)
    })
}

fn stop_and_start(roots: &Roots, container: &Container, args: &Restart, doors: &[Door]) -> anyhow::Result<()> {
    exit::stop(roots, container, args.signal, args.timeout).map_err(explained)?;
    let container = create::find(roots, &container.id).map_err(explained)?;
    exec::start(roots, &container, false, doors).map_err(explained)?;
    Ok(())
}

pub(super) fn rename(args: &Rename, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots_to_look()?;
    create::rename(&roots, &args.container, &args.name).map_err(explained).map_err(super::report::refused)?;
    Ok(Exit::Ok)
}

pub(super) fn kill(args: &Kill, context: &mut Context) -> anyhow::Result<Exit> {
    // Docker's daemon looks at it, not its client: 1, where a wrong flag is 125.
    let signal = if args.signal.is_empty() { "KILL" } else { &args.signal };
    let signal: Signal = signal.parse().map_err(explained)?;
    let roots = context.container_roots()?;
    each(&args.containers, |name| {
        let container = create::find(&roots, name).map_err(explained)?;
        exit::signal(&roots, &container, signal).map_err(explained)?;
        Ok(context.screen.line(name)?)
    })
}

pub(super) fn wait(args: &Wait, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots_to_look()?;
    each(&args.containers, |name| {
        let code = exit::wait(&roots, name).map_err(explained)?;
        Ok(context.screen.line(&code.to_string())?)
    })
}

pub(super) fn rm(args: &Rm, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots()?;
    let volumes = if args.volumes { exit::Volumes::Anonymous } else { exit::Volumes::Keep };
    each(&args.containers, |name| {
        let container = match create::find(&roots, name) {
            // With -f it is said, and is no failure: that is what was wanted.
            Err(error @ create::CreateError::NoSuchContainer(_)) if args.force => {
                return Ok(writeln!(std::io::stderr(), "explore: {}", context.say(&error.to_string()))?);
            }
            other => other.map_err(explained)?,
        };
        exit::remove(&roots, &container, args.force, volumes).map_err(explained)?;
        Ok(context.screen.line(name)?)
    })
}
