//! A fact, or why there is none.

use procfs::ProcError;
use serde::{Deserialize, Serialize};

/// What was found out: a value, or the reason why it could not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact<T> {
    /// This is so.
    Known(T),
    /// The kernel refuses to tell us; the reason is a sentence without a period.
    Denied(String),
    /// It could not be told, for another reason.
    Unknown(String),
}

pub(super) const ENDED: &str = "the process has ended";
pub(super) const ZOMBIE: &str = "the process has ended and waits for its parent to collect it (a zombie)";
const NOT_OURS: &str =
    "the kernel shows this only to one who may trace the process: its own user, or who has CAP_SYS_PTRACE over it";

impl<T> Fact<T> {
    /// The value, where there is one.
    pub fn known(&self) -> Option<&T> {
        if let Self::Known(value) = self { Some(value) } else { None }
    }

    /// Why there is no value.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Denied(why) | Self::Unknown(why) => Some(why),
        }
    }

    /// The same fact about something that follows from it.
    pub fn map<U>(self, follow: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Known(value) => Fact::Known(follow(value)),
            Self::Denied(why) => Fact::Denied(why),
            Self::Unknown(why) => Fact::Unknown(why),
        }
    }

    /// Why there is no value, as a fact about something that would follow from it.
    pub(super) fn reason<U>(&self) -> Option<Fact<U>> {
        match self {
            Self::Known(_) => None,
            Self::Denied(why) => Some(Fact::Denied(why.clone())),
            Self::Unknown(why) => Some(Fact::Unknown(why.clone())),
        }
    }
}

/// What an errno of `/proc` means; who may look is in ptrace(2), "Ptrace access mode checking". EINVAL is what `mountinfo` answers for a dead process that nobody has collected.
fn of_errno<T>(errno: i32, shown: &str) -> Fact<T> {
    match errno {
        libc::EACCES | libc::EPERM => Fact::Denied(NOT_OURS.into()),
        libc::ENOENT | libc::ESRCH | libc::EINVAL => Fact::Unknown(ENDED.into()),
        _ => Fact::Unknown(shown.to_owned()),
    }
}

impl<T> From<crate::kernel::Result<T>> for Fact<T> {
    fn from(result: crate::kernel::Result<T>) -> Self {
        result.map_or_else(|error| of_errno(error.errno, &error.to_string()), Self::Known)
    }
}

impl<T> From<Result<T, ProcError>> for Fact<T> {
    fn from(result: Result<T, ProcError>) -> Self {
        match result {
            Ok(value) => Self::Known(value),
            Err(ProcError::PermissionDenied(_)) => Self::Denied(NOT_OURS.into()),
            Err(ProcError::NotFound(_)) => Self::Unknown(ENDED.into()),
            Err(ProcError::Io(error, path)) => {
                of_errno(error.raw_os_error().unwrap_or(0), &format!("{}: {error}", path.unwrap_or_default().display()))
            }
            Err(other) => Self::Unknown(other.to_string()),
        }
    }
}

impl<T> From<std::io::Result<T>> for Fact<T> {
    fn from(result: std::io::Result<T>) -> Self {
        result.map_or_else(|error| of_errno(error.raw_os_error().unwrap_or(0), &error.to_string()), Self::Known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_failure_becomes_a_value() {
        for errno in [libc::EACCES, libc::EPERM, libc::ENOENT, libc::ESRCH, libc::EINVAL, libc::EIO, 0] {
            let fact: Fact<()> = std::io::Result::Err(std::io::Error::from_raw_os_error(errno)).into();
            assert!(fact.known().is_none() && fact.why().is_some(), "{errno}");
        }
    }

    #[test]
    fn a_refusal_is_told_apart_from_an_end() {
        let denied: Fact<()> = of_errno(libc::EACCES, "");
        let ended: Fact<()> = of_errno(libc::EINVAL, "");
        assert!(matches!(denied, Fact::Denied(_)));
        assert_eq!(ended, Fact::Unknown(ENDED.into()));
    }
}
