//! Lists of numbers as cpuset(7) writes them: `0-3,5`.

use super::LimitError;
use std::collections::BTreeSet;

/// No machine has more.
const MOST: u32 = 8192;

/// The numbers of a list; `None` where it is none.
pub(super) fn read(text: &str) -> Option<BTreeSet<u32>> {
    let mut found = BTreeSet::new();
    if text.trim().is_empty() {
        return Some(found);
    }
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if first > last || last >= MOST {
            return None;
        }
        found.extend(first..=last);
    }
    Some(found)
}

/// Whether all of a list is there, by the file of the kernel that says what is.
pub(super) fn check(
    flag: &'static str,
    what: &'static str,
    given: Option<&str>,
    file: &'static str,
) -> Result<(), LimitError> {
    let Some(given) = given else { return Ok(()) };
    let wanted = read(given).ok_or_else(|| LimitError::List { flag, given: given.to_owned() })?;
    // A machine without NUMA has no list of nodes, and one node.
    let here = std::fs::read_to_string(file).unwrap_or_else(|_| "0".into());
    let there = read(&here).unwrap_or_default();
    if wanted.is_subset(&there) {
        return Ok(());
    }
    Err(LimitError::Unavailable { what, given: given.to_owned(), here: here.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_what_is_none() {
        assert_eq!(read("0-2,5\n"), Some(BTreeSet::from([0, 1, 2, 5])));
        assert_eq!(read(""), Some(BTreeSet::new()));
        for bad in ["a", "3-1", "1-", "0-99999999", "-1", ",0", "0,"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
