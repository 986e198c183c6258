//! `explore images`, `rmi`, `tag`, `history`, and docker's grouping of all that is done to images: `explore image VERB`.

mod filter;

use super::format::{self, Format};
use super::{Context, explained, inspect};
use crate::exit::Exit;
use crate::image::{self, Summary, time};
use crate::stages::create::size;
use filter::{Filter, Filters};
use serde_json::Value;
use std::io::Write;

#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of docker's
#[command(after_help = "Fields of --format: ID Repository Tag Digest CreatedSince CreatedAt Size.")]
pub(super) struct Images {
    /// Print image IDs alone
    #[arg(short, long)]
    quiet: bool,
    /// Do not cut IDs
    #[arg(long)]
    no_trunc: bool,
    /// Those that are steps of others as well, as docker has it: there are none here
    #[arg(short, long)]
    all: bool,
    /// Only those of which this holds: `dangling=true` for images without a name, `reference=team/*:1.?`,
    /// `label=NAME`, `before=IMAGE`, `since=IMAGE`, `until=24h`
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = filter::parse)]
    filter: Vec<Filter>,
    /// With the digests of their manifests
    #[arg(long)]
    digests: bool,
    /// A line for each: `{{.ID}} {{.Tag}}`; `table …` with a heading, `json`
    #[arg(long, value_name = "TEMPLATE")]
    format: Option<String>,
    /// Only those of this name: `debian`, or with a tag
    #[arg(value_name = "REPOSITORY[:TAG]")]
    name: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Tag {
    /// Name or ID of the image
    #[arg(value_name = "SOURCE_IMAGE[:TAG]")]
    source: String,
    /// The new name; an image that had it keeps its ID only
    #[arg(value_name = "TARGET_IMAGE[:TAG]")]
    target: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct History {
    /// Print image IDs alone
    #[arg(short, long)]
    quiet: bool,
    /// Whole IDs and commands
    #[arg(long)]
    no_trunc: bool,
    /// Taken, and changes nothing: times and sizes are for people
    #[arg(short = 'H', long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    human: Option<bool>,
    /// A line for each step, of ID CreatedSince CreatedAt CreatedBy Size Comment
    #[arg(long, value_name = "TEMPLATE")]
    format: Option<String>,
    /// Name or ID
    image: String,
}

/// Remove images that have no name and that no container stands on
#[derive(Debug, clap::Args)]
pub(super) struct Prune {
    /// Those with a name as well
    #[arg(short, long)]
    all: bool,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
    /// Only those of which this holds: `label=NAME`, `until=24h`
    #[arg(long, value_name = "NAME=VALUE", value_parser = filter::parse)]
    filter: Vec<Filter>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Group {
    #[command(subcommand)]
    command: Grouped,
}

#[derive(Debug, clap::Subcommand)]
enum Grouped {
    #[command(alias = "list")]
    Ls(Images),
    Inspect(inspect::Inspect),
    History(History),
    Tag(Tag),
    #[command(alias = "remove")]
    Rm(Rmi),
    Prune(Prune),
    Pull(super::pull::Pull),
    Push(super::push::Push),
    Load(super::archive::Load),
    Save(super::archive::Save),
}

impl Group {
    pub(super) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self.command {
            Grouped::Ls(args) => run(&args, context),
            Grouped::Inspect(args) => inspect::run(&args.of_images(), context),
            Grouped::History(args) => history(&args, context),
            Grouped::Tag(args) => tag(&args, context),
            Grouped::Rm(args) => remove(&args, context),
            Grouped::Prune(args) => prune(&args, context),
            Grouped::Pull(args) => super::pull::run(&args, context),
            Grouped::Push(args) => super::push::run(&args, context),
            Grouped::Load(args) => super::archive::load(&args, context),
            Grouped::Save(args) => super::archive::save(&args, context),
        }
    }
}

pub(super) fn tag(args: &Tag, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.roots()?;
    let name = image::tag(&roots, &args.source, &args.target).map_err(explained)?;
    if context.screen.json {
        context.screen.data(&serde_json::json!({ "schema": 1, "image": name }))?;
    }
    Ok(Exit::Ok)
}

pub(super) fn history(args: &History, context: &mut Context) -> anyhow::Result<Exit> {
    let format = Format::of(args.format.as_deref()).map_err(explained)?;
    let roots = context.roots()?;
    let steps = image::history(&roots, &args.image).map_err(explained)?;
    if context.screen.json {
        context.screen.data(&serde_json::json!({ "schema": 1, "history": steps }))?;
        return Ok(Exit::Ok);
    }
    let id = |step: &image::Step| match &step.id {
        Some(id) if args.no_trunc => id.clone(),
        Some(id) => short(id),
        // Docker keeps IDs of steps only on the machine that built them.
        None => "<missing>".to_owned(),
    };
    if args.quiet {
        return steps.iter().try_for_each(|step| context.screen.line(&id(step))).map(|()| Ok(Exit::Ok))?;
    }
    let by = |text: &str| {
        let text = text.replace(['\n', '\t'], " ");
        if args.no_trunc { text } else { super::columns::cut(&text, 45, true) }
    };
    let fields = |step: &image::Step| {
        serde_json::json!({
            "ID": id(step),
            "CreatedSince": since(step.created),
            "CreatedAt": step.created.map(time::rfc3339).unwrap_or_default(),
            "CreatedBy": by(&step.created_by),
            "Size": size(step.size),
            "Comment": step.comment,
        })
    };
    let rows: Vec<Value> = steps.iter().map(fields).collect();
    if !format.print(&rows, &STEPS, context)? {
        context.screen.table(STEPS.map(|(heading, _)| heading), &format::cells(&rows, STEPS))?;
    }
    Ok(Exit::Ok)
}

const STEPS: [(&str, &str); 5] = [
    ("IMAGE", "ID"),
    ("CREATED", "CreatedSince"),
    ("CREATED BY", "CreatedBy"),
    ("SIZE", "Size"),
    ("COMMENT", "Comment"),
];

fn prune(args: &Prune, context: &mut Context) -> anyhow::Result<Exit> {
    let all = filter::of_prune(&args.filter)?.map_or(args.all, |dangling| !dangling);
    let what = if all { "all images without at least one container associated to them" } else { "all dangling images" };
    if !args.force && !super::prune::agreed(what)? {
        return Ok(Exit::Ok);
    }
    let roots = context.container_roots()?;
    let pruned = image::prune(&roots, all, |image| filter::holds_for_prune(&args.filter, image)).map_err(explained)?;
    if context.screen.json {
        context.screen.data(&serde_json::json!({ "schema": 1, "removed": pruned.told, "bytes": pruned.bytes }))?;
        return Ok(Exit::Ok);
    }
    if !pruned.told.is_empty() {
        context.screen.print(&format!("Deleted Images:\n{}\n\n", pruned.told.join("\n")))?;
    }
    context.screen.line(&format!("Total reclaimed space: {}", size(pruned.bytes)))?;
    Ok(Exit::Ok)
}

#[derive(Debug, clap::Args)]
pub(super) struct Rmi {
    /// With all names of an image whose ID is given; one that is not there is no failure
    #[arg(short, long)]
    force: bool,
    /// Taken, and changes nothing: what no image needs any more goes
    #[arg(long)]
    no_prune: bool,
    /// Names, or IDs
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

const COLUMNS: [(&str, &str); 5] =
    [("REPOSITORY", "Repository"), ("TAG", "Tag"), ("IMAGE ID", "ID"), ("CREATED", "CreatedSince"), ("SIZE", "Size")];

const WITH_DIGEST: [(&str, &str); 6] =
    [COLUMNS[0], COLUMNS[1], ("DIGEST", "Digest"), COLUMNS[2], COLUMNS[3], COLUMNS[4]];

pub(super) fn run(arguments: &Images, context: &mut Context) -> anyhow::Result<Exit> {
    let format = Format::with_raw(arguments.format.as_deref(), format::RAW_IMAGE).map_err(explained)?;
    let roots = context.roots()?;
    let mut found = image::list(&roots).map_err(explained)?;
    let filters = Filters::of(&roots, &arguments.filter)?;
    let is_named = |one: &Summary| arguments.name.as_deref().is_none_or(|name| filter::refers(name, one));
    found.retain(|one| is_named(one) && filters.hold(&roots, one));
    if context.screen.json {
        context.screen.data(&serde_json::json!({ "schema": 1, "images": found }))?;
        return Ok(Exit::Ok);
    }
    let rows: Vec<Value> = found.iter().map(|one| fields(one, arguments.no_trunc)).collect();
    if arguments.quiet && matches!(format, Format::Usual | Format::Json) {
        format::cells(&rows, [("", "ID")]).iter().try_for_each(|[id]| context.screen.line(id))?;
    } else if !format.print(&rows, &WITH_DIGEST, context)? {
        if arguments.digests {
            context.screen.table(WITH_DIGEST.map(|(heading, _)| heading), &format::cells(&rows, WITH_DIGEST))?;
        } else {
            context.screen.table(COLUMNS.map(|(heading, _)| heading), &format::cells(&rows, COLUMNS))?;
        }
    }
    Ok(Exit::Ok)
}

/// Docker's fields of an image.
fn fields(one: &Summary, whole: bool) -> Value {
    let made = one.created.map(|created| time::rfc3339(created).replace('T', " ").replace('Z', " +0000 UTC"));
    serde_json::json!({
        "ID": if whole { one.id.clone() } else { short(&one.id) },
        "Repository": one.repository,
        "Tag": one.tag,
        "Digest": one.digest,
        "CreatedSince": since(one.created),
        "CreatedAt": made.unwrap_or_else(|| "N/A".into()),
        "Size": size(one.size),
    })
}

pub(super) fn remove(arguments: &Rmi, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots()?;
    let mut removed = Vec::new();
    let mut failed = None;
    for name in &arguments.images {
        match image::remove(&roots, name, arguments.force) {
            Ok(lines) => removed.extend(lines),
            Err(error @ image::ImageError::Unknown { .. }) if arguments.force => {
                writeln!(std::io::stderr(), "explore: {}", context.say(&error.to_string()))?;
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    if context.screen.json {
        context.screen.data(&serde_json::json!({ "schema": 1, "removed": removed }))?;
    } else {
        for line in &removed {
            context.screen.line(line)?;
        }
    }
    failed.map_or(Ok(Exit::Ok), |error| Err(explained(error)))
}

fn short(id: &str) -> String {
    id.trim_start_matches("sha256:").chars().take(12).collect()
}

fn since(created: Option<u64>) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
    created.map_or_else(|| "N/A".to_owned(), |created| time::ago(now.saturating_sub(created)))
}
