//! The list of lessons.

use crate::cli::Context;
use crate::exit::Exit;
use crate::lesson::library::Library;
use crate::lesson::page::Page;
use serde::Serialize;

/// One lesson in `--json`.
#[derive(Debug, Serialize)]
struct Row<'a> {
    stage: &'static str,
    id: &'a str,
    title: &'a str,
    minutes: u32,
}

impl<'a> Row<'a> {
    fn of(page: &'a Page) -> Self {
        let front = &page.front;
        Self { stage: front.stage.word(), id: &page.id, title: &front.title, minutes: front.minutes }
    }
}

pub(super) fn list(context: &mut Context, library: &Library) -> anyhow::Result<Exit> {
    let rows: Vec<Row<'_>> = library.pages.iter().map(Row::of).collect();
    if context.screen.json {
        context.screen.data(&serde_json::json!({ "schema": 1, "lessons": rows }))?;
        return Ok(Exit::Ok);
    }
    let cells: Vec<[String; 4]> =
        rows.iter().map(|row| [row.stage.into(), row.id.into(), row.minutes.to_string(), row.title.into()]).collect();
    context.screen.table(["STAGE", "LESSON", "MIN", "TITLE"], &cells)?;
    Ok(Exit::Ok)
}
