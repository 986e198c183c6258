//! One command for several containers: each is tried, and what failed is told at the end.

use super::Explained;
use super::report::{SEVERAL, chain};
use crate::error::Explain;
use crate::exit::Exit;

/// Those that failed; more than one.
#[derive(Debug, thiserror::Error)]
#[error("{}", told.join(SEVERAL))]
struct Several {
    told: Vec<String>,
}

impl Explain for Several {}

/// Does something for each, however the one before went.
///
/// # Errors
/// The one that there was, or all of them as one.
pub(super) fn each(names: &[String], mut work: impl FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<Exit> {
    let mut failed: Vec<anyhow::Error> = Vec::new();
    for name in names {
        match work(name) {
            // Nobody reads any more.
            Err(error) if error.downcast_ref::<Explained>().is_none() => return Err(error),
            Err(error) => failed.push(error),
            Ok(()) => {}
        }
    }
    match failed.pop() {
        None => Ok(Exit::Ok),
        Some(only) if failed.is_empty() => Err(only),
        Some(last) => {
            failed.push(last);
            Err(super::explained(Several { told: failed.iter().map(chain).collect() }))
        }
    }
}
