//! A point in time, as `logs --since` takes it: so long ago (`10m`, `1h30m`), seconds since 1970, or RFC 3339.

use crate::image::time;
use std::str::FromStr;

/// As log lines have it, so that texts can be compared: `2026-11-24T13:34:24.000000000Z`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(pub(super) String);

impl Moment {
    fn at(seconds: u64, nanoseconds: u32) -> Self {
        Self(format!("{}.{nanoseconds:09}Z", time::rfc3339(seconds).trim_end_matches('Z')))
    }

    /// Seconds since 1970.
    pub(super) fn seconds(&self) -> u64 {
        time::seconds(&self.0).unwrap_or(0)
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        if let Some(ago) = duration(text) {
            let then = now.saturating_sub(ago);
            return Ok(Self::at(then.as_secs(), then.subsec_nanos()));
        }
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        if let Ok(seconds) = whole.parse() {
            let nanoseconds = format!("{part:0<9}").get(..9).and_then(|nine| nine.parse().ok());
            return nanoseconds.map(|nanoseconds| Self::at(seconds, nanoseconds)).ok_or_else(|| wrong(text));
        }
        // Without a zone docker's client takes that of its own machine; we ask.
        let seconds = time::seconds(text).ok_or_else(|| wrong(text))?;
        let fraction: String = text
            .get(19..)
            .and_then(|rest| rest.strip_prefix('.'))
            .unwrap_or_default()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        let nanoseconds = format!("{fraction:0<9}").get(..9).and_then(|nine| nine.parse().ok()).unwrap_or(0);
        Ok(Self::at(seconds, nanoseconds))
    }
}

fn wrong(text: &str) -> String {
    format!("{text:?} is no time: 10m or 1h30m ago, seconds since 1970, or 2026-11-24T13:00:00Z with its zone")
}

/// Go's durations: numbers with units, one after the other.
pub(super) fn duration(text: &str) -> Option<std::time::Duration> {
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|one: char| !(one.is_ascii_digit() || one == '.'))?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit =
            rest[digits..].find(|one: char| one.is_ascii_digit() || one == '.').map_or(rest.len(), |at| digits + at);
        seconds += number
            * match &rest[digits..unit] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 0.001,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    (!text.is_empty()).then(|| std::time::Duration::try_from_secs_f64(seconds).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_what_docker_takes() {
        let at = |text: &str| text.parse::<Moment>().map(|moment| moment.0);
        assert_eq!(at("1700000000"), Ok("2023-11-14T22:13:20.000000000Z".into()));
        assert_eq!(at("1700000000.25"), Ok("2023-11-14T22:13:20.250000000Z".into()));
        assert_eq!(at("2023-11-14T23:13:20.5+01:00"), Ok("2023-11-14T22:13:20.500000000Z".into()));
        assert!(at("10m").unwrap() < at("1s").unwrap());
        assert_eq!(duration("1h30m"), Some(std::time::Duration::from_secs(5400)));
        for wrong in ["", "yesterday", "10", "m", "10x", "2023-11-14T23:13:20"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
        for wrong in ["", "yesterday", "10x", "2023-11-14T23:13:20"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }
}
