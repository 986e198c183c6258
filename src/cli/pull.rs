//! `explore pull`: fetch an image, as `docker pull` shows it.

use super::{Context, explained};
use crate::exit::Exit;
use crate::stages::pull::{self, Options, Progress, Pulled, Step};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Fetch an image and unpack its layers. `demo` is made from this machine and needs no network
#[derive(Debug, clap::Args)]
pub(super) struct Pull {
    /// Print the image's name alone
    #[arg(short, long)]
    quiet: bool,
    /// Name of the image: demo, debian, registry.example.com/team/tool:1.2
    image: String,
}

pub(super) fn run(arguments: &Pull, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.roots()?;
    let is_silent = arguments.quiet || context.screen.json;
    let mut lines = Lines::new(is_silent, context.screen.terminal);
    let result = pull::pull(&roots, &arguments.image, &Options::default(), &mut lines);
    lines.clear();
    let pulled = result.map_err(explained)?;
    if context.screen.json {
        context.screen.data(&data(&pulled))?;
    } else if arguments.quiet {
        context.screen.line(&pulled.image.reference)?;
    } else {
        context.screen.print(&end(&pulled))?;
    }
    Ok(Exit::Ok)
}

fn data(pulled: &Pulled) -> serde_json::Value {
    serde_json::json!({
        "schema": 1,
        "image": pulled.image.reference,
        "id": pulled.image.id,
        "digest": digest(pulled),
        "manifest": pulled.image.manifest_digest,
        "already_here": pulled.already_here,
        "bytes": pulled.bytes,
        "layers": pulled.layers,
    })
}

fn digest(pulled: &Pulled) -> &str {
    pulled.image.pulled_digest.as_deref().unwrap_or(&pulled.image.manifest_digest)
}

fn end(pulled: &Pulled) -> String {
    let name = &pulled.image.reference;
    let status = if pulled.already_here { "Image is up to date for" } else { "Downloaded newer image for" };
    format!("Digest: {}\nStatus: {status} {name}\n{name}\n", digest(pulled))
}

/// Docker's lines. A bar below them, at a terminal, and where there is none a line a second: nobody waits in silence.
pub(super) struct Lines {
    is_silent: bool,
    /// A pull that another command makes tells on standard error: standard output is the container's.
    to_stderr: bool,
    /// A line a layer, as docker pull has it; docker load has none.
    each_layer: bool,
    bar: Option<ProgressBar>,
    last: Instant,
}

impl Lines {
    pub(super) fn new(is_silent: bool, terminal: bool) -> Self {
        let bar = (!is_silent && terminal && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::no_length();
            let style = ProgressStyle::with_template("{msg:.dim} {bar:20} {bytes}/{total_bytes}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self { is_silent, to_stderr: false, bar, last: Instant::now() }
    }

    /// For a command that found `image` missing: says so, as docker does, and goes on to standard error.
    pub(super) fn for_missing(image: &str, is_silent: bool) -> Self {
        let mut lines = Self::new(is_silent, true);
        lines.to_stderr = true;
        lines.line(&format!("Unable to find image '{image}' locally"));
        lines
        Self { is_silent, each_layer: true, bar, last: Instant::now() }
    }

    /// As `docker load` shows it.
    pub(super) fn loading(is_silent: bool, terminal: bool) -> Self {
        Self { each_layer: false, ..Self::new(is_silent, terminal) }
    }

    /// Takes the bar away.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn line(&mut self, text: &str) {
        if self.is_silent {
            return;
        }
        self.last = Instant::now();
        // A reader that has gone is noticed by the last line, which is printed through the screen.
        let to_stderr = self.to_stderr;
        let print = || {
            let _ =
                if to_stderr { writeln!(std::io::stderr(), "{text}") } else { writeln!(std::io::stdout(), "{text}") };
        };
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn amount(&mut self, layer: &str, doing: &str, done: u64, total: Option<u64>) {
        if let Some(bar) = &self.bar {
            if let Some(total) = total {
                bar.set_length(total);
            }
            bar.set_message(format!("{}: {doing}", short(layer)));
            bar.set_position(done);
        } else if self.last.elapsed() > Duration::from_secs(1) {
            let of = total.map_or_else(String::new, |total| format!(" of {}", size(total)));
            self.line(&format!("{}: {doing} {}{of}", short(layer), size(done)));
        }
    }
}

impl Progress for Lines {
    fn step(&mut self, step: Step<'_>) {
        match step {
            Step::Exists { .. } | Step::Complete { .. } if !self.each_layer => {}
            Step::Assembling { done, total } => {
                if self.last.elapsed() > Duration::from_secs(1) {
                    self.line(&format!("Making the demo image from this machine: {done} of {total} files"));
                }
            }
            Step::Pulling { repository, tag } => self.line(&format!("{tag}: Pulling from {repository}")),
            Step::Exists { layer } => self.line(&format!("{}: Already exists", short(layer))),
            Step::Downloading { layer, done, total } => self.amount(layer, "Downloading", done, Some(total)),
            Step::Downloaded { layer } => {
                if self.bar.is_none() && self.last.elapsed() > Duration::from_secs(1) {
                    self.line(&format!("{}: Download complete", short(layer)));
                }
            }
            Step::Unpacking { layer, bytes } => self.amount(layer, "Extracting", bytes, None),
            Step::Complete { layer } => self.line(&format!("{}: Pull complete", short(layer))),
        }
    }
}

/// The twelve digits that Docker shows of a digest.
fn short(digest: &str) -> &str {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    hex.get(..12).unwrap_or(hex)
}

/// Bytes as Docker prints them: powers of 1000, three digits (docker/go-units, HumanSize).
#[allow(clippy::cast_precision_loss)] // three digits are shown
pub(super) fn size(bytes: u64) -> String {
    let (mut amount, mut unit) = (bytes as f64, 0);
    while amount >= 999.5 && unit < 4 {
        amount /= 1000.0;
        unit += 1;
    }
    let unit = ["B", "kB", "MB", "GB", "TB"][unit];
    match amount {
        amount if unit == "B" || amount >= 99.95 => format!("{amount:.0}{unit}"),
        amount if amount >= 9.995 => format!("{}{unit}", trimmed(&format!("{amount:.1}"))),
        amount => format!("{}{unit}", trimmed(&format!("{amount:.2}"))),
    }
}

fn trimmed(number: &str) -> &str {
    number.trim_end_matches('0').trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_that_docker_prints() {
        let table = [(0, "0B"), (999, "999B"), (1000, "1kB"), (1_500, "1.5kB"), (12_345_678, "12.3MB")];
        for (bytes, text) in table.into_iter().chain([(123_456_789, "123MB"), (1_230_000_000, "1.23GB")]) {
            assert_eq!(size(bytes), text);
        }
    }
}
