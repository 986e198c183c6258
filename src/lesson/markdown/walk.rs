//! The walk over Markdown's events.

use super::inline::{Paint, Span, columns, wrap};
use super::table::Table;
use crate::lesson::page;
use pulldown_cmark::{BlockQuoteKind, Event, HeadingLevel, Parser, Tag, TagEnd};

/// Sets `markdown` in `width` columns. Ends with one line end, or is empty.
pub fn render(markdown: &str, width: usize, color: bool) -> String {
    set(Setter::new(width, color), markdown)
}

/// `markdown` as it is read aloud: a line is a paragraph, a heading, or a row of a table with the names of its columns.
pub fn spoken(markdown: &str) -> String {
    set(Setter { spoken: true, ..Setter::new(usize::MAX / 4, false) }, markdown)
}

fn set(mut setter: Setter, markdown: &str) -> String {
    for event in Parser::new_ext(markdown, page::options()) {
        setter.event(event);
    }
    setter.flush();
    setter.out
}

/// What stands before the lines of something nested: once, then always.
#[derive(Debug)]
struct Margin {
    first: Option<String>,
    rest: String,
}

#[allow(clippy::struct_excessive_bools, reason = "two say how it is set, two where the setter is")]
#[derive(Debug)]
struct Setter {
    out: String,
    width: usize,
    color: bool,
    /// No marks but the text.
    spoken: bool,
    margins: Vec<Margin>,
    numbers: Vec<Option<u64>>,
    spans: Vec<Span>,
    paint: Paint,
    links: Vec<String>,
    table: Option<Table>,
    heading: Option<HeadingLevel>,
    /// Inside a code block lines are kept as they are.
    code: bool,
    /// Whether a blank line is owed before the next block.
    gap: bool,
}

impl Setter {
    fn new(width: usize, color: bool) -> Self {
        Self {
            out: String::new(),
            width: width.max(20),
            color,
            spoken: false,
            margins: Vec::new(),
            numbers: Vec::new(),
            spans: Vec::new(),
            paint: Paint::default(),
            links: Vec::new(),
            table: None,
            heading: None,
            code: false,
            gap: false,
        }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.code => self.code_lines(&text),
            Event::Text(text) => self.push(&text),
            Event::Code(text) => self.code_span(&text),
            Event::SoftBreak => self.push(" "),
            Event::HardBreak => self.push("\n"),
            Event::Rule if self.spoken => self.gap = true,
            Event::Rule => {
                let rule = "-".repeat(self.room().min(20));
                self.block_line(&rule);
                self.gap = true;
            }
            Event::FootnoteReference(name) => self.push(&format!("[{name}]")),
            Event::TaskListMarker(done) => self.push(if done { "[x] " } else { "[ ] " }),
            Event::Html(_) | Event::InlineHtml(_) | Event::InlineMath(_) | Event::DisplayMath(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => {
                self.flush();
                self.gap = !self.out.is_empty();
                self.heading = Some(level);
                self.paint.bold = true;
            }
            Tag::BlockQuote(kind) => self.quote(kind),
            Tag::CodeBlock(_) => {
                self.flush();
                self.margin("    ", "    ");
                self.code = true;
            }
            Tag::List(first) => {
                self.flush();
                self.numbers.push(first);
            }
            Tag::Item => self.item(),
            Tag::FootnoteDefinition(name) => self.margin(&format!("[{name}] "), "    "),
            Tag::DefinitionListTitle => self.paint.bold = true,
            Tag::DefinitionListDefinition => self.margin("    ", "    "),
            Tag::Table(_) => {
                self.flush();
                self.table = Some(Table::default());
            }
            Tag::TableHead | Tag::TableRow => self.table.iter_mut().for_each(|table| table.rows.push(Vec::new())),
            Tag::Emphasis => self.mark("*", |paint| paint.italic = true),
            Tag::Strong => self.mark("**", |paint| paint.bold = true),
            Tag::Strikethrough => self.mark("~~", |paint| paint.struck = true),
            Tag::Link { dest_url, .. } => self.links.push(dest_url.into_string()),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => {
                self.flush();
                self.gap = true;
            }
            TagEnd::Heading(_) => self.end_heading(),
            TagEnd::BlockQuote(_) | TagEnd::CodeBlock | TagEnd::FootnoteDefinition => {
                self.flush();
                self.code = false;
                self.margins.pop();
                self.gap = true;
            }
            TagEnd::List(_) => {
                self.numbers.pop();
                self.gap = self.numbers.is_empty();
            }
            TagEnd::Item | TagEnd::DefinitionListDefinition => {
                self.flush();
                self.margins.pop();
            }
            TagEnd::DefinitionListTitle => {
                self.flush();
                self.paint.bold = false;
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.spans);
                if let Some(row) = self.table.as_mut().and_then(|table| table.rows.last_mut()) {
                    row.push(cell);
                }
            }
            TagEnd::Table => self.end_table(),
            TagEnd::Emphasis => self.unmark("*", |paint| paint.italic = false),
            TagEnd::Strong => {
                let heading = self.heading.is_some();
                self.unmark("**", move |paint| paint.bold = heading);
            }
            TagEnd::Strikethrough => self.unmark("~~", |paint| paint.struck = false),
            TagEnd::Link => self.end_link(),
            _ => {}
        }
    }

    /// Without colour the mark itself stays, so that emphasis is not lost.
    fn mark(&mut self, mark: &str, change: impl Fn(&mut Paint)) {
        if !self.color && !self.spoken {
            self.push(mark);
        }
        change(&mut self.paint);
    }

    fn unmark(&mut self, mark: &str, change: impl Fn(&mut Paint)) {
        change(&mut self.paint);
        if !self.color && !self.spoken {
            self.push(mark);
        }
    }

    fn push(&mut self, text: &str) {
        self.spans.push(Span { text: text.to_owned(), paint: self.paint });
    }

    fn code_span(&mut self, text: &str) {
        let before = self.paint;
        self.paint.code = true;
        let text = if self.color || self.spoken { text.to_owned() } else { format!("`{text}`") };
        self.push(&text);
        self.paint = before;
    }

    fn code_lines(&mut self, text: &str) {
        self.start_block();
        for line in text.lines() {
            let painted = Paint { code: true, ..Paint::default() }.apply(line, self.color);
            self.line(&painted);
        }
    }

    fn quote(&mut self, kind: Option<BlockQuoteKind>) {
        self.flush();
        self.start_block();
        self.margin("| ", "| ");
        let word = match kind {
            None => return,
            Some(BlockQuoteKind::Note) => "NOTE",
            Some(BlockQuoteKind::Tip) => "TIP",
            Some(BlockQuoteKind::Important) => "IMPORTANT",
            Some(BlockQuoteKind::Warning) => "WARNING",
            Some(BlockQuoteKind::Caution) => "CAUTION",
        };
        let painted = Paint { bold: true, ..Paint::default() }.apply(word, self.color);
        self.line(&painted);
    }

    fn item(&mut self) {
        self.flush();
        let mark = match self.numbers.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{}. ", *number - 1)
            }
            _ => "- ".into(),
        };
        self.start_block();
        self.gap = false;
        let rest = " ".repeat(mark.len());
        self.margin(&mark, &rest);
    }

    fn margin(&mut self, first: &str, rest: &str) {
        self.flush();
        self.margins.push(Margin { first: Some(first.to_owned()), rest: rest.to_owned() });
    }

    fn end_heading(&mut self) {
        let width = wrap(&self.spans, self.room(), false).iter().map(|line| columns(line)).max().unwrap_or(0);
        self.flush();
        self.paint.bold = false;
        match self.heading.take() {
            _ if self.spoken => {}
            Some(HeadingLevel::H1) => self.line(&"=".repeat(width)),
            Some(_) => self.line(&"-".repeat(width)),
            None => {}
        }
        self.gap = true;
    }

    fn end_link(&mut self) {
        let Some(target) = self.links.pop() else { return };
        let shown: String = self.spans.last().map(|span| span.text.clone()).unwrap_or_default();
        if target.starts_with('#') || shown == target {
            return;
        }
        let file = target.split('#').next().unwrap_or_default();
        let goal = match file.rsplit('/').next().and_then(|name| name.strip_suffix(".md")) {
            Some(lesson) if !target.contains("://") => format!("explore lesson {lesson}"),
            _ => target,
        };
        self.push(" (");
        self.spans.push(Span { text: format!("{goal})"), paint: Paint { code: true, ..Paint::default() } });
    }

    fn end_table(&mut self) {
        let Some(table) = self.table.take() else { return };
        self.start_block();
        let lines = if self.spoken { table.sentences() } else { table.lines(self.room(), self.color) };
        for line in lines {
            self.line(&line);
        }
        self.gap = true;
    }

    /// Columns that the margins leave.
    fn room(&self) -> usize {
        let taken: usize = self.margins.iter().map(|margin| margin.rest.len()).sum();
        self.width.saturating_sub(taken).max(10)
    }

    fn flush(&mut self) {
        if self.spans.is_empty() {
            return;
        }
        let spans = std::mem::take(&mut self.spans);
        self.start_block();
        for line in wrap(&spans, self.room(), self.color) {
            self.line(&line);
        }
    }

    fn block_line(&mut self, text: &str) {
        self.flush();
        self.start_block();
        self.line(text);
    }

    /// The blank line between blocks, with the margins that go on through it.
    fn start_block(&mut self) {
        if std::mem::take(&mut self.gap) && !self.out.is_empty() {
            let margin: String =
                self.margins.iter().filter(|one| one.first.is_none()).map(|one| one.rest.as_str()).collect();
            self.out.push_str(margin.trim_end());
            self.out.push('\n');
        }
    }

    fn line(&mut self, text: &str) {
        let margin: String =
            self.margins.iter_mut().map(|one| one.first.take().unwrap_or_else(|| one.rest.clone())).collect();
        let line = format!("{margin}{text}");
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::{columns, render, spoken};
    use crate::lesson::catalog::{Catalog, Language};
    use crate::lesson::library::Library;

    #[test]
    fn what_is_heard_has_no_marks_and_no_columns() {
        let table = "| call | does |\n|---|---|\n| `x` | this |\n| y | *that* |\n";
        assert_eq!(
            spoken(&format!("# A *head*\n\nLong `code` and **more**, on\ntwo lines.\n\n{table}")),
            "A head\n\nLong code and more, on two lines.\n\ncall: x; does: this.\ncall: y; does: that.\n"
        );
    }

    const PAGE: &str = "# One, *two* {#one}\n\nA process has `one number` per **level**, see [proc](https://kernel.org) \
        and [the next](../5-exec/uts-namespace.md#x).\n\n- first item that goes on for longer than a line\n- second\n  \
        1. a\n  2. b\n\n> [!NOTE]\n> A note that is long enough to be wrapped once or twice.\n>\n> Second.\n\n> quoted\n\n\
        | call | what it does to the caller |\n|---|---|\n| `unshare(2)` | moves only later children into it |\n| x | y |\n\n\
        ```text\nas it is\n    kept\n```\n\n## 中文标题 {#zh}\n\n进程在每一层都有一个号码，在外面也能看到它，只是号码不同。\n\n---\n\nEnd\\\nbreak\n";

    #[test]
    fn a_page_in_forty_columns() {
        insta::assert_snapshot!(render(PAGE, 40, false));
    }

    #[test]
    fn a_page_in_a_wide_terminal_with_colour() {
        insta::assert_snapshot!(render(PAGE, 100, true));
    }

    #[test]
    fn no_line_of_a_lesson_is_wider_than_the_reader_has_it() {
        for language in [Language::English, Language::Chinese] {
            for page in Library::built_in().pages.iter().map(|page| Catalog::of(language).translate(page)) {
                let body = page.source.split_once("\n---\n").unwrap().1;
                let text = render(body, 40, false);
                // Code is shown as it is, four columns in; a run of code that is wider than a line stands alone.
                let is_prose = |line: &&str| !line.starts_with("    ") && !line.contains('`');
                for line in text.lines().filter(is_prose) {
                    assert!(columns(line) <= 40, "{}: {line}", page.file);
                }
            }
        }
    }

    #[test]
    fn without_colour_nothing_is_left_that_a_terminal_would_obey() {
        assert!(!render(PAGE, 40, false).contains('\x1b'));
    }
}
