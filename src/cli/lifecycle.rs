//! `ps`, `logs`, `stop`, `wait`, `rm`: what becomes of a container.

use super::several::each;
use super::{Context, explained};
use crate::exit::Exit;
use crate::image::time;
use crate::stages::create::{self, Container, Status};
use crate::stages::exec::message::Stream;
use crate::stages::exit::Signal;
use crate::stages::{exec, exit, network};
use crate::state::Roots;
use serde_json::json;
use std::io::Write;

/// List containers
#[derive(Debug, clap::Args)]
pub(super) struct Ps {
    /// Those that do not run as well
    #[arg(short, long)]
    all: bool,
    /// IDs only
    #[arg(short, long)]
    quiet: bool,
    /// Whole IDs and commands
    #[arg(long)]
    no_trunc: bool,
}

/// Show what a container has said
#[derive(Debug, clap::Args)]
pub(super) struct Logs {
    /// With the time of each line
    #[arg(short, long)]
    timestamps: bool,
    /// Name or ID
    container: String,
}

/// End containers: their stop signal, and SIGKILL if that does not help
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

/// Send a signal to PID 1 of containers: SIGKILL ends it, another one it may handle
#[derive(Debug, clap::Args)]
pub(super) struct Kill {
    /// A name such as TERM, or a number
    #[arg(short, long, default_value = "KILL")]
    signal: String,
    /// Names or IDs
    #[arg(required = true)]
    containers: Vec<String>,
}

/// Wait until containers have ended, and print their exit codes
#[derive(Debug, clap::Args)]
pub(super) struct Wait {
    /// Names or IDs
    #[arg(required = true)]
    containers: Vec<String>,
}

/// Remove containers and what they have written
#[derive(Debug, clap::Args)]
pub(super) struct Rm {
    /// End one that runs first
    #[arg(short, long)]
    force: bool,
    /// Names or IDs
    #[arg(required = true)]
    containers: Vec<String>,
}

pub(super) fn ps(args: &Ps, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots_to_look()?;
    let mut all = create::list(&roots).map_err(explained)?;
    all.retain(|one| args.all || exec::running(&roots, &one.id).is_some());
    if context.screen.json {
        let data: Vec<_> =
            all.iter().map(|one| json!({ "container": one, "running": exec::running(&roots, &one.id) })).collect();
        context.screen.data(&data)?;
        return Ok(Exit::Ok);
    }
    let id = |one: &Container| if args.no_trunc { one.id.clone() } else { one.id[..12].to_owned() };
    if args.quiet {
        for one in &all {
            context.screen.line(&id(one))?;
        }
        return Ok(Exit::Ok);
    }
    let row = |one: &Container| {
        [
            id(one),
            one.image.clone(),
            command(one, args.no_trunc),
            since(one.created),
            status(&roots, one),
            ports(&roots, one),
            one.name.clone(),
        ]
    };
    let rows: Vec<[String; 7]> = all.iter().map(row).collect();
    context.screen.table(["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"], &rows)?;
    Ok(Exit::Ok)
}

/// Of one that runs: what leads to it, and what could.
fn ports(roots: &Roots, one: &Container) -> String {
    let runs = exec::running(roots, &one.id).is_some();
    let leases = network::leases_of(roots, &one.id).unwrap_or_default();
    if runs { super::port::column(&leases, &one.wish.exposed) } else { String::new() }
}

/// In quotes, cut to twenty characters, as docker shows it.
fn command(one: &Container, whole: bool) -> String {
    let text = one.command.join(" ");
    if whole || text.chars().count() <= 20 {
        return format!("\"{text}\"");
    }
    format!("\"{}…\"", text.chars().take(19).collect::<String>())
}

fn status(roots: &Roots, one: &Container) -> String {
    if let Some(running) = exec::running(roots, &one.id) {
        let held = if exec::is_paused(&running) { " (Paused)" } else { "" };
        return format!("Up {}{held}", since(running.started).trim_end_matches(" ago"));
    }
    match one.status {
        Status::Created => "Created".to_owned(),
        Status::Exited { how, at, .. } => format!("Exited ({}) {}", how.code(), since(at)),
    }
}

fn since(then: u64) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
    time::ago(now.saturating_sub(then))
}

pub(super) fn logs(args: &Logs, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots_to_look()?;
    let container = create::find(&roots, &args.container).map_err(explained)?;
    let lines = exec::read_log(&create::folder(&roots, &container.id)).map_err(explained)?;
    if context.screen.json {
        context.screen.data(&lines)?;
        return Ok(Exit::Ok);
    }
    for line in lines {
        let text = if args.timestamps { format!("{} {}", line.time, line.log) } else { line.log };
        match line.stream {
            Stream::Stdout => context.screen.print(&text)?,
            Stream::Stderr => std::io::stderr().write_all(text.as_bytes())?,
        }
    }
    Ok(Exit::Ok)
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

pub(super) fn kill(args: &Kill, context: &mut Context) -> anyhow::Result<Exit> {
    // Docker's daemon looks at it, not its client: 1, where a wrong flag is 125.
    let signal: Signal = args.signal.parse().map_err(explained)?;
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
    each(&args.containers, |name| {
        let container = create::find(&roots, name).map_err(explained)?;
        exit::remove(&roots, &container, args.force).map_err(explained)?;
        Ok(context.screen.line(name)?)
    })
}
