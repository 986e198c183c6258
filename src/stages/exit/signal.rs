//! The name or number of a signal, as `kill`, `stop` and STOPSIGNAL take it: signal(7).

use super::ExitError;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// The last signal of Linux.
const LAST: i32 = 64;
/// Where the real-time signals begin, as the C library numbers them: it keeps two for itself.
const FIRST_REAL_TIME: i32 = 34;

/// A signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Signal(i32);

impl Signal {
    /// SIGTERM.
    pub const TERM: Self = Self(libc::SIGTERM);
    /// SIGKILL.
    pub const KILL: Self = Self(libc::SIGKILL);

    /// Its number.
    pub fn number(self) -> i32 {
        self.0
    }
}

impl FromStr for Signal {
    type Err = ExitError;

    /// `TERM`, `SIGTERM`, `sigterm`, `15`, `RTMIN+3`, `RTMAX-1`.
    fn from_str(text: &str) -> Result<Self, ExitError> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let number = match text.parse::<i32>() {
            Ok(number) => Some(number),
            Err(_) => real_time(name).or_else(|| named(name)),
        };
        let good = number.filter(|number| (1..=LAST).contains(number) && !text.starts_with('+'));
        good.map(Self).ok_or_else(|| ExitError::Signal(text.to_owned()))
    }
}

fn named(name: &str) -> Option<i32> {
    match name {
        // Other names of the same numbers.
        "CLD" => Some(libc::SIGCHLD),
        "POLL" => Some(libc::SIGIO),
        "IOT" => Some(libc::SIGABRT),
        _ => format!("SIG{name}").parse::<nix::sys::signal::Signal>().ok().map(|signal| signal as i32),
    }
}

fn real_time(name: &str) -> Option<i32> {
    let (start, rest, sign) = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(rest), _) => (FIRST_REAL_TIME, rest, '+'),
        (_, Some(rest)) => (LAST, rest, '-'),
        _ => return None,
    };
    if rest.is_empty() {
        return Some(start);
    }
    let distance: i32 = rest.strip_prefix(sign)?.parse().ok()?;
    let number = if sign == '+' { start + distance } else { start - distance };
    (FIRST_REAL_TIME..=LAST).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_has_many_names_and_one_number() {
        for (text, number) in [
            ("TERM", 15),
            ("SIGTERM", 15),
            ("sigterm", 15),
            ("15", 15),
            ("KILL", 9),
            ("CHLD", 17),
            ("CLD", 17),
            ("RTMIN", 34),
            ("SIGRTMIN+3", 37),
            ("RTMAX", 64),
            ("RTMAX-1", 63),
            ("64", 64),
        ] {
            assert_eq!(text.parse::<Signal>().unwrap().number(), number, "{text}");
        }
        for bad in
            ["", "0", "65", "-9", "+9", "SIG", "TERMINATE", "RTMIN-1", "RTMIN+31", "RTMAX-31", "SIGSIGTERM", "9x"]
        {
            assert!(bad.parse::<Signal>().is_err(), "{bad:?}");
        }
    }
}
