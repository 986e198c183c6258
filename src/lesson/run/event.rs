//! What happens in a lesson, in order: what a front end shows, `--json` gives to programs, a recording keeps.
//!
//! An event names the block it belongs to and never copies the page: a replay in another language takes the words from
//! the translated page.

use super::asked::Call;
use crate::lesson::page::Side;
use crate::probe::Comparison;
use serde::{Deserialize, Serialize};

/// Version of the shape of [`Event`] as JSON.
pub const SCHEMA: u32 = 1;

/// Who runs it: much of what the kernel answers depends on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Uid 0 of the machine.
    Root,
    /// Anybody else: inside is in a user namespace.
    User,
    /// Nothing ran here: a recording was played.
    Replay,
}

impl Tier {
    /// That of this process.
    pub fn mine() -> Self {
        if nix::unistd::geteuid().is_root() { Self::Root } else { Self::User }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::User => "user",
            Self::Replay => "replay",
        }
    }
}

impl Event {
    /// The block that it belongs to, where it belongs to one.
    pub fn block(&self) -> Option<&str> {
        match self {
            Self::Typed { block, .. }
            | Self::Output { block, .. }
            | Self::Ended { block, .. }
            | Self::Question { block }
            | Self::Hint { block, .. }
            | Self::Act { block, .. }
            | Self::Marked { block, .. }
            | Self::Task { block }
            | Self::Verified { block, .. }
            | Self::Claimed { block, .. }
            | Self::Compared { block, .. }
            | Self::Renewed { block } => Some(block),
            Self::Asked { block, .. } => block.as_deref(),
            Self::Begin { .. } | Self::Prose { .. } | Self::Kept { .. } | Self::End { .. } => None,
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The lesson begins.
    Begin {
        /// [`SCHEMA`].
        schema: u32,
        /// Its id.
        lesson: String,
        /// Hash of its text.
        hash: String,
        /// Its title.
        title: String,
        /// Who runs it.
        tier: Tier,
    },
    /// Prose is to be read: the part of the page with this number.
    Prose {
        /// Index into the page's parts.
        part: usize,
    },
    /// Commands are typed into the shell of one side.
    Typed {
        /// Id of the block.
        block: String,
        /// Which shell.
        side: Side,
        /// The commands.
        commands: String,
    },
    /// Something was printed by what was typed last, or by an act.
    Output {
        /// Id of the block.
        block: String,
        /// The text, as it came.
        text: String,
    },
    /// What was typed, or an act, has ended.
    Ended {
        /// Id of the block.
        block: String,
        /// Its status as a shell shows it.
        status: u8,
        /// What it had to be; nothing is expected of an act.
        expected: Option<u8>,
    },
    /// What the kernel was asked by the commands of a block; only where a lesson is recorded.
    Asked {
        /// Id of the block; nothing for what made the place, before all blocks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        block: Option<String>,
        /// The calls.
        calls: Vec<Call>,
    },
    /// A prediction is asked for.
    Question {
        /// Id of the block.
        block: String,
    },
    /// A hint is given.
    Hint {
        /// Id of the block.
        block: String,
        /// Which rung, from 0.
        rung: usize,
    },
    /// The act of a prediction, or the solution of an exercise, is done.
    Act {
        /// Id of the block.
        block: String,
        /// Where.
        side: Side,
        /// What.
        command: String,
    },
    /// The kernel has marked a prediction.
    Marked {
        /// Id of the block.
        block: String,
        /// What the reader chose, from 0; nothing where nobody was asked.
        chosen: Option<usize>,
        /// What holds, from 0.
        holds: usize,
    },
    /// An exercise is set.
    Task {
        /// Id of the block.
        block: String,
    },
    /// An exercise was verified.
    Verified {
        /// Id of the block.
        block: String,
        /// Whether it is done.
        done: bool,
    },
    /// A claim holds.
    Claimed {
        /// Id of the block.
        block: String,
        /// Which, from 0.
        claim: usize,
    },
    /// Inside and outside, side by side.
    Compared {
        /// Id of the block.
        block: String,
        /// The data.
        comparison: Box<Comparison>,
    },
    /// The place was made anew, and all before `block` was done in it again.
    Renewed {
        /// Id of the block that comes next.
        block: String,
    },
    /// The lesson stays standing (`--keep`).
    Kept {
        /// The state folder that its commands use.
        root: String,
        /// The name of its place, where it has one.
        place: Option<String>,
    },
    /// The lesson has ended.
    End {
        /// Whether all of it was done, or the reader left before.
        finished: bool,
    },
}
