//! The preprocessor: mdBook 0.5 writes `[context, book]` as JSON to our standard input and reads the book back.
//!
//! A lesson stands in SUMMARY.md as a draft chapter, `[pid-namespace]()`: a chapter without a file, whose name is the
//! lesson's id. (A path out of `book/src` is refused by mdBook.) It gets its title, its content and a path here.

use super::chapter::chapter;
use super::{claims, links};
use crate::error::Explain;
use crate::lesson::catalog::{Catalog, Language, UnknownLanguage};
use crate::lesson::library::Library;
use crate::lesson::page::{Fault, Page};
use crate::lesson::recording::{self, Recording};
use crate::lesson::run::Event;
use crate::state::RecordError;
use serde_json::Value;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Why the book cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PreprocessError {
    /// What came is not what mdBook sends.
    #[error("this is not what mdBook 0.5 sends to a preprocessor: {0}")]
    NotABook(String),
    /// `language` is none that the book is written in.
    #[error("{at}: {source}")]
    Language {
        /// The file with the line, or the variable.
        at: String,
        /// Which.
        source: UnknownLanguage,
    },
    /// `recordings` names a kind of machine that nobody has recorded on.
    #[error("{at}: there are no recordings of `{key}`; there are {}", known.join(", "))]
    NoKey {
        /// The file with the line, or the variable.
        at: String,
        /// What stands there.
        key: String,
        /// What could.
        known: Vec<String>,
    },
    /// A chapter without a file that is no lesson.
    #[error("{}:{line}: there is no lesson `{name}`", file.display())]
    NoLesson {
        /// The summary.
        file: PathBuf,
        /// The line in it.
        line: usize,
        /// What stands there.
        name: String,
    },
    /// Nothing was recorded of what the lesson says now.
    #[error("{}:{line}: the lesson `{name}` has no recording of its present text in {}", file.display(), path.display())]
    NotRecorded {
        /// The summary.
        file: PathBuf,
        /// The line in it.
        line: usize,
        /// Which lesson.
        name: String,
        /// Where it should be.
        path: PathBuf,
    },
    /// A recording is there, and is none.
    #[error(transparent)]
    Recording(RecordError),
    /// What is wrong with the lessons, and links that lead nowhere, one a line.
    #[error("{}", .0.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n"))]
    Faults(Vec<Fault>),
}

impl Explain for PreprocessError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotABook(_) => "it is called by mdbook: `mdbook build book`".into(),
            Self::Language { source, .. } => return source.hint(),
            Self::NoKey { key, .. } => format!("record on such a machine, or name another one than `{key}`"),
            Self::NoLesson { .. } => "`explore lesson` lists their names; other chapters need a file".into(),
            Self::NotRecorded { name, .. } => format!(
                "`explore book record {name}` on such a machine; a draft is built without: MDBOOK_PREPROCESSOR__EXPLORE__RECORDINGS=''"
            ),
            Self::Recording(_) => "`git checkout` it, or record the lesson again".into(),
            Self::Faults(_) => return None,
        })
    }
}

/// Whether a renderer gets our chapters. Not the one that extracts messages: they would be those of generated text.
pub fn supports(renderer: &str) -> bool {
    renderer != "xgettext"
}

/// The book with its lessons filled in.
///
/// # Errors
/// [`PreprocessError`].
pub fn preprocess(input: &str) -> Result<String, PreprocessError> {
    let not_a_book = |error: serde_json::Error| PreprocessError::NotABook(error.to_string());
    let (context, mut book): (Value, Value) = serde_json::from_str(input).map_err(not_a_book)?;
    let shop = Shop::new(&context)?;
    let items = book.get_mut("items").and_then(Value::as_array_mut);
    let items = items.ok_or_else(|| PreprocessError::NotABook("no `items` in it".into()))?;
    shop.faultless(items)?;
    shop.items(items)?;
    serde_json::to_string(&book).map_err(not_a_book)
}

/// What chapters are made from.
struct Shop {
    library: Library,
    catalog: Catalog,
    recordings: PathBuf,
    /// Which recordings to show, where there are several.
    key: Option<String>,
    /// Whether the system calls of a block are shown.
    calls: bool,
    /// The folder of the chapters and of SUMMARY.md.
    source: PathBuf,
}

impl Shop {
    fn new(context: &Value) -> Result<Self, PreprocessError> {
        let text = |path: &str| context.pointer(path).and_then(Value::as_str);
        // Without the `.` in it that `mdbook build .` leaves there.
        let root: PathBuf = Path::new(text("/root").unwrap_or(".")).components().collect();
        let settings = root.join("book.toml");
        let language = Language::choose(text("/config/book/language"), |_| None).map_err(|source| {
            PreprocessError::Language { at: set_at(&settings, "language", "MDBOOK_BOOK__LANGUAGE"), source }
        })?;
        // Empty is as if it was not there: a variable cannot take a setting away otherwise.
        let key = text("/config/preprocessor/explore/recordings").filter(|key| !key.is_empty()).map(str::to_owned);
        let shop = Self {
            library: Library::built_in(),
            catalog: Catalog::of(language),
            recordings: root.join("recordings"),
            key,
            calls: context.pointer("/config/preprocessor/explore/calls").and_then(Value::as_bool).unwrap_or(true),
            source: root.join(text("/config/book/src").unwrap_or("src")),
        };
        match shop.key.clone().filter(|key| !shop.recordings.join(key).is_dir()) {
            Some(key) => Err(PreprocessError::NoKey {
                at: set_at(&settings, "recordings", "MDBOOK_PREPROCESSOR__EXPLORE__RECORDINGS"),
                key,
                known: shop
                    .keys()
                    .iter()
                    .filter_map(|key| Some(key.file_name()?.to_string_lossy().into_owned()))
                    .collect(),
            }),
            None => Ok(shop),
        }
    }

    /// Lessons that cannot be read or point to nothing, and chapters that do.
    fn faultless(&self, items: &[Value]) -> Result<(), PreprocessError> {
        let mut faults = self.library.faults.clone();
        faults.extend(links::dead_ends(items, &self.library, &self.source));
        if faults.is_empty() { Ok(()) } else { Err(PreprocessError::Faults(faults)) }
    }

    fn items(&self, items: &mut [Value]) -> Result<(), PreprocessError> {
        for item in items {
            if let Some(chapter) = item.get_mut("Chapter") {
                self.chapter(chapter)?;
            } else if let Some(title) = item.get_mut("PartTitle") {
                let translated = title.as_str().and_then(|title| self.catalog.find(title));
                *title = translated.map_or_else(|| title.clone(), Value::from);
            }
        }
        Ok(())
    }

    fn chapter(&self, value: &mut Value) -> Result<(), PreprocessError> {
        let name = value.get("name").and_then(Value::as_str).unwrap_or("").to_owned();
        let is_draft = value.get("path").is_none_or(Value::is_null);
        if is_draft {
            self.lesson(value, &name)?;
        } else {
            let content = value.get("content").and_then(Value::as_str).unwrap_or("").to_owned();
            let content = claims::fill(&content, &self.library);
            value["content"] = self.catalog.translate_prose(&content).into();
            value["name"] = self.catalog.find(&name).unwrap_or(name).into();
        }
        match value.get_mut("sub_items").and_then(Value::as_array_mut) {
            Some(below) => self.items(below),
            None => Ok(()),
        }
    }

    fn lesson(&self, value: &mut Value, name: &str) -> Result<(), PreprocessError> {
        let file = self.source.join("SUMMARY.md");
        let Ok(page) = self.library.find(name) else {
            let line = line_of(&file, &format!("[{name}]"));
            return Err(PreprocessError::NoLesson { file, line, name: name.to_owned() });
        };
        let recordings = self.recordings(page)?;
        if let Some(key) = self.key.as_ref().filter(|key| recordings.first().is_none_or(|first| first.key != **key)) {
            let path = self.recordings.join(key).join(format!("{name}.json"));
            let line = line_of(&file, &format!("[{name}]"));
            return Err(PreprocessError::NotRecorded { file, line, name: name.to_owned(), path });
        }
        let path = format!("{name}.md");
        value["content"] = chapter(page, &recordings, &self.catalog).into();
        // mdBook shows a name as it is: marks of code would be seen.
        value["name"] = self.catalog.translate(page).front.title.replace('`', "").into();
        value["path"] = path.clone().into();
        value["source_path"] = path.into();
        Ok(())
    }

    /// The folders of recordings: of the key that book.toml names first, then the others in order.
    fn keys(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.recordings).into_iter().flatten();
        let mut keys: Vec<PathBuf> =
            entries.filter_map(|key| Some(key.ok()?.path())).filter(|path| path.is_dir()).collect();
        let wanted = self.key.as_ref().map(|key| self.recordings.join(key));
        keys.sort_by_key(|key| (Some(key) != wanted.as_ref(), key.clone()));
        keys
    }

    /// The recordings of what this page does. Not each machine has one of each lesson.
    fn recordings(&self, page: &Page) -> Result<Vec<Recording>, PreprocessError> {
        let mut found = Vec::new();
        for key in self.keys() {
            match recording::read(&key.join(format!("{}.json", page.id))) {
                Ok(mut recording) if recording.is_of(page) => {
                    recording.events.retain(|event| self.calls || !matches!(event, Event::Asked { .. }));
                    found.push(recording);
                }
                Ok(_) => {}
                Err(RecordError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(PreprocessError::Recording(error)),
            }
        }
        Ok(found)
    }
}

/// Where a setting was made: the line of its name in book.toml, unless the variable, which wins, is there.
fn set_at(file: &Path, name: &str, variable: &str) -> String {
    if std::env::var_os(variable).is_some() {
        return variable.to_owned();
    }
    format!("{}:{}", file.display(), line_of(file, &format!("{name} =")))
}

/// The first line of a file that has `text`.
fn line_of(file: &Path, text: &str) -> usize {
    let content = std::fs::read_to_string(file).unwrap_or_default();
    content.lines().position(|line| line.contains(text)).map_or(1, |line| line + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(name: &str) -> String {
        let chapter = |name: &str, path: Value, below: Vec<Value>| {
            serde_json::json!({"Chapter": {"name": name, "content": "Text.", "number": null, "sub_items": below,
                "path": path, "source_path": path, "parent_names": []}})
        };
        let below = vec![chapter(name, Value::Null, Vec::new())];
        let items = vec![serde_json::json!("Separator"), chapter("Introduction", "introduction.md".into(), below)];
        serde_json::json!([{"root": "/nowhere", "config": {"book": {"language": "en"}}}, {"items": items}]).to_string()
    }

    #[test]
    fn a_draft_chapter_becomes_its_lesson_and_others_stay() {
        let out: Value = serde_json::from_str(&preprocess(&book("pid-namespace")).unwrap()).unwrap();
        let chapter = &out["items"][1]["Chapter"];
        assert_eq!(chapter["content"], "Text.");
        let lesson = &chapter["sub_items"][0]["Chapter"];
        assert_eq!(lesson["path"], "pid-namespace.md");
        assert_eq!(lesson["name"], "PID namespaces: one process, two numbers");
        assert!(lesson["content"].as_str().unwrap().contains("<details>"));
    }

    #[test]
    fn an_unknown_lesson_is_named_with_its_line() {
        let error = preprocess(&book("pid-namespaec")).unwrap_err();
        assert_eq!(error.to_string(), "/nowhere/src/SUMMARY.md:1: there is no lesson `pid-namespaec`");
    }

    /// A book in a folder: its settings, a summary with one lesson in the third line, and what else is written into it.
    fn refused(settings: &str, config: &Value, files: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_string_lossy().into_owned();
        let all = [("book.toml", settings), ("src/SUMMARY.md", "# Summary\n\n- [pid-namespace]()\n")];
        for (path, text) in all.iter().chain(files) {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let (_, book): (Value, Value) = serde_json::from_str(&book("pid-namespace")).unwrap();
        let input = serde_json::json!([{"root": root, "config": config}, book]).to_string();
        preprocess(&input).unwrap_err().to_string().replace(&root, "BOOK")
    }

    #[test]
    fn a_language_that_nobody_speaks_is_named_with_the_line_of_the_setting() {
        let config = serde_json::json!({"book": {"language": "xx"}});
        let error = refused("[book]\ntitle = \"t\"\nlanguage = \"xx\"\n", &config, &[]);
        assert_eq!(error, "BOOK/book.toml:3: there is no translation into `xx`");
    }

    #[test]
    fn recordings_that_are_missing_stale_or_damaged_are_named_with_their_place() {
        let config = serde_json::json!({"book": {}, "preprocessor": {"explore": {"recordings": "6.99-v2-root"}}});
        let settings = "[preprocessor.explore]\nrecordings = \"6.99-v2-root\"\n";
        let error = refused(settings, &config, &[("recordings/6.1-v2-root/pull.json", "{}")]);
        assert_eq!(error, "BOOK/book.toml:2: there are no recordings of `6.99-v2-root`; there are 6.1-v2-root");
        let missing = "BOOK/src/SUMMARY.md:3: the lesson `pid-namespace` has no recording of its present text in \
            BOOK/recordings/6.99-v2-root/pid-namespace.json";
        let error = refused(settings, &config, &[("recordings/6.99-v2-root/pull.json", "{}")]);
        assert_eq!(error, missing);
        let path = "recordings/6.99-v2-root/pid-namespace.json";
        let kept = include_str!("../../book/recordings/6.1-v2-root/pid-namespace.json");
        let kept = kept.replace("6.1-v2-root", "6.99-v2-root");
        // Another text, and other commands: of the words alone nothing was recorded.
        let stale = kept.replacen(r#""hash":""#, r#""hash":"0"#, 1).replace("NSpid", "NSpix");
        assert_ne!(kept, stale);
        assert_eq!(refused(settings, &config, &[(path, &stale)]), missing);
        let error = refused(settings, &config, &[(path, "{\n \"schema\": 1,\n oops")]);
        assert!(error.starts_with(&format!("BOOK/{path} is damaged: ")) && error.contains("line 3"), "{error}");
    }

    /// What is searched and what is printed is made without them: .ci/book.
    #[test]
    fn system_calls_are_shown_unless_the_book_says_no() {
        let root = env!("CARGO_MANIFEST_DIR");
        let (_, chapters): (Value, Value) = serde_json::from_str(&book("exec")).unwrap();
        let with = |calls: bool| {
            let settings = serde_json::json!({"book": {"src": "none"}, "preprocessor": {"explore": {"calls": calls}}});
            let context = serde_json::json!({"root": format!("{root}/book"), "config": settings});
            preprocess(&serde_json::json!([context, chapters]).to_string()).unwrap()
        };
        assert!(with(true).contains("man2/pivot_root.2.html") && !with(false).contains("man2/"));
    }

    #[test]
    fn a_link_that_leads_nowhere_is_named_with_its_place() {
        let config = serde_json::json!({"book": {}});
        let error = refused("[book]\n", &config, &[("src/introduction.md", "# One {#one}\n\n[a](gone.md)\n")]);
        let wanted = "BOOK/src/introduction.md:3:1: expected a chapter of this book, a file beside it, or https://, \
            found `gone.md`";
        assert_eq!(error, wanted);
    }

    #[test]
    fn what_is_no_book_is_refused() {
        assert!(matches!(preprocess("{}"), Err(PreprocessError::NotABook(_))));
        assert!(matches!(preprocess("[{}, {\"sections\": []}]"), Err(PreprocessError::NotABook(_))));
    }
}
