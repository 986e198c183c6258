//! How `run` and `create` come by their image, and the file that is told the container's ID.

use super::pull::Known;
use super::pulling::{Lines, Shown};
use super::{Context, explained};
use crate::error::Explain;
use crate::exit::Exit;
use crate::image::archive::Place;
use crate::image::platform::Platform;
use crate::image::{self, ImageError};
use crate::stages::pull::Options;
use crate::state::Roots;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Named as docker names them.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = None)]
pub(super) struct Bringing {
    /// When the image is fetched: `missing` where it is not here, `always`, or `never`
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "missing",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pull: When,
    /// Print nothing of a pull
    #[arg(short, long)]
    quiet: bool,
    /// The platform of an image that is there for several: linux/arm64
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<Platform>,
    /// `no`: it is not started again by itself
    #[arg(long, value_name = "POLICY", value_parser = ["no", ""], hide = true)]
    restart: Option<String>,
    /// `json-file`: how what it says is kept
    #[arg(long, value_name = "DRIVER", value_parser = ["json-file", ""], hide = true)]
    log_driver: Option<String>,
    /// `default`: there is one for Linux
    #[arg(long, value_name = "KIND", value_parser = ["default", ""], hide = true)]
    isolation: Option<String>,
    /// Run no checks, as always
    #[arg(long, hide = true)]
    no_healthcheck: bool,
}

/// What an image is there for.
#[derive(Debug, thiserror::Error)]
#[error("image {name} was found, but it is not for the platform that was asked for: wanted {wanted}, found {found}")]
struct OtherPlatform {
    name: String,
    wanted: Platform,
    found: Platform,
}

impl Explain for OtherPlatform {
    fn hint(&self) -> Option<String> {
        Some(format!("without --platform it is for {}", Platform::default()))
    }

    fn exit(&self) -> Exit {
        Exit::Engine
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum When {
    Missing,
    Always,
    Never,
}

impl Bringing {
    /// The name of an image that is here, once this returns; what has to be fetched is, and it is said so, as docker does.
    pub(super) fn image(
        &self,
        roots: &Roots,
        wanted: &str,
        context: &mut Context,
        known: &mut Known<'_>,
    ) -> anyhow::Result<String> {
        let silent = context.screen.json || self.quiet;
        if Place::parse(wanted).is_some() {
            // What lies there now is meant, not what lay there when it was brought in last.
            let lines = Lines::new(if silent { Shown::Nothing } else { Shown::BarAlone });
            return self.pull(roots, wanted, context, lines, known);
        }
        let told = || Lines::new(if silent { Shown::Nothing } else { Shown::Stderr });
        let lines = match image::find(roots, wanted) {
            _ if self.pull == When::Always => told(),
            Err(error @ ImageError::NotFound { .. }) if self.pull == When::Never => return Err(explained(error)),
            Err(ImageError::NotFound { name }) => Lines::for_missing(&name, silent),
            Ok(image) if self.is_other(&image) => told(),
            found => {
                // What else is wrong with it is said where it is used.
                if let Ok(image) = found {
                    Self::warn(&image, context)?;
                    known(&image)?;
                }
                return Ok(wanted.to_owned());
            }
        };
        self.pull(roots, wanted, context, lines, known)?;
        Ok(wanted.to_owned())
    }

    fn pull(
        &self,
        roots: &Roots,
        wanted: &str,
        context: &mut Context,
        mut lines: Lines,
        known: &mut Known<'_>,
    ) -> anyhow::Result<String> {
        let options = Options { platform: self.platform.clone(), ..Options::default() };
        let pulled = super::pull::pull_with(options, roots, wanted, context, &mut lines, known);
        lines.clear();
        let image = pulled?.image;
        if let Some(wanted) = self.platform.clone().filter(|platform| !platform.is_of(&image.config)) {
            let (name, found) = (image.reference, Platform::of(&image.config));
            return Err(explained(OtherPlatform { name, wanted, found }));
        }
        Self::warn(&image, context)?;
        Ok(image.reference)
    }

    /// Whether it is here for another platform than the one that was asked for.
    fn is_other(&self, image: &image::Image) -> bool {
        self.pull != When::Never && self.platform.as_ref().is_some_and(|platform| !platform.is_of(&image.config))
    }

    /// The kernel will refuse its programs, in words that do not say why.
    fn warn(image: &image::Image, context: &Context) -> std::io::Result<()> {
        let here = Platform::default();
        if here.is_of(&image.config) {
            return Ok(());
        }
        let its = Platform::of(&image.config);
        let warning = format!("explore: warning: the image is for {its}, and this machine is {here}");
        writeln!(std::io::stderr(), "{}", context.say(&warning))
    }
}

/// `--cidfile`: a file that is there from before the container is, and gone again where there comes none.
pub(super) struct IdFile(Option<(PathBuf, File)>);

impl IdFile {
    /// Makes it.
    pub(super) fn of(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self(None)) };
        match File::create_new(path) {
            Ok(file) => Ok(Self(Some((path.to_owned(), file)))),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(super::report::engine(anyhow::anyhow!(
                    "container ID file found, make sure the other container isn't running or delete {}",
                    path.display()
                )))
            }
            Err(error) => Err(super::report::engine(anyhow::anyhow!(
                "failed to create the container ID file {}: {error}",
                path.display()
            ))),
        }
    }

    /// There is a container. What could not be written whole is removed again, as docker does.
    pub(super) fn keep(mut self, id: &str) -> anyhow::Result<()> {
        let Some((path, file)) = &mut self.0 else { return Ok(()) };
        file.write_all(id.as_bytes()).map_err(|error| {
            anyhow::anyhow!("failed to write the container ID to the file {}: {error}", path.display())
        })?;
        self.0 = None;
        Ok(())
    }
}

impl Drop for IdFile {
    fn drop(&mut self) {
        if let Some((path, _)) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}
