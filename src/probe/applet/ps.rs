//! `ps`: which processes, and which columns. ps(1).

mod columns;

use super::Output;
use columns::{Column, Machine, Row};
use std::collections::HashSet;

/// Which processes are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    /// Those of the same user at the same terminal.
    Mine,
    /// Those with a terminal (`a`), or of the same user (`x`).
    Bsd { with_terminal: bool, mine: bool },
    /// Those with a terminal that do not lead their session (`-a`).
    Followers,
    /// All.
    All,
}

struct Asked {
    which: Which,
    numbers: HashSet<i32>,
    columns: Vec<Column>,
    headers: bool,
}

pub(super) fn run(arguments: &[String], width: Option<usize>) -> Output {
    let asked = match parse(arguments) {
        Ok(asked) => asked,
        Err(text) => return Output::refused("ps", &format!("error: {text}"), 1),
    };
    let rows = match columns::rows() {
        Ok(rows) => rows,
        Err(error) => return Output::refused("ps", &format!("error: {error}"), 1),
    };
    let machine = Machine::now();
    let me = rows.iter().find(|row| row.stat.pid.unsigned_abs() == std::process::id());
    let chosen: Vec<&Row> = rows.iter().filter(|row| is_chosen(row, me, &asked)).collect();
    let mut lines = Vec::new();
    if asked.headers && asked.columns.iter().any(|column| !column.header.is_empty()) {
        lines.push(line(&asked.columns, &machine, |column| column.header.clone()));
    }
    lines.extend(chosen.iter().map(|row| line(&asked.columns, &machine, |column| column.text(row, &machine))));
    let shown =
        lines.into_iter().map(|line| width.map_or(line.clone(), |width| line.chars().take(width).collect()) + "\n");
    Output { out: shown.collect(), code: u8::from(chosen.is_empty()), ..Output::default() }
}

/// The cells of these processes.
pub(super) fn cells(options: &[String], numbers: &[i32]) -> Result<(Vec<String>, Vec<Vec<String>>), String> {
    let asked = parse(options)?;
    let machine = Machine::now();
    let titles = asked.columns.iter().map(|column| column.header.clone()).collect();
    let rows = columns::rows()?;
    let chosen = rows.iter().filter(|row| numbers.contains(&row.stat.pid));
    let text = |row: &Row| asked.columns.iter().map(|column| column.text(row, &machine)).collect();
    Ok((titles, chosen.map(text).collect()))
}

fn is_chosen(row: &Row, me: Option<&Row>, asked: &Asked) -> bool {
    if !asked.numbers.is_empty() {
        return asked.numbers.contains(&row.stat.pid);
    }
    let same_user = me.is_none_or(|me| me.status.euid == row.status.euid);
    let has_terminal = row.stat.tty_nr != 0;
    match asked.which {
        Which::All => true,
        Which::Mine => same_user && me.is_none_or(|me| me.stat.tty_nr == row.stat.tty_nr),
        Which::Followers => has_terminal && row.stat.session != row.stat.pid,
        Which::Bsd { with_terminal: true, mine } => mine || has_terminal,
        Which::Bsd { with_terminal: false, .. } => same_user,
    }
}

/// What the words ask for, collected.
#[derive(Default)]
struct Words {
    which: Option<Which>,
    numbers: HashSet<i32>,
    chosen: Vec<Column>,
    layout: Layout,
    no_headers: bool,
}

/// The columns where none are named; of several the last of these counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Layout {
    #[default]
    Short,
    Berkeley,
    Full,
    User,
}

impl Layout {
    fn columns(self) -> &'static str {
        match self {
            Self::Short => "pid,tname,time,ucmd=CMD",
            Self::Berkeley => "pid,tname,stat,bsdtime,args",
            Self::Full => "user=UID,pid,ppid,c,stime,tname,time,cmd",
            Self::User => "user,pid,%cpu,%mem,vsz,rss,tname,stat,start_time=START,bsdtime,args",
        }
    }
}

/// Options of three traditions: `-ef`, `aux`, `--long`.
fn parse(arguments: &[String]) -> Result<Asked, String> {
    let mut asked = Words::default();
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match (word.strip_prefix("--"), word.strip_prefix('-')) {
            (Some("no-headers" | "no-heading"), _) => asked.no_headers = true,
            (Some(long), _) => return Err(format!("unknown gnu long option --{long}")),
            (None, Some(letters)) => asked.unix(letters, &mut words)?,
            (None, None) if word.starts_with(|first: char| first.is_ascii_digit()) => asked.numbers.extend(list(word)?),
            (None, None) => asked.berkeley(word)?,
        }
    }
    let columns = if asked.chosen.is_empty() { columns::layout(asked.layout.columns())? } else { asked.chosen };
    let which = asked.which.unwrap_or(Which::Mine);
    Ok(Asked { which, numbers: asked.numbers, columns, headers: !asked.no_headers })
}

impl Words {
    /// `-ef`, `-o pid,ppid`, `-p1`: letters behind a dash; the last may have a value.
    fn unix<'a>(&mut self, letters: &'a str, words: &mut impl Iterator<Item = &'a str>) -> Result<(), String> {
        for (at, letter) in letters.char_indices() {
            match letter {
                'e' | 'A' => self.which = Some(Which::All),
                'a' => self.which = Some(Which::Followers),
                'f' => self.layout = self.layout.max(Layout::Full),
                'w' => {}
                'o' | 'p' => {
                    let rest = Some(&letters[at + 1..]).filter(|rest| !rest.is_empty());
                    let value = rest.or_else(|| words.next()).ok_or("an option lacks its value")?;
                    if letter == 'o' {
                        self.chosen.extend(columns::layout(value)?);
                    } else {
                        self.numbers.extend(list(value)?);
                    }
                    return Ok(());
                }
                _ => return Err(format!("unsupported SysV option -{letter}")),
            }
        }
        Ok(())
    }

    /// `aux`: letters without a dash.
    fn berkeley(&mut self, letters: &str) -> Result<(), String> {
        self.layout = self.layout.max(Layout::Berkeley);
        for letter in letters.chars() {
            let (with_terminal, mine) = match self.which {
                Some(Which::Bsd { with_terminal, mine }) => (with_terminal, mine),
                _ => (false, false),
            };
            match letter {
                'a' => self.which = Some(Which::Bsd { with_terminal: true, mine }),
                'x' => self.which = Some(Which::Bsd { with_terminal, mine: true }),
                'u' => self.layout = Layout::User,
                'w' => {}
                _ => return Err(format!("unsupported option (BSD syntax) {letter}")),
            }
        }
        Ok(())
    }
}

fn list(text: &str) -> Result<Vec<i32>, String> {
    text.split([',', ' ']).map(|part| part.parse().map_err(|_| "process ID list syntax error".to_owned())).collect()
}

/// Cells in their columns. One that is too long pushes the next ones, which give way where they have room.
fn line(columns: &[Column], machine: &Machine, cell: impl Fn(&Column) -> String) -> String {
    let mut text = String::new();
    let mut used = 0;
    let mut end = 0;
    for (at, column) in columns.iter().enumerate() {
        let width = column.width(machine);
        let mut value = cell(column);
        if column.is_cut && at + 1 < columns.len() {
            value = value.chars().take(width).collect();
        }
        let length = value.chars().count();
        if at > 0 {
            // The column before was on the left of its room: fill that.
            let gap = (end + 1usize).saturating_sub(used).max(1);
            text.push_str(&" ".repeat(gap));
            used += gap;
            end += 1;
        }
        end += width;
        if column.right {
            let lead = end.saturating_sub(used + length);
            text.push_str(&" ".repeat(lead));
            used += lead;
        }
        text.push_str(&value);
        used += length;
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_we_cannot_do_is_refused_and_not_guessed() {
        for unknown in ["-z", "--forest", "Z", "-o nosuch", "-p x", "-o"] {
            let output = run(&words(unknown), None);
            assert!(output.code == 1 && output.err.contains("explore stands in"), "{unknown}: {output:?}");
        }
    }

    #[test]
    fn a_process_that_is_not_there_is_status_1() {
        assert_eq!(run(&words("-p 4194304"), None).code, 1);
        assert_eq!(run(&words(&format!("-p {}", std::process::id())), None).code, 0);
    }

    #[test]
    fn an_empty_heading_is_left_out() {
        let output = run(&words(&format!("-o pid= -p {}", std::process::id())), None);
        assert_eq!(output.out.trim(), std::process::id().to_string());
    }
}
