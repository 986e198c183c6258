//! `explore lesson check [DIR]`.

use crate::cli::Context;
use crate::exit::Exit;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// A folder of lessons, or one lesson's file; those that are built in without it
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl CheckArgs {
    pub(super) fn run(self, context: &mut Context, lessons: Option<&Path>) -> anyhow::Result<Exit> {
        let library = super::library(self.folder.as_deref().or(lessons))?;
        if context.screen.json {
            context.screen.data(&serde_json::json!({ "schema": 1, "faults": library.faults }))?;
        } else {
            for fault in &library.faults {
                context.screen.line(&fault.to_string())?;
            }
            let (good, bad) = (library.pages.len(), library.faults.len());
            context.screen.line(&format!("{good} lessons are well formed, {bad} faults"))?;
        }
        Ok(if library.faults.is_empty() { Exit::Ok } else { Exit::Failed })
    }
}
