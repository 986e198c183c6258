//! Proving a lesson: what its author claims is run, in places made anew, and nobody is asked.
//!
//! Every block runs, exactly one option of each prediction holds, and each exercise fails untouched, passes after its
//! solution, and fails after each wrong way.

use super::engine::Engine;
use super::event::Event;
use super::scene::Setting;
use super::verdict::unsolved;
use super::{Reader, Reply, RunError, Stop, Wish};
use crate::lesson::page::{Block, BlockKind, Command, Exercise, Page, Predict};
use std::io;
use std::time::{Duration, Instant};

/// For so long a wrong way must not come right: some effects take a moment.
const STEADY: Duration = Duration::from_millis(300);

/// Follows and answers nothing.
#[derive(Debug)]
struct Nobody;

impl Reader for Nobody {
    fn tell(&mut self, _: &Page, _: &Event) -> io::Result<()> {
        Ok(())
    }

    fn predict(&mut self, _: &str, _: &Predict) -> Result<Reply, RunError> {
        Ok(Reply::Unasked)
    }

    fn stop(&mut self, _: &Stop<'_>) -> Result<Wish, RunError> {
        Ok(Wish::GoOn)
    }
}

/// Runs `page` to its end. Answers how long that took, with what it made taken down again: what a reader who says `--yes`
/// waits.
///
/// # Errors
/// The first thing in it that is not so.
pub fn once(setting: &Setting, page: &Page) -> Result<Duration, RunError> {
    let begun = Instant::now();
    super::run(setting, page, &mut Nobody, None)?;
    super::clear_all(&setting.roots, super::Scope::HeldBy(setting.holder))?;
    Ok(begun.elapsed())
}

/// Runs `page` to its end, then each of its exercises in every way. Answers how long the first took, as [`once`] does.
///
/// # Errors
/// The first thing in it that is not so.
pub fn prove(setting: &Setting, page: &Page) -> Result<Duration, RunError> {
    let took = once(setting, page)?;
    for block in page.blocks() {
        if let BlockKind::Exercise(exercise) = &block.kind {
            untouched_and_solved(setting, page, block, exercise)?;
            for wrong in &exercise.wrong {
                still_undone(setting, page, block, exercise, &wrong.command)?;
            }
        }
    }
    Ok(took)
}

fn untouched_and_solved(setting: &Setting, page: &Page, block: &Block, exercise: &Exercise) -> Result<(), RunError> {
    let mut nobody = Nobody;
    let mut engine = Engine::new(setting, page, &mut nobody)?;
    engine.renew(block)?;
    if engine.verified(block, exercise, STEADY)? {
        return Err(too_easy(block, exercise, "nothing was done"));
    }
    engine.act(block, &exercise.solution)?;
    if !engine.verified(block, exercise, setting.settling())? {
        return Err(unsolved(block, exercise));
    }
    engine.scene.close()
}

fn still_undone(
    setting: &Setting,
    page: &Page,
    block: &Block,
    exercise: &Exercise,
    wrong: &Command,
) -> Result<(), RunError> {
    let mut nobody = Nobody;
    let mut engine = Engine::new(setting, page, &mut nobody)?;
    engine.renew(block)?;
    let status = engine.act(block, wrong)?;
    if status == 127 {
        return Err(RunError::Broken {
            at: wrong.at.clone(),
            what: format!("the wrong way `{}`", wrong.text),
            expected: "a command that can be run".into(),
            found: "status 127: not found".into(),
            evidence: String::new(),
        });
    }
    if engine.verified(block, exercise, STEADY)? {
        return Err(too_easy(block, exercise, &format!("the wrong way `{}`", wrong.text)));
    }
    engine.scene.close()
}

fn too_easy(block: &Block, exercise: &Exercise, after: &str) -> RunError {
    RunError::Broken {
        at: exercise.verify.at.clone(),
        what: format!("exercise {}: `{}` after {after}", block.id, exercise.verify.text),
        expected: "status 1: it is not done".into(),
        found: "status 0: it is".into(),
        evidence: String::new(),
    }
}
