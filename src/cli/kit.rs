//! `explore kit`: the folder for a workshop's stick.

use super::columns::wrap;
use super::pulling::Lines;
use super::{Context, explained};
use crate::exit::Exit;
use crate::image::{self, ImageError};
use crate::kit::{self, Made};
use crate::lesson::catalog::Catalog;
use crate::stages::create::size;
use crate::state::Roots;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub(super) struct Kit {
    /// Where; its parent is there, it is not
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// A program for one more architecture, or a static one in place of this; can be repeated
    #[arg(long, value_name = "FILE")]
    binary: Vec<PathBuf>,
    /// An image that is here, beside demo; can be repeated
    #[arg(long, value_name = "NAME")]
    image: Vec<String>,
    /// The kernel for `explore guest`: an image such as /boot/vmlinuz-*, or the folder of an unpacked kernel package;
    /// without it the one that `explore guest` would take here
    #[arg(long, value_name = "PATH")]
    kernel: Option<PathBuf>,
    /// Debian packages with all that they depend on, by apt-get and this machine's sources; needs a network, and no root
    #[arg(
        long,
        value_name = "NAME",
        num_args = 0..=1,
        value_delimiter = ',',
        require_equals = true,
        default_missing_value = "qemu-system-x86,uidmap"
    )]
    packages: Vec<String>,
    /// A box for Vagrant, with virtualbox or libvirt in its name; can be repeated
    #[arg(long = "box", value_name = "FILE")]
    boxes: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    schema: u32,
    #[serde(flatten)]
    made: Made,
}

impl Kit {
    pub(super) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let made = self.make(context)?;
        if context.screen.json {
            context.screen.data(&Report { schema: 1, made })?;
        } else {
            let text = render(&made, context.screen.width, context.catalog());
            context.screen.print(&text)?;
        }
        Ok(Exit::Ok)
    }

    fn make(&self, context: &mut Context) -> anyhow::Result<Made> {
        let mut images = vec!["demo".to_owned()];
        images.extend(self.image.iter().filter(|name| *name != "demo").cloned());
        images.dedup();
        let mut kit = kit::Kit::begin(&self.folder).map_err(explained)?;
        let roots = context.roots()?;
        for name in &images[1..] {
            image::find(&roots, name).map_err(explained)?;
        }
        let mut now = Now::new(context.screen.json, Catalog::of(context.global.language()));
        now.does("programs");
        kit.programs(&self.binary).map_err(explained)?;
        now.does("book");
        kit.book().map_err(explained)?;
        now.does("guest kernel");
        kit.guest(self.kernel.as_deref()).map_err(explained)?;
        now.does("boxes");
        kit.boxes(&self.boxes).map_err(explained)?;
        if !self.packages.is_empty() {
            now.does("packages");
        }
        kit.packages(&self.packages).map_err(explained)?;
        now.clear();
        // Late, for without root it leads into namespaces of ours, and apt-get is better off outside.
        demo(&roots, context)?;
        now.does("images");
        kit.images(&roots, &images).map_err(explained)?;
        now.does("checksums");
        let made = kit.finish().map_err(explained);
        now.clear();
        made
    }
}

/// Makes the demo image where it is not here yet.
fn demo(roots: &Roots, context: &mut Context) -> anyhow::Result<()> {
    if let Err(ImageError::NotFound { name }) = image::find(roots, "demo") {
        let mut lines = Lines::for_missing(&name, context.screen.json);
        let pulled = super::pull::pull(roots, "demo", context, &mut lines);
        lines.clear();
        pulled?;
    }
    Ok(())
}

/// What is being done: a bar at a terminal; elsewhere a line on standard error, where the last one is a while ago.
struct Now {
    bar: Option<ProgressBar>,
    silent: bool,
    last: Instant,
    catalog: Catalog,
}

const SILENCE: Duration = Duration::from_secs(1);

impl Now {
    const PARTS: u64 = 7;

    fn new(silent: bool, catalog: Catalog) -> Self {
        let style =
            ProgressStyle::with_template("{bar:20} {msg:.dim}").unwrap_or_else(|_| ProgressStyle::default_bar());
        let shown = !silent && std::io::stderr().is_terminal();
        let bar = shown.then(|| ProgressBar::new(Self::PARTS).with_style(style));
        Self { bar, silent, last: Instant::now(), catalog }
    }

    fn does(&mut self, what: &str) {
        if let Some(bar) = &self.bar {
            // It was cleared for somebody else's lines, and goes on where it was.
            if bar.is_finished() {
                let done = bar.position();
                bar.reset();
                bar.set_position(done);
            }
            bar.set_message(self.catalog.sentence(what));
            bar.inc(1);
            bar.tick();
        } else if !self.silent && (what == "packages" || self.last.elapsed() > SILENCE) {
            self.last = Instant::now();
            let _ = writeln!(std::io::stderr(), "kit: {}", self.catalog.sentence(what));
        }
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn render(made: &Made, width: usize, catalog: &Catalog) -> String {
    let (folder, files, bytes) = (made.folder.display(), made.files, size(made.bytes));
    let head = catalog.sentence(&format!("{folder}: {files} files, {bytes}"));
    let mut text = wrap(&head, width, 2).join("\n") + "\n";
    for part in &made.parts {
        let line = format!("  {} ({}): {}", part.path, size(part.bytes), catalog.sentence(&part.what));
        let _ = writeln!(text, "{}", wrap(&line, width, 4).join("\n"));
    }
    if !made.lacking.is_empty() {
        text += &(catalog.sentence("Not in it:") + "\n");
    }
    for lacking in &made.lacking {
        let (what, why, advice) = (&lacking.what, &lacking.why, &lacking.fix);
        let line = catalog.sentence(&format!("  {what}: {why}; what helps: {advice}"));
        let _ = writeln!(text, "{}", wrap(&line, width, 4).join("\n"));
    }
    text
}
