//! All lessons: those that are built in, or those of a folder; their order, their neighbours, their names.

use super::misconception::{self, Misconception};
use super::page::{Fault, Page, Position, Stage, Text, parse};
use include_dir::{Dir, include_dir};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};

static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/lessons");

/// Lessons that can be run, and the faults of those that cannot.
#[derive(Debug, Default)]
pub struct Library {
    /// By stage, and within a stage by what comes after what.
    pub pages: Vec<Page>,
    /// What is wrong, in the order of the files.
    pub faults: Vec<Fault>,
    /// The names of those that are not built in, where a folder was named.
    own: Option<BTreeSet<String>>,
}

/// Why there is no such lesson, or none can be read.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// No lesson has that name.
    #[error("there is no lesson `{name}`")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names that come nearest, nearest first.
        near: Vec<String>,
    },
    /// The page is there and is not well formed.
    #[error("the lesson `{name}` cannot be read: {first}")]
    Malformed {
        /// What was asked for.
        name: String,
        /// Its first fault.
        first: Fault,
    },
    /// The folder cannot be read.
    #[error("cannot read {}", path.display())]
    Folder {
        /// The folder or a file in it.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl crate::error::Explain for LibraryError {
    fn hint(&self) -> Option<String> {
        match self {
            // A sentence for each length: how names are joined is a matter of the language.
            Self::Unknown { near, .. } => Some(match near.as_slice() {
                [] => "`explore lesson` lists them".into(),
                [one] => format!("did you mean {one}? `explore lesson` lists all"),
                [one, two] => format!("did you mean {one} or {two}? `explore lesson` lists all"),
                [one, two, three, ..] => format!("did you mean {one}, {two} or {three}? `explore lesson` lists all"),
            }),
            Self::Malformed { .. } => Some("`explore lesson check` tells everything that is wrong with it".into()),
            Self::Folder { .. } => Some("name a folder with lessons in it: Markdown files with front matter".into()),
        }
    }
}

impl Library {
    /// The lessons that are built into this program.
    pub fn built_in() -> Self {
        let mut files = Vec::new();
        collect_built_in(&BUILT_IN, &mut files);
        Self::of_files(files)
    }

    /// The lessons of a folder, or the one lesson that is a file, with all that are built in and are not replaced by one
    /// of the same name.
    ///
    /// # Errors
    /// [`LibraryError::Folder`].
    pub fn of_folder(folder: &Path) -> Result<Self, LibraryError> {
        let mut found = Vec::new();
        collect_folder(folder, &mut found)?;
        if found.is_empty() {
            let source = io::Error::new(io::ErrorKind::NotFound, "no Markdown files in it");
            return Err(LibraryError::Folder { path: folder.to_owned(), source });
        }
        let own: BTreeSet<String> = found.iter().map(|(file, _)| stem(file).to_owned()).collect();
        let (mut files, mut faults) = (Vec::new(), Vec::new());
        for (file, bytes) in found {
            match String::from_utf8(bytes) {
                Ok(text) => files.push((file, text)),
                Err(error) => faults.push(Fault::no_text(&file, error.as_bytes(), error.utf8_error())),
            }
        }
        let mut others = Vec::new();
        collect_built_in(&BUILT_IN, &mut others);
        files.extend(others.into_iter().filter(|(file, _)| !own.contains(stem(file))));
        let mut library = Self::of_files(files);
        library.faults.splice(0..0, faults);
        // A lesson of ours may lead to a heading that the one in its place has not got: nobody here can mend that.
        library.faults.retain(|fault| own.contains(stem(&fault.at.file)));
        library.own = Some(own);
        Ok(library)
    }

    /// Those of the folder that was named; all of them, where none was.
    pub fn own(&self) -> impl Iterator<Item = &Page> {
        self.pages.iter().filter(|page| self.own.as_ref().is_none_or(|own| own.contains(&page.id)))
    }

    /// Reads every file, then looks at what they say about each other.
    pub fn of_files(mut files: Vec<(String, String)>) -> Self {
        files.sort();
        let mut library = Self::default();
        for (file, source) in &files {
            match parse(file, source) {
                Ok(page) => library.add(page),
                Err(faults) => library.faults.extend(faults),
            }
        }
        let known: Vec<&str> = files.iter().map(|(file, _)| stem(file)).collect();
        let neighbours: Vec<Fault> = library.pages.iter().flat_map(|page| library.links_of(page, &known)).collect();
        library.faults.extend(neighbours);
        let known = misconception::built_in();
        let myths: Vec<Fault> = library.pages.iter().flat_map(|page| unknown_myths(page, &known)).collect();
        library.faults.extend(myths);
        library.pages = in_order(std::mem::take(&mut library.pages));
        library
    }

    fn add(&mut self, page: Page) {
        if let Some(first) = self.pages.iter().find(|known| known.id == page.id) {
            let at = Position { file: page.file.clone(), line: 1, column: 1 };
            let expected = "a file name that no other lesson has".to_owned();
            self.faults.push(Fault { at, expected, found: format!("`{}` again, as in {}", page.id, first.file) });
            return;
        }
        self.pages.push(page);
    }

    /// The lesson of that name.
    ///
    /// # Errors
    /// [`LibraryError::Unknown`] with the nearest names, [`LibraryError::Malformed`].
    pub fn find(&self, name: &str) -> Result<&Page, LibraryError> {
        if let Some(page) = self.pages.iter().find(|page| page.id == name) {
            return Ok(page);
        }
        if let Some(first) = self.faults.iter().find(|fault| stem(&fault.at.file) == name) {
            return Err(LibraryError::Malformed { name: name.to_owned(), first: first.clone() });
        }
        Err(LibraryError::Unknown { name: name.to_owned(), near: self.near(name) })
    }

    /// At most three names that are near to what was typed.
    fn near(&self, name: &str) -> Vec<String> {
        let mut near: Vec<(usize, &str)> = self
            .pages
            .iter()
            .map(|page| (distance(name, &page.id), page.id.as_str()))
            .filter(|(steps, id)| *steps <= id.len().max(name.len()) / 2 || (name.len() > 1 && id.contains(name)))
            .collect();
        near.sort_unstable();
        near.into_iter().take(3).map(|(_, id)| id.to_owned()).collect()
    }

    /// The first lesson that is not in `done` and all of whose `after` are.
    pub fn next(&self, done: impl Fn(&str) -> bool) -> Option<&Page> {
        self.pages.iter().find(|page| !done(&page.id) && page.front.after.iter().all(|before| done(before)))
    }

    /// `after` and links that lead nowhere.
    fn links_of(&self, page: &Page, known: &[&str]) -> Vec<Fault> {
        let mut faults = Vec::new();
        for before in &page.front.after {
            let expected = if !known.contains(&before.as_str()) {
                "lessons that exist under `after`"
            } else if self.leads_to(before, &page.id) {
                "lessons under `after` that do not come after this one themselves"
            } else {
                continue;
            };
            let line = page.source.lines().position(|line| line.starts_with("after")).unwrap_or(0) + 1;
            let at = Position { file: page.file.clone(), line, column: 1 };
            faults.push(Fault { at, expected: expected.to_owned(), found: format!("`{before}`") });
        }
        for link in &page.links {
            if let Some(expected) = self.dead_end(page, &link.target, known) {
                faults.push(Fault { at: link.at.clone(), expected, found: format!("`{}`", link.target) });
            }
        }
        faults
    }

    /// Whether one comes to `end` by going from lesson to lesson that is to come before.
    fn leads_to(&self, start: &str, end: &str) -> bool {
        let (mut seen, mut to_do) = (BTreeSet::new(), vec![start]);
        while let Some(name) = to_do.pop() {
            if name == end {
                return true;
            }
            if seen.insert(name) {
                let page = self.pages.iter().find(|page| page.id == name);
                to_do.extend(page.iter().flat_map(|page| page.front.after.iter().map(String::as_str)));
            }
        }
        false
    }

    /// What a link should be; `None` where it leads somewhere.
    fn dead_end(&self, page: &Page, target: &str, known: &[&str]) -> Option<String> {
        if target.starts_with("https://") || target.starts_with("http://") {
            return None;
        }
        let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
        let is_lesson = file.strip_suffix(".md").is_some_and(|_| known.contains(&stem(file)));
        if !(file.is_empty() || is_lesson) {
            return Some("a link to a lesson's file, to #heading, or to https://".into());
        }
        let whose = if file.is_empty() { Some(page) } else { self.pages.iter().find(|page| page.id == stem(file)) };
        let anchors = whose.map(|page| page.anchors.as_slice()).unwrap_or_default();
        match anchor {
            Some(anchor) if whose.is_some() && !anchors.iter().any(|known| known == anchor) => {
                Some(format!("one of the headings there: {}", anchors.join(", ")))
            }
            _ => None,
        }
    }
}

fn collect_built_in(folder: &Dir<'static>, files: &mut Vec<(String, String)>) {
    for file in folder.files() {
        if file.path().extension().is_some_and(|extension| extension == "md") {
            let text = file.contents_utf8().unwrap_or("");
            files.push((format!("lessons/{}", file.path().display()), text.to_owned()));
        }
    }
    for inner in folder.dirs() {
        collect_built_in(inner, files);
    }
}

/// Reads a file, or all pages of a folder but what it says about itself.
fn collect_folder(path: &Path, files: &mut Vec<(String, Vec<u8>)>) -> Result<(), LibraryError> {
    let failed = |source| LibraryError::Folder { path: path.to_owned(), source };
    if !path.is_dir() {
        files.push((path.display().to_string(), std::fs::read(path).map_err(failed)?));
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let inner = entry.map_err(failed)?.path();
        let is_page = inner.extension().is_some_and(|extension| extension == "md");
        if inner.is_dir() || is_page && inner.file_name().is_some_and(|name| name != "README.md") {
            collect_folder(&inner, files)?;
        }
    }
    Ok(())
}

/// Names of misconceptions that nobody has written down.
fn unknown_myths(page: &Page, known: &BTreeMap<String, Misconception>) -> Vec<Fault> {
    let unknown = misconception::named_in(page).filter(|myth| !known.contains_key(&myth.text));
    let fault = |myth: &Text| Fault {
        at: page.position(myth.range.start),
        expected: "a name of lessons/misconceptions.toml".to_owned(),
        found: format!("`{}`", myth.text),
    };
    unknown.map(fault).collect()
}

fn stem(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.strip_suffix(".md").unwrap_or(name)
}

/// By stage; within a stage nothing stands before what it comes after; otherwise by the file's name.
fn in_order(mut rest: Vec<Page>) -> Vec<Page> {
    rest.sort_by(|one, other| (one.front.stage, &one.id).cmp(&(other.front.stage, &other.id)));
    let stages: HashMap<String, Stage> = rest.iter().map(|page| (page.id.clone(), page.front.stage)).collect();
    let mut ordered: Vec<Page> = Vec::new();
    while !rest.is_empty() {
        let ready = rest.iter().position(|page| {
            page.front.after.iter().all(|before| {
                ordered.iter().any(|done| done.id == *before) || stages.get(before) != Some(&page.front.stage)
            })
        });
        // A circle of `after`: the first of it goes first.
        ordered.push(rest.remove(ready.unwrap_or(0)));
    }
    ordered
}

/// How many letters must be put in, taken out or changed (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = corner + usize::from(a != *b);
            corner = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(corner + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lesson_that_is_built_in_is_well_formed() {
        let library = Library::built_in();
        assert_eq!(library.faults, []);
        for page in &library.pages {
            let folder = format!("lessons/{}-{}/", page.front.stage.number(), page.front.stage.word());
            assert!(page.file.starts_with(&folder), "{} says stage {}", page.file, page.front.stage.word());
        }
    }

    #[test]
    fn a_slip_of_the_finger_finds_its_lesson() {
        assert_eq!(distance("pid-namspace", "pid-namespace"), 1);
        assert_eq!(distance("", "abc"), 3);
        let near = Library::built_in().near("pid-namespce");
        assert_eq!(near.first().map(String::as_str), Some("pid-namespace"));
    }

    fn page(id: &str, stage: &str, after: &str, body: &str) -> (String, String) {
        let front = format!("---\ntitle: T\nstage: {stage}\nafter: [{after}]\nminutes: 1\n---\n# T {{#t}}\n\n{body}\n");
        (format!("{id}.md"), front)
    }

    /// Pages without a body: name, stage, what they come after.
    fn pages(rows: &[(&str, &str, &str)]) -> Vec<(String, String)> {
        rows.iter().map(|(id, stage, after)| page(id, stage, after, "")).collect()
    }

    fn faults_of(files: Vec<(String, String)>) -> Vec<String> {
        Library::of_files(files).faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_stands_before_what_it_comes_after() {
        let files = pages(&[
            ("a", "exec", "b"),
            ("b", "exec", ""),
            ("c", "pull", ""),
            ("loop-one", "exit", "loop-two"),
            ("loop-two", "exit", "loop-one"),
        ]);
        let library = Library::of_files(files);
        let order: Vec<&str> = library.pages.iter().map(|page| page.id.as_str()).collect();
        assert_eq!(order, ["c", "b", "a", "loop-one", "loop-two"]);
        assert_eq!(library.next(|id| id == "c").map(|page| page.id.as_str()), Some("b"));
    }

    #[test]
    fn what_comes_after_itself_is_a_fault() {
        let files = pages(&[("a", "exec", "a"), ("b", "exec", "c"), ("c", "exec", "b"), ("d", "pull", "c")]);
        let told = faults_of(files);
        let circle = "expected lessons under `after` that do not come after this one themselves, found";
        assert_eq!(
            told,
            [format!("a.md:4:1: {circle} `a`"), format!("b.md:4:1: {circle} `c`"), format!("c.md:4:1: {circle} `b`"),]
        );
    }

    #[test]
    fn a_name_that_nobody_has_told_of_is_a_fault() {
        let options = "- A\n  if outside: true\n  why: w\n  myth: moon-is-cheese\n- B\n  if outside: false\n  why: w\n";
        let files = vec![page("a", "exec", "", &format!("```predict x\nQ\n{options}```"))];
        let told = faults_of(files);
        assert_eq!(told, ["a.md:14:9: expected a name of lessons/misconceptions.toml, found `moon-is-cheese`"]);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_a_fault() {
        let body = "[a](#t) [b](#u) [c](../x/two.md#t) [d](two.md#u) [e](three.md) [f](https://kernel.org) [g](x)";
        let library = Library::of_files(vec![page("one", "exec", "zero", body), page("two", "exec", "", "")]);
        let found: Vec<&str> = library.faults.iter().map(|fault| fault.found.as_str()).collect();
        assert_eq!(found, ["`zero`", "`#u`", "`two.md#u`", "`three.md`", "`x`"]);
    }
}
