//! Runs of styled text, and how they are broken into lines (UAX #14, so that no Chinese stop begins a line).

use unicode_linebreak::{BreakOpportunity, linebreaks};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How a run looks.
#[allow(clippy::struct_excessive_bools, reason = "each is one SGR parameter")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Paint {
    /// Strong, headings.
    pub bold: bool,
    /// Emphasis.
    pub italic: bool,
    /// Commands, names, output.
    pub code: bool,
    /// What may be passed over.
    pub dim: bool,
    /// Struck out.
    pub struck: bool,
}

impl Paint {
    /// `text` with the control sequences for it (ECMA-48 SGR), or as it is.
    pub fn apply(self, text: &str, color: bool) -> String {
        let set = [(self.bold, "1"), (self.dim, "2"), (self.italic, "3"), (self.struck, "9"), (self.code, "36")];
        let codes: Vec<&str> = set.into_iter().filter(|(on, _)| *on).map(|(_, code)| code).collect();
        if !color || codes.is_empty() || text.is_empty() {
            return text.to_owned();
        }
        format!("\x1b[{}m{text}\x1b[0m", codes.join(";"))
    }
}

/// A run of text in one style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    /// The text; a line end in it is kept.
    pub(super) text: String,
    /// Its style.
    pub(super) paint: Paint,
}

/// Breaks `spans` into lines of at most `width` columns, painted. A word that is wider stands alone and sticks out.
pub(super) fn wrap(spans: &[Span], width: usize, color: bool) -> Vec<String> {
    let text: String = spans.iter().map(|span| span.text.as_str()).collect();
    let mut lines = Vec::new();
    let (mut start, mut end) = (0, 0);
    let whole = unbroken(spans, width);
    let inside = |at: usize| whole.iter().any(|span| span.start < at && at < span.end);
    for (at, kind) in opportunities(&text).into_iter().filter(|(at, _)| !inside(*at)) {
        if end > start && text[start..at].trim_end().width() > width {
            lines.push(start..end);
            start = end;
        }
        end = at;
        let is_last = at == text.len();
        if kind == BreakOpportunity::Mandatory && (!is_last || text.ends_with('\n') || end > start) {
            lines.push(start..end);
            start = end;
        }
    }
    lines.into_iter().map(|range| paint(spans, range.start, text[range].trim_end(), color)).collect()
}

/// Where a line may end. UAX #14 as of Unicode 15 has none between a space and `/`, which is where a path begins.
fn opportunities(text: &str) -> Vec<(usize, BreakOpportunity)> {
    let mut found: Vec<_> = linebreaks(text).collect();
    for (at, _) in text.match_indices(" /") {
        if let Err(place) = found.binary_search_by_key(&(at + 1), |(known, _)| *known) {
            found.insert(place, (at + 1, BreakOpportunity::Allowed));
        }
    }
    found
}

/// The runs of code that fit into a line: a command or a path is copied, so it is not broken.
fn unbroken(spans: &[Span], width: usize) -> Vec<std::ops::Range<usize>> {
    let mut at = 0;
    let mut whole = Vec::new();
    for span in spans {
        if span.paint.code && span.text.width() <= width {
            whole.push(at..at + span.text.len());
        }
        at += span.text.len();
    }
    whole
}

/// The part of `spans` that is `line`, which begins at byte `start` of them all.
fn paint(spans: &[Span], start: usize, line: &str, color: bool) -> String {
    let (mut at, mut painted) = (0, String::new());
    for span in spans {
        let from = start.max(at).min(at + span.text.len());
        let to = (start + line.len()).max(at).min(at + span.text.len());
        painted.push_str(&span.paint.apply(&span.text[from - at..to - at], color));
        at += span.text.len();
    }
    painted
}

/// Columns of a painted line: control sequences take none.
pub(super) fn columns(line: &str) -> usize {
    let (mut columns, mut escaped) = (0, false);
    for letter in line.chars() {
        match letter {
            '\x1b' => escaped = true,
            'm' if escaped => escaped = false,
            _ if escaped => {}
            _ => columns += letter.width().unwrap_or(0),
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Vec<Span> {
        vec![Span { text: text.into(), paint: Paint::default() }]
    }

    #[test]
    fn a_line_is_never_wider_than_asked() {
        let lines = wrap(&plain("the quick brown fox jumps over the lazy dog"), 12, false);
        assert_eq!(lines, ["the quick", "brown fox", "jumps over", "the lazy dog"]);
    }

    #[test]
    fn a_chinese_line_counts_two_columns_a_letter_and_does_not_begin_with_a_stop() {
        let lines = wrap(&plain("命名空间里的一号进程，在外面有另一个号码。"), 20, false);
        assert_eq!(lines, ["命名空间里的一号进", "程，在外面有另一个号", "码。"]);
    }

    #[test]
    fn a_word_that_is_too_long_stands_alone() {
        assert_eq!(
            wrap(&plain("a /proc/sys/kernel/hostname b"), 10, false),
            ["a /proc/", "sys/", "kernel/", "hostname b"]
        );
        assert_eq!(wrap(&plain("a xxxxxxxxxxxxxxxx b"), 10, false), ["a", "xxxxxxxxxxxxxxxx", "b"]);
    }

    #[test]
    fn a_path_in_code_is_not_broken() {
        let code = Paint { code: true, ..Paint::default() };
        let spans = [plain("see ").remove(0), Span { text: "/proc/self/ns".into(), paint: code }];
        assert_eq!(wrap(&spans, 14, false), ["see", "/proc/self/ns"]);
    }

    #[test]
    fn colour_does_not_change_where_lines_break() {
        let code = Paint { code: true, ..Paint::default() };
        let spans = [plain("run it ").remove(0), Span { text: "now and then".into(), paint: code }];
        assert_eq!(wrap(&spans, 10, true), ["run it \u{1b}[36mnow\u{1b}[0m", "\u{1b}[36mand then\u{1b}[0m"]);
        assert_eq!(columns("run it \u{1b}[36mnow\u{1b}[0m"), 10);
    }
}
