//! `explore volume`: folders that outlive containers, with docker's verbs, columns and answers.

use super::format::{self, Format};
use super::ps::Filter;
use super::several::each;
use super::{Context, explained};
use crate::error::Explain;
use crate::exit::Exit;
use crate::image::time;
use crate::stages::create;
use crate::stages::volume::{self, Volume, VolumeError};
use crate::state::Roots;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make a volume; one with that name is left as it is
    Create {
        /// Something to know it by: NAME=VALUE
        #[arg(long, value_name = "LABEL", value_parser = super::container::labelled)]
        label: Vec<String>,
        /// `local`: there is no other
        #[arg(short, long, default_value = "local")]
        driver: String,
        /// Its name; a random one without
        name: Option<String>,
    },
    /// List volumes
    #[command(visible_alias = "list")]
    Ls {
        /// Names only
        #[arg(short, long)]
        quiet: bool,
        /// Only those: dangling=true (no container uses it), name=PART, label=NAME[=VALUE], driver=local
        #[arg(short, long, value_name = "FILTER")]
        filter: Vec<String>,
        /// A line for each, of Name, Driver, Scope, Mountpoint, Labels: `{{.Name}}`; `table …` with a heading, `json`
        #[arg(long, value_name = "TEMPLATE")]
        format: Option<String>,
    },
    /// Show volumes, and where their content is, as JSON
    Inspect {
        /// A line for each instead: `{{.Mountpoint}}`, or `json`
        #[arg(short, long, value_name = "TEMPLATE")]
        format: Option<String>,
        /// Names
        #[arg(required = true)]
        volumes: Vec<String>,
    },
    /// Remove volumes that no container uses, with all that is in them
    #[command(visible_alias = "remove")]
    Rm {
        /// One that is not there is no error
        #[arg(short, long)]
        force: bool,
        /// Names
        #[arg(required = true)]
        volumes: Vec<String>,
    },
    /// Remove all volumes that no container uses and nobody has named
    Prune {
        /// Those with a name too
        #[arg(short, long)]
        all: bool,
        /// Do not ask
        #[arg(short, long)]
        force: bool,
        /// Only those of which this holds: `label=NAME`; `all=1` is --all
        #[arg(long, value_name = "NAME=VALUE")]
        filter: Vec<Filter>,
    },
}

/// What was typed and cannot be.
#[derive(Debug, thiserror::Error)]
enum WrongWord {
    #[error("invalid filter '{0}'")]
    Name(String),
    #[error("invalid filter 'dangling=[{0}]'")]
    Dangling(String),
    #[error("error looking up volume plugin {0}: plugin \"{0}\" not found")]
    Driver(String),
    #[error("volume prune has been cancelled")]
    Cancelled,
}

impl Explain for WrongWord {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Cancelled => None,
            Self::Driver(_) => Some("explore's volumes are folders: `local` is the only driver".into()),
            _ => Some("dangling=true, dangling=false, name=PART, label=NAME, label=NAME=VALUE, driver=local".into()),
        }
    }
}

/// Runs `explore volume`.
pub(super) fn run(args: Args, context: &mut Context) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::Create { driver, .. } if driver != "local" => Err(explained(WrongWord::Driver(driver))),
        Verb::Create { label, name, .. } => create_one(name.as_deref(), &label, context),
        Verb::Ls { quiet, filter, format } => ls(quiet, &filter, format.as_deref(), context),
        Verb::Inspect { volumes, format } => {
            let roots = context.container_roots_to_look()?;
            super::inspect::show(&volumes, format.as_deref(), context, |name| facts(&roots, name).map_err(explained))
        }
        Verb::Rm { force, volumes } => rm(force, &volumes, context),
        Verb::Prune { all, force, filter } => prune(all, force, &filter, context),
    }
}

fn create_one(name: Option<&str>, labels: &[String], context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots()?;
    let pair = |label: &String| {
        let (name, value) = label.split_once('=').unwrap_or((label, ""));
        (name.to_owned(), value.to_owned())
    };
    let labels: BTreeMap<String, String> = labels.iter().map(pair).collect();
    let made = volume::create(&roots, name, labels).map_err(explained)?;
    if context.screen.json {
        context.screen.data(&described(&roots, &made))?;
    } else {
        context.screen.line(&made.name)?;
    }
    Ok(Exit::Ok)
}

fn ls(quiet: bool, filters: &[String], format: Option<&str>, context: &mut Context) -> anyhow::Result<Exit> {
    let format = Format::with_raw(format, format::RAW_VOLUME).map_err(explained)?;
    let roots = context.container_roots_to_look()?;
    let containers = create::list(&roots).map_err(explained)?;
    let mut shown = Vec::new();
    for one in volume::list(&roots).map_err(explained)? {
        let used = !volume::users(&containers, &one.name).is_empty();
        let mut fits = true;
        for filter in filters {
            fits &= is_meant(&one, used, filter).map_err(explained)?;
        }
        shown.extend(fits.then_some(one));
    }
    shown.sort_by(|one, other| super::columns::by_name(&one.name, &other.name));
    // A wrong filter is one also where there is nothing to look at.
    for filter in filters {
        is_meant(&nothing(), false, filter).map_err(explained)?;
    }
    if context.screen.json {
        let all: Vec<_> = shown.iter().map(|one| described(&roots, one)).collect();
        context.screen.data(&all)?;
        return Ok(Exit::Ok);
    }
    let rows: Vec<Value> = shown.iter().map(|one| fields(&roots, one)).collect();
    if quiet && matches!(format, Format::Usual | Format::Json) {
        format::cells(&rows, [("", "Name")]).iter().try_for_each(|[name]| context.screen.line(name))?;
    } else if !format.print(&rows, &COLUMNS, context)? {
        context.screen.table(COLUMNS.map(|(heading, _)| heading), &format::cells(&rows, COLUMNS))?;
    }
    Ok(Exit::Ok)
}

const COLUMNS: [(&str, &str); 2] = [("DRIVER", "Driver"), ("VOLUME NAME", "Name")];

/// Docker's fields of a volume.
fn fields(roots: &Roots, one: &Volume) -> Value {
    let labels: Vec<String> = one.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    json!({
        "Name": one.name,
        "Driver": "local",
        "Scope": "local",
        "Mountpoint": volume::data(roots, &one.name),
        "Labels": labels.join(","),
    })
}

fn nothing() -> Volume {
    Volume { schema: 1, name: String::new(), created: 0, anonymous: true, labels: BTreeMap::new() }
}

fn is_meant(volume: &Volume, used: bool, filter: &str) -> Result<bool, WrongWord> {
    let (name, value) = filter.split_once('=').unwrap_or((filter, ""));
    Ok(match name {
        "dangling" => match value {
            "true" | "1" => !used,
            "false" | "0" => used,
            _ => return Err(WrongWord::Dangling(value.to_owned())),
        },
        "name" => volume.name.contains(value),
        "driver" => value == "local",
        "label" => match value.split_once('=') {
            Some((name, value)) => volume.labels.get(name).is_some_and(|found| found == value),
            None => volume.labels.contains_key(value),
        },
        _ => return Err(WrongWord::Name(name.to_owned())),
    })
}

/// With docker's words: that is what `docker volume inspect` prints too.
fn described(roots: &Roots, volume: &Volume) -> serde_json::Value {
    let mut labels = json!(volume.labels);
    if volume.anonymous {
        labels["com.docker.volume.anonymous"] = json!("");
    } else if volume.labels.is_empty() {
        labels = json!(null);
    }
    json!({
        "CreatedAt": time::rfc3339(volume.created),
        "Driver": "local",
        "Labels": labels,
        "Mountpoint": volume::data(roots, &volume.name),
        "Name": volume.name,
        "Options": null,
        "Scope": "local",
    })
}

/// A volume for `inspect`, which is not told what kind of thing it shall show.
pub(super) fn facts(roots: &Roots, name: &str) -> Result<Value, VolumeError> {
    Ok(described(roots, &volume::find(roots, name)?))
}

fn rm(force: bool, names: &[String], context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.container_roots()?;
    each(names, |name| {
        match volume::remove(&roots, name) {
            Err(VolumeError::NoSuch(_)) if force => {}
            other => other.map_err(explained)?,
        }
        Ok(context.screen.line(name)?)
    })
}

fn prune(all: bool, force: bool, filters: &[Filter], context: &mut Context) -> anyhow::Result<Exit> {
    for filter in filters {
        filter.check_for_volumes().map_err(explained)?;
    }
    let all = all || filters.iter().any(Filter::is_all);
    let wanted = |one: &Volume| filters.iter().all(|filter| filter.is_all() || filter.holds_for_prune(&one.labels, 0));
    let roots = context.container_roots()?;
    // A program cannot be asked: it says --force.
    if !force && (context.screen.json || !agrees(all, context)?) {
        return Err(explained(WrongWord::Cancelled));
    }
    let (removed, bytes) = volume::prune(&roots, all, wanted).map_err(explained)?;
    if context.screen.json {
        context.screen.data(&json!({ "schema": 1, "removed": removed, "bytes": bytes }))?;
        return Ok(Exit::Ok);
    }
    if !removed.is_empty() {
        context.screen.print(&format!("Deleted Volumes:\n{}\n\n", removed.join("\n")))?;
    }
    context.screen.line(&format!("Total reclaimed space: {}", create::size(bytes)))?;
    Ok(Exit::Ok)
}

/// What is in a volume is nowhere else.
fn agrees(all: bool, context: &mut Context) -> anyhow::Result<bool> {
    let which = if all { "all" } else { "anonymous" };
    context.screen.print(&format!(
        "WARNING! This will remove {which} local volumes not used by at least one container.\n\
         Are you sure you want to continue? [y/N] "
    ))?;
    std::io::stdout().flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}
