//! How every system call of this folder is made: told before, told after, and its failure *is* the call.

use crate::narrate::{self, Event, Phase};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// What a function of `kernel/` returns.
pub type Result<T> = std::result::Result<T, Error>;

/// A system call that failed: its name, its arguments and its errno, rendered as strace would.
///
/// It crosses a fork as data (a child cannot return it), hence serde.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    /// Name of the system call.
    pub call: Cow<'static, str>,
    /// The arguments, as strace would print them.
    pub args: String,
    /// The number of the error, as in errno(3).
    pub errno: i32,
    /// Why the stage made the call.
    pub why: String,
}

impl Error {
    /// A failure that was not told as it happened: a call that only looks, or one that is tried again and again.
    pub fn quiet(call: &'static str, args: &fmt::Arguments<'_>, errno: Errno) -> Self {
        Self { call: call.into(), args: args.to_string(), errno: errno as i32, why: String::new() }
    }

    /// The errno as nix names it.
    pub fn errno(&self) -> Errno {
        Errno::from_raw(self.errno)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({}) = -1 {}", self.call, self.args, crate::narrate::errno_text(self.errno))
    }
}

impl std::error::Error for Error {}

/// What a system call answers, as the number that strace would print.
pub trait Answer {
    /// The number.
    fn number(&self) -> i64;
}

impl Answer for () {
    fn number(&self) -> i64 {
        0
    }
}

impl Answer for i32 {
    fn number(&self) -> i64 {
        i64::from(*self)
    }
}

impl Answer for usize {
    fn number(&self) -> i64 {
        i64::try_from(*self).unwrap_or(i64::MAX)
    }
}

impl Answer for nix::unistd::Pid {
    fn number(&self) -> i64 {
        i64::from(self.as_raw())
    }
}

impl Answer for std::os::fd::OwnedFd {
    fn number(&self) -> i64 {
        i64::from(std::os::fd::AsRawFd::as_raw_fd(self))
    }
}

// ANCHOR: call
/// Makes one system call: tells it, makes it, tells the answer.
///
/// # Errors
/// The call itself, as [`Error`].
pub fn call<T: Answer>(
    why: &str,
    name: &'static str,
    args: fmt::Arguments<'_>,
    system_call: impl FnOnce() -> nix::Result<T>,
) -> Result<T> {
    let role = narrate::role();
    let told = |phase, answer, errno| Event { phase, role, call: name, args, why, answer, errno };
    narrate::emit(&told(Phase::Enter, 0, 0));
    match system_call() {
        Ok(answer) => {
            narrate::emit(&told(Phase::Exit, answer.number(), 0));
            Ok(answer)
        }
        Err(errno) => {
            narrate::emit(&told(Phase::Exit, -1, errno as i32));
            Err(Error { call: name.into(), args: args.to_string(), errno: errno as i32, why: why.to_owned() })
        }
    }
}
// ANCHOR_END: call

/// The flags that are set in `value`, joined as strace joins them; `none` where there are none.
pub(super) fn flags(value: u64, names: &[(u64, &str)], none: &str) -> String {
    let set: Vec<&str> = names.iter().filter(|(bit, _)| value & bit == *bit && *bit != 0).map(|(_, n)| *n).collect();
    if set.is_empty() { none.to_owned() } else { set.join("|") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_the_call_as_strace_prints_it() {
        let failed: Result<()> =
            call("to see it fail", "sethostname", format_args!("{:?}, {}", "box", 3), || Err(Errno::EPERM));
        let error = failed.unwrap_err();
        assert_eq!(error.to_string(), "sethostname(\"box\", 3) = -1 EPERM (Operation not permitted)");
        assert_eq!(error.why, "to see it fail");
    }

    #[test]
    fn flags_are_joined_as_strace_joins_them() {
        let names = [(1, "MS_RDONLY"), (2, "MS_NOSUID")];
        assert_eq!(flags(3, &names, "0"), "MS_RDONLY|MS_NOSUID");
        assert_eq!(flags(0, &names, "0"), "0");
    }
}
