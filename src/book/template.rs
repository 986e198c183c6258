//! The template (gettext POT) that translators begin from: lessons, chapters, and the engine's own words.

use super::{claims, said};
use crate::lesson::library::Library;
use crate::lesson::messages::{self, Message};
use crate::lesson::words;
use crate::map;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

/// One message with the places where it stands.
#[derive(Debug)]
struct Entry {
    text: String,
    places: Vec<String>,
    /// Values in braces, which a translation must keep: `msgfmt -c` then looks.
    is_format: bool,
}

/// The template of a library, the chapters of the book in `chapters` (Markdown files; those that are there), what the
/// program says in its `sources`, and its `help`: each text with its place.
///
/// # Errors
/// Those of reading the chapters and the sources.
pub fn template(library: &Library, chapters: &Path, sources: &Path, help: &[(String, String)]) -> io::Result<String> {
    let mut entries: Vec<Entry> = Vec::new();
    for page in &library.pages {
        add(&mut entries, &page.file, &page.source, messages::of_page(page));
    }
    for (file, source) in chapter_files(chapters)? {
        let source = claims::fill(&source, library);
        let found = if file.ends_with("SUMMARY.md") {
            titles_of(&source)
        } else {
            messages::of_prose(&source, 0..source.len())
        };
        add(&mut entries, &file, &source, found);
    }
    for (file, table) in [("src/lesson/words.rs", words::ALL), ("src/map/words.rs", map::words::ALL)] {
        for word in table {
            add_word(&mut entries, file, word.english());
        }
    }
    for one in said::in_sources(sources)? {
        add_word(&mut entries, &one.file, &one.text);
    }
    for (place, text) in help {
        add_text(&mut entries, place, text, false);
    }
    Ok(po(&entries))
}

fn add_word(entries: &mut Vec<Entry>, file: &str, text: &str) {
    add_text(entries, file, text, true);
}

fn add_text(entries: &mut Vec<Entry>, place: &str, text: &str, is_format: bool) {
    match entries.iter_mut().find(|entry| entry.text == text) {
        Some(entry) => entry.places.push(place.to_owned()),
        None => entries.push(Entry { text: text.to_owned(), places: vec![place.to_owned()], is_format }),
    }
}

fn add(entries: &mut Vec<Entry>, file: &str, source: &str, found: Vec<Message>) {
    for message in found {
        let line = source[..message.range.start].matches('\n').count() + 1;
        let place = format!("{file}:{line}");
        match entries.iter_mut().find(|entry| entry.text == message.text) {
            Some(entry) => entry.places.push(place),
            None => entries.push(Entry { text: message.text, places: vec![place], is_format: false }),
        }
    }
}

fn chapter_files(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        // The page for what is not there has both languages in itself: mdBook shows it to no preprocessor.
        if path.extension().is_some_and(|extension| extension == "md") && !path.ends_with("404.md") {
            files.push((path.display().to_string(), std::fs::read_to_string(&path)?));
        }
    }
    files.sort();
    Ok(files)
}

/// Of the summary: the titles of its parts and of its chapters. A lesson has its title in itself.
fn titles_of(source: &str) -> Vec<Message> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in source.split_inclusive('\n') {
        let chapter = || line.trim_start_matches([' ', '-']).strip_prefix('[')?.split_once("](");
        let title =
            line.strip_prefix("# ").or_else(|| chapter().filter(|(_, to)| !to.starts_with(')')).map(|(of, _)| of));
        if let Some(title) = title.map(str::trim) {
            let at = start + line.find(title).unwrap_or(0);
            found.push(Message { range: at..at + title.len(), text: title.to_owned(), is_yaml: false });
        }
        start += line.len();
    }
    found
}

/// A message that stands in several lists is written once: gettext refuses a second one.
fn po(entries: &[Entry]) -> String {
    let mut text = String::from(
        "msgid \"\"\nmsgstr \"\"\n\"Project-Id-Version: explore\\n\"\n\"MIME-Version: 1.0\\n\"\n\
         \"Content-Type: text/plain; charset=UTF-8\\n\"\n\"Content-Transfer-Encoding: 8bit\\n\"\n",
    );
    let mut written: Vec<&str> = Vec::new();
    for entry in entries.iter().filter(|entry| !entry.text.is_empty()) {
        if written.contains(&entry.text.as_str()) {
            continue;
        }
        written.push(&entry.text);
        text.push('\n');
        for place in &entry.places {
            let _ = writeln!(text, "#: {place}");
        }
        if entry.is_format {
            text.push_str("#, python-brace-format\n");
        }
        let _ = writeln!(text, "msgid {}\nmsgstr \"\"", quoted(&entry.text));
    }
    text
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_summary_only_titles_are_translated() {
        let found = titles_of("# Part one\n\n[Intro](intro.md)\n- [a-lesson]()\n  - [Deeper](deeper.md)\n---\n");
        let titles: Vec<&str> = found.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(titles, ["Part one", "Intro", "Deeper"]);
    }

    #[test]
    fn every_message_is_in_the_template_once_and_can_be_read_back() {
        use polib::message::MessageView;
        let library = Library::built_in();
        let text = template(&library, Path::new("/nowhere"), Path::new("/nowhere"), &[]).unwrap();
        let read = polib::po_file::parse_from_reader(text.as_bytes()).unwrap();
        let ids: Vec<&str> = read.messages().map(MessageView::msgid).collect();
        for page in &library.pages {
            for message in messages::of_page(page) {
                assert_eq!(ids.iter().filter(|id| **id == message.text).count(), 1, "{}", message.text);
            }
        }
        for word in words::ALL {
            assert!(ids.contains(&word.english()), "{}", word.english());
        }
    }
}
