//! A lesson as text: each event becomes what a person reads, at a terminal, in a pipe, or in a replay.

use crate::cli::{Screen, compare};
use crate::lesson::catalog::Catalog;
use crate::lesson::markdown::{self, Paint};
use crate::lesson::page::{Block, BlockKind, Page, Part, Predict, Side};
use crate::lesson::run::{Event, Tier};
use crate::lesson::words::{self, Word};
use std::io;

/// Prose in longer lines is hard to read.
const WIDEST: usize = 88;

/// Tells a lesson on standard output.
#[derive(Debug)]
pub(super) struct Teller {
    pub(super) page: Page,
    pub(super) catalog: Catalog,
    screen: Screen,
    color: bool,
    /// Whether the options of a prediction are listed with the question; a menu shows them otherwise.
    lists_options: bool,
    tier: Tier,
    /// Whether the last line that was printed has not ended.
    open_line: bool,
}

impl Teller {
    pub(super) fn new(page: &Page, catalog: Catalog, lists_options: bool) -> Self {
        let page = catalog.translate(page);
        let screen = Screen::stdout(false);
        let color = screen.terminal && !screen.linear && colored::control::SHOULD_COLORIZE.should_colorize();
        Self { page, catalog, screen, color, lists_options, tier: Tier::mine(), open_line: false }
    }

    pub(super) fn say(&self, word: Word, values: &[(&str, &str)]) -> String {
        self.catalog.say(word, values)
    }

    pub(super) fn width(&self) -> usize {
        self.screen.width
    }

    /// Prints a line, after ending one that was left open.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        self.close_line()?;
        self.screen.line(text)
    }

    /// Prints text that the reader answers in the same line.
    pub(super) fn ask(&mut self, text: &str) -> io::Result<()> {
        self.close_line()?;
        self.screen.print(text)
    }

    fn close_line(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.open_line) { self.screen.line("") } else { Ok(()) }
    }

    fn markdown(&mut self, text: &str) -> io::Result<()> {
        let text = self.set(text, self.screen.width.min(WIDEST));
        self.close_line()?;
        self.screen.print(&text)
    }

    fn set(&self, text: &str, width: usize) -> String {
        if self.screen.linear { markdown::spoken(text) } else { markdown::render(text, width, self.color) }
    }

    /// `text` after a mark, wrapped, with what follows under it.
    pub(super) fn marked(&mut self, mark: &str, text: &str) -> io::Result<()> {
        let width = self.screen.width.min(WIDEST).saturating_sub(mark.chars().count());
        let indent = " ".repeat(mark.chars().count());
        for (number, line) in self.set(text, width).lines().enumerate() {
            let before = if number == 0 { mark } else { &indent };
            self.line(&format!("{before}{line}"))?;
        }
        Ok(())
    }

    fn strong(&self, text: &str) -> String {
        Paint { bold: true, ..Paint::default() }.apply(text, self.color)
    }

    fn side(&self, side: Side) -> String {
        match side {
            Side::Outside => self.say(words::OUTSIDE, &[]),
            Side::Inside => self.say(words::INSIDE, &[]),
        }
    }

    fn block(&self, id: &str) -> Option<Block> {
        self.page.blocks().find(|block| block.id == id).cloned()
    }

    pub(super) fn tell(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Begin { tier, .. } => self.begin(*tier),
            Event::Prose { part } => self.prose(*part),
            Event::Typed { side, commands, .. } => self.typed(*side, commands),
            Event::Output { text, .. } => {
                self.open_line = !text.ends_with('\n');
                self.screen.print(text)
            }
            Event::Ended { status, expected, .. } => self.ended(*status, *expected),
            Event::Question { block } => self.question(block),
            Event::Hint { block, rung } => self.hint(block, *rung),
            Event::Act { block, side, command } => self.act(block, *side, command),
            Event::Marked { block, chosen, holds } => self.mark(block, *chosen, *holds),
            Event::Task { block } => self.task(block),
            Event::Verified { block, done } => self.verified(block, *done),
            Event::Claimed { block, claim } => self.claimed(block, *claim),
            Event::Compared { comparison, .. } => {
                let title = self.say(words::COMPARE, &[]);
                self.line(&format!("\n{}", self.strong(&title)))?;
                let style = compare::Style { catalog: Some(&self.catalog), ..compare::Style::of(&self.screen) };
                let text = compare::render(comparison, self.screen.width, style);
                self.screen.print(&text)
            }
            Event::Renewed { .. } => {
                let text = self.say(words::RENEWED, &[]);
                self.line(&text)
            }
            Event::Kept { root, place } => self.kept(root, place.as_deref()),
            Event::Asked { .. } => Ok(()),
            Event::End { finished } => self.end(*finished),
        }
    }

    fn begin(&mut self, tier: Tier) -> io::Result<()> {
        self.tier = tier;
        let minutes = self.page.front.minutes.to_string();
        let who = self.say(
            match tier {
                Tier::Root => words::AS_ROOT,
                Tier::User => words::AS_USER,
                Tier::Replay => words::AS_REPLAY,
            },
            &[],
        );
        let title = self.strong(&self.page.front.title);
        self.line(&title)?;
        let time = self.say(words::MINUTES, &[("minutes", &minutes)]);
        let stage = self.page.front.stage.word();
        self.line(&format!("{stage} / {} · {time} · {who}", self.page.id))
    }

    fn prose(&mut self, part: usize) -> io::Result<()> {
        let Some(Part::Prose(range)) = self.page.parts.get(part) else { return Ok(()) };
        let text = self.page.source[range.clone()].to_owned();
        self.line("")?;
        self.markdown(&text)
    }

    fn typed(&mut self, side: Side, commands: &str) -> io::Result<()> {
        self.line("")?;
        let sign = if self.tier == Tier::Root || side == Side::Inside { '#' } else { '$' };
        let prompt = format!("{}{sign} ", side.word());
        for (number, line) in commands.lines().enumerate() {
            let before = if number == 0 { self.strong(&prompt) } else { "> ".into() };
            let shown = Paint { code: true, ..Paint::default() }.apply(line, self.color);
            self.line(&format!("{before}{shown}"))?;
        }
        Ok(())
    }

    fn ended(&mut self, status: u8, expected: Option<u8>) -> io::Result<()> {
        let word = match expected {
            Some(0) => return self.close_line(),
            None if status == 0 => return self.close_line(),
            Some(expected) if expected == status => words::FAILS_AS_EXPECTED,
            _ => words::ENDED_WITH,
        };
        let text = self.say(word, &[("status", &status.to_string())]);
        self.line(&text)
    }

    fn question(&mut self, id: &str) -> io::Result<()> {
        let Some(Block { kind: BlockKind::Predict(predict), .. }) = self.block(id) else { return Ok(()) };
        let title = self.say(words::PREDICT, &[]);
        self.line(&format!("\n{}", self.strong(&title)))?;
        self.markdown(&predict.question.text)?;
        if self.lists_options { self.options(&predict) } else { Ok(()) }
    }

    /// The options with their numbers.
    pub(super) fn options(&mut self, predict: &Predict) -> io::Result<()> {
        for (number, option) in predict.options.iter().enumerate() {
            self.marked(&format!("  {}. ", number + 1), &option.text.text)?;
        }
        Ok(())
    }

    fn hint(&mut self, id: &str, rung: usize) -> io::Result<()> {
        let hints = match self.block(id).map(|block| block.kind) {
            Some(BlockKind::Predict(predict)) => predict.hints,
            Some(BlockKind::Exercise(exercise)) => exercise.hints,
            _ => Vec::new(),
        };
        let text = match hints.get(rung) {
            Some(hint) => self.say(words::HINT, &[("hint", &hint.text)]),
            None => self.say(words::NO_HINT, &[]),
        };
        self.marked("  ", &text)
    }

    fn act(&mut self, id: &str, side: Side, command: &str) -> io::Result<()> {
        let is_solution = matches!(self.block(id), Some(Block { kind: BlockKind::Exercise(_), .. }));
        let word = if is_solution { words::SOLUTION } else { words::NOW };
        let before = self.say(word, &[("side", &self.side(side))]);
        let shown = Paint { code: true, ..Paint::default() }.apply(command, self.color);
        self.line(&format!("{before} {shown}"))
    }

    fn mark(&mut self, id: &str, chosen: Option<usize>, holds: usize) -> io::Result<()> {
        let Some(Block { kind: BlockKind::Predict(predict), .. }) = self.block(id) else { return Ok(()) };
        let word = match chosen {
            None => words::KERNEL_SAYS,
            Some(chosen) if chosen == holds => words::RIGHT,
            Some(_) => words::NOT_SO,
        };
        let verdict = self.say(word, &[]);
        let verdict = self.strong(&verdict);
        self.line(&verdict)?;
        if let Some(wrong) = chosen.filter(|chosen| *chosen != holds) {
            self.reason(&predict, wrong, words::YOURS)?;
        }
        self.reason(&predict, holds, words::HOLDS)
    }

    fn reason(&mut self, predict: &Predict, option: usize, mark: Word) -> io::Result<()> {
        let Some(option) = predict.options.get(option) else { return Ok(()) };
        let mark = self.say(mark, &[]);
        let text = &option.text.text;
        let text = if self.screen.linear { self.catalog.colon(&mark, text) } else { format!("{text} [{mark}]") };
        self.marked("  ", &text)?;
        let why = self.say(words::WHY, &[("why", &option.why.text)]);
        self.marked("    ", &why)
    }

    fn task(&mut self, id: &str) -> io::Result<()> {
        let Some(Block { kind: BlockKind::Exercise(exercise), .. }) = self.block(id) else { return Ok(()) };
        let title = self.say(words::EXERCISE, &[]);
        self.line(&format!("\n{}", self.strong(&title)))?;
        self.markdown(&exercise.task.text)
    }

    fn verified(&mut self, id: &str, done: bool) -> io::Result<()> {
        let Some(Block { kind: BlockKind::Exercise(exercise), .. }) = self.block(id) else { return Ok(()) };
        if !done {
            let values = [("verify", exercise.verify.text.as_str()), ("side", &self.side(exercise.verify.side))];
            let text = self.say(words::NOT_DONE, &values);
            return self.marked("", &text);
        }
        let text = self.say(words::DONE, &[]);
        let text = self.strong(&text);
        self.line(&text)?;
        for wrong in &exercise.wrong {
            let values = [("command", wrong.command.text.as_str()), ("says", &wrong.says.text)];
            let text = self.say(words::WRONG_WAY, &values);
            self.marked("  ", &text)?;
        }
        Ok(())
    }

    fn claimed(&mut self, id: &str, claim: usize) -> io::Result<()> {
        let Some(Block { kind: BlockKind::Check(check), .. }) = self.block(id) else { return Ok(()) };
        if claim == 0 {
            let title = self.say(words::CHECK, &[]);
            self.line(&format!("\n{}", self.strong(&title)))?;
        }
        let text = check.claims.get(claim).map_or("", |claim| claim.text.text.as_str()).to_owned();
        self.marked(if self.screen.linear { "ok: " } else { "  [ok] " }, &text)
    }

    fn kept(&mut self, root: &str, place: Option<&str>) -> io::Result<()> {
        let explore = format!("explore --root {root}");
        let enter = match place {
            Some(place) => format!("{explore} exec {place} sh"),
            None => format!("{explore} ps -a"),
        };
        let text = self.say(words::KEPT, &[("enter", &enter)]);
        self.line(&format!("\n{text}"))?;
        let text = self.say(words::REMOVE, &[("remove", "explore clean --all")]);
        self.line(&text)
    }

    fn end(&mut self, finished: bool) -> io::Result<()> {
        if !finished {
            let text = self.say(words::LEFT, &[]);
            return self.line(&text);
        }
        let title = self.page.front.title.clone();
        let text = self.say(words::FINISHED, &[("title", &title)]);
        self.line(&format!("\n{text}"))?;
        if self.page.front.see.is_empty() {
            return Ok(());
        }
        let pages = self.page.front.see.join(", ");
        let text = self.say(words::SEE, &[("pages", &pages)]);
        self.line(&text)
    }
}

impl Teller {
    /// A prediction in the reader's language.
    pub(super) fn prediction(&self, id: &str) -> Option<Predict> {
        match self.block(id)?.kind {
            BlockKind::Predict(predict) => Some(predict),
            _ => None,
        }
    }
}
