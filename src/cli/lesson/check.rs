//! `explore lesson check [DIR]`.

use crate::cli::{Context, explained};
use crate::error::Explain;
use crate::exit::Exit;
use crate::lesson::library::Library;
use crate::lesson::need::{self, Missing};
use crate::lesson::page::{Fault, Page};
use crate::lesson::recording;
use crate::lesson::run::{self, Outcome, RunError, Scope, Setting, WatchError, Watched};
use crate::state::Roots;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// A folder of lessons, or one lesson's file; those that are built in without it
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Prove these lessons alone (all pages are read); can be repeated
    #[arg(long, value_name = "LESSON")]
    only: Vec<String>,
    /// Run each lesson once, as `--yes` does, and prove nothing more of its exercises
    #[arg(long, conflicts_with = "read_only")]
    once: bool,
    /// Only read the pages, run nothing
    #[arg(long)]
    read_only: bool,
    /// How long one step may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60, env = "EXPLORE_STEP_SECONDS", hide_env = true)]
    timeout: u64,
}

/// What came of one lesson.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "result")]
enum Proof {
    /// `seconds` is what one who says `--yes` waits.
    Proved {
        lesson: String,
        way: &'static str,
        seconds: f64,
    },
    Failed {
        lesson: String,
        way: &'static str,
        error: String,
        hint: Option<String>,
    },
    /// Its way here is a replay, or none.
    Skipped {
        lesson: String,
        way: &'static str,
        missing: Vec<Missing>,
    },
}

impl CheckArgs {
    pub(super) fn run(self, context: &mut Context, lessons: Option<&Path>) -> anyhow::Result<Exit> {
        let mut library = super::library(self.folder.as_deref().or(lessons))?;
        let unreadable: Vec<Fault> = library.own().flat_map(run::unreadable).collect();
        library.faults.extend(unreadable.iter().cloned());
        for name in &self.only {
            library.find(name).map_err(explained)?;
        }
        let wanted = |page: &&Page| self.only.is_empty() || self.only.contains(&page.id);
        let mut proofs = Vec::new();
        if !context.screen.json {
            for fault in &library.faults {
                context.screen.line(&fault.to_string())?;
            }
        }
        if !self.read_only {
            let roots = context.roots()?;
            run::clear_all(&roots, Scope::Orphans).map_err(explained)?;
            // A shell that reads on and on for the other half of a quotation would only be waited for.
            let can_run = |page: &&Page| !unreadable.iter().any(|fault| fault.at.file == page.file);
            for page in library.own().filter(wanted).filter(can_run) {
                let Some(proof) = self.prove(&roots, page) else { return Ok(Exit::Signal(libc::SIGINT)) };
                if !context.screen.json {
                    context.screen.line(&line(&proof))?;
                }
                proofs.push(proof);
            }
        }
        self.finish(context, &library, &proofs)
    }

    /// `None` where somebody has stopped us.
    fn prove(&self, roots: &Roots, page: &Page) -> Option<Proof> {
        let lesson = page.id.clone();
        let here = need::way(page, roots);
        let way = here.word();
        if !here.missing().is_empty() {
            return Some(Proof::Skipped { lesson, way, missing: here.missing().to_vec() });
        }
        // The lesson runs in a process of its own, so its time comes through a pipe.
        let (mut heard, mut telling) = match std::io::pipe() {
            Ok(ends) => ends,
            Err(source) => {
                let error = RunError::Own { step: "make a pipe for the time", source };
                return Some(failed(lesson, way, &WatchError::from(error)));
            }
        };
        let watched = run::watched(roots, false, |holder| {
            let limit = Duration::from_secs(self.timeout);
            let setting = Setting { roots: roots.clone(), holder, keep: false, limit, width: 80, hears: false };
            let took = if self.once { run::once(&setting, page)? } else { run::prove(&setting, page)? };
            let told = telling.write_all(&took.as_secs_f64().to_le_bytes());
            told.map_err(|source| RunError::Own { step: "tell the time", source })?;
            Ok(Outcome::Finished)
        });
        match watched {
            Ok(Watched::Ended(_)) => {
                let mut told = [0; 8];
                let seconds = heard.read_exact(&mut told).map_or(0.0, |()| f64::from_le_bytes(told));
                Some(Proof::Proved { lesson, way, seconds: in_tenths(seconds) })
            }
            Ok(Watched::Signalled(_)) => None,
            Err(error) => Some(failed(lesson, way, &error)),
        }
    }

    fn finish(&self, context: &mut Context, library: &Library, proofs: &[Proof]) -> anyhow::Result<Exit> {
        let count = |wanted: fn(&Proof) -> bool| proofs.iter().filter(|proof| wanted(proof)).count();
        let bad = count(|proof| matches!(proof, Proof::Failed { .. }));
        if context.screen.json {
            let (faults, key) = (&library.faults, recording::key());
            context
                .screen
                .data(&serde_json::json!({ "schema": 1, "key": key, "faults": faults, "lessons": proofs }))?;
        } else {
            if let Some(times) = times(proofs) {
                context.screen.line(&times)?;
            }
            let (pages, faults) = (library.own().count(), library.faults.len());
            let read = format!("{} read, {}", count_of(pages, "lesson"), count_of(faults, "fault"));
            let proved = count(|proof| matches!(proof, Proof::Proved { .. }));
            let skipped = proofs.len() - proved - bad;
            let ran = format!("; {proved} proved, {bad} failed, {skipped} skipped");
            let ran = if self.read_only { "" } else { &ran };
            context.screen.line(&format!("{read}{ran}"))?;
        }
        Ok(if library.faults.is_empty() && bad == 0 { Exit::Ok } else { Exit::Failed })
    }
}

fn failed(lesson: String, way: &'static str, error: &WatchError) -> Proof {
    Proof::Failed { lesson, way, error: error.to_string(), hint: error.hint() }
}

/// Seconds with one place after the point.
fn in_tenths(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}

/// What all of them took, the one in the middle, and the longest.
fn times(proofs: &[Proof]) -> Option<String> {
    let mut times: Vec<(f64, &str)> = proofs
        .iter()
        .filter_map(
            |proof| if let Proof::Proved { lesson, seconds, .. } = proof { Some((*seconds, &**lesson)) } else { None },
        )
        .collect();
    times.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (longest, lesson) = *times.last()?;
    let sum: f64 = times.iter().map(|one| one.0).sum();
    let median = times[times.len() / 2].0;
    Some(format!("with --yes: {sum:.1} s, the median {median:.1} s, the longest {longest:.1} s ({lesson})"))
}

fn count_of(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn line(proof: &Proof) -> String {
    match proof {
        Proof::Skipped { lesson, way, missing } => {
            let why: Vec<&str> = missing.iter().map(|one| one.why.as_str()).collect();
            format!("skipped  {lesson:<21} {way:<6} {}", why.join("; "))
        }
        Proof::Proved { lesson, way, seconds } => format!("proved   {lesson:<21} {way:<6} {seconds:>5.1} s"),
        Proof::Failed { lesson, error, hint, .. } => {
            let hint = hint.as_deref().map(|hint| format!("\n  {}", hint.replace('\n', "\n  "))).unwrap_or_default();
            format!("FAILED   {lesson}\n  {error}{hint}")
        }
    }
}
