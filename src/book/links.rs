//! Links of the chapters that are not lessons: each leads to a chapter of this book, to a heading there, or to a file beside
//! it. (Those of lessons are looked at where lessons are read.)

use crate::lesson::library::Library;
use crate::lesson::page::{Fault, Position, options};
use pulldown_cmark::{Event, Parser, Tag};
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A chapter that has a file of its own.
struct Chapter {
    /// As SUMMARY.md names it: `glossary.md`.
    path: String,
    /// The file that is at fault.
    file: PathBuf,
    text: String,
}

/// What leads nowhere, in the order of the book.
pub(super) fn dead_ends(items: &[Value], library: &Library, source: &Path) -> Vec<Fault> {
    let mut chapters = Vec::new();
    collect(items, source, &mut chapters);
    let lessons = library.pages.iter().map(|page| (format!("{}.md", page.id), page.anchors.clone()));
    let mut anchors: HashMap<String, Vec<String>> = lessons.collect();
    anchors.extend(chapters.iter().map(|chapter| (chapter.path.clone(), headings(&chapter.text))));
    chapters.iter().flat_map(|chapter| chapter.dead_ends(&anchors, source)).collect()
}

/// Out of the file where there is one: what mdBook sends may have code included in it already, and other lines.
fn collect(items: &[Value], source: &Path, chapters: &mut Vec<Chapter>) {
    for chapter in items.iter().filter_map(|item| item.get("Chapter")) {
        if let Some(path) = chapter.get("path").and_then(Value::as_str) {
            let file = source.join(path);
            let sent = || chapter.get("content").and_then(Value::as_str).unwrap_or("").to_owned();
            let text = std::fs::read_to_string(&file).unwrap_or_else(|_| sent());
            chapters.push(Chapter { path: path.to_owned(), file, text });
        }
        collect(chapter.get("sub_items").and_then(Value::as_array).map_or(&[], Vec::as_slice), source, chapters);
    }
}

/// The ids of the headings. Every heading of ours has one, so that translations have the same.
fn headings(text: &str) -> Vec<String> {
    let id = |event| match event {
        Event::Start(Tag::Heading { id, .. }) => id.map(|id| id.to_string()),
        _ => None,
    };
    Parser::new_ext(text, options()).filter_map(id).collect()
}

impl Chapter {
    fn dead_ends(&self, anchors: &HashMap<String, Vec<String>>, source: &Path) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (event, place) in Parser::new_ext(&self.text, options()).into_offset_iter() {
            let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event else {
                continue;
            };
            if let Some(expected) = self.dead_end(&dest_url, anchors, source) {
                let at = Position::in_text(&self.file.display().to_string(), &self.text, place.start);
                faults.push(Fault { at, expected, found: format!("`{dest_url}`") });
            }
        }
        faults
    }

    /// What the link should be; `None` where it leads somewhere.
    fn dead_end(&self, target: &str, anchors: &HashMap<String, Vec<String>>, source: &Path) -> Option<String> {
        if target.starts_with("https://") || target.starts_with("http://") {
            return None;
        }
        let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
        let file = if file.is_empty() { self.path.as_str() } else { file };
        let Some(known) = anchors.get(file) else {
            let is_page = Path::new(file).extension().is_none_or(|kind| kind == "md" || kind == "html");
            let is_there = !is_page && source.join(file).is_file();
            return (!is_there).then(|| "a chapter of this book, a file beside it, or https://".into());
        };
        let leads = anchor.is_none_or(|anchor| known.iter().any(|one| one == anchor));
        (!leads).then(|| format!("one of the headings there: {}", known.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let items =
            [serde_json::json!({"Chapter": {"name": "One", "path": "one.md", "content": text, "sub_items": []}})];
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src");
        let found = dead_ends(&items, &Library::built_in(), &source);
        found.iter().map(|fault| fault.to_string().replace(&*source.to_string_lossy(), "src")).collect()
    }

    #[test]
    fn links_to_lessons_headings_files_and_the_web_lead_somewhere() {
        let good = "# One {#one}\n\n[a](pid-namespace.md) [b](#one) [c](pid-namespace.md#numbers) ![d](matrix.svg) <https://x.org>";
        assert_eq!(faults(good), Vec::<String>::new());
    }

    #[test]
    fn what_leads_nowhere_is_named_with_its_place() {
        let found =
            faults("# One {#one}\n\nSee [a](pid-namespaec.md) and\n[b](#two), [c](one.md#one).\n\n![d](none.svg)");
        let expected = [
            "src/one.md:3:5: expected a chapter of this book, a file beside it, or https://, found `pid-namespaec.md`",
            "src/one.md:4:1: expected one of the headings there: one, found `#two`",
            "src/one.md:6:1: expected a chapter of this book, a file beside it, or https://, found `none.svg`",
        ];
        assert_eq!(found, expected);
    }
}
