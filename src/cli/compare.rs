//! `explore compare`: two places side by side, as `uname -a`, `ps` and `ip a` show them.

mod layout;
mod linear;
mod sections;
mod target;

use super::{Context, Screen};
use crate::exit::Exit;
use crate::lesson::catalog::Catalog;
use crate::lesson::words::Word;
use crate::probe::{self, Comparison};
use std::fmt::Write;

/// Show a place beside this one: namespaces, uname, processes, interfaces
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Compare {
    /// A process by its number, a container by name or ID, or a place of `explore ns`; without it the one made last
    #[arg(value_name = "PID|CONTAINER|PLACE")]
    target: Option<String>,
    /// Also list the processes that have nothing to do with the place, and what the two processes may do
    #[arg(long, short)]
    all: bool,
}

/// How a comparison is written.
#[allow(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
#[derive(Debug, Clone, Copy)]
pub struct Style<'a> {
    /// Signs beyond ASCII.
    pub unicode: bool,
    /// Differences are coloured too (they are always marked by a sign, and a word where there is room).
    pub colour: bool,
    /// Everything, instead of what has to do with the place.
    pub all: bool,
    /// Lines that are read aloud, instead of columns.
    pub linear: bool,
    /// The reader's language; English where there is none.
    pub catalog: Option<&'a Catalog>,
}

impl Style<'_> {
    /// The style of this process's standard output.
    pub fn of(screen: &Screen) -> Self {
        Self { unicode: locale_is_utf8(), colour: screen.terminal, all: false, linear: screen.linear, catalog: None }
    }

    fn say(&self, word: Word, values: &[(&str, &str)]) -> String {
        self.catalog.unwrap_or(&Catalog::default()).say(word, values)
    }

    /// Parts of a sentence, with what parts them in the reader's language.
    fn parts(&self, parts: &[String]) -> String {
        self.catalog.unwrap_or(&Catalog::default()).parts(parts)
    }

    /// What is listed, as the reader's language does it.
    fn list(&self, names: &[&str]) -> String {
        self.catalog.unwrap_or(&Catalog::default()).list(names)
    }

    /// Two halves of a sentence with a colon between them.
    pub fn colon(&self, left: &str, right: &str) -> String {
        self.catalog.map_or_else(|| format!("{left}: {right}"), |catalog| catalog.colon(left, right))
    }

    /// A finished sentence in the reader's language.
    pub fn sentence(&self, english: &str) -> String {
        self.catalog.map_or_else(|| english.to_owned(), |catalog| catalog.sentence(english))
    }
}

/// Whether the locale says UTF-8, by the variables in the order of locale(7).
fn locale_is_utf8() -> bool {
    let said = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(std::env::var_os).find(|value| !value.is_empty());
    said.is_some_and(|value| {
        let value = value.to_string_lossy().to_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    })
}

/// Runs `explore compare`.
pub(super) fn run(compare: &Compare, context: &mut Context) -> anyhow::Result<Exit> {
    let target = target::find(compare.target.as_deref(), context)?;
    let outside = probe::look(std::process::id().cast_signed());
    let inside = probe::look(target.pid);
    let comparison = probe::compare(&outside, &inside, &target.subject, &target.helpers);
    if context.screen.json {
        context.screen.data(&comparison)?;
    } else {
        let style = Style { all: compare.all, catalog: Some(context.catalog()), ..Style::of(&context.screen) };
        let text = render(&comparison, context.screen.width, style);
        context.screen.print(&text)?;
    }
    Ok(Exit::Ok)
}

/// The comparison as text that fits `width` columns: side by side from `SIDE_BY_SIDE` columns on, one below
/// the other otherwise; in neither way where it is to be heard. Ends with a line feed.
pub fn render(comparison: &Comparison, width: usize, style: Style<'_>) -> String {
    if style.linear {
        return linear::render(comparison, style);
    }
    let mut text = sections::heading(comparison, width, style);
    let mut sections = vec![
        sections::namespaces(comparison, width, style),
        sections::uname(comparison, width, style),
        sections::processes(comparison, width, style),
        sections::links(comparison, width, style),
    ];
    if style.all {
        sections.push(sections::place(comparison, width, style));
    }
    for section in sections {
        let _ = write!(text, "\n{section}");
    }
    text
}
