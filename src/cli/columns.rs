//! Text in columns of a terminal. A character may take two of them (Chinese, Japanese, Korean), or none.

use std::cmp::Ordering;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// As much of the text as fits, with a sign that it goes on. Wide characters count two columns.
pub(super) fn cut(text: &str, width: usize, unicode: bool) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let (mut shown, mut used) = (String::new(), 1);
    for one in text.chars() {
        used += one.width().unwrap_or(0);
        if used > width {
            break;
        }
        shown.push(one);
    }
    shown.push(if unicode { '…' } else { '>' });
    shown
}

/// Lines of at most `width` columns; all but the first are indented. Breaks at spaces; a word that is too long is broken where the line ends.
pub(super) fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
    let width = width.max(8);
    let indent = indent.min(width / 2);
    let lead = text.len() - text.trim_start().len();
    let mut lines = vec![" ".repeat(lead.min(width / 2))];
    let mut is_empty = true;
    for (spaced, word) in pieces(text) {
        let used = lines.last().map_or(0, |line| line.width());
        if !is_empty && used + usize::from(spaced) + word.width() > width {
            lines.push(" ".repeat(indent));
            is_empty = true;
        }
        let mut line = lines.pop().unwrap_or_default();
        if !is_empty && spaced {
            line.push(' ');
        }
        for one in word.chars() {
            if line.width() + one.width().unwrap_or(0) > width {
                lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            }
            line.push(one);
        }
        lines.push(line);
        is_empty = false;
    }
    lines
}

/// What is not broken, and whether a space stands before it: words, and between wide characters what UAX #14 keeps together,
/// so that no Chinese stop begins a line.
fn pieces(text: &str) -> Vec<(bool, &str)> {
    let is_wide = |one: Option<char>| one.and_then(UnicodeWidthChar::width) == Some(2);
    let mut pieces = Vec::new();
    for word in text.split_whitespace() {
        let mut start = 0;
        for (at, _) in unicode_linebreak::linebreaks(word) {
            let (before, after) = word.split_at(at);
            if after.is_empty() || is_wide(before.chars().next_back()) || is_wide(after.chars().next()) {
                pieces.push((start == 0, &word[start..at]));
                start = at;
            }
        }
    }
    pieces
}

/// Columns that a cell takes at least, and those between two: what docker's client asks of Go's `text/tabwriter`.
const NARROWEST: usize = 10;
const BETWEEN: usize = 3;

/// Rows as a table, as docker has them, but for blanks at the end of a line.
pub(super) fn table<C: AsRef<str>>(rows: &[Vec<C>]) -> String {
    let widest = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.as_ref().width()).max();
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(|at| (widest(at).unwrap_or(0) + BETWEEN).max(NARROWEST)).collect();
    let line = |row: &Vec<C>| {
        let cells: String = row.iter().zip(&widths).map(|(cell, width)| pad(cell.as_ref(), *width)).collect();
        format!("{}\n", cells.trim_end())
    };
    rows.iter().map(line).collect()
}

/// Lines whose cells are separated by tabs, as a table.
pub(super) fn aligned(lines: &[String]) -> String {
    table(&lines.iter().map(|line| line.split('\t').collect()).collect::<Vec<_>>())
}

/// The order of names in docker's lists: numbers in them count as numbers, `net2` is before `net10`.
pub(super) fn by_name(one: &str, other: &str) -> Ordering {
    let digits = |text: &str| text.len() - text.trim_start_matches(|one: char| one.is_ascii_digit()).len();
    let (mut left, mut right) = (one, other);
    while let (Some(first), Some(second)) = (left.chars().next(), right.chars().next()) {
        let (a, b) = (digits(left), digits(right));
        let order = if a > 0 && b > 0 {
            let number = |text: &str, length| text[..length].trim_start_matches('0').to_owned();
            let (a, b) = (number(left, a), number(right, b));
            a.len().cmp(&b.len()).then(a.cmp(&b))
        } else {
            first.cmp(&second)
        };
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (&left[a.max(first.len_utf8())..], &right[b.max(second.len_utf8())..]);
    }
    left.len().cmp(&right.len()).then(one.cmp(other))
}

/// Filled with spaces to a width in columns, not in characters.
pub(super) fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_wider_than_it_may_be() {
        let text = "一二三四五 inet 10.0.0.2/24 brd 10.0.0.255 scope global averyveryverylongword 漢字漢字漢字漢字漢字";
        for width in 8..60 {
            assert!(cut(text, width, true).width() <= width, "{width}");
            for line in wrap(text, width, 4) {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn names_are_in_the_order_in_which_docker_lists_them() {
        let mut names = ["zeta", "net10", "none", "net2", "alpha", "Beta", "net02", "net", "net2a"];
        names.sort_by(|one, other| by_name(one, other));
        assert_eq!(names, ["Beta", "alpha", "net", "net02", "net2", "net2a", "net10", "none", "zeta"]);
    }

    #[test]
    fn no_chinese_stop_begins_a_line_and_no_name_is_broken() {
        let text = "容器的层挂载在它自己的挂载命名空间里，/proc/self/ns 里的链接说明了这一点（见 `lsns`）。";
        for width in 20..60 {
            let lines = wrap(text, width, 2);
            assert!(lines.iter().all(|line| !line.trim_start().starts_with(['，', '。', '）'])), "{lines:#?}");
            assert!(lines.iter().any(|line| line.contains("/proc/self/ns")), "{lines:#?}");
        }
    }

    #[test]
    fn wrapping_loses_no_word() {
        let text = "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN";
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&wrap(text, 40, 2).join(" ")), words(text));
    }
}
