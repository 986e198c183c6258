//! `explore progress`: what this reader has answered so far.

use super::{Context, explained};
use crate::exit::Exit;
use crate::lesson::catalog::Catalog;
use crate::lesson::library::Library;
use crate::lesson::progress::{Entry, Progress, State, What};
use crate::lesson::words::RIGHT_OF;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct ProgressArgs {
    #[command(subcommand)]
    command: Option<ProgressCommand>,
    /// Every answer as a line of comma-separated values
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

#[derive(Debug, clap::Subcommand)]
enum ProgressCommand {
    /// Forget all answers
    Reset,
    /// Write all answers to FILE
    Export {
        /// The file to write
        file: PathBuf,
    },
    /// Add the answers of FILE that are not here yet
    Import {
        /// A file that `export` wrote
        file: PathBuf,
    },
}

impl ProgressArgs {
    pub(super) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let mut progress = Progress::read(&context.roots()?.data).map_err(explained)?;
        if let Some(path) = progress.put_aside.as_ref().filter(|_| !context.screen.json && !self.csv) {
            let path = path.display();
            context.tell(&format!("the record was damaged: it is now {path}, and a new one is begun"))?;
        }
        let count = progress.entries.len();
        match self.command {
            None if context.screen.json => {
                let answers = &progress.entries;
                context.screen.data(&serde_json::json!({ "schema": 1, "answers": answers }))?;
            }
            None if self.csv => context.screen.print(&csv(&progress.entries))?,
            None => table(context, &progress)?,
            Some(ProgressCommand::Reset) => {
                progress.reset().map_err(explained)?;
                context.tell(&format!("{count} entries forgotten"))?;
            }
            Some(ProgressCommand::Export { file }) => {
                progress.export(&file).map_err(explained)?;
                context.tell(&format!("{count} entries written to {}", file.display()))?;
            }
            Some(ProgressCommand::Import { file }) => {
                let new = progress.import(&file).map_err(explained)?;
                context.tell(&format!("{new} entries added"))?;
            }
        }
        Ok(Exit::Ok)
    }
}

fn table(context: &mut Context, progress: &Progress) -> anyhow::Result<()> {
    let library = Library::built_in();
    let mut rows = Vec::new();
    for page in library.pages.iter().filter(|page| progress.state(&page.id) != State::New) {
        let state = progress.state(&page.id);
        rows.push([
            page.id.clone(),
            context.say(state.word()),
            right_of(progress, &page.id, context.catalog()),
            done_of(progress, &page.id),
        ]);
    }
    if rows.is_empty() {
        context.tell("nothing yet: `explore lesson next` begins")?;
        return Ok(());
    }
    let header = ["LESSON", "STATE", "PREDICTIONS RIGHT", "EXERCISES DONE"].map(|name| context.say(name));
    context.screen.table(header.each_ref().map(String::as_str), &rows)?;
    Ok(())
}

/// `2 of 3`: right predictions of all that were made.
fn right_of(progress: &Progress, lesson: &str, catalog: &Catalog) -> String {
    let mut right = Vec::new();
    for entry in progress.entries.iter().filter(|entry| entry.lesson == lesson) {
        if let What::Prediction { choice, kernel, .. } = &entry.what {
            right.push(choice == kernel);
        }
    }
    let (all, right) = (right.len().to_string(), right.iter().filter(|right| **right).count().to_string());
    catalog.say(RIGHT_OF, &[("right", &right), ("made", &all)])
}

fn done_of(progress: &Progress, lesson: &str) -> String {
    let mut done: Vec<&str> = Vec::new();
    for entry in progress.entries.iter().filter(|entry| entry.lesson == lesson) {
        match &entry.what {
            What::Exercise { block, done: true, .. } if !done.contains(&block.as_str()) => done.push(block),
            _ => {}
        }
    }
    done.len().to_string()
}

/// One line an answer; what an answer does not have is empty. No value holds a comma.
fn csv(entries: &[Entry]) -> String {
    let mut text = String::from("time,lesson,hash,tier,kind,block,choice,kernel,done,hints\n");
    for entry in entries {
        let rest = match &entry.what {
            What::Begun => "begun,,,,,".to_owned(),
            What::Done => "done,,,,,".to_owned(),
            What::Prediction { block, choice, kernel, hints } => {
                format!("prediction,{block},{choice},{kernel},,{hints}")
            }
            What::Exercise { block, done, hints } => format!("exercise,{block},,,{done},{hints}"),
        };
        let tier = entry.tier.word();
        text.push_str(&[&entry.time.to_string(), &entry.lesson, &entry.hash, tier, &rest].join(","));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::run::Tier;

    #[test]
    fn every_line_of_the_csv_has_every_column() {
        let entry = |what| Entry { schema: 1, time: 7, lesson: "a".into(), hash: "h".into(), tier: Tier::Root, what };
        let all = [
            entry(What::Begun),
            entry(What::Prediction { block: "b".into(), choice: 0, kernel: 1, hints: 2 }),
            entry(What::Exercise { block: "e".into(), done: true, hints: 0 }),
            entry(What::Done),
        ];
        let text = csv(&all);
        assert!(text.lines().all(|line| line.matches(',').count() == 9), "{text}");
        assert_eq!(text.lines().nth(2), Some("7,a,h,root,prediction,b,0,1,,2"));
    }
}
