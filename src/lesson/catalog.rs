//! Languages, and the catalogs (gettext PO) that put lessons and messages into them.

use super::page::{Page, parse};
use super::{messages, sentence::Sentences, words::Word};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

/// The catalogs that are built in, as build.rs has packed them; the tag names the file in `book/po`.
const CATALOGS: [(Language, &[u8]); 1] =
    [(Language::Chinese, include_bytes!(concat!(env!("OUT_DIR"), "/catalog-zh-CN.po.zst")))];

/// A language of lessons and messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// What everything is written in.
    #[default]
    English,
    /// Simplified Chinese.
    Chinese,
}

/// A language that there is no catalog for.
#[derive(Debug, thiserror::Error)]
#[error("there is no translation into `{0}`")]
pub struct UnknownLanguage(String);

impl crate::error::Explain for UnknownLanguage {
    fn hint(&self) -> Option<String> {
        Some("languages: en, zh-CN".into())
    }

    fn exit(&self) -> crate::exit::Exit {
        crate::exit::Exit::Usage
    }
}

impl Language {
    /// Its tag (BCP 47), as `--lang` takes it and the book is named.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// What `--lang` asks for, or what the locale (`LC_ALL`, `LC_MESSAGES`, `LANG`, the first that is set) has.
    ///
    /// # Errors
    /// [`UnknownLanguage`] for `--lang` only: a locale that we do not speak gives English.
    pub fn choose(asked: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Result<Self, UnknownLanguage> {
        if let Some(asked) = asked {
            return Self::of_tag(asked).ok_or_else(|| UnknownLanguage(asked.to_owned()));
        }
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable).find(|value| !value.is_empty());
        Ok(locale.and_then(|locale| Self::of_tag(&locale)).unwrap_or_default())
    }

    fn of_tag(tag: &str) -> Option<Self> {
        let plain = tag.split(['.', '@']).next().unwrap_or(tag).replace('_', "-").to_lowercase();
        match plain.as_str() {
            "en" | "c" | "posix" => Some(Self::English),
            "zh" | "zh-cn" | "zh-sg" | "zh-hans" => Some(Self::Chinese),
            _ if plain.starts_with("en-") => Some(Self::English),
            _ => None,
        }
    }
}

/// What is known of one language: message by message.
#[derive(Debug, Default)]
pub struct Catalog {
    /// The language.
    pub language: Language,
    pub(super) known: HashMap<String, String>,
    sentences: OnceLock<Sentences>,
}

impl Catalog {
    /// The catalog of a language. English has none: every message is its own translation.
    pub fn of(language: Language) -> Self {
        let packed = CATALOGS.iter().find(|(known, _)| *known == language).map(|(_, packed)| *packed);
        Self { language, known: packed.map(read).unwrap_or_default(), sentences: OnceLock::new() }
    }

    /// The translation of a message, where there is one.
    pub fn find(&self, message: &str) -> Option<String> {
        self.known.get(message).cloned()
    }

    /// One of our own messages in this language, with `{name}` replaced by each value.
    pub fn say(&self, word: Word, values: &[(&str, &str)]) -> String {
        let mut text = self.find(word.english()).unwrap_or_else(|| word.english().to_owned());
        for (name, value) in values {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        text
    }

    /// A finished sentence in this language: an error, a hint, a reason. What the catalog does not know stays English.
    pub fn sentence(&self, english: &str) -> String {
        if self.known.is_empty() {
            return english.to_owned();
        }
        self.sentences.get_or_init(|| Sentences::of(&self.known)).translate(english, &self.known)
    }

    /// Two halves of a sentence, with the colon of this language between them.
    pub fn colon(&self, left: &str, right: &str) -> String {
        let colon = if self.language == Language::English { ": " } else { "：" };
        format!("{left}{colon}{right}")
    }

    /// A sentence, ended as this language does it; another one may follow.
    pub fn full_stop(&self, sentence: &str) -> String {
        sentence.to_owned() + if self.language == Language::English { ". " } else { "。" }
    }

    /// What is listed, with the comma that this language has for it.
    pub fn list<T: AsRef<str>>(&self, names: &[T]) -> String {
        let names: Vec<&str> = names.iter().map(T::as_ref).collect();
        names.join(if self.language == Language::English { ", " } else { "、" })
    }

    /// A word, and another one in brackets behind it.
    pub fn aside(&self, word: &str, about: &str) -> String {
        if self.language == Language::English { format!("{word} ({about})") } else { format!("{word}（{about}）") }
    }

    /// Parts of a sentence, with the semicolon of this language between them.
    pub fn parts(&self, parts: &[String]) -> String {
        parts.join(if self.language == Language::English { "; " } else { "；" })
    }

    /// The lesson in this language. What a translation has broken stays English.
    pub fn translate(&self, page: &Page) -> Page {
        let source = messages::replace(&page.source, &messages::of_page(page), |text| self.find(text));
        match parse(&page.file, &source) {
            // The record of answers knows the lesson by the hash of its English text.
            Ok(other) if other.skeleton() == page.skeleton() => Page { hash: page.hash.clone(), ..other },
            _ => page.clone(),
        }
    }

    /// Markdown without blocks in this language.
    pub fn translate_prose(&self, source: &str) -> String {
        let whole: Range<usize> = 0..source.len();
        messages::replace(source, &messages::of_prose(source, whole), |text| self.find(text))
    }
}

/// A catalog that cannot be read is an empty one here; a test holds those that are built in to more than that.
fn read(packed: &[u8]) -> HashMap<String, String> {
    let text = zstd::decode_all(packed).unwrap_or_default();
    let Ok(catalog) = polib::po_file::parse_from_reader(text.as_slice()) else { return HashMap::new() };
    let finished = catalog.messages().filter(|message| message.is_translated() && !message.is_fuzzy());
    finished.filter_map(|one| Some((one.msgid().to_owned(), one.msgstr().ok()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::library::Library;
    use crate::lesson::words;

    #[test]
    fn a_language_is_asked_for_or_the_locale_decides() {
        let none = |_: &str| None;
        assert_eq!(Language::choose(Some("zh-CN"), none).unwrap(), Language::Chinese);
        assert!(Language::choose(Some("tlh"), none).is_err());
        let locale = |value: &'static str| move |name: &str| (name == "LANG").then(|| value.to_owned());
        assert_eq!(Language::choose(None, locale("zh_CN.UTF-8")).unwrap(), Language::Chinese);
        assert_eq!(Language::choose(None, locale("zh_TW.UTF-8")).unwrap(), Language::English);
        assert_eq!(Language::choose(None, locale("de_DE.UTF-8")).unwrap(), Language::English);
        assert_eq!(Language::choose(None, none).unwrap(), Language::English);
        let both = |name: &str| Some(if name == "LC_ALL" { "C" } else { "zh_CN" }.to_owned());
        assert_eq!(Language::choose(None, both).unwrap(), Language::English);
    }

    #[test]
    fn every_catalog_can_be_read_and_loses_no_value() {
        for (language, packed) in CATALOGS {
            let text = zstd::decode_all(packed).unwrap();
            let catalog = polib::po_file::parse_from_reader(text.as_slice()).unwrap();
            assert!(catalog.count() > 0, "{}", language.tag());
            for word in words::ALL {
                let there = Catalog::of(language).find(word.english());
                let there = there.unwrap_or_else(|| panic!("{}: {:?} is missing", language.tag(), word.english()));
                assert_eq!(values(&there), values(word.english()), "{there}");
            }
        }
    }

    fn values(text: &str) -> Vec<&str> {
        let mut found: Vec<&str> = text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn a_translated_lesson_runs_the_same_commands() {
        let catalog = Catalog::of(Language::Chinese);
        let library = Library::built_in();
        for page in &library.pages {
            let chinese = catalog.translate(page);
            assert_eq!(chinese.skeleton(), page.skeleton(), "{}", page.id);
            assert_eq!(chinese.hash, page.hash);
        }
        let page = library.find("pid-namespace").unwrap();
        assert_ne!(catalog.translate(page).front.title, page.front.title, "it is not translated");
    }
}
