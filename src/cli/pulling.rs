//! How a pull is shown: docker's lines, and below them a bar for each layer at a terminal; where there is none, a line every two
//! seconds on standard error, so that nobody waits in silence and standard output is the same every time.

use crate::stages::create::size;
use crate::stages::pull::{Progress, Step};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Duration, Instant};

const SILENCE: Duration = Duration::from_secs(2);

/// Where docker's lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// `docker pull`.
    Stdout,
    /// `docker run` with an image that is not here yet: standard output is the container's.
    Stderr,
    /// `docker load`: none, only the bar.
    BarAlone,
    /// `--quiet`, `--json`.
    Nothing,
}

/// The lines, and the bars.
pub(super) struct Lines {
    shown: Shown,
    bars: Option<Bars>,
    last: Instant,
}

/// One for what goes on, and one for each layer that is under way.
struct Bars {
    all: MultiProgress,
    main: ProgressBar,
    layers: HashMap<String, Layer>,
}

struct Layer {
    bar: ProgressBar,
    /// It unpacks while it comes; only what takes longer is shown.
    is_here: bool,
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::new();
        let main = all.add(ProgressBar::no_length().with_style(style()));
        Self { all, main, layers: HashMap::new() }
    }

    fn layer(&mut self, digest: &str) -> &mut Layer {
        let all = &self.all;
        self.layers
            .entry(digest.to_owned())
            .or_insert_with(|| Layer { bar: all.add(ProgressBar::no_length().with_style(style())), is_here: false })
    }

    fn end(&mut self, digest: &str) {
        if let Some(layer) = self.layers.remove(digest) {
            layer.bar.finish_and_clear();
            self.all.remove(&layer.bar);
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{msg:.dim} {bar:20} {bytes}/{total_bytes}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn show(bar: &ProgressBar, what: &str, done: u64, total: Option<u64>) {
    if let Some(total) = total {
        bar.set_length(total);
    }
    bar.set_message(what.to_owned());
    bar.set_position(done);
}

impl Lines {
    pub(super) fn new(shown: Shown) -> Self {
        let bars = (shown != Shown::Nothing && stderr().is_terminal()).then(Bars::new);
        Self { shown, bars, last: Instant::now() }
    }

    /// For a command that found `image` missing: says so, as docker does, and goes on to standard error.
    pub(super) fn for_missing(image: &str, is_silent: bool) -> Self {
        let mut lines = Self::new(if is_silent { Shown::Nothing } else { Shown::Stderr });
        lines.line(&format!("Unable to find image '{image}' locally"));
        lines
    }

    /// Takes the bars away.
    pub(super) fn clear(&mut self) {
        if let Some(bars) = self.bars.take() {
            bars.layers.values().for_each(|layer| layer.bar.finish_and_clear());
            bars.main.finish_and_clear();
        }
    }

    fn line(&mut self, text: &str) {
        self.last = Instant::now();
        // A reader that has gone is noticed by the last line of the command, which is printed through the screen.
        let print = || match self.shown {
            Shown::Stdout => drop(writeln!(stdout(), "{text}")),
            Shown::Stderr => drop(writeln!(stderr(), "{text}")),
            Shown::BarAlone | Shown::Nothing => {}
        };
        match &self.bars {
            Some(bars) => bars.all.suspend(print),
            None => print(),
        }
    }

    /// Without a terminal: a line, where there was none for a while.
    fn now_and_then(&mut self, what: &str, done: u64, total: Option<u64>) {
        if self.bars.is_none() && self.shown != Shown::Nothing && self.last.elapsed() > SILENCE {
            self.last = Instant::now();
            let of = total.map_or_else(String::new, |total| format!(" of {}", size(total)));
            let _ = writeln!(stderr(), "{what} {}{of}", size(done));
        }
    }

    fn doing(&mut self, what: &str, done: u64, total: Option<u64>) {
        match &self.bars {
            Some(bars) => show(&bars.main, what, done, total),
            None => self.now_and_then(what, done, total),
        }
    }

    fn of_layer(&mut self, digest: &str, what: &str, done: u64, total: Option<u64>) {
        let what = format!("{}: {what}", short(digest));
        let Some(bars) = &mut self.bars else { return self.now_and_then(&what, done, total) };
        let layer = bars.layer(digest);
        if total.is_some() || layer.is_here {
            show(&layer.bar, &what, done, total);
        }
    }

    fn note(&mut self, text: String) {
        if let Some(bars) = &self.bars {
            bars.main.set_message(text);
            bars.main.tick();
        }
    }
}

impl Progress for Lines {
    fn step(&mut self, step: Step<'_>) {
        match step {
            Step::Assembling { done, total } => {
                self.note(format!("making the demo image, {done} of {total} files"));
                if self.bars.is_none() && self.shown != Shown::Nothing && self.last.elapsed() > SILENCE {
                    self.last = Instant::now();
                    let _ = writeln!(stderr(), "Making the demo image from this machine: {done} of {total} files");
                }
            }
            Step::Reading { bytes } => self.doing("Reading the archive:", bytes, None),
            Step::Asking { registry } => self.note(format!("asking {registry}")),
            Step::Pulling { repository, tag } => self.line(&format!("{tag}: Pulling from {repository}")),
            Step::Exists { layer } => self.line(&format!("{}: Already exists", short(layer))),
            Step::Downloading { layer, done, total } => self.of_layer(layer, "Downloading", done, Some(total)),
            Step::Downloaded { layer } => {
                if let Some(bars) = &mut self.bars {
                    bars.layer(layer).is_here = true;
                }
                self.of_layer(layer, "Download complete", 0, None);
            }
            Step::Unpacking { layer, bytes } => self.of_layer(layer, "Extracting", bytes, None),
            Step::Complete { layer } => {
                if let Some(bars) = &mut self.bars {
                    bars.end(layer);
                }
                self.line(&format!("{}: Pull complete", short(layer)));
            }
        }
    }
}

/// The twelve digits that Docker shows of a digest.
pub(super) fn short(digest: &str) -> &str {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    hex.get(..12).unwrap_or(hex)
}
