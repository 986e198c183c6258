//! `explore lesson`: list, run, check.

mod check;
mod list;
mod new;
mod person;
mod run;
mod teller;

pub(super) use run::language;

use super::{Context, explained};
use crate::exit::Exit;
use crate::lesson::library::Library;
use std::path::PathBuf;

/// Lessons that run on this machine, and that the kernel marks
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Lesson {
    #[command(subcommand)]
    command: Option<LessonCommand>,
    /// The lesson; without it they are listed
    name: Option<String>,
    #[command(flatten)]
    how: run::How,
    /// Take the lessons of DIR as well, in place of those of the same name
    #[arg(long, global = true, value_name = "DIR")]
    lessons: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum LessonCommand {
    /// The next lesson on the path
    Next(run::How),
    /// For authors: a page to begin from, in the folder that --lessons names or in this one
    New(new::NewArgs),
    /// For authors: prove every lesson by running it
    Check(check::CheckArgs),
}

impl Lesson {
    pub(super) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let folder = self.lessons.as_deref();
        match self.command {
            None => {
                let library = library(folder)?;
                match &self.name {
                    None => list::list(context, &library),
                    Some(name) => run::lesson(context, library.find(name).map_err(explained)?, &self.how),
                }
            }
            Some(LessonCommand::Next(how)) => run::next(context, &library(folder)?, &how),
            Some(LessonCommand::New(args)) => args.run(context, folder),
            Some(LessonCommand::Check(args)) => args.run(context, folder),
        }
    }
}

fn library(folder: Option<&std::path::Path>) -> anyhow::Result<Library> {
    folder.map_or_else(|| Ok(Library::built_in()), |folder| Library::of_folder(folder).map_err(explained))
}
