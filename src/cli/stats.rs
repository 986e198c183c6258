//! `stats`: what containers use.

use super::format::Format;
use super::{Context, explained};
use crate::exit::Exit;
use crate::stages::create::{self, Container};
use crate::stages::exec::{self, Running, Sample, Usage};
use crate::state::Roots;
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Debug, clap::Args)]
#[command(after_help = "-- stands for what no cgroup counts for this container.\n\
    Fields of --format: Container ID Name CPUPerc MemUsage MemPerc NetIO BlockIO PIDs.")]
pub(super) struct Stats {
    /// Those that do not run as well
    #[arg(short, long)]
    all: bool,
    /// Look once, not every second
    #[arg(long)]
    no_stream: bool,
    /// Whole IDs
    #[arg(long)]
    no_trunc: bool,
    /// A line for each: `{{.Name}} {{.MemPerc}}`; `table …` with a heading, `json`
    #[arg(long, value_name = "TEMPLATE")]
    format: Option<String>,
    /// Names or IDs; all that run without
    containers: Vec<String>,
}

/// Headings, and docker's fields of `--format`.
const COLUMNS: [(&str, &str); 8] = [
    ("CONTAINER ID", "ID"),
    ("NAME", "Name"),
    ("CPU %", "CPUPerc"),
    ("MEM USAGE / LIMIT", "MemUsage"),
    ("MEM %", "MemPerc"),
    ("NET I/O", "NetIO"),
    ("BLOCK I/O", "BlockIO"),
    ("PIDS", "PIDs"),
];

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(1);

pub(super) fn run(args: &Stats, context: &mut Context) -> anyhow::Result<Exit> {
    let format = Format::of(args.format.as_deref()).map_err(explained)?;
    let roots = context.container_roots_to_look()?;
    let mut before = look(&roots, args)?;
    loop {
        std::thread::sleep(PERIOD);
        let now = look(&roots, args)?;
        let usages: Vec<(Container, Usage)> =
            now.iter().map(|(one, sample)| (one.clone(), usage(one, sample.as_ref(), &before))).collect();
        if !args.no_stream && context.screen.terminal && !context.screen.json {
            // From the top left corner, over what was there.
            context.screen.print("\x1b[H\x1b[J")?;
        }
        show(&usages, args, &format, context)?;
        if args.no_stream {
            return Ok(Exit::Ok);
        }
        before = now;
    }
}

/// One who has just been started was not seen before: then what it uses has no share of time yet.
fn usage(container: &Container, sample: Option<&Sample>, before: &[(Container, Option<Sample>)]) -> Usage {
    let Some(sample) = sample else { return Usage::default() };
    let earlier = before.iter().find(|(one, _)| one.id == container.id).and_then(|(_, earlier)| earlier.as_ref());
    sample.since(earlier.unwrap_or(sample))
}

fn look(roots: &Roots, args: &Stats) -> anyhow::Result<Vec<(Container, Option<Sample>)>> {
    let named = args.containers.iter().map(|name| create::find(roots, name)).collect::<Result<Vec<_>, _>>();
    let named = named.map_err(explained)?;
    let all = if named.is_empty() { create::list(roots).map_err(explained)? } else { named };
    let sampled = |one: Container| {
        let running: Option<Running> = exec::running(roots, &one.id);
        (one, running.as_ref().map(exec::sample))
    };
    let mut found: Vec<_> = all.into_iter().map(sampled).collect();
    found.retain(|(_, sample)| sample.is_some() || args.all || !args.containers.is_empty());
    Ok(found)
}

fn show(usages: &[(Container, Usage)], args: &Stats, format: &Format, context: &mut Context) -> anyhow::Result<()> {
    if context.screen.json {
        let data: Vec<_> =
            usages.iter().map(|(one, usage)| json!({ "id": one.id, "name": one.name, "usage": usage })).collect();
        return Ok(context.screen.data(&data)?);
    }
    let id = |one: &Container| if args.no_trunc { one.id.clone() } else { one.id[..12].to_owned() };
    let rows: Vec<[String; 8]> = usages.iter().map(|(one, usage)| row(id(one), one.name.clone(), usage)).collect();
    let fields = |row: &[String; 8]| {
        let named = COLUMNS.iter().zip(row).map(|((_, name), value)| ((*name).to_owned(), json!(value)));
        Value::Object(named.chain([("Container".to_owned(), json!(row[0]))]).collect())
    };
    if !format.print(&rows.iter().map(fields).collect::<Vec<_>>(), &COLUMNS, context)? {
        context.screen.table(COLUMNS.map(|(heading, _)| heading), &rows)?;
    }
    Ok(())
}

fn row(id: String, name: String, usage: &Usage) -> [String; 8] {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "--".to_owned());
    let pair = |pair: Option<(u64, u64)>| {
        or_none(pair.map(|(one, other)| format!("{} / {}", create::size(one), create::size(other))))
    };
    let memory = usage.memory.zip(usage.memory_limit);
    #[allow(clippy::cast_precision_loss)] // two digits are shown
    let share = |(used, limit): (u64, u64)| format!("{:.2}%", used as f64 / (limit.max(1)) as f64 * 100.0);
    [
        id,
        name,
        or_none(usage.cpu_percent.map(|share| format!("{share:.2}%"))),
        or_none(memory.map(|(used, limit)| format!("{} / {}", binary(used), binary(limit)))),
        or_none(memory.map(share)),
        pair(usage.network),
        pair(usage.block),
        or_none(usage.pids.map(|count| count.to_string())),
    ]
}

/// Four digits and a unit of powers of 1024, as docker shows memory.
fn binary(bytes: u64) -> String {
    #[allow(clippy::cast_precision_loss)] // four digits are shown
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit < 5 {
        value /= 1024.0;
        unit += 1;
    }
    let digits = if value >= 1000.0 || unit == 0 {
        0
    } else if value >= 100.0 {
        1
    } else if value >= 10.0 {
        2
    } else {
        3
    };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{}", ["B", "KiB", "MiB", "GiB", "TiB", "PiB"][unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_shown_as_docker_shows_it() {
        let table = [
            (0, "0B"),
            (1023, "1023B"),
            (1536, "1.5KiB"),
            (64 << 20, "64MiB"),
            ((10 << 20) + 345_678, "10.33MiB"),
            (25_281_331_200, "23.55GiB"),
        ];
        for (bytes, text) in table {
            assert_eq!(binary(bytes), text);
        }
    }

    #[test]
    fn what_nobody_counts_is_no_nought() {
        assert_eq!(row("a".into(), "b".into(), &Usage::default())[2..], ["--"; 6].map(str::to_owned));
    }
}
