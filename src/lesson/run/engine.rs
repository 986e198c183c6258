//! The engine: walks through a page, block by block.

use super::event::{Event, SCHEMA, Tier};
use super::scene::{PLACE, Scene, Setting};
use super::shell::BlockEnd;
use super::step::Answer;
use super::verdict::{broken_test, undecided, unsolved};
use super::{Reader, Reply, RunError, Stop, Wish, visit};
use crate::lesson::page::{Block, BlockKind, Check, Command, CompareWith, Exercise, Page, Part, Predict, Shell};
use crate::lesson::progress::Recorder;
use crate::probe;
use std::time::{Duration, Instant};

/// How a run ends that does not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// To the end.
    Finished,
    /// The reader left.
    Left,
}

/// Runs `page` for `reader`; what the reader answers goes to `recorder`.
///
/// # Errors
/// [`RunError`]. What was made is taken down by whoever called, through [`super::watched`].
pub fn run(
    setting: &Setting,
    page: &Page,
    reader: &mut dyn Reader,
    recorder: Option<&mut Recorder>,
) -> Result<Outcome, RunError> {
    let begin = Event::Begin {
        schema: SCHEMA,
        lesson: page.id.clone(),
        hash: page.hash.clone(),
        title: page.front.title.clone(),
        tier: Tier::mine(),
    };
    reader.tell(page, &begin).map_err(RunError::Screen)?;
    let scene = Scene::open(setting, page)?;
    let mut engine = Engine { page, reader, recorder, setting, scene };
    engine.walk()
}

/// One run under way.
pub(super) struct Engine<'a> {
    page: &'a Page,
    reader: &'a mut dyn Reader,
    recorder: Option<&'a mut Recorder>,
    setting: &'a Setting,
    pub(super) scene: Scene,
}

/// What comes after a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Next,
    Again,
    Leave,
}

impl<'a> Engine<'a> {
    /// An engine at the beginning of a page, for the one who proves lessons.
    pub(super) fn new(setting: &'a Setting, page: &'a Page, reader: &'a mut dyn Reader) -> Result<Self, RunError> {
        Ok(Self { page, reader, recorder: None, setting, scene: Scene::open(setting, page)? })
    }

    fn walk(&mut self) -> Result<Outcome, RunError> {
        let page = self.page;
        if let Some(calls) = self.scene.heard()? {
            self.tell(&Event::Asked { block: None, calls })?;
        }
        let last = page.parts.len().saturating_sub(1);
        for (index, part) in page.parts.iter().enumerate() {
            let after = match part {
                Part::Prose(_) => {
                    self.tell(&Event::Prose { part: index })?;
                    After::Next
                }
                Part::Block(block) => self.block(block, index == last)?,
            };
            if after == After::Leave {
                self.tell(&Event::End { finished: false })?;
                return Ok(Outcome::Left);
            }
        }
        if self.setting.keep {
            let place = self.scene.place.as_ref().map(|_| PLACE.to_owned());
            self.tell(&Event::Kept { root: self.scene.root(), place })?;
        }
        self.tell(&Event::End { finished: true })?;
        if let Some(recorder) = &mut self.recorder {
            recorder.finished()?;
        }
        Ok(Outcome::Finished)
    }

    fn block(&mut self, block: &Block, is_last: bool) -> Result<After, RunError> {
        loop {
            if !self.scene.stands() {
                self.renew(block)?;
            }
            let mut after = self.present(block)?;
            if after == After::Next && !is_last && !matches!(block.kind, BlockKind::Exercise(_)) {
                after = self.stop(block, None)?;
            }
            if after != After::Again {
                return Ok(after);
            }
            self.renew(block)?;
        }
    }

    fn present(&mut self, block: &Block) -> Result<After, RunError> {
        match &block.kind {
            BlockKind::Shell(shell) => self.shell(block, shell)?,
            BlockKind::Predict(predict) => return self.predict(block, predict),
            BlockKind::Exercise(exercise) => return self.exercise(block, exercise),
            BlockKind::Check(check) => self.check(block, check)?,
            BlockKind::Compare(compare) => self.compare(block, &compare.with)?,
        }
        Ok(After::Next)
    }

    /// Asks what to do now, and does it, until it is time to go.
    fn stop(&mut self, block: &Block, exercise: Option<&Exercise>) -> Result<After, RunError> {
        let mut hints = 0;
        loop {
            let has_inside = self.page.front.inside.is_some();
            match self.reader.stop(&Stop { block: &block.id, exercise, has_inside, is_live: true })? {
                Wish::GoOn => return Ok(After::Next),
                Wish::Again => return Ok(After::Again),
                Wish::Leave => return Ok(After::Leave),
                Wish::Visit(side) => visit::visit(&self.scene, side)?,
                Wish::Hint => {
                    let rungs = exercise.map_or(0, |exercise| exercise.hints.len());
                    self.tell(&Event::Hint { block: block.id.clone(), rung: rung(hints, rungs) })?;
                    hints = (hints + 1).min(rungs);
                }
                Wish::Verify => {
                    let Some(exercise) = exercise else { continue };
                    let done = self.verified(block, exercise, Duration::ZERO)?;
                    self.tell(&Event::Verified { block: block.id.clone(), done })?;
                    self.record(|recorder| recorder.exercise(&block.id, done, hints))?;
                    if done {
                        return Ok(After::Next);
                    }
                }
            }
        }
    }

    fn shell(&mut self, block: &Block, shell: &Shell) -> Result<(), RunError> {
        let (id, side) = (block.id.clone(), shell.side);
        self.scene.heard()?;
        self.tell(&Event::Typed { block: id.clone(), side, commands: shell.commands.clone() })?;
        let mut printed = String::new();
        let status = self.type_in(block, shell, &mut printed)?;
        self.tell(&Event::Ended { block: id.clone(), status, expected: Some(shell.status) })?;
        self.asked(block)?;
        if status == shell.status {
            return Ok(());
        }
        Err(RunError::Broken {
            at: block.at.clone(),
            what: format!("`{}` typed {}", first_line(&shell.commands), side.word()),
            expected: format!("status {}", shell.status),
            found: format!("status {status}"),
            evidence: printed,
        })
    }

    fn type_in(&mut self, block: &Block, shell: &Shell, printed: &mut String) -> Result<u8, RunError> {
        let (page, reader) = (self.page, &mut *self.reader);
        let end = self.scene.type_in(shell.side, &shell.commands, &mut |text| {
            printed.push_str(text);
            reader.tell(page, &Event::Output { block: block.id.clone(), text: text.to_owned() })
        })?;
        let side = shell.side;
        match end {
            BlockEnd::Status(status) => Ok(status),
            BlockEnd::NoShell => {
                Err(RunError::NoShell { at: block.at.clone(), side: side.word(), printed: printed.clone() })
            }
            BlockEnd::Hung => {
                let text = first_line(&shell.commands);
                Err(self.scene.hung(&Command { side, text, at: block.at.clone() }))
            }
        }
    }

    fn predict(&mut self, block: &Block, predict: &Predict) -> Result<After, RunError> {
        self.tell(&Event::Question { block: block.id.clone() })?;
        let mut hints = 0;
        let chosen = loop {
            match self.reader.predict(&block.id, predict)? {
                Reply::Chosen(option) => break Some(option),
                Reply::Unasked => break None,
                Reply::Leave => return Ok(After::Leave),
                Reply::Hint => {
                    self.tell(&Event::Hint { block: block.id.clone(), rung: rung(hints, predict.hints.len()) })?;
                    hints = (hints + 1).min(predict.hints.len());
                }
            }
        };
        if let Some(act) = &predict.act {
            self.act(block, act)?;
        }
        let holds = self.mark(block, predict)?;
        self.tell(&Event::Marked { block: block.id.clone(), chosen, holds })?;
        if let Some(chosen) = chosen {
            self.record(|recorder| recorder.prediction(&block.id, chosen, holds, hints))?;
        }
        Ok(After::Next)
    }

    // ANCHOR: mark
    /// Which option holds: all are tested, and exactly one must.
    pub(super) fn mark(&mut self, block: &Block, predict: &Predict) -> Result<usize, RunError> {
        let until = Instant::now() + self.setting.settling();
        loop {
            let mut answers = Vec::new();
            for option in &predict.options {
                answers.push(self.scene.test(&option.test)?);
            }
            let holding: Vec<usize> = (0..answers.len()).filter(|&at| answers[at] == Answer::Holds).collect();
            let broken = answers.iter().any(|answer| matches!(answer, Answer::Broken { .. }));
            match holding[..] {
                [only] if !broken => return Ok(only),
                _ if broken || Instant::now() > until => return Err(undecided(block, predict, &answers)),
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
    // ANCHOR_END: mark

    fn exercise(&mut self, block: &Block, exercise: &Exercise) -> Result<After, RunError> {
        self.tell(&Event::Task { block: block.id.clone() })?;
        let after = self.stop(block, Some(exercise))?;
        if after != After::Next || self.verified(block, exercise, Duration::ZERO)? {
            return Ok(after);
        }
        self.act(block, &exercise.solution)?;
        if !self.verified(block, exercise, self.setting.settling())? {
            return Err(unsolved(block, exercise));
        }
        self.tell(&Event::Verified { block: block.id.clone(), done: true })?;
        Ok(After::Next)
    }

    /// Whether the exercise is done, now or within `patience`.
    pub(super) fn verified(
        &mut self,
        block: &Block,
        exercise: &Exercise,
        patience: Duration,
    ) -> Result<bool, RunError> {
        let until = Instant::now() + patience;
        loop {
            match self.scene.test(&exercise.verify)? {
                Answer::Holds => return Ok(true),
                Answer::Broken { status, printed } => {
                    return Err(broken_test(block, &exercise.verify, status, printed));
                }
                Answer::DoesNot if Instant::now() >= until => return Ok(false),
                Answer::DoesNot => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    pub(super) fn act(&mut self, block: &Block, command: &Command) -> Result<u8, RunError> {
        let (page, id) = (self.page, block.id.clone());
        self.scene.heard()?;
        self.tell(&Event::Act { block: id.clone(), side: command.side, command: command.text.clone() })?;
        let reader = &mut *self.reader;
        let status = self
            .scene
            .act(command, &mut |text| reader.tell(page, &Event::Output { block: id.clone(), text: text.to_owned() }))?;
        self.tell(&Event::Ended { block: block.id.clone(), status, expected: None })?;
        self.asked(block)?;
        Ok(status)
    }

    /// Tells what the commands of a block have asked. What came between blocks belongs to none: tests ask too.
    fn asked(&mut self, block: &Block) -> Result<(), RunError> {
        match self.scene.heard()? {
            Some(calls) if !calls.is_empty() => self.tell(&Event::Asked { block: Some(block.id.clone()), calls }),
            _ => Ok(()),
        }
    }

    fn check(&mut self, block: &Block, check: &Check) -> Result<(), RunError> {
        for (claim, sentence) in check.claims.iter().enumerate() {
            match self.scene.test(&sentence.test)? {
                Answer::Holds => self.tell(&Event::Claimed { block: block.id.clone(), claim })?,
                Answer::DoesNot => {
                    return Err(RunError::Broken {
                        at: sentence.test.at.clone(),
                        what: format!("“{}”, `{}`", sentence.text.text, sentence.test.text),
                        expected: "status 0: it holds".into(),
                        found: "status 1: it does not".into(),
                        evidence: String::new(),
                    });
                }
                Answer::Broken { status, printed } => return Err(broken_test(block, &sentence.test, status, printed)),
            }
        }
        Ok(())
    }

    fn compare(&mut self, block: &Block, with: &CompareWith) -> Result<(), RunError> {
        let (pid, subject, helpers) = super::compared::sides(self.page, &self.scene, block, with)?;
        let outside = probe::look(std::process::id().cast_signed());
        let comparison = probe::compare(&outside, &probe::look(pid), &subject, &helpers);
        if comparison.as_expected() == Some(false) {
            return Err(super::compared::unexpected(block, &comparison));
        }
        self.tell(&Event::Compared { block: block.id.clone(), comparison: Box::new(comparison) })
    }

    /// Makes a new scene and does quietly in it what comes before `block`.
    pub(super) fn renew(&mut self, block: &Block) -> Result<(), RunError> {
        let fresh = Scene::open(self.setting, self.page)?;
        std::mem::replace(&mut self.scene, fresh).close()?;
        let mut quiet = |_: &str| Ok(());
        for before in self.page.blocks().take_while(|other| other.id != block.id) {
            match &before.kind {
                BlockKind::Shell(shell) => drop(self.scene.type_in(shell.side, &shell.commands, &mut quiet)?),
                BlockKind::Predict(Predict { act: Some(act), .. }) => drop(self.scene.act(act, &mut quiet)?),
                BlockKind::Exercise(exercise) => {
                    self.scene.act(&exercise.solution, &mut quiet)?;
                    self.verified(before, exercise, self.setting.settling())?;
                }
                BlockKind::Predict(_) | BlockKind::Check(_) | BlockKind::Compare(_) => {}
            }
        }
        self.tell(&Event::Renewed { block: block.id.clone() })
    }

    fn tell(&mut self, event: &Event) -> Result<(), RunError> {
        self.reader.tell(self.page, event).map_err(RunError::Screen)
    }

    fn record(&mut self, write: impl FnOnce(&mut Recorder) -> Result<(), RunError>) -> Result<(), RunError> {
        self.recorder.as_deref_mut().map_or(Ok(()), write)
    }
}

/// The rung of the next hint: the last one is said again.
fn rung(taken: usize, rungs: usize) -> usize {
    taken.min(rungs.saturating_sub(1))
}

fn first_line(commands: &str) -> String {
    let line = commands.lines().next().unwrap_or("");
    if commands.lines().count() > 1 { format!("{line} …") } else { line.to_owned() }
}
