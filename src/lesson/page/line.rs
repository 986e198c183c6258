//! The lines inside a block: `- option`, `key: value`, `key side: command`, or text.

use std::ops::Range;

/// One line, with its place in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// First byte that is not a blank.
    pub(super) start: usize,
    pub(super) what: What,
}

/// What a line says; ranges are places in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// `- ` and the text after it.
    Option(Range<usize>),
    /// A lower-case word, perhaps a second one (the side), a colon, and the rest.
    Key { key: String, side: Option<String>, value: Range<usize> },
    /// Anything else.
    Text(Range<usize>),
}

/// The lines of `range` that are not blank.
pub(super) fn lines(source: &str, range: Range<usize>) -> Vec<Line> {
    let mut found = Vec::new();
    let mut at = range.start;
    for line in source[range].split_inclusive('\n') {
        let start = at + (line.len() - line.trim_start().len());
        let end = at + line.trim_end().len();
        at += line.len();
        if start < end {
            found.push(Line { start, what: what(source, start..end) });
        }
    }
    found
}

fn what(source: &str, range: Range<usize>) -> What {
    let text = &source[range.clone()];
    if text == "-" || text.starts_with("- ") {
        return What::Option(trimmed(source, range.start + 1..range.end));
    }
    let Some(colon) = text.find(':') else { return What::Text(range) };
    let words: Vec<&str> = text[..colon].split_whitespace().collect();
    let value = trimmed(source, range.start + colon + 1..range.end);
    let ends_word = text[colon + 1..].is_empty() || text[colon + 1..].starts_with(' ');
    match words[..] {
        [key] if ends_word && is_word(key) => What::Key { key: key.to_owned(), side: None, value },
        [key, side] if ends_word && is_word(key) && is_word(side) => {
            What::Key { key: key.to_owned(), side: Some(side.to_owned()), value }
        }
        _ => What::Text(range),
    }
}

/// A key that begins as a sentence does: `Act outside: ls`, `Hint: look`.
pub(super) fn is_capital_key(text: &str) -> bool {
    const KEYS: [&str; 9] = ["Act", "Hint", "If", "Why", "Myth", "Verify", "Solution", "Wrong", "Says"];
    let Some((before, _)) = text.split_once(':') else { return false };
    match before.split_whitespace().collect::<Vec<_>>()[..] {
        [key] => KEYS.contains(&key),
        [key, side] => KEYS.contains(&key) && ["inside", "outside"].contains(&side),
        _ => false,
    }
}

fn trimmed(source: &str, range: Range<usize>) -> Range<usize> {
    let text = &source[range.clone()];
    let start = range.start + (text.len() - text.trim_start().len());
    start..start + text.trim().len()
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_keeps_its_colons_and_quotes() {
        let source = "  if inside: grep -q 'a: b' /x\n";
        let [line] = &lines(source, 0..source.len())[..] else { panic!("one line") };
        let What::Key { key, side, value } = &line.what else { panic!("a key") };
        assert_eq!((key.as_str(), side.as_deref()), ("if", Some("inside")));
        assert_eq!(&source[value.clone()], "grep -q 'a: b' /x");
    }

    #[test]
    fn a_sentence_with_a_colon_is_text() {
        for source in ["Look: a sentence", "what would you say: this?", "时间:不是键", "see http://x"] {
            assert!(matches!(lines(source, 0..source.len())[0].what, What::Text(_)), "{source}");
        }
    }
}
