//! `explore load` and `explore save`: images in files.

use super::pulling::{Lines, Shown};
use super::{Context, explained};
use crate::exit::Exit;
use crate::image::archive;
use crate::stages::pull::{self, Options, Pulled};
use crate::state::Roots;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Load {
    /// The same as FILE, as docker has it
    #[arg(short, long, value_name = "FILE", conflicts_with = "file")]
    input: Option<PathBuf>,
    /// Print the names alone
    #[arg(short, long)]
    quiet: bool,
    /// The archive; standard input without it
    file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Save {
    /// Where to; standard output without it, unless that is a terminal
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// One file that docker and OCI tools read, or a folder in the OCI's image layout (`oci:DIR` to other tools)
    #[arg(long, default_value = "oci-archive", value_name = "FORMAT")]
    format: Format,
    /// Names, or IDs
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

/// What podman and skopeo call them. Our archive is docker's and the OCI's at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    OciArchive,
    DockerArchive,
    OciDir,
}

pub(super) fn load(arguments: &Load, context: &mut Context) -> anyhow::Result<Exit> {
    let from = arguments.file.as_deref().or(arguments.input.as_deref()).unwrap_or(Path::new("-"));
    if from == Path::new("-") && io::stdin().is_terminal() {
        anyhow::bail!("nothing to load: standard input is a terminal; name a file");
    }
    let roots = context.roots()?;
    let mut lines = Lines::new(if arguments.quiet || context.screen.json { Shown::Nothing } else { Shown::BarAlone });
    let result = load_from(from, &roots, context, &mut lines);
    lines.clear();
    let loaded = result?;
    let names: Vec<&str> = loaded.iter().map(|one| one.image.reference.as_str()).collect();
    if context.screen.json {
        context.screen.data(&serde_json::json!({ "schema": 1, "loaded": names }))?;
        return Ok(Exit::Ok);
    }
    for name in names {
        let said = if arguments.quiet { "" } else { "Loaded image: " };
        context.screen.line(&format!("{said}{name}"))?;
    }
    Ok(Exit::Ok)
}

/// Reads where this user's files are, and unpacks where files can have owners.
fn load_from(path: &Path, roots: &Roots, context: &mut Context, lines: &mut Lines) -> anyhow::Result<Vec<Pulled>> {
    let options = Options::default();
    let read = pull::read_archive(roots, path, &options, lines).map_err(explained)?;
    context.enter(roots)?;
    read.iter().map(|one| pull::unpack(roots, one, &options, lines).map_err(explained)).collect()
}

pub(super) fn save(arguments: &Save, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.roots()?;
    // A name that is said twice is one image.
    let mut seen = std::collections::BTreeSet::new();
    let images: Vec<String> = arguments.images.iter().filter(|one| seen.insert(*one)).cloned().collect();
    let images = &images;
    if arguments.format == Format::OciDir {
        let Some(folder) = &arguments.output else {
            anyhow::bail!("an OCI layout is a folder; name it with -o");
        };
        archive::save_folder(&roots, images, folder).map_err(explained)?;
        return Ok(Exit::Ok);
    }
    let Some(path) = &arguments.output else {
        if io::stdout().is_terminal() {
            anyhow::bail!("standard output is a terminal, and an archive is no text; name a file with -o");
        }
        archive::save(&roots, images, BufWriter::new(io::stdout().lock()), Path::new("standard output"))
            .map_err(explained)?;
        return Ok(Exit::Ok);
    };
    let failed = |error: io::Error| anyhow::anyhow!("cannot write {}: {error}", path.display());
    if path.symlink_metadata().is_ok_and(|found| !found.is_file()) {
        // A device, a pipe, a link: it is written, not replaced.
        let file = File::options().write(true).create(true).truncate(true).open(path).map_err(failed)?;
        archive::save(&roots, images, BufWriter::new(file), path).map_err(explained)?;
        return Ok(Exit::Ok);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".explore-save-").tempfile_in(folder).map_err(failed)?;
    archive::save(&roots, images, BufWriter::new(file.as_file_mut()), path).map_err(explained)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(Exit::Ok)
}
