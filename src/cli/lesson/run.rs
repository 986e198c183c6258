//! `explore lesson NAME` and `explore lesson next`.

use super::person::{Passing, Person, Program};
use super::teller::Teller;
use crate::cli::{Context, Screen, explained};
use crate::exit::Exit;
use crate::lesson::catalog::{Catalog, Language};
use crate::lesson::library::Library;
use crate::lesson::need::{self, Way};
use crate::lesson::page::Page;
use crate::lesson::progress::{Progress, Recorder, State};
use crate::lesson::recording::Recording;
use crate::lesson::run::{self, Outcome, Reader, Scope, Setting, Tier, Watched};
use crate::state::Roots;
use std::time::Duration;

/// How a lesson is followed.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct How {
    /// Show everything with its answers, ask and record nothing
    #[arg(long, short)]
    yes: bool,
    /// Leave standing what the lesson has made
    #[arg(long)]
    keep: bool,
    /// How long one step may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60, env = "EXPLORE_STEP_SECONDS", hide_env = true)]
    timeout: u64,
}

/// The language that was asked for, or that of the locale.
pub(in crate::cli) fn language(context: &Context) -> anyhow::Result<Language> {
    Language::choose(context.global.lang.as_deref(), |name| std::env::var(name).ok()).map_err(explained)
}

/// The next lesson on the path.
pub(super) fn next(context: &mut Context, library: &Library, how: &How) -> anyhow::Result<Exit> {
    let progress = Progress::read(&context.roots()?.data).map_err(explained)?;
    let Some(page) = library.next(|id| progress.state(id) == State::Done) else {
        context.tell("all lessons are done; `explore lesson` lists them")?;
        return Ok(Exit::Ok);
    };
    lesson(context, page, how)
}

/// One lesson.
pub(super) fn lesson(context: &mut Context, page: &Page, how: &How) -> anyhow::Result<Exit> {
    let language = language(context)?;
    let roots = context.roots()?;
    run::clear_all(&roots, Scope::Orphans).map_err(explained)?;
    let way = need::way(page, &roots);
    if let Some(exit) = cannot(context, page, &way)? {
        return Ok(exit);
    }
    let json = context.screen.json;
    let alone = how.yes || json;
    let recording = matches!(way, Way::Replay { .. }).then(|| Recording::built_in(page)).flatten();
    let tier = if recording.is_some() { Tier::Replay } else { Tier::mine() };
    let watched = run::watched(&roots, how.keep, |holder| {
        let setting = setting(&roots, holder, how, if json { 80 } else { context.screen.width });
        let mut recorder = if alone { None } else { Some(recorder(&roots, page, tier)?) };
        let teller = |lists: bool| Teller::new(page, Catalog::of(language), lists);
        let mut reader: Box<dyn Reader> = if json {
            Box::new(Program { screen: Screen::stdout(true) })
        } else if alone {
            Box::new(Passing { teller: teller(true) })
        } else {
            Box::new(Person::new(teller))
        };
        match &recording {
            Some(recording) => run::replay(recording, page, &mut *reader, recorder.as_mut()),
            None => run::run(&setting, page, &mut *reader, recorder.as_mut()),
        }
    });
    match watched.map_err(explained)? {
        Watched::Ended(Outcome::Finished | Outcome::Left) => Ok(Exit::Ok),
        Watched::Signalled(number) => Ok(Exit::Signal(number)),
    }
}

/// Says what keeps a lesson from running here; the exit code where it cannot be replayed either.
fn cannot(context: &mut Context, page: &Page, way: &Way) -> anyhow::Result<Option<Exit>> {
    let refused = matches!(way, Way::No { .. });
    if !context.screen.json {
        for missing in way.missing() {
            context.tell(&format!("{} cannot run live here: {}", page.id, missing.why))?;
            if let Some(fix) = &missing.fix {
                context.tell(&format!("  what helps: {fix}"))?;
            }
        }
        if let Some(ask) = way.missing().iter().find_map(|missing| missing.ask.as_deref()) {
            context.tell(&format!("  which layer says no: explore why -- {ask}"))?;
        }
        if let Some(lesson) = way.missing().iter().filter_map(|missing| missing.lesson).find(|name| *name != page.id) {
            context.tell(&format!("  about that layer: explore lesson {lesson}"))?;
        }
        if !way.missing().is_empty() && !crate::guest::init::is_guest() {
            context.tell(&format!("  it can in a virtual machine: explore guest lesson {}", page.id))?;
        }
    } else if refused {
        context.screen.data(&serde_json::json!({ "schema": 1, "lesson": page.id, "here": way }))?;
    }
    Ok(refused.then_some(Exit::Failed))
}

fn setting(roots: &Roots, holder: crate::state::ProcessIdentity, how: &How, width: usize) -> Setting {
    let limit = Duration::from_secs(how.timeout);
    Setting { roots: roots.clone(), holder, keep: how.keep, limit, width, hears: false }
}

fn recorder(roots: &Roots, page: &Page, tier: Tier) -> Result<Recorder, run::RunError> {
    Recorder::begin(Progress::read(&roots.data)?, &page.id, &page.hash, tier)
}
