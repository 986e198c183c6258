//! `explore doctor --class`, and its other end `explore doctor --read`: from forty laptops to one table.

use super::qr;
use crate::cli::several::each;
use crate::cli::{Context, compare::Style, explained};
use crate::exit::Exit;
use crate::lesson::class::{Class, Laptop, Lessons};
use crate::lesson::library::Library;
use crate::probe::need::Finding;
use serde::Serialize;
use std::io::BufRead;
use unicode_width::UnicodeWidthStr;

/// When the code is drawn as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Drawn {
    /// Where a terminal shows it
    Auto,
    Always,
    Never,
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    class: Class,
    code: String,
    root: bool,
    kernel: String,
    lessons: Lessons,
    lacking: Vec<&'a Finding>,
}

/// Says the class in one line. The answer of explore is that of the lessons: 0 where they run live.
pub(super) fn tell(needs: &[Finding], drawn: Drawn, context: &mut Context) -> anyhow::Result<Exit> {
    let (library, laptop) = (Library::built_in(), Laptop::of(needs));
    let (class, code, lessons) = (laptop.class(), laptop.code(), laptop.lessons(&library));
    let lacking = laptop.lacking(&library);
    if context.screen.json {
        let lacking = lacking.iter().filter_map(|id| needs.iter().find(|finding| finding.id == *id)).collect();
        let (root, kernel) = (laptop.root, release(&laptop));
        context.screen.data(&Report { schema: 1, class, code, root, kernel, lessons, lacking })?;
    } else {
        let (class, total, live) = (class.word(), library.pages.len(), lessons.live);
        let head = format!("{code}  {class}: {live} of {total} lessons live; ");
        let head = context.say(&head);
        let room = context.screen.width.saturating_sub(head.width());
        let said = head + &context.say(&named(&lacking, room));
        context.screen.line(&said)?;
        if drawn == Drawn::Always || drawn == Drawn::Auto && qr::is_seen(&context.screen) {
            context.screen.print(&qr::render(&code, Style::of(&context.screen))?)?;
        }
    }
    Ok(if matches!(class, Class::Guest | Class::Replay) { Exit::Failed } else { Exit::Ok })
}

/// As many as there is room for, and how many more there are.
fn named(lacking: &[&str], room: usize) -> String {
    if lacking.is_empty() {
        return "nothing lacking".into();
    }
    let text = |shown: usize| match lacking.len() - shown {
        0 => format!("lacking {}", lacking.join(", ")),
        rest if shown == 0 => format!("lacking {rest}"),
        rest => format!("lacking {}, {rest} more", lacking[..shown].join(", ")),
    };
    (0..=lacking.len()).rev().map(text).find(|text| text.len() <= room).unwrap_or_else(|| text(0))
}

fn release(laptop: &Laptop) -> String {
    format!("{}.{}", laptop.kernel.0, laptop.kernel.1)
}

/// A laptop of the leader's list.
#[derive(Serialize)]
struct Row {
    who: String,
    code: String,
    class: Class,
    root: bool,
    kernel: String,
    lessons: Lessons,
    lacking: Vec<&'static str>,
}

/// Reads codes back: a table, those who need help last, and how many there are of each class.
pub(super) fn read(codes: &[String], context: &mut Context) -> anyhow::Result<Exit> {
    let library = Library::built_in();
    let mut rows: Vec<Row> = Vec::new();
    let end = each(&lines(codes)?, |line| {
        let (who, code) = line.trim().rsplit_once(char::is_whitespace).unwrap_or(("", line.trim()));
        let laptop = Laptop::read(code).map_err(explained)?;
        rows.push(Row {
            who: who.trim().to_owned(),
            code: laptop.code(),
            class: laptop.class(),
            root: laptop.root,
            kernel: release(&laptop),
            lessons: laptop.lessons(&library),
            lacking: laptop.lacking(&library),
        });
        Ok(())
    });
    rows.sort_by_key(|row| row.class);
    if context.screen.json {
        context.screen.data(&serde_json::json!({ "schema": 1, "laptops": rows }))?;
    } else if !rows.is_empty() {
        table(&rows, context)?;
    }
    end
}

/// The arguments; `-` stands for the lines of standard input, in which a name may come before the code.
fn lines(codes: &[String]) -> std::io::Result<Vec<String>> {
    let mut all = Vec::new();
    for code in codes {
        if code == "-" {
            let lines = std::io::stdin().lock().lines().collect::<Result<Vec<_>, _>>()?;
            all.extend(lines.into_iter().filter(|line| !line.trim().is_empty()));
        } else {
            all.push(code.clone());
        }
    }
    Ok(all)
}

fn table(rows: &[Row], context: &mut Context) -> anyhow::Result<()> {
    let cells: Vec<[String; 6]> = rows
        .iter()
        .map(|row| {
            let lacking = if row.lacking.is_empty() { "-".to_owned() } else { row.lacking.join(", ") };
            let who = if row.who.is_empty() { "-" } else { &row.who };
            let (class, live) = (row.class.word().to_owned(), row.lessons.live.to_string());
            [who.to_owned(), row.code.clone(), class, row.kernel.clone(), live, lacking]
        })
        .collect();
    context.screen.table(["WHO", "CODE", "CLASS", "KERNEL", "LIVE", "LACKING"], &cells)?;
    let counted = |class: Class| {
        let number = rows.iter().filter(|row| row.class == class).count();
        (number > 0).then(|| format!("{number} {}", class.word()))
    };
    let classes: Vec<String> = Class::ALL.into_iter().filter_map(counted).collect();
    let all = context.say(&format!("{} in all: {}", rows.len(), classes.join(", ")));
    context.screen.line(&format!("\n{all}"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn what_is_lacking_is_named_as_far_as_there_is_room() {
        let lacking = ["veth", "bridge", "seccomp"];
        assert_eq!(named(&[], 0), "nothing lacking");
        assert_eq!(named(&lacking, 29), "lacking veth, bridge, seccomp");
        assert_eq!(named(&lacking, 28), "lacking veth, bridge, 1 more");
        assert_eq!(named(&lacking, 20), "lacking veth, 2 more");
        assert_eq!(named(&lacking, 3), "lacking 3");
    }
}
