//! What a shell would not understand, found before anything is typed into one.
//!
//! A quotation that is not closed makes a shell read on, over the end of its block; nobody would come to close it.

use crate::lesson::page::{BlockKind, Fault, Page, Position};
use std::io::Write;
use std::process::{Command, Stdio};

/// The `sh` blocks of a page that sh(1) cannot read, by its option -n, which runs nothing. Says nothing where there is no sh.
pub fn unreadable(page: &Page) -> Vec<Fault> {
    let shells = page.blocks().filter_map(|block| match &block.kind {
        BlockKind::Shell(shell) => Some((&block.at, &*shell.commands)),
        _ => None,
    });
    shells.filter_map(|(at, commands)| said_of(commands).map(|said| fault(at, commands, &said))).collect()
}

/// What sh says of commands; `None` where it can read them.
fn said_of(commands: &str) -> Option<String> {
    let mut sh =
        Command::new("sh").arg("-n").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().ok()?;
    // Where it has ended already, what it said is what counts.
    let _ = sh.stdin.take().map(|mut input| input.write_all(commands.as_bytes()));
    let output = sh.wait_with_output().ok()?;
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// `sh: 2: Syntax error: …` of dash(1), `sh: line 2: …` of bash(1): the second line of the block.
fn fault(at: &Position, commands: &str, said: &str) -> Fault {
    let first = said.lines().next().unwrap_or_default();
    let digits = |word: &str| word.trim_start_matches("line ").parse::<usize>().ok();
    let line = first.split(": ").find_map(digits).unwrap_or(1).clamp(1, commands.lines().count().max(1));
    let found = first.split(": ").filter(|part| digits(part).is_none() && *part != "sh").collect::<Vec<_>>().join(": ");
    let at = Position { file: at.file.clone(), line: at.line + line, column: 1 };
    Fault { at, expected: "commands that sh can read".into(), found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shells_name_the_line() {
        let at = Position { file: "x.md".into(), line: 8, column: 1 };
        for (said, told) in [
            ("sh: 2: Syntax error: Unterminated quoted string\n", "found Syntax error: Unterminated quoted string"),
            ("sh: line 2: syntax error near unexpected token `fi'\n", "found syntax error near unexpected token `fi'"),
        ] {
            let text = fault(&at, "true\nfi", said).to_string();
            assert_eq!(text, format!("x.md:10:1: expected commands that sh can read, {told}"));
        }
        assert!(said_of("for x in a b; do echo $x; done; cat <<'E'\nit's\nE").is_none());
        assert!(said_of("echo 'it").is_some());
    }
}
