//! A page that runs: front matter, prose, and six kinds of block (`sh outside`, `sh inside`, `predict`, `exercise`,
//! `check`, `compare`).
//!
//! Inside the last four a line is `key: value` or `key side: command` to its end, `- ` begins an option, and other text
//! is the question or the claim. Nothing is escaped, nothing goes on in the next line, ids and commands are never
//! translated. What is left out on purpose: conditions, loops, variables. A lesson is prose with commands, not a program.

mod block;
mod blocks;
mod fault;
mod front;
mod line;
mod parse;

pub use block::{
    Block, BlockKind, Check, Claim, Command, Compare, CompareWith, Exercise, Part, Predict, PredictOption, Shell, Side,
    Text, VIEWS, Wrong,
};
pub use fault::{Fault, Position};
pub(super) use front::yaml;
pub use front::{Front, Stage};
pub(crate) use parse::options;
pub use parse::{Link, Page, parse};

#[cfg(test)]
mod tests;
