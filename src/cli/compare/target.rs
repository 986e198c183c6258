//! Which process a name means.

use crate::cli::{Context, explained};
use crate::error::Explain;
use crate::exit::Exit;
use crate::kernel::namespace::Kind;
use crate::stages::place::{Place, PlaceError};

/// The process that stands for a place, and what that place is about.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) pid: i32,
    pub(super) subject: Vec<Kind>,
    pub(super) helpers: Vec<Kind>,
}

#[derive(Debug, thiserror::Error)]
enum TargetError {
    #[error("there is no process {0}")]
    NoProcess(String),
    #[error("nothing is called {0:?} here")]
    NoName(String),
    #[error("there is no container and no place yet")]
    Nothing,
}

impl Explain for TargetError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoProcess(_) => "`ps -e` lists the numbers; it may have just ended".into(),
            Self::NoName(_) => "`explore ns ls` lists places; a number is a PID".into(),
            Self::Nothing => {
                "name a process by its PID, or make a place: explore ns create box --pid --mount --proc".into()
            }
        })
    }

    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

/// A number is a PID. Anything else is a name; without one, the place that was made last and still stands.
pub(super) fn find(name: Option<&str>, context: &Context) -> anyhow::Result<Target> {
    match name {
        Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => process(number),
        Some(name) => named(name, context),
        None => {
            let places = Place::list(&context.roots()?).map_err(explained)?;
            let standing = places.into_iter().filter(|place| place.init.is_alive());
            let last = standing.max_by_key(|place| place.created).ok_or(TargetError::Nothing).map_err(explained)?;
            Ok(of_place(&last))
        }
    }
}

fn process(number: &str) -> anyhow::Result<Target> {
    let pid = number.parse::<i32>().ok().filter(|pid| std::path::Path::new(&format!("/proc/{pid}")).exists());
    let pid = pid.ok_or_else(|| TargetError::NoProcess(number.to_owned())).map_err(explained)?;
    Ok(Target { pid, subject: Vec::new(), helpers: Vec::new() })
}

fn named(name: &str, context: &Context) -> anyhow::Result<Target> {
    match Place::find(&context.roots()?, name) {
        Ok(place) => Ok(of_place(&place)),
        Err(PlaceError::NotFound(_) | PlaceError::Name(_)) => Err(explained(TargetError::NoName(name.to_owned()))),
        Err(error) => Err(explained(error)),
    }
}

fn of_place(place: &Place) -> Target {
    Target { pid: place.init.pid, subject: place.spec.kinds(), helpers: place.helpers.clone() }
}
