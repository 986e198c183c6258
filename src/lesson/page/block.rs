//! What a page is made of once it is read.

use super::Position;
use serde::Serialize;
use std::ops::Range;

/// The two sides of a boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Where the learner's own shell is.
    Outside,
    /// In the namespaces of the place that the front matter describes.
    Inside,
}

impl Side {
    /// The word in a page.
    pub fn word(self) -> &'static str {
        match self {
            Self::Outside => "outside",
            Self::Inside => "inside",
        }
    }

    pub(super) fn of_word(word: &str) -> Option<Self> {
        [Self::Outside, Self::Inside].into_iter().find(|side| side.word() == word)
    }
}

/// Text that a person reads, and that a translator may replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Its lines joined by a space.
    pub text: String,
    /// Where it stands in the source.
    pub range: Range<usize>,
}

/// A command for one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Where it runs.
    pub side: Side,
    /// What `sh -c` gets.
    pub text: String,
    /// Where it stands.
    pub at: Position,
}

impl Command {
    fn told(&self) -> (Side, &str) {
        (self.side, &self.text)
    }
}

/// A page's pieces, in order.
#[derive(Debug, Clone)]
pub enum Part {
    /// Markdown without any block of ours.
    Prose(Range<usize>),
    /// Something that runs.
    Block(Box<Block>),
}

/// Something that runs.
#[derive(Debug, Clone)]
pub struct Block {
    /// Its own id, or `sh-1`, `check-1`, `compare-1` by order in the page.
    pub id: String,
    /// Where it begins.
    pub at: Position,
    /// The whole fence in the source.
    pub range: Range<usize>,
    /// What it is.
    pub kind: BlockKind,
}

/// The kinds of block (the two `sh` are one kind with two sides here).
#[derive(Debug, Clone)]
pub enum BlockKind {
    /// Commands typed into the shell of one side.
    Shell(Shell),
    /// A question that the kernel answers.
    Predict(Predict),
    /// Something to do, verified in the kernel.
    Exercise(Exercise),
    /// Claims that must hold.
    Check(Check),
    /// Inside beside outside.
    Compare(Compare),
}

impl BlockKind {
    /// Every command in it, with its side.
    pub fn commands(&self) -> Vec<(Side, &str)> {
        match self {
            Self::Shell(shell) => vec![(shell.side, shell.commands.as_str())],
            Self::Predict(predict) => {
                let tests = predict.options.iter().map(|option| &option.test);
                predict.act.iter().chain(tests).map(Command::told).collect()
            }
            Self::Exercise(exercise) => {
                let wrong = exercise.wrong.iter().map(|wrong| &wrong.command);
                [&exercise.verify, &exercise.solution].into_iter().chain(wrong).map(Command::told).collect()
            }
            Self::Check(check) => check.claims.iter().map(|claim| claim.test.told()).collect(),
            Self::Compare(_) => Vec::new(),
        }
    }
}

/// Commands typed into the shell of one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shell {
    /// Which shell.
    pub side: Side,
    /// What is typed, without the last line end.
    pub commands: String,
    /// The status that it must end with.
    pub status: u8,
}

/// A question with answers that are claims.
#[derive(Debug, Clone)]
pub struct Predict {
    /// What is asked.
    pub question: Text,
    /// What is done once the reader has answered, and before the claims are tested.
    pub act: Option<Command>,
    /// Two or more; exactly one holds.
    pub options: Vec<PredictOption>,
    /// Rungs, each a bit nearer to the answer.
    pub hints: Vec<Text>,
}

/// One answer.
#[derive(Debug, Clone)]
pub struct PredictOption {
    /// The claim in words.
    pub text: Text,
    /// The claim as a command: status 0 holds, 1 does not.
    pub test: Command,
    /// What would have to be true for it.
    pub why: Text,
    /// The misconception that it stands for.
    pub myth: Option<Text>,
}

/// Something that the learner does.
#[derive(Debug, Clone)]
pub struct Exercise {
    /// The task.
    pub task: Text,
    /// Whether it is done: status 0 yes, 1 no.
    pub verify: Command,
    /// One way to do it.
    pub solution: Command,
    /// Ways that look right and are not.
    pub wrong: Vec<Wrong>,
    /// Rungs.
    pub hints: Vec<Text>,
}

/// A likely wrong way, and what it shows.
#[derive(Debug, Clone)]
pub struct Wrong {
    /// What is typed.
    pub command: Command,
    /// Why it does not do.
    pub says: Text,
}

/// Claims that must hold.
#[derive(Debug, Clone)]
pub struct Check {
    /// Each with its test.
    pub claims: Vec<Claim>,
}

/// A sentence and the command that proves it.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The sentence.
    pub text: Text,
    /// Status 0 holds.
    pub test: Command,
}

/// What stands beside the outside in a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompareWith {
    /// The place of the front matter.
    Place,
    /// A container that the lesson has made (`inside: container NAME`).
    Container(String),
}

/// What every comparison sets side by side, besides the namespaces.
pub const VIEWS: [&str; 3] = ["uname", "ps", "ip"];

/// Inside beside outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compare {
    /// With what.
    pub with: CompareWith,
}
