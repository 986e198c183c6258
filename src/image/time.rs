//! Seconds after the epoch, and the text that images carry instead: RFC 3339, in UTC.

/// `2026-11-24T03:32:40Z`.
pub fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Seconds after the epoch of `2026-11-24T03:32:40.5+01:00`; `None` where it is not such a text, or is before 1970.
pub fn seconds(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let zone = text.get(19..)?.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = match zone.chars().next()? {
        'Z' | 'z' => 0,
        sign => {
            let minutes = zone.get(1..3)?.parse::<i64>().ok()? * 60 + zone.get(4..6)?.parse::<i64>().ok()?;
            if sign == '-' { -minutes } else { minutes }
        }
    };
    u64::try_from(days(year, month, day) * 86_400 + hour * 3600 + (minute - offset) * 60 + second).ok()
}

/// Howard Hinnant's days_from_civil: years that begin in March have their leap day at the end.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The way back, civil_from_days.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    (year, month, of_year - (153 * march + 2) / 5 + 1)
}

/// How long ago, as Docker says it: `2 hours ago` (docker/go-units, HumanDuration).
pub fn ago(seconds: u64) -> String {
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    let text = match () {
        () if seconds < 1 => "Less than a second".to_owned(),
        () if seconds == 1 => "1 second".to_owned(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".to_owned(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".to_owned(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", hours / 24 / 365),
    };
    text + " ago"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_survives_the_way_there_and_back() {
        for time in [0, 951_782_400, 1_709_164_799, 1_764_000_000, 4_102_444_800] {
            assert_eq!(seconds(&rfc3339(time)), Some(time));
        }
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(seconds("2000-02-29T01:00:00.123456789+01:00"), Some(951_782_400));
        assert_eq!(seconds("yesterday"), None);
    }

    #[test]
    fn an_age_is_said_as_docker_says_it() {
        let table = [(0, "Less than a second ago"), (59, "59 seconds ago"), (61, "About a minute ago")];
        for (seconds, text) in table.into_iter().chain([(7200, "2 hours ago"), (86_400 * 21, "3 weeks ago")]) {
            assert_eq!(ago(seconds), text);
        }
    }
}
