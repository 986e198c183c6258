//! `explore cp`: files between this machine and a container.

use super::{Context, explained};
use crate::exit::Exit;
use crate::image::extract::Extracted;
use crate::stages::copy::{self, Place, Source, Target};
use crate::stages::create;
use crate::stages::create::size;
use std::io::{IsTerminal, Write, stdin, stdout};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
#[command(
    override_usage = "explore cp [OPTIONS] CONTAINER:PATH LOCAL|-\n       explore cp [OPTIONS] LOCAL|- CONTAINER:PATH",
    after_help = "A folder that is there gets the source put into it; with DIR/. what is in DIR. A name that is not there becomes \
    the copy's. '-' is a tar archive on standard output or input. Every path inside is resolved by the kernel below the \
    container's root, and no program of the container is run for it. What is copied in belongs to root there, and with \
    -a to whom it belongs here, as docker-cp(1) says; docker's daemon keeps the numbers without -a too."
)]
pub(super) struct Args {
    /// Keep owners: numbers of users and groups
    #[arg(short, long)]
    archive: bool,
    /// Copy what a link at the source leads to
    #[arg(short = 'L', long)]
    follow_link: bool,
    /// Do not say how much was copied; nothing is said anyway where standard output is no terminal
    #[arg(short, long)]
    quiet: bool,
    /// From where
    #[arg(value_name = "SOURCE")]
    from: String,
    /// To where
    #[arg(value_name = "TARGET")]
    to: String,
}

/// One of the two arguments.
#[derive(Debug, PartialEq, Eq)]
enum End<'a> {
    Stream,
    Here(&'a Path),
    Inside(&'a str, &'a Path),
}

/// What begins with `/` or `.` is of this machine, whatever colons it has (docker's client, `splitCpArg`).
fn end(text: &str) -> End<'_> {
    match text.split_once(':') {
        _ if text == "-" => End::Stream,
        _ if text.starts_with(['/', '.']) => End::Here(Path::new(text)),
        Some((container, path)) if !container.is_empty() => End::Inside(container, Path::new(path)),
        _ => End::Here(Path::new(text)),
    }
}

pub(super) fn run(args: &Args, context: &mut Context) -> anyhow::Result<Exit> {
    let is_empty = |text: &String| matches!(end(text), End::Inside(_, path) if path.as_os_str().is_empty());
    if let Some(which) = [&args.from, &args.to].into_iter().find(|text| is_empty(text)) {
        anyhow::bail!("{which:?} has no path; all of a container is {which}/");
    }
    let extracted = match (end(&args.from), end(&args.to)) {
        (End::Inside(..), End::Inside(..)) => anyhow::bail!("copying between containers is not supported"),
        (End::Inside(name, path), End::Stream) => out(args, context, (name, path), None)?,
        (End::Inside(name, path), End::Here(to)) => out(args, context, (name, path), Some(to))?,
        (End::Stream, End::Inside(name, path)) => into(args, context, None, (name, path))?,
        (End::Here(from), End::Inside(name, path)) => into(args, context, Some(from), (name, path))?,
        _ => anyhow::bail!("must specify at least one container source"),
    };
    for warning in warnings(args, &extracted) {
        writeln!(std::io::stderr(), "{}", context.say(&warning))?;
    }
    let bytes = extracted.bytes;
    if context.screen.json && args.to != "-" {
        context.screen.data(&serde_json::json!({ "schema": 1, "from": args.from, "to": args.to, "bytes": bytes }))?;
    } else if !args.quiet && stdout().is_terminal() {
        writeln!(std::io::stderr(), "Successfully copied {} to {}", size(bytes), args.to)?;
    }
    Ok(Exit::Ok)
}

/// What is not there as it was.
fn warnings(args: &Args, extracted: &Extracted) -> Vec<String> {
    let (owners, devices) = (extracted.left_out.owners, extracted.left_out.devices);
    let mut all = Vec::new();
    if args.archive && owners > 0 {
        all.push(format!(
            "explore: warning: owners that could not be kept: {owners}; they have no number in this user namespace, and \
             subuid(5) gives a user more"
        ));
    }
    if devices > 0 {
        // A container has chosen them: what would steer a terminal is shown, not sent to it.
        let shown = |path: &PathBuf| path.to_string_lossy().escape_debug().to_string();
        let mut names: Vec<String> = extracted.devices.iter().map(shown).collect();
        if devices > names.len() as u64 {
            names.push("…".into());
        }
        all.push(format!(
            "explore: warning: devices that could not be made: {devices} ({}); an empty file that nobody may open stands for \
             each, as the kernel lets no user namespace make devices",
            names.join(", ")
        ));
    }
    all
}

fn place(name: &str, context: &mut Context) -> anyhow::Result<Place> {
    let roots = context.container_roots()?;
    let container = create::find(&roots, name).map_err(explained)?;
    Place::inside(&roots, &container).map_err(explained)
}

fn out(args: &Args, context: &mut Context, from: (&str, &Path), to: Option<&Path>) -> anyhow::Result<Extracted> {
    let here = Place::here().map_err(explained)?;
    let inside = place(from.0, context)?;
    let source = Source::find(&inside, &rooted(from.1), args.follow_link).map_err(explained)?;
    let Some(to) = to else {
        if stdout().is_terminal() {
            anyhow::bail!("standard output is a terminal, and an archive is no text; name a file, or use a pipe");
        }
        let bytes = source.archive(None, stdout().lock()).map_err(explained)?;
        return Ok(Extracted { bytes, ..Extracted::default() });
    };
    let target = Target::of(&here, to, &source).map_err(explained)?;
    copy::copy(&source, target, args.archive).map_err(explained)
}

fn into(args: &Args, context: &mut Context, from: Option<&Path>, to: (&str, &Path)) -> anyhow::Result<Extracted> {
    let here = Place::here().map_err(explained)?;
    let source = from.map(|from| Source::find(&here, from, args.follow_link)).transpose().map_err(explained)?;
    let inside = place(to.0, context)?;
    match source {
        Some(source) => {
            let target = Target::of(&inside, &rooted(to.1), &source).map_err(explained)?;
            copy::copy(&source, target, args.archive).map_err(explained)
        }
        None if stdin().is_terminal() => {
            anyhow::bail!("nothing to copy: standard input is a terminal; pipe an archive in")
        }
        None => {
            let target = Target::folder(&inside, &rooted(to.1)).map_err(explained)?;
            target.take(Box::new(stdin()), args.archive).map_err(explained)
        }
    }
}

/// Inside, every path starts at the root.
fn rooted(path: &Path) -> PathBuf {
    Path::new("/").join(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_means_a_container_unless_the_path_says_otherwise() {
        let table = [
            ("-", End::Stream),
            ("box:/etc", End::Inside("box", Path::new("/etc"))),
            ("box:etc", End::Inside("box", Path::new("etc"))),
            ("./a:b", End::Here(Path::new("./a:b"))),
            ("/a:b", End::Here(Path::new("/a:b"))),
            (":x", End::Here(Path::new(":x"))),
            ("x", End::Here(Path::new("x"))),
        ];
        for (text, expected) in table {
            assert_eq!(end(text), expected, "{text}");
        }
    }
}
