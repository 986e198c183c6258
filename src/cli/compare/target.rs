//! Which process a name means.

use crate::cli::Context;
use crate::error::Explain;
use crate::exit::Exit;
use crate::kernel::namespace::Kind;

/// The process that stands for a place, and what that place is about.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) pid: i32,
    pub(super) subject: Vec<Kind>,
    pub(super) helpers: Vec<Kind>,
}

#[derive(Debug, thiserror::Error)]
enum TargetError {
    #[error("there is no process {pid}")]
    NoProcess { pid: i32 },
    #[error("nothing is called {name:?} here")]
    NoName { name: String },
    #[error("there is no container and no place yet")]
    Nothing,
}

impl Explain for TargetError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoProcess { .. } => "`ps -e` lists the numbers; it may have just ended".into(),
            Self::NoName { .. } => "`explore ps -a` lists containers, `explore ns ls` places; a number is a PID".into(),
            Self::Nothing => {
                "name a process by its PID, or make a place: explore ns create box --pid --mount --proc".into()
            }
        })
    }

    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

pub(super) fn find(name: Option<&str>, _context: &Context) -> anyhow::Result<Target> {
    let name = name.ok_or(TargetError::Nothing).map_err(crate::cli::explained)?;
    let pid: i32 =
        name.parse().map_err(|_| TargetError::NoName { name: name.to_owned() }).map_err(crate::cli::explained)?;
    if !std::path::Path::new(&format!("/proc/{pid}")).exists() {
        return Err(crate::cli::explained(TargetError::NoProcess { pid }));
    }
    Ok(Target { pid, subject: Vec::new(), helpers: Vec::new() })
}
