//! The list of lessons.

use crate::cli::{Context, explained};
use crate::exit::Exit;
use crate::lesson::catalog::Catalog;
use crate::lesson::library::Library;
use crate::lesson::need::{self, Way};
use crate::lesson::page::Page;
use crate::lesson::progress::{Progress, State};
use serde::Serialize;

/// One lesson in `--json`.
#[derive(Debug, Serialize)]
struct Row {
    stage: &'static str,
    id: String,
    title: String,
    minutes: u32,
    state: State,
    here: Way,
}

impl Row {
    fn of(page: &Page, here: Way, catalog: &Catalog, progress: &Progress) -> Self {
        let title = catalog.translate(page).front.title;
        let state = progress.state(&page.id);
        Self { stage: page.front.stage.word(), id: page.id.clone(), title, minutes: page.front.minutes, state, here }
    }
}

pub(super) fn list(context: &mut Context, library: &Library) -> anyhow::Result<Exit> {
    let roots = context.roots()?;
    let progress = Progress::read(&roots.data).map_err(explained)?;
    let catalog = Catalog::of(super::run::language(context)?);
    let ways = need::ways(&library.pages, &roots);
    let row = |(page, here)| Row::of(page, here, &catalog, &progress);
    let rows: Vec<Row> = library.pages.iter().zip(ways).map(row).collect();
    if context.screen.json {
        context.screen.data(&serde_json::json!({ "schema": 1, "lessons": rows }))?;
        return Ok(Exit::Ok);
    }
    if let Some(path) = &progress.put_aside {
        let path = path.display();
        context.tell(&format!("the record of your answers was damaged: it is now {path}, and a new one is begun"))?;
    }
    let cells: Vec<[String; 6]> = rows
        .iter()
        .map(|row| {
            let (state, here) = (catalog.sentence(row.state.word()), catalog.sentence(row.here.word()));
            [row.stage.to_owned(), row.id.clone(), row.minutes.to_string(), state, here, row.title.clone()]
        })
        .collect();
    let header = ["STAGE", "LESSON", "MIN", "STATE", "HERE", "TITLE"].map(|name| catalog.sentence(name));
    context.screen.table(header.each_ref().map(String::as_str), &cells)?;
    for row in rows.iter().filter(|row| !row.here.missing().is_empty()) {
        for missing in row.here.missing() {
            let (lesson, here, why) = (&row.id, row.here.word(), &missing.why);
            context.tell(&format!("{lesson}: {here}, because {why}"))?;
        }
    }
    Ok(Exit::Ok)
}
