//! Lines with a sign before them and two sides: beside each other where there is room, below each other otherwise.

use super::Style;
use crate::cli::columns::{cut, pad, wrap};
use crate::lesson::words;
use crate::probe::Verdict;
use colored::Colorize;

/// From this many columns on the two sides stand beside each other.
pub(super) const SIDE_BY_SIDE: usize = 100;
/// From this many columns on the sign is followed by its word.
const WITH_WORDS: usize = 60;
/// Sign, space and the longest word (`translated`), and a space.
const WORD_COLUMN: usize = 13;

/// What a line says, and how it is marked.
#[derive(Debug, Default)]
pub(super) struct Line<'a> {
    pub(super) verdict: Option<&'a Verdict>,
    pub(super) outside: Option<String>,
    pub(super) inside: Option<String>,
}

/// How a side that is too long is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Long {
    /// Cut, as `ps` does at a terminal's edge.
    Cut,
    /// Continued on the next line, indented.
    Wrap,
}

/// The two sides of a section.
pub(super) fn sides(lines: &[Line<'_>], width: usize, long: Long, style: Style<'_>) -> String {
    if width >= SIDE_BY_SIDE { beside(lines, width, long, style) } else { below(lines, width, long, style) }
}

fn beside(lines: &[Line<'_>], width: usize, long: Long, style: Style<'_>) -> String {
    let bar = if style.unicode { " │ " } else { " | " };
    let margin = margin_width(width);
    let half = (width - margin - 3) / 2;
    let [outside, inside] = [words::OUTSIDE, words::INSIDE].map(|word| style.say(word, &[]));
    let mut text = format!("{}{}{bar}{inside}\n", " ".repeat(margin), pad(&outside, half));
    for line in lines {
        let cells = [&line.outside, &line.inside].map(|cell| fit(cell.as_deref().unwrap_or(""), half, long, style));
        for row in 0..cells[0].len().max(cells[1].len()) {
            let cell = |side: usize| cells[side].get(row).map_or("", String::as_str);
            let mark = if row == 0 { mark(line.verdict, margin, style) } else { " ".repeat(margin) };
            let shown = format!("{mark}{}{bar}{}", pad(cell(0), half), cell(1));
            text.push_str(shown.trim_end());
            text.push('\n');
        }
    }
    text
}

fn below(lines: &[Line<'_>], width: usize, long: Long, style: Style<'_>) -> String {
    let margin = margin_width(width);
    let mut text = String::new();
    for (name, side) in [(words::OUTSIDE, 0), (words::INSIDE, 1)] {
        text.push_str(&style.say(name, &[]));
        text.push('\n');
        for line in lines {
            let Some(cell) = [&line.outside, &line.inside][side] else { continue };
            for (row, part) in fit(cell, width.saturating_sub(margin), long, style).iter().enumerate() {
                let mark = if row == 0 { mark(line.verdict, margin, style) } else { " ".repeat(margin) };
                text.push_str(format!("{mark}{part}").trim_end());
                text.push('\n');
            }
        }
    }
    text
}

/// Columns that the sign (and its word) take.
pub(super) fn margin_width(width: usize) -> usize {
    if width >= WITH_WORDS { WORD_COLUMN } else { 2 }
}

/// The sign of a verdict, with its word where there is room, as wide as the margin.
pub(super) fn mark(verdict: Option<&Verdict>, margin: usize, style: Style<'_>) -> String {
    let Some(verdict) = verdict else { return " ".repeat(margin) };
    let sign = sign(verdict, style);
    let plain = if margin >= WORD_COLUMN {
        format!("{sign} {}", style.say(words::of_verdict(verdict), &[]))
    } else {
        sign.to_owned()
    };
    let padded = pad(&plain, margin);
    if !style.colour {
        return padded;
    }
    match verdict {
        Verdict::Same => padded.dimmed().to_string(),
        Verdict::Differs | Verdict::Hidden => padded.yellow().bold().to_string(),
        Verdict::Translated { .. } => padded.cyan().bold().to_string(),
        Verdict::Denied(_) | Verdict::Unknown(_) => padded.magenta().to_string(),
    }
}

/// One column that says it without colour and without words.
pub(super) fn sign(verdict: &Verdict, style: Style<'_>) -> &'static str {
    match verdict {
        Verdict::Same => "=",
        Verdict::Differs if style.unicode => "≠",
        Verdict::Differs => "!",
        Verdict::Translated { .. } if style.unicode => "↔",
        Verdict::Translated { .. } => "~",
        Verdict::Hidden => "-",
        Verdict::Denied(_) | Verdict::Unknown(_) => "?",
    }
}

/// A sentence below a section, wrapped and indented.
pub(super) fn note(text: &str, width: usize) -> String {
    wrap(text, width.saturating_sub(2), 0).into_iter().map(|line| format!("  {line}\n")).collect()
}

fn fit(text: &str, width: usize, long: Long, style: Style<'_>) -> Vec<String> {
    match long {
        Long::Cut => vec![cut(text, width, style.unicode)],
        // Continuation lines stand two columns deeper than their first.
        Long::Wrap => wrap(text, width, text.len() - text.trim_start().len() + 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    const PLAIN: Style<'_> = Style { unicode: true, colour: false, all: false, linear: false, catalog: None };

    #[test]
    fn wide_characters_keep_the_bar_in_its_column() {
        let same = Verdict::Same;
        let line = |text: &str| Line { verdict: Some(&same), outside: Some(text.into()), inside: Some("x".into()) };
        let text = sides(&[line("漢字"), line("ab"), line(&"漢".repeat(60))], 100, Long::Cut, PLAIN);
        let bars: Vec<usize> = text.lines().map(|line| line.split('│').next().unwrap().width()).collect();
        assert!(bars.iter().all(|column| *column == bars[0]), "{bars:?}\n{text}");
    }
}
