//! Whether the Chinese catalog says all that the template asks for, and nothing else.

use super::template;
use crate::lesson::library::Library;
use polib::message::MessageView;
use std::collections::BTreeSet;
use std::path::Path;

pub(super) const CATALOG: &str = include_str!("../../book/po/zh-CN.po");

/// What is in English everywhere, until somebody has translated it: lessons and chapters.
const NOT_YET: &str = include_str!("../../book/po/not-yet.txt");

/// Messages that are the same in Chinese: names and commands.
pub(super) const AS_IT_IS: &str = include_str!("../../book/po/as-it-is.txt");

/// A message of a catalog: where it stands, the text, the translation.
pub(super) struct Message {
    pub(super) places: Vec<String>,
    pub(super) text: String,
    pub(super) translation: String,
}

pub(super) fn messages_of(po: &str) -> Vec<Message> {
    let read = polib::po_file::parse_from_reader(po.as_bytes()).unwrap();
    let one = |message: &dyn MessageView| Message {
        places: message.source().split_whitespace().map(|place| stem(place).to_owned()).collect(),
        text: message.msgid().to_owned(),
        translation: message.msgstr().unwrap().to_owned(),
    };
    read.messages().map(one).collect()
}

fn template_messages() -> Vec<Message> {
    let help = crate::cli::help_texts();
    messages_of(&template(&Library::built_in(), Path::new("book/src"), Path::new("src"), &help).unwrap())
}

/// Of `lessons/6-exit/commit.md:11` it is `commit`.
fn stem(place: &str) -> &str {
    let file = place.rsplit('/').next().unwrap_or(place);
    file.split('.').next().unwrap_or(file)
}

/// The lines of a list that are no comment.
pub(super) fn listed(list: &'static str) -> BTreeSet<&'static str> {
    list.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")).collect()
}

#[test]
fn lessons_and_chapters_are_translated_whole_or_wait_for_it() {
    let catalog = messages_of(CATALOG);
    let known: BTreeSet<&str> =
        catalog.iter().filter(|one| !one.translation.is_empty()).map(|one| &*one.text).collect();
    let template = template_messages();
    let lacking = template.iter().filter(|one| !known.contains(&*one.text));
    let found: BTreeSet<&str> = lacking.flat_map(|one| &one.places).map(String::as_str).collect();
    assert_eq!(found, listed(NOT_YET), "left: what lacks a translation; right: book/po/not-yet.txt");
}

#[test]
fn no_text_is_translated_twice() {
    let mut known = BTreeSet::new();
    let twice: Vec<&str> = CATALOG.lines().filter(|line| line.starts_with("msgid ") && !known.insert(*line)).collect();
    // A text of several lines begins with an empty one.
    assert!(twice.iter().all(|line| *line == "msgid \"\""), "the catalog keeps one of them: {twice:#?}");
}

/// What waits for its translation may keep those that were made of an older text.
#[test]
fn a_translation_is_of_something_that_is_still_said() {
    let template: BTreeSet<String> = template_messages().into_iter().map(|one| one.text).collect();
    let catalog = messages_of(CATALOG);
    let waits = listed(NOT_YET);
    let is_left = |one: &&Message| {
        !template.contains(&one.text) && !one.places.iter().any(|place| waits.contains(place.as_str()))
    };
    let left: Vec<_> = catalog.iter().filter(is_left).map(|one| (&one.places, &one.text)).collect();
    assert!(left.is_empty(), "nobody says this any more, remove it from book/po/zh-CN.po: {left:#?}");
}

#[test]
fn what_has_no_chinese_in_it_is_listed_as_the_same_in_chinese() {
    let catalog = messages_of(CATALOG);
    let plain = catalog.iter().filter(|one| !one.translation.contains(is_chinese)).map(|one| &*one.text);
    assert_eq!(plain.collect::<BTreeSet<_>>(), listed(AS_IT_IS), "right: book/po/as-it-is.txt");
}

fn is_chinese(character: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&character)
}
