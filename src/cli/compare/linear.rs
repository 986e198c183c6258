//! A comparison for one who hears it: no columns, no signs, each line whole in itself, and what is the same on both sides
//! said once.

use super::Style;
use super::sections::{group_title, heading, identity_text, process_sentences, reasons};
use crate::kernel::netlink::Interface;
use crate::lesson::words::{self, Word};
use crate::probe::{Comparison, Group, LinkRow, NamespaceRow, Process, Verdict, iproute};
use std::fmt::Write;

/// No line is broken: whatever reads it aloud would pause there.
const WIDTH: usize = usize::MAX / 4;

pub(super) fn render(comparison: &Comparison, style: Style<'_>) -> String {
    let mut text = heading(comparison, WIDTH, style);
    for section in [namespaces, uname, processes, links] {
        let _ = write!(text, "\n{}", section(comparison, style));
    }
    text
}

/// `differs: net; outside 4:4026531833; inside 4:4026532478`.
fn line(verdict: &Verdict, what: &str, sides: [Option<String>; 2], style: Style<'_>) -> String {
    let verdict_word = style.say(words::of_verdict(verdict), &[]);
    let mut parts: Vec<String> = if what.is_empty() { Vec::new() } else { vec![what.to_owned()] };
    if *verdict == Verdict::Same && sides[0] == sides[1] {
        parts.extend(sides.into_iter().next().flatten());
    } else {
        let named = [words::OUTSIDE, words::INSIDE].into_iter().zip(sides);
        parts.extend(named.filter_map(|(word, side)| Some(format!("{} {}", style.say(word, &[]), side?))));
    }
    style.colon(&verdict_word, &style.parts(&parts)) + "\n"
}

fn note(word: Word, values: &[(&str, &str)], style: Style<'_>) -> String {
    style.say(word, values) + "\n"
}

fn namespaces(comparison: &Comparison, style: Style<'_>) -> String {
    let rows = &comparison.namespaces.rows;
    let mut text = note(words::NAMESPACES, &[], style);
    let grouped = rows.iter().any(|row| row.group != Group::Rest);
    for group in [Group::Subject, Group::Helper, Group::Rest] {
        let rows: Vec<&NamespaceRow> = rows.iter().filter(|row| row.group == group).collect();
        if grouped && !rows.is_empty() {
            text += &note(group_title(group), &[], style);
        }
        let (same, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.verdict == Verdict::Same);
        for row in others.iter().chain(same.iter().filter(|row| row.as_expected == Some(false))) {
            let sides = [&row.outside, &row.inside].map(|side| Some(identity_text(side)));
            text += &line(&row.verdict, row.kind.link(), sides, style);
            if row.as_expected == Some(false) {
                let must = if group == Group::Rest { words::MUST_BE_SAME } else { words::MUST_DIFFER };
                text += &note(must, &[("kind", row.kind.link())], style);
            }
        }
        let same: Vec<&str> =
            same.iter().filter(|row| row.as_expected != Some(false)).map(|row| row.kind.link()).collect();
        if !same.is_empty() {
            let _ = writeln!(text, "{}", style.colon(&style.say(words::SAME, &[]), &style.list(&same)));
        }
    }
    text + &reasons(rows.iter().map(|row| &row.verdict), WIDTH, style)
}

fn uname(comparison: &Comparison, style: Style<'_>) -> String {
    let section = &comparison.uname;
    let mut text = format!("uname -a\n{}", line(&section.verdict, "", comparison.uname_text.clone(), style));
    for row in section.rows.iter().filter(|row| row.verdict == Verdict::Differs) {
        let value = |side: &Option<String>| side.clone().unwrap_or_default();
        let (outside, inside) = (value(&row.outside), value(&row.inside));
        let values = [("field", row.field.as_str()), ("outside", &*outside), ("inside", &*inside)];
        text += &note(words::TWO_VALUES, &values, style);
    }
    text + &reasons(section.rows.iter().map(|row| &row.verdict), WIDTH, style)
}

fn processes(comparison: &Comparison, style: Style<'_>) -> String {
    let section = &comparison.processes;
    let rows: Vec<_> = section.rows.iter().filter(|row| style.all || row.related).collect();
    let mut text = String::from("ps\n");
    for row in &rows {
        let Some(one) = row.inside.as_ref().or(row.outside.as_ref()) else { continue };
        let sides = [&row.outside, &row.inside].map(|side| side.as_ref().map(numbers));
        text += &line(&row.verdict, &one.command, sides, style);
    }
    for sentence in process_sentences(comparison, rows.len(), style) {
        let _ = writeln!(text, "{sentence}");
    }
    text + &reasons(std::iter::once(&section.verdict), WIDTH, style)
}

fn numbers(process: &Process) -> String {
    format!("PID {}, PPID {}, USER {}, STAT {}", process.pid, process.parent, process.user, process.state)
}

fn links(comparison: &Comparison, style: Style<'_>) -> String {
    let section = &comparison.links;
    let all =
        |side: fn(&LinkRow) -> Option<&Interface>| section.rows.iter().filter_map(side).cloned().collect::<Vec<_>>();
    let (there, here) = (all(|row| row.outside.as_ref()), all(|row| row.inside.as_ref()));
    let told = |link: &Option<Interface>, all: &[Interface]| {
        let lines = iproute::address_lines(link.as_ref()?, all);
        Some(lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(", "))
    };
    let mut text = String::from("ip a\n");
    for row in &section.rows {
        let name = row.inside.as_ref().or(row.outside.as_ref()).map_or("", |link| &link.name);
        text += &line(&row.verdict, name, [told(&row.outside, &there), told(&row.inside, &here)], style);
    }
    let pairs = section.rows.iter().filter_map(|row| Some((row.inside.as_ref()?, row.peer.as_ref()?)));
    for (link, peer) in pairs {
        text += &note(words::ONE_CABLE, &[("inside", &link.name), ("outside", peer)], style);
    }
    text + &reasons(std::iter::once(&section.verdict), WIDTH, style)
}
