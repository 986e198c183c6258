//! Whose it is, who may use it, and when it was changed, as its entry says.
//!
//! The header has whole seconds after 1970. A pax header may say it to the nanosecond, and before 1970: "123.456", "-1.5"
//! (pax(1p), "mtime").

use super::stream::LayerStream;
use nix::sys::time::TimeSpec;

/// User and group; root for what cannot be read.
pub(super) fn owner(entry: &tar::Entry<'_, LayerStream>) -> (u32, u32) {
    let id = |field: std::io::Result<u64>| field.ok().and_then(|id| u32::try_from(id).ok()).unwrap_or(0);
    (id(entry.header().uid()), id(entry.header().gid()))
}

/// The twelve bits of its mode.
pub(super) fn mode(entry: &tar::Entry<'_, LayerStream>, otherwise: u32) -> u32 {
    entry.header().mode().unwrap_or(otherwise) & 0o7777
}

/// The modification time of an entry.
pub(super) fn modified(entry: &mut tar::Entry<'_, LayerStream>) -> TimeSpec {
    let of_pax = entry.pax_extensions().ok().flatten().and_then(|mut all| {
        let found = all.find_map(|one| one.ok().filter(|one| one.key_bytes() == b"mtime"))?;
        parse(found.value().ok()?)
    });
    of_pax.unwrap_or_else(|| {
        let seconds = entry.header().mtime().ok().and_then(|time| i64::try_from(time).ok()).unwrap_or(0);
        TimeSpec::new(seconds, 0)
    })
}

fn parse(text: &str) -> Option<TimeSpec> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_before = whole.starts_with('-');
    let seconds: i64 = whole.parse().ok()?;
    if !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    // Nine digits: fewer are filled up, more are cut.
    let nanos: i64 = fraction.chars().chain("000000000".chars()).take(9).collect::<String>().parse().ok()?;
    // The kernel counts nanoseconds forward from the second, POSIX writes them backward from it.
    if is_before && nanos > 0 {
        return Some(TimeSpec::new(seconds.checked_sub(1)?, 1_000_000_000 - nanos));
    }
    Some(TimeSpec::new(seconds, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_to_the_nanosecond_on_both_sides_of_1970() {
        let table = [
            ("1", Some((1, 0))),
            ("1350244992.023960108", Some((1_350_244_992, 23_960_108))),
            ("1.5", Some((1, 500_000_000))),
            ("1.0000000009", Some((1, 0))),
            ("-1", Some((-1, 0))),
            ("-1.25", Some((-2, 750_000_000))),
            ("", None),
            ("1.x", None),
            ("1e9", None),
        ];
        for (text, expected) in table {
            let expected = expected.map(|(seconds, nanos)| TimeSpec::new(seconds, nanos));
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }
}
