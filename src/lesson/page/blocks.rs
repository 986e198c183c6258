//! From the lines of a fence to a block, with a fault for everything that is missing, unknown or twice there.

use super::block::{
    BlockKind, Check, Claim, Command, Compare, CompareWith, Exercise, Predict, PredictOption, Shell, Side, Text, VIEWS,
    Wrong,
};
use super::fault::{Reading, quote};
use super::line::{Line, What, is_capital_key, lines};
use std::ops::Range;

/// Blocks of these kinds have no ids of their own: they are `sh-1`, `sh-2` and so on.
const NUMBERED: [&str; 3] = ["sh", "check", "compare"];

/// Reads one block. `words` are those of its first line; `None` where not even its kind can be told.
pub(super) fn read(
    reading: &mut Reading<'_>,
    words: &[&str],
    start: usize,
    content: Range<usize>,
    has_place: bool,
) -> Option<BlockKind> {
    let [first, rest @ ..] = words else { return None };
    if *first == "sh" {
        return shell(reading, rest, start, content, has_place).map(BlockKind::Shell);
    }
    head(reading, first, rest, start);
    let found = lines(reading.text, content.clone());
    let end = content.end;
    let mut block = Lines { reading, all: found, at: 0, start, end, has_place };
    match *first {
        "predict" => block.predict().map(BlockKind::Predict),
        "exercise" => block.exercise().map(BlockKind::Exercise),
        "check" => Some(BlockKind::Check(block.check())),
        _ => Some(BlockKind::Compare(block.compare())),
    }
}

fn shell(
    reading: &mut Reading<'_>,
    rest: &[&str],
    start: usize,
    content: Range<usize>,
    has_place: bool,
) -> Option<Shell> {
    let Some(side) = rest.first().and_then(|word| Side::of_word(word)) else {
        let found = format!("`sh {}`", rest.join(" "));
        reading.fault(start, "the side: sh outside or sh inside", found.replace(" `", "`"));
        return None;
    };
    check_side(reading, side, start, has_place);
    let mut status = 0;
    for word in &rest[1..] {
        match word.strip_prefix("fails=").and_then(|number| number.parse::<u8>().ok()) {
            Some(number) if number > 0 => status = number,
            _ => reading.fault(start, "fails=N with a status from 1 to 255", format!("`{word}`")),
        }
    }
    let commands = reading.text[content].trim_end().to_owned();
    if commands.is_empty() {
        reading.fault(start, "commands", "an empty block");
    }
    Some(Shell { side, commands, status })
}

/// The rest of the first line: an id for `predict` and `exercise`, nothing for the others.
fn head(reading: &mut Reading<'_>, kind: &str, rest: &[&str], start: usize) {
    let wants_id = matches!(kind, "predict" | "exercise");
    match rest {
        [] if wants_id => reading.fault(start, format!("an id: {kind} ID"), format!("`{kind}` alone")),
        [id] if wants_id => {
            let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
            if !id.chars().all(plain) {
                reading.fault(start, "an id of lower-case letters, digits and -", format!("`{id}`"));
            }
            if id
                .rsplit_once('-')
                .is_some_and(|(kind, number)| NUMBERED.contains(&kind) && number.parse::<u32>().is_ok())
            {
                reading.fault(start, "an id that is not a name for the blocks without one", format!("`{id}`"));
            }
        }
        [] => {}
        more => {
            let expected = if wants_id { format!("{kind} ID and no more") } else { format!("{kind} and no more") };
            reading.fault(start, expected, format!("`{kind} {}`", more.join(" ")));
        }
    }
}

fn check_side(reading: &mut Reading<'_>, side: Side, start: usize, has_place: bool) {
    if side == Side::Inside && !has_place {
        reading.fault(start, "outside, or `inside:` in the front matter that says what inside means", "`inside`");
    }
}

/// The lines of one block, taken one by one.
struct Lines<'r, 'a> {
    reading: &'r mut Reading<'a>,
    all: Vec<Line>,
    at: usize,
    start: usize,
    end: usize,
    has_place: bool,
}

/// A line that is a key.
struct Key {
    start: usize,
    name: String,
    side: Option<String>,
    value: Range<usize>,
}

impl Lines<'_, '_> {
    fn next(&mut self) -> Option<Line> {
        let line = self.all.get(self.at).cloned()?;
        self.at += 1;
        Some(line)
    }

    /// The lines of text here, as one.
    fn text(&mut self, what: &str) -> Option<Text> {
        let mut range: Option<Range<usize>> = None;
        while let Some(Line { what: What::Text(more), .. }) = self.all.get(self.at).cloned() {
            if is_capital_key(&self.reading.text[more.clone()]) {
                let found = quote(&self.reading.text[more.clone()]);
                self.reading.fault(more.start, "a key in lower-case letters", found);
            }
            range = Some(range.map_or(more.start, |so_far| so_far.start)..more.end);
            self.at += 1;
        }
        let Some(range) = range else {
            let (at, found) = self.here();
            self.reading.fault(at, what, found);
            return None;
        };
        Some(self.text_of(range))
    }

    fn text_of(&self, range: Range<usize>) -> Text {
        let text = self.reading.text[range.clone()].lines().map(str::trim).collect::<Vec<_>>().join(" ");
        Text { text, range }
    }

    fn here(&self) -> (usize, String) {
        match self.all.get(self.at) {
            Some(line) => (line.start, quote(&self.reading.text[line.start..])),
            None => (self.start, "the end of the block".into()),
        }
    }

    fn next_key(&mut self) -> Option<Key> {
        let What::Key { key, side, value } = self.all.get(self.at)?.what.clone() else { return None };
        let start = self.all[self.at].start;
        self.at += 1;
        Some(Key { start, name: key, side, value })
    }

    fn command(&mut self, key: &Key) -> Option<Command> {
        let name = &key.name;
        let Some(side) = key.side.as_deref().and_then(Side::of_word) else {
            let found =
                key.side.as_deref().map_or_else(|| format!("`{name}:` without one"), |side| format!("`{side}`"));
            self.reading.fault(key.start, format!("a side: {name} inside: or {name} outside:"), found);
            return None;
        };
        check_side(self.reading, side, key.start, self.has_place);
        let text = self.reading.text[key.value.clone()].to_owned();
        if text.is_empty() {
            self.reading.fault(key.start, format!("a command after {name} {}:", side.word()), "nothing");
            return None;
        }
        Some(Command { side, text, at: self.reading.position(key.value.start) })
    }

    /// The text after a key that takes no side.
    fn words(&mut self, key: &Key) -> Option<Text> {
        if let Some(side) = &key.side {
            self.reading.fault(key.start, format!("`{}:` without a side", key.name), format!("`{side}`"));
            return None;
        }
        if key.value.is_empty() {
            self.reading.fault(key.start, format!("text after {}:", key.name), "nothing");
            return None;
        }
        Some(self.text_of(key.value.clone()))
    }

    fn unknown(&mut self, key: &Key, known: &str) {
        self.reading.fault(
            key.start,
            format!("one of {known} (a sentence begins with a capital)"),
            format!("`{}:`", key.name),
        );
    }

    fn once<T>(&mut self, slot: &mut Option<T>, key: &Key, value: Option<T>) {
        if slot.is_some() {
            self.reading.fault(key.start, format!("{} once", key.name), "a second one");
        } else {
            *slot = value;
        }
    }

    fn missing(&mut self, what: impl Into<String>) {
        self.reading.fault(self.start, what, "none in the block");
    }

    fn predict(&mut self) -> Option<Predict> {
        let question = self.text("a question");
        let (mut act, mut options, mut hints) = (None, Vec::new(), Vec::new());
        while let Some(line) = self.all.get(self.at).cloned() {
            if let What::Option(range) = line.what {
                self.at += 1;
                options.extend(self.option(line.start, range));
            } else if let Some(key) = self.next_key() {
                match key.name.as_str() {
                    "act" => {
                        let command = self.command(&key);
                        self.once(&mut act, &key, command);
                    }
                    "hint" => hints.extend(self.words(&key)),
                    _ => self.unknown(&key, "act, hint, and in an option if, why, myth"),
                }
            } else {
                self.stray(line.start);
            }
        }
        if options.len() < 2 {
            self.reading.fault(self.start, "two options or more, so that one can be wrong", options.len().to_string());
        }
        for (at, option) in options.iter().enumerate() {
            if options[..at].iter().any(|other: &PredictOption| other.text.text == option.text.text) {
                let found = format!("`{}` again", option.text.text);
                self.reading.fault(option.text.range.start, "an option that no other one is", found);
            }
        }
        Some(Predict { question: question?, act, options, hints })
    }

    fn option(&mut self, start: usize, range: Range<usize>) -> Option<PredictOption> {
        let (mut claim, mut why, mut myth) = (None, None, None);
        while let Some(key) = self.next_key() {
            match key.name.as_str() {
                "if" => {
                    let command = self.command(&key);
                    self.once(&mut claim, &key, command);
                }
                "why" => {
                    let reason = self.words(&key);
                    self.once(&mut why, &key, reason);
                }
                "myth" => {
                    let name = self.words(&key);
                    self.once(&mut myth, &key, name);
                }
                _ => {
                    self.at -= 1;
                    break;
                }
            }
        }
        let named = quote(&self.reading.text[range.clone()]);
        if range.is_empty() {
            self.reading.fault(start, "a claim after -", "nothing");
        }
        if claim.is_none() {
            self.reading.fault(
                start,
                "`if inside:` or `if outside:` that tests the option",
                format!("none for {named}"),
            );
        }
        if why.is_none() {
            self.reading.fault(start, "`why:` for the option", format!("none for {named}"));
        }
        Some(PredictOption { text: self.text_of(range), test: claim?, why: why?, myth })
    }

    fn exercise(&mut self) -> Option<Exercise> {
        let task = self.text("a task");
        let (mut verify, mut solution, mut wrong, mut hints) = (None, None, Vec::new(), Vec::new());
        while let Some(line) = self.all.get(self.at).cloned() {
            let Some(key) = self.next_key() else {
                self.stray(line.start);
                continue;
            };
            match key.name.as_str() {
                "verify" => {
                    let command = self.command(&key);
                    self.once(&mut verify, &key, command);
                }
                "solution" => {
                    let command = self.command(&key);
                    self.once(&mut solution, &key, command);
                }
                "wrong" => wrong.extend(self.wrong(&key)),
                "hint" => hints.extend(self.words(&key)),
                _ => self.unknown(&key, "verify, solution, wrong, says, hint"),
            }
        }
        for (there, what) in [
            (verify.is_some(), "`verify inside:` or `verify outside:`"),
            (solution.is_some(), "`solution inside:` or `solution outside:`"),
            (!hints.is_empty(), "`hint:`"),
        ] {
            if !there {
                self.missing(what);
            }
        }
        Some(Exercise { task: task?, verify: verify?, solution: solution?, wrong, hints })
    }

    fn wrong(&mut self, key: &Key) -> Option<Wrong> {
        let command = self.command(key);
        match self.next_key() {
            Some(next) if next.name == "says" => Some(Wrong { says: self.words(&next)?, command: command? }),
            other => {
                self.at -= usize::from(other.is_some());
                self.reading.fault(key.start, "`says:` in the line after `wrong`", "none");
                None
            }
        }
    }

    fn check(&mut self) -> Check {
        let mut claims = Vec::new();
        while self.at < self.all.len() {
            let Some(text) = self.text("a claim in words") else {
                self.next();
                continue;
            };
            match self.next_key() {
                Some(key) if key.name == "if" => {
                    claims.extend(self.command(&key).map(|test| Claim { text, test }));
                }
                other => {
                    let found = other.map_or("none".to_owned(), |key| format!("`{}:`", key.name));
                    self.reading.fault(text.range.start, "`if inside:` or `if outside:` under the claim", found);
                }
            }
        }
        if self.all.is_empty() {
            self.missing("a claim with its `if`");
        }
        Check { claims }
    }

    fn compare(&mut self) -> Compare {
        let mut with = None;
        while let Some(line) = self.all.get(self.at).cloned() {
            let Some(key) = self.next_key() else {
                self.at += 1;
                self.views(&line);
                continue;
            };
            if key.name == "inside" {
                let words = self.words(&key).map(|text| text.text).unwrap_or_default();
                match words.split_whitespace().collect::<Vec<_>>()[..] {
                    ["container", name] => self.once(&mut with, &key, Some(CompareWith::Container(name.to_owned()))),
                    _ => self.reading.fault(key.start, "inside: container NAME", format!("`inside: {words}`")),
                }
            } else {
                self.unknown(&key, "inside");
            }
        }
        if with.is_none() && !self.has_place {
            self.missing("`inside: container NAME`, as the front matter has no `inside:`");
        }
        Compare { with: with.unwrap_or(CompareWith::Place) }
    }

    /// The line that says what is set side by side: every lesson ends in the same table.
    fn views(&mut self, line: &Line) {
        let end = self.reading.text[line.start..].find('\n').map_or(self.end, |newline| line.start + newline);
        let words: Vec<&str> = self.reading.text[line.start..end].split_whitespace().collect();
        if words != VIEWS {
            self.reading.fault(line.start, VIEWS.join(" "), quote(&self.reading.text[line.start..end]));
        }
    }

    fn stray(&mut self, start: usize) {
        self.at += 1;
        let end = self.end;
        let found = quote(&self.reading.text[start..end]);
        self.reading.fault(start, "an option (`- `) or a key (`hint:`)", found);
    }
}
