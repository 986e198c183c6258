//! What can be translated in a page, found by its place in the source; and the page with those places replaced.
//!
//! Nothing else of the page is touched: with an empty catalog the result is the input, byte for byte. Commands and ids
//! are in no message, so a translator cannot change them.

use super::page::{self, BlockKind, Page, Part, Text};
use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use std::ops::Range;

/// A run of text for a translator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it stands.
    pub range: Range<usize>,
    /// The text, its lines joined by a space: what a catalog knows it by.
    pub text: String,
    /// Whether it stands in YAML, and goes back there in quotation marks.
    pub is_yaml: bool,
}

/// The messages of a lesson, in order.
pub fn of_page(page: &Page) -> Vec<Message> {
    let mut found = Vec::new();
    found.extend(title(page));
    for part in &page.parts {
        match part {
            Part::Prose(range) => found.extend(of_prose(&page.source, range.clone())),
            Part::Block(block) => found.extend(texts(&block.kind).into_iter().filter_map(of_text)),
        }
    }
    found.sort_by_key(|message| message.range.start);
    found
}

/// The messages of plain Markdown: a chapter of the book, or the prose of a lesson.
pub fn of_prose(source: &str, range: Range<usize>) -> Vec<Message> {
    let mut run = Run { source, found: Vec::new(), open: None, says: false };
    let mut literal = 0;
    let start = range.start;
    for (event, place) in Parser::new_ext(&source[range], page::options()).into_offset_iter() {
        let place = start + place.start..start + place.end;
        match event {
            Event::Start(Tag::CodeBlock(_) | Tag::HtmlBlock) => {
                run.close();
                literal += 1;
            }
            Event::End(TagEnd::CodeBlock | TagEnd::HtmlBlock) => literal -= 1,
            _ if literal > 0 => {}
            Event::Text(text) => {
                run.says |= text.chars().any(char::is_alphabetic);
                run.extend(&place);
            }
            Event::Code(_) | Event::InlineHtml(_) | Event::FootnoteReference(_) => run.extend(&place),
            Event::Start(Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Link { .. } | Tag::Image { .. }) => {
                run.extend(&place);
            }
            Event::End(TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link | TagEnd::Image)
            | Event::SoftBreak => {}
            _ => run.close(),
        }
    }
    run.close();
    run.found
}

/// `source` with every message replaced for which `translate` knows another text.
pub fn replace(source: &str, messages: &[Message], translate: impl Fn(&str) -> Option<String>) -> String {
    let mut text = source.to_owned();
    for message in messages.iter().rev() {
        let Some(other) = translate(&message.text) else { continue };
        let other = if message.is_yaml { format!("{other:?}") } else { other.replace('\n', " ") };
        text.replace_range(message.range.clone(), &other);
    }
    text
}

fn title(page: &Page) -> Option<Message> {
    let yaml = page::yaml(&page.source)?;
    let mut at = yaml.start;
    for line in page.source[yaml].split_inclusive('\n') {
        if let Some(value) = line.strip_prefix("title:") {
            let start = at + line.len() - value.trim_start().len();
            let range = start..start + value.trim().len();
            return Some(Message { range, text: page.front.title.clone(), is_yaml: true });
        }
        at += line.len();
    }
    None
}

fn texts(kind: &BlockKind) -> Vec<&Text> {
    match kind {
        BlockKind::Shell(_) | BlockKind::Compare(_) => Vec::new(),
        BlockKind::Predict(predict) => {
            let options = predict.options.iter().flat_map(|option| [&option.text, &option.why]);
            std::iter::once(&predict.question).chain(options).chain(&predict.hints).collect()
        }
        BlockKind::Exercise(exercise) => {
            let wrong = exercise.wrong.iter().map(|wrong| &wrong.says);
            std::iter::once(&exercise.task).chain(wrong).chain(&exercise.hints).collect()
        }
        BlockKind::Check(check) => check.claims.iter().map(|claim| &claim.text).collect(),
    }
}

/// None where it is code alone, as many a last hint is.
fn of_text(text: &Text) -> Option<Message> {
    let says = !of_prose(&text.text, 0..text.text.len()).is_empty();
    says.then(|| Message { range: text.range.clone(), text: text.text.clone(), is_yaml: false })
}

/// A run of inline text that grows from event to event.
struct Run<'a> {
    source: &'a str,
    found: Vec<Message>,
    open: Option<Range<usize>>,
    /// Whether there is a word in it. Code and numbers alone are the same in every language.
    says: bool,
}

impl Run<'_> {
    fn extend(&mut self, place: &Range<usize>) {
        let open = self.open.get_or_insert_with(|| {
            // The event of an escaped character begins after its backslash.
            let escaped = self.source[..place.start].ends_with('\\');
            place.start - usize::from(escaped)..place.end
        });
        open.start = open.start.min(place.start);
        open.end = open.end.max(place.end);
    }

    fn close(&mut self) {
        let says = std::mem::take(&mut self.says);
        let Some(range) = self.open.take().filter(|_| says) else { return };
        let whole = &self.source[range.clone()];
        let range = range.start + (whole.len() - whole.trim_start().len())..range.start + whole.trim_end().len();
        let lines = self.source[range.clone()].split('\n');
        let text = lines.map(|line| line.trim_start_matches([' ', '>', '\t']).trim_end()).collect::<Vec<_>>().join(" ");
        self.found.push(Message { range, text, is_yaml: false });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::library::Library;
    use crate::lesson::page::parse;

    const PROSE: &str = "# One {#one}\n\n\\*A star* first,\ngoes on.\n\n> [!NOTE]\n> Two\n> lines.\n\n- item *one*\n\n\
        | a | b |\n|---|---|\n| cell `x` | `y`, 2 |\n\n```text\nnever\n```\n\nBreak\\\nhere.\n\n<!-- no -->\n";

    #[test]
    fn a_message_is_a_whole_run_of_text() {
        let found = of_prose(PROSE, 0..PROSE.len());
        let texts: Vec<&str> = found.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(
            texts,
            ["One", "\\*A star* first, goes on.", "Two lines.", "item *one*", "a", "b", "cell `x`", "Break", "here."]
        );
    }

    #[test]
    fn an_empty_catalog_changes_not_one_byte() {
        let nothing = |_: &str| None;
        assert_eq!(replace(PROSE, &of_prose(PROSE, 0..PROSE.len()), nothing), PROSE);
        for page in Library::built_in().pages {
            assert_eq!(replace(&page.source, &of_page(&page), nothing), page.source, "{}", page.file);
        }
    }

    /// Replacing each message by itself must give a page that says the same: what is lost would be lost in Chinese.
    #[test]
    fn a_catalog_that_says_the_same_gives_the_same_page() {
        let sample = include_str!("../../tests/lessons/sample.md");
        let page = parse("sample.md", sample).unwrap();
        let same = parse("sample.md", &replace(sample, &of_page(&page), |text| Some(text.to_owned()))).unwrap();
        let texts = |page: &Page| of_page(page).into_iter().map(|message| message.text).collect::<Vec<_>>();
        assert_eq!(texts(&same), texts(&page));
        assert_eq!(same.skeleton(), page.skeleton());
        assert_eq!(texts(&page).len(), 1 + 2 + 1 + 6 + 3 + 1 + 6 + 1 + 1 + 3 + 1);
    }
}
