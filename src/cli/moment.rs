//! A point in time, as `logs --since` takes it: so long ago (`10m`, `1h30m`), seconds since 1970, a date, or
//! RFC 3339 as far as it goes (moby api/types/time/timestamp.go).

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
        let offset = crate::kernel::clock::local(i64::try_from(now.as_secs()).unwrap_or(i64::MAX)).offset;
        let whole = completed(text, offset).ok_or_else(|| wrong(text))?;
        let seconds = time::seconds(&whole).ok_or_else(|| wrong(text))?;
        let fraction: String = whole
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

/// With all parts of RFC 3339: what is not said of the clock is nought, and the zone is that of this machine.
fn completed(text: &str, offset: i64) -> Option<String> {
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let zone_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(zone_at);
    let clock = clock.strip_prefix('T').or_else(|| clock.is_empty().then_some("00"))?;
    let (whole, fraction) =
        clock.split_once('.').map_or((clock, String::new()), |(whole, part)| (whole, format!(".{part}")));
    let nought = "00:00:00".get(whole.len()..)?;
    let is_time = |text: &str| {
        text.bytes().enumerate().all(|(at, byte)| match at % 3 {
            2 => byte == b':',
            _ => byte.is_ascii_digit(),
        })
    };
    let is_date = date
        .bytes()
        .enumerate()
        .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    let is_fraction =
        fraction.is_empty() || whole.len() == 8 && fraction[1..].bytes().all(|byte| byte.is_ascii_digit());
    let zone = match zone {
        "" => format!("{}{:02}:{:02}", if offset < 0 { '-' } else { '+' }, offset.abs() / 3600, offset.abs() / 60 % 60),
        "Z" | "z" => zone.to_owned(),
        offset if offset.len() == 6 && is_time(&offset[1..]) => offset.to_owned(),
        _ => return None,
    };
    (is_date && is_time(whole) && is_fraction && matches!(whole.len(), 2 | 5 | 8))
        .then(|| format!("{date}T{whole}{nought}{fraction}{zone}"))
}

fn wrong(text: &str) -> String {
    format!("{text:?} is no time: 10m or 1h30m ago, seconds since 1970, or 2026-11-24T13:00:00Z")
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
                "us" | "µs" | "μs" => 1e-6,
                "ns" => 1e-9,
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
        for (short, whole) in [
            ("2023-11-14", "2023-11-14T00:00:00+01:30"),
            ("2023-11-14T23", "2023-11-14T23:00:00+01:30"),
            ("2023-11-14T23:13", "2023-11-14T23:13:00+01:30"),
            ("2023-11-14T23:13:20.5", "2023-11-14T23:13:20.5+01:30"),
            ("2023-11-14Z", "2023-11-14T00:00:00Z"),
            ("2023-11-14T23:13-02:00", "2023-11-14T23:13:00-02:00"),
        ] {
            assert_eq!(completed(short, 5400).as_deref(), Some(whole));
            assert!(at(short).is_ok(), "{short}");
        }
        for wrong in ["", "yesterday", "10x", "2023-11-14T2", "2023-11-14 23:13:20", "2023-11-14T23:13.5", "2023/11/14"]
        {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }
}
