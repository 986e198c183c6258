//! The tables of `book/src/parity.md`, and what they must be.

use crate::engine::Table;
use std::collections::BTreeSet;
use std::path::Path;

/// A line of a table: what it is about, what is seen, and whether that wants a reason.
pub(crate) struct Row {
    pub(crate) about: String,
    pub(crate) cells: Vec<String>,
    pub(crate) wants_reason: bool,
}

/// Facts that several engines show, in three tables: explore differs from docker, another one does, none does.
pub(crate) fn compare(section: &str, seen: &Table) {
    let others: Vec<&str> = ["podman", "runc", "crun"].into_iter().filter(|name| seen.contains_key(name)).collect();
    let (mut differ, mut agree, mut same) = (Rows::default(), Rows::default(), Rows::default());
    let facts: BTreeSet<&String> = seen.values().flat_map(|facts| facts.keys()).collect();
    for fact in facts {
        let value = |engine: &&str| seen[*engine].get(fact).map_or("-".into(), |value| cell(value));
        let (docker, explore) = (value(&"docker"), value(&"explore"));
        let rest: Vec<String> = others.iter().map(value).collect();
        if docker != explore {
            differ.add(fact, [vec![docker], rest, vec![explore]].concat(), true);
        } else if rest.iter().any(|value| *value != docker) {
            agree.add(fact, [vec![docker], rest].concat(), true);
        } else {
            same.add(fact, vec![docker], false);
        }
    }
    let columns = others.join(" | ");
    settle(section, &format!("| explore differs | docker | {columns} | explore | because |"), &differ.0);
    settle(section, &format!("| another differs | docker, explore | {columns} | because |"), &agree.0);
    settle(section, "| the same | in all |", &same.0);
}

/// Facts with the same cells share a row.
#[derive(Default)]
pub(crate) struct Rows(pub(crate) Vec<Row>);

impl Rows {
    pub(crate) fn add(&mut self, fact: &str, cells: Vec<String>, wants_reason: bool) {
        let about = cell(fact);
        match self.0.iter_mut().find(|row| row.cells == cells) {
            Some(row) => row.about = format!("{}, {about}", row.about),
            None => self.0.push(Row { about, cells, wants_reason }),
        }
    }
}

/// As code; a bar would end the cell.
pub(crate) fn cell(value: &str) -> String {
    match value.trim() {
        "" => "(empty)".into(),
        "-" => "-".into(),
        value => format!("`{}`", value.replace('|', "¦").replace('`', "'")),
    }
}

/// The table that begins with `header` must hold these rows, each with a reason if it wants one, and nothing else.
pub(crate) fn settle(section: &str, header: &str, rows: &[Row]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src/parity.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let begin = text.find(&format!("{{#{section}}}")).unwrap_or_else(|| panic!("no section {section} in the chapter"));
    let end = text[begin..].find("\n## ").map_or(text.len(), |length| begin + length);
    let table = text[begin..end].find(header).unwrap_or_else(|| panic!("under {section} there is no table {header}"));
    let from = begin + table + header.len();
    let told: Vec<&str> = text[from..end].lines().skip(1).take_while(|line| line.starts_with('|')).skip(1).collect();
    let lines: Vec<String> = rows.iter().map(|row| line(row, header, &told)).collect();
    let unexplained: Vec<&String> = lines.iter().filter(|line| line.ends_with("|  |")).collect();
    if std::env::var_os("EXPLORE_PARITY").is_some_and(|value| value == "write") {
        let old: usize =
            text[from..end].lines().skip(1).take_while(|line| line.starts_with('|')).map(|line| line.len() + 1).sum();
        let rule = "|---".repeat(header.matches(" | ").count() + 1);
        let new = format!("\n{rule}|\n{}", lines.iter().map(|line| format!("{line}\n")).collect::<String>());
        let text = format!("{}{new}{}", &text[..from], &text[from + 1 + old..]);
        std::fs::write(&path, text).unwrap();
        return;
    }
    let missing = lines.iter().filter(|line| !told.contains(&line.as_str()));
    let untrue = told.iter().filter(|line| !lines.iter().any(|other| other == *line));
    let wrong =
        missing.map(|line| format!("+ {line}\n")).chain(untrue.map(|line| format!("- {line}\n"))).collect::<String>();
    assert!(wrong.is_empty(), "in {} under {section} it should read\n{wrong}", path.display());
    assert!(unexplained.is_empty(), "no reason is given under {section}:\n{unexplained:#?}");
}

/// The row, with the reason that was given for exactly this.
fn line(row: &Row, header: &str, told: &[&str]) -> String {
    let seen = format!("| {} | {} |", row.about, row.cells.join(" | "));
    if !header.ends_with("| because |") {
        return seen;
    }
    let old = told.iter().find_map(|line| line.strip_prefix(&seen));
    let reason = old.map_or("", |rest| rest.trim_matches([' ', '|']));
    let reason = if reason.is_empty() && !row.wants_reason { "-" } else { reason };
    format!("{seen} {reason} |")
}
