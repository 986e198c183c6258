//! `explore book`: for those who build and translate the book.

use super::{Context, explained};
use crate::book;
use crate::exit::Exit;
use crate::lesson::library::Library;
use crate::lesson::page::Page;
use crate::lesson::recording::{self, Collector, Recording};
use crate::lesson::run::{self, Outcome, RunError, Setting, Watched};
use crate::state::write_record;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For those who build the book: what mdBook calls, recordings, and what translators begin from.
#[derive(Debug, clap::Args)]
pub(super) struct Book {
    #[command(subcommand)]
    command: BookCommand,
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
}

impl Book {
    pub(super) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self.command {
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
                let text = book::template(&Library::built_in(), Path::new("book/src"))?;
                context.screen.print(&text)?;
                Ok(Exit::Ok)
            }
        }
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
            if let Some(signal) = run_and_keep(context, &page, &path)? {
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
            if let Some(signal) = run_and_keep(context, &page, &now)? {
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
}

/// Runs a lesson and writes its recording; a signal that ended it comes back.
fn run_and_keep(context: &Context, page: &Page, path: &Path) -> anyhow::Result<Option<Exit>> {
    let roots = context.roots()?;
    let watched = run::watched(&roots, false, |holder| {
        let setting = Setting { roots: roots.clone(), holder, keep: false, limit: Duration::from_secs(60), width: 80 };
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
