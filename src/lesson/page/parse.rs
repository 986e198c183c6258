//! From Markdown to a page: finds the fences that are ours, and what every page owes its readers (ids on headings).

use super::block::{Block, BlockKind, Part};
use super::fault::Reading;
use super::front::Front;
use super::{Fault, Position, blocks, front};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag};
use std::collections::HashSet;
use std::ops::Range;

/// Languages that a fence may name when it is there to be read and not to be run.
const READ_ONLY: [&str; 9] = ["", "text", "console", "c", "rust", "json", "toml", "yaml", "diff"];
/// The words that `explore lesson` takes for itself.
const COMMANDS: [&str; 4] = ["next", "new", "check", "help"];
const SIX_KINDS: &str = "sh outside, sh inside, predict ID, exercise ID, check, compare";

/// A lesson, read and found well formed.
#[derive(Debug, Clone)]
pub struct Page {
    /// The file's name without `.md`.
    pub id: String,
    /// The file, as it was named to us.
    pub file: String,
    /// The whole text.
    pub source: String,
    /// Sixteen hex digits that change with the text: answers are recorded with it.
    pub hash: String,
    /// What the page says about itself.
    pub front: Front,
    /// Prose and blocks in order.
    pub parts: Vec<Part>,
    /// Where its links go.
    pub links: Vec<Link>,
    /// The ids of its headings.
    pub anchors: Vec<String>,
}

/// A link in the prose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// As it is written.
    pub target: String,
    /// Where.
    pub at: Position,
}

impl Page {
    /// The blocks in order.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.parts.iter().filter_map(|part| match part {
            Part::Block(block) => Some(&**block),
            Part::Prose(_) => None,
        })
    }

    /// Line and column of a byte of its text.
    pub(in crate::lesson) fn position(&self, offset: usize) -> Position {
        Reading::new(&self.file, &self.source).position(offset)
    }

    /// All that a translation must leave as it is: ids and commands, a line each.
    pub fn skeleton(&self) -> Vec<String> {
        let mut lines = self.anchors.clone();
        for block in self.blocks() {
            lines.push(block.id.clone());
            lines.extend(block.kind.commands().into_iter().map(|(side, text)| format!("{}: {text}", side.word())));
        }
        lines
    }
}

/// The extensions of Markdown that we read, in the terminal and for the translator alike.
pub(crate) fn options() -> Options {
    Options::ENABLE_GFM
        | Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_DEFINITION_LIST
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_STRIKETHROUGH
}

/// Reads a page. `file` is what faults name; its stem is the lesson's id.
///
/// # Errors
/// Every fault in it, in order.
pub fn parse(file: &str, source: &str) -> Result<Page, Vec<Fault>> {
    let mut reading = Reading::new(file, source);
    if let Some(fault) = of_another_system(&mut reading) {
        return Err(vec![fault]);
    }
    named(&mut reading);
    let (front, body) = front::read(&mut reading);
    let has_place = front.as_ref().is_none_or(|front| front.inside.is_some());
    let mut walk = Walk::new(body.start, has_place);
    let events = Parser::new_ext(&source[body.clone()], options()).into_offset_iter();
    for (event, range) in events {
        walk.event(&mut reading, event, body.start + range.start..body.start + range.end);
    }
    walk.prose_until(body.end, source);
    if walk.titles == 0 && front.is_some() {
        reading.fault(body.start, "a first heading, as # TITLE {#name}", "none in the page");
    }
    let mut faults = reading.faults;
    faults.sort_by(|one, other| one.at.cmp(&other.at));
    match front {
        Some(front) if faults.is_empty() => Ok(Page {
            id: id_of(file).to_owned(),
            file: file.to_owned(),
            source: source.to_owned(),
            hash: hash(source),
            front,
            parts: walk.parts,
            links: walk.links,
            anchors: walk.anchors,
        }),
        _ => Err(faults),
    }
}

/// A text as other systems write it. All else that could be said of such a page would lead astray.
fn of_another_system(reading: &mut Reading<'_>) -> Option<Fault> {
    if reading.text.starts_with('\u{feff}') {
        reading.fault(0, "--- as the first bytes", "a byte order mark before it; save it as UTF-8 without one");
    } else if let Some(at) = reading.text.find("\r\n") {
        reading.fault(at, "lines that end with LF alone", "CR and LF, as on Windows");
    }
    reading.faults.pop()
}

/// The file's name is what a reader types.
fn named(reading: &mut Reading<'_>) {
    let id = id_of(reading.file);
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if id.is_empty() || id.starts_with('-') || !id.chars().all(plain) {
        reading.fault(
            0,
            "a file name of lower-case letters, digits and -, which is what is typed",
            format!("`{id}.md`"),
        );
    } else if COMMANDS.contains(&id) {
        reading.fault(0, "a name that `explore lesson` has no other meaning for", format!("`{id}`"));
    }
}

fn id_of(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.strip_suffix(".md").unwrap_or(name)
}

fn hash(source: &str) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(source.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The walk over a page's events.
struct Walk {
    parts: Vec<Part>,
    links: Vec<Link>,
    anchors: Vec<String>,
    ids: HashSet<String>,
    titles: usize,
    numbered: [usize; 3],
    depth: usize,
    done: usize,
    has_place: bool,
}

impl Walk {
    fn new(done: usize, has_place: bool) -> Self {
        let (parts, links, anchors) = (Vec::new(), Vec::new(), Vec::new());
        Self { parts, links, anchors, ids: HashSet::new(), titles: 0, numbered: [0; 3], depth: 0, done, has_place }
    }

    fn event(&mut self, reading: &mut Reading<'_>, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => {
                self.start(reading, tag, &range);
                self.depth += 1;
            }
            Event::End(_) => self.depth -= 1,
            _ => {}
        }
    }

    fn start(&mut self, reading: &mut Reading<'_>, tag: Tag<'_>, range: &Range<usize>) {
        match tag {
            Tag::CodeBlock(CodeBlockKind::Fenced(info)) => self.fence(reading, &info, range),
            Tag::CodeBlock(CodeBlockKind::Indented) if reading.text[range.clone()].trim_start().starts_with("```") => {
                reading.fault(range.start, "a block at the left margin", "one that is indented, and would not run");
            }
            Tag::Heading { level, id, .. } => self.heading(reading, level, id.as_deref(), range),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.links.push(Link { target: dest_url.into_string(), at: reading.position(range.start) });
            }
            _ => {}
        }
    }

    fn heading(&mut self, reading: &mut Reading<'_>, level: HeadingLevel, id: Option<&str>, range: &Range<usize>) {
        self.titles += usize::from(level == HeadingLevel::H1);
        if level == HeadingLevel::H1 && self.titles > 1 {
            let found = reading.quote(range.clone());
            reading.fault(range.start, "one heading with a single #; the others have ##", found);
        }
        let Some(id) = id else {
            let found = reading.quote(range.clone());
            return reading.fault(range.start, format!("an id at the end of the {level} heading, as {{#name}}"), found);
        };
        if self.anchors.iter().any(|known| known == id) {
            reading.fault(range.start, "a heading id of its own", format!("a second {{#{id}}}"));
        }
        self.anchors.push(id.to_owned());
    }

    fn fence(&mut self, reading: &mut Reading<'_>, info: &str, range: &Range<usize>) {
        let words: Vec<&str> = info.split_whitespace().collect();
        let first = words.first().copied().unwrap_or("");
        let ours = ["sh", "predict", "exercise", "check", "compare"].contains(&first);
        if !ours {
            if !READ_ONLY.contains(&first) {
                let readable = &READ_ONLY[1..];
                let expected = format!("a kind of block ({SIX_KINDS}) or a language to read ({})", readable.join(", "));
                reading.fault(range.start, expected, format!("`{first}`"));
            }
            return;
        }
        if self.depth > 0 {
            return reading.fault(range.start, "a block that runs at the left margin", "one inside a list or a quote");
        }
        let Some(content) = content(reading.text, range) else {
            return reading.fault(range.start, "a closing ``` for this block", "the end of the page");
        };
        let before = reading.faults.len();
        let Some(kind) = blocks::read(reading, &words, range.start, content, self.has_place) else { return };
        let id = self.id_of(reading, &words, &kind, range.start);
        if reading.faults.len() == before {
            self.prose_until(range.start, reading.text);
            let at = reading.position(range.start);
            self.parts.push(Part::Block(Box::new(Block { id, at, range: range.clone(), kind })));
        }
        self.done = range.end;
    }

    fn id_of(&mut self, reading: &mut Reading<'_>, words: &[&str], kind: &BlockKind, start: usize) -> String {
        let (slot, name) = match kind {
            BlockKind::Shell(_) => (0, "sh"),
            BlockKind::Check(_) => (1, "check"),
            BlockKind::Compare(_) => (2, "compare"),
            BlockKind::Predict(_) | BlockKind::Exercise(_) => {
                let id = words.get(1).copied().unwrap_or("").to_owned();
                if !self.ids.insert(id.clone()) {
                    reading.fault(start, "an id that no other block of the page has", format!("`{id}` again"));
                }
                return id;
            }
        };
        self.numbered[slot] += 1;
        format!("{name}-{}", self.numbered[slot])
    }

    fn prose_until(&mut self, end: usize, source: &str) {
        if self.done < end && !source[self.done..end].trim().is_empty() {
            self.parts.push(Part::Prose(self.done..end));
        }
        self.done = end;
    }
}

/// What stands between the fences, with its last line end; `None` where the closing fence is missing.
fn content(source: &str, range: &Range<usize>) -> Option<Range<usize>> {
    let fence = source[range.clone()].trim_end();
    let start = fence.find('\n')? + 1;
    let last = fence.rfind('\n')? + 1;
    let closing = &fence[last..];
    let opening = fence.trim_start();
    let mark = opening.chars().next()?;
    let marks = opening.chars().take_while(|letter| *letter == mark).count();
    (closing.len() >= marks && closing.chars().all(|letter| letter == mark))
        .then(|| range.start + start..range.start + last.max(start))
}
