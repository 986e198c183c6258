//! `explore ps`: which containers there are.

mod filter;
mod image;

pub(super) use filter::{Filter, FilterError, has_label};

use super::format::{self, Format};
use super::{Context, explained};
use crate::exit::Exit;
use crate::image::time;
use crate::stages::create::{self, Container, Status, What};
use crate::stages::exec::{self, Running};
use crate::stages::network;
use crate::state::Roots;
use filter::Candidate;
use image::Images;
use serde_json::{Value, json};

#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of docker's
#[command(
    after_help = "Filters: id, name, status, exited, ancestor, label, before, since, network, volume, publish, expose, health, is-task, isolation.\n\
    Fields of --format: ID Image Command CreatedAt RunningFor Ports State Status Size Names Labels Mounts LocalVolumes Networks."
)]
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
    /// Only those of which this holds: `status=exited`, `name=web`
    #[arg(short, long, value_name = "NAME=VALUE")]
    filter: Vec<Filter>,
    /// The newest so many, in whatever state
    #[arg(short = 'n', long, value_name = "NUMBER", allow_negative_numbers = true)]
    last: Option<i64>,
    /// The newest, in whatever state
    #[arg(short, long)]
    latest: bool,
    /// How much each has written
    #[arg(short, long)]
    size: bool,
    /// A line for each: `{{.ID}} {{.Names}}`; `table …` with a heading, `json`
    #[arg(long, value_name = "TEMPLATE")]
    format: Option<String>,
}

pub(super) fn run(args: &Ps, context: &mut Context) -> anyhow::Result<Exit> {
    let raw = if args.size { format::RAW_CONTAINER_WITH_SIZE } else { format::RAW_CONTAINER };
    let format = Format::with_raw(args.format.as_deref(), raw).map_err(explained)?;
    let roots = context.container_roots_to_look()?;
    let all = chosen(args, &roots)?;
    if args.quiet && matches!(format, Format::Usual | Format::Json) {
        return print_ids(args, &all, context);
    }
    if context.screen.json {
        let data: Vec<Value> =
            all.iter().map(|one| json!({ "container": one.container, "running": one.running })).collect();
        context.screen.data(&data)?;
        return Ok(Exit::Ok);
    }
    let images = Images::of(&roots, &all);
    let rows: Vec<Value> = all.iter().map(|one| fields(args, &roots, &images, one)).collect();
    if !format.print(&rows, &COLUMNS, context)? {
        print_usual(args, &rows, context)?;
    }
    Ok(Exit::Ok)
}

/// Those that were asked for, newest first.
fn chosen(args: &Ps, roots: &Roots) -> anyhow::Result<Vec<Candidate>> {
    let all: Vec<Candidate> = create::list(roots)
        .map_err(explained)?
        .into_iter()
        .map(|container| Candidate { running: exec::running(roots, &container.id), container })
        .collect();
    let last = if args.latest { Some(1) } else { args.last.and_then(|last| usize::try_from(last).ok()) };
    let last = last.filter(|last| *last > 0);
    let with_dead = args.all || last.is_some() || args.filter.iter().any(Filter::names_a_state);
    let context = filter::Context::of(roots, &args.filter, &all).map_err(explained)?;
    let is_chosen = |one: &Candidate| (with_dead || one.running.is_some()) && context.holds(&args.filter, one);
    Ok(all.iter().filter(|one| is_chosen(one)).take(last.unwrap_or(usize::MAX)).cloned().collect())
}

fn print_ids(args: &Ps, all: &[Candidate], context: &mut Context) -> anyhow::Result<Exit> {
    for one in all {
        context.screen.line(shown_id(args, &one.container))?;
    }
    Ok(Exit::Ok)
}

fn shown_id<'a>(args: &Ps, one: &'a Container) -> &'a str {
    if args.no_trunc { &one.id } else { &one.id[..12] }
}

const COLUMNS: [(&str, &str); 7] = [
    ("CONTAINER ID", "ID"),
    ("IMAGE", "Image"),
    ("COMMAND", "Command"),
    ("CREATED", "RunningFor"),
    ("STATUS", "Status"),
    ("PORTS", "Ports"),
    ("NAMES", "Names"),
];

fn print_usual(args: &Ps, rows: &[Value], context: &mut Context) -> anyhow::Result<()> {
    let usual = format::cells(rows, COLUMNS);
    if args.size {
        let with = |seven: [String; 7], last: String| {
            let mut cells: [String; 8] = Default::default();
            cells[..7].clone_from_slice(&seven);
            cells[7] = last;
            cells
        };
        let header = with(COLUMNS.map(|(heading, _)| heading.to_owned()), "SIZE".into());
        let sizes = format::cells(rows, [("SIZE", "Size")]);
        let rows: Vec<[String; 8]> = usual.into_iter().zip(sizes).map(|(row, [size])| with(row, size)).collect();
        let header: [&str; 8] = std::array::from_fn(|at| header[at].as_str());
        return Ok(context.screen.table(header, &rows)?);
    }
    Ok(context.screen.table(COLUMNS.map(|(heading, _)| heading), &usual)?)
}

/// Docker's fields of a container.
fn fields(args: &Ps, roots: &Roots, images: &Images, one: &Candidate) -> Value {
    let (container, running) = (&one.container, one.running.as_ref());
    let labels: Vec<String> = container.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    json!({
        "ID": shown_id(args, container),
        "Image": images.shown(container, args.no_trunc),
        "Command": command(container, args.no_trunc),
        "CreatedAt": time::rfc3339(container.created).replace('T', " ").replace('Z', " +0000 UTC"),
        "RunningFor": since(container.created),
        "Ports": ports(roots, container, running),
        "State": state(container, running),
        "Status": status(container, running),
        "Size": if wants_size(args) { size(roots, container) } else { "0B".to_owned() },
        "Names": container.name,
        "Labels": labels.join(","),
        "LocalVolumes": container.mounts.iter().filter(|one| matches!(one.what, What::Volume { .. })).count().to_string(),
        "Mounts": super::inspect::shown_mounts(container).join(","),
        "Networks": networks(container),
    })
}

fn networks(container: &Container) -> String {
    match &container.network {
        mode @ network::Mode::Container(_) => mode.to_string(),
        _ => super::inspect::connected(container).join(","),
    }
}

/// Of one that runs: what leads to it, and what could.
fn ports(roots: &Roots, one: &Container, running: Option<&Running>) -> String {
    let leases = network::leases_of(roots, &one.id).unwrap_or_default();
    if running.is_some() { super::port::column(&leases, &one.wish.exposed) } else { String::new() }
}

/// As docker shows it: words with a blank between ', cut to twenty characters, and all in the quotes of Go.
fn command(one: &Container, whole: bool) -> String {
    let (program, words) = one.command.split_first().map_or(("", &[][..]), |(program, words)| (program, words));
    let quoted = |word: &String| if word.contains(' ') { format!("'{word}'") } else { word.clone() };
    let text = std::iter::once(program.to_owned()).chain(words.iter().map(quoted)).collect::<Vec<_>>().join(" ");
    let shown = if whole { text } else { super::columns::cut(&text, 20, true) };
    format!("\"{}\"", shown.chars().map(escaped).collect::<String>())
}

/// A line of a list stays one line, whatever a command has in it.
fn escaped(one: char) -> String {
    match one {
        '"' => "\\\"".into(),
        '\\' => "\\\\".into(),
        '\n' => "\\n".into(),
        '\r' => "\\r".into(),
        '\t' => "\\t".into(),
        one if one.is_ascii_control() => format!("\\x{:02x}", u32::from(one)),
        one => one.to_string(),
    }
}

/// What docker calls its state.
pub(super) fn state(one: &Container, running: Option<&Running>) -> &'static str {
    match (running, &one.status) {
        (Some(running), _) if exec::is_paused(running) => "paused",
        (Some(_), _) => "running",
        (None, Status::Created) => "created",
        (None, Status::Exited { .. }) => "exited",
    }
}

fn status(one: &Container, running: Option<&Running>) -> String {
    if let Some(running) = running {
        let held = if exec::is_paused(running) { " (Paused)" } else { "" };
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

/// Docker's client reads in the template whether it has to ask for it.
fn wants_size(args: &Ps) -> bool {
    args.size || args.format.as_deref().is_some_and(|format| format.contains(".Size"))
}

/// What it has written itself; with its image.
fn size(roots: &Roots, one: &Container) -> String {
    let own = super::inspect::written(roots, one);
    let below = crate::image::list(roots).ok().and_then(|all| all.into_iter().find(|image| image.id == one.image_id));
    let all = below.map_or(own, |image| own + image.size);
    format!("{} (virtual {})", create::size(own), create::size(all))
}
