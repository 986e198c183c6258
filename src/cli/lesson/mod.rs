//! `explore lesson`: list, run, check.

mod check;
mod list;

use super::{Context, explained};
use crate::exit::Exit;
use crate::lesson::library::Library;
use std::path::PathBuf;

/// Lessons that run on this machine, and that the kernel marks.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Lesson {
    #[command(subcommand)]
    command: Option<LessonCommand>,
    /// Take the lessons of DIR in place of those that are built in
    #[arg(long, global = true, value_name = "DIR")]
    lessons: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum LessonCommand {
    /// For authors: prove every lesson by running it
    Check(check::CheckArgs),
}

impl Lesson {
    pub(super) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self.command {
            None => list::list(context, &library(self.lessons.as_deref())?),
            Some(LessonCommand::Check(args)) => args.run(context, self.lessons.as_deref()),
        }
    }
}

fn library(folder: Option<&std::path::Path>) -> anyhow::Result<Library> {
    folder.map_or_else(|| Ok(Library::built_in()), |folder| Library::of_folder(folder).map_err(explained))
}
