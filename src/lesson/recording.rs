//! Recordings: what happened when a lesson ran on some machine. The book shows them, and where nothing can run live a
//! lesson replays one.
//!
//! Other machines print other numbers, so two runs are compared after redaction, and only where kernel, cgroup layout
//! and tier are the same: that is a recording's key.

use super::page::{BlockKind, Page, Part, Predict};
use super::redact::redact;
use super::run::{Call, Event, Reader, Reply, RunError, Stop, Tier, Wish};
use crate::probe::{Comparison, LinkRow, Verdict};
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The files of `book/recordings` (`KEY/LESSON.json`), unpacked when the first is asked for.
static BUILT_IN: LazyLock<Vec<(PathBuf, Vec<u8>)>> = LazyLock::new(|| {
    // build.rs has packed them just before; a test unpacks all.
    unpack(include_bytes!(concat!(env!("OUT_DIR"), "/recordings.tar.zst"))).unwrap_or_default()
});

fn unpack(packed: &[u8]) -> std::io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in tar::Archive::new(zstd::Decoder::new(packed)?).entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_file() {
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            files.push((entry.path()?.into_owned(), content));
        }
    }
    Ok(files)
}

/// Version of the shape of [`Recording`].
pub const SCHEMA: u32 = 1;

/// One run of one lesson.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// [`SCHEMA`].
    pub schema: u32,
    /// See [`key`].
    pub key: String,
    /// Id of the lesson.
    pub lesson: String,
    /// Hash of its text.
    pub hash: String,
    /// What this machine calls itself; removed before two recordings are compared.
    pub machine: Machine,
    /// What happened.
    pub events: Vec<Event>,
}

/// The words of uname(2) that differ between two machines of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Host name.
    pub node: String,
    /// Kernel release.
    pub release: String,
    /// Kernel version.
    pub version: String,
}

impl Machine {
    /// This machine.
    pub fn this() -> Self {
        let text = |value: &std::ffi::OsStr| value.to_string_lossy().into_owned();
        nix::sys::utsname::uname().map_or_else(
            |_| Self { node: String::new(), release: String::new(), version: String::new() },
            |name| Self { node: text(name.nodename()), release: text(name.release()), version: text(name.version()) },
        )
    }
}

/// `<kernel major.minor>-<v1|v2|hybrid>-<root|user>` of this process: where two runs must print the same.
pub fn key() -> String {
    let release = Machine::this().release;
    let numbers: Vec<&str> = release.split(['.', '-']).take(2).collect();
    format!("{}-{}-{}", numbers.join("."), cgroups(), Tier::mine().word())
}

/// Which cgroup trees are mounted here: cgroups(7).
fn cgroups() -> &'static str {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let has = |kind: &str| mounts.lines().any(|line| line.split(' ').nth(2) == Some(kind));
    match (has("cgroup"), has("cgroup2")) {
        (true, true) => "hybrid",
        (true, false) => "v1",
        _ => "v2",
    }
}

/// What a page does, in order: the block, and its command where it has one.
fn to_do(page: &Page) -> Vec<(String, String)> {
    let mut steps = Vec::new();
    for (number, part) in page.parts.iter().enumerate() {
        let Part::Block(block) = part else {
            steps.push((String::new(), number.to_string()));
            continue;
        };
        let mut step = |what: &str| steps.push((block.id.clone(), what.to_owned()));
        match &block.kind {
            BlockKind::Shell(shell) => step(&shell.commands),
            BlockKind::Predict(predict) => {
                step("");
                predict.act.iter().for_each(|act| step(&act.text));
            }
            BlockKind::Exercise(exercise) => {
                step("");
                step(&exercise.solution.text);
            }
            BlockKind::Check(check) => (0..check.claims.len()).for_each(|claim| step(&claim.to_string())),
            BlockKind::Compare(_) => step(""),
        }
    }
    steps
}

/// What was done, as [`to_do`] tells it.
fn done(events: &[Event]) -> Vec<(String, String)> {
    let step = |event: &Event| {
        let what = match event {
            Event::Prose { part } => return Some((String::new(), part.to_string())),
            Event::Typed { commands, .. } => commands.clone(),
            Event::Act { command, .. } => command.clone(),
            Event::Claimed { claim, .. } => claim.to_string(),
            Event::Question { .. } | Event::Task { .. } | Event::Compared { .. } => String::new(),
            _ => return None,
        };
        Some((event.block()?.to_owned(), what))
    };
    events.iter().filter_map(step).collect()
}

/// How unlike two keys are: who ran it changes a lesson most, then the cgroup layout, then the kernel.
fn distance(one: &str, wanted: &str) -> (bool, bool, bool, String) {
    let part = |key: &str, number: usize| key.split('-').nth(number).unwrap_or_default().to_owned();
    let differs = |number: usize| part(one, number) != part(wanted, number);
    (differs(2), differs(1), differs(0), one.to_owned())
}

impl Recording {
    /// What was collected while `page` ran here.
    pub fn of(page: &Page, events: Vec<Event>) -> Self {
        let (lesson, hash) = (page.id.clone(), page.hash.clone());
        let events = reduced(events);
        Self { schema: SCHEMA, key: key(), lesson, hash, machine: Machine::this(), events }
    }

    /// The recording of what this page does that is built in and was made by the machine most like this one.
    pub fn built_in(page: &Page) -> Option<Self> {
        let name = format!("{}.json", page.id);
        let mut found: Vec<Self> = BUILT_IN
            .iter()
            .filter(|(path, _)| path.ends_with(&name))
            .filter_map(|(_, content)| serde_json::from_slice::<Self>(content).ok())
            .filter(|recording| recording.schema == SCHEMA && recording.is_of(page))
            .collect();
        let wanted = key();
        found.sort_by_key(|recording| distance(&recording.key, &wanted));
        found.into_iter().next()
    }

    /// Whether it was this page that ran: this very text, or one that did the same with other words around it.
    pub fn is_of(&self, page: &Page) -> bool {
        self.lesson == page.id && (self.hash == page.hash || done(&self.events) == to_do(page))
    }

    /// What a block has printed.
    pub fn printed(&self, block: &str) -> String {
        let texts = self.events.iter().filter_map(|event| match event {
            Event::Output { block: of, text } if of == block => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// Which option of a prediction held.
    pub fn held(&self, block: &str) -> Option<usize> {
        self.events.iter().find_map(|event| match event {
            Event::Marked { block: of, holds, .. } if of == block => Some(*holds),
            _ => None,
        })
    }

    /// Whether another kernel, or another kind of user, has said something else in a block.
    pub fn differs_in(&self, block: &str, other: &Self) -> bool {
        let said = |one: &Self| one.redact_text(&one.printed(block));
        let found = |one: &Self| one.compared(block).map(verdicts);
        said(self) != said(other) || self.held(block) != other.held(block) || found(self) != found(other)
    }

    /// What the kernel was asked by a block, or by the making of the place: nothing where it was not listened to, which is so in
    /// recordings that are older than that.
    pub fn asked(&self, block: Option<&str>) -> Option<&[Call]> {
        let mut heard = self.events.iter().filter_map(|event| match event {
            Event::Asked { block, calls } => Some((block.as_deref(), calls.as_slice())),
            _ => None,
        });
        let first = heard.next()?;
        Some(std::iter::once(first).chain(heard).find(|(of, _)| *of == block).map_or(&[], |(_, calls)| calls))
    }

    /// Whether another kernel, or another kind of user, was asked something else. Processes that ask at once do so in any order.
    pub fn asks_otherwise(&self, block: Option<&str>, other: &Self) -> bool {
        let told = |one: &Self| {
            let line = |call: &Call| {
                let Call { who, call, args, errno, why, more, .. } = call;
                (who.clone(), call.clone(), one.redact_text(args), errno.clone(), why.clone(), *more)
            };
            let mut lines: Vec<_> = one.asked(block)?.iter().map(line).collect();
            lines.sort();
            Some(lines)
        };
        told(self) != told(other)
    }

    /// What a block's comparison has found.
    pub fn compared(&self, block: &str) -> Option<&Comparison> {
        self.events.iter().find_map(|event| match event {
            Event::Compared { block: of, comparison } if of == block => Some(&**comparison),
            _ => None,
        })
    }

    /// The first difference between two recordings of one key, once what always differs is taken out.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let (mine, theirs) = (self.redacted(), other.redacted());
        for (one, two) in mine.iter().zip(&theirs) {
            if one != two {
                return Some(format!("recorded: {one}\nnow:      {two}"));
            }
        }
        (mine.len() != theirs.len()).then(|| format!("recorded {} events, now {}", mine.len(), theirs.len()))
    }

    fn redacted(&self) -> Vec<String> {
        self.events.iter().filter_map(|event| self.redact(event)).collect()
    }

    fn redact(&self, event: &Event) -> Option<String> {
        match event {
            Event::Output { block, text } => Some(format!("{block} prints {}", self.redact_text(text))),
            Event::Compared { block, comparison } => Some(format!("{block} compares {}", verdicts(comparison))),
            // Not the hash: words around the commands may be others by now.
            Event::Begin { lesson, .. } => Some(lesson.clone()),
            Event::Kept { .. } | Event::Asked { .. } => None,
            other => serde_json::to_string(other).ok(),
        }
    }

    /// This machine's names are replaced, and all that differs from run to run.
    fn redact_text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, word) in [(&self.machine.version, "VERSION"), (&self.machine.release, "RELEASE")] {
            text = text.replace(name.as_str(), word);
        }
        redact(&text, &self.machine.node)
    }
}

/// What a comparison says, without any of its values.
fn verdicts(comparison: &Comparison) -> String {
    let rows = comparison.namespaces.rows.iter();
    let kinds: Vec<String> = rows.map(|row| format!("{} {}", row.kind.link(), row.verdict.word())).collect();
    format!("{}; uname {}", kinds.join(", "), comparison.uname.verdict.word())
}

fn is_loopback(row: &LinkRow) -> bool {
    row.outside.as_ref().is_some_and(|link| link.name == "lo")
}

/// Output in one piece a step, and of the processes outside only those that have to do with the place.
fn reduced(events: Vec<Event>) -> Vec<Event> {
    let mut kept: Vec<Event> = Vec::new();
    for event in events {
        match (event, kept.last_mut()) {
            (Event::Output { block, text }, Some(Event::Output { block: last, text: so_far })) if *last == block => {
                so_far.push_str(&text);
            }
            (Event::Compared { block, mut comparison }, _) => {
                comparison.processes.rows.retain(|row| row.related);
                comparison.place.rows.clear();
                // The recording machine's own cards and addresses are nobody's business.
                comparison.links.rows.retain(|row| row.verdict != Verdict::Same || is_loopback(row));
                kept.push(Event::Compared { block, comparison });
            }
            (event, _) => kept.push(event),
        }
    }
    kept
}

/// Follows a lesson, answers nothing, keeps all that happens.
#[derive(Debug, Default)]
pub struct Collector {
    /// What happened.
    pub events: Vec<Event>,
}

impl Reader for Collector {
    fn tell(&mut self, _: &Page, event: &Event) -> std::io::Result<()> {
        self.events.push(event.clone());
        Ok(())
    }

    fn predict(&mut self, _: &str, _: &Predict) -> Result<Reply, RunError> {
        Ok(Reply::Unasked)
    }

    fn stop(&mut self, _: &Stop<'_>) -> Result<Wish, RunError> {
        Ok(Wish::GoOn)
    }
}

/// A recording from a file.
///
/// # Errors
/// [`crate::state::RecordError`].
pub fn read(path: &Path) -> Result<Recording, crate::state::RecordError> {
    crate::state::read_record(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(text: &str) -> Recording {
        let machine = Machine { node: "vm".into(), release: "6.18.44".into(), version: "#1 SMP".into() };
        let events = vec![Event::Output { block: "sh-1".into(), text: text.into() }];
        Recording { schema: 1, key: "k".into(), lesson: "l".into(), hash: "h".into(), machine, events }
    }

    #[test]
    fn what_is_built_in_is_what_lies_in_the_folder() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/recordings");
        assert!(BUILT_IN.len() > 100, "{}", BUILT_IN.len());
        for (path, content) in BUILT_IN.iter() {
            assert_eq!(&std::fs::read(root.join(path)).unwrap(), content, "{}", path.display());
        }
    }

    #[test]
    fn a_replay_is_of_the_machine_most_like_this_one() {
        let mut keys = ["6.1-v2-root", "6.18-hybrid-root", "6.18-hybrid-user", "6.12-v2-user"];
        for (wanted, nearest) in [
            ("6.18-hybrid-root", "6.18-hybrid-root"),
            ("6.18-v2-root", "6.1-v2-root"),
            ("5.15-hybrid-user", "6.18-hybrid-user"),
            ("6.1-v2-user", "6.12-v2-user"),
        ] {
            keys.sort_by_key(|key| distance(key, wanted));
            assert_eq!(keys[0], nearest, "for {wanted}");
        }
    }

    #[test]
    fn two_runs_differ_in_words_and_not_in_numbers() {
        let one = recording("root   1  0 sh\nvm 6.18.44\n");
        assert_eq!(one.difference(&recording("root 1234     0 sh\nvm 6.18.44\n")), None);
        let difference = one.difference(&recording("root 1 0 bash\nvm 6.18.44\n")).unwrap();
        assert!(difference.contains("N N bash"), "{difference}");
    }

    #[test]
    fn other_words_leave_a_recording_valid_and_another_command_does_not() {
        let text = "---\ntitle: T\nstage: exec\nminutes: 1\n---\n# T {#t}\n\nWords.\n\n```sh outside\nuname\n```\n\n\
            ```predict x\nQ\nact outside: true\n- A\n  if outside: true\n  why: w\n- B\n  if outside: false\n  why: w\n```\n";
        let page = |text: &str| crate::lesson::page::parse("l.md", text).unwrap();
        let (block, side) = (|id: &str| id.to_owned(), crate::lesson::page::Side::Outside);
        let events = vec![
            Event::Prose { part: 0 },
            Event::Typed { block: block("sh-1"), side, commands: "uname".into() },
            Event::Ended { block: block("sh-1"), status: 0, expected: Some(0) },
            Event::Question { block: block("x") },
            Event::Act { block: block("x"), side, command: "true".into() },
        ];
        let recorded = Recording { events, ..recording("") };
        assert!(recorded.is_of(&page(text)) && recorded.is_of(&page(&text.replace("Words.", "Other words."))));
        assert!(!recorded.is_of(&page(&text.replace("uname", "uname -r"))));
        assert!(!recorded.is_of(&page(&text.replace("act outside: true", "act outside: false"))));
    }

    #[test]
    fn output_of_one_step_is_one_event() {
        let piece = |block: &str, text: &str| Event::Output { block: block.into(), text: text.into() };
        let whole = reduced(vec![piece("a", "1"), piece("a", "2"), piece("b", "3")]);
        assert_eq!(whole, [piece("a", "12"), piece("b", "3")]);
    }
}
