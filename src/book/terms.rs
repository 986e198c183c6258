//! Whether the Chinese catalog uses the terms that were agreed: `book/po/terms.tsv`.
//!
//! A line there is an English term, its Chinese form (several with ` / ` between; `—` for words that only look like a
//! term), and a note. What stands in brackets behind the English tells the senses of one word apart, of which any may be
//! meant; `(option)` and `(heading)` are messages as a whole. The longest term counts where several begin.

use super::translated::{AS_IT_IS, CATALOG, Message, listed, messages_of};
use std::collections::{BTreeMap, BTreeSet};

const TERMS: &str = include_str!("../../book/po/terms.tsv");

/// Where the Chinese has good reason to say it otherwise: the term, how the message begins, the reason.
const EXCEPTIONS: &str = include_str!("../../book/po/terms-except.tsv");

/// Terms by their words, and those that are a message as a whole.
#[derive(Default)]
struct Terms {
    spoken: BTreeMap<Vec<String>, Term>,
    whole: BTreeMap<&'static str, Term>,
}

/// A term, and the forms of which one must be there.
#[derive(Default)]
struct Term {
    name: &'static str,
    forms: Vec<&'static str>,
}

impl Term {
    fn is_in(&self, chinese: &str) -> bool {
        self.forms.iter().any(|form| *form == "—" || chinese.contains(form))
    }
}

impl Terms {
    fn read() -> Self {
        let mut terms = Self::default();
        for [english, chinese, _] in rows(TERMS) {
            let name = english.split(" (").next().unwrap();
            let term = if english.ends_with(" (option)") || english.ends_with(" (heading)") {
                terms.whole.entry(name).or_default()
            } else {
                terms.spoken.entry(name.split(' ').map(begun_small).collect()).or_default()
            };
            term.name = name;
            term.forms.extend(chinese.split(" / "));
        }
        terms
    }

    /// The terms of a message that its translation has in none of their forms.
    fn missing(&self, message: &Message) -> BTreeSet<&'static str> {
        let chinese = message.translation.replace('*', "");
        let words = words(message);
        let mut met: Vec<&Term> = self.whole.get(message.text.as_str()).into_iter().collect();
        let mut at = 0;
        while at < words.len() {
            let here = self.spoken.iter().filter(|(term, _)| begins(&words[at..], term));
            let longest = here.max_by_key(|(term, _)| term.len());
            met.extend(longest.map(|(_, term)| term));
            at += longest.map_or(1, |(term, _)| term.len());
        }
        met.into_iter().filter(|term| !term.is_in(&chinese)).map(|term| term.name).collect()
    }
}

/// The lines of a table of three columns, without its head.
fn rows(table: &'static str) -> impl Iterator<Item = [&'static str; 3]> {
    table.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        cells.try_into().unwrap_or_else(|cells| panic!("not three columns: {cells:?}"))
    })
}

/// The words of the English, with an empty one where no term goes on: at a stop, and for code and what is quoted as it is.
fn words(message: &Message) -> Vec<String> {
    let mut text = message.text.clone();
    for (open, close) in [('“', '”'), ('*', '*'), ('`', '`'), ('{', '}')] {
        text = without(&text, open, close, |quoted| "`}".contains(close) || message.translation.contains(quoted));
    }
    let text = without(&text.replace("](", "] ("), '(', ')', |target| target.contains(".md"));
    let mut words = Vec::new();
    for token in text.replace('*', "").split_whitespace() {
        let token = token.trim_start_matches(|start: char| start != '-' && !start.is_alphanumeric());
        let word = token.trim_end_matches(|end: char| end != '-' && !end.is_alphanumeric());
        let word = word.strip_suffix("'s").unwrap_or(word);
        let is_word = word.chars().all(|one| one.is_ascii_alphanumeric() || "-_".contains(one));
        words.push(if is_word { begun_small(word) } else { String::new() });
        if word.len() < token.len() {
            words.push(String::new());
        }
    }
    words
}

/// `text` without what stands between `open` and `close`, where `goes` says so.
fn without(text: &str, open: char, close: char, goes: impl Fn(&str) -> bool) -> String {
    let mut left = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        let Some((quoted, behind)) = after.split_once(close) else { break };
        left.push_str(before);
        let kept = if goes(quoted) { " . ".to_owned() } else { format!("{open}{quoted}{close}") };
        left.push_str(&kept);
        rest = behind;
    }
    left + rest
}

fn begins(words: &[String], term: &[String]) -> bool {
    words.len() >= term.len() && words.iter().zip(term).all(|(word, part)| is_one(word, part))
}

/// Whether a word is this one or several of it.
fn is_one(word: &str, part: &str) -> bool {
    word.strip_prefix(part).is_some_and(|ending| ["", "s", "es"].contains(&ending))
        || part.strip_suffix('y').is_some_and(|stem| word.strip_suffix("ies") == Some(stem))
}

/// A term may begin a sentence. But NAT is not nat, and IMAGE no image.
fn begun_small(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_lowercase().collect::<String>() + letters.as_str())
}

#[test]
fn every_term_is_in_its_translation_in_the_form_that_was_agreed() {
    let terms = Terms::read();
    let as_it_is = listed(AS_IT_IS);
    let mut excused: BTreeSet<[&str; 3]> = rows(EXCEPTIONS).collect();
    let all_excused = excused.clone();
    let mut wrong = Vec::new();
    for message in messages_of(CATALOG).iter().filter(|one| !as_it_is.contains(one.text.as_str())) {
        for term in terms.missing(message) {
            match all_excused.iter().find(|[of, begin, _]| *of == term && message.text.starts_with(begin)) {
                Some(excuse) => drop(excused.remove(excuse)),
                None => wrong.push(format!("{term}\n    {}\n    {}", message.text, message.translation)),
            }
        }
    }
    assert!(wrong.is_empty(), "not as book/po/terms.tsv has it:\n{}", wrong.join("\n"));
    assert!(excused.is_empty(), "these need no exception in book/po/terms-except.tsv any more: {excused:#?}");
    assert!(all_excused.iter().all(|[_, _, reason]| !reason.is_empty()), "an exception gives its reason");
}

#[test]
fn a_term_in_another_form_is_found() {
    let missing = |text: &str, translation: &str| {
        let message = Message { places: Vec::new(), text: text.to_owned(), translation: translation.to_owned() };
        Terms::read().missing(&message).into_iter().collect::<Vec<_>>()
    };
    assert_eq!(missing("Mount namespaces hide nothing.", "挂载名字空间什么也不隐藏。"), ["mount namespace"]);
    assert_eq!(missing("A *mount* namespace", "*挂载*命名空间"), [""; 0]);
    assert_eq!(missing("Registries, and a whiteout's name", "镜像仓库，以及白障的名字"), ["whiteout"]);
    assert_eq!(missing("`whiteout`, [whiteouts](whiteout.md) and “whiteout”", "“whiteout”"), ["whiteout"]);
    assert_eq!(missing("IMAGE ID and config.json", "IMAGE ID 与 config.json"), [""; 0]);
    assert_eq!(missing("PID 1", "首个进程"), ["PID 1"]);
    assert_eq!(missing("No", "不"), ["No"]);
    assert_eq!(missing("No layer", "没有层"), [""; 0]);
}
