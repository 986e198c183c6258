//! The walk in words and columns.

use crate::cli::columns::{pad, wrap};
use crate::lesson::catalog::Catalog;
use crate::map::words::STAGE;
use crate::stages::layer::Union;
use crate::state::Roots;
use crate::walk::{Change, DockerCommand, Sign, Stage};
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// Said before the reader gets the container's shell.
pub(super) const TRY: &str =
    "You are PID 1's terminal now. Try: hostname, ps -ef, ip a; then: echo me > /mine; then: exit";
/// Said before the shell of the second start.
pub(super) const LOOK: &str = "Look whether it is still there: cat /mine; then: exit";

/// Two columns need this much.
const WIDE: usize = 100;

/// The command line, each word with its stages.
pub(super) fn opening(command: &DockerCommand, width: usize, catalog: &Catalog) -> String {
    let words = command.words();
    let line: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
    let mut text = format!("$ {}\n\n{}\n", line.join(" "), catalog.sentence("What each word is for:"));
    let widest = words.iter().map(|(word, _)| word.chars().count()).max().unwrap_or(0);
    for (word, about) in &words {
        let lines = wrap(&catalog.sentence(about), width.saturating_sub(widest + 4), 0);
        for (number, line) in lines.iter().enumerate() {
            let label = if number == 0 { word.as_str() } else { "" };
            let _ = writeln!(text, "  {}  {line}", pad(label, widest));
        }
    }
    text
}

/// The heading of a stage, what it does, and the question before it.
pub(super) fn heading(stage: Stage, width: usize, catalog: &Catalog) -> String {
    let (number, name) = (stage.number().to_string(), catalog.sentence(stage.name()));
    let title = catalog.say(STAGE, &[("number", &number), ("all", "6"), ("stage", &name)]);
    let mut text = format!("\n{title}\n{}\n", "-".repeat(title.width()));
    text += &paragraph(&catalog.sentence(stage.does()), width);
    let question = catalog.sentence(&format!("What will change? {}", stage.question()));
    text += &paragraph(&question, width);
    text + "\n"
}

/// Text that is broken where the line ends.
pub(super) fn paragraph(text: &str, width: usize) -> String {
    wrap(text, width, 0).into_iter().fold(String::new(), |text, line| text + &line + "\n")
}

/// The two columns, or the two lists where they do not fit beside each other.
pub(super) fn changes(
    (machine, first): (&[Change], bool),
    (inside, none_yet): (&[Change], bool),
    width: usize,
    catalog: &Catalog,
) -> String {
    let lines = |title: &str, changes: &[Change], new: &str, nothing: &str| {
        lines(&catalog.sentence(title), changes, new, nothing, catalog)
    };
    let here = lines("On this machine", machine, if first { "=" } else { "+" }, "nothing has changed");
    let nothing = if none_yet { "nothing: it has none yet" } else { "nothing has changed" };
    let there = lines("Inside the container's own namespaces", inside, "+", nothing);
    if width < WIDE {
        let list = |lines: &[String]| {
            lines.iter().flat_map(|line| wrap(line, width, 4)).fold(String::new(), |text, line| text + &line + "\n")
        };
        return format!("{}\n{}\n", list(&here), list(&there));
    }
    let column = (width - 3) / 2;
    let here: Vec<String> = here.iter().flat_map(|line| wrap(line, column, 4)).collect();
    let there: Vec<String> = there.iter().flat_map(|line| wrap(line, column, 4)).collect();
    let mut text = String::new();
    for number in 0..here.len().max(there.len()) {
        let cell = |list: &[String]| list.get(number).cloned().unwrap_or_default();
        let _ = writeln!(text, "{}", format!("{} | {}", pad(&cell(&here), column), cell(&there)).trim_end());
    }
    text + "\n"
}

/// `+` came, `-` went: a sign and not only a colour.
fn lines(title: &str, changes: &[Change], new: &str, nothing: &str, catalog: &Catalog) -> Vec<String> {
    let mut lines = vec![title.to_owned()];
    if changes.is_empty() {
        lines.push(format!("  {}", catalog.sentence(nothing)));
    }
    for change in changes {
        let sign = match change.sign {
            Sign::New => new,
            Sign::Gone => "-",
        };
        lines.push(format!("{sign} {}", catalog.sentence(&change.what)));
    }
    lines
}

/// The union as it is stacked.
pub(super) fn union(union: &Union, roots: &Roots, width: usize, catalog: &Catalog) -> String {
    let short = |path: &std::path::Path| {
        let path = path.strip_prefix(&roots.data).unwrap_or(path);
        let text: Vec<String> = path
            .components()
            .map(|part| {
                let part = part.as_os_str().to_string_lossy().into_owned();
                if part.len() == 64 { format!("{}…", &part[..12]) } else { part }
            })
            .collect();
        text.join("/")
    };
    let mut rows = vec![("union", short(&union.rootfs), "what the container will see as /")];
    rows.push(("  upper, rw", short(&union.upper), "this container's own, still empty"));
    rows.extend(union.lower.iter().map(|layer| {
        let own = union.rootfs.parent().is_some_and(|bundle| layer.starts_with(bundle));
        let about = if own { "its own too: mount points that the image lacks" } else { "the image's, shared by all" };
        ("  lower, ro", short(layer), about)
    }));
    let mut text = String::new();
    for (kind, path, about) in rows {
        let line = format!("{} {}  {}", pad(kind, 12), pad(&path, 34), catalog.sentence(about));
        for line in wrap(&line, width, 14) {
            let _ = writeln!(text, "{line}");
        }
    }
    text + "\n"
}

/// What was typed, and what was said.
pub(super) fn said(typed: &str, answer: &str) -> String {
    if typed.is_empty() { answer.to_owned() } else { format!("# {typed}\n{answer}") }
}

/// The end.
pub(super) fn closing(image: &str, width: usize, catalog: &Catalog) -> String {
    let lines = [
        "The container is removed: its folder, its upper and its name are gone, and so is all that stood in the kernel.",
        &format!("The image stays for the next one; `explore rmi {image}` removes it."),
        "Go on with `explore lesson`: the same stages, with questions that this machine marks.",
    ];
    lines.iter().fold("\n".to_owned(), |text, line| text + &paragraph(&catalog.sentence(line), width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_beside_each_other_only_where_they_fit() {
        let change = [Change { sign: Sign::New, what: "a thing".into() }];
        let english = Catalog::default();
        let narrow = changes((&change, false), (&[], true), 80, &english);
        let wide = changes((&change, false), (&[], true), 120, &english);
        assert!(narrow.lines().all(|line| line.chars().count() <= 80) && !narrow.contains(" | "));
        assert!(wide.lines().all(|line| line.chars().count() <= 120) && wide.contains(" | "));
    }
}
