//! All of them, one after the other: what each buys.

use super::{Build, Comparison, Laboratory, Mechanism, Outcome, Row, SCHEMA, WithoutError, facts, rows};
use serde::{Deserialize, Serialize};

/// Every mechanism against every fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matrix {
    /// [`SCHEMA`].
    pub schema: u32,
    /// One for each mechanism that could be taken away.
    pub columns: Vec<Comparison>,
    /// Those that could not, and why.
    pub left_out: Vec<LeftOut>,
}

/// A mechanism that could not be taken away here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Which.
    pub mechanism: Mechanism,
    /// Why, as a sentence without a period.
    pub why: String,
}

impl Matrix {
    /// Names of the facts, in order.
    pub fn facts(&self) -> Vec<(&str, &str)> {
        let first = self.columns.first().map(|one| one.facts.as_slice()).unwrap_or_default();
        first.iter().map(|row| (row.code.as_str(), row.title.as_str())).collect()
    }

    /// What became of a fact without a mechanism; `None` where that could not be taken away.
    pub fn cell(&self, fact: &str, mechanism: Mechanism) -> Option<&Row> {
        let column = self.columns.iter().find(|one| one.missing == mechanism)?;
        column.facts.iter().find(|row| row.code == fact)
    }
}

impl Laboratory {
    /// Takes each away in turn. `on_one` hears how many of how many are done.
    ///
    /// # Errors
    /// All of [`WithoutError`]; nothing is left then.
    pub fn matrix(&self, on_one: &mut dyn FnMut(usize, usize)) -> Result<Matrix, WithoutError> {
        let limits = facts::limits_can_be_set();
        let whole = Build { user: false, limits, missing: None };
        let runs = Mechanism::ALL.len() + 1;
        let mut done = 0;
        let mut run = |build: Build| -> Result<Outcome, WithoutError> {
            on_one(done, runs);
            done += 1;
            self.run(build)
        };
        let base = run(whole)?;
        let mut matrix = Matrix { schema: SCHEMA, columns: Vec::new(), left_out: Vec::new() };
        for missing in Mechanism::ALL {
            if missing == Mechanism::CgroupLimits && !limits {
                matrix.left_out.push(LeftOut { mechanism: missing, why: WithoutError::NoLimits.to_string() });
                continue;
            }
            let facts = match missing {
                // What is whole for the others is what lacks it.
                Mechanism::User => rows(&run(Build { user: true, ..whole })?.facts, &base.facts),
                _ => rows(&base.facts, &run(Build { missing: Some(missing), ..whole })?.facts),
            };
            matrix.columns.push(Comparison { schema: SCHEMA, missing, facts, said: None });
        }
        Ok(matrix)
    }
}
