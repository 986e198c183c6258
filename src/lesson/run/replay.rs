//! Replaying a recording where nothing can run: the same events, the same questions, and always labelled.

use super::engine::Outcome;
use super::event::{Event, Tier};
use super::{Reader, Reply, RunError, Stop, Wish};
use crate::lesson::page::{BlockKind, Page, Predict};
use crate::lesson::progress::Recorder;
use crate::lesson::recording::Recording;

/// Plays `recording` of `page` to `reader`. Answers are recorded as answers to a replay.
///
/// # Errors
/// Those of the reader.
pub fn replay(
    recording: &Recording,
    page: &Page,
    reader: &mut dyn Reader,
    mut recorder: Option<&mut Recorder>,
) -> Result<Outcome, RunError> {
    let mut open: Option<&str> = None;
    let mut choice: Option<(usize, usize)> = None;
    for event in &recording.events {
        if matches!(event, Event::Asked { .. }) {
            // For the page of the book: a lesson that runs does not tell it either.
            continue;
        }
        if let Some(before) = open.filter(|_| open != event.block())
            && !matches!(event, Event::End { .. })
            && !go_on(reader, before)?
        {
            tell(reader, page, &Event::End { finished: false })?;
            return Ok(Outcome::Left);
        }
        open = event.block();
        match event {
            Event::Begin { schema, lesson, hash, title, .. } => {
                let (lesson, hash, title) = (lesson.clone(), hash.clone(), title.clone());
                tell(reader, page, &Event::Begin { schema: *schema, lesson, hash, title, tier: Tier::Replay })?;
            }
            Event::Question { block } => {
                tell(reader, page, event)?;
                choice = match ask(reader, page, block)? {
                    Answer::Left => return Ok(Outcome::Left),
                    Answer::Chosen(option, hints) => Some((option, hints)),
                    Answer::Unasked => None,
                };
            }
            Event::Marked { block, holds, .. } => {
                let chosen = choice.map(|(option, _)| option);
                tell(reader, page, &Event::Marked { block: block.clone(), chosen, holds: *holds })?;
                if let (Some((option, hints)), Some(recorder)) = (choice.take(), recorder.as_deref_mut()) {
                    recorder.prediction(block, option, *holds, hints)?;
                }
            }
            other => tell(reader, page, other)?,
        }
    }
    if let Some(recorder) = recorder {
        recorder.finished()?;
    }
    Ok(Outcome::Finished)
}

/// A stop at which nothing can be entered, verified or done again.
fn go_on(reader: &mut dyn Reader, block: &str) -> Result<bool, RunError> {
    loop {
        match reader.stop(&Stop { block, exercise: None, has_inside: false, is_live: false })? {
            Wish::GoOn => return Ok(true),
            Wish::Leave => return Ok(false),
            Wish::Visit(_) | Wish::Verify | Wish::Hint | Wish::Again => {}
        }
    }
}

enum Answer {
    Chosen(usize, usize),
    Unasked,
    Left,
}

fn ask(reader: &mut dyn Reader, page: &Page, id: &str) -> Result<Answer, RunError> {
    let Some(predict) = prediction(page, id) else { return Ok(Answer::Unasked) };
    let mut hints = 0;
    loop {
        match reader.predict(id, predict)? {
            Reply::Chosen(option) => return Ok(Answer::Chosen(option, hints)),
            Reply::Unasked => return Ok(Answer::Unasked),
            Reply::Leave => return Ok(Answer::Left),
            Reply::Hint => {
                let rung = hints.min(predict.hints.len().saturating_sub(1));
                tell(reader, page, &Event::Hint { block: id.to_owned(), rung })?;
                hints = (hints + 1).min(predict.hints.len());
            }
        }
    }
}

fn prediction<'a>(page: &'a Page, id: &str) -> Option<&'a Predict> {
    page.blocks().find(|block| block.id == id).and_then(|block| match &block.kind {
        BlockKind::Predict(predict) => Some(predict),
        _ => None,
    })
}

fn tell(reader: &mut dyn Reader, page: &Page, event: &Event) -> Result<(), RunError> {
    reader.tell(page, event).map_err(RunError::Screen)
}
