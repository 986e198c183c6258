//! The preprocessor: mdBook 0.5 writes `[context, book]` as JSON to our standard input and reads the book back.
//!
//! A lesson stands in SUMMARY.md as a draft chapter, `[pid-namespace]()`: a chapter without a file, whose name is the
//! lesson's id. (A path out of `book/src` is refused by mdBook.) It gets its title, its content and a path here.

use super::chapter::chapter;
use super::claims;
use crate::error::Explain;
use crate::lesson::catalog::{Catalog, Language};
use crate::lesson::library::Library;
use crate::lesson::page::Page;
use crate::lesson::recording::{self, Recording};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Why the book cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PreprocessError {
    /// What came is not what mdBook sends.
    #[error("this is not what mdBook 0.5 sends to a preprocessor: {0}")]
    NotABook(String),
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
}

impl Explain for PreprocessError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotABook(_) => "it is called by mdbook: `mdbook build book`".into(),
            Self::NoLesson { .. } => "`explore lesson` lists their names; other chapters need a file".into(),
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
    let shop = Shop::new(&context);
    let items = book.get_mut("items").and_then(Value::as_array_mut);
    let items = items.ok_or_else(|| PreprocessError::NotABook("no `items` in it".into()))?;
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
    summary: PathBuf,
}

impl Shop {
    fn new(context: &Value) -> Self {
        let text = |path: &str| context.pointer(path).and_then(Value::as_str);
        let root = PathBuf::from(text("/root").unwrap_or("."));
        let language = Language::choose(text("/config/book/language"), |_| None).unwrap_or_default();
        let source = text("/config/book/src").unwrap_or("src");
        Self {
            library: Library::built_in(),
            catalog: Catalog::of(language),
            recordings: root.join("recordings"),
            key: text("/config/preprocessor/explore/recordings").map(str::to_owned),
            summary: root.join(source).join("SUMMARY.md"),
        }
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
        let Ok(page) = self.library.find(name) else {
            return Err(PreprocessError::NoLesson {
                file: self.summary.clone(),
                line: line_of(&self.summary, name),
                name: name.to_owned(),
            });
        };
        let recordings = self.recordings(page);
        let path = format!("{name}.md");
        value["content"] = chapter(page, &recordings, &self.catalog).into();
        value["name"] = self.catalog.translate(page).front.title.into();
        value["path"] = path.clone().into();
        value["source_path"] = path.into();
        Ok(())
    }

    /// The recordings of what this page does: of the key that book.toml names first, then the others in order.
    fn recordings(&self, page: &Page) -> Vec<Recording> {
        let entries = std::fs::read_dir(&self.recordings).into_iter().flatten();
        let mut keys: Vec<PathBuf> = entries.filter_map(|key| Some(key.ok()?.path())).collect();
        let wanted = self.key.as_ref().map(|key| self.recordings.join(key));
        keys.sort_by_key(|key| (Some(key) != wanted.as_ref(), key.clone()));
        keys.iter()
            .filter_map(|key| recording::read(&key.join(format!("{}.json", page.id))).ok())
            .filter(|recording| recording.is_of(page))
            .collect()
    }
}

/// The line of a summary in which a draft chapter stands.
fn line_of(summary: &Path, name: &str) -> usize {
    let text = std::fs::read_to_string(summary).unwrap_or_default();
    text.lines().position(|line| line.contains(&format!("[{name}]"))).map_or(1, |line| line + 1)
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

    #[test]
    fn what_is_no_book_is_refused() {
        assert!(matches!(preprocess("{}"), Err(PreprocessError::NotABook(_))));
        assert!(matches!(preprocess("[{}, {\"sections\": []}]"), Err(PreprocessError::NotABook(_))));
    }
}
