//! `explore without`: one container twice, the second time with one thing missing. `explore matrix`: all of them.

use super::columns::{pad, wrap};
use super::compare::Style;
use super::{Context, explained};
use crate::exit::Exit;
use crate::image;
use crate::lesson::catalog::Catalog;
use crate::without::{self, Comparison, Laboratory, Matrix, Mechanism, Row, Said};
use colored::Colorize;
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Both containers are made on a stand-in for this machine: its own mounts, processes, host name, queues \
    and interfaces, which go when it ends. Nothing that is missing is missing between the container and your machine. \
    With a command, what it says in each is shown, too."
)]
pub(super) struct Args {
    /// What the second one lacks
    #[arg(value_enum, value_name = "WHAT")]
    missing: Mechanism,
    /// The image
    #[arg(long, default_value = "demo")]
    image: String,
    /// Also list the facts that are the same
    #[arg(long, short)]
    all: bool,
    /// What runs in both, after `--`
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub(super) fn run(args: &Args, context: &mut Context) -> anyhow::Result<Exit> {
    let laboratory = laboratory(&args.image, &args.command, context)?;
    let comparison = laboratory.compare(args.missing).map_err(explained)?;
    if context.screen.json {
        context.screen.data(&comparison)?;
    } else {
        let comparison = Comparison { facts: said_in(context.catalog(), comparison.facts), ..comparison };
        let style = Style { catalog: Some(context.catalog()), ..Style::of(&context.screen) };
        let text = render(&comparison, args.all, context.screen.width, style);
        context.screen.print(&text)?;
    }
    Ok(Exit::Ok)
}

/// The state and an image that is here: one that is not is pulled first.
pub(super) fn laboratory(image: &str, command: &[String], context: &mut Context) -> anyhow::Result<Laboratory> {
    let roots = context.roots()?;
    if let Err(image::ImageError::NotFound { name }) = image::find(&roots, image) {
        let mut lines = super::pulling::Lines::for_missing(&name, context.screen.json);
        let pulled = super::pull::pull(&roots, image, context, &mut lines);
        lines.clear();
        pulled?;
    }
    context.enter(&roots)?;
    Ok(Laboratory { roots, image: image.to_owned(), command: command.to_vec() })
}

/// The facts in the reader's language.
fn said_in(catalog: &Catalog, facts: Vec<Row>) -> Vec<Row> {
    let say = |text: &str| catalog.sentence(text);
    facts
        .into_iter()
        .map(|row| Row { title: say(&row.title), whole: say(&row.whole), without: say(&row.without), ..row })
        .collect()
}

fn render(comparison: &Comparison, all: bool, width: usize, style: Style<'_>) -> String {
    let changed = comparison.facts.iter().filter(|row| row.changed).count();
    let same = comparison.facts.len() - changed;
    let head = format!("The same container, whole and without {}:", comparison.missing.title());
    let mut text = wrap(&style.sentence(&head), width, 0).join("\n") + "\n\n";
    let shown: Vec<&Row> = comparison.facts.iter().filter(|row| all || row.changed).collect();
    text += &table(&shown, width, style);
    if !all {
        let _ = write!(text, "\n{}\n", wrap(&style.sentence(&counted(changed, same)), width, 0).join("\n"));
    }
    if let Some([whole, without]) = &comparison.said {
        text += &said("whole", whole, style);
        text += &said(&format!("without {}", comparison.missing.word()), without, style);
    }
    text
}

fn counted(changed: usize, same: usize) -> String {
    if changed == 1 {
        format!("1 fact has changed, {same} the same (--all lists them).")
    } else {
        format!("{changed} facts have changed, {same} the same (--all lists them).")
    }
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Nothing of it is known beforehand: each mark is two containers that were looked at, on this machine, now."
)]
pub(super) struct MatrixArgs {
    /// The image
    #[arg(long, default_value = "demo")]
    image: String,
    /// Print a picture: `explore matrix --svg >matrix.svg`
    #[arg(long, conflicts_with = "json")]
    svg: bool,
}

pub(super) fn matrix(args: &MatrixArgs, context: &mut Context) -> anyhow::Result<Exit> {
    let laboratory = laboratory(&args.image, &[], context)?;
    let matrix = laboratory.matrix(&mut |_, _| {}).map_err(explained)?;
    if context.screen.json {
        context.screen.data(&matrix)?;
    } else if args.svg {
        let picture = without::draw(&said_matrix(matrix, context.catalog()), context.catalog());
        context.screen.print(&picture)?;
    } else {
        let matrix = said_matrix(matrix, context.catalog());
        let style = Style { catalog: Some(context.catalog()), ..Style::of(&context.screen) };
        let mut text = String::new();
        if context.screen.width >= GRID {
            text += &grid(&matrix, style);
            text.push('\n');
        }
        text += &list(&matrix, context.screen.width, style);
        context.screen.print(&text)?;
    }
    Ok(Exit::Ok)
}

fn said_matrix(matrix: Matrix, catalog: &Catalog) -> Matrix {
    let column = |one: Comparison| Comparison { facts: said_in(catalog, one.facts), ..one };
    Matrix { columns: matrix.columns.into_iter().map(column).collect(), ..matrix }
}

/// Columns that the grid takes.
const GRID: usize = 76;

/// A row for each fact, a column for each mechanism, by numbers that the list explains.
fn grid(matrix: &Matrix, style: Style) -> String {
    let facts = matrix.facts();
    let corner = style.sentence("what changes without …");
    let names = facts.iter().map(|(_, title)| title.width()).chain([corner.width()]).max().unwrap_or(0) + 2;
    let numbers: String = (1..=Mechanism::ALL.len()).map(|number| format!("{number:>3}")).collect();
    let mut text = format!("{}{numbers}\n", pad(&corner, names));
    for (code, title) in facts {
        let sign = |mechanism| match matrix.cell(code, mechanism) {
            Some(row) if row.changed => {
                if style.unicode {
                    "  ■"
                } else {
                    "  X"
                }
            }
            Some(_) => {
                if style.unicode {
                    "  ·"
                } else {
                    "  ."
                }
            }
            None => "  ?",
        };
        let signs: String = Mechanism::ALL.into_iter().map(sign).collect();
        let _ = writeln!(text, "{}{signs}", pad(title, names));
    }
    text
}

/// Each mechanism, and what its facts become without it.
fn list(matrix: &Matrix, width: usize, style: Style<'_>) -> String {
    let mut text = String::new();
    for (number, missing) in Mechanism::ALL.into_iter().enumerate() {
        // What is typed stays what it is: the catalog translates no value of this name, and would one called `word`.
        let (mechanism, title) = (missing.word(), missing.title());
        let head = format!("{:>2} {}", number + 1, style.sentence(&format!("{mechanism}, without {title}:")));
        text += &(wrap(&head, width, 3).join("\n") + "\n");
        let changed = matrix.columns.iter().find(|one| one.missing == missing);
        for row in changed.into_iter().flat_map(|one| &one.facts).filter(|row| row.changed) {
            let line = style.colon(&format!("   {}", row.title), &format!("{} -> {}", row.whole, row.without));
            text += &(wrap(&line, width, 5).join("\n") + "\n");
        }
        for one in matrix.left_out.iter().filter(|one| one.mechanism == missing) {
            text += &(wrap(&format!("   ? {}", style.sentence(&one.why)), width, 5).join("\n") + "\n");
        }
    }
    text
}

/// Three columns where they fit; a fact and below it both values where they do not.
fn table(rows: &[&Row], width: usize, style: Style<'_>) -> String {
    let [fact, whole, without] = ["fact", "whole", "without it"].map(|name| style.sentence(name));
    let widest = |get: fn(&Row) -> &String| rows.iter().map(|row| get(row).width()).max().unwrap_or(0);
    let (first, second) = (widest(|row| &row.title).max(fact.width()), widest(|row| &row.whole).max(whole.width()));
    let fits = 2 + first + 2 + second + 2 + widest(|row| &row.without) <= width;
    let mut text = String::new();
    if fits {
        let _ = writeln!(text, "  {}{}{without}", pad(&fact, first + 2), pad(&whole, second + 2));
    }
    for row in rows {
        let sign = if row.changed { "! " } else { "= " };
        let mark =
            |value: &str| if row.changed && style.colour { value.yellow().to_string() } else { value.to_owned() };
        if fits {
            let _ = writeln!(
                text,
                "{sign}{}{}{}",
                pad(&row.title, first + 2),
                pad(&row.whole, second + 2),
                mark(&row.without)
            );
            continue;
        }
        text += &wrap(&format!("{sign}{}", row.title), width, 2).join("\n");
        for (name, value) in [(&whole, &row.whole), (&without, &row.without)] {
            let _ = write!(text, "\n{}", wrap(&style.colon(&format!("    {name}"), value), width, 6).join("\n"));
        }
        text += "\n";
    }
    text
}

fn said(which: &str, said: &Said, style: Style<'_>) -> String {
    let output = said.output.trim_end_matches('\n');
    let lines: String = output.lines().map(|line| format!("  {line}\n")).collect();
    let head = style.sentence(&format!("{which}, exit code {}:", said.status));
    format!("\n{head}\n{lines}")
}
