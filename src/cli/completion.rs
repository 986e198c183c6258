//! `explore completion`, as docker's: and the manual pages, which a package needs once.

use super::{Cli, Context};
use crate::exit::Exit;
use clap::CommandFactory;
use clap_complete::Shell;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Completion {
    /// The shell that it is for
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(super) struct Man {
    /// The folder; it is made where it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Completion {
    pub(super) fn run(&self, context: &mut Context) -> anyhow::Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "explore", &mut script);
        context.screen.print(&String::from_utf8(script)?)?;
        Ok(Exit::Ok)
    }
}

impl Man {
    pub(super) fn run(&self, context: &mut Context) -> anyhow::Result<Exit> {
        std::fs::create_dir_all(&self.folder)?;
        clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), &self.folder)?;
        if context.screen.json {
            let names = std::fs::read_dir(&self.folder)?.map(|one| Ok(one?.file_name().to_string_lossy().into_owned()));
            let mut pages = names.collect::<std::io::Result<Vec<String>>>()?;
            pages.sort();
            context.screen.data(&serde_json::json!({ "schema": 1, "folder": self.folder, "pages": pages }))?;
            return Ok(Exit::Ok);
        }
        context.screen.line(&self.folder.display().to_string())?;
        Ok(Exit::Ok)
    }
}
