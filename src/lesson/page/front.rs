//! The front matter: YAML between two lines of `---`.

use super::fault::Reading;
use crate::kernel::namespace::Kind;
use crate::probe::need;
use crate::stages::place::PlaceSpec;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Where in the story of `docker run` a lesson belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// What one should know before.
    Before,
    /// Stage 1.
    Pull,
    /// Stage 2.
    Create,
    /// Stage 3.
    Layer,
    /// Stage 4.
    Network,
    /// Stage 5.
    Exec,
    /// Stage 6.
    Exit,
    /// What follows from it all.
    After,
}

impl Stage {
    /// Its word, as pages and `explore` spell it.
    pub fn word(self) -> &'static str {
        ["before", "pull", "create", "layer", "network", "exec", "exit", "after"][self as usize]
    }

    /// Its number in the story; the folders of `lessons/` begin with it.
    pub fn number(self) -> usize {
        self as usize
    }
}

/// What a page says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Front {
    /// One line.
    pub title: String,
    /// Where it belongs.
    pub stage: Stage,
    /// Lessons to have done before.
    #[serde(default)]
    pub after: Vec<String>,
    /// How long it takes somebody who thinks.
    pub minutes: u32,
    /// What `explore doctor` must find.
    #[serde(default)]
    pub needs: Vec<String>,
    /// The words of `explore ns create`: the place that `inside` means.
    #[serde(default)]
    pub inside: Option<String>,
    /// Namespaces that differ only because the subject needs them.
    #[serde(default)]
    pub helpers: Vec<Kind>,
    /// Manual pages to read on.
    #[serde(default)]
    pub see: Vec<String>,
}

const KEYS: &str = "title, stage, after, minutes, needs, inside, helpers, see";

/// Reads the front matter; the range is where the page goes on.
pub(super) fn read(reading: &mut Reading<'_>) -> (Option<Front>, Range<usize>) {
    let text = reading.text;
    let Some(yaml) = yaml(text) else {
        if text.starts_with("---\n") {
            let ends = |line: &&str| line.trim().is_empty() || line.starts_with('#');
            let before: usize = text.split_inclusive('\n').take_while(|line| !ends(line)).map(str::len).sum();
            reading.fault(before, "a second line of ---, which ends the front matter", "none");
            return (None, before..text.len());
        }
        reading.fault(0, format!("front matter between two lines of --- with {KEYS}"), super::fault::quote(text));
        return (None, 0..text.len());
    };
    let body = text[yaml.end..].find('\n').map_or(text.len(), |newline| yaml.end + newline + 1)..text.len();
    // The line before the YAML is `---`: counted from the file's first byte, lines and columns are the file's own.
    match serde_saphyr::from_str::<Front>(&text[yaml.clone()]) {
        Ok(front) => {
            validate(reading, &front, yaml);
            (Some(front), body)
        }
        Err(error) => {
            refused(reading, &error, yaml);
            (None, body)
        }
    }
}

/// The bytes between `---` and `---`.
pub(in crate::lesson) fn yaml(text: &str) -> Option<Range<usize>> {
    let start = text.strip_prefix("---\n").map(|_| 4)?;
    let mut at = start;
    for line in text[start..].split_inclusive('\n') {
        if line.trim_end() == "---" {
            return Some(start..at);
        }
        at += line.len();
    }
    None
}

fn refused(reading: &mut Reading<'_>, error: &serde_saphyr::Error, yaml: Range<usize>) {
    // By its distance, not by its line: for YAML a carriage return alone ends one, and for an editor it does not.
    let distance = error.location().map_or(0, |location| location.span().offset());
    let characters = reading.text[yaml.clone()].chars().take(usize::try_from(distance).unwrap_or(usize::MAX));
    let at = reading.position(yaml.start + characters.map(char::len_utf8).sum::<usize>());
    let said = error.without_snippet().to_string();
    let found = in_words(said.lines().next().unwrap_or("").split(" at line ").next().unwrap_or(""));
    reading.faults.push(super::Fault { at, expected: format!("front matter with {KEYS}"), found });
}

/// What the reader of YAML says, as somebody hears it who has never read of YAML.
fn in_words(said: &str) -> String {
    let more = match said {
        "expected sequence start" => "no list; a list is written [one, two]",
        "expected string scalar" => "no text; in quotes everything is text",
        "invalid u32" => "no whole number",
        "mapping values are not allowed in this context" => {
            "a second colon; a text with a colon in it is put in quotes"
        }
        _ => match said.strip_prefix("duplicate mapping key: ").and_then(|rest| rest.split(',').next()) {
            Some(key) => return format!("`{key}` twice"),
            None => said,
        },
    };
    more.to_owned()
}

fn validate(reading: &mut Reading<'_>, front: &Front, yaml: Range<usize>) {
    let place = |key: &str| {
        let lines = reading.text[yaml.clone()].lines();
        let before: usize = lines.take_while(|line| !line.starts_with(key)).map(|line| line.len() + 1).sum();
        yaml.start + before.min(yaml.len().saturating_sub(1))
    };
    let mut wrong: Vec<(usize, String, String)> = Vec::new();
    if front.title.trim().is_empty() {
        wrong.push((place("title"), "a title".into(), "an empty one".into()));
    }
    if front.minutes == 0 {
        wrong.push((place("minutes"), "minutes from 1".into(), "0".into()));
    }
    for name in &front.needs {
        if !need::is_known(name) {
            let known = need::ids().collect::<Vec<_>>().join(", ");
            wrong.push((place("needs"), format!("a need that `explore doctor` knows ({known})"), format!("`{name}`")));
        }
    }
    match front.inside.as_deref().map(PlaceSpec::parse) {
        Some(Err(error)) => {
            let expected = "the words of `explore ns create`, as --pid --mount --proc";
            let said = error.to_string();
            wrong.push((place("inside"), expected.into(), said.strip_suffix(" found").unwrap_or(&said).to_owned()));
        }
        Some(Ok(spec)) => {
            let made = spec.kinds();
            for kind in front.helpers.iter().filter(|kind| !made.contains(kind)) {
                let expected = "helpers that `inside:` makes".to_owned();
                wrong.push((place("helpers"), expected, format!("`{}`", kind.link())));
            }
        }
        None => {}
    }
    for page in front.see.iter().filter(|page| !is_manual_page(page)) {
        wrong.push((place("see"), "a manual page, as proc(5)".into(), format!("`{page}`")));
    }
    for (offset, expected, found) in wrong {
        reading.fault(offset, expected, found);
    }
}

fn is_manual_page(name: &str) -> bool {
    let Some((page, section)) = name.strip_suffix(')').and_then(|name| name.split_once('(')) else { return false };
    !page.is_empty() && section.starts_with(|digit: char| digit.is_ascii_digit())
}
