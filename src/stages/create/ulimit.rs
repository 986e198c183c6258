//! `--ulimit`: what one process may use, getrlimit(2). Older than cgroups, and still what stops a file descriptor leak.

use crate::error::Explain;
use crate::exit::Exit;
use crate::kernel::rlimit::{self, Limit, Resource};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::str::FromStr;

/// `nofile=1024:2048`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// What is limited.
    pub resource: Resource,
    /// How far, and how far at most.
    pub limit: Limit,
}

/// Why a limit cannot be set.
#[derive(Debug, thiserror::Error)]
pub enum UlimitError {
    /// The form.
    #[error("{0:?} is no limit: NAME=SOFT or NAME=SOFT:HARD, each a number, or -1 for none")]
    Form(String),
    /// The name.
    #[error("there is no limit {name:?}; there are {}", Resource::NAMES.join(", "))]
    Name {
        /// What was typed.
        name: String,
    },
    /// More than the most.
    #[error("the soft limit of {name} must not be above the hard one: {soft} > {hard}")]
    Order {
        /// Which.
        name: &'static str,
        /// Soft.
        soft: String,
        /// Hard.
        hard: String,
    },
    /// More than we have, and no right to more.
    #[error(
        "--ulimit {name}={wanted} is above {ours}, the most that this explore has itself, and to raise it takes CAP_SYS_RESOURCE"
    )]
    Above {
        /// Which.
        name: &'static str,
        /// What was asked.
        wanted: String,
        /// What is had.
        ours: String,
    },
    /// More than the kernel allows anybody.
    #[error("--ulimit nofile={wanted} is above {most}, the most that the kernel allows (fs.nr_open)")]
    AboveKernel {
        /// What was asked.
        wanted: String,
        /// The sysctl.
        most: u64,
    },
}

impl Explain for UlimitError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Above { name, ours, .. } => format!(
                "{name}={ours} can be had; whoever started this shell (systemd, docker, sudo) could give it more"
            ),
            Self::AboveKernel { .. } => "root of this machine can raise it with sysctl(8)".into(),
            _ => return None,
        })
    }

    fn exit(&self) -> Exit {
        Exit::Engine
    }
}

impl FromStr for Ulimit {
    type Err = UlimitError;

    fn from_str(text: &str) -> Result<Self, UlimitError> {
        let form = || UlimitError::Form(text.to_owned());
        let (name, values) = text.split_once('=').ok_or_else(form)?;
        let resource = Resource::named(name).ok_or_else(|| UlimitError::Name { name: name.to_owned() })?;
        let (soft, hard) = values.split_once(':').unwrap_or((values, values));
        let limit = Limit { soft: value(soft).ok_or_else(form)?, hard: value(hard).ok_or_else(form)? };
        if limit.soft > limit.hard {
            let [soft, hard] = [soft, hard].map(str::to_owned);
            return Err(UlimitError::Order { name: resource.name(), soft, hard });
        }
        Ok(Self { resource, limit })
    }
}

/// `-1` is the largest number, for that is how the kernel writes "no limit".
fn value(text: &str) -> Option<u64> {
    if text == "-1" { Some(u64::MAX) } else { text.parse().ok().filter(|_| !text.starts_with('+')) }
}

impl Ulimit {
    /// Refuses what setrlimit(2) would refuse us with a bare EPERM when the container starts.
    ///
    /// # Errors
    /// [`UlimitError::Above`], [`UlimitError::AboveKernel`].
    pub fn check(self) -> Result<(), UlimitError> {
        let wanted = rlimit::shown(self.limit.hard);
        if let Some(most) = rlimit::open_files_most().filter(|most| self.limit.hard > *most)
            && self.resource.name() == "nofile"
        {
            return Err(UlimitError::AboveKernel { wanted, most });
        }
        let Some(ours) = rlimit::get(self.resource) else { return Ok(()) };
        if self.limit.hard > ours.hard && !rlimit::may_raise() {
            let ours = rlimit::shown(ours.hard);
            return Err(UlimitError::Above { name: self.resource.name(), wanted, ours });
        }
        Ok(())
    }

    /// As config.json has it.
    pub(super) fn oci(self) -> Value {
        let name = format!("RLIMIT_{}", self.resource.name().to_uppercase());
        json!({ "type": name, "soft": self.limit.soft, "hard": self.limit.hard })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_written_as_docker_writes_it() {
        let parse =
            |text: &str| text.parse::<Ulimit>().map(|one| (one.resource.name(), one.limit.soft, one.limit.hard));
        assert_eq!(parse("nofile=10").unwrap(), ("nofile", 10, 10));
        assert_eq!(parse("nproc=10:20").unwrap(), ("nproc", 10, 20));
        assert_eq!(parse("core=0:-1").unwrap(), ("core", 0, u64::MAX));
        for bad in
            ["", "nofile", "nofile=", "nofile=x", "nofile=2:1", "files=1", "nofile=1:2:3", "nofile=-2", "core=-1:5"]
        {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
