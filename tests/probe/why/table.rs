//! The tables of `book/src/why-not.md`: what was done, by whom it was heard, and which layer was named.

use super::causes::Cause;
use std::path::Path;

/// The rows under `section` must be these. A cause that this machine cannot have keeps the row that it has.
pub(super) fn settle(section: &str, rows: &[(&Cause, Option<String>)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src/why-not.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let begin = text.find(&format!("{{#{section}}}")).unwrap_or_else(|| panic!("no section {section} in the chapter"));
    let from = begin + text[begin..].find("|---|---|---|\n").unwrap() + "|---|---|---|\n".len();
    let told: Vec<&str> = text[from..].lines().take_while(|line| line.starts_with('|')).collect();
    let line = |(cause, layer): &(&Cause, Option<String>)| {
        let seen = format!("| {} | {} |", cause.what, cause.who);
        match layer {
            Some(layer) => format!("{seen} `{layer}` |"),
            None => {
                told.iter().find(|line| line.starts_with(&seen)).map_or_else(String::new, |line| (*line).to_owned())
            }
        }
    };
    let lines: Vec<String> = rows.iter().map(line).filter(|line| !line.is_empty()).collect();
    if std::env::var_os("EXPLORE_WHY").is_some_and(|value| value == "write") {
        let old: usize = told.iter().map(|line| line.len() + 1).sum();
        let new: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(&path, format!("{}{new}{}", &text[..from], &text[from + old..])).unwrap();
        return;
    }
    assert_eq!(told, lines, "{} under {section}", path.display());
}
