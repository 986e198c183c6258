//! `explore book`: the book for those who read it, and what those use who build and translate it.

use super::registry::CannotListen;
use super::{Context, explained};
use crate::book;
use crate::exit::Exit;
use crate::lesson::library::Library;
use crate::lesson::need::way;
use crate::lesson::page::Page;
use crate::lesson::recording::{self, Collector, Recording};
use crate::lesson::run::{self, Outcome, RunError, Setting, Watched};
use crate::stages::pull::listen;
use crate::state::write_record;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Book {
    #[command(subcommand)]
    command: Option<BookCommand>,
    /// Write the book into DIR, which is new, a folder for each language
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The port to listen on; any that is free without it
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// Print the address, and open no browser
    #[arg(long)]
    no_open: bool,
}

#[derive(Debug, clap::Subcommand)]
enum BookCommand {
    /// What mdBook calls: a book comes in as JSON and goes out with its lessons
    Preprocess {
        #[command(subcommand)]
        question: Option<Question>,
    },
    /// Run lessons here and keep what was printed
    Record(Recordings),
    /// Run lessons here and compare with what was kept for machines of this kind
    Verify(Recordings),
    /// Print the template (gettext POT) of lessons, chapters and messages
    Messages,
}

#[derive(Debug, clap::Subcommand)]
enum Question {
    /// Whether a renderer gets our chapters
    Supports {
        /// The renderer
        renderer: String,
    },
}

#[derive(Debug, clap::Args)]
struct Recordings {
    /// The lessons; all of them without it
    lesson: Vec<String>,
    /// Where recordings are, a folder for each kind of machine
    #[arg(long, value_name = "DIR", default_value = "book/recordings")]
    folder: PathBuf,
    /// How long one step may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60, env = "EXPLORE_STEP_SECONDS", hide_env = true)]
    timeout: u64,
}

impl Book {
    pub(super) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let Some(command) = self.command else { return self.read(context) };
        match command {
            BookCommand::Preprocess { question: Some(Question::Supports { renderer }) } => {
                Ok(if book::supports(&renderer) { Exit::Ok } else { Exit::Failed })
            }
            BookCommand::Preprocess { question: None } => {
                let mut input = String::new();
                std::io::stdin().read_to_string(&mut input)?;
                let output = book::preprocess(&input).map_err(explained)?;
                context.screen.print(&output)?;
                Ok(Exit::Ok)
            }
            BookCommand::Record(recordings) => recordings.record(context),
            BookCommand::Verify(recordings) => recordings.verify(context),
            BookCommand::Messages => {
                let help = super::help::texts();
                let text = book::template(&Library::built_in(), Path::new("book/src"), Path::new("src"), &help)?;
                context.screen.print(&text)?;
                Ok(Exit::Ok)
            }
        }
    }
}

impl Book {
    fn read(&self, context: &mut Context) -> anyhow::Result<Exit> {
        let pages = book::Pages::carried().map_err(explained)?;
        if let Some(folder) = &self.out {
            let files = pages.write(folder).map_err(explained)?;
            if context.screen.json {
                context.screen.data(&serde_json::json!({ "schema": 1, "folder": folder, "files": files }))?;
            } else {
                context.screen.line(&format!("{}", folder.display()))?;
            }
            return Ok(Exit::Ok);
        }
        let failed = |source| explained(CannotListen { port: self.port, source });
        let listener = listen(self.port).map_err(failed)?;
        let address = format!("http://{}", listener.local_addr()?);
        if context.screen.json {
            context.screen.data(&serde_json::json!({ "schema": 1, "address": address }))?;
        } else {
            context.screen.line(&address)?;
        }
        if !self.no_open {
            open_in_browser(&address);
        }
        pages.serve(listener, super::lesson::language(context)?.tag())?;
        Ok(Exit::Ok)
    }
}

/// Where there is a desktop. Without one the address is on the screen.
fn open_in_browser(address: &str) {
    let quiet = std::process::Stdio::null;
    if std::env::var_os("DISPLAY").is_some() || std::env::var_os("WAYLAND_DISPLAY").is_some() {
        let mut command = std::process::Command::new("xdg-open");
        let _ = command.arg(address).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
    }
}

impl Recordings {
    fn pages(&self, library: &Library) -> anyhow::Result<Vec<Page>> {
        if self.lesson.is_empty() {
            return Ok(library.pages.clone());
        }
        self.lesson.iter().map(|name| Ok(library.find(name).map_err(explained)?.clone())).collect()
    }

    fn path(&self, page: &Page) -> PathBuf {
        self.folder.join(recording::key()).join(format!("{}.json", page.id))
    }

    fn record(&self, context: &mut Context) -> anyhow::Result<Exit> {
        for page in self.pages(&Library::built_in())? {
            let path = self.path(&page);
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            if let Some(signal) = self.run_and_keep(context, &page, &path, true)? {
                return Ok(signal);
            }
            context.screen.line(&format!("recorded {}", path.display()))?;
        }
        Ok(Exit::Ok)
    }

    fn verify(&self, context: &mut Context) -> anyhow::Result<Exit> {
        let mut bad = 0;
        let scratch = tempfile::tempdir()?;
        for page in self.pages(&Library::built_in())? {
            let path = self.path(&page);
            if !path.exists() {
                context.screen.line(&format!("no recording {}", path.display()))?;
                continue;
            }
            let now = scratch.path().join(format!("{}.json", page.id));
            // A recording may be of a machine that has more than this one: a kernel for a guest, say.
            if let Some(missing) = way(&page, &context.roots()?).missing().first() {
                context.screen.line(&format!("not run here {}: {}", page.id, missing.why))?;
                continue;
            }
            if let Some(signal) = self.run_and_keep(context, &page, &now, false)? {
                return Ok(signal);
            }
            let (kept, now) = (recording::read(&path).map_err(explained)?, recording::read(&now).map_err(explained)?);
            match kept.difference(&now) {
                None => context.screen.line(&format!("as recorded  {}", page.id))?,
                Some(difference) => {
                    bad += 1;
                    context.screen.line(&format!("DIFFERS      {}\n{difference}", page.id))?;
                }
            }
        }
        Ok(if bad == 0 { Exit::Ok } else { Exit::Failed })
    }

    /// Runs a lesson and writes its recording; a signal that ended it comes back.
    fn run_and_keep(&self, context: &Context, page: &Page, path: &Path, hears: bool) -> anyhow::Result<Option<Exit>> {
        let roots = context.roots()?;
        let limit = Duration::from_secs(self.timeout);
        let watched = run::watched(&roots, false, |holder| {
            let setting = Setting { roots: roots.clone(), holder, keep: false, limit, width: 80, hears };
            let mut collector = Collector::default();
            run::run(&setting, page, &mut collector, None)?;
            write_record(path, &Recording::of(page, collector.events), false).map_err(RunError::from)?;
            Ok(Outcome::Finished)
        });
        match watched.map_err(explained)? {
            Watched::Ended(_) => Ok(None),
            Watched::Signalled(number) => Ok(Some(Exit::Signal(number))),
        }
    }
}
