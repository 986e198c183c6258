//! The sections of a comparison: namespaces, `uname -a`, `ps`, `ip a`.

use super::Style;
use super::layout::{Line, Long, margin_width, mark, note, sides};
use crate::cli::columns::pad;
use crate::kernel::namespace::Identity;
use crate::kernel::netlink::Interface;
use crate::lesson::words::{self, Word};
use crate::probe::{Comparison, Fact, Group, LinkRow, Process, ProcessRow, Side, Verdict, iproute};
use colored::Colorize;
use std::collections::BTreeSet;
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// After this many sentences of one kind the rest is a count.
const SENTENCES: usize = 5;

pub(super) fn heading(comparison: &Comparison, width: usize, style: Style<'_>) -> String {
    let side = |name: &str, side: &Side| {
        let command = side.command.known().map_or_else(String::new, |command| format!(" {command}"));
        let told = style.colon(name, &format!("PID {}{command}", side.pid));
        crate::cli::columns::cut(&told, width, style.unicode) + "\n"
    };
    let names = [words::OUTSIDE, words::INSIDE].map(|word| style.say(word, &[]));
    let widest = if style.linear { 0 } else { names.iter().map(|name| name.width()).max().unwrap_or(0) };
    side(&pad(&names[0], widest), &comparison.outside) + &side(&pad(&names[1], widest), &comparison.inside)
}

fn title(text: &str, style: Style<'_>) -> String {
    if style.colour { format!("{}\n", text.bold()) } else { format!("{text}\n") }
}

/// Each reason for which something could not be told, once.
pub(super) fn reasons<'a>(verdicts: impl Iterator<Item = &'a Verdict>, width: usize, style: Style<'_>) -> String {
    let reason = |verdict: &Verdict| {
        Some(style.colon(&style.say(words::of_verdict(verdict), &[]), &style.sentence(verdict.why()?)))
    };
    let all: BTreeSet<String> = verdicts.filter_map(reason).collect();
    all.iter().map(|reason| note(reason, width)).collect()
}

pub(super) fn namespaces(comparison: &Comparison, width: usize, style: Style<'_>) -> String {
    let rows = &comparison.namespaces.rows;
    let grouped = rows.iter().any(|row| row.group != Group::Rest);
    let margin = margin_width(width);
    let column = if width < 46 { 14 } else { 16 };
    let line = |mark: &str, kind: &str, outside: &str, inside: &str| {
        format!("{mark}{}{}{inside}", pad(kind, 8), pad(outside, column)).trim_end().to_owned() + "\n"
    };
    let mut text = title(&style.say(words::NAMESPACES, &[]), style);
    text += &line(&" ".repeat(margin), "", &style.say(words::OUTSIDE, &[]), &style.say(words::INSIDE, &[]));
    let mut group = None;
    for row in rows {
        if grouped && group != Some(row.group) {
            group = Some(row.group);
            text += &note(&style.say(group_title(row.group), &[]), width);
        }
        let sign = mark(Some(&row.verdict), margin, style);
        text += &line(&sign, row.kind.link(), &identity_text(&row.outside), &identity_text(&row.inside));
        if row.as_expected == Some(false) {
            let must = if row.group == Group::Rest { words::MUST_BE_SAME } else { words::MUST_DIFFER };
            text += &note(&style.say(must, &[("kind", row.kind.link())]), width);
        }
    }
    text + &reasons(rows.iter().map(|row| &row.verdict), width, style)
}

pub(super) fn group_title(group: Group) -> Word {
    match group {
        Group::Subject => words::SUBJECT_DIFFERS,
        Group::Helper => words::HELPERS_DIFFER,
        Group::Rest => words::REST_IS_SAME,
    }
}

pub(super) fn identity_text(fact: &Fact<Identity>) -> String {
    fact.known().map_or_else(|| "-".into(), |identity| format!("{}:{}", identity.device, identity.inode))
}

pub(super) fn uname(comparison: &Comparison, width: usize, style: Style<'_>) -> String {
    let section = &comparison.uname;
    let [outside, inside] = comparison.uname_text.clone();
    let line = Line { verdict: Some(&section.verdict), outside, inside };
    let mut text = title("uname -a", style) + &sides(&[line], width, Long::Wrap, style);
    for row in section.rows.iter().filter(|row| row.verdict == Verdict::Differs) {
        let value = |side: &Option<String>| side.clone().unwrap_or_default();
        let (outside, inside) = (value(&row.outside), value(&row.inside));
        let values = [("field", row.field.as_str()), ("outside", &outside), ("inside", &inside)];
        text += &note(&style.say(words::TWO_VALUES, &values), width);
    }
    text + &reasons(section.rows.iter().map(|row| &row.verdict), width, style)
}

pub(super) fn processes(comparison: &Comparison, width: usize, style: Style<'_>) -> String {
    let section = &comparison.processes;
    let shown: Vec<&ProcessRow> = section.rows.iter().filter(|row| style.all || row.related).collect();
    let sizes = [sizes(&shown, |row| row.outside.as_ref()), sizes(&shown, |row| row.inside.as_ref())];
    let head = |sizes: &[usize; 4]| process_text(sizes, ["PID", "PPID", "USER", "STAT", "CMD"]);
    let mut lines = vec![Line { verdict: None, outside: Some(head(&sizes[0])), inside: Some(head(&sizes[1])) }];
    lines.extend(shown.iter().map(|row| Line {
        verdict: Some(&row.verdict),
        outside: row.outside.as_ref().map(|process| process_line(&sizes[0], process)),
        inside: row.inside.as_ref().map(|process| process_line(&sizes[1], process)),
    }));
    let mut text = title("ps", style) + &sides(&lines, width, Long::Cut, style);
    for sentence in process_sentences(comparison, shown.len(), style) {
        text += &note(&sentence, width);
    }
    text + &reasons(std::iter::once(&section.verdict), width, style)
}

/// What the table alone does not say: numbers that belong together, and what is not shown.
pub(super) fn process_sentences(comparison: &Comparison, shown: usize, style: Style<'_>) -> Vec<String> {
    let rows = &comparison.processes.rows;
    let pairs: Vec<String> = rows
        .iter()
        .filter_map(|row| match row.verdict {
            Verdict::Translated { inside, outside } => Some(
                style.say(words::TWO_NUMBERS, &[("inside", &inside.to_string()), ("outside", &outside.to_string())]),
            ),
            _ => None,
        })
        .collect();
    let mut sentences: Vec<String> = pairs.iter().take(SENTENCES).cloned().collect();
    if pairs.len() > SENTENCES {
        let more = (pairs.len() - SENTENCES).to_string();
        sentences.push(style.say(words::MORE_NUMBERS, &[("number", &more)]));
    }
    let hidden = rows.iter().filter(|row| row.verdict == Verdict::Hidden && row.outside.is_some()).count();
    if hidden > 0 {
        sentences.push(counted(words::OUTSIDE_HIDDEN, hidden, style));
    }
    if rows.len() > shown && !style.all {
        sentences.push(counted(words::NOT_LISTED, rows.len() - shown, style));
    }
    if comparison.undetermined > 0 {
        sentences.push(counted(words::UNTOLD, comparison.undetermined, style));
    }
    sentences
}

fn counted(word: Word, number: usize, style: Style<'_>) -> String {
    let count = if number == 1 { words::ONE_PROCESS } else { words::PROCESSES };
    let processes = style.say(count, &[("number", &number.to_string())]);
    style.say(word, &[("processes", &processes)])
}

fn sizes(rows: &[&ProcessRow], side: fn(&ProcessRow) -> Option<&Process>) -> [usize; 4] {
    let mut sizes = [3, 4, 4, 4];
    for process in rows.iter().filter_map(|row| side(row)) {
        let cells = [
            process.pid.to_string().len(),
            process.parent.to_string().len(),
            process.user.width(),
            process.state.len(),
        ];
        for (size, cell) in sizes.iter_mut().zip(cells) {
            *size = cell.max(*size);
        }
    }
    sizes
}

fn process_line(sizes: &[usize; 4], process: &Process) -> String {
    let (pid, parent) = (process.pid.to_string(), process.parent.to_string());
    process_text(sizes, [&pid, &parent, &process.user, &process.state, &process.command])
}

fn process_text(sizes: &[usize; 4], cells: [&str; 5]) -> String {
    let [pid, parent, user, state, command] = cells;
    let right = |text: &str, size: usize| format!("{text:>size$}");
    let (user, state) = (pad(user, sizes[2]), pad(state, sizes[3]));
    format!("{} {} {user} {state} {command}", right(pid, sizes[0]), right(parent, sizes[1]))
}

pub(super) fn links(comparison: &Comparison, width: usize, style: Style<'_>) -> String {
    let section = &comparison.links;
    let all =
        |side: fn(&LinkRow) -> Option<&Interface>| section.rows.iter().filter_map(side).cloned().collect::<Vec<_>>();
    let (there, here) = (all(|row| row.outside.as_ref()), all(|row| row.inside.as_ref()));
    let mut lines = Vec::new();
    for row in &section.rows {
        let cells = |link: &Option<Interface>, all: &[Interface]| {
            link.as_ref().map(|link| iproute::address_lines(link, all)).unwrap_or_default()
        };
        let (outside, inside) = (cells(&row.outside, &there), cells(&row.inside, &here));
        for at in 0..outside.len().max(inside.len()) {
            let verdict = (at == 0).then_some(&row.verdict);
            lines.push(Line { verdict, outside: outside.get(at).cloned(), inside: inside.get(at).cloned() });
        }
    }
    let mut text = title("ip a", style) + &sides(&lines, width, Long::Wrap, style);
    let pairs = section.rows.iter().filter_map(|row| Some((row.inside.as_ref()?, row.peer.as_ref()?)));
    for (link, peer) in pairs {
        text += &note(&style.say(words::ONE_CABLE, &[("inside", &link.name), ("outside", peer)]), width);
    }
    text + &reasons(std::iter::once(&section.verdict), width, style)
}

pub(super) fn place(comparison: &Comparison, width: usize, style: Style<'_>) -> String {
    let rows = &comparison.place.rows;
    let cell = |row: &str, value: &Option<String>| Some(format!("{row}: {}", value.as_deref().unwrap_or("-")));
    let lines: Vec<Line<'_>> = rows
        .iter()
        .map(|row| Line {
            verdict: Some(&row.verdict),
            outside: cell(&row.code, &row.outside),
            inside: cell(&row.code, &row.inside),
        })
        .collect();
    let mut text = title("/proc/PID", style);
    let _ = write!(text, "{}", sides(&lines, width, Long::Wrap, style));
    text + &reasons(rows.iter().map(|row| &row.verdict), width, style)
}
