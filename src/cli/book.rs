//! `explore book`: for those who build and translate the book.

use super::Context;
use crate::book::template;
use crate::exit::Exit;
use crate::lesson::library::Library;
use std::path::Path;

/// For those who build the book: what mdBook calls, and what translators begin from.
#[derive(Debug, clap::Args)]
pub(super) struct Book {
    #[command(subcommand)]
    command: BookCommand,
}

#[derive(Debug, clap::Subcommand)]
enum BookCommand {
    /// Print the template (gettext POT) of lessons, chapters and messages
    Messages,
}

impl Book {
    pub(super) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self.command {
            BookCommand::Messages => {
                let text = template::template(&Library::built_in(), Path::new("book/src"))?;
                context.screen.print(&text)?;
                Ok(Exit::Ok)
            }
        }
    }
}
