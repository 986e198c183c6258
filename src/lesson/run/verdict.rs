//! What is said of a lesson that is wrong: expected, found, and what was seen.

use super::RunError;
use super::step::Answer;
use crate::lesson::page::{Block, Command, Exercise, Predict};
use std::fmt::Write;

/// A prediction that the kernel does not decide: every option with what its test said.
pub(super) fn undecided(block: &Block, predict: &Predict, answers: &[Answer]) -> RunError {
    let mut evidence = String::new();
    for (option, answer) in predict.options.iter().zip(answers) {
        let said = match answer {
            Answer::Holds => "holds".to_owned(),
            Answer::DoesNot => "does not hold".to_owned(),
            Answer::Broken { status, printed } => format!("status {status}: {}", printed.trim()),
        };
        let (side, test) = (option.test.side.word(), &option.test.text);
        let _ = writeln!(evidence, "  {} — if {side}: {test} — {said}", option.text.text);
    }
    let holding = answers.iter().filter(|answer| **answer == Answer::Holds).count();
    let broken = answers.iter().filter(|answer| matches!(answer, Answer::Broken { .. })).count();
    RunError::Broken {
        at: block.at.clone(),
        what: format!("predict {}", block.id),
        expected: "exactly one option that holds".into(),
        found: if broken > 0 {
            format!("{broken} whose test fails")
        } else {
            format!("{holding} of {}", answers.len())
        },
        evidence,
    }
}

/// A test that neither holds nor fails.
pub(super) fn broken_test(block: &Block, test: &Command, status: u8, printed: String) -> RunError {
    RunError::Broken {
        at: test.at.clone(),
        what: format!("{}: `{}` {}", block.id, test.text, test.side.word()),
        expected: "status 0 (it holds) or 1 (it does not)".into(),
        found: format!("status {status}"),
        evidence: printed,
    }
}

/// A solution that does not solve.
pub(super) fn unsolved(block: &Block, exercise: &Exercise) -> RunError {
    RunError::Broken {
        at: exercise.verify.at.clone(),
        what: format!(
            "exercise {}: `{}` after the solution `{}`",
            block.id, exercise.verify.text, exercise.solution.text
        ),
        expected: "status 0: it is done".into(),
        found: "status 1: it is not".into(),
        evidence: String::new(),
    }
}
