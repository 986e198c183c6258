//! Chinese for clap, which takes each character for one column and breaks a line at spaces alone.
//!
//! Behind each character of two columns goes one more, which stands for the second: a space where a line may end there
//! (UAX #14), else a word joiner (U+2060), where it may not. So clap counts right and breaks where it should; then they are
//! taken out again.

use unicode_linebreak::linebreaks;
use unicode_width::UnicodeWidthChar;

const JOINER: char = '\u{2060}';

/// The text as clap can break it.
pub(super) fn open(text: &str) -> String {
    let ends: Vec<usize> = linebreaks(text).map(|(at, _)| at).filter(|at| *at < text.len()).collect();
    let mut open = String::new();
    for (at, one) in text.char_indices() {
        open.push(one);
        if is_wide(one) {
            let ends_here = ends.binary_search(&(at + one.len_utf8())).is_ok();
            open.push(if ends_here { ' ' } else { JOINER });
        }
    }
    open
}

/// The text as it was, with the ends of lines that clap has put into it.
pub(super) fn close(text: &str) -> String {
    let mut close = String::new();
    let mut signs = text.chars().peekable();
    while let Some(one) = signs.next() {
        close.push(one);
        if is_wide(one) {
            signs.next_if(|next| [' ', JOINER].contains(next));
        }
    }
    close
}

fn is_wide(one: char) -> bool {
    one.width() == Some(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_opened_and_closed_is_the_same() {
        for text in ["命名空间，以及 `explore ps` 的选项", "（见 ps）\n\n第二段。", "no Chinese", ""] {
            assert_eq!(close(&open(text)), text);
        }
    }

    #[test]
    fn each_column_is_a_character_and_no_stop_begins_a_line() {
        use unicode_width::UnicodeWidthStr;
        let text = "删除容器，连同它写下的内容（见 `ps`）。";
        let open = open(text);
        assert_eq!(open.chars().count(), text.width());
        let words: Vec<&str> = open.split(' ').collect();
        assert!(words.len() > 9 && words.iter().all(|word| !word.starts_with(['，', '）', '。'])), "{words:?}");
    }
}
